// Package point reads the answers of block puzzles as browsers send them: JSON in
// a string, in the clear or encrypted (contracts/oneaccess.md §2.2). It never
// knows the right answer of its own accord, keeps nothing, and gives up on any
// input without saying more than that.
//
//	point_json ─▶ Parse ─▶ Point ─▶ Fits(x)
//	Base64 of AES-128/ECB/PKCS5 ─▶ Decrypt ─▶ point_json
package point
