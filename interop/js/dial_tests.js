// The dialler's tests: each takes a session and the options and returns what it measured, or
// throws. interop/README.md describes them.

import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { make_host, protocol } from './host.js'
import { chunk_bytes, Reader, write, write_zeros } from './streams.js'

const mib = 1024 * 1024
const streams_max = 4096

// One dialled connection and what identify said about its other end.
export class Session {
  static async open (host, address) {
    const session = new Session()
    const target = multiaddr(address)
    const identified = new Promise((resolve) => {
      host.addEventListener('peer:identify', (event) => resolve(event.detail), { once: true })
    })
    const start = performance.now()
    session.connection = await host.dial(target)
    session.id = host.peerId.toMultihash().bytes
    session.connect_ms = performance.now() - start
    session.identified = identified
    return session
  }

  async stream (name) {
    const stream = await this.connection.newStream(name, { maxOutboundStreams: streams_max })
    return { stream, reader: new Reader(stream) }
  }

  // A stream whose first bytes are a name: this node's id's end and the number.
  async named (protocol_name, number) {
    const opened = await this.stream(protocol_name)
    await write(opened.stream, new Uint8Array([...this.id.slice(-7), number]))
    return opened
  }

  // How the named stream ended at the listener, and after how many bytes.
  async fate_of (number) {
    const { stream, reader } = await this.named(protocol.fate, number)
    const told = Buffer.from(await reader.read_exactly(9))
    await stream.close()
    return { how: told.toString('latin1', 0, 1), count: Number(told.readBigUInt64BE(1)) }
  }

  async expect_end (number, size) {
    const { how, count } = await this.fate_of(number)
    check(how === 'E' && count === size, `the listener saw ${how} after ${count} of ${size} bytes`)
  }
}

export const tests = {
  ping: on_session(async (session, options) => {
    const count = options.count ?? 10
    const { stream, reader } = await session.stream(protocol.ping)
    const rtts_us = []
    for (let i = 0; i < count; i++) {
      const sent = new Uint8Array(32).fill(i & 0xff)
      const start = performance.now()
      await write(stream, sent)
      const received = await reader.read_exactly(32)
      rtts_us.push((performance.now() - start) * 1000)
      check(Buffer.compare(sent, received) === 0, `ping ${i} came back changed`)
    }
    await stream.close()
    return { sent: count, received: rtts_us.length, rtt_us: summary(rtts_us) }
  }),

  identify: on_session(async (session) => {
    const result = await session.identified
    const said = {
      peer_id: result.peerId.toString(),
      agent: result.agentVersion,
      protocol_version: result.protocolVersion,
      protocols: [...result.protocols].sort(),
      listen_addresses: result.listenAddrs.map(String),
      observed_address: result.observedAddr?.toString() ?? null,
      signed_peer_record: result.signedPeerRecord != null
    }
    check(said.peer_id === session.connection.remotePeer.toString(), `identified ${said.peer_id}`)
    check(said.protocols.includes(protocol.ping), 'identify lists no ping protocol')
    check(said.observed_address != null, 'identify has no observed address')
    return said
  }),

  perf: on_session(async (session, options) => {
    const upload = options.upload ?? 0
    const download = options.download ?? 0
    const start = performance.now()
    const { stream, reader } = await session.stream(protocol.perf)
    const wanted = new DataView(new ArrayBuffer(8))
    wanted.setBigUint64(0, BigInt(download))
    await write(stream, new Uint8Array(wanted.buffer))
    await write_zeros(stream, upload)
    await stream.close()
    const first = await reader.read()
    const uploaded = upload === 0 ? start : performance.now()
    const received = first == null ? 0 : first.byteLength + await reader.drain()
    const end = performance.now()
    check(received === download, `received ${received} of ${download} bytes`)
    return {
      seconds: (end - start) / 1000,
      upload_bytes: upload,
      download_bytes: download,
      upload_mib_s: rate(upload, uploaded - start),
      download_mib_s: rate(download, end - uploaded)
    }
  }),

  echo: on_session(async (session, options) => {
    const size = options.size ?? mib
    const start = performance.now()
    await echo(session, size)
    const ms = performance.now() - start
    return { bytes: size, seconds: ms / 1000, mib_s: rate(size, ms) }
  }),

  sink: on_session(async (session, options) => {
    const size = options.size ?? mib
    const { stream, reader } = await session.stream(protocol.sink)
    await write_zeros(stream, size)
    await stream.close()
    const reply = await reader.read_exactly(8)
    const counted = Number(new DataView(reply.buffer).getBigUint64(0))
    check(counted === size, `the sink counted ${counted} of ${size} bytes`)
    check(await reader.drain() === 0, 'the sink sent more than its count')
    return { bytes: size }
  }),

  many: on_session(async (session, options) => {
    const streams = options.streams ?? 200
    const size = options.size ?? chunk_bytes
    const start = performance.now()
    await Promise.all(Array.from({ length: streams }, () => echo(session, size)))
    return { streams, bytes: streams * size, seconds: (performance.now() - start) / 1000 }
  }),

  reset: on_session(async (session) => {
    const { stream, reader } = await session.stream(protocol.reset)
    await write(stream, new Uint8Array([1]))
    const how = await reader.drain().then(() => null, (error) => error)
    check(how != null, 'the stream ended instead of being reset')
    check(stream.status === 'reset', `the stream is ${stream.status}: ${how.message}`)
    await echo(session, 1)
    return { detail: how.message }
  }),

  halfclose: on_session(async (session) => {
    const size = 128 * 1024
    const { stream, reader } = await session.stream(protocol.echo)
    await write_zeros(stream, size)
    await stream.close()
    const received = await reader.drain()
    check(received === size, `received ${received} of ${size} bytes after the half-close`)
    return { bytes: size }
  }),

  cancel: on_session(async (session) => {
    const size = 100_000
    const cancelled = await session.named(protocol.watch, 1)
    await cancelled.reader.read_exactly(8)
    await write_zeros(cancelled.stream, size)
    cancelled.stream.abort(new Error('the test resets'))
    const { how, count } = await session.fate_of(1)
    check(how === 'R' && count <= size, `the listener saw ${how} after ${count} bytes`)
    // The same to its end, so that it shows that the listener tells the two apart.
    const { stream, reader } = await session.named(protocol.watch, 2)
    await write_zeros(stream, size)
    await stream.close()
    const received = await reader.drain()
    check(received === 9, `a watched stream sent ${received} bytes`)
    await session.expect_end(2, size)
    await echo(session, 1)
    return { bytes: count }
  }),

  earlyclose: on_session(async (session, options) => {
    const size = options.size ?? mib
    const { stream, reader } = await session.named(protocol.early, 1)
    const received = await reader.drain()
    check(received === 0, `${received} bytes before the end`)
    await write_zeros(stream, size)
    await stream.close()
    await session.expect_end(1, size)
    await echo(session, 1)
    return { bytes: size }
  }),

  unknown: on_session(async (session) => {
    const how = await session.stream(protocol.none).then(() => null, (error) => error)
    check(how != null, 'a protocol nobody serves was accepted')
    await echo(session, 1)
    return { detail: how.message }
  }),

  wrongpeer: async (address, options) => {
    const other = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
    const host = await make_host(options)
    try {
      const wrong = address.replace(/\/p2p\/.*$/, `/p2p/${other}`)
      const how = await Session.open(host, wrong).then(() => null, (error) => error)
      check(how != null, `connected although the address names ${other}`)
      await echo(await Session.open(host, address), 1)
      return { detail: how.message }
    } finally {
      await host.stop()
    }
  },

  refused: async (address, options) => {
    const host = await make_host(options)
    try {
      const how = await Session.open(host, address).then(() => null, (error) => error)
      check(how != null, 'connected although it should have been refused')
      return { detail: how.message }
    } finally {
      await host.stop()
    }
  },

  handshakes: async (address, options) => {
    const count = options.count ?? 100
    const parallel = options.parallel ?? 1
    // Dials of one node to one peer are merged, so each worker is a node of its own.
    const hosts = await Promise.all(Array.from({ length: parallel }, () => make_host(options)))
    let left = count
    const start = performance.now()
    await Promise.all(hosts.map(async (host) => {
      while (left > 0) {
        left--
        const session = await Session.open(host, address)
        await session.identified
        await session.connection.close()
      }
    }))
    const seconds = (performance.now() - start) / 1000
    await Promise.all(hosts.map((host) => host.stop()))
    return { count, parallel, seconds, per_second: count / seconds }
  }
}

function on_session (test) {
  return async (address, options) => {
    const host = await make_host(options)
    try {
      const session = await Session.open(host, address)
      if (options.identified) {
        await session.identified
      }
      return { connect_ms: session.connect_ms, ...await test(session, options) }
    } finally {
      await host.stop()
    }
  }
}

// The period is no multiple of any frame size, so that a lost or moved frame shows.
const pattern = Uint8Array.from({ length: 65521 },
  (_, i) => (Math.imul(i, 2654435761) >>> 13) & 0xff)

async function echo (session, size) {
  const { stream, reader } = await session.stream(protocol.echo)
  const sending = (async () => {
    for (let sent = 0; sent < size; sent += pattern.length) {
      await write(stream, pattern.subarray(0, Math.min(pattern.length, size - sent)))
    }
    await stream.close()
  })()
  const [received] = await Promise.all([read_pattern(reader), sending])
  check(received === size, `received ${received} of ${size} bytes`)
}

async function read_pattern (reader) {
  let at = 0
  for (let piece = await reader.read(); piece != null; piece = await reader.read()) {
    const flat = piece.subarray()
    for (let used = 0; used < flat.byteLength;) {
      const from = at % pattern.length
      const step = Math.min(pattern.length - from, flat.byteLength - used)
      const same = Buffer.compare(flat.subarray(used, used + step),
        pattern.subarray(from, from + step)) === 0
      check(same, `bytes differ after ${at}`)
      at += step
      used += step
    }
  }
  return at
}

function check (holds, message) {
  if (!holds) {
    throw new Error(message)
  }
}

function rate (bytes, ms) {
  return bytes === 0 ? null : bytes / mib / (ms / 1000)
}

function summary (values) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  return { min: at(0), p50: at(0.5), p99: at(0.99), max: at(1) }
}
