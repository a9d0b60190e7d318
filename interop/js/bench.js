// The node of the pubsub benchmark, `peer bench`, as interop/README.md describes it.

import { createInterface } from 'node:readline'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { gossipsub, StrictNoSign, StrictSign } from '@libp2p/gossipsub'
import { multiaddr } from '@multiformats/multiaddr'
import { make_host } from './host.js'
import { author_seqno_id, content_id } from './pubsub.js'

const topic = 'bench'
const message_bytes = 256
const step = 64 // A receiver tells how far it is after so many.
const at_once = 32 // Messages that are signed at a time, before the loop turns.

const now_ns = () => process.hrtime.bigint() // The system's monotonic clock.

function say (event) {
  process.stdout.write(JSON.stringify(event) + '\n')
}

export async function run_bench ({ listen, seed, unsigned = false }) {
  const host = await make_host({
    listen: [listen ?? '/ip4/127.0.0.1/tcp/0'],
    seed,
    pubsub: gossipsub({
      allowPublishToZeroTopicPeers: true,
      floodPublish: true,
      globalSignaturePolicy: unsigned ? StrictNoSign : StrictSign,
      msgIdFn: unsigned ? content_id : author_seqno_id
    })
  })
  const { pubsub } = host.services
  const receiver = new Receiver()
  pubsub.addEventListener('gossipsub:message', ({ detail: { msg } }) => receiver.take(msg.data))
  pubsub.subscribe(topic)
  const acks = new Acks()
  const commands = {
    dial: async (address) => {
      await host.dial(multiaddr(address))
      say({ event: 'connected' })
    },
    publish: (...numbers) => {
      publish_all(pubsub, acks, numbers.map(Number)).catch((error) => {
        console.error(`peer: ${error.stack}`)
        process.exit(1)
      })
    },
    ack: (phase, seen) => acks.take(Number(phase), Number(seen)),
    expect: (phase, count) => receiver.expect(Number(phase), Number(count)),
    report: (phase) => receiver.report_of(Number(phase))
  }
  say({ event: 'ready', addresses: host.getMultiaddrs().map(String) })
  for await (const line of createInterface({ input: process.stdin })) {
    const [verb, ...rest] = line.split(' ')
    await commands[verb](...rest)
  }
  process.exit(0)
}

class Acks {
  phase = 0
  seen = 0
  moved = Promise.withResolvers()

  take (phase, seen) {
    this.phase = phase
    this.seen = seen
    this.moved.resolve()
    this.moved = Promise.withResolvers()
  }

  of (phase) {
    return this.phase === phase ? this.seen : 0
  }

  async until (phase, least) {
    while (this.of(phase) < least) {
      await this.moved.promise
    }
  }
}

// Ends after count messages or limit, whichever comes first; rate 0 is no pace.
async function publish_all (pubsub, acks, [phase, count, rate, window, limit_ms]) {
  const start = performance.now()
  let refused = 0
  let index = 0
  while (index < count && performance.now() - start < limit_ms) {
    await acks.until(phase, index + 1 - window)
    if (rate > 0) {
      const wait_ms = start + 1000 * index / rate - performance.now()
      await (wait_ms > 0 ? setTimeout(wait_ms) : setImmediate())
    }
    const batch = []
    const end = Math.min(count, index + (rate > 0 ? 1 : at_once), acks.of(phase) + window)
    for (; index < end; ++index) {
      batch.push(pubsub.publish(topic, make_message(phase, index)).catch(() => { ++refused }))
    }
    await Promise.all(batch)
    await setImmediate()
  }
  say({ event: 'published', phase, count: index, refused })
}

function make_message (phase, index) {
  const data = new Uint8Array(message_bytes)
  const view = new DataView(data.buffer)
  view.setUint32(0, phase, true)
  view.setUint32(4, index, true)
  view.setBigUint64(8, now_ns(), true)
  return data
}

class Receiver {
  phase = 0

  constructor () {
    this.clear()
  }

  clear () {
    this.indexes = new Set()
    this.copies = 0
    this.told = 0
    this.expected = null
    this.first = null
    this.last = null
    this.delays = []
  }

  begin (phase) {
    if (phase !== this.phase) {
      this.phase = phase
      this.clear()
    }
  }

  expect (phase, count) {
    this.begin(phase)
    this.expected = count
    if (this.indexes.size >= count) {
      this.report()
    }
  }

  report_of (phase) {
    this.begin(phase)
    this.report()
  }

  take (data) {
    const now = now_ns()
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    const phase = view.getUint32(0, true)
    const index = view.getUint32(4, true)
    const sent = view.getBigUint64(8, true)
    if (phase < this.phase) {
      return // A straggler.
    }
    this.begin(phase)
    if (this.indexes.has(index)) {
      ++this.copies
      return
    }
    this.indexes.add(index)
    this.first = this.first == null || sent < this.first ? sent : this.first
    this.last = now
    this.delays.push(Number(now - sent))
    if (index === 0 || index + 1 >= this.told + step) {
      this.told = Math.max(this.told, index + 1)
      say({ event: 'progress', phase, seen: this.told })
    }
    if (this.indexes.size === this.expected) {
      this.report()
    }
  }

  report () {
    const sorted = Float64Array.from(this.delays).sort()
    const at = (share) =>
      sorted.length === 0 ? 0 : sorted[Math.floor(share * (sorted.length - 1))] / 1000
    say({
      event: 'report',
      phase: this.phase,
      count: this.indexes.size,
      copies: this.copies,
      seconds: this.first == null ? 0 : Number(this.last - this.first) / 1e9,
      p50_us: at(0.5),
      p99_us: at(0.99)
    })
  }
}
