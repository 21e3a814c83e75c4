package cmpp_test

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/frame"
)

// suspicious is a sink that stores everything and looks at it.
type suspicious struct{ t *testing.T }

func (s suspicious) Receipt(_ string, r provider.Receipt, ack func(error)) {
	if r.PartID == "" || r.State < provider.StateSubmitted || r.State > provider.StateUndelivered {
		s.t.Errorf("%+v", r)
	}
	ack(nil)
	ack(nil) // once is enough
}

func (s suspicious) Inbound(_ string, _ provider.Inbound, ack func(error)) { ack(nil) }

// FuzzHostileGateway lets us in and then sends anything, in pieces of any size: a
// message under way has one outcome, and the client ends.
func FuzzHostileGateway(f *testing.F) {
	report, _ := pdu.AppendReport(nil, pdu.V20, &pdu.Report{MsgID: 42, Stat: "DELIVRD", SubmitTime: "2311212130", DoneTime: "2311212131", Dest: "13800138000"})
	deliver, _ := pdu.AppendDeliver(nil, pdu.V20, 7, &pdu.Deliver{MsgID: 9, RegisteredDelivery: 1, SrcTerminal: "13800138000", Content: report})
	long, _ := pdu.AppendDeliver(nil, pdu.V20, 8, &pdu.Deliver{MsgID: 9, TPUdhi: 1, MsgFmt: pdu.FormatUCS2, SrcTerminal: "13800138000", Content: []byte{5, 0, 3, 1, 2, 1, 0, 'a'}})
	answer := pdu.AppendResp(nil, pdu.V20, pdu.CmdSubmitResp, 2, 42, pdu.ResultOK)
	for _, stream := range [][]byte{
		nil, answer, append(deliver, answer...), long, {0, 0, 0, 12, 0x80}, pdu.AppendResp(nil, pdu.V30, pdu.CmdSubmitResp, 2, 42, pdu.ResultFlowControl),
		pdu.AppendEmpty(nil, pdu.CmdSubmitResp, 2), pdu.AppendEmpty(nil, pdu.CmdTerminate, 1), {0x80, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1},
	} {
		f.Add(stream, byte(1))
		f.Add(stream, byte(200))
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece byte) {
		ours, theirs := net.Pipe()
		d := deps(suspicious{t})
		d.Dial = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
		c, err := cmpp.New(cmpp.Config{Name: "test", Addr: "gateway:1", SPID: spID, Secret: secret, Source: source, Window: 1,
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

// hostile answers the login, waits for the message, and says what it has to say.
func hostile(conn net.Conn, stream []byte, piece int) {
	defer func() { _ = conn.Close() }()
	r := frame.NewReader(conn, pdu.Format, nil)
	octets, err := r.Next()
	if err != nil {
		return
	}
	h, body, _ := pdu.Split(octets)
	login, err := pdu.ParseConnect(body)
	if err != nil {
		return
	}
	resp := pdu.ConnectResp{Version: login.Version, Authenticator: pdu.ISMGAuthenticator(login.Version, pdu.ConnectOK, login.Authenticator, secret.Reveal())}
	if _, err := conn.Write(pdu.AppendConnectResp(nil, login.Version, h.Seq, &resp)); err != nil {
		return
	}
	if _, err := r.Next(); err != nil {
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
