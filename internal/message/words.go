package message

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Words are the words that no text may have. The nil *Words is an empty list.
type Words struct {
	by map[rune][]string // by the first character, without blanks, in lower case and half width
}

// Bounds of a list of words.
const (
	longestWord = 64      // characters
	mostWords   = 200_000 // a list that is longer is some other file
)

// ParseWords reads a list: a word on each line; # begins a comment, empty lines
// are passed over. An error says the line.
func ParseWords(data []byte) (*Words, error) {
	w := &Words{by: map[rune][]string{}}
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\uFEFF"))))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		word := folded(line)
		switch {
		case !utf8.ValidString(line):
			return nil, fmt.Errorf("line %d: it is not valid UTF-8", n)
		case utf8.RuneCountInString(line) > longestWord:
			return nil, fmt.Errorf("line %d: a word has at most %d characters", n, longestWord)
		case word == "":
			return nil, fmt.Errorf("line %d: it has nothing but blanks", n)
		case n > mostWords:
			return nil, fmt.Errorf("line %d: a list has at most %d lines", n, mostWords)
		}
		first, _ := utf8.DecodeRuneInString(word)
		w.by[first] = append(w.by[first], word)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("it can not be read as lines: %w", err)
	}
	return w, nil
}

// Find is the first word of the list that a text has, whatever its case and
// width and whatever blanks stand in it.
func (w *Words) Find(text string) (word string, found bool) {
	if w == nil || len(w.by) == 0 {
		return "", false
	}
	plain := folded(text)
	for i, r := range plain {
		for _, word := range w.by[r] {
			if strings.HasPrefix(plain[i:], word) {
				return word, true
			}
		}
	}
	return "", false
}

// folded is a text as words are compared: in lower case, full-width letters as
// half-width ones, without blanks and characters that nobody sees.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
