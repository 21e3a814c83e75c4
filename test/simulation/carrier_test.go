package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// carrier is an SMSC with moods, and with a line that breaks. It outlives every
// life of the server.
type carrier struct {
	*smsc.Server
	world   *world
	name    string
	address string
	pending *copied // the part that Decide took and Handle gets next
	away    atomic.Bool
	stalled atomic.Int64 // until when the line is slow, Unix nanoseconds
}

func newCarrier(w *world, i int) *carrier {
	c := &carrier{world: w, name: carrierName(i), address: carrierAddrs[i]}
	var err error
	c.Server, err = smsc.New(smsc.Config{Addr: c.address, Decide: c.decide, Handle: c.handle, Answered: c.answered,
		Listen: func(_ context.Context, _, address string) (net.Listener, error) {
			return w.net.listen(c.name, address)
		},
		Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = c.Start(context.Background())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// decide is a carrier's mood towards one part. Of what it breaks it breaks both
// ways: the message was taken, or it was not.
func (c *carrier) decide(p *smsc.Part) smsc.Behaviour {
	w, now := c.world, time.Now().UnixNano()
	behaviour, mood := smsc.Delivered(w.fate.between(2*time.Millisecond, 3*time.Second, "receipt after", now)), "well"
	if w.stormy() {
		chosen := w.planted.mood
		if chosen == 0 {
			chosen = w.fate.below(100, "mood", now)
		}
		mood, behaviour = c.mood(chosen, behaviour)
	}
	point := "submit " + mood
	w.hits.count(point, well)
	w.trace.add(c.name, "%s %s", p.To, point)
	if behaviour.Status == pdu.OK {
		c.pending = w.ledger.taken(&copied{carrier: c.name, number: p.To, code: sixDigits.FindString(p.Text), at: time.Now(), clock: w.now(),
			delivers: !slices.ContainsFunc(behaviour.Reports, func(r smsc.Report) bool { return r.Code != "DELIVRD" }),
			answered: !behaviour.Drop && !behaviour.Silent && behaviour.Delay < 5*time.Second})
	}
	if behaviour.Drop {
		w.ledger.cut(time.Now())
	}
	if p.Segment.Count > 1 {
		w.t.Errorf("a code of %d segments", p.Segment.Count)
	}
	return behaviour
}

var sixDigits = regexp.MustCompile(`[0-9]{6}`)

// moodTakenLost takes a message and cuts the line before the answer.
const moodTakenLost = 80

func (c *carrier) mood(mood int, usual smsc.Behaviour) (string, smsc.Behaviour) {
	w, now := c.world, time.Now().UnixNano()
	soon := w.fate.between(time.Millisecond, 4*time.Second, "receipt soon", now)
	delivered := []smsc.Report{{Code: "DELIVRD", After: soon}}
	switch {
	case mood < 40:
		return "well", usual
	case mood < 44:
		return "receipt before the answer", smsc.Behaviour{Reports: []smsc.Report{{Code: "DELIVRD", BeforeAnswer: true}}}
	case mood < 49:
		return "receipt twice", smsc.Behaviour{Reports: append(delivered, smsc.Report{Code: "DELIVRD", After: soon + time.Second})}
	case mood < 53:
		return "receipt never", smsc.Behaviour{}
	case mood < 57:
		return "undelivered", smsc.Behaviour{Reports: []smsc.Report{{Code: "UNDELIV", After: soon}}}
	case mood < 60:
		return "undelivered, then delivered", smsc.Behaviour{Reports: append([]smsc.Report{{Code: "UNDELIV", After: soon / 2}}, delivered...)}
	case mood < 66:
		return "rejected", smsc.Behaviour{Status: pdu.InvDstAddr}
	case mood < 72:
		return "throttled", smsc.Behaviour{Status: pdu.Throttled}
	case mood <= moodTakenLost:
		return "taken, line lost", smsc.Behaviour{Drop: true, Reports: delivered}
	case mood < 84:
		return "taken, line lost, no receipt", smsc.Behaviour{Drop: true}
	case mood < 91:
		return "line lost", smsc.Behaviour{Drop: true, Status: pdu.SysErr}
	case mood < 94:
		return "taken, silent", smsc.Behaviour{Silent: true, Reports: delivered}
	case mood < 96:
		return "silent", smsc.Behaviour{Silent: true, Status: pdu.SysErr}
	default:
		return "answers late", smsc.Behaviour{Delay: w.fate.between(time.Second, 13*time.Second, "late", now), Reports: delivered}
	}
}

// handle puts a taken message on its phone.
func (c *carrier) handle(m smsc.Message) {
	taken := c.pending
	c.world.ledger.named(taken, m.ID)
	c.world.ledger.phone(m.To).arrive(taken.code)
}

// answered notes what the server said to a receipt.
func (c *carrier) answered(id string, status pdu.Status) {
	c.world.trace.add(c.name, "a receipt is answered %s", status.Name())
	if status == pdu.OK {
		c.world.ledger.reported(c.name, id)
	}
}

// breakLines cuts, slows and closes the line now and then, until the storm is over.
func (c *carrier) breakLines(until time.Time) {
	w := c.world
	for i := int64(0); ; i++ {
		time.Sleep(w.fate.between(500*time.Millisecond, 9*time.Second, c.name+" breaks", i))
		if time.Now().After(until) {
			return
		}
		switch w.fate.below(5, c.name+" breaks how", i) {
		case 0:
			w.trace.add(c.name, "line cut")
			w.ledger.cut(time.Now())
			c.DropAll()
		case 1:
			w.trace.add(c.name, "line slow")
			c.stalled.Store(time.Now().Add(w.fate.between(50*time.Millisecond, 900*time.Millisecond, c.name+" slow", i)).UnixNano())
		case 2:
			w.trace.add(c.name, "line closed")
			w.ledger.cut(time.Now())
			c.away.Store(true)
			c.DropAll()
			time.Sleep(w.fate.between(500*time.Millisecond, 6*time.Second, c.name+" closed", i))
			c.away.Store(false)
		case 3:
			w.trace.add(c.name, "line dead")
			w.ledger.cut(time.Now())
			w.net.swallow(c.name)
		case 4:
			w.trace.add(c.name, "deaf")
			w.ledger.cut(time.Now())
			c.Mute(true)
			time.Sleep(w.fate.between(500*time.Millisecond, 6*time.Second, c.name+" deaf", i))
			c.Mute(false)
			w.ledger.cut(time.Now())
		}
	}
}

// refuses tells whether a carrier does not answer at its address.
func (w *world) refuses(address string) bool {
	for _, c := range w.carriers {
		if c != nil && c.address == address {
			return c.away.Load()
		}
	}
	return false
}

// slowness is how much longer a connection takes now.
func (w *world) slowness(name string) time.Duration {
	for _, c := range w.carriers {
		if c != nil && strings.Contains(name, c.address) {
			return max(0, time.Until(time.Unix(0, c.stalled.Load())))
		}
	}
	return 0
}

// number is the national form of a person's number.
func number(i int) string { return fmt.Sprintf("138%08d", i) }
