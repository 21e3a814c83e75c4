package numberverify

import "errors"

// Class says whose fault it is that a carrier gave no answer
// (contracts/carriers.md §1).
type Class uint8

// The classes. The first seven are contracts/carriers.md §1; the rest are ours.
const (
	ClassCarrier    Class = 0 // their failure; also what nobody classified
	ClassProof      Class = 1 // the token is unknown, expired, used, of another app
	ClassNetwork    Class = 2 // the device is not on its carrier's cellular network
	ClassCaller     Class = 3 // the carrier refused our id, signature, address or right: the operator must look
	ClassQuota      Class = 4 // what was bought from the carrier is used up
	ClassInput      Class = 5 // the carrier found a parameter malformed
	ClassTimeout    Class = 6 // no answer in time, or no connection: 1318
	ClassUnprovided Class = 7 // carriers are configured, but none for this app: 1320
	ClassDebit      Class = 8 // the carrier answered and the charge was refused: 1319 "Deduction Failed"
	ClassLedger     Class = 9 // the carrier answered and the charge could not be written: 1319 "Credit Deduction Log Failed"
	classEnd        Class = 10
)

var classNames = [...]string{"carrier", "proof", "network", "caller", "quota", "input", "timeout", "unprovided", "debit", "ledger"}

// String names the class for logs and metrics.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "invalid"
}

// Classes lists every class, for the tests that prove a table complete.
func Classes() []Class {
	all := make([]Class, 0, int(classEnd))
	for c := ClassCarrier; c < classEnd; c++ {
		all = append(all, c)
	}
	return all
}

// Codes of our own (contracts/submail.md §5 "Yanma").
const (
	CodeNoCarrier  = "601" // no carrier is configured
	CodeOpen       = "602" // the carrier's circuit is open
	CodeUnreadable = "603" // its answer could not be read
	CodeProof      = "104201"
)

// Error is why there is no answer. Code and Desc can be shown to a caller:
// "API Gateway Error:" + Code + " " + Desc (contracts/submail.md §5).
type Error struct {
	Class Class
	Code  string // the carrier's, verbatim, or one of ours; "" for a time-out
	Desc  string // English, free of numbers and proofs; never empty
	Sent  bool   // a byte of the question left: the proof is used up
}

// Error says the class, the code and its description.
func (e *Error) Error() string {
	text := "number verification: " + e.Class.String()
	if e.Code != "" {
		text += " " + e.Code
	}
	return text + ": " + e.Desc
}

// AsError finds the carrier's error in err.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Asked tells whether a carrier was asked before err: limits count that call.
func Asked(err error) bool {
	e, ok := AsError(err)
	return ok && (e.Sent || e.Class == ClassDebit || e.Class == ClassLedger)
}

// ErrProof is the refusal of a proof that was used before, belongs to another
// app, or is past its life (contracts/submail.md §3.3 step 21).
func ErrProof() *Error {
	return &Error{Class: ClassProof, Code: CodeProof, Desc: "token expired or used"}
}

// ErrNoCarrier says that nobody is configured whom to ask.
func ErrNoCarrier() *Error {
	return &Error{Class: ClassCarrier, Code: CodeNoCarrier, Desc: "no carrier configured"}
}

// ErrOpen says that every gateway for the carrier rests after failures.
func ErrOpen() *Error {
	return &Error{Class: ClassCarrier, Code: CodeOpen, Desc: "carrier circuit open"}
}

// ErrUnreadable says that a carrier answered something else than its interface
// describes.
func ErrUnreadable() *Error {
	return &Error{Class: ClassCarrier, Code: CodeUnreadable, Desc: "carrier answer unreadable", Sent: true}
}

// ErrTimeout says that no answer came; sent tells whether the question left.
func ErrTimeout(sent bool) *Error {
	return &Error{Class: ClassTimeout, Desc: "no answer", Sent: sent}
}
