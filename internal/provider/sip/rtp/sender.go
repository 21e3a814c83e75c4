package rtp

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/provider/sip/g711"
)

// Frame is what one packet holds: 20 ms (RFC 3551 §4.2), PerFrame samples.
const (
	Frame    = 20 * time.Millisecond
	PerFrame = int(g711.Rate * Frame / time.Second)
)

// mostLate is how many packets a sender that was held up makes good at once;
// what is older is sent later than its time.
const mostLate = 5

// Sender speaks one stream.
type Sender struct {
	law   g711.Law
	now   func() time.Time
	every time.Duration
	write func([]byte) error

	next   Packet
	buffer []byte
	octets []byte
}

// NewSender returns a sender of a stream that begins with the given random
// numbers (RFC 3550 §5.1). every is the time between two packets: Frame, or less
// where nobody listens. write takes whole packets and must not keep them.
func NewSender(law g711.Law, ssrc uint32, sequence uint16, timestamp uint32, now func() time.Time, every time.Duration, write func([]byte) error) *Sender {
	return &Sender{law: law, now: now, every: every, write: write,
		next: Packet{Type: uint8(law), SSRC: ssrc, Sequence: sequence, Timestamp: timestamp}}
}

// Speak sends the samples, silence behind them to fill the last packet, at the
// stream's pace; its first packet has the marker. It returns when the last one
// has had its time, or ctx ends. Packets that can not be written are lost, as in
// any network.
func (s *Sender) Speak(ctx context.Context, samples []int16) {
	s.next.Marker = true
	s.run(ctx, nil, (len(samples)+PerFrame-1)/PerFrame, func(n int) {
		s.octets = s.law.Encode(s.octets[:0], samples[n*PerFrame:min((n+1)*PerFrame, len(samples))])
		for len(s.octets) < PerFrame {
			s.octets = append(s.octets, s.law.Silence())
		}
		s.send()
	})
}

// Listen sends silence for d, until ctx ends or something comes from pressed,
// which it tells: a stream that stops looks dead to gateways.
func (s *Sender) Listen(ctx context.Context, pressed <-chan struct{}, d time.Duration) bool {
	return s.run(ctx, pressed, int(d/Frame), func(int) {
		s.octets = s.octets[:0]
		for len(s.octets) < PerFrame {
			s.octets = append(s.octets, s.law.Silence())
		}
		s.send()
	})
}

// run calls send for frames packets, one each s.every after the first; true when
// stop ended it.
func (s *Sender) run(ctx context.Context, stop <-chan struct{}, frames int, send func(n int)) bool {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	began, late := s.now(), time.Duration(0)
	for sent := 0; sent < frames; {
		due := int((s.now().Sub(began)-late)/s.every) + 1
		if due-sent > mostLate {
			late += time.Duration(due-sent-mostLate) * s.every
			due = sent + mostLate
		}
		for ; sent < min(due, frames); sent++ {
			send(sent)
		}
		select {
		case <-tick.C:
		case <-stop:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return false
}

func (s *Sender) send() {
	s.next.Payload = s.octets
	s.buffer = s.next.Append(s.buffer[:0])
	_ = s.write(s.buffer)
	s.next.Marker = false
	s.next.Sequence++
	s.next.Timestamp += uint32(PerFrame)
}
