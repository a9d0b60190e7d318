// Bytes and hashes: docs/protocol/light.md, ledger.md and consensus.md are what this folder was
// written from, and nothing else. Numbers of 64 bits are BigInt.
import {createHash} from 'node:crypto';

/** What makes a proof worth nothing. Every refusal of this folder is one of these. */
export class Refused extends Error {}

export function check(holds, sentence) {
  if (!holds) throw new Refused(sentence);
}

export function toHex(bytes) {
  return Buffer.from(bytes).toString('hex');
}

export function fromHex(text) {
  check(/^([0-9a-fA-F]{2})*$/.test(text), 'not hexadecimal');
  return new Uint8Array(Buffer.from(text, 'hex'));
}

export function equal(a, b) {
  return Buffer.compare(a, b) === 0;
}

export function concat(...parts) {
  return new Uint8Array(Buffer.concat(parts));
}

export function u64(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

export function u16(value) {
  return Uint8Array.of(value >> 8, value & 0xff);
}

export const zero = new Uint8Array(32);

/** H(tag, parts...) of ledger.md. */
export function tagged(tag, ...parts) {
  const hash = createHash('sha256').update(tag, 'ascii').update(Uint8Array.of(0));
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

export class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(count) {
    check(count <= this.bytes.length - this.at, `${count} bytes at ${this.at}, fewer are there`);
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  view(count) {
    const part = this.take(count);
    return new DataView(part.buffer, part.byteOffset, count);
  }

  u8() { return this.take(1)[0]; }
  u16() { return this.view(2).getUint16(0); }
  u32() { return this.view(4).getUint32(0); }
  u64() { return this.view(8).getBigUint64(0); }
  hash() { return this.take(32); }

  flag() {
    const value = this.u8();
    check(value <= 1, `${value} for yes or no`);
    return value === 1;
  }

  /** As short as possible, below 2^63. */
  varint() {
    let value = 0n;
    for (let i = 0n; i < 9n; i++) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << (7n * i);
      if (byte < 0x80) {
        check(byte !== 0 || i === 0n, 'a varint that is longer than needed');
        return value;
      }
    }
    throw new Refused('a varint of more than nine bytes');
  }

  sized(max) {
    const size = this.varint();
    check(size <= BigInt(max), `${size} bytes, the limit is ${max}`);
    return this.take(Number(size));
  }

  end() {
    check(this.at === this.bytes.length, `${this.bytes.length - this.at} bytes are left`);
  }
}

/** All of `bytes`, by one of the readers below and elsewhere. */
export function whole(bytes, read) {
  const reader = new Reader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}
