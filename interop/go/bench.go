package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// The node of the pubsub benchmark, `peer bench`, as interop/README.md describes it; what carries
// the messages is in bench_gossip.go and bench_nats.go.

const (
	benchTopic = "bench"
	benchBytes = 256
	benchStep  = 64 // A receiver tells how far it is after so many.
)

type bencher struct {
	publish func(data []byte) error

	mutex    sync.Mutex // Of all below, and of standard output.
	phase    uint32     // Of the messages that come in,
	indexes  []bool     // which of them came,
	count    int
	copies   int
	told     uint32
	expected int // 0: not known yet.
	first    uint64
	last     uint64
	delays   []uint64 // In ns.

	moved      *sync.Cond // The receivers have come further:
	ackedPhase uint32
	acked      uint32
}

func newBencher() *bencher {
	b := &bencher{}
	b.moved = sync.NewCond(&b.mutex)
	return b
}

// say REQUIRES: the lock is held.
func (b *bencher) say(event result) { json.NewEncoder(os.Stdout).Encode(event) }

func (b *bencher) tell(event result) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.say(event)
}

// run obeys commands until the end of input.
func (b *bencher) run(dial func(address string) error) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 2 && words[0] == "dial" {
			if err := dial(words[1]); err != nil {
				return err
			}
			b.tell(result{"event": "connected"})
			continue
		}
		if err := b.do(words); err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
	}
	return lines.Err()
}

func (b *bencher) do(words []string) error {
	if len(words) == 0 || len(words) > 6 {
		return fmt.Errorf("cannot do it")
	}
	var numbers [5]uint32
	for i, word := range words[1:] {
		if _, err := fmt.Sscan(word, &numbers[i]); err != nil {
			return err
		}
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	switch words[0] {
	case "publish":
		go b.publishAll(numbers[0], numbers[1], numbers[2], numbers[3],
			time.Duration(numbers[4])*time.Millisecond)
	case "ack":
		b.ackedPhase, b.acked = numbers[0], numbers[1]
		b.moved.Broadcast()
	case "expect":
		b.begin(numbers[0])
		b.expected = int(numbers[1])
		if b.count >= b.expected {
			b.report()
		}
	case "report":
		b.begin(numbers[0])
		b.report()
	default:
		return fmt.Errorf("cannot do it")
	}
	return nil
}

// publishAll ends after count messages or limit, whichever comes first; rate 0 is no pace.
func (b *bencher) publishAll(phase, count, rate, window uint32, limit time.Duration) {
	start := time.Now()
	refused, i := 0, uint32(0)
	for ; i < count && time.Since(start) < limit; i++ {
		b.mutex.Lock()
		for b.ackedOf(phase)+window <= i {
			b.moved.Wait()
		}
		b.mutex.Unlock()
		if rate > 0 {
			time.Sleep(time.Until(start.Add(time.Second * time.Duration(i) / time.Duration(rate))))
		}
		data := make([]byte, benchBytes) // The library keeps it.
		binary.LittleEndian.PutUint32(data, phase)
		binary.LittleEndian.PutUint32(data[4:], i)
		binary.LittleEndian.PutUint64(data[8:], uint64(time.Now().UnixNano()))
		if err := b.publish(data); err != nil {
			refused++
		}
	}
	b.tell(result{"event": "published", "phase": phase, "count": i, "refused": refused})
}

// ackedOf REQUIRES: the lock is held.
func (b *bencher) ackedOf(phase uint32) uint32 {
	if b.ackedPhase != phase {
		return 0
	}
	return b.acked
}

func (b *bencher) begin(phase uint32) {
	if b.phase == phase {
		return
	}
	b.phase, b.indexes, b.count, b.copies, b.told = phase, nil, 0, 0, 0
	b.expected, b.first, b.last, b.delays = 0, 0, 0, nil
}

// take is called with every message that is delivered.
func (b *bencher) take(data []byte) {
	now := uint64(time.Now().UnixNano())
	phase, index := binary.LittleEndian.Uint32(data), binary.LittleEndian.Uint32(data[4:])
	sent := binary.LittleEndian.Uint64(data[8:])
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if phase < b.phase {
		return // A straggler.
	}
	b.begin(phase)
	if int(index) >= len(b.indexes) {
		b.indexes = append(b.indexes, make([]bool, int(index)+1+len(b.indexes))...)
	}
	if b.indexes[index] {
		b.copies++
		return
	}
	b.indexes[index] = true
	if b.count == 0 || sent < b.first {
		b.first = sent
	}
	b.count++
	b.last = now
	b.delays = append(b.delays, now-min(sent, now))
	if index == 0 || index+1 >= b.told+benchStep {
		b.told = max(b.told, index+1)
		b.say(result{"event": "progress", "phase": phase, "seen": b.told})
	}
	if b.count == b.expected {
		b.report()
	}
}

func (b *bencher) report() {
	slices.Sort(b.delays)
	at := func(share float64) float64 {
		if len(b.delays) == 0 {
			return 0
		}
		return float64(b.delays[int(share*float64(len(b.delays)-1))]) / 1000
	}
	b.say(result{"event": "report", "phase": b.phase, "count": b.count, "copies": b.copies,
		"seconds": float64(b.last-b.first) / 1e9, "p50_us": at(0.5), "p99_us": at(0.99)})
}
