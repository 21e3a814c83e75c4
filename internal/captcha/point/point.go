package point

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Longest is how long a point_json may be, in bytes (contracts/oneaccess.md §2.2).
const Longest = 200

// Bounds of what an answer may name, and how it is judged.
const (
	width     = 310
	height    = 155
	row       = 5 // of every answer
	tolerance = 5 // columns
)

// Point is where a piece was dropped, in whole pixels: coordinates are truncated
// toward zero.
type Point struct{ X, Y int }

// Parse reads {"x":237.0,"y":5.0}; false for anything but an object with finite
// numbers x in 0…310 and y in 0…155 of at most Longest bytes. Other members are
// ignored, and of a repeated one the last counts.
func Parse(text string) (p Point, ok bool) {
	if len(text) > Longest {
		return Point{}, false
	}
	var members map[string]json.RawMessage // a struct would fold the case of names
	if json.Unmarshal([]byte(text), &members) != nil {
		return Point{}, false
	}
	x, ok := whole(string(members["x"]), width)
	if !ok {
		return Point{}, false
	}
	y, ok := whole(string(members["y"]), height)
	return Point{X: x, Y: y}, ok
}

// whole is the whole part of a JSON number between 0 and most. It is read from
// the digits where they show it: 242.99999999999999999 is 242.
func whole(literal string, most int) (int, bool) {
	if literal == "" || literal[0] != '-' && (literal[0] < '0' || literal[0] > '9') {
		return 0, false
	}
	value, err := strconv.ParseFloat(literal, 64)
	if err != nil || value < 0 || value > float64(most) {
		return 0, false
	}
	if strings.ContainsAny(literal, "eE-") {
		return int(value), true
	}
	digits, fraction, _ := strings.Cut(literal, ".")
	n, err := strconv.Atoi(digits)
	return n, err == nil && (n < most || strings.Trim(fraction, "0") == "")
}

// Fits tells whether the piece lies over a hole at column x.
func (p Point) Fits(x int) bool {
	return p.X-x <= tolerance && x-p.X <= tolerance && p.Y == row
}
