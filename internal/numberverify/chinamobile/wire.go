package chinamobile

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"yanma.dev/yanma/internal/numberverify"
)

// version is that of tokenValidate, fetchVersion that of loginTokenValidate.
const (
	version      = "1.0"
	fetchVersion = "2.0"
)

var beijing = time.FixedZone("UTC+8", 8*60*60)

// stamp is yyyyMMddHHmmssSSS in Beijing.
func stamp(t time.Time) string {
	t = t.In(beijing)
	ms := strconv.Itoa(t.Nanosecond() / 1e6)
	return t.Format("20060102150405") + "000"[len(ms):] + ms
}

// appendMatch is the body of tokenValidate: contracts/carriers.md §2, keyType 0.
func appendMatch(b []byte, cfg Config, q numberverify.Question, msgID, timestamp string) []byte {
	key, token := cfg.AppKey.Reveal(), q.Token.Reveal()
	phone := PhoneNum(q.Phone.National(), key, timestamp)
	requester := "1"
	if q.Requester == numberverify.RequesterIOS || q.Requester == numberverify.RequesterAndroid {
		requester = "0"
	}
	b = appendText(append(b, `{"header":{"version":`...), version)
	b = appendText(append(b, `,"msgId":`...), msgID)
	b = appendText(append(b, `,"timestamp":`...), timestamp)
	b = appendText(append(b, `,"appId":`...), cfg.AppID)
	b = appendText(append(b, `},"body":{"openType":`...), strconv.Itoa(int(q.Carrier)))
	b = appendText(append(b, `,"requesterType":`...), requester)
	b = appendText(append(b, `,"keyType":"0","phoneNum":`...), phone)
	b = appendText(append(b, `,"token":`...), token)
	b = appendText(append(b, `,"sign":`...), MatchSign(key, cfg.AppID, msgID, phone, timestamp, token, version))
	if q.Browser != "" {
		b = appendText(append(b, `,"expandParams":`...), "userInformation="+escaped(q.Browser))
	}
	return append(b, "}}"...)
}

// appendText appends a JSON string, as encoding/json writes it.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0x7f {
			text, _ := json.Marshal(s) // a string can not fail
			return append(b, text...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

// escaped is url-encoded text. The browser script encodes it already
// (contracts/submail.md §9): that is not encoded again.
func escaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil && url.QueryEscape(plain) == s {
		return s
	}
	return url.QueryEscape(s)
}

// PhoneNum is the number as tokenValidate takes it.
func PhoneNum(mobile, appKey, timestamp string) string {
	sum := sha256.Sum256([]byte(mobile + appKey + timestamp))
	return upperHex(sum[:])
}

// MatchSign is tokenValidate's signature.
func MatchSign(appKey, appID, msgID, phoneNum, timestamp, token, version string) string {
	mac := hmac.New(sha256.New, []byte(appKey))
	mac.Write([]byte(appID + msgID + phoneNum + timestamp + token + version))
	return upperHex(mac.Sum(nil))
}

type fetch struct {
	Version     string `json:"version"`
	MsgID       string `json:"msgid"`
	SystemTime  string `json:"systemtime"`
	StrictCheck string `json:"strictcheck"`
	AppID       string `json:"appid"`
	Token       string `json:"token"`
	Sign        string `json:"sign"`
}

// fetchRequest is contracts/carriers.md §3.
func fetchRequest(cfg Config, q numberverify.Question, msgID, systemTime string) fetch {
	strict, token := "0", q.Token.Reveal()
	if cfg.Strict {
		strict = "1"
	}
	return fetch{Version: fetchVersion, MsgID: msgID, SystemTime: systemTime, StrictCheck: strict, AppID: cfg.AppID, Token: token,
		Sign: FetchSign(cfg.AppID, fetchVersion, msgID, systemTime, strict, token, cfg.AppSecret.Reveal())}
}

// FetchSign is loginTokenValidate's signature.
func FetchSign(appID, version, msgID, systemTime, strict, token, appSecret string) string {
	sum := md5.Sum([]byte(appID + version + msgID + systemTime + strict + token + appSecret))
	return upperHex(sum[:])
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }
