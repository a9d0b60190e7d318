package main

import (
	"errors"

	"github.com/nats-io/nats.go"
)

// runNatsBench is the same node as a client of the broker NATS: `dial nats://HOST:PORT`. NATS
// neither signs nor, as it is used here, encrypts.
func runNatsBench() error {
	b := newBencher()
	b.publish = func([]byte) error { return errors.New("not connected") }
	b.tell(result{"event": "ready", "addresses": []string{}})
	return b.run(func(url string) error {
		c, err := nats.Connect(url, nats.NoEcho())
		if err != nil {
			return err
		}
		subscription, err := c.Subscribe(benchTopic, func(m *nats.Msg) { b.take(m.Data) })
		if err != nil {
			return err
		}
		if err := subscription.SetPendingLimits(-1, -1); err != nil {
			return err
		}
		b.publish = func(data []byte) error { return c.Publish(benchTopic, data) }
		return c.Flush()
	})
}
