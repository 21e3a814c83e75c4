package smpp_test

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// suspicious is a sink that stores everything and looks at it.
type suspicious struct{ t *testing.T }

func (s suspicious) Receipt(_ string, r provider.Receipt, ack func(error)) {
	if r.PartID == "" || r.Code == "" || r.State < provider.StateSubmitted || r.State > provider.StateUndelivered || slices.Contains(r.AltIDs, r.PartID) {
		s.t.Errorf("%+v", r)
	}
	ack(nil)
	ack(nil) // once is enough
}

func (s suspicious) Inbound(_ string, _ provider.Inbound, ack func(error)) { ack(nil) }

// FuzzHostileSMSC binds and then sends anything, in pieces of any size: a message
// under way has one outcome, no receipt is without an id, and the client ends.
func FuzzHostileSMSC(f *testing.F) {
	receipt := pdu.SM{ESMClass: pdu.ESMClassReceipt, ShortMessage: []byte("id:42 stat:DELIVRD")}
	long := pdu.SM{ESMClass: pdu.ESMClassUDHI, ShortMessage: []byte{5, 0, 3, 1, 2, 1, 'a'}}
	deliver, _ := pdu.AppendSM(nil, pdu.DeliverSM, 7, &receipt)
	segment, _ := pdu.AppendSM(nil, pdu.DeliverSM, 8, &long)
	answer, _ := pdu.AppendSMResp(nil, pdu.SubmitSMResp, pdu.OK, 2, "42")
	for _, stream := range [][]byte{
		nil, answer, append(deliver, answer...), segment, {0, 0, 0, 16, 0x80},
		pdu.AppendEmpty(nil, pdu.SubmitSMResp, pdu.Throttled, 2), pdu.AppendEmpty(nil, pdu.GenericNack, pdu.OK, 2),
		pdu.AppendEmpty(nil, pdu.Unbind, pdu.OK, 1), {0x80, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1},
	} {
		f.Add(stream, byte(1))
		f.Add(stream, byte(200))
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece byte) {
		ours, theirs := net.Pipe()
		d := deps(suspicious{t})
		d.Dial = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
		c, err := smpp.New(smpp.Config{Name: "test", Addr: "smsc:1", SystemID: systemID, Password: password, Window: 1,
			ResponseTimeout: time.Minute, ReconnectMin: time.Hour, ReconnectMax: time.Hour}, d)
		if err != nil {
			t.Fatal(err)
		}
		go hostile(theirs, stream, max(int(piece), 1))
		startClient(t, c)
		up(t, c)
		outcomes := make(chan provider.Outcome, 3)
		c.Submit(t.Context(), text("hello"), func(o provider.Outcome) { outcomes <- o })
		await(t, outcomes)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
		if len(outcomes) > 0 {
			t.Errorf("a second outcome: %+v", <-outcomes)
		}
	})
}

// hostile answers the bind, waits for the message, and says what it has to say.
func hostile(conn net.Conn, stream []byte, piece int) {
	defer func() { _ = conn.Close() }()
	r := pdu.NewReader(conn, nil)
	h, _, err := r.Next()
	if err != nil {
		return
	}
	resp, _ := pdu.AppendBindResp(nil, h.ID.Response(), pdu.OK, h.Seq, &pdu.BindResp{SystemID: "hostile"})
	if _, err := conn.Write(resp); err != nil {
		return
	}
	if _, _, err := r.Next(); err != nil {
		return
	}
	listening := make(chan struct{})
	go func() { defer close(listening); _, _ = io.Copy(io.Discard, conn) }()
	for part := range slices.Chunk(stream, piece) {
		if _, err := conn.Write(part); err != nil {
			break
		}
	}
	_ = conn.Close()
	<-listening
}
