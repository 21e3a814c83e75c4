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

	// Of the sending scenes of contracts/oneaccess.md §2.3, those that have no
	// purpose above.
	PurposeRegister     Purpose = 5  // register by number
	PurposeMFA          Purpose = 6  // the second code of a login
	PurposeForgetPwd    Purpose = 7  // forgotten password
	PurposeBind         Purpose = 8  // bind a number
	PurposeUpdateMobile Purpose = 9  // change the own number
	PurposeUpdatePwd    Purpose = 10 // change the own password
)

var purposeNames = [...]string{PurposeLogin: "login", PurposeVerify: "verify", PurposeRebind: "rebind", PurposeCode: "code",
	PurposeRegister: "register", PurposeMFA: "mfa", PurposeForgetPwd: "forget_pwd", PurposeBind: "bind",
	PurposeUpdateMobile: "update_mobile", PurposeUpdatePwd: "update_pwd"}

// Purposes lists every purpose.
func Purposes() []Purpose {
	var all []Purpose
	for p := PurposeLogin; int(p) < len(purposeNames); p++ {
		all = append(all, p)
	}
	return all
}

// String names the purpose for logs.
func (p Purpose) String() string {
	if p == 0 || int(p) >= len(purposeNames) {
		return "unknown"
	}
	return purposeNames[p]
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
