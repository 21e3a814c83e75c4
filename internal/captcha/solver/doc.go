// Package solver solves block puzzles for tests, in two ways that must end
// differently. It never asks the server: it gets what a browser gets.
//
//	Gap    sees pixels ─▶ where the piece belongs       a person could, so it must
//	Train  sees bytes, sizes, blocks, rows, never a pixel ─▶ Guess: no better than chance
//
// The second one is the adversary of contracts/oneaccess.md §2.1: "the generator
// must not leave the answer in PNG metadata, file size or palette order".
package solver
