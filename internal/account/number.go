package account

import (
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
)

// Number is a phone number as the rows know it.
type Number struct {
	Tenant core.TenantID
	Index  core.PhoneIndex
	Sealed []byte // the number itself, encrypted
	Test   bool   // a test number: its user is flagged
}

// RealNumber is a phone number within a tenant. It fails only when the random
// reader does.
func RealNumber(ring *keyring.Ring, tenant core.TenantID, phone core.Phone) (Number, error) {
	sealed, err := ring.SealPhone(phone)
	return Number{Tenant: tenant, Index: ring.Index(phone), Sealed: sealed}, err
}

// testField is the sealed field of what stands for a test number: that is no
// E.164 number, so it is not sealed as one.
const testField = "test-number"

// TestNumber is an app's test number, which need not be a valid number; its
// user is the app's own (contracts/yunbox.md §5). Errors as RealNumber.
func TestNumber(ring *keyring.Ring, tenant core.TenantID, app core.AppID, literal string) (Number, error) {
	label := fmt.Sprintf("test number %s of app %d", literal, app)
	sealed, err := ring.Seal(testField, []byte(label))
	return Number{Tenant: tenant, Index: ring.IndexLabel(label), Sealed: sealed, Test: true}, err
}

// IndexOf computes the blind index of what a row has sealed: a number, or what
// stands for a test number. Errors as keyring.Ring.Open.
func IndexOf(ring *keyring.Ring, sealed []byte) (core.PhoneIndex, error) {
	phone, err := ring.OpenPhone(sealed)
	if err == nil {
		return ring.Index(phone), nil
	}
	label, labelErr := ring.Open(testField, sealed)
	if labelErr != nil {
		return core.PhoneIndex{}, err
	}
	return ring.IndexLabel(string(label)), nil
}
