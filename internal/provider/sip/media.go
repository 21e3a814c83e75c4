package sip

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"yanma.dev/yanma/internal/provider/sip/rtp"
	"yanma.dev/yanma/internal/provider/sip/sdp"
)

const (
	listenFor   = 5 * time.Second // for a key, after the code was said
	mostRepeats = 3               // of the code, at keys
)

// media is the audio of one call.
type media struct {
	client *Client
	socket net.PacketConn
	seed   [18]byte // random: session, SSRC, sequence, timestamp

	answer sdp.Answer
	reader sync.WaitGroup
}

// openMedia takes a port for RTP.
func (c *Client) openMedia(ctx context.Context) (*media, error) {
	m := &media{client: c}
	if _, err := io.ReadFull(c.deps.Random, m.seed[:]); err != nil {
		return nil, err
	}
	var listener net.ListenConfig
	first, count := int(c.cfg.Ports[0]), int(c.cfg.Ports[1])-int(c.cfg.Ports[0])+1
	if c.cfg.Ports[1] == 0 {
		first, count = 0, 1
	}
	start := int(binary.BigEndian.Uint16(m.seed[16:])) % count
	var err error
	for i := range count {
		at := netip.AddrPortFrom(c.own, uint16(first+(start+i)%count))
		if m.socket, err = listener.ListenPacket(ctx, "udp", at.String()); err == nil {
			return m, nil
		}
	}
	return nil, err
}

func (m *media) offer() []byte {
	at, _ := netip.ParseAddrPort(m.socket.LocalAddr().String())
	return sdp.Offer{Session: binary.BigEndian.Uint64(m.seed[:8]) >> 2, Media: netip.AddrPortFrom(m.client.told.Addr(), at.Port())}.Append(nil)
}

// connect takes the callee's description.
func (m *media) connect(description []byte) (err error) {
	m.answer, err = sdp.ParseAnswer(description)
	return err
}

// speak says the call's code, and again for each key, until ctx ends. What came
// before the answer was not listened to (early media is the network's).
func (m *media) speak(ctx context.Context, l *call) {
	m.reader.Go(func() { m.listen(l) })
	to := net.UDPAddrFromAddrPort(m.answer.Media)
	sender := rtp.NewSender(m.answer.Law, binary.BigEndian.Uint32(m.seed[8:]), binary.BigEndian.Uint16(m.seed[12:]),
		binary.BigEndian.Uint32(m.seed[12:]), m.client.deps.Now, m.client.deps.Frame, func(packet []byte) error {
			_, err := m.socket.WriteTo(packet, to)
			return err
		})
	book := m.client.book
	sender.Speak(ctx, book.Say(l.said))
	for repeats := 0; ctx.Err() == nil && sender.Listen(ctx, l.pressed, listenFor) && repeats < mostRepeats; repeats++ {
		sender.Speak(ctx, book.Once(l.said))
	}
}

// listen reads the callee's keys until the socket is closed. Only what comes
// from the address of the answer counts.
func (m *media) listen(l *call) {
	buffer := make([]byte, 2048)
	var keys rtp.Keys
	for {
		n, from, err := m.socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		at, ok := from.(*net.UDPAddr)
		if !ok || m.answer.Events == 0 || at.AddrPort().Addr().Unmap() != m.answer.Media.Addr() {
			continue
		}
		if p, err := rtp.Parse(buffer[:n]); err == nil && p.Type == m.answer.Events {
			if _, pressed := keys.Press(&p); pressed {
				l.press()
			}
		}
	}
}

func (m *media) close() {
	_ = m.socket.Close()
	m.reader.Wait()
}
