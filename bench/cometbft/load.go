package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
)

const (
	connectionsANode = 3
	startLimit       = 30 * time.Second
	drainLimit       = 5 * time.Second
	payment          = 1000
	fee              = 400
	pacedMax         = 80 // Payments that wait at one node: CometBFT serves 100 subscribers.

	// Lanes of `run`, then those of `paced`, then that of `idle`: none spends another's coins.
	pacedLane = 24
	idleLane  = 31
)

// laneKey is whose coins a lane spends.
func laneKey(lane int) ed25519.PrivKey {
	seed := make([]byte, 32)
	seed[0], seed[31] = byte(lane), 0x6c
	return ed25519.GenPrivKeyFromSecret(seed)
}

// A lane spends its coins in turn, and what is left of each again.
type lane struct {
	key   ed25519.PrivKey
	coins []ownCoin
	at    int
}

type ownCoin struct {
	from  point
	value uint64
}

func newLane(number int) *lane {
	l := &lane{key: laneKey(number), coins: make([]ownCoin, coinsALane)}
	for i := range l.coins {
		l.coins[i] = ownCoin{genesisPoint(number*coinsALane + i), coinValue}
	}
	return l
}

// A signed payment; paid says that the network took it, else its coin is spent once more later.
type signedPayment struct {
	tx    []byte
	place *ownCoin
	left  ownCoin
}

func (p *signedPayment) paid() { *p.place = p.left }

func (l *lane) next() (*signedPayment, error) {
	place := &l.coins[l.at%len(l.coins)]
	l.at++
	own := lockOf(l.key.PubKey().Bytes())
	other := own
	other[0] ^= 1 // Nobody's.
	rest := place.value - payment - fee
	t := transfer{fee: fee, input: place.from, outputs: [2]coin{{payment, other}, {rest, own}}}
	copy(t.key[:], l.key.PubKey().Bytes())
	tx, err := t.sign(l.key, "load")
	return &signedPayment{tx, place, ownCoin{pointOf(t.id(), 1), rest}}, err
}

// tally is what all senders and samplers of a run found.
type tally struct {
	isOver, isFull atomic.Bool
	sent, refused  atomic.Uint64
	mutex          sync.Mutex
	firstRefusal   string
	latencies      []float64 // In milliseconds.
	failure        error
}

func (t *tally) refuse(why string) {
	t.refused.Add(1)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.firstRefusal == "" {
		t.firstRefusal = why
	}
}

func (t *tally) add(took time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.latencies = append(t.latencies, float64(took)/float64(time.Millisecond))
}

func (t *tally) fail(err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.failure == nil && !t.isOver.Load() { // Later it is the end that breaks requests off.
		t.failure = err
	}
	t.isOver.Store(true)
}

func runLoad(what string, seconds, rate float64, waitingMax int, targets []string) error {
	if len(targets) == 0 || len(targets)*(connectionsANode+1) > pacedLane {
		return fmt.Errorf("%d nodes; 1 to %d", len(targets), pacedLane/(connectionsANode+1))
	}
	all, cancel := context.WithCancel(context.Background())
	defer cancel()
	nodes := make([]*rpcClient, len(targets))
	for i, target := range targets {
		nodes[i] = newRPCClient(all, target)
	}
	if err := waitForFirstBlock(nodes); err != nil {
		return err
	}
	t := &tally{}
	var group sync.WaitGroup
	// A network that has just started has not found all its ways yet; what it is idle in comes first.
	var warm time.Duration
	switch what {
	case "run":
		warm = 3 * time.Second
		startRun(t, &group, nodes, rate)
	case "paced":
		if rate <= 0 {
			return fmt.Errorf("paced wants --rate")
		}
		warm = time.Second
		group.Go(func() { pace(t, &group, nodes, rate) })
	case "idle":
		warm = 8 * time.Second
		group.Go(func() { idle(t, nodes[0]) })
	default:
		return fmt.Errorf("no load %q\n%s", what, usage)
	}
	first, last, err := watch(t, nodes, warm, seconds, waitingMax)
	t.isOver.Store(true)
	// What is not final soon after the end counts neither way.
	time.AfterFunc(drainLimit, cancel)
	group.Wait()
	if err == nil {
		err = t.failure
	}
	if err != nil {
		return err
	}
	return report(t, first, last)
}

// waitForFirstBlock: a node answers before it has found the others.
func waitForFirstBlock(nodes []*rpcClient) error {
	end := time.Now().Add(startLimit)
	for _, node := range nodes {
		for {
			p, err := node.progress()
			if err == nil && p.Height > 0 {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("no block within %v: %v", startLimit, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

func startRun(t *tally, group *sync.WaitGroup, nodes []*rpcClient, rate float64) {
	for i, node := range nodes {
		first := i * (connectionsANode + 1)
		for j := range connectionsANode {
			group.Go(func() {
				sendBatches(t, node, newLane(first+j), rate/float64(len(nodes)*connectionsANode))
			})
		}
		group.Go(func() {
			l := newLane(first + connectionsANode)
			for !t.isOver.Load() {
				sample(t, node, l)
			}
		})
	}
}

func sendBatches(t *tally, node *rpcClient, l *lane, rate float64) {
	began := time.Now()
	for batches := 0; !t.isOver.Load(); batches++ {
		if rate > 0 {
			due := float64(batches*batchSize) / rate * float64(time.Second)
			time.Sleep(time.Until(began.Add(time.Duration(due))))
		}
		for t.isFull.Load() && !t.isOver.Load() {
			time.Sleep(5 * time.Millisecond)
		}
		batch := make([]*signedPayment, batchSize)
		for i := range batch {
			var err error
			if batch[i], err = l.next(); err != nil {
				t.fail(err)
				return
			}
		}
		refusals, err := node.submit(batch)
		if err != nil {
			t.fail(err)
			return
		}
		t.sent.Add(batchSize)
		for i, why := range refusals {
			if why == "" {
				batch[i].paid()
			} else {
				t.refuse(why)
			}
		}
	}
}

// sample pays once and waits until that is final.
func sample(t *tally, node *rpcClient, l *lane) {
	p, err := l.next()
	if err != nil {
		t.fail(err)
		return
	}
	began := time.Now()
	why, err := node.submitAndWait(p.tx)
	if err != nil {
		t.fail(err)
		return
	}
	t.sent.Add(1)
	if why != "" {
		t.refuse(why)
		time.Sleep(20 * time.Millisecond)
		return
	}
	t.add(time.Since(began))
	p.paid()
}

// pace pays on time, however long those before it take.
func pace(t *tally, group *sync.WaitGroup, nodes []*rpcClient, rate float64) {
	began := time.Now()
	l := newLane(pacedLane)
	places := make([]chan struct{}, len(nodes))
	for i := range places {
		places[i] = make(chan struct{}, pacedMax)
	}
	for i := 0; !t.isOver.Load(); i++ {
		due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		p, err := l.next()
		if err != nil {
			t.fail(err)
			return
		}
		node, place := nodes[i%len(nodes)], places[i%len(nodes)]
		place <- struct{}{}
		group.Go(func() {
			defer func() { <-place }()
			why, err := node.submitAndWait(p.tx)
			if err != nil {
				t.fail(err)
				return
			}
			t.sent.Add(1)
			if why != "" {
				t.refuse(why)
				return
			}
			t.add(time.Since(due))
			p.paid()
		})
	}
}

// idle pays into a network that has nothing else to do, at moments that no block knows.
func idle(t *tally, node *rpcClient) {
	l := newLane(idleLane)
	for !t.isOver.Load() {
		sample(t, node, l)
		time.Sleep(time.Duration(100+rand.IntN(200)) * time.Millisecond)
	}
}

type moment struct {
	progress
	at time.Time
}

// watch lasts as long as the run, pauses senders while a mempool is full, and gives what the first
// node had executed after the warm-up and at the end.
func watch(
	t *tally, nodes []*rpcClient, warm time.Duration, seconds float64, waitingMax int,
) (first, last moment, err error) {
	warmUntil := time.Now().Add(warm)
	isWarm := false
	for {
		waiting := 0
		for _, node := range nodes {
			count, err := node.waiting()
			if err != nil {
				return first, last, err
			}
			waiting = max(waiting, count)
		}
		t.isFull.Store(waiting > waitingMax)
		if last.progress, err = nodes[0].progress(); err != nil {
			return first, last, err
		}
		last.at = time.Now()
		if !isWarm && !last.at.Before(warmUntil) {
			isWarm, first = true, last
			t.mutex.Lock()
			t.latencies = nil
			t.mutex.Unlock()
		}
		if t.isOver.Load() || isWarm && last.at.Sub(first.at).Seconds() >= seconds {
			return first, last, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func report(t *tally, first, last moment) error {
	took := last.at.Sub(first.at).Seconds()
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds":       took,
		"tx_per_s":      float64(last.Transactions-first.Transactions) / took,
		"blocks_per_s":  float64(last.Height-first.Height) / took,
		"final_ms_p50":  percentile(t.latencies, 0.5),
		"final_ms_p99":  percentile(t.latencies, 0.99),
		"samples":       len(t.latencies),
		"sent":          t.sent.Load(),
		"refused":       t.refused.Load(),
		"first_refusal": hex.EncodeToString([]byte(t.firstRefusal)),
	})
}

func percentile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(int(share*float64(len(values))), len(values)-1)]
}
