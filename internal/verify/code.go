package verify

import (
	"encoding/binary"
	"fmt"
	"io"

	"yanma.dev/yanma/internal/core"
)

// NewCode draws a code of 4 to 10 digits, uniformly: values beyond the last
// whole multiple of 10^length are thrown away and drawn again (requirement row
// 1). Leading zeros are kept. An error of the random source fails the code.
func NewCode(random io.Reader, length int) (core.Code, error) {
	digits, err := drawDigits(random, length)
	return core.CodeFromDigits(digits), err
}

func drawDigits(random io.Reader, length int) (string, error) {
	if length < 4 || length > 10 {
		return "", fmt.Errorf("a code of %d digits: 4 to 10 are allowed", length)
	}
	count := uint64(1)
	for range length {
		count *= 10
	}
	limit := ^uint64(0) - ^uint64(0)%count
	var raw [8]byte
	for {
		if _, err := io.ReadFull(random, raw[:]); err != nil {
			return "", fmt.Errorf("draw a code: %w", err)
		}
		if v := binary.LittleEndian.Uint64(raw[:]); v < limit {
			return digits(v%count, length), nil
		}
	}
}

func digits(v uint64, length int) string {
	var text [10]byte
	for i := length - 1; i >= 0; i-- {
		text[i] = '0' + byte(v%10)
		v /= 10
	}
	return string(text[:length])
}
