// js-libp2p interop peer: `listen`, `dial`, `pubsub` and `bench`, as interop/README.md says.

import { parseArgs } from 'node:util'
import { make_host, serve } from './host.js'
import { tests } from './dial_tests.js'
import { run_bench } from './bench.js'
import { run_pubsub } from './pubsub.js'

const usage = `usage: peer listen [--listen MULTIADDR] [--psk FILE] [--seed N] [--no-ping]
       peer dial ADDR TEST [--psk FILE] [--seed N] [--timeout S] [--count N] [--parallel N]
                 [--size N] [--streams N] [--upload N] [--download N]
       peer pubsub [--listen MULTIADDR] [--seed N] [--unsigned]
       peer bench [--listen MULTIADDR] [--seed N] [--unsigned]
tests: ${Object.keys(tests).join(' ')}`

const numbers = ['seed', 'timeout', 'count', 'parallel', 'size', 'streams', 'upload', 'download']

function arguments_or_exit () {
  try {
    const options = { listen: { type: 'string' }, psk: { type: 'string' } }
    options.unsigned = { type: 'boolean' } // Of pubsub and bench only.
    options.identified = { type: 'boolean' }
    options['no-ping'] = { type: 'boolean' } // This peer pings only when told to.
    for (const name of numbers) {
      options[name] = { type: 'string' }
    }
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    for (const name of numbers.filter((name) => values[name] != null)) {
      if (!/^[0-9]+$/.test(values[name])) {
        throw new Error(`--${name} wants a number, not '${values[name]}'`)
      }
      values[name] = Number(values[name])
    }
    const [verb, address, test] = positionals
    const is_dial = verb === 'dial' && address != null && tests[test] != null
    if (['listen', 'pubsub', 'bench'].includes(verb) || is_dial) {
      return { verb, address, test, values }
    }
    throw new Error(`cannot do '${positionals.join(' ')}'`)
  } catch (error) {
    console.error(`peer: ${error.message}\n${usage}`)
    process.exit(2)
  }
}

async function listen (values) {
  const { psk, seed } = values
  const listen = [values.listen ?? '/ip4/127.0.0.1/tcp/0']
  const host = await make_host({ listen, psk, seed })
  await serve(host)
  console.log(JSON.stringify({
    peer_id: host.peerId.toString(),
    addresses: host.getMultiaddrs().map(String)
  }))
  const stop = () => process.exit(0)
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.stdin.on('end', stop).on('error', stop).resume()
}

async function dial (address, test, values) {
  const { psk, seed } = values
  const seconds = values.timeout ?? 60
  const deadline = setTimeout(() => report(test, { error: `no result in ${seconds} s` }),
    seconds * 1000)
  try {
    report(test, await tests[test](address, { ...values, psk, seed, listen: [] }))
  } catch (error) {
    report(test, { error: error.message || String(error) })
  }
  clearTimeout(deadline)
}

function report (test, result) {
  const ok = result.error == null
  process.stdout.write(JSON.stringify({ test, ok, ...result }) + '\n',
    () => process.exit(ok ? 0 : 1))
}

const { verb, address, test, values } = arguments_or_exit()
if (verb === 'dial') {
  await dial(address, test, values)
} else {
  await { listen, pubsub: run_pubsub, bench: run_bench }[verb](values)
}
