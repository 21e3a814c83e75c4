package fraud

import "time"

// Threshold is where a level is too high. 0 is off.
type Threshold struct {
	Challenge float32
	Block     float32
}

// KindPolicy is what holds for one kind of subject.
type KindPolicy struct {
	Unverified Threshold // codes that were sent and not entered; the history can raise it
	Solved     float32   // of a broad subject: unverified codes after solved challenges, at which it blocks
	Failures   Threshold // wrong codes, less what right ones drained
	Broad      bool      // thousands of people: who has a good history stands one step better, and only Solved blocks
	Learns     bool      // the 14-day history raises the threshold
	MinSends   uint32    // codes in 30 minutes before the conversion is judged; 0: it is not
	ConvBlocks bool      // a conversion under Policy.BlockBelow blocks; otherwise it challenges
	Most       int       // subjects of the kind that are kept
}

// Policy is all numbers of the guard.
type Policy struct {
	Country     KindPolicy // a country that is not at home
	HomeCountry KindPolicy
	Prefix      KindPolicy
	App         KindPolicy
	Range       KindPolicy // /24, /64
	Wide        KindPolicy // /16, /48

	ChallengeBelow float32       // of the codes of 30 minutes (requirement row 23: 10 %)
	BlockBelow     float32       // 3 %
	Factor         float32       // the threshold is this many times the usual level of the hour
	Hold           time.Duration // of a subject over its threshold; doubles each time
	HoldMost       time.Duration
}

// DefaultPolicy is docs/fraud.md's table.
func DefaultPolicy() Policy {
	return Policy{
		Country:     KindPolicy{Unverified: Threshold{30, 45}, Solved: 15, Broad: true, Learns: true, MinSends: 20, ConvBlocks: true, Most: 8192},
		HomeCountry: KindPolicy{Unverified: Threshold{300, 600}, Solved: 800, Broad: true, Learns: true, MinSends: 300, Most: 8192},
		Prefix:      KindPolicy{Unverified: Threshold{16, 22}, Learns: true, MinSends: 20, ConvBlocks: true, Most: 32768},
		App:         KindPolicy{Unverified: Threshold{300, 600}, Solved: 800, Failures: Threshold{150, 350}, Broad: true, Learns: true, MinSends: 300, Most: 8192},
		Range:       KindPolicy{Unverified: Threshold{60, 180}, Failures: Threshold{75, 170}, Learns: true, MinSends: 20, ConvBlocks: true, Most: 32768},
		Wide:        KindPolicy{Unverified: Threshold{200, 400}, Solved: 600, Failures: Threshold{100, 250}, Broad: true, Learns: true, MinSends: 200, Most: 8192},

		ChallengeBelow: 0.10, BlockBelow: 0.03, Factor: 3, Hold: 30 * time.Minute, HoldMost: 48 * time.Hour,
	}
}

// kindPolicies puts the policy into an array by kind; home has HomeCountry's at
// place 0, which is no kind.
func (p *Policy) kindPolicies() [kinds]KindPolicy {
	return [kinds]KindPolicy{0: p.HomeCountry, Country: p.Country, Prefix: p.Prefix, App: p.App,
		Range4: p.Range, Range6: p.Range, Wide4: p.Wide, Wide6: p.Wide}
}
