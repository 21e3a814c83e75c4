package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		args = []string{"run"}
	}
	flags := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	switch args[0] {
	case "floor":
		return serveFloor("127.0.0.1:0", func(addr string) { fmt.Println(addr) })
	case "sink":
		return serveSink("127.0.0.1:0", "127.0.0.1:0", func(smpp, codes string) { fmt.Println(smpp, codes) })
	case "counter":
		return serveCounter("127.0.0.1:0", "127.0.0.1:0", func(smpp, counts string) { fmt.Println(smpp, counts) })
	case "carrier":
		return serveCarrier("127.0.0.1:0", func(addr string) { fmt.Println(addr) })
	case "submit":
		return submitFromMemory(args[1:])
	case "run":
		var o options
		flags.DurationVar(&o.span, "span", 15*time.Second, "length of each measurement")
		flags.Int64Var(&o.aged, "aged", 1_000_000, "flows that age the database; 0 leaves the aged measurements out")
		flags.StringVar(&o.results, "results", "bench/results", "folder of the reports")
		flags.StringVar(&o.work, "work", ".cache/bench", "folder of the databases, on a real disk")
		flags.StringVar(&o.only, "only", "", "flow: only the flow at 32 and 256 connections; aged: that, and again after -aged flows; timing: only the two samples of row 9; postgres: only that engine; postgres-flow: only its flow; growth, growth-postgres: the flow with many codes; delivery: messages beside Kannel; failover: a primary that falls silent; numberverify: numbers verified through the simulated carrier; captcha: pictures drawn, and served over HTTP; oneaccess: its login of four calls beside the floor's flow; jsms: its flow beside yunbox's, batches of a thousand, and (from -span 10s on) 50,000 schedules due at once")
		flags.Int64Var(&o.grow, "grow", 10_000_000, "codes of the measurement of growth, at least 200,000")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return measure(o)
	default:
		return errors.New("usage: bench run | floor | sink | counter | carrier | submit")
	}
}
