package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// World is what the process gives a command.
type World struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Version        string
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command line as kong reads it.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the server from a configuration file."`
	Dev     devCommand     `cmd:"" help:"Run a server with a simulated phone, ready to try."`
	Config  configCommands `cmd:"" help:"Look at a configuration file."`
	Migrate migrateCommand `cmd:"" help:"Bring the database up to date while the server is stopped."`
	Backup  backupCommand  `cmd:"" help:"Write the database to a file, also while the server runs."`
	Fsck    fsckCommand    `cmd:"" help:"Check every invariant of the database, also while the server runs."`
	Restore restoreCommand `cmd:"" help:"Make the database of a backup; nothing old is sent or valid again."`

	Tenant     tenantCommands     `cmd:"" help:"Tenants: who owns apps."`
	App        appCommands        `cmd:"" help:"Apps: who calls the server, with which key, settings and limits."`
	Template   templateCommands   `cmd:"" help:"Templates: wordings that messages are made of."`
	Sign       signCommands       `cmd:"" help:"Signatures: who messages are from."`
	Number     numberCommands     `cmd:"" help:"Numbers that were locked after wrong codes."`
	User       userCommands       `cmd:"" help:"Users: where they stand, what happened to them."`
	Keyring    keyringCommands    `cmd:"" help:"The keys that protect the database."`
	SigningKey signingKeyCommands `cmd:"" help:"The key that signs id tokens."`
	Credit     creditCommands     `cmd:"" help:"What apps and tenants can spend."`
	Provider   providerCommands   `cmd:"" help:"Connections to carriers."`
	Message    messageCommands    `cmd:"" help:"Messages: what became of them."`
	Outbox     outboxCommands     `cmd:"" help:"Messages that did not get there: list, requeue, refund."`
	Callback   callbackCommands   `cmd:"" help:"What apps are told: receipts, replies, verdicts."`
	OptOut     optOutCommands     `cmd:"" name:"optout" help:"Numbers that want no marketing."`
	Guard      guardCommands      `cmd:"" help:"The fraud guard: what it refuses, and whom it lets pass."`
	Reply      replyCommands      `cmd:"" help:"Texts that subscribers sent."`
	Import     importCommands     `cmd:"" help:"Take over a vendor account with its old ids."`
	Audit      auditCommands      `cmd:"" help:"Who changed what."`

	Version versionCommand `cmd:"" help:"Print the version."`
}

// Run runs one command and returns the process's exit code. The args are
// without the program's name. It returns soon after ctx ends.
func Run(ctx context.Context, args []string, w World) (code int) {
	defer func() {
		// kong ends the process after --help: it panics with its code here instead.
		if v := recover(); v != nil {
			ended, ok := v.(exit)
			if !ok {
				panic(v)
			}
			code = int(ended)
		}
	}()
	parser, err := kong.New(&commands{}, kong.Name("yanma"), kong.Description("A self-hosted phone-identity server."),
		kong.Writers(w.Stdout, w.Stderr), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(w))
	if err != nil {
		return fail(w, exitFailed, err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return fail(w, exitUsage, fmt.Errorf("%w (see yanma --help)", err))
	}
	if err := command.Run(); err != nil {
		return fail(w, exitFailed, err)
	}
	return exitOK
}

// exit is how kong's wish to end the process travels to Run.
type exit int

func fail(w World, code int, err error) int {
	if !errors.Is(err, errSaid) {
		_, _ = fmt.Fprintf(w.Stderr, "yanma: %v\n", err) // nobody is left to tell
	}
	return code
}

// errSaid is the error of a command whose output already says what failed.
var errSaid = errors.New("already said")
