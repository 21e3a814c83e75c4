package operator

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// decode reads the body into a struct, by the rules of contracts/README.md
// §3.1: exact names, unknown members refused, and of a duplicated member the
// last one counts as a whole.
func decode(x *facade.Exchange, to any) ([]byte, error) {
	body, err := x.ReadBody()
	if err != nil {
		return nil, err
	}
	if err := x.Object.Parse(body); err != nil {
		return nil, err
	}
	return body, decodeObject(body, to)
}

// decodeObject goes through a map, in which a later member replaces an earlier
// one whole; encoding/json would merge them, and fold the case of names.
func decodeObject(body []byte, to any) error {
	members := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\uFEFF"))))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		return core.E(core.KindMalformed, "not one JSON object")
	}
	if !exactNames(members) {
		return &core.Error{Kind: core.KindBadField, Detail: "an unknown member"}
	}
	plain, err := json.Marshal(members)
	if err != nil {
		return core.E(core.KindMalformed, "not one JSON object")
	}
	strict := json.NewDecoder(bytes.NewReader(plain))
	strict.DisallowUnknownFields()
	return memberError(strict.Decode(to))
}

// exactNames tells whether every name is spelled as ours are, so that no other
// spelling is taken for one of them.
func exactNames(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || !exactNames(inner) {
				return false
			}
		}
	case []any:
		return !slices.ContainsFunc(v, func(inner any) bool { return !exactNames(inner) })
	}
	return true
}

// memberError names the member at fault.
func memberError(err error) error {
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType):
		return &core.Error{Kind: core.KindBadField, Field: wrongType.Field, Detail: "of a wrong type"}
	default:
		if _, name, found := strings.Cut(err.Error(), "unknown field "); found {
			return &core.Error{Kind: core.KindBadField, Field: strings.Trim(name, `"`), Detail: "an unknown member"}
		}
		return &core.Error{Kind: core.KindBadField, Detail: "of a wrong form"}
	}
}

// reply writes a success.
func reply(x *facade.Exchange, status int, v any) error {
	out, err := encode(v)
	if err != nil {
		return core.Wrap(core.KindInternal, err, "encode the answer")
	}
	x.Status, x.Out = status, append(x.Out, out...)
	return nil
}

// encode leaves <, > and & as they are (contracts/README.md §3.2).
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return out.Bytes(), err
}

// query reads the parameters that an endpoint has; another one, or one twice,
// is refused.
func query(x *facade.Exchange, names ...string) (url.Values, error) {
	values, err := url.ParseQuery(x.Request.URL.RawQuery)
	if err != nil {
		return nil, core.E(core.KindMalformed, "the query")
	}
	for name, value := range values {
		if !slices.Contains(names, name) || len(value) != 1 {
			return nil, &core.Error{Kind: core.KindBadField, Detail: "an unknown query parameter, or one twice"}
		}
	}
	return values, nil
}

// number reads a decimal parameter from 0 to most; absent is 0.
func number(values url.Values, name string, most uint64) (uint64, error) {
	text := values.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n > most {
		return 0, &core.Error{Kind: core.KindBadField, Field: name, Detail: "want a number up to " + strconv.FormatUint(most, 10)}
	}
	return n, nil
}

// pathID reads an id out of the path.
func pathID(x *facade.Exchange, name string) (uint32, error) {
	id, err := strconv.ParseUint(x.Param(name), 10, 32)
	if err != nil || id == 0 {
		return 0, &core.Error{Kind: core.KindInvalidID, Field: name, Detail: "want a number from 1"}
	}
	return uint32(id), nil
}
