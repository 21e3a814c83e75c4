package link

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/frame"
)

// wire is a protocol of three kinds of frame, each with one octet of body: what
// a submission is about, or 'p' for a probe, or 'g' for goodbye. The answer to a
// submission is 'y', or 't' for throttled.
type wire struct{}

func wireFrame(dst []byte, seq uint32, kind byte) []byte {
	return append(binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 9), seq), kind)
}

func (wire) Login(*Link) error                           { return nil }
func (wire) AppendProbe(dst []byte, seq uint32) []byte   { return wireFrame(dst, seq, 'p') }
func (wire) AppendGoodbye(dst []byte, seq uint32) []byte { return wireFrame(dst, seq, 'g') }
func (wire) OutOfStep([]byte) (answer []byte, why error) { return nil, errors.New("out of step") }
func (wire) Handle(l *Link, octets []byte) (goesOn bool) {
	seq := binary.BigEndian.Uint32(octets[4:])
	switch octets[8] {
	case 'p':
		l.Alive(seq)
	case 'g':
		l.Left()
		return false
	case 't':
		l.Answered(seq, provider.Outcome{Class: provider.Throttled, RetryAfter: time.Second}, EffectSlow, "")
	default:
		l.Answered(seq, provider.Outcome{Class: provider.Accepted}, EffectNone, fmt.Sprint(seq))
	}
	return true
}

// peer is the other end of one connection.
type peer struct {
	net.Conn
	ours    net.Conn
	submits chan submit

	submitted []submit // that has took
}

type submit struct {
	seq  uint32
	kind byte
}

func (p *peer) read() {
	defer close(p.submits)
	r := frame.NewReader(p.Conn, testFormat, nil)
	for {
		octets, err := r.Next()
		if err != nil {
			return
		}
		s := submit{binary.BigEndian.Uint32(octets[4:]), octets[8]}
		if s.kind == 'p' || s.kind == 'g' {
			p.answer(s, s.kind)
			continue
		}
		p.submits <- s
	}
}

func (p *peer) answer(s submit, how byte) { _, _ = p.Write(wireFrame(nil, s.seq, how)) }

// site is a client and what it dialed, in a bubble of synctest.
type site struct {
	*Client
	t      *testing.T
	mu     sync.Mutex
	peers  []*peer
	refuse bool
}

func (s *site) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse {
		return nil, errors.New("refused")
	}
	ours, theirs := net.Pipe()
	p := &peer{Conn: theirs, ours: ours, submits: make(chan submit, 100)}
	s.peers = append(s.peers, p)
	go p.read()
	return ours, nil
}

func (s *site) connections() []*peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.peers)
}

func (s *site) refuseMore(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

// several makes a client whose links are up, and their other ends in their order.
func several(t *testing.T, links int, cfg Config) (*site, []*peer) {
	t.Helper()
	s := &site{t: t}
	cfg.Kind, cfg.Name, cfg.Format = "wire", "test", testFormat
	cfg.ProbeEvery, cfg.ResponseTimeout, cfg.ReconnectMin, cfg.ReconnectMax = time.Minute, 10*time.Second, time.Second, time.Second
	members := make([]Member, links)
	for i := range members {
		members[i] = Member{Label: fmt.Sprint("n", i+1), Protocol: wire{}}
	}
	s.Client = New(cfg, Deps{Now: time.Now, Jitter: func() float64 { return 1 }, Log: slog.New(slog.DiscardHandler), Dial: s.dial}, members...)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Stop(ctx) // what has no answer is the tests' own doing
		synctest.Wait()
	})
	synctest.Wait()
	inOrder := make([]*peer, links)
	for i, k := range s.all {
		for _, p := range s.connections() {
			if p.ours == k.link.Load().conn.net {
				inOrder[i] = p
			}
		}
	}
	return s, inOrder
}

// send submits a message of one part, told from others by its kind.
func (s *site) send(kind byte) <-chan provider.Outcome {
	outcomes := make(chan provider.Outcome, 2)
	go s.Send(s.t.Context(), 5*time.Minute, 1, func(dst []byte, _ Protocol, _ int, seq uint32) ([]byte, error) {
		return wireFrame(dst, seq, kind), nil
	}, func(o provider.Outcome) { outcomes <- o })
	synctest.Wait()
	return outcomes
}

func (p *peer) has(t *testing.T, kinds string) {
	t.Helper()
	synctest.Wait()
	got := ""
	for len(p.submits) > 0 {
		s := <-p.submits
		got += string(s.kind)
		p.submitted = append(p.submitted, s)
	}
	if got != kinds {
		t.Errorf("it has %q, want %q", got, kinds)
	}
}

// TestReq37_OneLinkDies: what was on it is Unknown, the other link's goes on, and
// new messages go over that one, first come first served.
func TestReq37_OneLinkDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peers := several(t, 2, Config{Window: 2})
		first, second := peers[0], peers[1]
		a, b, c, d := s.send('a'), s.send('b'), s.send('c'), s.send('d')
		first.has(t, "ac")
		second.has(t, "bd")
		if h := s.Health(); !h.Up || h.Detail != "bound" || h.Window != 4 || len(h.Links) != 2 || h.Links[1].Window != 2 || h.Links[1].Name != "n2" {
			t.Errorf("%+v", h)
		}
		e, f := s.send('e'), s.send('f') // no place yet
		s.refuseMore(true)
		_ = first.Close()
		synctest.Wait()
		for _, lost := range []<-chan provider.Outcome{a, c} {
			if o := <-lost; o.Class != provider.Unknown {
				t.Errorf("%+v", o)
			}
		}
		if h := s.Health(); !h.Up || !strings.HasPrefix(h.Detail, "1 of 2 bound: n1 connecting: ") || h.Window != 2 || h.Links[0].Up || !h.Links[1].Up {
			t.Errorf("%+v", h)
		}
		second.has(t, "")
		second.answer(second.submitted[0], 'y')
		second.has(t, "e")
		second.answer(second.submitted[1], 'y')
		second.has(t, "f")
		second.answer(second.submitted[2], 'y')
		second.answer(second.submitted[3], 'y')
		for _, kept := range []<-chan provider.Outcome{b, d, e, f} {
			if o := <-kept; o.Class != provider.Accepted {
				t.Errorf("%+v", o)
			}
		}
		s.refuseMore(false)
		time.Sleep(2 * time.Second) // the wait before connecting again
		synctest.Wait()
		if h := s.Health(); h.Detail != "bound" || len(s.connections()) != 3 {
			t.Errorf("%+v, %d connections", h, len(s.connections()))
		}
		s.send('h')
		s.connections()[2].has(t, "h")
	})
}

// TestAllLinksDie: those who wait for a place are told at once.
func TestAllLinksDie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peers := several(t, 2, Config{Window: 1})
		s.send('a')
		s.send('b')
		waiting := []<-chan provider.Outcome{s.send('c'), s.send('d'), s.send('e')}
		s.refuseMore(true)
		_ = peers[0].Close()
		_ = peers[1].Close()
		synctest.Wait()
		for _, one := range waiting {
			if o := <-one; o.Class != provider.NotSent || !strings.HasPrefix(o.Detail, "connecting: ") {
				t.Errorf("%+v", o)
			}
		}
	})
}

// TestThrottledLinkRests: the other link goes on meanwhile.
func TestThrottledLinkRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peers := several(t, 2, Config{Window: 10})
		first, second := peers[0], peers[1]
		a := s.send('a')
		first.has(t, "a")
		first.answer(first.submitted[0], 't')
		if o := <-a; o.Class != provider.Throttled {
			t.Errorf("%+v", o)
		}
		for _, kind := range []byte("bcde") {
			s.send(kind)
		}
		first.has(t, "")
		second.has(t, "bcde")
		time.Sleep(1100 * time.Millisecond) // contracts/delivery.md §2.4: 1 s
		s.send('f')                         // the emptier one again
		first.has(t, "f")
	})
}

// TestRateOfEachLink: two links of ten a second send twenty.
func TestRateOfEachLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peers := several(t, 2, Config{Window: 100, RatePerSecond: 10})
		began := time.Now()
		for range 42 {
			s.send('a')
		}
		for len(peers[0].submits)+len(peers[1].submits) < 42 {
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		// 21 on each, of which the first goes at once.
		if took := time.Since(began).Round(100 * time.Millisecond); took != 2*time.Second || len(peers[0].submits) != 21 {
			t.Errorf("%v, %d on the first", took, len(peers[0].submits))
		}
	})
}

// TestPartsStayTogether: the parts of a long message go over one link, also when
// its window is smaller.
func TestPartsStayTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peers := several(t, 2, Config{Window: 2})
		outcomes := make(chan provider.Outcome, 2)
		go s.Send(t.Context(), 5*time.Minute, 3, func(dst []byte, _ Protocol, part int, seq uint32) ([]byte, error) {
			return wireFrame(dst, seq, "abc"[part]), nil
		}, func(o provider.Outcome) { outcomes <- o })
		peers[0].has(t, "ab")
		peers[0].answer(peers[0].submitted[0], 'y')
		peers[0].has(t, "c")
		peers[1].has(t, "")
		peers[0].answer(peers[0].submitted[1], 'y')
		peers[0].answer(peers[0].submitted[2], 'y')
		if o := <-outcomes; o.Class != provider.Accepted || len(o.PartIDs) != 3 {
			t.Errorf("%+v", o)
		}
	})
}

// TestStopTellsWhoWaits: a Send that waits for a place ends with NotSent.
func TestStopTellsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peers := several(t, 2, Config{Window: 1})
		s.send('a')
		s.send('b')
		c, d := s.send('c'), s.send('d')
		stopped := make(chan error, 1)
		go func() { stopped <- s.Stop(context.Background()) }()
		synctest.Wait()
		for _, one := range []<-chan provider.Outcome{c, d} {
			if o := <-one; o.Class != provider.NotSent {
				t.Errorf("%+v", o)
			}
		}
		for _, p := range peers {
			p.answer(<-p.submits, 'y')
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestReq37_SlowLoris: octets that keep coming, each well in time, do not keep a
// frame open.
func TestReq37_SlowLoris(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peers := several(t, 1, Config{Window: 1})
		began := time.Now()
		head := []byte{0, 0, 3, 0xff}
		for i := 0; ; i++ {
			octet := byte(0)
			if i < len(head) {
				octet = head[i]
			}
			if _, err := peers[0].Write([]byte{octet}); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		// The head and what follows it have the response time-out, 10 s, each.
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("held open for %v", took)
		}
		synctest.Wait()
		if h := s.Health(); !strings.Contains(h.Detail, "timeout") && !h.Up {
			t.Errorf("%+v", h)
		}
	})
}
