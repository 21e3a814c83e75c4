package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"yanma.dev/yanma/internal/carriersim"
	"yanma.dev/yanma/internal/core"
)

// Of the simulated carrier, and of the app that asks.
const (
	carrierAppID  = "300000000001"
	carrierAppKey = "bench-carrier-app-key"
	verifyConns   = 32
	mostVerified  = 12000 // requests a second that proofs are made for
)

// serveCarrier is the bundled carrier simulator in a process of its own.
func serveCarrier(addr string, ready func(string)) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	ready(l.Addr().String())
	debug.SetGCPercent(800) // it shares the cores with what is measured, and has all proofs in memory
	return http.Serve(l, carriersim.New(carriersim.Options{AppID: carrierAppID, AppKey: core.NewSecret(carrierAppKey),
		AppSecret: core.NewSecret(carrierAppKey), Now: time.Now, Random: rand.Reader}))
}

// numberVerify is design.md's line "number verification against the simulator",
// and issue 7's p99 beside the gateway's own.
func (b *bench) numberVerify() error {
	carrier, at, err := startProcess(b.self, "carrier")
	if err != nil {
		return err
	}
	defer func() {
		_ = carrier.kill()
		<-carrier.ended
	}()
	v := &verification{bench: b, carrier: at, proofs: make(chan string, 1<<20)}
	if err := v.start(); err != nil {
		return err
	}
	r, floor, err := b.againstFloor(verifyConns, v.drive)
	if err != nil {
		return err
	}
	floorRequests := 2 * floor.rate() // the floor's flow is two requests
	b.add("number verification ÷ floor request, 32 connections", fmt.Sprintf("%.3f", r.rate()/floorRequests), "0.15",
		fmt.Sprintf("%.0f requests/s against the simulator in another process, floor %.0f, p50 %v, p99 %v, server CPU %.0f µs, %s", r.rate(), floorRequests,
			r.P50.Round(10*time.Microsecond), r.P99.Round(10*time.Microsecond), perFlow(r.servers, r.result), r.failures()))
	if err := v.atHalf(r.rate() / 2); err != nil {
		return err
	}
	return v.server.stop()
}

// verification is a server with one gateway, and proofs to ask about.
type verification struct {
	*bench
	carrier       string // address of the simulator
	server        *yanma
	appid, appkey string
	proofs        chan string
}

func (v *verification) start() (err error) {
	v.server, err = startYanma(v.binary, filepath.Join(v.work, "numberverify"), v.smpp, smppWindow, 1,
		"[[carrier]]", `name = "simulator"`, `type = "chinamobile"`, fmt.Sprintf("url = %q", "http://"+v.carrier+"/sim"),
		fmt.Sprintf("app_id = %q", carrierAppID), `app_key = "env:BENCH_CARRIER_KEY"`, `app_secret = "env:BENCH_CARRIER_KEY"`)
	if err != nil {
		return err
	}
	if err := v.server.patch("/admin/apps/1", map[string]any{"dialects": []string{"submail"}}); err != nil {
		return err
	}
	var pair struct{ AppID, AppKey string }
	err = v.server.admin("/admin/apps/1/submail/rotate-key", map[string]any{}, &pair)
	v.appid, v.appkey = pair.AppID, pair.AppKey
	return err
}

// patch is admin with another method.
func (y *yanma) patch(path string, body map[string]any) error {
	return y.call(http.MethodPatch, path, body, nil)
}

// drive asks for a while, with proofs that were made before.
func (v *verification) drive(conns int, span time.Duration) (result, cost, error) {
	if err := v.makeProofs(int64(mostVerified * span.Seconds())); err != nil {
		return result{}, cost{}, err
	}
	before, err := v.spent([]*yanma{v.server})
	if err != nil {
		return result{}, cost{}, err
	}
	r, err := closedLoop(v.server.addr, conns, 0, span, v.ask)
	if err != nil {
		return r, cost{}, err
	}
	after, err := v.spent([]*yanma{v.server})
	if err == nil && (r.Flows == 0 || r.Errors > 0) {
		err = errors.New(r.failures())
	}
	return r, after.minus(before), err
}

// makeProofs throws older ones away: the simulator does so, too.
func (v *verification) makeProofs(n int64) error {
	for len(v.proofs) > 0 {
		<-v.proofs
	}
	var mu sync.Mutex
	r, err := closedLoop(v.carrier, 8, n, 0, func(c *conn, _ int, seen func(time.Duration)) error {
		status, body, err := c.post("/sim/carrier/token", []byte(`{"carrier":1,"number":"+8613800138000","outcome":"ok","ttl":600}`))
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(body), `"token":"`)
		token, _, ok := strings.Cut(rest, `"`)
		if status != http.StatusOK || !ok {
			return fmt.Errorf("token: status %d: %s", status, body)
		}
		mu.Lock()
		defer mu.Unlock()
		v.proofs <- token
		return nil
	})
	if err == nil && r.Errors > 0 {
		err = errors.New(r.failures())
	}
	return err
}

var errNoProofs = errors.New("more requests a second than proofs were made for")

// ask is one request: is it the number?
func (v *verification) ask(c *conn, _ int, seen func(time.Duration)) error {
	var proof string
	select {
	case proof = <-v.proofs:
	default:
		return errNoProofs
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha256.Sum256([]byte(v.appkey + now + proof))
	c.request = fmt.Appendf(c.request[:0], `{"appid":%q,"signature":"%x","os":"1","timestamp":%q,"token":%q,"mobile_number":13800138000,"userInformation":"TGludXg%%3D","type":1}`,
		v.appid, sum, now, proof)
	start := time.Now()
	status, body, err := c.post("/vfmobile/verify", c.request)
	if err != nil {
		return err
	}
	seen(time.Since(start))
	if status != http.StatusOK || !bytes.Contains(body, []byte(`"identical":true`)) {
		return fmt.Errorf("verify: status %d: %s", status, body)
	}
	return nil
}

// askCarrier is the gateway's own part of it: the request that the server sends
// (contracts/carriers.md §2).
func (v *verification) askCarrier(c *conn, _ int, seen func(time.Duration)) error {
	proof := <-v.proofs
	at := time.Now().In(time.FixedZone("Beijing", 8*3600)).Format("20060102150405.000")
	at = at[:14] + at[15:]
	var id [16]byte
	_, _ = rand.Read(id[:])
	message := hex.EncodeToString(id[:])
	number := upper(sha256Of("13800138000" + carrierAppKey + at))
	mac := hmac.New(sha256.New, []byte(carrierAppKey))
	mac.Write([]byte(carrierAppID + message + number + at + proof + "1.0"))
	c.request = fmt.Appendf(c.request[:0], `{"header":{"version":"1.0","msgId":%q,"timestamp":%q,"appId":%q},"body":{"openType":"1","requesterType":"1","keyType":"0","phoneNum":%q,"token":%q,"sign":%q}}`,
		message, at, carrierAppID, number, proof, upper(mac.Sum(nil)))
	start := time.Now()
	status, body, err := c.post("/sim/openapi/rs/tokenValidate", c.request)
	if err != nil {
		return err
	}
	seen(time.Since(start))
	if status != http.StatusOK || !bytes.Contains(body, []byte(`"000"`)) {
		return fmt.Errorf("tokenValidate: status %d: %s", status, body)
	}
	return nil
}

func sha256Of(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func upper(sum []byte) string { return strings.ToUpper(hex.EncodeToString(sum)) }

// atHalf compares p99 at half of the highest rate with the gateway's own.
func (v *verification) atHalf(rate float64) error {
	var p99 [2]time.Duration
	for i, side := range []struct {
		addr string
		ask  flow
	}{{v.server.addr, v.ask}, {v.carrier, v.askCarrier}} {
		if err := v.makeProofs(int64(rate*v.span.Seconds()*1.2) + 100); err != nil {
			return err
		}
		r, err := openLoop(side.addr, 2*verifyConns, rate, v.span, side.ask)
		if err == nil && (r.Flows == 0 || r.Errors > 0) {
			err = errors.New(r.failures())
		}
		if err != nil {
			return err
		}
		p99[i] = r.P99
	}
	v.add("p99 added to the gateway's own, at half that rate", (p99[0] - p99[1]).Round(10*time.Microsecond).String(), "10 ms",
		fmt.Sprintf("%.0f requests/s, p99 %v, the gateway alone %v", rate, p99[0].Round(10*time.Microsecond), p99[1].Round(10*time.Microsecond)))
	return nil
}
