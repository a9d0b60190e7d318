package main

import (
	"context"
	"encoding/json"
	"testing"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
)

func start(t *testing.T, db dbm.DB) *app {
	t.Helper()
	a, err := openApp(db)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func genesis(t *testing.T, a *app) {
	t.Helper()
	state, _ := json.Marshal(genesisCoins{2, coinsALane, coinValue})
	request := &abci.RequestInitChain{ChainId: "load", AppStateBytes: state}
	if _, err := a.InitChain(context.Background(), request); err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, l *lane) *signedPayment {
	t.Helper()
	p, err := l.next()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func check(t *testing.T, a *app, tx []byte) uint32 {
	t.Helper()
	answer, err := a.CheckTx(context.Background(), &abci.RequestCheckTx{Tx: tx})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Code
}

func block(t *testing.T, a *app, height int64, txs ...[]byte) []uint32 {
	t.Helper()
	request := &abci.RequestFinalizeBlock{Height: height, Txs: txs}
	answer, err := a.FinalizeBlock(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Commit(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	codes := make([]uint32, len(txs))
	for i, result := range answer.TxResults {
		codes[i] = result.Code
	}
	return codes
}

func TestPaymentIsSpentOnceAndItsChangeAgain(t *testing.T) {
	a := start(t, dbm.NewMemDB())
	genesis(t, a)
	l := newLane(1)
	l.coins = l.coins[:1]
	first := next(t, l)
	if len(first.tx) != 244 {
		t.Errorf("%d bytes", len(first.tx))
	}
	if code := check(t, a, first.tx); code != 0 {
		t.Fatalf("a good payment: code %d", code)
	}
	if codes := block(t, a, 1, first.tx, first.tx); codes[0] != 0 || codes[1] == 0 {
		t.Fatalf("paid once, and not twice: %v", codes)
	}
	first.paid()
	if code := check(t, a, first.tx); code == 0 {
		t.Error("a spent coin passes CheckTx")
	}
	if codes := block(t, a, 2, next(t, l).tx); codes[0] != 0 {
		t.Errorf("change cannot be spent, or only what CheckTx saw: %v", codes)
	}
	if a.done.Transactions != 2 || a.done.Height != 2 {
		t.Errorf("%+v", a.done)
	}
	if len(a.verified)+len(a.waiting) != 0 {
		t.Errorf("%d and %d are remembered", len(a.verified), len(a.waiting))
	}
}

func TestBadPaymentsAreRefused(t *testing.T) {
	a := start(t, dbm.NewMemDB())
	genesis(t, a)
	for name, spoil := range map[string]func(tx []byte){
		"signature":   func(tx []byte) { tx[len(tx)-1] ^= 1 },
		"other key":   func(tx []byte) { tx[signedBytes-1] ^= 1 },
		"other coin":  func(tx []byte) { tx[19] ^= 1 },
		"more out":    func(tx []byte) { tx[19+38+2+3] = 1 },
		"other form":  func(tx []byte) { tx[0] = 2 },
		"other chain": nil,
	} {
		p := next(t, newLane(0))
		if spoil != nil {
			spoil(p.tx)
		} else {
			parsed, err := decode(p.tx)
			if err != nil {
				t.Fatal(err)
			}
			if p.tx, err = parsed.sign(laneKey(0), "another"); err != nil {
				t.Fatal(err)
			}
		}
		if check(t, a, p.tx) == 0 || block(t, a, a.now.Height+1, p.tx)[0] == 0 {
			t.Errorf("%s: not refused", name)
		}
	}
}

func TestTwoThatSpendOneCoinDoNotWaitTogether(t *testing.T) {
	a := start(t, dbm.NewMemDB())
	genesis(t, a)
	first := next(t, newLane(0))
	parsed, err := decode(first.tx)
	if err != nil {
		t.Fatal(err)
	}
	parsed.outputs[0].value--
	parsed.outputs[1].value++
	second, err := parsed.sign(laneKey(0), "load")
	if err != nil {
		t.Fatal(err)
	}
	if check(t, a, first.tx) != 0 || check(t, a, second) == 0 || check(t, a, first.tx) != 0 {
		t.Error("the first waits, the second may not, the first may again")
	}
	if codes := block(t, a, 1, second); codes[0] != 0 {
		t.Errorf("a block decides: %v", codes)
	}
}

func TestStateOutlivesARestart(t *testing.T) {
	db := dbm.NewMemDB()
	a := start(t, db)
	genesis(t, a)
	l := newLane(0)
	block(t, a, 1, next(t, l).tx, next(t, l).tx)
	b := start(t, db)
	if len(b.coins) != len(a.coins) || string(b.done.Hash) != string(a.done.Hash) {
		t.Errorf("%d coins and %x, before %d and %x",
			len(b.coins), b.done.Hash, len(a.coins), a.done.Hash)
	}
	if b.done.Height != 1 || b.done.Transactions != 2 {
		t.Errorf("%+v", b.done)
	}
	if codes := block(t, b, 2, next(t, l).tx); codes[0] != 0 {
		t.Errorf("it cannot go on: %v", codes)
	}
}
