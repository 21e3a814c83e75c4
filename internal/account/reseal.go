package account

import "yanma.dev/yanma/internal/keyring"

// ResealNumber seals the number of a row, or what stands for a test number,
// under the newest field key. Errors as keyring.Ring.Open.
func ResealNumber(ring *keyring.Ring, sealed []byte) ([]byte, error) {
	phone, err := ring.OpenPhone(sealed)
	if err == nil {
		return ring.SealPhone(phone)
	}
	label, labelErr := ring.Open(testField, sealed)
	if labelErr != nil {
		return nil, err
	}
	return ring.Seal(testField, label)
}
