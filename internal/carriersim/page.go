package carriersim

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
)

// signed is what a page sends beside who its SIM is: the parameters that its own
// server signed for this session (contracts/carriers.md §3 "Device side"). All
// are empty where somebody asks by hand.
type signed struct {
	Version      string `json:"version"`
	AppID        string `json:"appId"`
	BusinessType string `json:"businessType"`
	MsgID        string `json:"msgId"`
	Timestamp    string `json:"timestamp"`
	TraceID      string `json:"traceId"`
	Sign         string `json:"sign"`
}

// PageParams and PageSign are a stanza's description of what the simulator wants
// of a page: device.params, and device.sign.over with the algorithm md5 and the
// field sign. How China Mobile signs is told to its partners only.
func PageParams() map[string]string {
	return map[string]string{"version": "1.0", "appId": "{app_id}", "businessType": "3", "msgId": "{id}", "traceId": "{id}", "timestamp": "{time_beijing}"}
}

// PageSign is the text that is signed.
const PageSign = "{app_id}3{id}{time_beijing}{id}1.0{app_key}"

var pageTexts = map[string]string{"103101": "签名错误", "103119": "appid不存在", "105112": "时间戳错误"}

// checkPage is "" for a page whose parameters are signed, and for who is no page.
func (s *Sim) checkPage(p signed) (code string) {
	if p == (signed{}) {
		return ""
	}
	sum := md5.Sum([]byte(p.AppID + p.BusinessType + p.MsgID + p.Timestamp + p.TraceID + p.Version + s.o.AppKey.Reveal()))
	switch {
	case p.AppID != s.o.AppID:
		return "103119"
	case !s.inTime(p.Timestamp):
		return "105112"
	case !isMsgID(p.MsgID), !hmac.Equal([]byte(p.Sign), []byte(hex.EncodeToString(sum[:]))):
		return "103101"
	}
	return ""
}
