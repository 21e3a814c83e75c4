package sip

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/receipt"
)

// Waits at the end of a call: for the last answer after a CANCEL, for the answer
// to a BYE, and for either once the provider must stop.
const (
	cancelWait = 5 * time.Second
	byeWait    = 5 * time.Second
	lastWait   = 500 * time.Millisecond
)

// call is one call, from its INVITE to its end. make runs it; only the callee's
// hanging up and keys come from elsewhere.
type call struct {
	client *Client
	number string
	said   core.Speech
	ring   time.Duration
	settle func(provider.Outcome) // nil once the outcome was told

	id      string
	invite  *sip.Request
	media   *media
	rang    bool // 18x came
	pressed chan struct{}
	hangUp  sync.Once
	hungUp  chan struct{}
}

func (l *call) press() {
	select {
	case l.pressed <- struct{}{}:
	default: // one press is waiting already
	}
}

// outcome tells how the submission ended; only the first one counts.
func (l *call) outcome(o provider.Outcome) {
	if l.settle == nil {
		return
	}
	if o.Class == provider.Accepted || o.Class == provider.Unknown {
		o.PartIDs = []string{l.id}
	}
	settle := l.settle
	l.settle = nil
	settle(o)
}

// make makes the call until it has ended.
func (l *call) make(ctx context.Context) {
	if err := l.prepare(ctx); err != nil {
		l.outcome(provider.Outcome{Class: provider.NotSent, Detail: err.Error()})
		return
	}
	defer l.media.close()
	l.client.mu.Lock()
	l.client.calls[l.id] = l
	l.client.mu.Unlock()
	defer func() {
		l.client.mu.Lock()
		delete(l.client.calls, l.id)
		l.client.mu.Unlock()
	}()
	tx, err := l.client.sip.TransactionRequest(ctx, l.invite, sipgo.ClientRequestAddVia)
	if err != nil {
		l.outcome(provider.Outcome{Class: provider.NotSent, Detail: "the INVITE could not be sent"})
		return
	}
	l.await(ctx, tx)
}

// prepare opens the media's socket and writes the INVITE.
func (l *call) prepare(ctx context.Context) error {
	var err error
	if l.id, err = l.client.token(16); err != nil {
		return errors.New("no randomness")
	}
	if l.media, err = l.client.openMedia(ctx); err != nil {
		return errors.New("no socket for RTP")
	}
	l.invite = l.client.newInvite(l.id, l.id[:8], l.number, l.media.offer())
	return nil
}

// await handles the trunk's answers to the INVITE until the call is answered,
// refused or given up.
func (l *call) await(ctx context.Context, tx sip.ClientTransaction) {
	response, ringing := time.NewTimer(l.client.cfg.Response), time.NewTimer(l.ring)
	defer response.Stop()
	defer ringing.Stop()
	heard := false // anything of the trunk
	stop := l.client.stop
	for {
		select {
		case r := <-tx.Responses():
			heard = true
			switch {
			case r.IsProvisional():
				l.provisional(r)
			case r.IsSuccess():
				l.answered(ctx, tx, r)
				return
			case isChallenge(r):
				if tx = l.again(ctx, r); tx == nil {
					return
				}
				heard = false
			default:
				l.refused(judge(r.StatusCode, retryAfter(r)))
				return
			}
		case <-response.C:
			if heard {
				l.outcome(provider.Outcome{Class: provider.Accepted})
				continue
			}
			l.outcome(provider.Outcome{Class: provider.Unknown, Detail: "no answer to the INVITE"})
			if isClosed(stop) {
				l.client.abandon(tx)
				return
			}
		case <-stop:
			stop = nil
			if l.settle == nil && !heard {
				l.client.abandon(tx)
				return
			}
		case <-ringing.C:
			l.giveUp(tx, heard, cancelWait, true)
			return
		case <-ctx.Done():
			l.giveUp(tx, heard, lastWait, false)
			return
		case <-tx.Done():
			// No answer at all in 32 s, or the connection is gone.
			l.outcome(provider.Outcome{Class: provider.Unknown, Detail: "no answer to the INVITE"})
			return
		}
	}
}

func isChallenge(r *sip.Response) bool {
	return r.StatusCode == sip.StatusUnauthorized || r.StatusCode == sip.StatusProxyAuthRequired
}

// again answers a challenge with the same call's next INVITE; nil when that can
// not be, and the call has ended.
func (l *call) again(ctx context.Context, challenge *sip.Response) sip.ClientTransaction {
	next := l.client.authorise(l.invite, challenge)
	if next == nil {
		l.refused(judge(challenge.StatusCode, ""))
		return nil
	}
	l.invite = next
	tx, err := l.client.sip.TransactionRequest(ctx, next, sipgo.ClientRequestAddVia)
	if err != nil {
		l.outcome(provider.Outcome{Class: provider.NotSent, Detail: "the INVITE could not be sent"})
		return nil
	}
	return tx
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// provisional: 100 says that the trunk has the request, 18x that it calls.
func (l *call) provisional(r *sip.Response) {
	if r.StatusCode == sip.StatusTrying {
		return
	}
	l.rang = true
	l.client.noteAccount("")
	l.outcome(provider.Outcome{Class: provider.Accepted})
}

// refused ends a call that was not answered.
func (l *call) refused(v verdict) {
	if v.account {
		l.client.noteAccount(v.code)
	}
	if v.class == provider.Throttled {
		l.client.pace.Throttled(l.client.deps.Now())
	}
	switch {
	case v.class == 0:
		l.report(v.code)
	case l.settle != nil:
		l.outcome(provider.Outcome{Class: v.class, Code: v.code, RetryAfter: v.after})
	default: // it rang, or was thought lost, before: the message was submitted
		l.report(receipt.VoiceUnreachable)
	}
}

// report tells how a call that the trunk took ended.
func (l *call) report(code string) {
	l.outcome(provider.Outcome{Class: provider.Accepted, Code: code})
	meaning := receipt.Classify(code)
	l.client.deliver(provider.Receipt{PartID: l.id, State: meaning.State, Code: code, JSMS: meaning.JSMS, DoneAt: l.client.deps.Now()})
}

// giveUp takes a call back that rang for too long, or that must end now.
func (l *call) giveUp(tx sip.ClientTransaction, heard bool, wait time.Duration, rangOut bool) {
	if !heard { // nothing may be cancelled before the trunk answered (RFC 3261 §9.1)
		l.client.abandon(tx)
		l.outcome(provider.Outcome{Class: provider.Unknown, Detail: "no answer to the INVITE"})
		return
	}
	defer tx.Terminate()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.client.life), wait)
	defer cancel()
	_, _ = l.client.sip.Do(ctx, l.client.newCancel(l.invite), func(*sipgo.Client, *sip.Request) error { return nil })
	code := receipt.VoiceUnreachable
	if l.rang || !rangOut {
		code = receipt.VoiceNoAnswer
	}
	for {
		select {
		case r := <-tx.Responses():
			if r.IsProvisional() {
				continue
			}
			if r.IsSuccess() { // lifted at the very moment
				l.acknowledge(tx, r)
				l.bye(r, wait)
			}
		case <-tx.Done():
		case <-ctx.Done():
		}
		l.report(code)
		return
	}
}

// answered speaks to the callee.
func (l *call) answered(ctx context.Context, tx sip.ClientTransaction, r *sip.Response) {
	l.client.noteAccount("")
	l.acknowledge(tx, r)
	wait := byeWait
	if err := l.media.connect(r.Body()); err != nil {
		l.report(VoiceNoMedia)
		l.bye(r, wait)
		return
	}
	l.report(receipt.VoiceAnswered)
	if l.speak(ctx) {
		return // the callee hung up
	}
	if ctx.Err() != nil {
		wait = lastWait
	}
	l.bye(r, wait)
}

// acknowledge sends the ACK, and once more for each repetition of the answer.
func (l *call) acknowledge(tx sip.ClientTransaction, r *sip.Response) {
	send := func() {
		ack := l.client.inside(sip.ACK, l.invite, r, l.invite.CSeq().SeqNo)
		_ = l.client.sip.WriteRequest(ack, sipgo.ClientRequestAddVia) // a lost one is asked for again
	}
	tx.OnRetransmission(func(*sip.Response) { send() })
	send()
}

// speak says the code and repeats it at a key. It tells whether the callee hung
// up.
func (l *call) speak(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-l.hungUp:
			cancel()
		case <-ctx.Done():
		}
	})
	l.media.speak(ctx, l)
	cancel()
	watching.Wait()
	return isClosed(l.hungUp)
}

// bye hangs up.
func (l *call) bye(answer *sip.Response, wait time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.client.life), wait)
	defer cancel()
	bye := l.client.inside(sip.BYE, l.invite, answer, l.invite.CSeq().SeqNo+1)
	_, _ = l.client.sip.Do(ctx, bye, sipgo.ClientRequestAddVia) // the callee's line ends by itself otherwise
}
