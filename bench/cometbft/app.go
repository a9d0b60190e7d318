package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
)

const (
	verifiedMax = 200_000 // Signatures that are remembered; more than a mempool holds.
	codeRefused = 1
)

// genesisCoins is the application's part of the genesis: coins of deterministic keys (lanes).
type genesisCoins struct {
	Lanes int    `json:"lanes"`
	Coins int    `json:"coins"` // Of each lane.
	Value uint64 `json:"value"`
}

func genesisPoint(number int) point { return pointOf(hash{}, uint32(number)) }

// progress is what Info tells the load and what survives a restart.
type progress struct {
	Height       int64  `json:"height"`
	Transactions uint64 `json:"transactions"` // Executed, without those that were refused.
	Hash         []byte `json:"hash"`
	Chain        string `json:"chain"`
}

// app is a ledger of unspent outputs. Its state is a map; what a block changed goes into the
// database at Commit, in one batch that is not synced: CometBFT, whose own stores are, replays what
// is missing. The hash of the state is a chain over executed transfers, far less than a tree over
// all outputs costs.
type app struct {
	abci.BaseApplication
	db dbm.DB

	mutex    sync.Mutex
	coins    map[point]coin
	waiting  map[point]hash    // Inputs of transfers in the mempool, and by which they are spent.
	verified map[hash]struct{} // Whole transfers whose signature CheckTx has seen to be good.
	now      progress
	done     progress // As of the last Commit.
	batch    dbm.Batch
}

var stateKey = []byte("state")

func openApp(db dbm.DB) (*app, error) {
	a := &app{
		db: db, coins: map[point]coin{}, waiting: map[point]hash{}, verified: map[hash]struct{}{},
		batch: db.NewBatch(),
	}
	state, err := db.Get(stateKey)
	if err != nil || state == nil {
		return a, err
	}
	if err := json.Unmarshal(state, &a.now); err != nil {
		return nil, err
	}
	a.done = a.now
	all, err := db.Iterator([]byte("c"), []byte("d"))
	if err != nil {
		return nil, err
	}
	defer all.Close()
	for ; all.Valid(); all.Next() {
		var c coin
		c.value = binary.BigEndian.Uint64(all.Value())
		copy(c.lock[:], all.Value()[8:])
		a.coins[point(all.Key()[1:])] = c
	}
	return a, all.Error()
}

func (a *app) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	data, err := json.Marshal(a.done)
	return &abci.ResponseInfo{
		Data: string(data), LastBlockHeight: a.done.Height, LastBlockAppHash: a.done.Hash,
	}, err
}

func (a *app) InitChain(
	_ context.Context, request *abci.RequestInitChain,
) (*abci.ResponseInitChain, error) {
	var genesis genesisCoins
	if err := json.Unmarshal(request.AppStateBytes, &genesis); err != nil {
		return nil, err
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.now = progress{Hash: make([]byte, sha256.Size), Chain: request.ChainId}
	for lane := range genesis.Lanes {
		lock := lockOf(laneKey(lane).PubKey().Bytes())
		for i := range genesis.Coins {
			if err := a.add(genesisPoint(lane*genesis.Coins+i), coin{genesis.Value, lock}); err != nil {
				return nil, err
			}
		}
	}
	return &abci.ResponseInitChain{AppHash: a.now.Hash}, a.write()
}

func (a *app) CheckTx(
	_ context.Context, request *abci.RequestCheckTx,
) (*abci.ResponseCheckTx, error) {
	if err := a.checkTx(request.Tx, request.Type == abci.CheckTxType_Recheck); err != nil {
		return &abci.ResponseCheckTx{Code: codeRefused, Log: err.Error()}, nil
	}
	return &abci.ResponseCheckTx{Code: abci.CodeTypeOK, GasWanted: 1}, nil
}

func (a *app) checkTx(tx []byte, isAgain bool) error {
	t, err := decode(tx)
	if err != nil {
		return err
	}
	a.mutex.Lock()
	err = a.checkInput(t)
	chain := a.now.Chain
	a.mutex.Unlock()
	whole := hash(sha256.Sum256(tx))
	if isAgain {
		if err != nil {
			a.forget(t, whole)
		}
		return err // Its signature was good the first time.
	}
	if err == nil && !t.isSignatureGood(chain) {
		err = errors.New("a bad signature")
	}
	if err != nil {
		return err
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err := a.checkInput(t); err != nil {
		return err
	}
	a.waiting[t.input] = t.id()
	if len(a.verified) >= verifiedMax {
		clear(a.verified)
	}
	a.verified[whole] = struct{}{}
	return nil
}

func (a *app) checkInput(t *transfer) error {
	spent, is := a.coins[t.input]
	if !is {
		return errors.New("no such coin")
	}
	if other, is := a.waiting[t.input]; is && other != t.id() {
		return errors.New("another transfer that waits spends this coin")
	}
	return t.check(spent)
}

func (a *app) forget(t *transfer, whole hash) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	delete(a.verified, whole)
	if a.waiting[t.input] == t.id() {
		delete(a.waiting, t.input)
	}
}

func (a *app) FinalizeBlock(
	_ context.Context, request *abci.RequestFinalizeBlock,
) (*abci.ResponseFinalizeBlock, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	results := make([]*abci.ExecTxResult, len(request.Txs))
	digest := sha256.New()
	digest.Write(a.now.Hash)
	for i, tx := range request.Txs {
		id, refused, err := a.execute(tx)
		if err != nil {
			return nil, err
		}
		if refused != nil {
			results[i] = &abci.ExecTxResult{Code: codeRefused, Log: refused.Error()}
			continue
		}
		results[i] = &abci.ExecTxResult{Code: abci.CodeTypeOK}
		digest.Write(id[:])
		a.now.Transactions++
	}
	a.now.Height = request.Height
	a.now.Hash = digest.Sum(nil)
	return &abci.ResponseFinalizeBlock{TxResults: results, AppHash: a.now.Hash}, nil
}

// execute gives why the transfer is refused, or an error of the database.
func (a *app) execute(tx []byte) (id hash, refused error, err error) {
	t, refused := decode(tx)
	if refused != nil {
		return id, refused, nil
	}
	spent, is := a.coins[t.input]
	if !is {
		return id, errors.New("no such coin"), nil
	}
	if refused := t.check(spent); refused != nil {
		return id, refused, nil
	}
	whole := hash(sha256.Sum256(tx))
	if _, is := a.verified[whole]; !is && !t.isSignatureGood(a.now.Chain) {
		return id, errors.New("a bad signature"), nil
	}
	delete(a.verified, whole)
	delete(a.waiting, t.input)
	delete(a.coins, t.input)
	id = t.id()
	if err := a.batch.Delete(coinKey(t.input)); err != nil {
		return id, nil, err
	}
	for i, output := range t.outputs {
		if err := a.add(pointOf(id, uint32(i)), output); err != nil {
			return id, nil, err
		}
	}
	return id, nil, nil
}

func (a *app) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return &abci.ResponseCommit{}, a.write()
}

func (a *app) add(p point, c coin) error {
	a.coins[p] = c
	value := append(binary.BigEndian.AppendUint64(nil, c.value), c.lock[:]...)
	return a.batch.Set(coinKey(p), value)
}

func coinKey(p point) []byte { return append([]byte("c"), p[:]...) }

func (a *app) write() error {
	state, err := json.Marshal(a.now)
	if err != nil {
		return err
	}
	if err := a.batch.Set(stateKey, state); err != nil {
		return err
	}
	if err := a.batch.Write(); err != nil {
		return fmt.Errorf("the state cannot be written: %w", err)
	}
	if err := a.batch.Close(); err != nil {
		return err
	}
	a.batch = a.db.NewBatch()
	a.done = a.now
	return nil
}
