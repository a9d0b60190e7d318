// A js-libp2p node with TCP, WebSocket, Noise, yamux, identify and ping, and the interop protocols
// served.

import { readFileSync } from 'node:fs'
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { Reader, write, write_zeros } from './streams.js'

export const protocol = {
  early: '/kith-interop/early/1.0.0',
  echo: '/kith-interop/echo/1.0.0',
  fate: '/kith-interop/fate/1.0.0',
  none: '/kith-interop/none/1.0.0',
  perf: '/perf/1.0.0',
  ping: '/ipfs/ping/1.0.0',
  reset: '/kith-interop/reset/1.0.0',
  sink: '/kith-interop/sink/1.0.0',
  watch: '/kith-interop/watch/1.0.0'
}

// The default limits (5 connections a second and host, 10 pending) are below what the tests do.
const connections_max = 100000
const streams_max = 4096

export async function make_host ({ listen = [], psk = null, seed = null, pubsub = undefined }) {
  return await createLibp2p({
    addresses: { listen },
    connectionEncrypters: [noise()],
    connectionManager: {
      inboundConnectionThreshold: connections_max,
      maxConnections: connections_max,
      maxIncomingPendingConnections: connections_max
    },
    connectionMonitor: { enabled: false },
    connectionProtector: psk == null ? undefined : preSharedKey({ psk: readFileSync(psk) }),
    nodeInfo: { userAgent: 'kith-interop-js' },
    privateKey: await key_from(seed),
    services: {
      identify: identify(),
      ping: ping({ maxInboundStreams: streams_max }),
      ...(pubsub == null ? {} : { pubsub })
    },
    streamMuxers: [yamux({ maxInboundStreams: streams_max, maxOutboundStreams: streams_max })],
    transports: [tcp(), webSockets(web_options())]
  })
}

// What the peer shows where WebSockets have TLS; whom it believes says NODE_EXTRA_CA_CERTS.
function web_options () {
  const folder = process.env.PEER_TLS
  if (folder == null) {
    return {}
  }
  const read = (name) => readFileSync(`${folder}/${name}`)
  return { https: { cert: read('certificate.pem'), key: read('key.pem') } }
}

async function key_from (seed) {
  if (seed == null) {
    return await generateKeyPair('Ed25519')
  }
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(seed), true)
  return await generateKeyPairFromSeed('Ed25519', bytes)
}

export async function serve (host) {
  const options = { maxInboundStreams: streams_max, maxOutboundStreams: streams_max }
  const served = {
    echo: serve_echo,
    perf: serve_perf,
    reset: serve_reset,
    sink: serve_sink,
    ...new Fates().served()
  }
  for (const [name, handler] of Object.entries(served)) {
    await host.handle(protocol[name], (stream) => {
      handler(stream, new Reader(stream)).catch((error) => {
        console.error(`${name}: ${error.message}`)
        stream.abort(error)
      })
    }, options)
  }
}

async function serve_echo (stream, reader) {
  for (let piece = await reader.read(); piece != null; piece = await reader.read()) {
    await write(stream, piece)
  }
  await stream.close()
}

async function serve_perf (stream, reader) {
  const wanted = await reader.read_exactly(8)
  await reader.drain()
  await write_zeros(stream, Number(new DataView(wanted.buffer).getBigUint64(0)))
  await stream.close()
}

async function serve_reset (stream, reader) {
  await reader.read_exactly(1)
  stream.abort(new Error('the reset protocol resets'))
}

async function serve_sink (stream, reader) {
  const count = new DataView(new ArrayBuffer(8))
  count.setBigUint64(0, BigInt(await reader.drain()))
  await write(stream, new Uint8Array(count.buffer))
  await stream.close()
}

// The protocols watch, early and fate: how named streams ended at this side.
class Fates {
  known = new Map() // By name in hex: a promise of the 9 bytes, and how to keep it.

  served () {
    return {
      watch: async (stream, reader) => {
        const name = await reader.read_exactly(8)
        await write(stream, name)
        if (await this.note(name, reader) !== 'E') {
          return
        }
        await write(stream, new Uint8Array([1]))
        await stream.close()
      },
      early: async (stream, reader) => {
        const name = await reader.read_exactly(8)
        await stream.close()
        await this.note(name, reader)
      },
      fate: async (stream, reader) => {
        const name = await reader.read_exactly(8)
        await write(stream, await this.of(name).promise)
        await stream.close()
      }
    }
  }

  of (name) {
    const key = Buffer.from(name).toString('hex')
    if (!this.known.has(key)) {
      this.known.set(key, Promise.withResolvers())
    }
    return this.known.get(key)
  }

  // Reads to the end and keeps how it came: E for an end, R for a reset.
  async note (name, reader) {
    let count = 0
    let how = 'E'
    try {
      for (let piece = await reader.read(); piece != null; piece = await reader.read()) {
        count += piece.byteLength
      }
    } catch (error) {
      if (reader.stream.status !== 'reset') {
        throw error
      }
      how = 'R'
    }
    const fate = Buffer.alloc(9, how, 'latin1')
    fate.writeBigUInt64BE(BigInt(count), 1)
    this.of(name).resolve(new Uint8Array(fate))
    return how
  }
}
