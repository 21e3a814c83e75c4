package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/rotation"
)

// keyringCommands are yanma keyring ….
type keyringCommands struct {
	Status keyringStatusCommand `cmd:"" help:"Show how many keys there are and how far jobs have come."`
	Rotate keyringRotateCommand `cmd:"" help:"Make a new key; what was made with the older ones stays readable."`
	Retire keyringRetireCommand `cmd:"" help:"Drop old keys; refused while anything needs them."`
	Reseal keyringResealCommand `cmd:"" help:"Encrypt every field under the newest field key, in the background."`
}

type keyringStatusCommand struct{ remote }

// Run shows the state.
func (c keyringStatusCommand) Run(ctx context.Context, w World) error {
	return c.keyring(w, func(server *client.Client) (rotation.Status, error) { return server.Keyring(ctx) })
}

type keyringRotateCommand struct {
	remote
	Kind string `arg:"" help:"code, field, token, or index: the last one is a job." enum:"code,field,token,index"`
}

// Run rotates and shows the state.
func (c keyringRotateCommand) Run(ctx context.Context, w World) error {
	return c.keyring(w, func(server *client.Client) (rotation.Status, error) {
		return server.RotateKeyring(ctx, rotation.Kind(c.Kind))
	})
}

type keyringRetireCommand struct {
	remote
	Kind string `arg:"" help:"code, field or token." enum:"code,field,token"`
	Keep int    `help:"How many of the newest keys stay." placeholder:"N" required:""`
}

// Run retires and shows the state.
func (c keyringRetireCommand) Run(ctx context.Context, w World) error {
	return c.keyring(w, func(server *client.Client) (rotation.Status, error) {
		return server.RetireKeyring(ctx, rotation.Kind(c.Kind), c.Keep)
	})
}

type keyringResealCommand struct{ remote }

// Run starts the job and shows the state.
func (c keyringResealCommand) Run(ctx context.Context, w World) error {
	return c.keyring(w, func(server *client.Client) (rotation.Status, error) { return server.ResealKeyring(ctx) })
}

// keyring prints what the server answers to a call.
func (r remote) keyring(w World, ask func(*client.Client) (rotation.Status, error)) error {
	server, err := r.connect(w)
	if err != nil {
		return err
	}
	status, err := ask(server)
	if err != nil {
		return err
	}
	return r.print(w, status, func() error {
		return facts{
			{"generation", strconv.FormatUint(status.Generation, 10)},
			{"code keys", strconv.Itoa(status.CodeKeys)},
			{"field keys", strconv.Itoa(status.FieldKeys)},
			{"token keys", strconv.Itoa(status.TokenKeys)},
			{"index", indexText(status.Index)},
			{"reseal", resealText(status.Reseal)},
		}.print(w.Stdout)
	})
}

func indexText(i rotation.IndexStatus) string {
	if !i.Running {
		return i.Phase
	}
	var left []string
	for _, r := range i.Remaining {
		left = append(left, fmt.Sprintf("%s %d", r.Table, r.Rows))
	}
	return fmt.Sprintf("%s, under way (rows left: %s)", i.Phase, strings.Join(left, ", "))
}

func resealText(s rotation.ResealStatus) string {
	state := "not running"
	if s.Running {
		state = "under way"
	}
	return fmt.Sprintf("%s, %d rows since the start", state, s.Done)
}
