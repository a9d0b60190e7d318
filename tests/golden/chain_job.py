#!/usr/bin/env python3
"""A second implementation of what chain_job.txt and merkle_many.txt have about disputes.

    chain_job.py            prints the lines of orders 8 on, records, entries of slots and disputes
    chain_job.py --merkle   prints merkle_many.txt

Written from docs/protocol/compute.md and ledger.md alone; values are those of
src/codec/test_jobs.h. Nothing of the tree is imported.
"""
import base64
import hashlib
import struct
import sys

KEY3 = bytes.fromhex("db2ad4681b1b8d4ee3c81696e6e41d2dba541563872e9cd716498f6eb022646b")
KEY4 = bytes.fromhex("31a8104cc7fcde52bf7aba2eec515c6a8ab38b13a4e43a2c1b46b6ab4f3b7ab8")
KEY5 = bytes.fromhex("8c376c536e1393297b88974a6f286366429d1a73eba0152d1ef6f9c854eea6f3")


def sha(data):
    return hashlib.sha256(data).digest()


def tagged(tag, *parts):
    return sha(tag.encode() + b"\0" + b"".join(parts))


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


def hashes(*fills):
    return u8(len(fills)) + b"".join(h(fill) for fill in fills)


def sized(data):
    return u16(len(data)) + data


NUMBER = bytes(range(16))


def orders():
    yield u8(7) + u64(78) + u8(1) + hashes(0x61, 0x62)
    yield u8(7) + u64(78) + u8(2) + u8(63) + u8(0)
    yield u8(7) + u64(78) + u8(2) + u8(0) + u8(1) + h(0x63)
    yield u8(7) + u64(79) + u8(3) + hashes(0x64) + u16(2) + h(0x65) + h(0x66)
    yield u8(8) + u64(7) + sized(bytes([1, 2, 3])) + u8(2) + u16(15) + u16(0) + bytes(32)
    yield u8(8) + u64(7) + sized(bytes([4, 5])) + u8(3) + u16(1023) + u16(63) + h(0x67)
    yield (u8(9) + u64(80) + h(0x68) + u16(2) + u16(2) + bytes([0x69]) * 64 + u16(300)
           + bytes([0x6a]) * 64)
    yield u8(10) + u64(7) + sized(bytes([6])) + u64(1000) + NUMBER + u8(2)


def record():
    agreed = (u8(1) + h(0x31) + u64(7) + u64(1234) + u8(2) + h(0x32) + KEY3 + u8(2) + u32(69)
              + u64(12) + h(0x33) + u8(2) + u32(1) + u32(300) + u16(96) + h(0x35))
    told = agreed + u64(1_764_000_000_000) + sized(bytes([9, 8, 7]))
    whole = told + bytes([0x34]) * 64
    cid = bytes([1, 0x55, 0x12, 0x20]) + sha(whole)
    name = "b" + base64.b32encode(cid).decode().lower().rstrip("=")
    return (whole.hex(), tagged("kith/record/1", agreed).hex(),
            tagged("kith/record-signature/1", told).hex(), name)


def side(slot, key, owner, since):
    return u32(slot) + key + owner + u64(since)


def pending(kind):
    """One for each outcome of test_jobs.h, and one that is not drawn yet."""
    if kind == "hidden":
        return (u64(39) + u8(1) + h(0x52) + u64(8) + u64(0) + u16(0) + bytes(32) + u8(0) + u64(0)
                + u8(0) + u8(0) + u8(0))
    task = (u64(39) + u8(2) + h(0x52) + u64(8) + u64(10) + u16(96) + h(0x53) + u8(1) + u64(11)
            + u8(1 if kind == "differs" else 0))
    if kind == "fits":
        return task + u8(1) + u8(0) + u8(0) + u8(1) + h(0x57) + hashes(0x5f)
    task += u8(2) + u8(1) + u32(70) + u8(1) + h(0x54) + KEY4 + u8(1) + u32(71) + u8(0)
    if kind == "drawn":
        return task + u8(0)
    if kind == "differs":
        return task + u8(2) + h(0x55) + hashes(0x5b, 0x5c) + u8(1)
    return (task + u8(3) + h(0x56) + hashes(0x5b, 0x5c) + side(72, KEY5, h(0x5a), 90)
            + h(0x5e))


def entries():
    jobs = u8(1) + u64(8) + u64(3) + u64(1) + u64(2) + u16(2) + u64(1) + u64(7)
    head = (u8(1) + u8(0) + KEY3 + h(0x51) + u8(2) + u64(130) + u8(1) + u32(11) + u32(1) + u64(9)
            + u8(1) + u8(2) + u8(1) + u8(1) + u32(70) + u8(3) + u64(260))
    queue = u8(2) + u64(41) + u8(1) + u64(17) + u64(42) + u8(2) + u64(18)
    tasks = u8(5) + b"".join(pending(kind) for kind in
                             ("hidden", "drawn", "differs", "first", "fits"))
    maturing = (u8(2) + u64(30) + u8(1) + h(0x58) + u32(7) + u8(0) + u8(0)
                + u64(31) + u8(2) + h(0x59) + u32(8) + u8(2) + u8(1) + u32(70) + h(0x60) + u8(1)
                + u16(48) + h(0x6b))
    dispute = (u8(1) + u8(4) + u64(7) + u64(39) + u8(2) + u8(1) + u64(999) + u64(12) + u64(13)
               + side(5, KEY3, h(0x51), 130) + side(72, KEY5, h(0x5a), 90) + u64(1) + u64(3) + u8(8)
               + h(0x71) + h(0x72) + h(0x73) + u8(2) + hashes(0x74, 0x75) + u16(992) + u16(15)
               + h(0x76) + h(0x77) + u64(1_000_000) + h(0x78)
               + u16(96) + h(0x79)
               + NUMBER + u8(1))
    find = u8(1) + h(0x51) + KEY3 + u64(39) + u16(1000) + NUMBER + u8(2) + u64(998)
    return {"jobs": jobs, "slot": head + queue + tasks + maturing, "dispute": dispute,
            "find": find}


def leaf(entry):
    return tagged("kith/merkle-leaf/1", entry)


def node(left, right):
    return tagged("kith/merkle-node/1", left, right)


def merkle_many(count, indices):
    """Root and siblings by recursion from the top, sorted into levels afterwards."""
    listed = []
    for i in range(count):
        entry = bytearray(h(i % 256))
        entry[1] = i // 256
        listed.append(bytes(entry))
    levels = {}

    def walk(begin, size):
        wanted = [i for i in indices if begin <= i < begin + size]
        if size == 1:
            return leaf(listed[begin])
        left, right = walk(begin, size // 2), walk(begin + size // 2, size // 2)
        in_left = [i for i in wanted if i < begin + size // 2]
        if wanted and not in_left:
            levels.setdefault(size, []).append(left)
        if wanted and len(in_left) == len(wanted):
            levels.setdefault(size, []).append(right)
        return node(left, right)

    root = tagged("kith/merkle-root/1", u64(count), walk(0, count))
    siblings = b"".join(b"".join(levels[size]) for size in sorted(levels))
    return root, siblings


def main():
    if "--merkle" in sys.argv:
        print("# Several entries under a root, by chain_job.py: count, indices, root, siblings.")
        for count, indices in ((1, [0]), (2, [1]), (8, [0, 3, 5]), (16, [2, 3, 15]),
                               (64, list(range(0, 64, 7))), (1024, [0, 1, 511, 700, 1023])):
            root, siblings = merkle_many(count, indices)
            line = f"{count} {','.join(map(str, indices))} {root.hex()} {siblings.hex()}"
            print(line.rstrip())
        return
    for order in orders():
        print("order", order.hex())
    print("record", *record())
    for name, entry in entries().items():
        print("entry", name, entry.hex())
    verdict = tagged("kith/verdict/1", h(0x31), u64(80), h(0x68))
    find = tagged("kith/find/1", u64(7), u64(39), u64(1000), NUMBER, u8(2))
    print("verdict", verdict.hex(), find.hex())


if __name__ == "__main__":
    main()
