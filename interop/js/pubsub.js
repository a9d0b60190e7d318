// The gossip peer, `peer pubsub`, as interop/README.md describes it: commands come line by line on
// standard input, what happens goes to standard output as one JSON object a line.

import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { gossipsub, StrictNoSign, StrictSign, TopicValidatorResult } from '@libp2p/gossipsub'
import { multiaddr } from '@multiformats/multiaddr'
import { make_host } from './host.js'

const large_bytes = 1024

export async function run_pubsub ({ listen, seed, unsigned = false }) {
  const id_of = unsigned ? content_id : author_seqno_id
  const host = await make_host({
    listen: [listen ?? '/ip4/127.0.0.1/tcp/0'],
    seed,
    pubsub: gossipsub({
      allowPublishToZeroTopicPeers: true,
      doPX: true,
      globalSignaturePolicy: unsigned ? StrictNoSign : StrictSign,
      msgIdFn: id_of,
      scoreThresholds: { acceptPXThreshold: 0 } // As go has it.
    })
  })
  tell_events(host)
  const commands = make_commands(host, id_of)
  say({
    event: 'ready',
    peer_id: host.peerId.toString(),
    addresses: host.getMultiaddrs().map(String)
  })
  for await (const line of createInterface({ input: process.stdin })) {
    const [, verb, topic, data] = /^(\S+) (\S+)(?: (.*))?$/.exec(line) ?? []
    try {
      await commands[verb](topic, data)
    } catch (error) {
      say({ event: 'error', error: error.message || String(error), command: line })
    }
  }
  process.exit(0) // stop() would wait for the other side to close streams that stay open
}

// The specification's rule; the library's own is another.
export function author_seqno_id ({ from, sequenceNumber }) {
  const seqno = Buffer.alloc(8)
  seqno.writeBigUInt64BE(sequenceNumber)
  return Buffer.concat([from.toMultihash().bytes, seqno])
}

// Kith's rule for unsigned messages.
export function content_id ({ topic, data }) {
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(Buffer.byteLength(topic)))
  return createHash('sha256').update(size).update(topic).update(data).digest().subarray(0, 20)
}

function say (event) {
  process.stdout.write(JSON.stringify(event) + '\n')
}

function tell_events (host) {
  const { pubsub } = host.services
  host.addEventListener('peer:connect', ({ detail }) => {
    say({ event: 'connected', peer: detail.toString() })
  })
  for (const event of ['graft', 'prune']) {
    pubsub.addEventListener(`gossipsub:${event}`, ({ detail }) => {
      say({ event, peer: detail.peerId, topic: detail.topic })
    })
  }
  pubsub.addEventListener('gossipsub:message', ({ detail: { msgId, msg } }) => {
    say({
      event: 'message',
      topic: msg.topic,
      from: msg.type === 'signed' ? msg.from.toString() : null,
      id: Buffer.from(msgId, 'base64').toString('hex'),
      data: new TextDecoder().decode(msg.data)
    })
  })
}

function make_commands (host, id_of) {
  const { pubsub } = host.services
  const counted = count_received(pubsub)
  const released = new Map() // By topic: how to let go what is held.
  return {
    dial: async (address) => await host.dial(multiaddr(address)),
    subscribe: (topic) => pubsub.subscribe(topic),
    unsubscribe: (topic) => pubsub.unsubscribe(topic),
    publish: async (topic, data) => await pubsub.publish(topic, new TextEncoder().encode(data)),
    hold: (topic) => {
      released.set(topic, Promise.withResolvers())
      pubsub.topicValidators.set(topic, async (_, message) => {
        if (message.data.length >= large_bytes) {
          say({ event: 'held', topic, id: Buffer.from(id_of(message)).toString('hex') })
          await released.get(topic).promise
        }
        return TopicValidatorResult.Accept
      })
    },
    release: (topic) => released.get(topic).resolve(),
    counts: (topic) => say({
      event: 'counts',
      topic,
      copies: counted.copies.get(topic) ?? 0,
      idontwants: counted.idontwants.length,
      ids: counted.idontwants
    })
  }
}

// The library has no tracer: its own method is wrapped.
function count_received (pubsub) {
  const counted = {
    copies: new Map(), // Of large messages, by topic.
    idontwants: [] // Ids in hex, of all topics: IDONTWANT names none.
  }
  const receive = pubsub.handleReceivedRpc.bind(pubsub)
  pubsub.handleReceivedRpc = async (from, rpc) => {
    for (const { topic, data } of rpc.messages ?? []) {
      if (data?.length >= large_bytes) {
        counted.copies.set(topic, (counted.copies.get(topic) ?? 0) + 1)
      }
    }
    for (const { messageIDs } of rpc.control?.idontwant ?? []) {
      counted.idontwants.push(...messageIDs.map((id) => Buffer.from(id).toString('hex')))
    }
    await receive(from, rpc)
  }
  return counted
}
