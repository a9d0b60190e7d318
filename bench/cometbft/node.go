package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"
	cmtflags "github.com/cometbft/cometbft/libs/cli/flags"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/types"
)

const (
	lanes       = 32
	coinsALane  = 2000
	coinValue   = 1_000_000_000
	batchSize   = 50
	commitLimit = 60 * time.Second // Of a payment that somebody waits for.
)

// testnet writes DIR/nodeI for each validator and prints where their RPC will be.
func testnet(dir string, count int, profile string) error {
	configs := make([]*cfg.Config, count)
	genesis := &types.GenesisDoc{
		ChainID: "load", GenesisTime: time.Now(), ConsensusParams: types.DefaultConsensusParams(),
	}
	ports, err := freePorts(2 * count)
	if err != nil {
		return err
	}
	addresses := make([]string, count)
	rpc := make([]string, count)
	for i := range count {
		c, err := configOf(profile)
		if err != nil {
			return err
		}
		c.SetRoot(filepath.Join(dir, fmt.Sprintf("node%d", i+1)))
		cfg.EnsureRoot(c.RootDir)
		c.Moniker = fmt.Sprintf("node%d", i+1)
		rpc[i] = fmt.Sprintf("127.0.0.1:%d", ports[2*i])
		c.RPC.ListenAddress = "tcp://" + rpc[i]
		c.P2P.ListenAddress = fmt.Sprintf("tcp://127.0.0.1:%d", ports[2*i+1])
		nodeKey, err := p2p.LoadOrGenNodeKey(c.NodeKeyFile())
		if err != nil {
			return err
		}
		addresses[i] = p2p.IDAddressString(nodeKey.ID(), fmt.Sprintf("127.0.0.1:%d", ports[2*i+1]))
		validator := privval.LoadOrGenFilePV(c.PrivValidatorKeyFile(), c.PrivValidatorStateFile())
		key, err := validator.GetPubKey()
		if err != nil {
			return err
		}
		genesis.Validators = append(genesis.Validators, types.GenesisValidator{
			Address: key.Address(), PubKey: key, Power: 1, Name: c.Moniker,
		})
		configs[i] = c
	}
	genesis.AppState, err = json.Marshal(genesisCoins{lanes, coinsALane, coinValue})
	if err != nil {
		return err
	}
	for i, c := range configs {
		others := append(append([]string{}, addresses[:i]...), addresses[i+1:]...)
		c.P2P.PersistentPeers = strings.Join(others, ",")
		if err := c.ValidateBasic(); err != nil {
			return err
		}
		cfg.WriteConfigFile(filepath.Join(c.RootDir, "config", "config.toml"), c)
		if err := genesis.SaveAs(c.GenesisFile()); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"rpc": rpc})
}

// configOf is the default configuration with what any such load needs: room for batches and time
// for those who wait. `tuned` is as fast as its settings make it on one machine.
func configOf(profile string) (*cfg.Config, error) {
	c := cfg.DefaultConfig()
	c.P2P.AddrBookStrict = false
	c.P2P.AllowDuplicateIP = true
	c.RPC.MaxRequestBatchSize = batchSize
	c.RPC.TimeoutBroadcastTxCommit = commitLimit
	c.LogLevel = "error"
	switch profile {
	case "default":
	case "tuned":
		c.Consensus.TimeoutCommit = 0
		c.Consensus.SkipTimeoutCommit = true
		c.Consensus.CreateEmptyBlocks = false // A payment starts a block; none has to end first.
		c.Consensus.PeerGossipSleepDuration = 5 * time.Millisecond
		c.P2P.FlushThrottleTimeout = time.Millisecond
		c.P2P.SendRate = 1 << 30
		c.P2P.RecvRate = 1 << 30
		c.P2P.MaxPacketMsgPayloadSize = 64 * 1024
		c.Mempool.Recheck = false // What is spent meanwhile is refused when it is executed.
		c.Mempool.Size = 50_000
		c.Mempool.CacheSize = 100_000
		c.TxIndex.Indexer = "null"
	default:
		return nil, fmt.Errorf("no profile %q: default or tuned", profile)
	}
	return c, nil
}

// freePorts holds all of them at once, so that none comes twice.
func freePorts(count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// runNode is one validator, with the application in its process; it ends with a signal.
func runNode(home string) error {
	c, err := readConfig(home)
	if err != nil {
		return err
	}
	logger, err := cmtflags.ParseLogLevel(
		c.LogLevel, log.NewTMLogger(log.NewSyncWriter(os.Stderr)), cfg.DefaultLogLevel)
	if err != nil {
		return err
	}
	nodeKey, err := p2p.LoadNodeKey(c.NodeKeyFile())
	if err != nil {
		return err
	}
	db, err := dbm.NewDB("transfers", dbm.BackendType(c.DBBackend), c.DBDir())
	if err != nil {
		return err
	}
	defer db.Close()
	ledger, err := openApp(db)
	if err != nil {
		return err
	}
	validator := privval.LoadFilePV(c.PrivValidatorKeyFile(), c.PrivValidatorStateFile())
	n, err := node.NewNode(c, validator, nodeKey, proxy.NewConnSyncLocalClientCreator(ledger),
		node.DefaultGenesisDocProviderFunc(c), cfg.DefaultDBProvider,
		node.DefaultMetricsProvider(c.Instrumentation), logger)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := n.Start(); err != nil {
		return err
	}
	fmt.Printf("{\"event\":\"ready\",\"rpc\":%q}\n", c.RPC.ListenAddress)
	<-signals
	if err := n.Stop(); err != nil {
		return err
	}
	n.Wait()
	return nil
}
