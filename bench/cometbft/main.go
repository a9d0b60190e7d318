// CometBFT with the payments of chain_load.cpp: a testnet's files, one of its nodes, and the load.
// bench/chain.py starts them side by side with Kith's; bench/README.md says what is measured.
package main

import (
	"flag"
	"fmt"
	"os"

	cfg "github.com/cometbft/cometbft/config"
	"github.com/spf13/viper"
)

const usage = `usage: cometbft-bench testnet --home DIR [--nodes 4] [--profile default|tuned]
       cometbft-bench node --home DIR/nodeI
       cometbft-bench load (run | paced | idle) [--seconds S] [--rate N] [--waiting N] HOST:PORT...
run: as many payments a second as they take, or --rate; paced: --rate a second, each waited for;
idle: one after another, with pauses
`

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("no verb\n%s", usage))
	}
	verb, words := os.Args[1], os.Args[2:]
	what := ""
	if verb == "load" && len(words) > 0 {
		what, words = words[0], words[1:]
	}
	flags := flag.NewFlagSet(verb, flag.ExitOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	home := flags.String("home", "", "")
	nodes := flags.Int("nodes", 4, "")
	profile := flags.String("profile", "default", "")
	seconds := flags.Float64("seconds", 10, "")
	rate := flags.Float64("rate", 0, "")
	waiting := flags.Int("waiting", 4000, "")
	_ = flags.Parse(words) // It ends the process itself.
	var err error
	switch verb {
	case "testnet":
		err = testnet(*home, *nodes, *profile)
	case "node":
		err = runNode(*home)
	case "load":
		err = runLoad(what, *seconds, *rate, *waiting, flags.Args())
	default:
		err = fmt.Errorf("no verb %q\n%s", verb, usage)
	}
	if err != nil {
		fail(err)
	}
}

// readConfig reads what testnet wrote, the way CometBFT's own program does.
func readConfig(home string) (*cfg.Config, error) {
	c := cfg.DefaultConfig()
	c.SetRoot(home)
	reader := viper.New()
	reader.SetConfigFile(home + "/config/config.toml")
	if err := reader.ReadInConfig(); err != nil {
		return nil, err
	}
	if err := reader.Unmarshal(c); err != nil {
		return nil, err
	}
	c.SetRoot(home)
	return c, c.ValidateBasic()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "cometbft-bench:", err)
	os.Exit(1)
}
