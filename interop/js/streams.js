// Byte-wise reading of js-libp2p streams, and writing that waits for the other side.
//
// The library's own iterator misses an end that came before it, and its onDrain() works once only.
// Reading never pauses the stream, so what is unread queues here without limit (the tests bound
// it): pausing goes wrong in @libp2p/yamux 8.0.3 once the window has grown beyond the library's
// 4 MiB for paused streams, which it then resets.
// A Reader must be made in the turn in which the stream was opened or accepted.

export const chunk_bytes = 64 * 1024

const unsent_bytes_max = 256 * 1024

export class Reader {
  constructor (stream) {
    this.stream = stream
    this.queue = []
    this.error = null
    this.wake = () => {}
    stream.addEventListener('message', (event) => {
      this.queue.push(event.data)
      this.wake()
    })
    stream.addEventListener('remoteCloseWrite', () => this.wake())
    stream.addEventListener('close', (event) => {
      this.error = event.error ?? null
      this.wake()
    })
  }

  // Bytes that came with the negotiation are pushed back after the 'end' event, so the end is
  // read from the state and not from the event.
  get ended () {
    const { stream } = this
    return stream.readBufferLength === 0 &&
      (stream.remoteWriteStatus === 'closed' || stream.status !== 'open')
  }

  // The next piece (Uint8Array or Uint8ArrayList), null at the end; throws when reset.
  async read () {
    while (true) {
      if (this.queue.length > 0) {
        return this.queue.shift()
      }
      if (this.error != null) {
        throw this.error
      }
      if (this.ended) {
        return null
      }
      await new Promise((resolve) => { this.wake = resolve })
    }
  }

  // Exactly `count` bytes; what arrived beyond them stays queued.
  async read_exactly (count) {
    const bytes = new Uint8Array(count)
    let filled = 0
    while (filled < count) {
      const piece = await this.read()
      if (piece == null) {
        throw new Error(`stream ended after ${filled} of ${count} bytes`)
      }
      const flat = piece.subarray()
      const used = Math.min(flat.byteLength, count - filled)
      bytes.set(flat.subarray(0, used), filled)
      filled += used
      if (used < flat.byteLength) {
        this.queue.unshift(flat.subarray(used))
      }
    }
    return bytes
  }

  // Reads to the end and counts.
  async drain () {
    let count = 0
    while (true) {
      const piece = await this.read()
      if (piece == null) {
        return count
      }
      count += piece.byteLength
    }
  }
}

// Sends and waits until little of it is still unsent.
export async function write (stream, bytes) {
  stream.send(bytes)
  while (stream.writeBufferLength > unsent_bytes_max) {
    await next_event(stream, ['drain', 'idle', 'close'])
    if (stream.writeStatus === 'closed') {
      throw new Error('stream closed while it was written to')
    }
  }
}

const zeros = new Uint8Array(chunk_bytes)

export async function write_zeros (stream, count) {
  for (let left = count; left > 0; left -= chunk_bytes) {
    await write(stream, left >= chunk_bytes ? zeros : zeros.subarray(0, left))
  }
}

function next_event (target, names) {
  return new Promise((resolve) => {
    const done = () => {
      for (const name of names) {
        target.removeEventListener(name, done)
      }
      resolve()
    }
    for (const name of names) {
      target.addEventListener(name, done)
    }
  })
}
