package obs

import "bytes"

// ScrubNumbers masks what looks like a telephone number inside the strings of
// a JSON line: the last line of defence behind core.Phone (requirement row
// 14). A mainland mobile number is one of 11 digits that begin with 13 to 19,
// bare or after 86, +86 or 0086; another country's is 8 to 15 digits after a
// plus. Numbers outside strings (durations, ids) stay. The line is copied only
// when something was found; its length does not change.
func ScrubNumbers(line []byte) []byte {
	inString, copied := false, false
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == '\\':
			i += 2
			continue
		case c == '"':
			inString = !inString
		case inString && isDigit(c):
			end := i + 1
			for end < len(line) && isDigit(line[end]) {
				end++
			}
			if low, high, found := hiddenPart(line[i:end], i > 0 && line[i-1] == '+'); found {
				if !copied {
					line, copied = bytes.Clone(line), true
				}
				for j := i + low; j < i+high; j++ {
					line[j] = '*'
				}
			}
			i = end
			continue
		}
		i++
	}
	return line
}

// hiddenPart tells which of a run of digits are masked, as core.MaskNumber
// does: 138****8000, and +14155****23.
func hiddenPart(digits []byte, plus bool) (low, high int, found bool) {
	n := len(digits)
	mainland := n == 11 && !plus || n == 13 && bytes.HasPrefix(digits, []byte("86")) ||
		n == 15 && !plus && bytes.HasPrefix(digits, []byte("0086"))
	if mainland && isMobile(digits[n-11:]) {
		return n - 8, n - 4, true
	}
	if plus && n >= 8 && n <= 15 {
		return n - 6, n - 2, true
	}
	return 0, 0, false
}

func isMobile(digits []byte) bool { return digits[0] == '1' && digits[1] >= '3' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
