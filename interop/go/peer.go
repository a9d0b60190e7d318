// go-libp2p interop peer: `listen`, `dial`, `pubsub` and `bench`, as interop/README.md describes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const usage = `usage: peer listen [--listen MULTIADDR] [--psk FILE] [--seed N] [--no-ping]
       peer dial ADDR TEST [--psk FILE] [--seed N] [--timeout S] [--count N] [--parallel N]
                 [--size N] [--streams N] [--upload N] [--download N]
       peer pubsub [--listen MULTIADDR] [--seed N] [--unsigned]
       peer bench [--listen MULTIADDR] [--seed N] [--unsigned]
       peer nats-bench
tests: `

var numberNames = []string{
	"seed", "timeout", "count", "parallel", "size", "streams", "upload", "download",
}

type options struct {
	listen   string
	psk      string
	seed     uint64
	seeded   bool
	unsigned bool // Gossip without signatures.
	numbers  map[string]uint64
}

func (o options) number(name string, otherwise uint64) uint64 {
	if value, given := o.numbers[name]; given {
		return value
	}
	return otherwise
}

func main() {
	words, o, err := parse(os.Args[1:])
	switch {
	case err != nil:
		fail(err)
	case len(words) == 1 && words[0] == "listen":
		listen(o)
	case len(words) == 3 && words[0] == "dial" && tests[words[2]] != nil:
		dial(words[1], words[2], o)
	case len(words) == 1 && words[0] == "pubsub":
		exitOn(runGossip(o))
	case len(words) == 1 && words[0] == "bench":
		exitOn(runGossipBench(o))
	case len(words) == 1 && words[0] == "nats-bench":
		exitOn(runNatsBench())
	default:
		fail(fmt.Errorf("cannot do '%s'", strings.Join(words, " ")))
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func fail(err error) {
	names := slices.Sorted(maps.Keys(tests))
	fmt.Fprintf(os.Stderr, "peer: %v\n%s%s\n", err, usage, strings.Join(names, " "))
	os.Exit(2)
}

// parse exists because package flag stops at the first word that is no flag.
func parse(arguments []string) (words []string, o options, err error) {
	o = options{listen: "/ip4/127.0.0.1/tcp/0", numbers: map[string]uint64{}}
	for i := 0; i < len(arguments); i++ {
		name, isFlag := strings.CutPrefix(arguments[i], "--")
		if !isFlag {
			words = append(words, arguments[i])
			continue
		}
		// This peer pings only when told to, and waits for identify anyway.
		if name == "no-ping" || name == "identified" {
			continue
		}
		if name == "unsigned" {
			o.unsigned = true
			continue
		}
		i++
		if i == len(arguments) {
			return nil, o, fmt.Errorf("--%s wants a value", name)
		}
		switch {
		case name == "listen":
			o.listen = arguments[i]
		case name == "psk":
			o.psk = arguments[i]
		case slices.Contains(numberNames, name):
			value, err := strconv.ParseUint(arguments[i], 10, 64)
			if err != nil {
				return nil, o, fmt.Errorf("--%s wants a number, not '%s'", name, arguments[i])
			}
			o.numbers[name] = value
		default:
			return nil, o, fmt.Errorf("no option --%s", name)
		}
	}
	o.seed, o.seeded = o.numbers["seed"]
	return words, o, nil
}

func listen(o options) {
	h, err := makeHost(o, o.listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
	serve(h)
	addresses := []string{}
	full, _ := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	for _, a := range full {
		addresses = append(addresses, a.String())
	}
	json.NewEncoder(os.Stdout).Encode(result{"peer_id": h.ID().String(), "addresses": addresses})

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop <- syscall.SIGTERM
	}()
	<-stop
}

func dial(address string, name string, o options) {
	seconds := o.number("timeout", 60)
	limit := time.Duration(seconds) * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	time.AfterFunc(limit, func() { report(name, nil, fmt.Errorf("no result in %d s", seconds)) })
	measured, err := tests[name](ctx, address, o)
	report(name, measured, err)
}

func report(name string, measured result, err error) {
	status := 0
	if err != nil {
		measured = result{"error": err.Error()}
		status = 1
	}
	measured["test"] = name
	measured["ok"] = err == nil
	json.NewEncoder(os.Stdout).Encode(measured)
	os.Exit(status)
}
