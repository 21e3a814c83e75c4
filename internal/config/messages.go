package config

import (
	"fmt"
	"os"

	"yanma.dev/yanma/internal/message"
)

// Messages is what texts may say.
type Messages struct {
	Words   string `toml:"words"`   // file with a word on each line that no template and no parameter may have; read at the start; "" = none
	Longest int    `toml:"longest"` // characters of a template message with its signature; default 350, at most 500
	Approve bool   `toml:"approve"` // templates and signatures need no operator's verdict; yanma dev sets it
}

// WordList reads the words' file; nil when there is none. Its error names the
// file, and the line at fault.
func (m Messages) WordList() (*message.Words, error) {
	if m.Words == "" {
		return nil, nil
	}
	data, err := os.ReadFile(m.Words)
	if err != nil {
		return nil, fmt.Errorf("read the words: %w", err)
	}
	words, err := message.ParseWords(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Words, err)
	}
	return words, nil
}

func (m Messages) checkWords() error {
	_, err := m.WordList()
	return err
}
