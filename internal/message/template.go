package message

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
)

// Kind is what a template is for (contracts/jsms.md §11).
type Kind uint8

// The kinds, with the dialects' numbers.
const (
	KindCode   Kind = 1
	KindNotice Kind = 2
	KindMarket Kind = 3
)

var kindNames = [...]string{"", "code", "notice", "market"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) && k != 0 {
		return kindNames[k]
	}
	return "invalid"
}

// KindNamed is the inverse of Kind.String.
func KindNamed(name string) (Kind, bool) {
	for k := KindCode; k <= KindMarket; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// Pool is where messages of a kind are paid from first (contracts/jsms.md §8).
func (k Kind) Pool() core.Pool {
	if k == KindMarket {
		return core.PoolMarket
	}
	return core.PoolIndustry
}

// Audit is where a template or signature stands with the operator.
type Audit uint8

// The states of an audit, with the dialects' numbers (contracts/jsms.md §11).
const (
	Pending  Audit = 0
	Approved Audit = 1
	Rejected Audit = 2
)

var auditNames = [...]string{"pending", "approved", "rejected"}

// String names the state.
func (a Audit) String() string {
	if int(a) < len(auditNames) {
		return auditNames[a]
	}
	return "invalid"
}

// Template is a wording with placeholders, of one app or (App 0) of all.
type Template struct {
	ID     int64
	App    core.AppID
	Ref    string // the id as its app says it: ID in decimal, or one issued elsewhere
	Name   string // by which providers map it to a template of theirs
	Kind   Kind
	State  Audit
	Text   string        // {{name}} stands for a parameter; no signature
	TTL    time.Duration // of codes; 0 for other kinds
	Remark string        // for the operator who judges it
	Reason string        // why it was rejected

	pieces []piece // Text, cut at its placeholders
}

// Bounds (contracts/jsms.md §11, §13).
const (
	LongestText   = 350 // characters with signature, unless configured otherwise
	longestTTL    = 24 * time.Hour
	longestRemark = 500 // characters
)

// OptOutSuffix ends marketing texts that offer no way out (contracts/jsms.md §11).
const OptOutSuffix = " 拒收请回复R"

// optOutOffers are what a text says that offers one.
var optOutOffers = []string{"拒收请回复", "退订"}

// Check tells what is wrong with a template that is written under a signature
// (contracts/jsms.md §11, in the order of its table); nil when it can be
// rendered. Errors: KindMissingField text, KindContentTooLong text,
// KindForbiddenSymbol text, KindTemplateType, KindBadField placeholders, ttl,
// remark or link, KindForbiddenWord text.
func (t *Template) Check(signature string, longest int, words *Words) error {
	switch {
	case strings.TrimSpace(t.Text) == "":
		return core.Field(core.KindMissingField, "text")
	case !utf8.ValidString(t.Text) || strings.ContainsFunc(t.Text, notText):
		return bad("text", "it has a character that can not be printed")
	case utf8.RuneCountInString(t.Text)+utf8.RuneCountInString(signature)+2 > longest:
		return &core.Error{Kind: core.KindContentTooLong, Field: "text", Detail: fmt.Sprintf("with its signature it has more than %d characters", longest)}
	case strings.ContainsAny(t.Text, "【】"):
		return &core.Error{Kind: core.KindForbiddenSymbol, Field: "text", Detail: "【 and 】 are for the signature, which is put before it"}
	case t.Kind < KindCode || t.Kind > KindMarket:
		return core.E(core.KindTemplateType, "want code, notice or market")
	}
	if err := t.checkPlaceholders(); err != nil {
		return err
	}
	switch {
	case t.Kind == KindCode && (t.TTL <= 0 || t.TTL > longestTTL || t.TTL%time.Second != 0):
		return bad("ttl", "a code lives 1 to 86400 seconds")
	case t.Kind == KindCode && offersOptOut(t.Text):
		return bad("text", "a code message is no marketing and offers no opt-out")
	case utf8.RuneCountInString(t.Remark) > longestRemark:
		return bad("remark", fmt.Sprintf("it has more than %d characters", longestRemark))
	case t.hasLink() && !strings.Contains(t.Remark, "http://") && !strings.Contains(t.Remark, "https://"):
		return bad("link", "a placeholder called url needs a link in the remark")
	}
	if word, found := words.Find(t.Text); found {
		return &core.Error{Kind: core.KindForbiddenWord, Field: "text", Detail: word}
	}
	return nil
}

// checkPlaceholders is the row of 50044: balanced braces, names of letters,
// digits and inner underscores; a code template has exactly {{code}}.
func (t *Template) checkPlaceholders() error {
	pieces, err := cut(t.Text)
	if err != nil {
		return err
	}
	names := namesOf(pieces)
	if t.Kind == KindCode && (len(names) != 1 || names[0] != ParamCode) {
		return bad("placeholders", "a code template has one placeholder: {{code}}")
	}
	return nil
}

func (t *Template) hasLink() bool {
	for _, name := range t.Placeholders() {
		if name == "url" {
			return true
		}
	}
	return false
}

func offersOptOut(text string) bool {
	for _, offer := range optOutOffers {
		if strings.Contains(text, offer) {
			return true
		}
	}
	return false
}

// notText is notPrintable but for line ends.
func notText(r rune) bool { return r != '\n' && notPrintable(r) }

// Usable tells whether messages can be made of the template now:
// KindTemplatePending or KindTemplateRejected when not.
func (t *Template) Usable() error {
	switch t.State {
	case Approved:
		return nil
	case Rejected:
		return core.E(core.KindTemplateRejected, "")
	default:
		return core.E(core.KindTemplatePending, "")
	}
}
