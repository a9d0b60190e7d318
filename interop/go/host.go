package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
)

const (
	earlyProtocol protocol.ID = "/kith-interop/early/1.0.0"
	echoProtocol  protocol.ID = "/kith-interop/echo/1.0.0"
	fateProtocol  protocol.ID = "/kith-interop/fate/1.0.0"
	noneProtocol  protocol.ID = "/kith-interop/none/1.0.0"
	perfProtocol  protocol.ID = "/perf/1.0.0"
	pingProtocol  protocol.ID = "/ipfs/ping/1.0.0"
	resetProtocol protocol.ID = "/kith-interop/reset/1.0.0"
	sinkProtocol  protocol.ID = "/kith-interop/sink/1.0.0"
	watchProtocol protocol.ID = "/kith-interop/watch/1.0.0"

	chunkBytes = 64 * 1024
)

// makeHost makes a node with TCP, WebSocket, Noise, yamux, identify and ping and without limits; it
// listens only when it is given an address.
func makeHost(o options, listen string) (host.Host, error) {
	key, err := identity(o)
	if err != nil {
		return nil, err
	}
	web, err := webOptions(os.Getenv("PEER_TLS"))
	if err != nil {
		return nil, err
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(websocket.New, web...),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.UserAgent("kith-interop-go"),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	}
	if listen == "" {
		opts = append(opts, libp2p.NoListenAddrs)
	} else {
		opts = append(opts, libp2p.ListenAddrStrings(listen))
	}
	if o.psk != "" {
		file, err := os.Open(o.psk)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		psk, err := pnet.DecodeV1PSK(file)
		if err != nil {
			return nil, err
		}
		opts = append(opts, libp2p.PrivateNetwork(psk))
	}
	return libp2p.New(opts...)
}

// webOptions: what the peer shows where WebSockets have TLS, and whom it believes (README.md).
func webOptions(folder string) ([]any, error) {
	if folder == "" {
		return nil, nil
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	own, err := tls.LoadX509KeyPair(in("certificate.pem"), in("key.pem"))
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(in("authority.pem"))
	if err != nil {
		return nil, err
	}
	believed := x509.NewCertPool()
	if !believed.AppendCertsFromPEM(authority) {
		return nil, errors.New("no certificate in authority.pem")
	}
	return []any{
		websocket.WithTLSConfig(&tls.Config{Certificates: []tls.Certificate{own}}),
		websocket.WithTLSClientConfig(&tls.Config{RootCAs: believed}),
	}, nil
}

func identity(o options) (crypto.PrivKey, error) {
	if !o.seeded {
		key, _, err := crypto.GenerateEd25519Key(rand.Reader)
		return key, err
	}
	seed := make([]byte, ed25519.SeedSize)
	binary.LittleEndian.PutUint64(seed, o.seed)
	return crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
}

func serve(h host.Host) {
	handle := func(id protocol.ID, handler func(network.Stream) error) {
		h.SetStreamHandler(id, func(s network.Stream) {
			if err := handler(s); err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", id, err)
				s.Reset()
			}
		})
	}
	fates := newFates()
	handle(earlyProtocol, fates.serveEarly)
	handle(echoProtocol, serveEcho)
	handle(fateProtocol, fates.serveFate)
	handle(perfProtocol, servePerf)
	handle(resetProtocol, serveReset)
	handle(sinkProtocol, serveSink)
	handle(watchProtocol, fates.serveWatch)
}

func serveEcho(s network.Stream) error {
	// The wrapper hides ReaderFrom and WriterTo, so that this buffer is the one used.
	type reader struct{ io.Reader }
	type writer struct{ io.Writer }
	if _, err := io.CopyBuffer(writer{s}, reader{s}, make([]byte, chunkBytes)); err != nil {
		return err
	}
	return s.Close()
}

func servePerf(s network.Stream) error {
	var wanted [8]byte
	if _, err := io.ReadFull(s, wanted[:]); err != nil {
		return err
	}
	if _, err := drain(s); err != nil {
		return err
	}
	if err := writeZeros(s, binary.BigEndian.Uint64(wanted[:])); err != nil {
		return err
	}
	return s.Close()
}

func serveReset(s network.Stream) error {
	var one [1]byte
	if _, err := io.ReadFull(s, one[:]); err != nil {
		return err
	}
	return s.Reset()
}

func serveSink(s network.Stream) error {
	count, err := drain(s)
	if err != nil {
		return err
	}
	if err := binary.Write(s, binary.BigEndian, count); err != nil {
		return err
	}
	return s.Close()
}

// drain reads to the end and counts.
func drain(r io.Reader) (uint64, error) {
	buffer := make([]byte, chunkBytes)
	count := uint64(0)
	for {
		n, err := r.Read(buffer)
		count += uint64(n)
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
	}
}

var zeros [chunkBytes]byte

func writeZeros(w io.Writer, count uint64) error {
	for count > 0 {
		n := min(count, chunkBytes)
		if _, err := w.Write(zeros[:n]); err != nil {
			return err
		}
		count -= n
	}
	return nil
}
