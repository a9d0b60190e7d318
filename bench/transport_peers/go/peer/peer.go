// Package peer is what the Go peers of bench/transport.py share: arguments, and the line of JSON at
// the end. They are those of peer.h.
package peer

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// With every peer, Kith too.
const (
	RequestsInFlight   = 64
	HandshakesInFlight = 16 // `resumed` too
)

type Options struct {
	IsSender     bool
	Address      string
	Port         int
	Mode         string
	Congestion   string
	Bytes        int64 // 0: for Seconds
	Seconds      time.Duration
	MessageBytes int
	Count        int
}

func ReadOptions() Options {
	var options Options
	if len(os.Args) < 2 || (os.Args[1] != "send" && os.Args[1] != "receive") {
		Die("usage: PEER send|receive [--NAME VALUE]...")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	options.IsSender = os.Args[1] == "send"
	seconds := flags.Float64("seconds", 1, "")
	flags.StringVar(&options.Address, "address", "127.0.0.1", "")
	flags.IntVar(&options.Port, "port", 0, "")
	flags.StringVar(&options.Mode, "mode", "stream", "")
	flags.StringVar(&options.Congestion, "congestion", "", "")
	flags.Int64Var(&options.Bytes, "bytes", 0, "")
	flags.IntVar(&options.MessageBytes, "message-bytes", 64, "")
	flags.IntVar(&options.Count, "count", 10000, "")
	flags.Int("cpu", 0, "the caller pins")
	flags.Bool("json", true, "")
	_ = flags.Parse(os.Args[2:])
	options.Seconds = time.Duration(*seconds * float64(time.Second))
	return options
}

// Endpoint is address and port.
func (o Options) Endpoint() string { return fmt.Sprintf("%s:%d", o.Address, o.Port) }

// GoesOn is true while the sender has more to say.
func (o Options) GoesOn(sent int64, start time.Time) bool {
	if o.Bytes > 0 {
		return sent < o.Bytes
	}
	return time.Since(start) < o.Seconds
}

type Result struct {
	Bytes      int64
	Took       time.Duration
	Messages   int
	RoundTrips []time.Duration
}

func SayListening(port int) { fmt.Printf("{\"listening\":%d}\n", port) }

func Say(options Options, result Result) {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
	seconds := max(result.Took.Seconds(), 1e-9)
	slices.Sort(result.RoundTrips)
	quantile := func(share float64) float64 {
		if len(result.RoundTrips) == 0 {
			return 0
		}
		at := int(share * float64(len(result.RoundTrips)-1))
		return float64(result.RoundTrips[at].Nanoseconds()) / 1e3
	}
	perGiB := 0.0
	if result.Bytes > 0 {
		perGiB = cpu / (float64(result.Bytes) / (1 << 30))
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"mode": options.Mode, "bytes": result.Bytes, "seconds": result.Took.Seconds(),
		"gbit_s": float64(result.Bytes) * 8e-9 / seconds, "messages": result.Messages,
		"per_second": float64(result.Messages) / seconds, "p50_us": quantile(0.5),
		"p99_us": quantile(0.99), "cpu_seconds": cpu, "cpu_s_per_gib": perGiB,
	})
}

func Must(err error, what string) {
	if err != nil {
		Die(what + ": " + err.Error())
	}
}

func Die(what string) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}
