// quic-go, go-libp2p's QUIC: TLS_AES_128_GCM_SHA256 as Go's TLS chooses, packets of 1400 bytes.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"kith/bench/peer"
)

const (
	packetBytes = 1400
	windowBytes = 16 << 20
	bufferBytes = 4 << 20
)

func main() {
	options := peer.ReadOptions()
	result := peer.Result{}
	if options.IsSender {
		result = send(options)
	} else {
		result = receive(options)
	}
	peer.Say(options, result)
}

func config() *quic.Config {
	return &quic.Config{
		InitialPacketSize: packetBytes, DisablePathMTUDiscovery: true,
		InitialStreamReceiveWindow: windowBytes, MaxStreamReceiveWindow: windowBytes,
		InitialConnectionReceiveWindow: windowBytes, MaxConnectionReceiveWindow: windowBytes,
		MaxIncomingStreams: 4 * peer.RequestsInFlight,
	}
}

func newSocket(address *net.UDPAddr) *net.UDPConn {
	socket, err := net.ListenUDP("udp4", address)
	peer.Must(err, "socket")
	_ = socket.SetReadBuffer(bufferBytes)
	_ = socket.SetWriteBuffer(bufferBytes)
	return socket
}

// --- sender --------------------------------------------------------------------------------------

func send(options peer.Options) peer.Result {
	transport := &quic.Transport{Conn: newSocket(&net.UDPAddr{})}
	address, err := net.ResolveUDPAddr("udp4", options.Endpoint())
	peer.Must(err, "address")
	about := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"bench"},
		CurvePreferences: []tls.CurveID{tls.X25519}, ServerName: "bench"}
	if options.Mode == "resumed" {
		about.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	dial := func() *quic.Conn {
		connection, err := transport.Dial(context.Background(), address, about, config())
		peer.Must(err, "dial")
		return connection
	}
	switch options.Mode {
	case "stream":
		return sendStream(dial(), options)
	case "ping", "requests":
		return sendRequests(dial(), options)
	case "handshakes", "resumed":
		return sendHandshakes(dial, options)
	}
	peer.Die("quic-go: no such mode")
	return peer.Result{}
}

func sendStream(connection *quic.Conn, options peer.Options) peer.Result {
	stream, err := connection.OpenUniStream()
	peer.Must(err, "open")
	data := make([]byte, 64<<10)
	result := peer.Result{}
	start := time.Now()
	for options.GoesOn(result.Bytes, start) {
		count, err := stream.Write(data)
		result.Bytes += int64(count)
		if err != nil {
			break // the receiver has seen enough
		}
	}
	_ = stream.Close()
	<-connection.Context().Done() // the receiver closes
	result.Took = time.Since(start)
	return result
}

func request(connection *quic.Conn, message []byte) time.Duration {
	start := time.Now()
	stream, err := connection.OpenStreamSync(context.Background())
	peer.Must(err, "open")
	_, err = stream.Write(message)
	peer.Must(err, "write")
	_ = stream.Close()
	_, err = io.ReadAll(stream)
	peer.Must(err, "read")
	return time.Since(start)
}

func sendRequests(connection *quic.Conn, options peer.Options) peer.Result {
	workers := peer.RequestsInFlight
	if options.Mode == "ping" {
		workers = 1
	}
	took := make([][]time.Duration, workers)
	var group sync.WaitGroup
	start := time.Now()
	for worker := range workers {
		group.Go(func() {
			message := make([]byte, options.MessageBytes)
			for range options.Count / workers {
				took[worker] = append(took[worker], request(connection, message))
			}
		})
	}
	group.Wait()
	result := peer.Result{Took: time.Since(start)}
	for _, some := range took {
		result.RoundTrips = append(result.RoundTrips, some...)
	}
	result.Messages = len(result.RoundTrips)
	result.Bytes = int64(result.Messages * options.MessageBytes)
	_ = connection.CloseWithError(0, "")
	return result
}

// A byte there and back: both sides are done then, and a ticket has come.
func sendHandshakes(dial func() *quic.Conn, options peer.Options) peer.Result {
	var resumed, done atomic.Int64
	once := func() {
		connection := dial()
		request(connection, []byte{1})
		if connection.ConnectionState().TLS.DidResume {
			resumed.Add(1)
		}
		_ = connection.CloseWithError(0, "")
	}
	var group sync.WaitGroup
	start := time.Now()
	for range peer.HandshakesInFlight {
		group.Go(func() {
			for done.Add(1) <= int64(options.Count) {
				once()
			}
		})
	}
	group.Wait()
	// The first ones have no ticket yet.
	if options.Mode == "resumed" && resumed.Load()+peer.HandshakesInFlight < int64(options.Count) {
		peer.Die("not resumed")
	}
	return peer.Result{Took: time.Since(start), Messages: options.Count}
}

// --- receiver ------------------------------------------------------------------------------------

func certificate() tls.Certificate {
	public, private, err := ed25519.GenerateKey(nil)
	peer.Must(err, "key")
	template := &x509.Certificate{SerialNumber: big.NewInt(1),
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	peer.Must(err, "certificate")
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

func receive(options peer.Options) peer.Result {
	address, err := net.ResolveUDPAddr("udp4", options.Endpoint())
	peer.Must(err, "address")
	socket := newSocket(address)
	transport := &quic.Transport{Conn: socket}
	about := &tls.Config{Certificates: []tls.Certificate{certificate()},
		NextProtos: []string{"bench"}, CurvePreferences: []tls.CurveID{tls.X25519},
		SessionTicketsDisabled: options.Mode != "resumed"}
	listener, err := transport.Listen(about, config())
	peer.Must(err, "listen")
	peer.SayListening(socket.LocalAddr().(*net.UDPAddr).Port)

	if options.Mode == "stream" {
		connection, err := listener.Accept(context.Background())
		peer.Must(err, "accept")
		return receiveStream(connection, options)
	}
	connections := 1
	if options.Mode == "handshakes" || options.Mode == "resumed" {
		connections = options.Count
	}
	start := time.Now()
	var group sync.WaitGroup
	for number := range connections {
		connection, err := listener.Accept(context.Background())
		peer.Must(err, "accept")
		if number == 0 {
			start = time.Now()
		}
		group.Go(func() { echoAll(connection) })
	}
	group.Wait()
	return peer.Result{Took: time.Since(start), Messages: connections}
}

// From the first byte to the last, or until the seconds have passed.
func receiveStream(connection *quic.Conn, options peer.Options) peer.Result {
	stream, err := connection.AcceptUniStream(context.Background())
	peer.Must(err, "stream")
	data := make([]byte, 1<<20)
	result := peer.Result{}
	start := time.Now()
	if options.Bytes == 0 {
		_ = stream.SetReadDeadline(start.Add(options.Seconds))
	}
	for {
		count, err := stream.Read(data)
		result.Bytes += int64(count)
		result.Took = time.Since(start)
		if err != nil {
			break
		}
	}
	_ = connection.CloseWithError(0, "")
	time.Sleep(100 * time.Millisecond) // so that the sender hears of it
	return result
}

// Until the other side closes.
func echoAll(connection *quic.Conn) {
	for {
		stream, err := connection.AcceptStream(context.Background())
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(stream, stream)
			_ = stream.Close()
		}()
	}
}
