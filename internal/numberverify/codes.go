package numberverify

// What carriers' codes mean in English, from contracts/submail.md §5.

// mobileCodes are China Mobile's: tokenValidate, the fetch, and general ones.
var mobileCodes = map[string]string{
	"002": "number fetch failed", "003": "token check failed", "004": "bad encrypted number", "102": "invalid parameter",
	"124": "IP not in white list", "302": "signature error", "303": "parameter parse error", "606": "token check failed",
	"999": "system error", "102315": "quota used up", "103420": "no permission",

	"103101": "signature error", "103111": "WAP gateway IP error", "103113": "token content error", "103119": "appid error",
	"103211": "other error", "103511": "IP not allowed", "103609": "IoT IP not allowed", "103811": "empty token",
	"103902": "scrip expired", "103911": "too many tokens", "104201": "token expired or used", "105001": "Unicom fetch failed",
	"105002": "Mobile fetch failed", "105003": "Telecom fetch failed", "105018": "wrong kind of token", "105019": "not authorized",
	"105112": "bad timestamp", "105312": "quota used up", "110023": "no right", "110024": "businessType configuration error",
	"110025": "businessType error or right expired", "111002": "blacklisted number", "130010": "empty parameter",
}

var unicomCodes = map[string]string{
	"100": "app error", "102": "client type error", "104": "clientid error", "106": "request timeout",
	"107": "authentication information error", "108": "signature error", "110": "Referer not filed", "111": "network environment error",
	"113": "no permission", "200": "token invalid", "201": "token expired", "202": "token of another app", "1000": "parse error",
	"1001": "request expired", "1002": "gateway error", "1003": "pre-fetch error", "1004": "AccessCode error",
	"1012": "network environment error", "1013": "network environment error", "100001": "app authentication error",
	"200001": "initialisation failed",
}

var telecomCodes = map[string]string{
	"64": "no permission", "65": "over limit", "10001": "fetch failed", "10002": "parameter error", "10003": "decryption failed",
	"10004": "appid unknown or IP refused", "10009": "timestamp expired", "20005": "signature error", "20006": "app unknown",
	"30001": "illegal timestamp", "51002": "empty parameter", "110022": "decryption failed", "110023": "no right",
	"110025": "right expired", "121016": "fetch switched off", "130010": "empty parameter", "130018": "signature check failed",
	"130032": "parse error", "170001": "invalid request", "999999": "system error",
}

// Describe is a carrier's code in English; the carrier's own text, scrubbed,
// where it is not listed. Of Unicom's server side the codes 100 to 104 mean
// something else than on its device side: "server error".
func Describe(c Carrier, code, own string, secrets ...string) string {
	table := mobileCodes
	switch c {
	case CarrierUnicom:
		table = unicomCodes
		if len(code) == 3 && code >= "100" && code <= "104" {
			return "server error"
		}
	case CarrierTelecom:
		table = telecomCodes
	case CarrierUnknown, CarrierMobile:
	}
	if text, ok := table[code]; ok {
		return text
	}
	return Scrub(own, secrets...)
}
