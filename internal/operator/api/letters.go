package api

import (
	"time"

	"yanma.dev/yanma/internal/core"
)

// Message is a message in a list: its number is masked.
type Message struct {
	ID       string       `json:"id"`
	App      core.AppID   `json:"app"`
	Phone    string       `json:"phone"`
	Channel  string       `json:"channel"`
	State    string       `json:"state"`
	Why      string       `json:"why"`              // in plain words
	Provider string       `json:"provider"`         // who carried it last; "" nobody
	Code     string       `json:"code"`             // the carrier's last code
	Status   int          `json:"status,omitempty"` // jsms status of its receipt
	Template string       `json:"template"`
	Segments int          `json:"segments"`
	Price    core.Credits `json:"price"`
	Money    string       `json:"money"` // none, reserved, settled, refunded
	Accepted time.Time    `json:"accepted"`
	Updated  time.Time    `json:"updated"`
}

// MessageStory is everything that is known of a message.
type MessageStory struct {
	Message
	ValidUntil time.Time      `json:"valid_until"` // it is not sent again after
	Text       bool           `json:"text"`        // its text is still there, sealed
	Attempts   int            `json:"attempts"`
	Resends    int            `json:"resends"`
	Parts      int            `json:"parts"`      // that the carrier took
	PartsDone  int            `json:"parts_done"` // that were reported delivered
	Verified   *MessageCode   `json:"verification,omitempty"`
	Steps      []MessageStep  `json:"steps"`
	Whole      bool           `json:"whole"` // no step was left out
	Ledger     []MessageMoney `json:"ledger"`
	NoRequeue  string         `json:"no_requeue"` // why it may not be tried again; "" = it may
	NoRefund   string         `json:"no_refund"`  // why its price can not be given back; "" = it can
}

// MessageCode is the code that a message carries.
type MessageCode struct {
	ID      string    `json:"id"`
	Purpose string    `json:"purpose"`
	State   string    `json:"state"` // pending, claimed, verified, expired, exhausted, superseded; forgotten once the row is gone
	Wrong   int       `json:"wrong"`
	Expires time.Time `json:"expires,omitzero"`
}

// MessageStep is one thing that happened to a message.
type MessageStep struct {
	At       time.Time `json:"at"`
	What     string    `json:"what"`
	Provider string    `json:"provider,omitempty"`
	Code     string    `json:"code,omitempty"`
	Status   int       `json:"status,omitempty"`
	Parts    []string  `json:"parts,omitempty"` // the carrier's ids
	Count    int       `json:"count,omitempty"` // of parts, where not all ids were kept
}

// MessageMoney is a transfer that a message caused.
type MessageMoney struct {
	Entry  string       `json:"entry"`
	Kind   string       `json:"kind"` // reserve, settle, refund
	Amount core.Credits `json:"amount"`
	From   string       `json:"from"`
	To     string       `json:"to"`
}

// MessageSearch is which messages are looked for.
type MessageSearch struct {
	Phone  string     `json:"phone,omitempty"`
	App    core.AppID `json:"app,omitempty"`
	States []string   `json:"states,omitempty"`
	Since  *time.Time `json:"since,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	Before string     `json:"before,omitempty"` // of the page before
	Limit  int        `json:"limit,omitempty"`  // up to 500; default 50
}

// Messages is a page of what was found, newest first.
type Messages struct {
	Messages []Message `json:"messages"`
	Before   string    `json:"before,omitempty"` // ask with it for what follows; absent at the end
}

// MessagePhone is the number of a message in the clear.
type MessagePhone struct {
	ID    string `json:"id"`
	Phone string `json:"phone"`
}

// MessageChanged is the answer to a requeue or a refund.
type MessageChanged struct {
	ID      string `json:"id"`
	Changed bool   `json:"changed"` // false: it was so already
	State   string `json:"state"`
	Money   string `json:"money"`
}

// CallbackEvent is something that an app is told.
type CallbackEvent struct {
	ID       string     `json:"id"`
	Kind     string     `json:"kind"`   // receipt, reply, template, signature
	Ref      string     `json:"ref"`    // the message, reply, template or signature
	Status   int        `json:"status"` // jsms status, or 1 passed, 2 refused
	State    string     `json:"state"`  // waiting, told, dead
	Attempts int        `json:"attempts"`
	Result   string     `json:"result"` // of the last call
	At       time.Time  `json:"at"`
	Updated  *time.Time `json:"updated,omitempty"`
	Due      *time.Time `json:"due,omitempty"`
}

// CallbackEvents is a page of an app's events, newest first.
type CallbackEvents struct {
	Events []CallbackEvent `json:"events"`
	Before string          `json:"before,omitempty"`
}

// Reply is a subscriber's text; the number is masked.
type Reply struct {
	ID       string     `json:"id"`
	App      core.AppID `json:"app"`     // 0: of no app
	Message  string     `json:"message"` // what it answers; "" not found
	Phone    string     `json:"phone"`
	To       string     `json:"to"`
	Text     string     `json:"text"`
	OptOut   bool       `json:"opt_out"`
	Provider string     `json:"provider"`
	At       time.Time  `json:"at"`
}

// Replies is a page, newest first.
type Replies struct {
	Replies []Reply `json:"replies"`
	Before  string  `json:"before,omitempty"`
}
