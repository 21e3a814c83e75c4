package dev

import (
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// submailCard is the demo app's pair in dev.json.
type submailCard struct {
	AppID  string `json:"appid"`
	AppKey string `json:"appkey"`
}

func (s secrets) submailPair() tenant.SubmailKey {
	return tenant.SubmailKey{AppID: s.SubmailAppID, Key: core.NewSecret(s.SubmailAppKey)}
}

// lines are commands to paste, in order.
func (c submailCard) lines(base string) []line {
	return []line{
		{"Is this the number of this SIM? Get a proof from the simulated carrier, as the phone would", fmt.Sprintf(
			`PROOF=$(curl -s %s/sim/carrier/token -H 'Content-Type: application/json' -d '{"carrier":1,"number":"+86%s","outcome":"ok","ttl":120}' | sed 's/.*"token":"\([^"]*\)".*/\1/'); echo $PROOF`, base, demoNumber)},
		{"Ask, with a signature over time and proof: identical is true", fmt.Sprintf(
			`NOW=$(date +%%s); SIGNATURE=$(printf %%s "%s$NOW$PROOF" | sha256sum | cut -d ' ' -f 1); curl -s %s/vfmobile/verify -d "appid=%s&signature=$SIGNATURE&os=1&timestamp=$NOW&token=$PROOF&mobile_number=%s&userInformation=curl"`,
			c.AppKey, base, c.AppID, demoNumber)},
	}
}
