package api

import "time"

// UserName names a user of an app: by the id that the app knows, or by number.
// Before and Limit page through what happened to the user.
type UserName struct {
	ID     string `json:"id,omitempty"`
	Phone  string `json:"phone,omitempty"`
	Before string `json:"before,omitempty"`
	Limit  int    `json:"limit,omitempty"`
}

// User is where a user stands.
type User struct {
	ID        string     `json:"id"`
	Phone     string     `json:"phone"` // masked; "" where the number was taken away
	Disabled  bool       `json:"disabled"`
	LastLogin *time.Time `json:"last_login,omitempty"`
	Sessions  int        `json:"sessions"` // logins that go on, in any app
	Ended     *int       `json:"ended,omitempty"`
	Logins    []Login    `json:"logins,omitempty"` // newest first
	Before    string     `json:"before,omitempty"` // of the next page; "" at the end
}

// Login is one line of the audit of logins.
type Login struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	App     int64     `json:"app"`
	Kind    string    `json:"kind"`
	Purpose string    `json:"purpose,omitempty"` // of the code
	Code    string    `json:"code,omitempty"`    // id of the code's row
	Session string    `json:"session,omitempty"` // the login that the session began with
	Device  string    `json:"device,omitempty"`  // keyed hash of the fingerprint, 16 hex
}
