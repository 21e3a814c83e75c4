package account

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// ProfileField is the name under which a profile is sealed.
const ProfileField = "profile"

// Profile is what a user said when registering (contracts/oneaccess.md §6).
// Nothing of it was checked.
type Profile struct {
	UserName       string          `json:"user_name,omitempty"`
	Name           string          `json:"name,omitempty"`
	Email          string          `json:"email,omitempty"`
	HeadImg        string          `json:"head_img,omitempty"`
	Gender         string          `json:"attr_gender,omitempty"`
	Birthday       string          `json:"attr_birthday,omitempty"`
	NickName       string          `json:"attr_nick_name,omitempty"`
	FirstName      string          `json:"first_name,omitempty"`
	MiddleName     string          `json:"middle_name,omitempty"`
	LastName       string          `json:"last_name,omitempty"`
	MailingAddress string          `json:"mailing_address,omitempty"`
	ZipCode        string          `json:"zip_code,omitempty"`
	Industry       string          `json:"industry,omitempty"`
	Extension      json.RawMessage `json:"extension,omitempty"` // an object; nil for none
}

// isEmpty tells whether nothing was said.
func (p Profile) isEmpty() bool {
	body, err := json.Marshal(p)
	return err == nil && string(body) == "{}"
}

// SealProfile gives the body of a profile's row; nil for one that says nothing.
func SealProfile(ring *keyring.Ring, p Profile) ([]byte, error) {
	if p.isEmpty() {
		return nil, nil
	}
	plain, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write a profile: %w", err)
	}
	return ring.Seal(ProfileField, plain)
}

// OpenProfile is the inverse of SealProfile.
func OpenProfile(ring *keyring.Ring, body []byte) (p Profile, err error) {
	if len(body) == 0 {
		return Profile{}, nil
	}
	plain, err := ring.Open(ProfileField, body)
	if err == nil {
		err = json.Unmarshal(plain, &p)
	}
	if err != nil {
		return Profile{}, fmt.Errorf("read a profile: %w", err)
	}
	return p, nil
}

// Person is a user as the oneaccess dialect shows one to an app.
type Person struct {
	User    core.UserID
	ID      string     // u and 26 characters, or the id that was issued elsewhere
	Phone   core.Phone // zero for the user of a test number
	Literal string     // the test number; "" for all others
	Profile Profile
}

// UserName is the registered one, or the id (contracts/oneaccess.md §9).
func (p Person) UserName() string {
	if p.Profile.UserName != "" {
		return p.Profile.UserName
	}
	return p.ID
}

// Name is the registered one, or the masked number.
func (p Person) Name() string {
	if p.Profile.Name != "" {
		return p.Profile.Name
	}
	if p.Literal != "" {
		return core.MaskNumber(p.Literal)
	}
	return p.Phone.Masked()
}

// Mobile reveals the number as the dialect prints it, +86-15200000000; one of
// another country, and a test number, stands as it is.
func (p Person) Mobile() string {
	if p.Literal != "" {
		return p.Literal
	}
	if national, ok := strings.CutPrefix(p.Phone.E164(), "+86"); ok {
		return "+86-" + national
	}
	return p.Phone.E164()
}

// PersonOf puts together what a command of a batch found.
func (a *Aliases) PersonOf(app *tenant.App, u store.User, imported string, profile store.Profile, phone core.Phone, literal string) (Person, error) {
	p := Person{User: u.ID, ID: imported, Phone: phone, Literal: literal}
	if p.ID == "" {
		p.ID = a.OneAccessText(app.Tenant, app.ID, u.ID)
	}
	var err error
	p.Profile, err = OpenProfile(a.ring, profile.Body)
	if app.ImportedUsers && imported == "" {
		// Backends that moved in may know users by their names, and anybody can
		// register as zhang.san: there only names count that were imported.
		p.Profile.UserName = ""
	}
	return p, err
}

// Person reads a user as an app sees one. KindNotFound when there is none.
func (a *Aliases) Person(ctx context.Context, app *tenant.App, user core.UserID) (Person, error) {
	var row records.Person
	found := false
	err := a.store.View(ctx, func(q store.SQL) (err error) {
		row, found, err = records.PersonOf(ctx, q, app.Tenant, app.ID, user)
		return err
	})
	if err != nil {
		return Person{}, fmt.Errorf("read a person: %w", err)
	}
	if !found {
		return Person{}, core.E(core.KindNotFound, "no such user")
	}
	phone, literal, err := openNumber(a.ring, row.Phone)
	if err != nil {
		return Person{}, err
	}
	return a.PersonOf(app, store.User{ID: user, Tenant: app.Tenant}, row.Alias, store.Profile{Body: row.Profile}, phone, literal)
}

// openNumber reads what a user's row has sealed: a number, or the literal of a
// test number. Both are empty where the number was taken away (see Retire).
func openNumber(ring *keyring.Ring, sealed []byte) (core.Phone, string, error) {
	phone, err := ring.OpenPhone(sealed)
	if err == nil {
		return phone, "", nil
	}
	label, labelErr := ring.Open(testField, sealed)
	if labelErr != nil {
		return core.Phone{}, "", fmt.Errorf("read a user's number: %w", err)
	}
	literal, isTest := strings.CutPrefix(string(label), "test number ")
	if i := strings.LastIndex(literal, " of app "); isTest && i >= 0 {
		return core.Phone{}, literal[:i], nil
	}
	return core.Phone{}, "", nil
}
