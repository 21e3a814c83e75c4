package sip

import (
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

func TestKeyOf(t *testing.T) {
	for _, c := range []struct {
		mediaType, body string
		want            byte // 0 = none
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5'},
		{"application/dtmf-relay", "Duration=160\r\nSignal= #\r\n", '#'},
		{"Application/DTMF-Relay;charset=utf-8", "signal=a", 'A'},
		{"application/dtmf-relay", "Signal=10", '*'},
		{"application/dtmf-relay", "Signal=11", '#'},
		{"application/dtmf", "7\r\n", '7'},
		{"application/dtmf", "77", 0},
		{"application/dtmf", "", 0},
		{"application/dtmf-relay", "Duration=160", 0},
		{"application/dtmf-relay", "Signal=x", 0},
		{"text/plain", "5", 0},
		{"", "5", 0},
		{"application/dtmf", string(make([]byte, longestInfo+1)), 0},
	} {
		got, ok := keyOf(c.mediaType, []byte(c.body))
		if got != c.want || ok != (c.want != 0) {
			t.Errorf("%s %q: %q, %v", c.mediaType, c.body, got, ok)
		}
	}
}

func FuzzKeyOf(f *testing.F) {
	f.Add("application/dtmf-relay", []byte("Signal=5\r\nDuration=160\r\n"))
	f.Add("application/dtmf", []byte("*"))
	f.Fuzz(func(t *testing.T, mediaType string, body []byte) {
		key, ok := keyOf(mediaType, body)
		if _, known := asKey(string(key)); ok != known {
			t.Fatalf("%q, %v", key, ok)
		}
	})
}

func TestRest(t *testing.T) {
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "7;duration=3600": 7 * time.Second, "7 (later)": 7 * time.Second,
		"": time.Second, "0": time.Second, "soon": time.Second, "-5": time.Second, "100000": time.Minute, "99999999999999": time.Minute} {
		if got := rest(header); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

func TestNumberFormat(t *testing.T) {
	for format, want := range map[Format][2]string{
		"":             {"+8613800138000", "+14155550123"},
		FormatPlus:     {"+8613800138000", "+14155550123"},
		FormatDigits:   {"8613800138000", "14155550123"},
		FormatNational: {"13800138000", "14155550123"},
	} {
		for i, number := range []string{"+8613800138000", "+14155550123"} {
			if got := format.written(core.PhoneFromE164(number)); got != want[i] {
				t.Errorf("%q: %s", format, got)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	good := Config{Name: "v", Addr: "sip.example.net:5060", Account: "yanma", Password: core.NewSecret("x"), Source: "+864008001234"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for key, change := range map[string]func(*Config){
		"address":       func(c *Config) { c.Addr = "sip.example.net" },
		"transport":     func(c *Config) { c.Transport = "tls" },
		"format":        func(c *Config) { c.Format = "e164" },
		"window":        func(c *Config) { c.Window = -1 },
		"account":       func(c *Config) { c.Account = "" },
		"source":        func(c *Config) { c.Source = "a@b" },
		"domain":        func(c *Config) { c.Domain = "a b" },
		"media_ports":   func(c *Config) { c.Ports = [2]uint16{9, 8} },
		"listen":        func(c *Config) { c.Listen = "0.0.0.0:5060" },
		"media_address": func(c *Config) { c.MediaIP = "host" },
	} {
		bad := good
		change(&bad)
		if err := bad.Validate(); err == nil || len(err.Error()) <= len(key) || err.Error()[:len(key)+1] != key+":" {
			t.Errorf("%s: %v", key, err)
		}
	}
}
