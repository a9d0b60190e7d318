// KCP by kcp-go, AES-256-GCM: one stream without congestion control (nodelay 1, 10 ms, 2, 1).
package main

import (
	"net"
	"time"

	"github.com/xtaci/kcp-go/v5"
	"kith/bench/peer"
)

const (
	window      = 1024 // packets
	packetBytes = 1400
	bufferBytes = 4 << 20
)

func main() {
	options := peer.ReadOptions()
	if options.Mode != "stream" {
		peer.Die("kcp: no such mode")
	}
	block, err := kcp.NewAESGCMCrypt(make([]byte, 32)) // this measures, it protects nothing
	peer.Must(err, "cipher")
	result := peer.Result{}
	if options.IsSender {
		result = send(options, block)
	} else {
		result = receive(options, block)
	}
	peer.Say(options, result)
}

func prepare(session *kcp.UDPSession) {
	session.SetStreamMode(true)
	session.SetNoDelay(1, 10, 2, 1)
	session.SetWindowSize(window, window)
	session.SetMtu(packetBytes)
	session.SetACKNoDelay(true)
	_ = session.SetReadBuffer(bufferBytes)
	_ = session.SetWriteBuffer(bufferBytes)
}

func send(options peer.Options, block kcp.BlockCrypt) peer.Result {
	session, err := kcp.DialWithOptions(options.Endpoint(), block, 0, 0)
	peer.Must(err, "dial")
	prepare(session)
	data := make([]byte, 64<<10)
	result := peer.Result{}
	start := time.Now()
	for options.GoesOn(result.Bytes, start) {
		_ = session.SetWriteDeadline(time.Now().Add(options.Seconds + time.Second))
		count, err := session.Write(data)
		if err != nil {
			break // KCP has no end of its own: the receiver stops when it has seen enough
		}
		result.Bytes += int64(count)
	}
	result.Took = time.Since(start)
	if options.Bytes > 0 {
		time.Sleep(time.Second) // what is under way arrives
	}
	return result
}

func receive(options peer.Options, block kcp.BlockCrypt) peer.Result {
	listener, err := kcp.ListenWithOptions(options.Endpoint(), block, 0, 0)
	peer.Must(err, "listen")
	_ = listener.SetReadBuffer(bufferBytes)
	_ = listener.SetWriteBuffer(bufferBytes)
	peer.SayListening(listener.Addr().(*net.UDPAddr).Port)
	session, err := listener.AcceptKCP()
	peer.Must(err, "accept")
	prepare(session)
	data := make([]byte, 1<<20)
	result := peer.Result{}
	start := time.Now()
	for options.Bytes == 0 || result.Bytes < options.Bytes {
		if options.Bytes == 0 {
			_ = session.SetReadDeadline(start.Add(options.Seconds))
		}
		count, err := session.Read(data)
		if err != nil {
			break
		}
		result.Bytes += int64(count)
		result.Took = time.Since(start)
	}
	return result
}
