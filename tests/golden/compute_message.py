#!/usr/bin/env python3
"""A second implementation of the messages of /kith/compute/1.0.0; prints compute_message.txt.

Written from docs/protocol/compute.md alone ("Orders", "Records", "Off chain"); values are those of
src/codec/compute_message_test.cpp. Nothing of the tree is imported.
"""
import hashlib
import struct


def u8(n):
    return struct.pack(">B", n)


def u16(n):
    return struct.pack(">H", n)


def u32(n):
    return struct.pack(">I", n)


def u64(n):
    return struct.pack(">Q", n)


def h(fill):
    return bytes([fill]) * 32


SIGNATURE = bytes([9]) * 64


def statement(number):
    commits = u32(5) + u8(1) + h(1) + u8(0)
    return u8(1) + u64(7) + u64(number) + h(3) + u16(1) + commits + SIGNATURE


def record():
    agreed = (u8(1) + h(0x77) + u64(7) + u64(12) + u8(1) + h(1) + h(3) + u8(0) + u32(5) + u64(4)
              + h(2) + u8(2) + u32(6) + u32(8) + u16(100) + bytes(32))
    told = agreed + u64(1_700_000_000_000) + u16(3) + bytes([1, 2, 3])
    return told + SIGNATURE


def shown(roots, siblings):
    return (u8(2) + u8(len(roots)) + b"".join(map(h, roots))
            + u16(len(siblings)) + b"".join(map(h, siblings)))


def main():
    print("# Messages of /kith/compute/1.0.0 by compute_message.py: what each is, and its bytes.")
    cid = bytes([1, 0x55, 0x12, 0x20]) + hashlib.sha256(record()).digest()
    print("request show", (u8(1) + u64(7) + u64(12) + u8(1) + u8(3)).hex())
    print("request record", (u8(3) + u16(len(cid)) + cid).hex())
    print("request carry", (u8(5) + u16(2) + statement(4) + statement(5)).hex())
    print("request want_first", (u8(8) + u64(7) + u64(12)).hex())
    print("answer shown", shown([1, 2], [3]).hex())
    print("answer nothing_shown", shown([], []).hex())
    print("answer given", (u8(4) + u16(len(record())) + record()).hex())
    print("answer taken", (u8(6) + u16(513)).hex())
    why = b"not yet"
    print("answer refused", (u8(7) + u16(11) + u8(len(why)) + why).hex())
    first = u16(len(record())) + record() + u16(3) + bytes([1, 2, 3])
    print("answer first", (u8(9) + first).hex())


if __name__ == "__main__":
    main()
