// js-libp2p over QUIC: native quinn under JavaScript. One stream, for so many
// seconds; arguments as in peer.h.

import { quic } from '@chainsafe/libp2p-quic'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const protocol = '/kith-bench/stream/1.0.0'
const chunk_bytes = 64 * 1024

function options_of ([role, ...words]) {
  const options = {
    address: '127.0.0.1', port: '0', mode: 'stream', seconds: '1', is_sender: role === 'send'
  }
  while (words.length > 0) {
    const name = words.shift().slice(2)
    if (name !== 'json') {
      options[name] = words.shift()
    }
  }
  if (options.mode !== 'stream') {
    throw new Error('js-quinn: no such mode')
  }
  return { ...options, seconds: Number(options.seconds) }
}

function node (options, listen) {
  return createLibp2p({
    addresses: { listen },
    connectionGater: { denyDialMultiaddr: () => false },
    connectionMonitor: { enabled: false },
    transports: [quic()]
  })
}

function say (bytes, seconds) {
  console.log(JSON.stringify({
    mode: 'stream', bytes, seconds, gbit_s: bytes * 8e-9 / seconds, messages: 0, per_second: 0
  }))
}

const now_s = () => performance.now() / 1000

async function send (options) {
  const sender = await node(options, [])
  const to = multiaddr(`/ip4/${options.address}/udp/${options.port}/quic-v1`)
  const stream = await sender.dialProtocol(to, protocol)
  let is_open = true
  let wake = () => {}
  stream.addEventListener('drain', () => wake())
  stream.addEventListener('close', () => { is_open = false; wake() })
  const chunk = new Uint8Array(chunk_bytes).fill(7)
  const start = now_s()
  let sent = 0
  const finish = () => {
    say(sent, now_s() - start)
    process.exit(0)
  }
  setTimeout(finish, options.seconds * 1000 + 500) // the receiver stops without a word
  while (is_open && now_s() - start < options.seconds) {
    sent += chunk_bytes
    if (!stream.send(chunk) && is_open) {
      await new Promise((resolve) => { wake = resolve })
    }
  }
  if (is_open) {
    await stream.close().catch(() => {}) // the receiver may have seen enough
  }
  finish()
}

async function receive (options) {
  const listen = `/ip4/${options.address}/udp/${options.port}/quic-v1`
  const receiver = await node(options, [listen])
  await receiver.handle(protocol, (stream) => {
    const start = now_s()
    let bytes = 0
    const finish = () => {
      say(bytes, now_s() - start)
      process.exit(0)
    }
    stream.addEventListener('message', ({ data }) => { bytes += data.byteLength })
    stream.addEventListener('remoteCloseWrite', finish)
    stream.addEventListener('close', finish)
    setTimeout(finish, options.seconds * 1000)
  })
  const [own] = receiver.getMultiaddrs()
  console.log(JSON.stringify({ listening: Number(own.toString().match(/udp\/(\d+)/)[1]) }))
}

const options = options_of(process.argv.slice(2))
await (options.is_sender ? send(options) : receive(options))
