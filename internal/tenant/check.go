package tenant

// CheckSealed tells whether an app's sealed test numbers and signing keys open.
// Its error names none of them.
func CheckSealed(keys Keys, tests, signing []byte) error {
	if _, err := openTests(tests, keys); err != nil {
		return err
	}
	_, err := openSigning(signing, keys)
	return err
}
