package carriersim

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

var beijing = time.FixedZone("UTC+8", 8*60*60)

// layout is yyyyMMddHHmmss; three digits of milliseconds follow.
const layout = "20060102150405"

// mostSkew is how far a request's time may be off.
const mostSkew = 5 * time.Minute

// isMsgID tells whether s is 32 lower hex digits.
func isMsgID(s string) bool { return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "" }

// inTime checks yyyyMMddHHmmssSSS in Beijing.
func (s *Sim) inTime(stamp string) bool {
	if len(stamp) != 17 || strings.Trim(stamp, "0123456789") != "" {
		return false
	}
	t, err := time.ParseInLocation(layout, stamp[:14], beijing)
	return err == nil && s.o.Now().Sub(t).Abs() <= mostSkew
}

func (s *Sim) stamp() string { return s.o.Now().In(beijing).Format(layout + ".000")[:14] + "000" }

func upper(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// numberHash is contracts/carriers.md §2, keyType 0.
func numberHash(mobile, appKey, timestamp string) string {
	sum := sha256.Sum256([]byte(mobile + appKey + timestamp))
	return upper(sum[:])
}

// validateSign is contracts/carriers.md §2, keyType 0.
func validateSign(appKey, appID, msgID, phoneNum, timestamp, token, version string) string {
	mac := hmac.New(sha256.New, []byte(appKey))
	mac.Write([]byte(appID + msgID + phoneNum + timestamp + token + version))
	return upper(mac.Sum(nil))
}

// loginSign is contracts/carriers.md §3.
func loginSign(appID, version, msgID, systemTime, strict, token, appSecret string) string {
	sum := md5.Sum([]byte(appID + version + msgID + systemTime + strict + token + appSecret))
	return upper(sum[:])
}

// national is a number as the wire has it.
func national(e164 string) string {
	if rest, ok := strings.CutPrefix(e164, "+86"); ok {
		return rest
	}
	return strings.TrimPrefix(e164, "+")
}

var resultTexts = map[string]string{"000": "是本机号码", "001": "非本机号码", "002": "取号失败", "003": "token校验失败", "102": "参数无效",
	"124": "白名单校验失败", "302": "sign校验失败", "303": "参数解析错误", "606": "验证Token失败", "999": "系统异常", "102315": "次数已用完", "103420": "无权限"}

// validate is the request of tokenValidate.
type validate struct {
	Header struct {
		Version   string `json:"version"`
		MsgID     string `json:"msgId"`
		Timestamp string `json:"timestamp"`
		AppID     string `json:"appId"`
	} `json:"header"`
	Body struct {
		OpenType      string `json:"openType"`
		RequesterType string `json:"requesterType"`
		KeyType       string `json:"keyType"`
		PhoneNum      string `json:"phoneNum"`
		Token         string `json:"token"`
		Sign          string `json:"sign"`
	} `json:"body"`
}

// tokenValidate is contracts/carriers.md §2.
func (s *Sim) tokenValidate(w http.ResponseWriter, r *http.Request) {
	var ask validate
	if !decode(w, r, &ask) {
		return
	}
	h, b := ask.Header, ask.Body
	code := ""
	switch {
	case h.Version != "1.0" || !isMsgID(h.MsgID) || !s.inTime(h.Timestamp) || !oneOf(b.OpenType, "0", "1", "2", "3") ||
		!oneOf(b.RequesterType, "0", "1") || !oneOf(b.KeyType, "", "0") || b.Token == "":
		code = "102"
	case h.AppID != s.o.AppID:
		code = "103420"
	case !hmac.Equal([]byte(b.Sign), []byte(validateSign(s.o.AppKey.Reveal(), h.AppID, h.MsgID, b.PhoneNum, h.Timestamp, b.Token, h.Version))):
		code = "302"
	case !s.once(s.msgIDs, h.MsgID):
		code = "303"
	}
	if code == "" {
		p, ok := s.take(b.Token)
		if !ok {
			code = "606"
		} else {
			outcome, answer := misbehave(w, r, p.outcome)
			if !answer {
				return
			}
			code = matchCode(outcome, b.PhoneNum == numberHash(national(p.number), s.o.AppKey.Reveal(), h.Timestamp))
		}
	}
	answer := validated{Header: validatedHeader{MsgID: h.MsgID, Timestamp: s.stamp(), AppID: h.AppID, ResultCode: code}}
	answer.Body.ResultDesc = resultTexts[code]
	writeJSON(w, http.StatusOK, &answer)
}

// validated is the answer of tokenValidate.
type validated struct {
	Header validatedHeader `json:"header"`
	Body   struct {
		ResultDesc   string `json:"resultDesc"`
		Message      string `json:"message"`
		ExpandParams string `json:"expandParams"`
	} `json:"body"`
}

type validatedHeader struct {
	MsgID      string `json:"msgId"`
	Timestamp  string `json:"timestamp"`
	AppID      string `json:"appId"`
	ResultCode string `json:"resultCode"`
}

// matchCode is a scripted outcome as a result code.
func matchCode(outcome string, same bool) string {
	switch {
	case outcome == "mismatch", outcome == "ok" && !same:
		return "001"
	case outcome == "ok":
		return "000"
	}
	return outcome
}

// loginTokenValidate is contracts/carriers.md §3.
func (s *Sim) loginTokenValidate(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Version, MsgID, SystemTime, StrictCheck, AppID, Token, Sign string }
	if !decode(w, r, &ask) {
		return
	}
	code, mobile := "", ""
	switch {
	case ask.Version != "2.0" || !isMsgID(ask.MsgID) || !oneOf(ask.StrictCheck, "0", "1"):
		code = "130010"
	case ask.Token == "":
		code = "103811"
	case !s.inTime(ask.SystemTime):
		code = "105112"
	case ask.AppID != s.o.AppID:
		code = "103119"
	case !hmac.Equal([]byte(ask.Sign), []byte(loginSign(ask.AppID, ask.Version, ask.MsgID, ask.SystemTime, ask.StrictCheck, ask.Token, s.o.AppSecret.Reveal()))):
		code = "103101"
	case !s.once(s.msgIDs, ask.MsgID):
		code = "103211"
	}
	if code == "" {
		p, ok := s.take(ask.Token)
		if !ok {
			code = "104201"
		} else {
			outcome, answer := misbehave(w, r, p.outcome)
			if !answer {
				return
			}
			switch outcome {
			case "ok":
				code, mobile = "103000", national(p.number)
			case "mismatch":
				code, mobile = "103000", neighbour(national(p.number))
			default:
				code = outcome
			}
		}
	}
	writeJSON(w, http.StatusOK, map[string]string{"inresponseto": ask.MsgID, "systemtime": s.stamp(), "resultCode": code, "msisdn": mobile})
}

// neighbour is another number of the same form.
func neighbour(number string) string {
	last := number[len(number)-1]
	return number[:len(number)-1] + string('0'+(last-'0'+1)%10)
}

func oneOf(s string, all ...string) bool {
	for _, v := range all {
		if s == v {
			return true
		}
	}
	return false
}
