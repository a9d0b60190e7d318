#!/usr/bin/env python3
"""A second implementation of the 32 bytes before every packet.

    packet_header.py            prints packet_header.txt
    packet_header.py --check    reads it, decodes each packet and compares

Written from docs/design/packet.md, "The header", alone. Nothing of the tree is imported.
"""
import pathlib
import struct
import sys

LAYOUT = struct.Struct(">HBBBBHIIIIHHHH")
MAGIC, VERSION = 0xBEEF, 1
NAMES = ["data", "ack", "syn", "syn_ack", "fin", "fin_ack", "ping", "pong", "fragment",
         "retransmit", "flow_control", "error"]
COMPRESSED, SEALED, RELIABLE, ACK_NOW, FRAGMENTED, ACK, LAST = 1, 2, 4, 8, 16, 32, 64
NEVER_SEALED = (3, 4)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def encode(fields, payload):
    kind, flags, epoch, window, ident, number, ack, frag, index, total = fields

    def head(checksum):
        return LAYOUT.pack(MAGIC, VERSION, kind, flags, epoch, window, ident, number, ack,
                           checksum, len(payload), frag, index, total)

    covered = head(0) + (b"" if flags & SEALED else payload)
    return head(crc32c(covered)) + payload


def decode(packet):
    """(fields, payload), or a sentence that says what is wrong."""
    if len(packet) < LAYOUT.size:
        return "truncated"
    (magic, version, kind, flags, epoch, window, ident, number, ack, checksum, length, frag, index,
     total) = LAYOUT.unpack(packet[:LAYOUT.size])
    payload = packet[LAYOUT.size:]
    if magic != MAGIC:
        return "magic"
    if version != VERSION:
        return "version"
    if length != len(payload):
        return "length"
    sealed = bool(flags & SEALED)
    zeroed = packet[:20] + bytes(4) + packet[24:LAYOUT.size]
    if checksum != crc32c(zeroed + (b"" if sealed else payload)):
        return "checksum"
    if not 1 <= kind <= 12:
        return "type"
    if flags & 0x80 or (flags & ACK_NOW and not flags & RELIABLE):
        return "flags"
    if flags & COMPRESSED and kind != 9:
        return "flags"
    if (kind in NEVER_SEALED and sealed) or (kind not in NEVER_SEALED + (12,) and not sealed):
        return "sealed"
    if sealed and length < 16:
        return "length"
    if not sealed and (flags & (RELIABLE | ACK) or epoch or window):
        return "unused"
    if ack and not flags & ACK:
        return "unused"
    if flags & FRAGMENTED:
        if kind not in (3, 4, 9) or total < 2 or index >= total or (kind != 9 and total > 4):
            return "fragment"
        if bool(flags & LAST) != (index + 1 == total):
            return "fragment"
    elif kind == 9 or flags & LAST:
        return "fragment"
    elif frag or index or total:
        return "unused"
    return (kind, flags, epoch, window, ident, number, ack, frag, index, total), payload


def vectors():
    tag = bytes(range(16))
    for kind, name in enumerate(NAMES, 1):
        if kind in NEVER_SEALED:
            yield name, (kind, 0, 0, 0, 0x01020304 * (kind == 4), 0xA1B2C3D4, 0, 0, 0, 0), b"hello"
        elif kind == 9:
            yield name, (kind, SEALED | RELIABLE | ACK | FRAGMENTED, 7, 256, 0x01020304,
                         0xA1B2C3D4, 0x11223344, 9, 1, 3), bytes(4) + tag
        else:
            flags = SEALED | ACK | (0 if kind in (2, 6, 8, 12) else RELIABLE)
            yield name, (kind, flags, 7, 256, 0x01020304, 0xA1B2C3D4, 0x11223344, 0, 0, 0), tag
    yield "syn_empty", (3, 0, 0, 0, 0, 0, 0, 0, 0, 0), b""
    yield "syn_ack_in_pieces", (4, FRAGMENTED | LAST, 0, 0, 5, 6, 0, 1, 3, 4), b"tail"
    yield "hint", (12, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0, 0), b"\x00\x05"
    yield "data_at_once", (1, SEALED | RELIABLE | ACK_NOW, 255, 65535, 1, 0, 0, 0, 0, 0), tag
    yield "last_fragment_compressed", (9, SEALED | RELIABLE | FRAGMENTED | LAST | COMPRESSED, 0, 0,
                                       1, 2, 0, 65535, 65534, 65535), bytes(5) + tag


def main():
    if sys.argv[1:] == ["--check"]:
        wrong = 0
        text = pathlib.Path(__file__).with_suffix(".txt").read_text()
        lines = [line.split() for line in text.splitlines() if line and line[0] != "#"]
        for name, *words, payload, packet in lines:
            want = tuple(map(int, words)), b"" if payload == "-" else bytes.fromhex(payload)
            if decode(bytes.fromhex(packet)) != want:
                print(f"{name}: {decode(bytes.fromhex(packet))}, not {want}")
                wrong += 1
        print(f"packet_header: {len(lines)} packets, {wrong} wrong")
        return 1 if wrong or not lines else 0
    print("# Headers of packets, printed by packet_header.py; the last two columns are in hex.")
    print("# name type flags epoch window id number ack fragment-id index total payload packet")
    for name, fields, payload in vectors():
        print(name, *fields, payload.hex() or "-", encode(fields, payload).hex())
    return 0


if __name__ == "__main__":
    sys.exit(main())
