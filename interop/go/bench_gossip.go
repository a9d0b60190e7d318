package main

import (
	"context"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

// benchQueue is above what a publisher may have under way: no queue of the library is full.
const benchQueue = 16384

func runGossipBench(o options) error {
	h, err := makeHost(o, o.listen)
	if err != nil {
		return err
	}
	ctx := context.Background()
	policy := []pubsub.Option{pubsub.WithMessageSignaturePolicy(pubsub.StrictSign)}
	if o.unsigned {
		policy = []pubsub.Option{pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
			pubsub.WithNoAuthor(), pubsub.WithMessageIdFn(contentID)}
	}
	gossip, err := pubsub.NewGossipSub(ctx, h, append(policy, pubsub.WithFloodPublish(true),
		pubsub.WithPeerOutboundQueueSize(benchQueue), pubsub.WithValidateQueueSize(benchQueue),
		pubsub.WithValidateThrottle(benchQueue))...)
	if err != nil {
		return err
	}
	topic, err := gossip.Join(benchTopic)
	if err != nil {
		return err
	}
	subscription, err := topic.Subscribe(pubsub.WithBufferSize(benchQueue))
	if err != nil {
		return err
	}
	b := newBencher()
	b.publish = func(data []byte) error { return topic.Publish(ctx, data) }
	go func() {
		for {
			message, err := subscription.Next(ctx)
			if err != nil {
				return
			}
			if message.ReceivedFrom != h.ID() {
				b.take(message.Data)
			}
		}
	}()
	addresses := []string{}
	full, _ := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	for _, a := range full {
		addresses = append(addresses, a.String())
	}
	b.tell(result{"event": "ready", "addresses": addresses})
	return b.run(func(address string) error {
		target, err := peer.AddrInfoFromString(address)
		if err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		return h.Connect(limited, *target)
	})
}
