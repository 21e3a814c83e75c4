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

// indexOf computes the blind index of what a row has sealed.
func indexOf(ring *keyring.Ring, sealed []byte, test bool) (core.PhoneIndex, error) {
	if test {
		label, err := ring.Open(testField, sealed)
		return ring.IndexLabel(string(label)), err
	}
	phone, err := ring.OpenPhone(sealed)
	return ring.Index(phone), err
}
