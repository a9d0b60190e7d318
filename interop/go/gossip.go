package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// The gossip peer, `peer pubsub`, as interop/README.md describes it: commands come line by line on
// standard input, what happens goes to standard output as one JSON object a line.

const largeBytes = 1024

type gossiper struct {
	ctx    context.Context
	host   host.Host
	pubsub *pubsub.PubSub

	topics map[string]*joined

	mutex      sync.Mutex     // Of standard output and of what is counted:
	copies     map[string]int // of large messages, by topic;
	idontwants []string       // ids in hex, of all topics: IDONTWANT names none.
}

type joined struct {
	topic        *pubsub.Topic
	subscription *pubsub.Subscription
	released     chan struct{} // Closed when large messages are no longer held; nil: never were.
}

func runGossip(o options) error {
	h, err := makeHost(o, o.listen)
	if err != nil {
		return err
	}
	g := &gossiper{ctx: context.Background(), host: h, topics: map[string]*joined{},
		copies: map[string]int{}}
	h.Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		g.say(result{"event": "connected", "peer": c.RemotePeer().String()})
	}})
	policy := []pubsub.Option{pubsub.WithMessageSignaturePolicy(pubsub.StrictSign)}
	if o.unsigned {
		policy = []pubsub.Option{pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
			pubsub.WithNoAuthor(), pubsub.WithMessageIdFn(contentID)}
	}
	g.pubsub, err = pubsub.NewGossipSub(g.ctx, h, append(policy, pubsub.WithPeerExchange(true),
		pubsub.WithRawTracer(&tracer{g: g}))...)
	if err != nil {
		return err
	}
	addresses := []string{}
	full, _ := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	for _, a := range full {
		addresses = append(addresses, a.String())
	}
	g.say(result{"event": "ready", "peer_id": h.ID().String(), "addresses": addresses})

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 2*mib)
	for lines.Scan() {
		if err := g.do(strings.SplitN(lines.Text(), " ", 3)); err != nil {
			g.say(result{"event": "error", "error": err.Error(), "command": lines.Text()})
		}
	}
	return lines.Err()
}

// contentID is Kith's rule for unsigned messages.
func contentID(m *pb.Message) string {
	hash := sha256.New()
	binary.Write(hash, binary.LittleEndian, uint64(len(m.GetTopic())))
	hash.Write([]byte(m.GetTopic()))
	hash.Write(m.GetData())
	return string(hash.Sum(nil)[:20])
}

func (g *gossiper) say(event result) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	json.NewEncoder(os.Stdout).Encode(event)
}

func (g *gossiper) do(words []string) error {
	verb, rest := words[0], append(words[1:], "", "")
	switch verb {
	case "dial":
		return g.dial(rest[0])
	case "subscribe":
		return g.subscribe(rest[0])
	case "counts":
		g.mutex.Lock()
		ids, copies := g.idontwants, g.copies[rest[0]]
		g.mutex.Unlock()
		g.say(result{"event": "counts", "topic": rest[0], "copies": copies,
			"idontwants": len(ids), "ids": ids})
		return nil
	}
	in := g.topics[rest[0]]
	if in == nil {
		return fmt.Errorf("not subscribed to '%s'", rest[0])
	}
	switch verb {
	case "unsubscribe":
		in.subscription.Cancel()
		return in.topic.Close()
	case "publish":
		return in.topic.Publish(g.ctx, []byte(rest[1]))
	case "hold":
		return g.hold(rest[0], in)
	case "release":
		close(in.released)
		return nil
	default:
		return fmt.Errorf("cannot do '%s'", verb)
	}
}

func (g *gossiper) dial(address string) error {
	target, err := peer.AddrInfoFromString(address)
	if err != nil {
		return err
	}
	return g.host.Connect(g.ctx, *target)
}

func (g *gossiper) subscribe(name string) error {
	topic, err := g.pubsub.Join(name)
	if err != nil {
		return err
	}
	subscription, err := topic.Subscribe(pubsub.WithBufferSize(4096))
	if err != nil {
		return err
	}
	g.topics[name] = &joined{topic: topic, subscription: subscription}
	go func() {
		for {
			message, err := subscription.Next(g.ctx)
			if err != nil {
				return
			}
			if message.ReceivedFrom == g.host.ID() {
				continue
			}
			var from any
			if message.Message.From != nil {
				from = message.GetFrom().String()
			}
			g.say(result{"event": "message", "topic": name, "from": from,
				"id": hex.EncodeToString([]byte(message.ID)), "data": string(message.Data)})
		}
	}()
	return nil
}

// hold keeps large messages of others from being delivered and handed on.
func (g *gossiper) hold(name string, in *joined) error {
	in.released = make(chan struct{})
	return g.pubsub.RegisterTopicValidator(name,
		func(ctx context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
			if from == g.host.ID() || len(m.Data) < largeBytes {
				return pubsub.ValidationAccept
			}
			g.say(result{"event": "held", "topic": name,
				"id": hex.EncodeToString([]byte(m.ID))})
			select {
			case <-in.released:
				return pubsub.ValidationAccept
			case <-ctx.Done():
				return pubsub.ValidationIgnore
			}
		})
}

// tracer tells of the mesh and counts what comes in.
type tracer struct{ g *gossiper }

func (t *tracer) Graft(p peer.ID, topic string) {
	t.g.say(result{"event": "graft", "peer": p.String(), "topic": topic})
}

func (t *tracer) Prune(p peer.ID, topic string) {
	t.g.say(result{"event": "prune", "peer": p.String(), "topic": topic})
}

func (t *tracer) RecvRPC(rpc *pubsub.RPC) {
	t.g.mutex.Lock()
	defer t.g.mutex.Unlock()
	for _, message := range rpc.GetPublish() {
		if len(message.GetData()) >= largeBytes {
			t.g.copies[message.GetTopic()]++
		}
	}
	for _, idontwant := range rpc.GetControl().GetIdontwant() {
		for _, id := range idontwant.GetMessageIDs() {
			t.g.idontwants = append(t.g.idontwants, hex.EncodeToString([]byte(id)))
		}
	}
}

func (t *tracer) OnNewOutboundStream(peer.ID, protocol.ID) {}
func (t *tracer) OnClosedOutboundStream(peer.ID)           {}
func (t *tracer) Join(string)                              {}
func (t *tracer) Leave(string)                             {}
func (t *tracer) ValidateMessage(*pubsub.Message)          {}
func (t *tracer) DeliverMessage(*pubsub.Message)           {}
func (t *tracer) RejectMessage(*pubsub.Message, string)    {}
func (t *tracer) DuplicateMessage(*pubsub.Message)         {}
func (t *tracer) ThrottlePeer(peer.ID)                     {}
func (t *tracer) SendRPC(*pubsub.RPC, peer.ID)             {}
func (t *tracer) DropRPC(*pubsub.RPC, peer.ID)             {}
func (t *tracer) UndeliverableMessage(*pubsub.Message)     {}
