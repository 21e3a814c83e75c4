package route

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"yanma.dev/yanma/internal/core"
)

// Carrier is a network of mainland China.
type Carrier uint8

// The carriers; CarrierUnknown is what every number elsewhere has.
const (
	CarrierUnknown Carrier = iota
	CarrierMobile
	CarrierUnicom
	CarrierTelecom
	CarrierBroadnet
)

var carrierNames = [...]string{"unknown", "mobile", "unicom", "telecom", "broadnet"}

// String names the carrier as the configuration does.
func (c Carrier) String() string {
	if int(c) < len(carrierNames) {
		return carrierNames[c]
	}
	return "invalid"
}

// CarrierNamed is the inverse of Carrier.String.
func CarrierNamed(name string) (Carrier, bool) {
	for i, n := range carrierNames {
		if n == name {
			return Carrier(i), true
		}
	}
	return 0, false
}

// Ported are numbers that left the carrier of their prefix: national numbers of
// mainland China, as integers.
type Ported map[uint64]Carrier

// ParsePorted reads lines of a number and a carrier ("13800138000 unicom");
// blank lines and what follows # are left out. An error names the line and
// never quotes the number.
func ParsePorted(data []byte) (Ported, error) {
	ported := Ported{}
	scan := bufio.NewScanner(bytes.NewReader(data))
	for line := 1; scan.Scan(); line++ {
		text, _, _ := strings.Cut(scan.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 {
			return nil, fmt.Errorf("line %d: want a number and a carrier", line)
		}
		national, ok := mainland(strings.TrimPrefix(words[0], "+86"))
		if !ok {
			return nil, fmt.Errorf("line %d: not a mobile number of mainland China", line)
		}
		carrier, ok := CarrierNamed(words[1])
		if !ok || carrier == CarrierUnknown {
			return nil, fmt.Errorf("line %d: the carrier is none of %s", line, strings.Join(carrierNames[1:], ", "))
		}
		if _, twice := ported[national]; twice {
			return nil, fmt.Errorf("line %d: the number stands there twice", line)
		}
		ported[national] = carrier
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("not lines of text: %w", err)
	}
	return ported, nil
}

// mainland is eleven digits that begin with 1.
func mainland(s string) (uint64, bool) {
	if len(s) != 11 || s[0] != '1' {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n, true
}

// Of is the carrier of a number: where it was ported to, or else the original
// holder of its prefix (contracts/delivery.md §6).
func (p Ported) Of(phone core.Phone) Carrier {
	national, found := strings.CutPrefix(phone.E164(), "+86")
	n, ok := mainland(national)
	if !found || !ok {
		return CarrierUnknown
	}
	if c, moved := p[n]; moved {
		return c
	}
	return byPrefix(int(n/100_000_000), int(n/10_000_000%10), int(n/1_000_000%10))
}

// byPrefix is the table of contracts/delivery.md §6, asked by a number's first
// three digits, its fourth and its fifth. Resellers count as the network that
// they are on, satellite and emergency ranges as none.
func byPrefix(prefix, fourth, fifth int) Carrier {
	switch prefix {
	case 134:
		if fourth == 9 {
			return CarrierTelecom
		}
		return CarrierMobile
	case 170:
		switch fourth {
		case 3, 5, 6:
			return CarrierMobile
		case 4, 7, 8, 9:
			return CarrierUnicom
		default: // 0, 1, 2
			return CarrierTelecom
		}
	case 174:
		if fourth == 0 && fifth <= 5 {
			return CarrierTelecom
		}
		return CarrierUnknown
	default:
		return wholePrefix(prefix)
	}
}

// wholePrefix is the holder of a range of three digits.
func wholePrefix(prefix int) Carrier {
	switch prefix {
	case 135, 136, 137, 138, 139, 147, 150, 151, 152, 157, 158, 159, 165, 172, 178, 182, 183, 184, 187, 188, 195, 197, 198:
		return CarrierMobile
	case 130, 131, 132, 145, 155, 156, 166, 167, 171, 175, 176, 185, 186, 196:
		return CarrierUnicom
	case 133, 149, 153, 162, 173, 177, 180, 181, 189, 190, 191, 193, 199:
		return CarrierTelecom
	case 192:
		return CarrierBroadnet
	default:
		return CarrierUnknown
	}
}
