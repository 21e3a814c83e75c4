package cli

import "fmt"

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(w World) error {
	_, err := fmt.Fprintln(w.Stdout, w.Version)
	return err
}
