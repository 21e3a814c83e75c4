package link

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/provider/frame"
)

// testFormat is a length and a sequence number, like the heads of SMPP and CMPP.
var testFormat = frame.Format{HeaderLen: 8, MaxLen: 1 << 10}

func testFrame(dst []byte, seq uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 8), seq)
}

func enqueue(c *Conn, seq uint32) (uint64, error) {
	return c.Append(func(dst []byte) ([]byte, error) { return testFrame(dst, seq), nil })
}

func pipe(t *testing.T, wait Timeouts) (*Conn, net.Conn) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	ours, theirs := net.Pipe()
	c := NewConn(ours, testFormat, time.Now, wait)
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
				if _, err := enqueue(c, uint32(caller*each+i+1)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	seen := make(map[uint32]int)
	r := frame.NewReader(peer, testFormat, nil)
	for range callers * each {
		octets, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		seen[binary.BigEndian.Uint32(octets[4:])]++
	}
	if len(seen) != callers*each {
		t.Errorf("%d different frames of %d", len(seen), callers*each)
	}
}

func TestOffsetsAndWritten(t *testing.T) {
	c, peer := pipe(t, patient)
	for i := range uint64(3) {
		offset, err := enqueue(c, 1)
		if err != nil || offset != 8*i {
			t.Errorf("frame %d begins at %d, %v", i, offset, err)
		}
	}
	failed := errors.New("does not encode")
	if _, err := c.Append(func(dst []byte) ([]byte, error) { return dst, failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	r := frame.NewReader(peer, testFormat, nil)
	for range 3 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	c.Finish()
	<-c.Down()
	if n := c.Written(); n != 24 {
		t.Errorf("%d octets written", n)
	}
	if _, err := enqueue(c, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestPeerThatDoesNotRead ends the connection at the write deadline.
func TestPeerThatDoesNotRead(t *testing.T) {
	c, _ := pipe(t, Timeouts{Frame: time.Second, Write: 20 * time.Millisecond})
	if _, err := enqueue(c, 1); err != nil {
		t.Fatal(err)
	}
	<-c.Down()
	if _, err := c.Next(); err == nil {
		t.Error("Next goes on")
	}
	if c.Written() != 0 {
		t.Errorf("%d octets written", c.Written())
	}
}

// TestDeadlines: silence between frames may last, inside a frame it may not.
func TestDeadlines(t *testing.T) {
	c, peer := pipe(t, Timeouts{Frame: 30 * time.Millisecond, Write: time.Second})
	octets := testFrame(nil, 1)
	go func() {
		time.Sleep(60 * time.Millisecond)
		_, _ = peer.Write(octets)
		_, _ = peer.Write(octets[:5])
	}()
	if _, err := c.Next(); err != nil {
		t.Fatalf("after silence: %v", err)
	}
	_, err := c.Next()
	if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
		t.Errorf("inside a frame: %v", err)
	}
}
