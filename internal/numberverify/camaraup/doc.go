// Package camaraup asks an operator that speaks the open standard: CAMARA Number
// Verification 2.1.0 as a client (contracts/carriers.md §6).
//
// It makes one call for each token, and never refreshes one.
//
//	Question ─▶ assertion, sub operatortoken:PROOF ─▶ token of one use
//	         ─▶ POST …/verify or GET …/device-phone-number ─▶ match · mismatch · number · class of error
package camaraup
