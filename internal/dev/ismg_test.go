package dev

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cmppgateway "yanma.dev/yanma/internal/provider/cmpp/gateway"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// TestDevOverCMPP: with Options.CMPP a code goes out over CMPP and is on the
// handset.
func TestDevOverCMPP(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	folder, out, ended := t.TempDir(), &waiting{ready: make(chan struct{})}, make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{Data: folder, Listen: "127.0.0.1:0", Operator: "127.0.0.1:0", CMPP: true, Version: "test", Out: out})
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-out.ready:
	case <-time.After(60 * time.Second):
		t.Fatal("not ready in a minute")
	}
	var card struct {
		BaseURL  string `json:"base_url"`
		Operator string `json:"operator_url"`
		Token    string `json:"operator_token"`
		Yunbox   struct {
			Key string `json:"key"`
		} `json:"yunbox"`
	}
	data, err := os.ReadFile(filepath.Join(folder, "dev.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &card); err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(card.BaseURL+"/get-code", "application/json", strings.NewReader(`{"key":"`+card.Yunbox.Key+`","phone_no":"13800138000"}`))
	if err != nil {
		t.Fatal(err)
	}
	if body := read(t, answer); !strings.Contains(body, `"ok"`) {
		t.Fatal(body)
	}
	var messages string
	for deadline := time.Now().Add(60 * time.Second); !strings.Contains(messages, "13800138000"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the handset shows %s", messages)
		}
		answer, err := http.Get(card.BaseURL + "/handset/api/messages?phone=13800138000")
		if err != nil {
			t.Fatal(err)
		}
		messages = read(t, answer)
	}
	request, _ := http.NewRequest(http.MethodGet, card.Operator+"/admin/providers", nil)
	request.Header.Set("Authorization", "Bearer "+card.Token)
	if answer, err = http.DefaultClient.Do(request); err != nil {
		t.Fatal(err)
	}
	if body := read(t, answer); !strings.Contains(body, `"name":"ismg"`) || !strings.Contains(body, `"name":"link 2"`) {
		t.Error(body)
	}
}

func read(t *testing.T, answer *http.Response) string {
	t.Helper()
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestMisbehaveInCMPP: every rule of the SMSC means the same at the gateway.
func TestMisbehaveInCMPP(t *testing.T) {
	decide := misbehave(smsc.DevRules())
	for suffix, want := range map[string]cmppgateway.Behaviour{
		"99903": {Result: pdu.ResultDest},
		"99904": {Result: pdu.ResultFlowControl},
		"99906": {Result: pdu.ResultOther, Drop: true},
		"99907": {},
	} {
		got := decide(&cmppgateway.Part{To: "138000" + suffix})
		if got.Result != want.Result || got.Drop != want.Drop || len(got.Reports) != 0 {
			t.Errorf("%s: %+v", suffix, got)
		}
	}
	if got := decide(&cmppgateway.Part{To: "13800199902"}); got.Result != 0 || len(got.Reports) != 1 || got.Reports[0].Stat != "UNDELIV" {
		t.Errorf("%+v", got)
	}
	if got := decide(&cmppgateway.Part{To: "13800138000"}); len(got.Reports) != 1 || got.Reports[0].Stat != "DELIVRD" {
		t.Errorf("%+v", got)
	}
}
