package httpsms

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/declare"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/provider"
)

// answers is how a declared provider's answers are read.
type answers struct {
	pattern  *regexp.Regexp // nil for json
	code, id string
	ok       []string
	exact    map[string]codeClass
	prefix   byPrefix // longest first
}

// ourID stands for the id of the request where the carrier keeps it.
const ourID = "{id}"

func (d *declared) compileAnswers() error {
	r := d.cfg.Response
	setDefault(&r.Format, "json")
	d.answers = answers{code: r.Code, id: r.ID, ok: r.OK, exact: map[string]codeClass{}}
	switch r.Format {
	case "json":
		if r.Pattern != "" {
			return errors.New("response.pattern: is for text; json has code and id")
		}
		if r.ID == "" {
			return errors.New("response.id: must be set: without the carrier's id no receipt finds its message")
		}
	case "text":
		var err error
		if d.answers.pattern, err = regexp.Compile(r.Pattern); err != nil || r.Pattern == "" {
			return errors.New("response.pattern: must be set to a regular expression")
		}
		groups := d.answers.pattern.SubexpNames()
		if r.Code != "" || r.ID != "" && r.ID != ourID {
			return errors.New("response.code: text has groups in pattern; id can only be {id}")
		}
		if !slices.Contains(groups, "id") && r.ID != ourID {
			return errors.New("response.pattern: needs a group (?P<id>…), or id = \"{id}\"")
		}
		if slices.Contains(groups, "code") {
			d.answers.code = "code"
		}
	default:
		return fmt.Errorf("response.format: %q is not one of json, text", r.Format)
	}
	if (d.answers.code == "") != (len(r.OK) == 0) {
		return errors.New("response.ok: the codes of success and where the code is go together")
	}
	return d.answers.compileCodes(r.Codes)
}

var classNames = map[string]codeClass{"rejected": refused, "throttled": busy, "unknown": unsure, "not_sent": account}

func (a *answers) compileCodes(codes map[string]string) error {
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		class, ok := classNames[codes[code]]
		if !ok {
			return fmt.Errorf("response.codes.%s: %q is not one of rejected, throttled, unknown, not_sent", code, codes[code])
		}
		if beginning, ok := strings.CutSuffix(code, "*"); ok {
			a.prefix = append(a.prefix, prefixClass{beginning, class})
		} else {
			a.exact[code] = class
		}
	}
	slices.SortFunc(a.prefix, func(x, y prefixClass) int { return len(y.prefix) - len(x.prefix) })
	return nil
}

func (a *answers) class(code string) codeClass {
	if class, ok := a.exact[code]; ok {
		return class
	}
	return a.prefix.class(code)
}

func (d *declared) judge(answer httpcall.Answer, t turn) verdict {
	a := &d.answers
	code, id := a.read(answer.Body)
	if d.cfg.Response.ID == ourID {
		id = t.nonce
	}
	isOK := slices.Contains(a.ok, code)
	switch {
	case a.code != "" && code != "" && !isOK && (isSuccess(answer.Status) || a.knows(code)):
		return a.class(code).outcome(code)
	case !isSuccess(answer.Status):
		return byStatus(answer)
	case a.code != "" && !isOK, id == "":
		return unreadable(answer)
	}
	return accepted(id)
}

func (a *answers) knows(code string) bool {
	_, exact := a.exact[code]
	return exact || slices.ContainsFunc(a.prefix, func(p prefixClass) bool { return strings.HasPrefix(code, p.prefix) })
}

// read finds the code and the id; "" for what is not there.
func (a *answers) read(body []byte) (code, id string) {
	if a.pattern != nil {
		found := a.pattern.FindSubmatch(body)
		if found == nil {
			return "", ""
		}
		for i, name := range a.pattern.SubexpNames() {
			switch name {
			case "code":
				code = string(found[i])
			case "id":
				id = string(found[i])
			}
		}
		return code, id
	}
	v, ok := declare.ParseJSON(body)
	if !ok {
		return "", ""
	}
	return declare.At(v, a.code), declare.At(v, a.id)
}

// stateNames are the states of receipt.states.
var stateNames = map[string]provider.State{"delivered": provider.StateDelivered, "undelivered": provider.StateUndelivered,
	"submitted": provider.StateSubmitted}
