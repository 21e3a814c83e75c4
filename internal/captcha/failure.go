package captcha

import (
	"context"
	"net/netip"

	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/store"
)

// prefix is the bucket of an address's /24 or /64 under a rule: the last one of
// an address's buckets. None when the rule is off or there is no address.
func (s *Service) prefix(rule *guard.Rule, ip netip.Addr) []guard.Bucket {
	all := rule.ForIP(nil, s.o.Subjects, ip, 0)
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1:]
}

// blocked refuses a prefix from which too many answers were wrong.
func (s *Service) blocked(ctx context.Context, ip netip.Addr) error {
	verdict, err := s.o.Limiter.Peek(ctx, s.o.Now(), s.prefix(s.o.Rules.CaptchaBlocked, ip))
	if err != nil {
		return err
	}
	return verdict.Refused()
}

// countFailure counts a wrong answer on its prefix; the one that fills the rule
// starts the block, which outlasts a restart. That a counter can not be kept
// does not change the answer to the caller.
func (s *Service) countFailure(ctx context.Context, ip netip.Addr) {
	now, failures := s.o.Now(), s.prefix(s.o.Rules.CaptchaFailed, ip)
	if len(failures) == 0 {
		return
	}
	if _, err := s.o.Limiter.Take(ctx, now, failures); err != nil {
		return // full already: the block has begun
	}
	verdict, err := s.o.Limiter.Peek(ctx, now, failures)
	if err != nil || verdict.Action != guard.Refuse {
		return
	}
	taken, err := s.o.Limiter.Take(ctx, now, s.prefix(s.o.Rules.CaptchaBlocked, ip))
	if err != nil {
		return
	}
	s.tally.blocks.Add(1)
	if events := taken.Journal(nil); len(events) > 0 {
		if err := s.o.Store.Do(ctx, journal(events)); err != nil {
			s.o.Log.Warn("captcha: a block is not on disk: a restart ends it", "error", err.Error())
		}
	}
}

// journal is the command that keeps counted events.
type journal []byte

// Want implements store.Command.
func (journal) Want(*store.Batch) {}

// Decide implements store.Command.
func (j journal) Decide(b *store.Batch) error {
	b.AppendJournal(j)
	return nil
}
