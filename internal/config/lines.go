package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines tells on which line a key is set, for errors of meaning rather than of
// syntax. Keys are dotted; tables of an array have their number, from 0, after
// the name: provider.1.window.
type lines map[string]int

// item is the key of one table of an array.
func item(array string, n int, key string) string {
	return array + "." + strconv.Itoa(n) + "." + key
}

// key wraps err with the line and the key as the file writes it. Where the key
// is not in the file its table's line is told, if there is one.
func (l lines) key(key string, err error) error {
	if err == nil {
		return nil
	}
	line := l[key]
	for table := key; line == 0 && strings.Contains(table, "."); {
		table = table[:strings.LastIndexByte(table, '.')]
		line = l[table]
	}
	if line == 0 {
		return fmt.Errorf("%s: %w", withoutNumbers(key), err)
	}
	return fmt.Errorf("line %d: %s: %w", line, withoutNumbers(key), err)
}

func withoutNumbers(key string) string {
	parts := strings.Split(key, ".")
	if len(parts) > 2 && parts[0] == "provider" {
		parts = append(parts[:1], parts[2:]...)
	}
	if parts[0] == "route" || parts[0] == "captcha" {
		parts = slices.DeleteFunc(parts, func(part string) bool { return strings.Trim(part, "0123456789") == "" })
	}
	return strings.Join(parts, ".")
}

// findLines walks a file that the decoder has taken.
func findLines(data []byte) lines {
	l, seen, table := lines{}, map[string]int{}, ""
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table:
			table = l.noteBelow(&p, seen, e)
		case unstable.ArrayTable:
			name := l.note(&p, "", e)
			table = name + "." + strconv.Itoa(seen[name])
			seen[name]++
			l[table] = l[name]
		case unstable.KeyValue:
			l.noteValue(&p, table, e)
		default:
		}
	}
	return l
}

// note notes the line of a table's or value's key, and returns the whole key.
func (l lines) note(p *unstable.Parser, table string, e *unstable.Node) string {
	key, line := table, 0
	for parts := e.Key(); parts.Next(); {
		if key != "" {
			key += "."
		}
		key += string(parts.Node().Data)
		line = p.Shape(parts.Node().Raw).Start.Line
	}
	l[key] = line
	return key
}

// noteBelow notes a table, which may belong to the newest table of an array:
// [provider.request] is provider.1.request after the second [[provider]].
func (l lines) noteBelow(p *unstable.Parser, seen map[string]int, e *unstable.Node) string {
	key, line := "", 0
	for parts := e.Key(); parts.Next(); {
		if n := seen[key]; n > 0 {
			key += "." + strconv.Itoa(n-1)
		}
		if key != "" {
			key += "."
		}
		key += string(parts.Node().Data)
		line = p.Shape(parts.Node().Raw).Start.Line
	}
	l[key] = line
	return key
}

// noteValue notes a value and, where it is an inline table or an array of
// them, what is in it.
func (l lines) noteValue(p *unstable.Parser, table string, e *unstable.Node) {
	key := l.note(p, table, e)
	switch value := e.Value(); value.Kind {
	case unstable.InlineTable:
		l.noteTable(p, key, value)
	case unstable.Array:
		n := 0
		for elements := value.Children(); elements.Next(); n++ {
			if elements.Node().Kind == unstable.InlineTable {
				l.noteTable(p, key+"."+strconv.Itoa(n), elements.Node())
			}
		}
	default:
	}
}

func (l lines) noteTable(p *unstable.Parser, key string, inline *unstable.Node) {
	for values := inline.Children(); values.Next(); {
		l.noteValue(p, key, values.Node())
	}
}
