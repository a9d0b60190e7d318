#!/usr/bin/env python3
"""A second implementation of a session's handshake, keys, rotation and tickets.

    session.py            prints session.txt
    session.py --check    reads it and compares

Written from docs/protocol/session.md alone; nothing of the tree is imported. X25519, Ed25519 and
ChaCha20-Poly1305 are those of python3-cryptography; without it: exit status 77, which is "skipped".
"""
import hashlib
import hmac
import pathlib
import struct
import sys

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:
    print("skipped: python3-cryptography is not installed")
    sys.exit(77)

XX, XX_PSK3, NN_PSK0 = 1, 2, 3
NAMES = {XX: b"Noise_XX_25519_ChaChaPoly_SHA256",
         XX_PSK3: b"Noise_XXpsk3_25519_ChaChaPoly_SHA256",
         NN_PSK0: b"Noise_NNpsk0_25519_ChaChaPoly_SHA256"}
TOKENS = {XX: ["e", "e ee s es", "s se"],
          XX_PSK3: ["e", "e ee s es", "s se psk"],
          NN_PSK0: ["psk e", "e ee"]}


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(salt, secret, info, size):
    pseudorandom = mac(salt or bytes(32), secret)
    out, block, count = b"", b"", 1
    while len(out) < size:
        block = mac(pseudorandom, block + info + bytes([count]))
        out, count = out + block, count + 1
    return out[:size]


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


class Pair:
    """An X25519 key pair of given 32 secret bytes."""

    def __init__(self, secret):
        self.private = X25519PrivateKey.from_private_bytes(secret)
        self.public = raw(self.private.public_key())

    def agree(self, theirs):
        return self.private.exchange(X25519PublicKey.from_public_bytes(theirs))


class Noise:
    """Both sides at once: each message is written with the keys of who says it."""

    def __init__(self, pattern, prologue, psk):
        name = NAMES[pattern]
        self.h = name.ljust(32, b"\0") if len(name) <= 32 else hashlib.sha256(name).digest()
        self.ck, self.key, self.nonce = self.h, None, 0
        self.pattern, self.psk = pattern, psk
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, data):
        out = hkdf(self.ck, data, b"", 64)
        self.ck, self.key, self.nonce = out[:32], out[32:], 0

    def mix_key_and_hash(self, data):
        out = hkdf(self.ck, data, b"", 96)
        self.ck = out[:32]
        self.mix_hash(out[32:64])
        self.key, self.nonce = out[64:], 0

    def seal(self, text):
        if self.key is not None:
            nonce = bytes(4) + struct.pack("<Q", self.nonce)
            text = ChaCha20Poly1305(self.key).encrypt(nonce, text, self.h)
            self.nonce += 1
        self.mix_hash(text)
        return text

    def message(self, step, own, other, payload):
        """`own` and `other` are dicts with the pairs e and s; the initiator's message is even."""
        out = b""
        for token in TOKENS[self.pattern][step].split():
            if token == "e":
                out += own["e"].public
                self.mix_hash(own["e"].public)
                if self.psk:
                    self.mix_key(own["e"].public)
            elif token == "s":
                out += self.seal(own["s"].public)
            elif token == "psk":
                self.mix_key_and_hash(self.psk)
            else:
                initiator, responder = (own, other) if step % 2 == 0 else (other, own)
                self.mix_key(initiator[token[0]].agree(responder[token[1]].public))
        return out + self.seal(payload)


def sized(data):
    return struct.pack(">H", len(data)) + data


class Node:
    def __init__(self, number):
        self.signer = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.static = Pair(bytes([number + 16]) * 32)
        key = bytes.fromhex("08011220") + raw(self.signer.public_key())
        self.peer = bytes([0x00, len(key)]) + key
        signature = self.signer.sign(b"kith/session/static/1" + self.static.public)
        self.identity = sized(key) + sized(signature)
        self.parameters = bytes([number]) * 3


def prologue(pattern, network, ticket):
    return b"kith/session/1" + bytes([pattern]) + network + ticket


def direction_keys(secret, cipher):
    both = hkdf(b"", secret, b"kith/session/key/1" + bytes([cipher]), 44)
    offset_key = hkdf(b"", secret, b"kith/session/offset/1", 32)
    return both[:32], both[32:], offset_key


def next_secret(secret, shared, h):
    return hkdf(secret, shared, b"kith/session/rotate/1" + h, 32)


def export(exporter, label, context, size):
    info = b"kith/session/export/1" + sized(label) + context
    return hkdf(b"", exporter, info, size)


def ticket_psk(exporter, ident):
    return hkdf(b"", exporter, b"kith/session/ticket/1" + ident, 32)


def make_ticket(key_id, key, nonce, serial, when, own, holder, secret):
    def peer(data):
        return bytes([len(data)]) + data.ljust(44, b"\0")

    text = struct.pack(">IQ", serial, when) + peer(own) + peer(holder) + secret
    return key_id + nonce + ChaCha20Poly1305(key).encrypt(nonce, text, key_id)


def handshake(pattern, ticket, psk):
    """Rows of one handshake: its messages and what they leave."""
    a, b = Node(1), Node(2)
    network = hashlib.sha256(b"golden").digest()
    noise = Noise(pattern, prologue(pattern, network, ticket), psk)
    mine = {"e": Pair(bytes([0x31]) * 32), "s": a.static}
    theirs = {"e": Pair(bytes([0x32]) * 32), "s": b.static}
    ciphers, chosen = bytes([2, 1, 2]), 1
    hello_payload = ciphers + (sized(a.parameters) if ticket else b"")
    hello = bytes([1, pattern]) + ticket + noise.message(0, mine, theirs, hello_payload)
    answer = bytes([chosen]) + (b"" if ticket else b.identity) + sized(b.parameters)
    response = noise.message(1, theirs, mine, answer)
    proof = b""
    if not ticket:
        proof = noise.message(2, mine, theirs, a.identity + sized(a.parameters))
    split = hkdf(noise.ck, b"", b"", 64)
    exporter = hkdf(noise.ck, b"", b"kith/session/exporter/1", 32)
    confirm = hkdf(noise.ck, b"", b"kith/session/confirm/1", 64)
    if ticket:
        proof = mac(confirm[:32], noise.h)
    final = mac(confirm[32:], noise.h)
    return {"hello": hello, "response": response, "auth_proof": proof, "final": final,
            "id": noise.h, "from_initiator": split[:32], "from_responder": split[32:],
            "exporter": exporter, "exported": export(exporter, b"stream", b"\x07", 40)}


def rows():
    yield "# Handshakes, keys and tickets of sessions, printed by session.py; all in hex."
    a, b = Node(1), Node(2)
    network = hashlib.sha256(b"golden").digest()
    yield "# node seed static-secret peer-id identity parameters"
    for number, node in ((1, a), (2, b)):
        yield " ".join(["node", (bytes([number]) * 32).hex(), (bytes([number + 16]) * 32).hex(),
                        node.peer.hex(), node.identity.hex(), node.parameters.hex()])
    yield f"network {network.hex()}"
    seed = bytes(range(32))
    psk = hkdf(b"", seed, b"kith/session/seed/1", 32)
    yield "# seed psk"
    yield f"seed {seed.hex()} {psk.hex()}"
    full = handshake(XX, b"", b"")
    ident = bytes(range(0x40, 0x50))
    secret = ticket_psk(full["exporter"], ident)
    issuer = (bytes(range(8)), bytes(range(0x50, 0x70)), bytes(range(0x70, 0x7C)))
    ticket = make_ticket(*issuer, 0, 5_000_000_000, b.peer, a.peer, secret)
    yield "# ticket id key-id key nonce psk ticket: of node 2 for node 1, its first, at 5 s"
    yield " ".join(["ticket", ident.hex()] + [part.hex() for part in issuer] +
                   [secret.hex(), ticket.hex()])
    yield "# handshake pattern hello response auth_proof final id from_initiator from_responder " \
          "exporter exported(stream, 07, 40 bytes)"
    made = {XX: full, XX_PSK3: handshake(XX_PSK3, b"", psk),
            NN_PSK0: handshake(NN_PSK0, ticket, secret)}
    for pattern, one in made.items():
        yield " ".join(["handshake", f"{pattern:02x}"] + [value.hex() for value in one.values()])
    yield "# keys secret cipher key iv offset_key id number-offset"
    for cipher in (1, 2):
        for ident32 in (0, 0x01020304, 0xFFFFFFFF):
            key, iv, offset_key = direction_keys(full["from_initiator"], cipher)
            wire = struct.pack(">I", ident32)
            yield " ".join(["keys", full["from_initiator"].hex(), f"{cipher:02x}", key.hex(),
                            iv.hex(), offset_key.hex(), wire.hex(),
                            mac(offset_key, wire)[:4].hex()])
    yield "# rotate epoch offer accept from_initiator from_responder: after the handshake by XX"
    secrets = full["from_initiator"], full["from_responder"]
    for epoch in (1, 2):
        mine, theirs = Pair(bytes([0x60 + epoch]) * 32), Pair(bytes([0x70 + epoch]) * 32)
        shared = mine.agree(theirs.public)
        secrets = tuple(next_secret(one, shared, full["id"]) for one in secrets)
        number = struct.pack(">Q", epoch)
        yield " ".join(["rotate", number.hex(), (b"\x01" + number + mine.public).hex(),
                        (b"\x02" + number + theirs.public).hex()] + [one.hex() for one in secrets])


def main():
    text = "\n".join(rows()) + "\n"
    if sys.argv[1:] != ["--check"]:
        sys.stdout.write(text)
        return
    path = pathlib.Path(__file__).with_suffix(".txt")
    if path.read_text() != text:
        sys.exit(f"{path} is not what this implementation says")
    print(f"{path.name}: as this implementation says")


if __name__ == "__main__":
    main()
