package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

type options struct {
	span    time.Duration
	aged    int64
	results string
	work    string
	only    string
	grow    int64
}

// warmUp comes before every measurement: past the first WAL cycle.
const warmUp = 4 * time.Second

// smppWindow of the server's link to the sink.
const smppWindow = 500

// bench is one run: the programs and what was measured so far.
type bench struct {
	options
	binary string
	self   string
	floor  string // address
	smpp   string // the sink's
	sink   *process
	codes  *codeBook
	number *numbers
	rows   []row
}

// row is one line of the table.
type row struct{ name, value, target, detail string }

func (b *bench) add(name, value, target, detail string) {
	b.rows = append(b.rows, row{name, value, target, detail})
	fmt.Printf("%-58s %-22s target %-14s %s\n", name, value, target, detail)
}

func measure(o options) error {
	b := &bench{options: o, codes: newCodeBook(), number: &numbers{}}
	if err := os.RemoveAll(o.work); err != nil {
		return err
	}
	if err := os.MkdirAll(o.work, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(o.work)
	stop, err := b.startPeers()
	if err != nil {
		return err
	}
	defer stop()
	err = b.all()
	return errors.Join(err, b.write())
}

// startPeers builds the server and starts floor and sink.
func (b *bench) startPeers() (stop func(), err error) {
	b.binary = filepath.Join(b.work, "yanma")
	if out, err := exec.Command("go", "build", "-o", b.binary, "./cmd/yanma").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	floor, addr, err := startProcess(b.self, "floor")
	if err != nil {
		return nil, err
	}
	b.floor = addr
	sink, line, err := startProcess(b.self, "sink")
	if err != nil {
		return nil, errors.Join(err, floor.kill())
	}
	smpp, codes, _ := strings.Cut(line, " ")
	b.smpp, b.sink = smpp, sink
	return func() { _ = floor.kill(); _ = sink.kill() }, readCodes(codes, b.codes)
}

func (b *bench) all() error {
	if b.only == "timing" {
		return b.timing()
	}
	fmt.Printf("machine: %d cores, %s\n", runtime.NumCPU(), runtime.Version())
	if b.only == "delivery" {
		return b.delivery()
	}
	if b.only == "jsms" {
		return b.jsms()
	}
	if b.only == "failover" {
		return b.failover()
	}
	if b.only == "numberverify" {
		return b.numberVerify()
	}
	if b.only == "captcha" {
		return b.captcha()
	}
	if b.only == "oneaccess" {
		return b.oneAccessFlow()
	}
	if strings.HasPrefix(b.only, "growth") {
		return b.growth(b.only == "growth-postgres")
	}
	if strings.HasPrefix(b.only, "postgres") {
		return b.postgres()
	}
	fresh, err := b.flows()
	if err != nil || b.only == "flow" {
		return err
	}
	if b.only == "aged" {
		return b.age(fresh)
	}
	if err := b.tenants(fresh); err != nil {
		return err
	}
	if err := b.timing(); err != nil {
		return err
	}
	if err := b.numberVerify(); err != nil {
		return err
	}
	if err := b.captcha(); err != nil {
		return err
	}
	if err := b.oneAccessFlow(); err != nil {
		return err
	}
	if err := b.overload(); err != nil {
		return err
	}
	if err := b.postgres(); err != nil {
		return err
	}
	if b.aged > 0 {
		return b.age(fresh)
	}
	return nil
}

// load warms up and then measures.
func (b *bench) load(addr string, conns int, span time.Duration, f flow) (result, error) {
	if _, err := closedLoop(addr, conns, 0, warmUp/2, f); err != nil {
		return result{}, err
	}
	r, err := closedLoop(addr, conns, 0, span, f)
	if err == nil && r.Flows == 0 {
		err = fmt.Errorf("no flow succeeded: %s", r.First)
	}
	return r, err
}

// flows is the main measurement: rate and processor time a flow.
func (b *bench) flows() (fresh map[int]float64, err error) {
	y, err := startYanma(b.binary, filepath.Join(b.work, "fresh"), b.smpp, smppWindow, 1)
	if err != nil {
		return nil, err
	}
	fresh = map[int]float64{}
	targets := map[int][2]string{32: {"0.18", "260 µs"}, 256: {"0.28", "200 µs"}}
	for _, conns := range []int{32, 256} {
		r, floor, err := b.againstFloor(conns, func(conns int, span time.Duration) (result, cost, error) { return b.drive(y, conns, span) })
		if err != nil {
			return nil, err
		}
		fresh[conns] = r.rate()
		b.add(fmt.Sprintf("SQLite, flows ÷ floor's, %d connections", conns), fmt.Sprintf("%.3f", r.rate()/floor.rate()), targets[conns][0],
			fmt.Sprintf("%.0f flows/s, floor %.0f, p50 %v, p99 %v of a request, 0 errors", r.rate(), floor.rate(), r.P50.Round(10*time.Microsecond), r.P99.Round(10*time.Microsecond)))
		b.add(fmt.Sprintf("server CPU a flow, %d connections", conns), fmt.Sprintf("%.0f µs", perFlow(r.servers, r.result)), targets[conns][1],
			fmt.Sprintf("%.1f × the generator's; beside it the sink %.0f µs, the generator %.0f µs",
				float64(r.servers)/float64(r.generator), perFlow(r.sink, r.result), perFlow(r.generator, r.result)))
	}
	return fresh, y.stop()
}

// drive keeps connections busy and measures what it costs. A flow that fails
// is an error.
func (b *bench) drive(y *yanma, conns int, span time.Duration) (result, cost, error) {
	before, err := b.spent([]*yanma{y})
	if err != nil {
		return result{}, cost{}, err
	}
	r, err := closedLoop(y.addr, conns, 0, span, loginFlow(b.number, y.keys, b.codes))
	if err != nil {
		return r, cost{}, err
	}
	after, err := b.spent([]*yanma{y})
	if err == nil && (r.Flows == 0 || r.Errors > 0) {
		err = fmt.Errorf("%d flows, %s", r.Flows, r.failures())
	}
	return r, after.minus(before), err
}

func perFlow(d time.Duration, r result) float64 { return float64(d.Microseconds()) / float64(r.Flows) }

// tenants compares a hundred tenants with one that owns all traffic.
func (b *bench) tenants(fresh map[int]float64) error {
	y, err := startYanma(b.binary, filepath.Join(b.work, "tenants"), b.smpp, smppWindow, 100)
	if err != nil {
		return err
	}
	if _, err := closedLoop(y.addr, 256, 0, warmUp, loginFlow(b.number, y.keys, b.codes)); err != nil {
		return err
	}
	hundred, err := closedLoop(y.addr, 256, 0, b.span/2, loginFlow(b.number, y.keys, b.codes))
	if err != nil {
		return err
	}
	one, err := closedLoop(y.addr, 256, 0, b.span/2, loginFlow(b.number, y.keys[:1], b.codes))
	if err != nil {
		return err
	}
	b.add("one tenant with all traffic ÷ a hundred tenants", fmt.Sprintf("%.2f", one.rate()/hundred.rate()), "0.9",
		fmt.Sprintf("%.0f and %.0f flows/s", one.rate(), hundred.rate()))
	return y.stop()
}

// write puts the table into the results folder.
func (b *bench) write() error {
	if err := os.MkdirAll(b.results, 0o755); err != nil {
		return err
	}
	var t strings.Builder
	fmt.Fprintf(&t, "# Benchmark of %s\n\n%d cores, %s, one run, everything on one machine: server, load generator, SMPP sink, floor.\nLimits, ledger, receipts (2 s after the submit), request log and fsync are on; a new number each flow.\n\n| measurement | value | first target | detail |\n|---|---|---|---|\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU(), runtime.Version())
	for _, r := range b.rows {
		fmt.Fprintf(&t, "| %s | %s | %s | %s |\n", r.name, r.value, r.target, r.detail)
	}
	name := time.Now().UTC().Format("2006-01-02-1504") + ".md"
	if b.only != "" {
		name = b.only + "-" + name
	}
	return os.WriteFile(filepath.Join(b.results, name), []byte(t.String()), 0o644)
}
