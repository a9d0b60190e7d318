// A js-libp2p gossipsub peer: node pubsub.js ADDR TOPIC COUNT. Dials, subscribes and publishes once
// a second until it has heard COUNT messages of others, then prints one JSON object: its peer id,
// what it heard and from whom, and how many peers its own messages went to.

import { gossipsub } from '@libp2p/gossipsub'
import { multiaddr } from '@multiformats/multiaddr'
import { make_host } from './host.js'

const [address, topic, wanted] = process.argv.slice(2)
const heard = []
let recipients = 0

const host = await make_host({ pubsub: gossipsub({ allowPublishToZeroTopicPeers: true }) })
const done = new Promise((resolve) => {
  host.services.pubsub.addEventListener('message', ({ detail }) => {
    heard.push({ from: detail.from.toString(), data: new TextDecoder().decode(detail.data) })
    if (heard.length >= Number(wanted) && recipients > 0) resolve()
  })
})
host.services.pubsub.subscribe(topic)
await host.dial(multiaddr(address))
const publishing = setInterval(async () => {
  const data = new TextEncoder().encode(`from js ${recipients}`)
  recipients += (await host.services.pubsub.publish(topic, data)).recipients.length
}, 500)
await done
clearInterval(publishing)
console.log(JSON.stringify({ ok: true, peer_id: host.peerId.toString(), heard, recipients }))
process.exit(0)  // stop() would wait for the other side to close streams that stay open
