package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// The dialler's tests, as interop/README.md describes them: each returns what it measured.

const mib = 1024 * 1024

type result map[string]any

type test func(ctx context.Context, address string, o options) (result, error)

var tests = map[string]test{
	"ping": onSession(testPing), "identify": onSession(testIdentify),
	"perf": onSession(testPerf), "echo": onSession(testEcho), "sink": onSession(testSink),
	"many": onSession(testMany), "reset": onSession(testReset),
	"halfclose": onSession(testHalfclose), "unknown": onSession(testUnknown),
	"cancel": onSession(testCancel), "earlyclose": onSession(testEarlyclose),
	"wrongpeer": testWrongpeer, "refused": testRefused, "handshakes": testHandshakes,
}

// session is one dialled connection and what identify said about its other end.
type session struct {
	ctx        context.Context
	host       host.Host
	peer       peer.ID
	connect    time.Duration
	identified event.EvtPeerIdentificationCompleted
}

func openSession(ctx context.Context, h host.Host, address string) (*session, error) {
	target, err := peer.AddrInfoFromString(address)
	if err != nil {
		return nil, err
	}
	events, err := h.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return nil, err
	}
	defer events.Close()
	start := time.Now()
	// DialPeer returns when the connection is made, Connect also waits for identify.
	h.Peerstore().AddAddrs(target.ID, target.Addrs, time.Hour)
	if _, err := h.Network().DialPeer(ctx, target.ID); err != nil {
		return nil, err
	}
	connect := time.Since(start)
	if err := h.Connect(ctx, *target); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case e := <-events.Out():
		said := e.(event.EvtPeerIdentificationCompleted)
		return &session{ctx, h, target.ID, connect, said}, nil
	}
}

func (s *session) stream(id protocol.ID) (network.Stream, error) {
	return s.host.NewStream(s.ctx, s.peer, id)
}

func onSession(run func(*session, options) (result, error)) test {
	return func(ctx context.Context, address string, o options) (result, error) {
		h, err := makeHost(o, "")
		if err != nil {
			return nil, err
		}
		defer h.Close()
		s, err := openSession(ctx, h, address)
		if err != nil {
			return nil, err
		}
		measured, err := run(s, o)
		if err != nil {
			return nil, err
		}
		measured["connect_ms"] = float64(s.connect.Nanoseconds()) / 1e6
		return measured, nil
	}
}

func testPing(s *session, o options) (result, error) {
	count := o.number("count", 10)
	stream, err := s.stream(pingProtocol)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	rtts := make([]float64, 0, count)
	for i := range count {
		sent := bytes.Repeat([]byte{byte(i)}, 32)
		received := make([]byte, 32)
		start := time.Now()
		if _, err := stream.Write(sent); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(stream, received); err != nil {
			return nil, err
		}
		rtts = append(rtts, float64(time.Since(start).Nanoseconds())/1e3)
		if !bytes.Equal(sent, received) {
			return nil, fmt.Errorf("ping %d came back changed", i)
		}
	}
	return result{"sent": count, "received": len(rtts), "rtt_us": summary(rtts)}, nil
}

func testIdentify(s *session, _ options) (result, error) {
	said := s.identified
	protocols := protocol.ConvertToStrings(said.Protocols)
	slices.Sort(protocols)
	if said.Peer != s.peer {
		return nil, fmt.Errorf("identified %s", said.Peer)
	}
	if !slices.Contains(said.Protocols, pingProtocol) {
		return nil, errors.New("identify lists no ping protocol")
	}
	if said.ObservedAddr == nil {
		return nil, errors.New("identify has no observed address")
	}
	listen := []string{}
	for _, a := range said.ListenAddrs {
		listen = append(listen, a.String())
	}
	return result{
		"peer_id": said.Peer.String(), "agent": said.AgentVersion,
		"protocol_version": said.ProtocolVersion, "protocols": protocols,
		"listen_addresses": listen, "observed_address": said.ObservedAddr.String(),
		"signed_peer_record": said.SignedPeerRecord != nil,
	}, nil
}

func testPerf(s *session, o options) (result, error) {
	upload, download := o.number("upload", 0), o.number("download", 0)
	start := time.Now()
	stream, err := s.stream(perfProtocol)
	if err != nil {
		return nil, err
	}
	if err := binary.Write(stream, binary.BigEndian, download); err != nil {
		return nil, err
	}
	if err := writeZeros(stream, upload); err != nil {
		return nil, err
	}
	if err := stream.CloseWrite(); err != nil {
		return nil, err
	}
	first, err := stream.Read(make([]byte, chunkBytes))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	uploaded := time.Now()
	if upload == 0 {
		uploaded = start
	}
	rest, err := drain(stream)
	if err != nil {
		return nil, err
	}
	end := time.Now()
	if received := uint64(first) + rest; received != download {
		return nil, fmt.Errorf("received %d of %d bytes", received, download)
	}
	return result{
		"seconds": end.Sub(start).Seconds(), "upload_bytes": upload, "download_bytes": download,
		"upload_mib_s":   rate(upload, uploaded.Sub(start)),
		"download_mib_s": rate(download, end.Sub(uploaded)),
	}, stream.Close()
}

func testEcho(s *session, o options) (result, error) {
	size := o.number("size", mib)
	start := time.Now()
	if err := echo(s, size); err != nil {
		return nil, err
	}
	took := time.Since(start)
	return result{"bytes": size, "seconds": took.Seconds(), "mib_s": rate(size, took)}, nil
}

func testSink(s *session, o options) (result, error) {
	size := o.number("size", mib)
	stream, err := s.stream(sinkProtocol)
	if err != nil {
		return nil, err
	}
	if err := writeZeros(stream, size); err != nil {
		return nil, err
	}
	if err := stream.CloseWrite(); err != nil {
		return nil, err
	}
	reply, err := io.ReadAll(stream)
	if err != nil {
		return nil, err
	}
	if len(reply) != 8 || binary.BigEndian.Uint64(reply) != size {
		return nil, fmt.Errorf("the sink answered %x to %d bytes", reply, size)
	}
	return result{"bytes": size}, nil
}

func testMany(s *session, o options) (result, error) {
	streams, size := o.number("streams", 200), o.number("size", chunkBytes)
	start := time.Now()
	errs := make(chan error, streams)
	for range streams {
		go func() { errs <- echo(s, size) }()
	}
	for range streams {
		if err := <-errs; err != nil {
			return nil, err
		}
	}
	return result{"streams": streams, "bytes": streams * size,
		"seconds": time.Since(start).Seconds()}, nil
}

func testReset(s *session, _ options) (result, error) {
	stream, err := s.stream(resetProtocol)
	if err != nil {
		return nil, err
	}
	if _, err := stream.Write([]byte{1}); err != nil {
		return nil, err
	}
	_, err = drain(stream)
	if err == nil {
		return nil, errors.New("the stream ended instead of being reset")
	}
	if !errors.Is(err, network.ErrReset) {
		return nil, fmt.Errorf("not a reset: %w", err)
	}
	return result{"detail": err.Error()}, echo(s, 1)
}

func testHalfclose(s *session, _ options) (result, error) {
	const size = 128 * 1024
	stream, err := s.stream(echoProtocol)
	if err != nil {
		return nil, err
	}
	if err := writeZeros(stream, size); err != nil {
		return nil, err
	}
	if err := stream.CloseWrite(); err != nil {
		return nil, err
	}
	received, err := drain(stream)
	if err != nil {
		return nil, err
	}
	if received != size {
		return nil, fmt.Errorf("received %d of %d bytes after the half-close", received, size)
	}
	return result{"bytes": size}, nil
}

func testCancel(s *session, _ options) (result, error) {
	const size = 100_000
	cancelled, err := s.named(watchProtocol, 1)
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(cancelled, make([]byte, len(name{}))); err != nil {
		return nil, err
	}
	if err := writeZeros(cancelled, size); err != nil {
		return nil, err
	}
	if err := cancelled.Reset(); err != nil {
		return nil, err
	}
	how, count, err := s.fateOf(1)
	if err != nil {
		return nil, err
	}
	if how != 'R' || count > size {
		return nil, fmt.Errorf("the listener saw '%c' after %d bytes of a reset stream", how, count)
	}
	// The same to its end, so that it shows that the listener tells the two apart.
	ended, err := s.named(watchProtocol, 2)
	if err != nil {
		return nil, err
	}
	if err := writeZeros(ended, size); err != nil {
		return nil, err
	}
	if err := ended.CloseWrite(); err != nil {
		return nil, err
	}
	if received, err := drain(ended); err != nil || received != uint64(len(name{}))+1 {
		return nil, fmt.Errorf("a watched stream sent %d bytes, %w", received, err)
	}
	if err := s.expectEnd(2, size); err != nil {
		return nil, err
	}
	return result{"bytes": count}, echo(s, 1)
}

func testEarlyclose(s *session, o options) (result, error) {
	size := o.number("size", mib)
	stream, err := s.named(earlyProtocol, 1)
	if err != nil {
		return nil, err
	}
	if received, err := drain(stream); err != nil || received != 0 {
		return nil, fmt.Errorf("%d bytes before the end, %w", received, err)
	}
	if err := writeZeros(stream, size); err != nil {
		return nil, err
	}
	if err := stream.Close(); err != nil {
		return nil, err
	}
	if err := s.expectEnd(1, size); err != nil {
		return nil, err
	}
	return result{"bytes": size}, echo(s, 1)
}

// named opens a stream whose first bytes are a name: this node's id's end and the number.
func (s *session) named(id protocol.ID, number byte) (network.Stream, error) {
	stream, err := s.stream(id)
	if err != nil {
		return nil, err
	}
	_, err = stream.Write(s.name(number))
	return stream, err
}

func (s *session) name(number byte) []byte {
	id := []byte(s.host.ID())
	return append(bytes.Clone(id[len(id)-len(name{})+1:]), number)
}

// fateOf is how the named stream ended at the listener, and after how many bytes.
func (s *session) fateOf(number byte) (byte, uint64, error) {
	stream, err := s.named(fateProtocol, number)
	if err != nil {
		return 0, 0, err
	}
	defer stream.Close()
	var told fate
	if _, err := io.ReadFull(stream, told[:]); err != nil {
		return 0, 0, err
	}
	return told[0], binary.BigEndian.Uint64(told[1:]), nil
}

func (s *session) expectEnd(number byte, size uint64) error {
	how, count, err := s.fateOf(number)
	if err == nil && (how != 'E' || count != size) {
		err = fmt.Errorf("the listener saw '%c' after %d of %d bytes", how, count, size)
	}
	return err
}

func testUnknown(s *session, _ options) (result, error) {
	_, err := s.stream(noneProtocol)
	if err == nil {
		return nil, errors.New("a protocol nobody serves was accepted")
	}
	return result{"detail": err.Error()}, echo(s, 1)
}

func testWrongpeer(ctx context.Context, address string, o options) (result, error) {
	_, public, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	other, err := peer.IDFromPublicKey(public)
	if err != nil {
		return nil, err
	}
	right, err := peer.AddrInfoFromString(address)
	if err != nil {
		return nil, err
	}
	h, err := makeHost(o, "")
	if err != nil {
		return nil, err
	}
	defer h.Close()
	wrong := fmt.Sprintf("%s/p2p/%s", right.Addrs[0], other)
	_, refusal := openSession(ctx, h, wrong)
	if refusal == nil {
		return nil, fmt.Errorf("connected although the address names %s", other)
	}
	s, err := openSession(ctx, h, address)
	if err != nil {
		return nil, err
	}
	return result{"detail": refusal.Error()}, echo(s, 1)
}

func testRefused(ctx context.Context, address string, o options) (result, error) {
	h, err := makeHost(o, "")
	if err != nil {
		return nil, err
	}
	defer h.Close()
	if _, err = openSession(ctx, h, address); err == nil {
		return nil, errors.New("connected although it should have been refused")
	}
	return result{"detail": err.Error()}, nil
}

// Dials of one node to one peer are merged, so each worker is a node of its own.
func testHandshakes(ctx context.Context, address string, o options) (result, error) {
	count, parallel := o.number("count", 100), o.number("parallel", 1)
	hosts := make([]host.Host, parallel)
	for i := range hosts {
		h, err := makeHost(o, "")
		if err != nil {
			return nil, err
		}
		defer h.Close()
		hosts[i] = h
	}
	var workers sync.WaitGroup
	var taken atomic.Uint64
	errs := make(chan error, parallel)
	start := time.Now()
	for _, h := range hosts {
		workers.Go(func() {
			for taken.Add(1) <= count {
				s, err := openSession(ctx, h, address)
				if err == nil {
					err = h.Network().ClosePeer(s.peer)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	workers.Wait()
	seconds := time.Since(start).Seconds()
	select {
	case err := <-errs:
		return nil, err
	default:
		return result{"count": count, "parallel": parallel, "seconds": seconds,
			"per_second": float64(count) / seconds}, nil
	}
}

// pattern's length is no multiple of any frame size, so that a lost or moved frame shows.
var pattern = func() []byte {
	made := make([]byte, 65521)
	for i := range made {
		made[i] = byte(uint32(i) * 2654435761 >> 13)
	}
	return made
}()

func echo(s *session, size uint64) error {
	stream, err := s.stream(echoProtocol)
	if err != nil {
		return err
	}
	defer stream.Close()
	sent := make(chan error, 1)
	go func() { sent <- writePattern(stream, size) }()
	if err := readPattern(stream, size); err != nil {
		stream.Reset()
		return err
	}
	return <-sent
}

func writePattern(stream network.Stream, size uint64) error {
	for size > 0 {
		n := min(size, uint64(len(pattern)))
		if _, err := stream.Write(pattern[:n]); err != nil {
			return err
		}
		size -= n
	}
	return stream.CloseWrite()
}

func readPattern(r io.Reader, size uint64) error {
	buffer := make([]byte, len(pattern))
	for at := uint64(0); at < size; {
		n := min(size-at, uint64(len(pattern)))
		if _, err := io.ReadFull(r, buffer[:n]); err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", at, size, err)
		}
		if !bytes.Equal(buffer[:n], pattern[:n]) {
			return fmt.Errorf("bytes differ after %d", at)
		}
		at += n
	}
	if more, err := drain(r); err != nil || more != 0 {
		return fmt.Errorf("%d bytes too many, %w", more, err)
	}
	return nil
}

func rate(count uint64, took time.Duration) any {
	if count == 0 {
		return nil
	}
	return float64(count) / mib / took.Seconds()
}

func summary(values []float64) result {
	slices.Sort(values)
	at := func(share float64) float64 {
		return values[min(len(values)-1, int(float64(len(values))*share))]
	}
	return result{"min": at(0), "p50": at(0.5), "p99": at(0.99), "max": at(1)}
}
