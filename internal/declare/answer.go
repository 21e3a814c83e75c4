package declare

import (
	"encoding/json"
	"strconv"
	"strings"
)

// ParseJSON reads one document whose numbers keep their spelling.
func ParseJSON(body []byte) (any, bool) {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	var v any
	return v, d.Decode(&v) == nil
}

// At is the text, number or truth at a path such as result.0.code; "" when
// there is none.
func At(v any, path string) string {
	if path == "" {
		return ""
	}
	switch v := Find(v, path).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// Find is the value at a path; nil when there is none.
func Find(v any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(in) {
				return nil
			}
			v = in[n]
		default:
			return nil
		}
	}
	return v
}
