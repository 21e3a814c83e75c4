package store

// PassKey is the hash of a captcha token, or of what else serves once as a
// challenge's answer.
type PassKey [32]byte

// CaptchaPass says that a captcha token was checked, and what may be had for it.
// There is no row of a token before its check: it carries its answer itself.
type CaptchaPass struct {
	Key     PassKey
	Pass    [32]byte // keyed hash of the pass and of whose it is; another row's Key in a row that leads to it; zero: there is none
	Parts   uint8    // what it is bound to (package captcha)
	Expires Time     // when the pass ends; 0: there is none, or it was taken
	Until   Time     // the row is kept until then
}
