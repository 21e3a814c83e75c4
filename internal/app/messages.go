package app

import (
	"yanma.dev/yanma/internal/message/catalogue"
)

// openCatalogue makes what reads templates and signatures; the directory fills it.
func (a *App) openCatalogue() {
	a.catalogue = catalogue.New()
	a.directory.Beside(a.catalogue.Read)
}

// openMessages makes what changes templates and signatures.
func (a *App) openMessages() error {
	words, err := a.config.Messages.WordList()
	if err != nil {
		return err
	}
	a.messages = catalogue.NewAdmin(catalogue.Options{Apps: a.admin, Directory: a.directory, Catalogue: a.catalogue, Database: a.prompt, IDs: a.ids,
		Now: a.deps.Now, Words: words, Longest: a.config.Messages.Longest, Approve: a.config.Messages.Approve})
	return nil
}
