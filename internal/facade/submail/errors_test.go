package submail

import (
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
)

// The rows of contracts/submail.md §6 and §8 and of the submail column of
// README.md §3.2: the error, the code of §6 with its text, that of §8.
func TestErrorTable(t *testing.T) {
	for _, row := range []struct {
		err  error
		want answer
		ocl  answer
	}{
		{errNullAppID, answer{1301, "Null appid"}, answer{1101, "Null appid"}},
		{errAppKey, answer{1302, "Invalid appkey"}, answer{1102, "Invalid appkey"}},
		{errType, answer{1303, "Unknown mobile type"}, answer{1103, "Unknown mobile type"}},
		{errOS, answer{1304, "Unknown platform"}, answer{1104, "Unknown platform"}},
		{errTimestamp, answer{1305, "Invalid timestamp"}, answer{1105, "Invalid timestamp"}},
		{errAppID, answer{1306, "Invalid appid"}, answer{1106, "Invalid appid"}},
		{errProduct, answer{1307, "Appid unauthorized"}, answer{1107, "Appid unauthorized"}},
		{errSignature, answer{1308, "Invalid signature"}, answer{1108, "Invalid signature"}},
		{errDisabled, answer{1309, "Appid is disabled"}, answer{1109, "Appid is disabled"}},
		{errAccount, answer{1310, "Account is disabled"}, answer{1110, "Account is disabled"}},
		{errNoApp, answer{1311, "Appid does not exist"}, answer{1111, "Appid does not exist"}},
		{errToken, answer{1312, "Null token"}, answer{1112, "Null token"}},
		{core.E(core.KindInvalidPhone, ""), answer{1313, "Null phoneNum"}, answer{1113, "Operator error:500"}},
		{core.E(core.KindInsufficientBalance, ""), answer{1314, "Insufficient balance"}, answer{1114, "Insufficient balance"}},
		{errBrowser, answer{1315, "Null userInformation"}, answer{1115, "Null userInformation"}},
		{errSource, answer{1316, "APPID has been set IP whitelist,your IP is not in the scope of this white list"}, answer{1107, "Appid unauthorized"}},
		{errAccess, answer{1317, "Account has no access"}, answer{1107, "Appid unauthorized"}},
		{errWindow, answer{1318, "TIME OUT"}, answer{1105, "Invalid timestamp"}},
		{carrierError(numberverify.ErrTimeout(true)), answer{1318, "TIME OUT"}, answer{1113, "Operator error:106"}},
		{carrierError(&numberverify.Error{Class: numberverify.ClassDebit}), answer{1319, "Deduction Failed"}, answer{1114, "Insufficient balance"}},
		{carrierError(&numberverify.Error{Class: numberverify.ClassLedger}), answer{1319, "Credit Deduction Log Failed"}, answer{1114, "Insufficient balance"}},
		{carrierError(&numberverify.Error{Class: numberverify.ClassUnprovided}), answer{1320, "Appid Missing required parameters"}, answer{1113, "Operator error:601"}},
		{carrierError(core.E(core.KindForbidden, "")), answer{1320, "Appid Missing required parameters"}, answer{1113, "Operator error:601"}},
		{carrierError(numberverify.ErrProof()), answer{-1, "API Gateway Error:104201 token expired or used"}, answer{1113, "Operator error:104201"}},
		{carrierError(numberverify.ErrOpen()), answer{-1, "API Gateway Error:602 carrier circuit open"}, answer{1113, "Operator error:602"}},
		{carrierError(numberverify.ErrNoCarrier()), answer{-1, "API Gateway Error:601 no carrier configured"}, answer{1113, "Operator error:601"}},
		{carrierError(numberverify.ErrUnreadable()), answer{-1, "API Gateway Error:603 carrier answer unreadable"}, answer{1113, "Operator error:603"}},
		{core.E(core.KindMalformed, ""), answer{1301, "Null appid"}, answer{1101, "Null appid"}},
		{core.E(core.KindUnknownPath, ""), answer{-1, "API Gateway Error:404 unknown endpoint"}, answer{1113, "Operator error:404"}},
		{core.E(core.KindMethodNotAllowed, ""), answer{-1, "API Gateway Error:405 method not allowed"}, answer{1113, "Operator error:405"}},
		{core.E(core.KindBodyTooLarge, ""), answer{-1, "API Gateway Error:413 body too large"}, answer{1113, "Operator error:413"}},
		{core.E(core.KindMediaType, ""), answer{-1, "API Gateway Error:415 unsupported media type"}, answer{1113, "Operator error:415"}},
		{core.E(core.KindRateLimited, ""), answer{-1, "API Gateway Error:429 too many requests"}, answer{1113, "Operator error:429"}},
		{core.E(core.KindInternal, ""), answer{-1, "API Gateway Error:500 internal error"}, answer{1113, "Operator error:500"}},
		{core.E(core.KindOverloaded, ""), answer{1318, "TIME OUT"}, answer{1113, "Operator error:106"}},
	} {
		e := core.AsError(row.err)
		if got := answerTo(e); got != row.want {
			t.Errorf("%v = %+v, want %+v", row.err, got, row.want)
		}
		if got := oclAnswerTo(e); got != row.ocl {
			t.Errorf("%v under /ocl = %+v, want %+v", row.err, got, row.ocl)
		}
	}
}

// TestReq43_EveryKindIsMapped fails when core gets a kind that this dialect
// does not answer, under either shape, and when a code leaves its table.
func TestReq43_EveryKindIsMapped(t *testing.T) {
	for _, kind := range core.Kinds() {
		if _, ok := answers[reason{kind, ""}]; !ok {
			t.Errorf("%v has no answer", kind)
		}
		a := oclAnswerTo(core.E(kind, ""))
		if a.code < 1101 || a.code > 1114 {
			t.Errorf("%v under /ocl has the code %d", kind, a.code)
		}
	}
	for _, class := range numberverify.Classes() {
		err := core.AsError(carrierError(&numberverify.Error{Class: class, Code: "7", Desc: "x"}))
		if a := answerTo(err); a.code == 0 || a.msg == "" {
			t.Errorf("class %v has no answer", class)
		}
	}
}
