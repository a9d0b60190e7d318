#!/usr/bin/env python3
"""A second implementation of the frames inside sealed packets.

    packet_frames.py            prints packet_frames.txt
    packet_frames.py --check    reads it, decodes each payload and compares

Written from docs/protocol/packet-frames.md alone. Nothing of the tree is imported.
"""
import pathlib
import sys

TYPES = ["data", "ack", "syn", "syn_ack", "fin", "fin_ack", "ping", "pong", "fragment",
         "retransmit", "flow_control", "error"]
CONTENT = {"data", "retransmit"}
CREDIT = CONTENT | {"flow_control", "ack"}
ALL = set(TYPES) - {"syn", "syn_ack", "fragment"}
MESSAGE_MAX = 16 << 20


class Fault(Exception):
    pass


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise Fault("cut")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def varint(self):
        value = 0
        for i in range(9):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                if byte == 0 and i > 0:
                    raise Fault("not minimal")
                if value >= 1 << 62:
                    raise Fault("too high")
                return value
        raise Fault("too long")

    def sized(self):
        return self.take(self.varint())

    def rest(self):
        return self.take(len(self.data) - self.at)

    def stream(self):
        value = self.varint()
        need(0 < value < 1 << 32)
        return value


def need(condition):
    if not condition:
        raise Fault("rule")


def hexed(data):
    return data.hex() or "-"


def take_ack(r, ack, code):
    delay, more = r.varint(), r.number(1)
    need(ack is not None and delay < 1 << 32 and more <= 31)
    ranges, last = [], ack
    for i in range(more + 1):
        if i:
            last = ranges[-1][0] - r.varint() - 2
            need(last >= 0)
        first = last - r.varint()
        need(first >= 0)
        ranges.append((first, last))
    counts = [str(r.varint()) for _ in range(3)] if code == 2 else []
    return ["ack", delay, ",".join(f"{a}-{b}" for a, b in ranges), *counts]


def take_message(r, code):
    number, total = r.varint(), r.varint()
    need(0 < total <= MESSAGE_MAX)
    zstd = "zstd" if code & 1 else "plain"
    if code < 0x12:
        return ["message", number, total, 0, zstd, hexed(r.take(total))]
    offset = r.varint()
    data = r.sized()
    need(0 < len(data) < total and offset < total and offset + len(data) <= total)
    return ["message", number, total, offset, zstd, hexed(data)]


def take_frame(r, kind, ack):
    code = r.number(1)

    def only(types):
        need(kind in types)

    if code == 0x00:
        only(ALL)
        need(not any(r.rest()))
        return ["padding"]
    if code in (0x01, 0x02):
        only(ALL)
        return take_ack(r, ack, code)
    if 0x08 <= code <= 0x0B:
        only(CONTENT)
        stream, offset = r.stream(), r.varint()
        data = r.sized() if code & 2 else r.rest()
        need(offset + len(data) < 1 << 62)
        return ["stream", stream, offset, "end" if code & 1 else "more", hexed(data)]
    if code == 0x0C:
        only(CONTENT)
        return ["reset_stream", r.stream(), r.number(2), r.varint()]
    if code == 0x0D:
        only(CONTENT)
        return ["stop_sending", r.stream(), r.number(2)]
    if 0x10 <= code <= 0x13:
        only(CONTENT)
        return take_message(r, code)
    if code == 0x14:
        only(CONTENT)
        number, total = r.varint(), r.varint()
        need(total <= MESSAGE_MAX)
        return ["message_gone", number, total]
    if code == 0x18:
        only(CONTENT)
        return ["datagram", hexed(r.sized())]
    if code == 0x20:
        only(CREDIT)
        return ["stream_credit", r.stream(), r.varint()]
    if code in (0x21, 0x22):
        only(CREDIT)
        limit = r.varint()
        need(code == 0x22 or limit <= 1 << 31)
        return ["streams_credit" if code == 0x21 else "messages_credit", limit]
    if code == 0x23:
        only(CREDIT)
        what, stream, limit = r.number(1), r.varint(), r.varint()
        need(what <= 3 and (what == 0) == (stream != 0) and stream < 1 << 32)
        return ["blocked", what, stream, limit]
    if code == 0x28:
        only(CONTENT)
        offset, data = r.varint(), r.sized()
        need(data and offset + len(data) < 1 << 62)
        return ["session", offset, hexed(data)]
    if code == 0x30:
        only(CONTENT)
        return ["new_id", r.varint(), r.number(4), hexed(r.take(16))]
    if code == 0x31:
        only(CONTENT)
        return ["retire_id", r.varint()]
    if code in (0x38, 0x39):
        only(CONTENT | {"ping"} | ({"pong"} if code == 0x39 else set()))
        return ["ping" if code == 0x38 else "pong", hexed(r.take(8))]
    if code == 0x3C:
        only({"fin", "fin_ack"})
        return ["fin"]
    if code == 0x3D:
        only({"error"})
        why, reason = r.number(2), r.sized()
        need(len(reason) <= 256)
        return ["close", why, hexed(reason)]
    raise Fault("unknown")


def decode(kind, ack, payload):
    r, frames = Reader(payload), []
    try:
        while r.at < len(payload):
            frames.append(":".join(map(str, take_frame(r, kind, ack))))
    except Fault:
        return "protocol"
    return "|".join(frames) or "-"


V = varint


def good():
    data = bytes(range(1, 8))
    yield "padding", "data", 0, b"\0" * 5
    yield "ack", "ack", 100, b"\x01" + V(25) + b"\0" + V(10)
    yield "ack_ranges", "data", 100000, (b"\x01" + V(0) + b"\x02" + V(0) + V(0) + V(300) + V(7) +
                                         V(0))
    yield "ack_all", "fin", 9, b"\x01" + V(1) + b"\0" + V(9)
    yield "ack_ecn", "pong", 100, b"\x02" + V((1 << 32) - 1) + b"\0" + V(0) + V(1000) + V(0) + V(7)
    yield "ack_32", "error", 1000, b"\x01" + V(5) + b"\x1f" + V(1) + (V(2) + V(3)) * 31
    yield "stream_to_the_end", "data", 0, b"\x08" + V(5) + V(1000) + data
    yield "stream_with_length", "retransmit", 0, b"\x0a" + V(6) + V(0) + V(7) + data
    yield "stream_end", "data", 0, b"\x0b" + V(0xFFFFFFFF) + V((1 << 62) - 1) + V(0)
    yield "stream_end_to_the_end", "data", 0, b"\x09" + V(1) + V(128) + data
    yield "stream_of_nothing", "data", 0, b"\x0a" + V(1) + V(0) + V(0)
    yield "reset_stream", "data", 0, b"\x0c" + V(300) + b"\x01\x02" + V(1 << 40)
    yield "stop_sending", "data", 0, b"\x0d" + V(3) + b"\xff\xfe"
    yield "message", "data", 0, b"\x10" + V(0) + V(7) + data
    yield "message_zstd", "data", 0, b"\x11" + V(1 << 20) + V(7) + data
    yield "message_part", "data", 0, (b"\x12" + V(9) + V(MESSAGE_MAX) + V(MESSAGE_MAX - 7) + V(7) +
                                      data)
    yield "message_part_zstd", "retransmit", 0, b"\x13" + V(9) + V(8) + V(0) + V(7) + data
    yield "message_gone", "data", 0, b"\x14" + V(77) + V(MESSAGE_MAX)
    yield "message_never_sent", "data", 0, b"\x14" + V(78) + V(0)
    yield "datagram", "data", 0, b"\x18" + V(7) + data
    yield "datagram_empty", "data", 0, b"\x18" + V(0)
    yield "stream_credit", "flow_control", 0, b"\x20" + V(2) + V(1 << 24)
    yield "streams_credit", "ack", 0, b"\x21" + V(1 << 31)
    yield "messages_credit", "data", 0, b"\x22" + V((1 << 62) - 1)
    yield "blocked_stream", "data", 0, b"\x23\x00" + V(4) + V(262144)
    yield "blocked_streams", "data", 0, b"\x23\x01" + V(0) + V(1024)
    yield "blocked_messages", "flow_control", 0, b"\x23\x02" + V(0) + V(1024)
    yield "blocked_connection", "data", 0, b"\x23\x03" + V(0) + V(1 << 24)
    yield "session", "data", 0, b"\x28" + V(33) + V(7) + data
    yield "new_id", "data", 0, b"\x30" + V(2) + b"\xde\xad\xbe\xef" + bytes(range(16))
    yield "retire_id", "data", 0, b"\x31" + V(1)
    yield "ping", "ping", 0, b"\x38" + bytes(range(8))
    yield "pong", "pong", 0, b"\x39" + bytes(range(8))
    yield "fin", "fin", 0, b"\x3c"
    yield "fin_ack", "fin_ack", 0, b"\x3c"
    yield "close", "error", 0, b"\x3d\x00\x10" + V(7) + b"goodbye"
    yield "close_256", "error", 0, b"\x3d\x00\x00" + V(256) + b"x" * 256
    yield "several", "data", 50, (b"\x01" + V(3) + b"\0" + V(0) + b"\x18" + V(1) + b"\x09" +
                                  b"\x20" + V(1) + V(5) + b"\x08" + V(1) + V(0) + data)
    yield "padded", "ping", 0, b"\x38" + bytes(8) + bytes(20)


def bad():
    data = bytes(range(1, 8))
    yield "unknown_code", "data", 0, b"\x03"
    yield "unknown_high_code", "data", 0, b"\x40"
    yield "padding_not_0", "data", 0, b"\0\0\0\1"
    yield "ack_without_header", "data", "-", b"\x01" + V(0) + b"\0" + V(0)
    yield "ack_33_ranges", "data", 1000, b"\x01" + V(0) + b"\x20" + V(1) + (V(2) + V(3)) * 32
    yield "ack_below_0", "data", 9, b"\x01" + V(0) + b"\0" + V(10)
    yield "ack_gap_below_0", "data", 9, b"\x01" + V(0) + b"\x01" + V(0) + V(8) + V(0)
    yield "ack_delay", "data", 9, b"\x01" + V(1 << 32) + b"\0" + V(0)
    yield "stream_0", "data", 0, b"\x0a" + V(0) + V(0) + V(0)
    yield "stream_33_bits", "data", 0, b"\x0a" + V(1 << 32) + V(0) + V(0)
    yield "stream_beyond_2_62", "data", 0, b"\x08" + V(1) + V((1 << 62) - 7) + data
    yield "stream_cut", "data", 0, b"\x0a" + V(1) + V(0) + V(8) + data
    yield "varint_not_minimal", "data", 0, b"\x31\x81\x00"
    yield "varint_of_10", "data", 0, b"\x31" + b"\xff" * 9 + b"\x01"
    yield "number_2_62", "data", 0, b"\x31" + V(1 << 62)
    yield "message_of_0", "data", 0, b"\x10" + V(0) + V(0)
    yield "message_too_large", "data", 0, b"\x12" + V(0) + V(MESSAGE_MAX + 1) + V(0) + V(7) + data
    yield "part_of_0", "data", 0, b"\x12" + V(0) + V(100) + V(0) + V(0)
    yield "part_is_all", "data", 0, b"\x12" + V(0) + V(7) + V(0) + V(7) + data
    yield "part_beyond", "data", 0, b"\x12" + V(0) + V(10) + V(4) + V(7) + data
    yield "gone_too_large", "data", 0, b"\x14" + V(0) + V(MESSAGE_MAX + 1)
    yield "streams_credit_over", "data", 0, b"\x21" + V((1 << 31) + 1)
    yield "blocked_by_4", "data", 0, b"\x23\x04" + V(0) + V(0)
    yield "blocked_stream_0", "data", 0, b"\x23\x00" + V(0) + V(0)
    yield "blocked_of_stream", "data", 0, b"\x23\x01" + V(1) + V(0)
    yield "session_empty", "data", 0, b"\x28" + V(0) + V(0)
    yield "close_257", "error", 0, b"\x3d\x00\x00" + V(257) + b"x" * 257
    yield "stream_in_ack", "ack", 0, b"\x0a" + V(1) + V(0) + V(0)
    yield "datagram_in_fin", "fin", 0, b"\x18" + V(0)
    yield "ping_in_pong", "pong", 0, b"\x38" + bytes(8)
    yield "fin_in_data", "data", 0, b"\x3c"
    yield "close_in_data", "data", 0, b"\x3d\x00\x00" + V(0)
    yield "frame_in_fragment", "fragment", 0, b"\0"
    yield "frame_in_syn", "syn", 0, b"\0"


def main():
    if sys.argv[1:] == ["--check"]:
        wrong = 0
        text = pathlib.Path(__file__).with_suffix(".txt").read_text()
        lines = [line.split() for line in text.splitlines() if line and line[0] != "#"]
        for name, kind, ack, want, payload in lines:
            got = decode(kind, None if ack == "-" else int(ack), bytes.fromhex(payload))
            if got != want:
                print(f"{name}: {got}, not {want}")
                wrong += 1
        print(f"packet_frames: {len(lines)} payloads, {wrong} wrong")
        return 1 if wrong or not lines else 0
    print("# Payloads of sealed packets, printed by packet_frames.py; bytes are in hex.")
    print("# name packet-type ack frames payload")
    for name, kind, ack, payload in [*good(), *bad()]:
        print(name, kind, ack, decode(kind, None if ack == "-" else ack, payload), payload.hex())
    return 0


if __name__ == "__main__":
    sys.exit(main())
