// Package puzzle draws block puzzles: a background with a hole, and the piece
// that was cut from it (contracts/oneaccess.md §2.1). It never keeps a picture,
// never decides who may have one, and reads no file: what it shows is made of
// noise, gradients and shapes.
//
// What a person sees is the only thing that tells the answer. A file's size, its
// chunks and the length of each row are the same for every picture, because
// nothing is compressed; its palette comes in a random order and stands under
// every byte of the rows (ADR 22).
//
//	random ─▶ x, shape, place                     uniform, from the cryptographic source
//	       ─▶ Drawer: field of brightness ─▶ piece cut at x ─▶ hole and decoys blurred, outlined
//	       ─▶ grain ─▶ palette index ─▶ row filter ─▶ PNG of stored blocks ─▶ Base64, once
package puzzle
