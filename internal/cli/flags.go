package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"yanma.dev/yanma/internal/tenant"
)

// The flags here may be repeated: each adds to those before. (kong makes a
// pointer to a list anew for each, so that the last one alone would count.)

// listFlag is a list; not said, it is nil.
type listFlag struct{ values *[]string }

// Decode adds what stands between commas. An empty text adds nothing, but says
// the list.
func (l *listFlag) Decode(ctx *kong.DecodeContext) error {
	text, err := pop(ctx)
	if err != nil {
		return err
	}
	if l.values == nil {
		l.values = &[]string{}
	}
	*l.values = append(*l.values, split(text)...)
	return nil
}

// listOf is the list with the type of its elements; nil when it was not said.
func listOf[T ~string](l listFlag) *[]T {
	if l.values == nil {
		return nil
	}
	list := make([]T, len(*l.values))
	for i, v := range *l.values {
		list[i] = T(v)
	}
	return &list
}

// limitsFlag is an app's own limits; not said, it is nil.
type limitsFlag struct{ limits *tenant.Limits }

// Decode adds the windows of one rule; "default" alone adds none.
func (l *limitsFlag) Decode(ctx *kong.DecodeContext) error {
	text, err := pop(ctx)
	if err != nil {
		return err
	}
	if l.limits == nil {
		l.limits = &tenant.Limits{}
	}
	if text == "default" {
		return nil
	}
	rule, windows, found := strings.Cut(text, "=")
	if !found || rule == "" {
		return fmt.Errorf("want RULE=WINDOWS, or default for none of its own, but got %q", text)
	}
	(*l.limits)[rule] = append((*l.limits)[rule], split(windows)...)
	if (*l.limits)[rule] == nil {
		(*l.limits)[rule] = []string{} // null would be no list
	}
	return nil
}

// testsFlag is an app's test numbers; not said, it is nil.
type testsFlag struct{ numbers *[]tenant.TestNumber }

// Decode adds one; "none" alone adds none.
func (l *testsFlag) Decode(ctx *kong.DecodeContext) error {
	text, err := pop(ctx)
	if err != nil {
		return err
	}
	if l.numbers == nil {
		l.numbers = &[]tenant.TestNumber{}
	}
	if text == "none" {
		return nil
	}
	number, code, found := strings.Cut(text, "=")
	if !found || number == "" {
		return errors.New("want NUMBER=CODE, or none for no test number")
	}
	*l.numbers = append(*l.numbers, tenant.TestNumber{Literal: number, Code: code})
	return nil
}

func pop(ctx *kong.DecodeContext) (text string, err error) {
	err = ctx.Scan.PopValueInto("value", &text)
	return text, err
}

// split cuts at commas; blanks around a value do not belong to it.
func split(text string) []string {
	var values []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			values = append(values, part)
		}
	}
	return values
}
