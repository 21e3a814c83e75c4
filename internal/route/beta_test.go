package route

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/core"
)

func TestDrawsAreOfTheBetaDistribution(t *testing.T) {
	uniform := rand.New(rand.NewPCG(1, 1)).Float64
	for _, s := range []score{{}, {good: 30, bad: 10}, {good: 2, bad: 40}} {
		a, b := s.good+priorGood, s.bad+priorBad
		const n = 20000
		var sum, squares float64
		for range n {
			x := s.draw(uniform)
			sum += x
			squares += x * x
		}
		mean, wantMean := sum/n, a/(a+b)
		variance, wantVariance := squares/n-mean*mean, a*b/((a+b)*(a+b)*(a+b+1))
		if math.Abs(mean-wantMean) > 0.01 || math.Abs(variance-wantVariance) > 0.1*wantVariance {
			t.Errorf("%+v: mean %.3f variance %.5f, want %.3f and %.5f", s, mean, variance, wantMean, wantVariance)
		}
		if math.Abs(s.mean()-wantMean) > 1e-9 {
			t.Errorf("believed %.3f, want %.3f", s.mean(), wantMean)
		}
	}
}

// TestScoreProperties: scores stay finite, never below zero, never above the
// memory, and a correction is worth what the judgement was.
func TestScoreProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s score
		now := int64(1000)
		t.Repeat(map[string]func(*rapid.T){
			"entered":   func(*rapid.T) { s.judge(true, now) },
			"unentered": func(*rapid.T) { s.judge(false, now) },
			"correct":   func(*rapid.T) { s.correct(now) },
			"wait":      func(t *rapid.T) { now += rapid.Int64Range(-100, 10000).Draw(t, "wait") },
			"": func(t *rapid.T) {
				if !(s.good >= 0 && s.bad >= 0 && s.good+s.bad <= memoryOf) {
					t.Fatalf("%+v", s)
				}
				if m := s.mean(); !(m > 0 && m < 1) {
					t.Fatalf("believed %v", m)
				}
			},
		})
	})
}

// TestSharesExplore: nobody ever has nothing, and what is alike is drawn by its
// weights.
func TestSharesExplore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "choices")
		weights, drawn, all := make([]int, n), make([]float64, n), 0
		for i := range n {
			weights[i] = rapid.IntRange(1, heaviest).Draw(t, "weight")
			drawn[i] = rapid.Float64Range(0.0001, 1).Draw(t, "drawn")
			all += weights[i]
		}
		got, sum := shares(weights, drawn, nil), 0.0
		for i, share := range got {
			sum += share
			if least := exploring * float64(weights[i]) / float64(all); share < least*0.999 {
				t.Fatalf("share %v, least %v", share, least)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("the shares add to %v", sum)
		}
		if at := pick(got, rapid.Float64Range(0, 0.9999999).Draw(t, "u")); at < 0 || at >= n {
			t.Fatalf("picked %d of %d", at, n)
		}
		for i := range drawn {
			drawn[i] = 0.7
		}
		for i, share := range shares(weights, drawn, nil) {
			if want := float64(weights[i]) / float64(all); math.Abs(share-want) > 1e-9 {
				t.Fatalf("of equals: %v, want %v", share, want)
			}
		}
	})
}

func TestCodesAreJudgedAndCorrected(t *testing.T) {
	c, at := newConversions(), place{"a", "86"}
	tally := func() (int64, int64) { return c.scores[at].entered, c.scores[at].unentered }
	now := began
	for id := range core.MessageID(4) {
		c.taken(id+1, at, now)
	}
	c.verified(1, now.Add(20*time.Second))
	c.verified(9, now) // nobody's
	c.pass(now.Add(patience - 1))
	if e, u := tally(); e != 1 || u != 0 {
		t.Fatalf("before the patience is over: %d entered, %d not", e, u)
	}
	c.pass(now.Add(patience))
	if e, u := tally(); e != 1 || u != 3 {
		t.Fatalf("after it: %d entered, %d not", e, u)
	}
	c.verified(2, now.Add(2*time.Minute)) // late
	if e, u := tally(); e != 2 || u != 2 {
		t.Fatalf("corrected: %d entered, %d not", e, u)
	}
	c.pass(now.Add(forgiveness))
	c.verified(3, now.Add(forgiveness)) // too late
	if e, u := tally(); e != 2 || u != 2 || len(c.codes) != 0 || len(c.old) != 0 || len(c.young) != 0 {
		t.Fatalf("%d entered, %d not, %d codes watched", e, u, len(c.codes))
	}
	c.taken(5, at, now)
	c.taken(5, at, now)               // told twice
	c.taken(5, place{"b", "86"}, now) // failed over: a did not deliver it
	c.verified(5, now)
	if e, u := tally(); e != 2 || u != 3 || c.scores[place{"b", "86"}].entered != 1 {
		t.Fatalf("after a failover: %d entered, %d not", e, u)
	}
}

func TestWatchedCodesAreBounded(t *testing.T) {
	c := newConversions()
	for id := range core.MessageID(mostWatched + 100) {
		c.taken(id+1, place{"a", "86"}, began)
	}
	if len(c.codes) != mostWatched || len(c.young) != mostWatched {
		t.Errorf("%d codes watched", len(c.codes))
	}
}
