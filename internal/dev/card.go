package dev

import (
	"fmt"
	"io"
	"net/http"
	"sync"

	"yanma.dev/yanma/internal/app"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// card is dev.json (design "Running it"): where everything is, and the demo
// credentials of every dialect that is there.
type card struct {
	BaseURL       string `json:"base_url"`
	HandsetURL    string `json:"handset_url"`
	OperatorURL   string `json:"operator_url"`
	OperatorToken string `json:"operator_token"`
	Yunbox        struct {
		Key string `json:"key"`
	} `json:"yunbox"`
	Camara    camaraCard    `json:"camara"`
	Submail   submailCard   `json:"submail"`
	JSMS      jsmsCard      `json:"jsms"`
	OneAccess oneAccessCard `json:"oneaccess"`
}

func newCard(server *app.App, s secrets) (card, error) {
	c := card{BaseURL: server.PublicURL(), OperatorURL: server.OperatorURL(), OperatorToken: s.OperatorToken}
	c.HandsetURL = c.BaseURL + "/handset"
	c.Yunbox.Key = s.YunboxKey
	c.JSMS = newJSMSCard(s)
	c.Submail = submailCard{AppID: s.SubmailAppID, AppKey: s.SubmailAppKey}
	var err error
	c.Camara, err = newCamaraCard(c.BaseURL, s)
	return c, err
}

// line is one thing to try.
type line struct {
	What    string `json:"what"`
	Command string `json:"command"`
}

// demoNumber is the number of the printed lines.
const demoNumber = "13800138000"

// lines are commands to paste, in order.
func (c card) lines() []line {
	post := func(path, body string) string {
		return fmt.Sprintf(`curl -s %s%s -H 'Content-Type: application/json' -d '%s'`, c.BaseURL, path, body)
	}
	lines := []line{
		{"Ask for a code", post("/get-code", fmt.Sprintf(`{"key":"%s","phone_no":"%s"}`, c.Yunbox.Key, demoNumber))},
		{"Read it from the handset, as a script would", fmt.Sprintf(`CODE=$(sleep 1; curl -s '%s/handset/api/messages?phone=%s' | grep -o '"code":"[0-9]*"' | head -n 1 | tr -dc 0-9); echo $CODE`, c.BaseURL, demoNumber)},
		{"Answer it: logged in", fmt.Sprintf(`YB_UID=$(curl -s %s/check-code -d "{\"key\":\"%s\",\"phone_no\":\"%s\",\"user_input_code\":\"$CODE\"}" | sed 's/.*"yb_uid":"\([^"]*\)".*/\1/'); echo $YB_UID`, c.BaseURL, c.Yunbox.Key, demoNumber)},
		{"Add a device", fmt.Sprintf(`DEVICE=$(curl -s %s/u/$YB_UID/devices -d '{"key":"%s"}' | sed 's/.*"device_id":"\([^"]*\)".*/\1/'); echo $DEVICE`, c.BaseURL, c.Yunbox.Key)},
		{"List the devices", fmt.Sprintf(`curl -s %s/u/$YB_UID/devices`, c.BaseURL)},
		{"Get its tunnel configuration", fmt.Sprintf(`curl -s %s/u/$YB_UID/devices/$DEVICE/tunnel -H 'X-API-Key: %s'`, c.BaseURL, c.Yunbox.Key)},
		{"The test number needs no message", post("/check-code", fmt.Sprintf(`{"key":"%s","phone_no":"12345678910","user_input_code":"4433"}`, c.Yunbox.Key))},
	}
	lines = append(lines, c.JSMS.lines(c.BaseURL)...)
	lines = append(lines, c.Submail.lines(c.BaseURL)...)
	lines = append(lines, c.OneAccess.lines(c.BaseURL)...)
	return append(lines, c.Camara.lines(c.BaseURL)...)
}

// print says what to try next.
func (c card) print(out io.Writer, folder string) {
	fmt.Fprintf(out, "Yanma is ready.\n\n  public API   %s\n  handset      %s\n  operator     %s\n  data folder  %s (log: yanma.log, credentials: dev.json)\n\nTry it:\n",
		c.BaseURL, c.HandsetURL, c.OperatorURL, folder)
	for _, l := range c.lines() {
		fmt.Fprintf(out, "\n# %s\n%s\n", l.What, l.Command)
	}
	fmt.Fprint(out, "\nCtrl-C stops it.\n")
}

// about answers GET /handset/api/about: what the page shows beside the phone.
type about struct {
	rules []smsc.Rule

	mu    sync.Mutex
	lines []line
}

func (a *about) set(lines []line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = lines
}

// ServeHTTP gives the lines and the numbers that misbehave.
func (a *about) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	type rule struct {
		Suffix string `json:"suffix"`
		Note   string `json:"note"`
	}
	a.mu.Lock()
	answer := struct {
		Lines []line `json:"lines"`
		Rules []rule `json:"rules"`
	}{Lines: a.lines, Rules: []rule{}}
	a.mu.Unlock()
	for _, r := range a.rules {
		answer.Rules = append(answer.Rules, rule{r.Suffix, r.Note})
	}
	writeJSON(w, answer)
}
