package wire

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

func pipe(t *testing.T, wait Timeouts) (*Conn, net.Conn) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	ours, theirs := net.Pipe()
	c := New(ours, time.Now, wait)
	var writing sync.WaitGroup
	writing.Go(c.WriteLoop)
	t.Cleanup(func() {
		c.Close(ErrClosed)
		_ = theirs.Close()
		writing.Wait()
	})
	return c, theirs
}

var patient = Timeouts{Frame: 10 * time.Second, Write: 10 * time.Second}

// TestEverythingIsWrittenOnce queues from many goroutines and reads it all.
func TestEverythingIsWrittenOnce(t *testing.T) {
	const callers, each = 20, 200
	c, peer := pipe(t, patient)
	for caller := range callers {
		go func() {
			for i := range each {
				if err := c.Empty(pdu.EnquireLink, pdu.OK, uint32(caller*each+i+1)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	seen := make(map[uint32]int)
	r := pdu.NewReader(peer, nil)
	for range callers * each {
		h, _, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		seen[h.Seq]++
	}
	if len(seen) != callers*each {
		t.Errorf("%d different frames of %d", len(seen), callers*each)
	}
}

func TestOffsetsAndWritten(t *testing.T) {
	c, peer := pipe(t, patient)
	enquire := func(dst []byte) ([]byte, error) { return pdu.AppendEmpty(dst, pdu.EnquireLink, pdu.OK, 1), nil }
	for i := range uint64(3) {
		offset, err := c.Append(enquire)
		if err != nil || offset != 16*i {
			t.Errorf("frame %d begins at %d, %v", i, offset, err)
		}
	}
	failed := errors.New("does not encode")
	if _, err := c.Append(func(dst []byte) ([]byte, error) { return dst, failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	r := pdu.NewReader(peer, nil)
	for range 3 {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	c.Finish()
	<-c.Down()
	if n := c.Written(); n != 48 {
		t.Errorf("%d octets written", n)
	}
	if _, err := c.Append(enquire); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestPeerThatDoesNotRead ends the connection at the write deadline.
func TestPeerThatDoesNotRead(t *testing.T) {
	c, _ := pipe(t, Timeouts{Frame: time.Second, Write: 20 * time.Millisecond})
	if err := c.Empty(pdu.EnquireLink, pdu.OK, 1); err != nil {
		t.Fatal(err)
	}
	<-c.Down()
	if _, _, err := c.Next(); err == nil {
		t.Error("Next goes on")
	}
	if c.Written() != 0 {
		t.Errorf("%d octets written", c.Written())
	}
}

// TestDeadlines: silence between frames may last, inside a frame it may not.
func TestDeadlines(t *testing.T) {
	c, peer := pipe(t, Timeouts{Frame: 30 * time.Millisecond, Write: time.Second})
	frame := pdu.AppendEmpty(nil, pdu.EnquireLink, pdu.OK, 1)
	go func() {
		time.Sleep(60 * time.Millisecond)
		_, _ = peer.Write(frame)
		_, _ = peer.Write(frame[:5])
	}()
	if _, _, err := c.Next(); err != nil {
		t.Fatalf("after silence: %v", err)
	}
	_, _, err := c.Next()
	if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
		t.Errorf("inside a frame: %v", err)
	}
}
