//go:build interop

package sip

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/sip"
	"yanma.dev/yanma/internal/provider/sip/listen"
	"yanma.dev/yanma/internal/provider/sip/rtp"
)

const patience = 60 * time.Second

// callee is one sipp with one scenario, and the socket that its description
// names for RTP.
type callee struct {
	address string
	command *exec.Cmd
	folder  string
	socket  net.PacketConn
	ended   sync.WaitGroup
	press   []byte // payload of a telephone event that is sent after the first packets

	mu        sync.Mutex
	recording listen.Recording
}

// call starts sipp on a scenario of testdata for one call; payload is the codec
// that it takes, status what it refuses with.
func call(t *testing.T, scenario, transport, payload string, status int) *callee {
	t.Helper()
	c := &callee{folder: t.TempDir()}
	text, err := os.ReadFile("testdata/" + scenario + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	if c.socket, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	media, err := netip.ParseAddrPort(c.socket.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, file := freePort(t, transport), filepath.Join(c.folder, "scenario.xml")
	c.address = "127.0.0.1:" + port
	kind := "u1"
	if transport == "tcp" {
		kind = "t1"
	}
	arguments := []string{"-sf", file, "-i", "127.0.0.1", "-p", port, "-t", kind, "-m", "1", "-nostdin", "-nd", "-timeout", "90s", "-timeout_error",
		"-trace_msg", "-trace_err"}
	for _, pair := range [][2]string{{"rtp_port", strconv.Itoa(int(media.Port()))}, {"payload", payload}, {"status", strconv.Itoa(status)}} {
		text = bytes.ReplaceAll(text, []byte("["+pair[0]+"]"), []byte(pair[1]))
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c.command = exec.Command("sipp", arguments...)
	c.command.Dir = c.folder
	output, err := os.Create(filepath.Join(c.folder, "sipp.out"))
	if err != nil {
		t.Fatal(err)
	}
	c.command.Stdout, c.command.Stderr = output, output
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	c.ended.Go(c.listen)
	t.Cleanup(func() {
		_ = c.command.Process.Kill()
		_ = c.socket.Close()
		c.ended.Wait()
		_ = output.Close()
		if t.Failed() {
			c.tell(t)
		}
	})
	if transport == "tcp" {
		await(t, "sipp listens", func() bool {
			way, err := net.Dial("tcp", c.address)
			if err == nil {
				_ = way.Close()
			}
			return err == nil
		})
	}
	return c
}

// freePort is a port of a transport that nobody had a moment ago.
func freePort(t *testing.T, transport string) string {
	t.Helper()
	var held io.Closer
	var at net.Addr
	if transport == "tcp" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held, at = listener, listener.Addr()
	} else {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held, at = socket, socket.LocalAddr()
	}
	defer held.Close()
	_, port, _ := net.SplitHostPort(at.String())
	return port
}

// tell shows what sipp saw.
func (c *callee) tell(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(c.folder, "*"))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		t.Logf("%s\n%s", filepath.Base(f), b)
	}
}

// listen records RTP, and presses a key once ten packets came.
func (c *callee) listen() {
	buffer := make([]byte, 2048)
	for {
		n, from, err := c.socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		p, err := rtp.Parse(buffer[:n])
		if err != nil {
			continue
		}
		c.mu.Lock()
		c.recording.Take(&p)
		now := c.recording.Packets == 10
		c.mu.Unlock()
		for i := range uint16(4) {
			if now && c.press != nil {
				event := rtp.Packet{Type: 96, Marker: i == 0, Sequence: i, Timestamp: 1, SSRC: 5, Payload: c.press}
				_, _ = c.socket.WriteTo(event.Append(nil), from)
			}
		}
	}
}

// done waits until sipp has ended with the scenario fulfilled.
func (c *callee) done(t *testing.T) listen.Recording {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- c.command.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("sipp: %v", err)
		}
	case <-time.After(patience):
		t.Error("sipp does not end")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recording
}

// sink keeps receipts.
type sink struct{ receipts chan provider.Receipt }

func (s *sink) Receipt(_ string, r provider.Receipt, ack func(error)) { s.receipts <- r; ack(nil) }
func (s *sink) Inbound(string, provider.Inbound, func(error))         {}

// caller is our end.
func caller(t *testing.T, at string, change func(*sip.Config)) (*sip.Client, *sink) {
	t.Helper()
	s := &sink{receipts: make(chan provider.Receipt, 10)}
	c := sip.Config{Name: "voice", Addr: at, Account: "yanma", Password: core.NewSecret("secret of the trunk"), Source: "4008001234",
		Ring: 30 * time.Second, Response: 20 * time.Second, Probe: -1}
	if change != nil {
		change(&c)
	}
	client, err := sip.New(c, sip.Deps{Sink: s, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Frame: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := client.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	await(t, "the trunk is up", func() bool { return client.Health().Up })
	return client, s
}

// say makes one call and waits for its outcome.
func say(t *testing.T, c *sip.Client, code string, l core.Language) provider.Outcome {
	t.Helper()
	outcome := make(chan provider.Outcome, 1)
	c.Submit(t.Context(), &provider.Message{ID: 1, Channel: core.ChannelVoice, To: core.PhoneFromE164("+8613800138000"), Validity: 3 * time.Minute,
		Text: core.Speech{Code: core.CodeFromDigits(code), Language: l}.Text()}, func(o provider.Outcome) { outcome <- o })
	select {
	case o := <-outcome:
		return o
	case <-time.After(patience):
		t.Fatal("no outcome")
	}
	return provider.Outcome{}
}

func (s *sink) receipt(t *testing.T) provider.Receipt {
	t.Helper()
	select {
	case r := <-s.receipts:
		return r
	case <-time.After(patience):
		t.Fatal("no receipt")
	}
	return provider.Receipt{}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time: " + what)
		}
	}
}

// together runs what waits for the most part at the same time.
type together struct {
	t   *testing.T
	all sync.WaitGroup
}

func (g *together) run(name string, test func(*testing.T)) { g.all.Go(func() { g.t.Run(name, test) }) }

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("sipp"); err != nil {
		_, _ = os.Stderr.WriteString("sipp is missing: run scripts/setup.sh\n")
		os.Exit(1)
	}
	os.Exit(m.Run())
}
