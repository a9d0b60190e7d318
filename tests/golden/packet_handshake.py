#!/usr/bin/env python3
"""A second implementation of handshake packets, parameters, offsets and sealed packets.

    packet_handshake.py            prints packet_handshake.txt
    packet_handshake.py --check    reads it, takes each packet apart and compares

Written from docs/protocol/packet.md alone; nothing of the tree is imported. AES-256-GCM and
ChaCha20-Poly1305 are those of python3-cryptography; without it: exit status 77, "skipped".
"""
import hashlib
import hmac
import pathlib
import struct
import sys

try:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
except ImportError:
    print("skipped: python3-cryptography is not installed")
    sys.exit(77)

LAYOUT = struct.Struct(">HBBBBHIIIIHHHH")
SYN, SYN_ACK, ERROR = 3, 4, 12
SEALED, RELIABLE, ACK_NOW, FRAGMENTED, ACK, LAST = 2, 4, 8, 16, 32, 64
SYN_BYTES, PIECES_MAX, COOKIE = 1200, 4, 255


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def header(kind, flags, epoch, window, ident, number, ack, length, frag, index, total, covered):
    def head(checksum):
        return LAYOUT.pack(0xBEEF, 1, kind, flags, epoch, window, ident, number, ack, checksum,
                           length, frag, index, total)
    return head(crc32c(head(0) + covered))


def unsealed(kind, flags, ident, payload, frag=0, index=0, total=0):
    return header(kind, flags, 0, 0, ident, 0, 0, len(payload), frag, index, total,
                  payload) + payload


def handshake(kind, to, own, message, cookie, text):
    """All packets of one message."""
    front = LAYOUT.size + 8 + len(cookie)
    pieces = max(1, -(-len(text) // (SYN_BYTES - front)))
    assert pieces <= PIECES_MAX
    each = -(-len(text) // pieces)
    for i in range(pieces):
        piece = text[i * each:(i + 1) * each]
        payload = bytes([message]) + struct.pack(">I", own) + bytes([len(cookie)]) + cookie
        payload += struct.pack(">H", len(piece)) + piece
        if kind == SYN:
            payload += bytes(SYN_BYTES - LAYOUT.size - len(payload))
        if pieces == 1:
            yield unsealed(kind, 0, to, payload)
        else:
            flags = FRAGMENTED | (LAST if i + 1 == pieces else 0)
            yield unsealed(kind, flags, to, payload, message, i, pieces)


def read_handshake(packets):
    """(type, to, own, message, cookie, text) of the packets of one message."""
    text, said = b"", None
    for i, packet in enumerate(packets):
        fields = LAYOUT.unpack(packet[:LAYOUT.size])
        kind, flags, to, payload = fields[2], fields[3], fields[6], packet[LAYOUT.size:]
        zeroed = packet[:20] + bytes(4) + packet[24:]
        assert fields[9] == crc32c(zeroed) and fields[10] == len(payload)
        if len(packets) > 1:
            assert flags & FRAGMENTED and fields[11:] == (payload[0], i, len(packets))
            assert bool(flags & LAST) == (i + 1 == len(packets))
        else:
            assert flags == 0 and fields[11:] == (0, 0, 0)
        if kind == SYN:
            assert len(packet) == SYN_BYTES
        own, n = struct.unpack(">I", payload[1:5])[0], payload[5]
        cookie, rest = payload[6:6 + n], payload[6 + n:]
        size = struct.unpack(">H", rest[:2])[0]
        assert not any(rest[2 + size:])
        text += rest[2:2 + size]
        again = kind, to, own, payload[0], cookie
        assert said in (None, again)
        said = again
    return said + (text,)


def varint(value):
    out = b""
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def parameters(values):
    return b"".join(varint(key) + varint(value) for key, value in enumerate(values, 1))


def offset(key, ident):
    return struct.unpack(">I", hmac.new(key, struct.pack(">I", ident),
                                        hashlib.sha256).digest()[:4])[0]


def aead(cipher, key):
    return (AESGCM if cipher == 1 else ChaCha20Poly1305)(key)


def nonce(iv, number):
    return bytes(a ^ b for a, b in zip(iv, number.to_bytes(12, "big")))


def seal(cipher, key, iv, offset_key, ident, number, kind, flags, epoch, window, ack, plain):
    hidden = offset(offset_key, ident)
    wire = (number + hidden) & 0xFFFFFFFF
    wire_ack = (ack + hidden) & 0xFFFFFFFF if flags & ACK else 0
    head = header(kind, flags, epoch & 255, window, ident, wire, wire_ack, len(plain) + 16,
                  0, 0, 0, b"")
    return head + aead(cipher, key).encrypt(nonce(iv, number), plain, head)


def open_sealed(cipher, key, iv, offset_key, expected, packet):
    """(id, number, type, flags, epoch, window, ack, plain)."""
    head = packet[:LAYOUT.size]
    (_, _, kind, flags, epoch, window, ident, wire, wire_ack, checksum, length, *rest) = \
        LAYOUT.unpack(head)
    assert checksum == crc32c(head[:20] + bytes(4) + head[24:])
    assert length == len(packet) - LAYOUT.size and not any(rest)
    hidden = offset(offset_key, ident)
    low = (wire - hidden) & 0xFFFFFFFF
    ahead = (low - expected) & 0xFFFFFFFF
    number = expected + (ahead - (1 << 32) if ahead >> 31 else ahead)
    ack = (wire_ack - hidden) & 0xFFFFFFFF if flags & ACK else 0
    plain = aead(cipher, key).decrypt(nonce(iv, number), packet[LAYOUT.size:], head)
    return ident, number, kind, flags, epoch, window, ack, plain


def some(size, start=1):
    return bytes((start + i * 7) & 255 for i in range(size))


def vectors():
    cookie = some(20, 100)
    for name, args in (
            ("hello", (SYN, 0, 0x00102001, 0, b"", some(74))),
            ("hello_with_cookie", (SYN, 0, 0x00102001, 0, cookie, some(74))),
            ("cookie", (SYN_ACK, 0x00102001, 0, COOKIE, cookie, b"")),
            ("response", (SYN_ACK, 0x00102001, 0x00204003, 1, b"", some(230))),
            ("proof_in_pieces", (SYN, 0x00204003, 0x00102001, 2, b"", some(2400))),
            ("final", (SYN_ACK, 0x00102001, 0x00204003, 3, b"", some(32)))):
        yield ["handshake", name, *args[:4], args[4].hex() or "-", args[5].hex() or "-",
               ",".join(packet.hex() for packet in handshake(*args))]
    for name, values in (("least", (0, 0, 0, 0, 1200, 1, 0, 0)),
                         ("usual", (1 << 20, 1 << 18, 1024, 1024, 65507, 60000, 25000, 0)),
                         ("most", (1 << 40, 1 << 40, 1 << 20, 1 << 20, 65535, 86400000, 1000000,
                                   1))):
        yield ["parameters", name, *values, parameters(values).hex()]
    for ident in (1, 0x00204003, 0xFFFFFFFF):
        yield ["offset", some(32, 9).hex(), ident, offset(some(32, 9), ident)]
    plain = bytes([0x0A, 1, 0, 5]) + b"hello" + bytes([0x28, 0, 3]) + b"ask"
    for name, cipher, number, kind, flags, epoch, ack, text in (
            ("data", 1, 0, 1, SEALED | RELIABLE, 0, 0, plain),
            ("data_later", 1, (5 << 32) + 7, 1, SEALED | RELIABLE | ACK_NOW | ACK, 258, 41,
             bytes([1, 0, 0, 3]) + plain),
            ("data_chacha", 2, 77, 1, SEALED | RELIABLE, 1, 0, plain),
            ("ping", 1, 3, 7, SEALED | RELIABLE | ACK_NOW, 0, 0, bytes([0x38]) + some(8)),
            ("fin_ack", 1, 9, 6, SEALED | ACK, 0, 12, bytes([1, 0, 0, 2, 0x3C])),
            ("close", 2, 11, 12, SEALED, 0, 0, bytes([0x3D, 0, 7, 4]) + b"over")):
        args = (cipher, some(32, 3), some(12, 5), some(32, 9), 0x00204003, number, kind, flags,
                epoch, 256, ack, text)
        yield ["sealed", name, cipher, args[1].hex(), args[2].hex(), args[3].hex(), *args[4:11],
               text.hex(), seal(*args).hex()]
    token = reset_token(some(32, 50), 0x00204003)
    yield ["reset", some(32, 50).hex(), 0x00204003, token.hex(),
           unsealed(ERROR, 0, 0x00204003, b"\x02" + token).hex()]


def reset_token(key, ident):
    """Of an id, for a peer at 10.0.0.1, port 4771."""
    said = b"kith/packet/reset/2" + struct.pack(">IH", ident, 4771) + bytes([10, 0, 0, 1])
    return hmac.new(key, said, hashlib.sha256).digest()[:16]


def unhex(word):
    return b"" if word == "-" else bytes.fromhex(word)


def is_right(kind, words):
    if kind == "handshake":
        said = read_handshake([bytes.fromhex(each) for each in words[7].split(",")])
        want = tuple(map(int, words[1:5])) + (unhex(words[5]), unhex(words[6]))
        return said == want and words[7] == ",".join(p.hex() for p in handshake(*want))
    if kind == "parameters":
        return parameters(map(int, words[1:9])).hex() == words[9]
    if kind == "offset":
        return offset(unhex(words[0]), int(words[1])) == int(words[2])
    if kind == "sealed":
        cipher, key, iv, offset_key = int(words[1]), *map(unhex, words[2:5])
        ident, number, type_, flags, epoch, window, ack = map(int, words[5:12])
        # Whoever expects a number some thousands away finds the right one.
        return all(open_sealed(cipher, key, iv, offset_key, max(0, number + away),
                               unhex(words[13])) ==
                   (ident, number, type_, flags, epoch & 255, window, ack, unhex(words[12]))
                   for away in (-5000, 0, 5000))
    if kind == "reset":
        token = reset_token(unhex(words[0]), int(words[1]))
        return token.hex() == words[2] and \
            unsealed(ERROR, 0, int(words[1]), b"\x02" + token).hex() == words[3]
    return False


def main():
    if sys.argv[1:] == ["--check"]:
        text = pathlib.Path(__file__).with_suffix(".txt").read_text()
        lines = [line.split() for line in text.splitlines() if line and line[0] != "#"]
        wrong = [line[:2] for line in lines if not is_right(line[0], line[1:])]
        print(f"packet_handshake: {len(lines)} lines, {len(wrong)} wrong {wrong or ''}".rstrip())
        return 1 if wrong or not lines else 0
    print("# Handshake packets, parameters and sealed packets, printed by packet_handshake.py.")
    print("# handshake name type to own message cookie bytes packets")
    print("# parameters name value... bytes · offset key id offset · reset key id token packet, to "
          "10.0.0.1 port 4771")
    print("# sealed name cipher key iv offset-key id number type flags epoch window ack plain "
          "packet")
    for line in vectors():
        print(*line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
