// Package frame cuts a byte stream into the frames of the carriers' protocols
// that begin each one with its length: SMPP and CMPP. It trusts no length, and
// knows neither commands nor what is inside a frame.
//
//	conn ──▶ bufio ──▶ length in range? ──▶ whole? ──▶ Next: header and body, valid until the next call
//	                        │ no: ErrLength, with the header     │ no: waiting(partial), then read on
package frame
