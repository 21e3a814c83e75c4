package core

// Credits is an amount of money in the installation's smallest unit. It is an
// integer everywhere; a price list says what one message costs.
type Credits int64

// Purpose says what a code is for. A code never serves another purpose
// (requirement row 6).
type Purpose uint8

// The purposes.
const (
	PurposeLogin  Purpose = 1 // log in or register
	PurposeVerify Purpose = 2 // prove possession of a number, nothing else
	PurposeRebind Purpose = 3 // bind a new number to a user
	PurposeCode   Purpose = 4 // as PurposeVerify, by an id of its own: a newer code does not void it
)

// String names the purpose for logs.
func (p Purpose) String() string {
	switch p {
	case PurposeLogin:
		return "login"
	case PurposeVerify:
		return "verify"
	case PurposeRebind:
		return "rebind"
	case PurposeCode:
		return "code"
	}
	return "unknown"
}

// Channel says how a message travels.
type Channel uint8

// The channels.
const (
	ChannelSMS   Channel = 1
	ChannelVoice Channel = 2
)

// String names the channel as the handset API does.
func (c Channel) String() string {
	switch c {
	case ChannelSMS:
		return "sms"
	case ChannelVoice:
		return "voice"
	}
	return "unknown"
}

// Pool is one of an owner's balances (design "Nouns").
type Pool uint8

// The pools.
const (
	PoolGeneral  Pool = 0
	PoolVoice    Pool = 1
	PoolIndustry Pool = 2
	PoolMarket   Pool = 3
)

// String names the pool as the command line does.
func (p Pool) String() string {
	switch p {
	case PoolGeneral:
		return "general"
	case PoolVoice:
		return "voice"
	case PoolIndustry:
		return "industry"
	case PoolMarket:
		return "market"
	}
	return "unknown"
}

// PoolNamed is the inverse of Pool.String.
func PoolNamed(name string) (Pool, bool) {
	for p := PoolGeneral; p <= PoolMarket; p++ {
		if p.String() == name {
			return p, true
		}
	}
	return 0, false
}
