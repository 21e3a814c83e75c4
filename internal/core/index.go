package core

// IndexValue is a number's blind index under one key: the first 16 bytes of an
// HMAC-SHA-256. The zero value means "not computed under this key".
type IndexValue [16]byte

// IsZero tells whether there is no value.
func (v IndexValue) IsZero() bool { return v == IndexValue{} }

// PhoneIndex is what a number is found by without being readable. Rows keep
// two columns, A and B, so that the key can be rotated while the server runs
// (requirement row 11): outside a rotation one side is set; during one, both
// are, every row is written with both, and ByB says which side finds rows.
type PhoneIndex struct {
	A, B IndexValue
	ByB  bool
}

// Lookup is the value by which rows are found now.
func (x PhoneIndex) Lookup() IndexValue {
	if x.ByB {
		return x.B
	}
	return x.A
}

// Either is the value of a side that is set, for finding the neighbours of a
// row that was read: rows found by one side are known by both.
func (x PhoneIndex) Either() IndexValue {
	if x.A.IsZero() {
		return x.B
	}
	return x.A
}
