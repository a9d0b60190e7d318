"""kith receive and kith send: files between two processes, over packets and over TCP.

KITH_LOSSY_MIB: how long the file is that crosses a path which loses 5 % of all packets (32).
"""
import hashlib
import json
import os
import pathlib
import select
import signal
import subprocess

from e2e import Case, KITH, LIMIT_S, environment, kith, main, wait_for
from lossy_relay import LossyRelay

PACKETS = "/ip4/127.0.0.1/udp/0/kith"
TCP = "/ip4/127.0.0.1/tcp/0"
TLS = "/ip4/127.0.0.1/tcp/0/tls/ws"
MIB = 1 << 20
LOSSY_MIB = int(os.environ.get("KITH_LOSSY_MIB", "32"))
LOSSY_LIMIT_S = LIMIT_S + LOSSY_MIB


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Receiver:
    """`kith receive --json`, listening."""

    def __init__(self, folder, *arguments, listen=TCP, home="receiver-home"):
        self.dir = folder / "in"
        self.dir.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [KITH, "receive", "--json", "--home", str(folder / home), "--dir", str(self.dir),
             "--listen", listen, *map(str, arguments)], stdout=subprocess.PIPE, bufsize=0,
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment())
        try:
            self.listening = self.line()
        except BaseException:
            self.kill()
            raise
        self.peer_id = self.listening["peer_id"]
        self.address = self.listening["addresses"][0]

    def line(self, limit_s=LIMIT_S):
        if not select.select([self.process.stdout], [], [], limit_s)[0]:
            raise AssertionError("the receiver says nothing")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the receiver has ended")
        return json.loads(line)

    def names(self):
        return sorted(path.name for path in self.dir.iterdir())

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT_S)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_S)
        self.process.stdout.close()


class FileTest(Case):
    def receiver(self, *arguments, **options):
        made = Receiver(self.folder, *arguments, **options)
        self.addCleanup(made.kill)
        return made

    def make(self, name, size):
        path = self.folder / name
        with open(path, "wb") as file:
            for at in range(0, size, 16 * MIB):
                file.write(os.urandom(min(16 * MIB, size - at)))
        return path

    def send(self, path, target, *arguments, limit_s=LIMIT_S):
        return kith("--home", self.home("sender-home"), "--json", "send", path, target, *arguments,
                    limit_s=limit_s)

    def error_of(self, result, code=1):
        self.assertEqual(result.code, code, result.err)
        return result.json()["error"]["code"]

    def check_crossing(self, listen, transports):
        receiver = self.receiver("--once", listen=listen)
        path = self.make("data.bin", 64 * MIB)
        sent = self.send(path, receiver.address)
        self.assertEqual(sent.code, 0, sent.out + sent.err)
        said, got = sent.json(), receiver.line()
        self.assertTrue(said["sent"] and got["received"])
        self.assertEqual(got["path"], str(receiver.dir / "data.bin"))
        self.assertEqual(sha256(got["path"]), sha256(path))
        for line in (said, got):
            self.assertEqual(line["name"], "data.bin")
            self.assertEqual(line["size"], 64 * MIB)
            self.assertEqual(line["sha256"], sha256(path))
            self.assertIn(line["transport"], transports)
            self.assertEqual(line["resumed_from"], 0)
            self.assertGreater(line["mib_s"], 0)
        self.assertEqual(said["peer_id"], receiver.peer_id)
        self.assertEqual(receiver.process.wait(LIMIT_S), 0)
        self.assertEqual(receiver.names(), ["data.bin"])

    def test_a_file_crosses_in_packets(self):
        self.check_crossing(PACKETS, {"udp/kith"})

    def test_a_file_crosses_over_tcp(self):
        self.check_crossing(TCP, {"tcp", "tcp/kith"})

    def test_a_file_crosses_a_path_that_loses_a_twentieth(self):
        receiver = self.receiver("--once", listen=PACKETS)
        port = receiver.address.split("/")[4]
        relay = LossyRelay(port, 5)
        self.addCleanup(relay.kill)
        path = self.make("data.bin", LOSSY_MIB * MIB)
        sent = self.send(path, receiver.address.replace(f"/udp/{port}/", f"/udp/{relay.port}/"),
                         limit_s=LOSSY_LIMIT_S)
        self.assertEqual(sent.code, 0, sent.out + sent.err)
        got = receiver.line(LOSSY_LIMIT_S)
        self.assertEqual(sha256(got["path"]), sha256(path))
        self.assertEqual(got["transport"], "udp/kith")
        did = relay.end()
        share = did["lost"] / (did["lost"] + did["passed"])
        self.assertAlmostEqual(share, 0.05, delta=0.01)
        print(f"{LOSSY_MIB} MiB in {sent.json()['seconds']} s, {did}", flush=True)

    def test_the_keys_of_a_home_hold(self):
        certificate, key = self.certificate("own")
        path = self.make("a.txt", 100)
        receiver = self.receiver(self.set("websocket.tls_certificate", certificate),
                                 self.set("websocket.tls_key", key), listen=TLS)
        believes = self.set("websocket.tls_authorities", certificate)
        session = receiver.address.replace("/p2p/", "/kith/p2p/")
        for address, transport in ((receiver.address, "wss"), (session, "wss/kith")):
            sent = self.send(path, address, believes, "--name", transport.replace("/", "-"))
            self.assertEqual((sent.code, sent.json()["transport"]), (0, transport), sent.err)
            self.assertEqual(receiver.line()["transport"], transport)
        self.assertNotEqual(self.send(path, receiver.address).code, 0)  # nobody vouches for it
        self.assertNotEqual(self.send(path, session, believes,
                                      self.set("packet.enabled", "false")).code, 0)
        # Two that have no cipher in common have no session.
        receiver = self.receiver(self.set("session.ciphers", "aes-256-gcm"), listen=PACKETS)
        other = self.set("session.ciphers", "chacha20-poly1305")
        self.assertNotEqual(self.send(path, receiver.address, other).code, 0)
        self.assertEqual(self.send(path, receiver.address).code, 0)

    def check_resuming(self, listen):
        receiver = self.receiver(listen=listen)
        path = self.make("data.bin", 256 * MIB)
        sender = subprocess.Popen([KITH, "--home", str(self.home("sender-home")), "send", str(path),
                                   receiver.address], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                  env=environment())
        self.addCleanup(sender.wait, LIMIT_S)
        self.addCleanup(sender.kill)
        parts = lambda: list(receiver.dir.glob(".data.bin.*.kith-part"))
        wait_for(lambda: any(part.stat().st_size > MIB for part in parts()), "a part of the file")
        sender.kill()
        self.assertEqual(sender.wait(LIMIT_S), -signal.SIGKILL)
        there = parts()[0].stat().st_size
        # Over packets the receiver hears of nothing, and holds the part until it gives the peer up.
        self.assertEqual(receiver.end(), 0)
        failed = receiver.line()
        self.assertFalse(failed["received"])
        again = self.receiver(listen=listen)
        sent = self.send(path, again.address)
        self.assertEqual(sent.code, 0, sent.out + sent.err)
        self.assertGreaterEqual(sent.json()["resumed_from"], there)
        got = again.line()
        self.assertEqual(got["resumed_from"], sent.json()["resumed_from"])
        self.assertEqual(sha256(got["path"]), sha256(path))
        self.assertEqual(again.names(), ["data.bin"])
        self.assertEqual(again.end(), 0)

    def test_a_killed_sender_goes_on_in_packets(self):
        self.check_resuming(PACKETS)

    def test_a_killed_sender_goes_on_over_tcp(self):
        self.check_resuming(TCP)

    def test_nothing_is_replaced(self):
        receiver = self.receiver()
        path = self.make("a.txt", 1000)
        self.assertEqual(self.send(path, receiver.address).code, 0)
        path.write_bytes(b"another")
        self.assertEqual(self.send(path, receiver.address).code, 0)
        self.assertEqual([pathlib.Path(receiver.line()["path"]).name for _ in range(2)],
                         ["a.txt", "a.txt.1"])
        self.assertEqual((receiver.dir / "a.txt.1").read_bytes(), b"another")
        hidden = self.send(path, receiver.address, "--name", ".bashrc")
        self.assertEqual(hidden.code, 0)
        self.assertEqual(receiver.line()["name"], "_bashrc")

    def test_what_cannot_be_sent_is_said_at_once(self):
        receiver = self.receiver()
        path = self.make("a.txt", 10)
        for name in ("a/b", "/etc/passwd", "..", "x" * 256):
            self.assertEqual(self.error_of(self.send(path, receiver.address, "--name", name), 2),
                             "usage")
        self.assertEqual(self.error_of(self.send(self.folder, receiver.address, "--name", "a"), 2),
                         "usage")
        self.assertEqual(self.error_of(self.send(self.folder / "none", receiver.address)),
                         "not_found")
        self.assertEqual(self.error_of(self.send(path, "nowhere"), 2), "usage")
        self.assertEqual(receiver.names(), [])

    def test_the_receiver_says_what_it_takes(self):
        limited = self.receiver("--max-size", "1KiB")
        self.assertEqual(self.error_of(self.send(self.make("big", 1025), limited.address)),
                         "too_large")
        self.assertEqual(limited.line()["error"]["code"], "too_large")
        self.assertEqual(self.send(self.make("fits", 1024), limited.address).code, 0)
        self.assertEqual(limited.end(), 0)
        sender = kith("--home", self.home("sender-home"), "--json", "init").json()["peer_id"]
        choosy = self.receiver("--from", sender, home="choosy-home")
        sent = self.send(self.folder / "fits", choosy.address)
        self.assertEqual(sent.code, 0, sent.out + sent.err)
        self.assertEqual(choosy.line()["peer_id"], sender)
        stranger = kith("--home", self.home("other"), "--json", "send", self.folder / "fits",
                        choosy.address)
        self.assertEqual(self.error_of(stranger), "refused")
        bad = kith("--home", self.home("x"), "--json", "receive", "--from", "nobody")
        self.assertEqual(self.error_of(bad, 2), "usage")
        bad = kith("--home", self.home("x"), "--json", "receive", "--dir", self.folder / "none")
        self.assertEqual(self.error_of(bad), "not_found")

    def test_a_home_in_use_is_said(self):
        home = self.home("sender-home")
        own = kith("--home", home, "--json", "init").json()["peer_id"]
        receiver = self.receiver()
        path = self.make("a.txt", 10)
        sent = self.send(path, receiver.address)
        self.assertEqual((sent.code, sent.err), (0, ""))
        self.assertEqual(receiver.line()["peer_id"], own)
        holder = self.receiver(home="sender-home")
        self.assertEqual(holder.peer_id, own)
        sent = self.send(path, receiver.address)
        self.assertEqual(sent.code, 0, sent.out + sent.err)
        self.assertEqual(len(sent.err.splitlines()), 1, sent.err)
        self.assertIn("fresh identity", sent.err)
        self.assertNotEqual(receiver.line()["peer_id"], own)

    def test_a_private_network_has_one_key(self):
        def key(name, digit):
            path = self.folder / name
            path.write_text("/key/swarm/psk/1.0.0/\n/base16/\n" + digit * 64 + "\n")
            return path
        receiver = self.receiver("--psk", key("one", "1"))
        path = self.make("a.txt", 10)
        self.assertEqual(self.send(path, receiver.address, "--psk", self.folder / "one").code, 0)
        self.assertNotEqual(self.send(path, receiver.address, "--psk", key("two", "2")).code, 0)
        (self.folder / "none").write_text("")  # is no key, and not no private network
        self.assertEqual(self.error_of(self.send(path, receiver.address, "--psk",
                                                 self.folder / "none")), "malformed")

    def test_addresses_of_packets_come_first(self):
        receiver = self.receiver("--listen", PACKETS)
        self.assertEqual([("/udp/" in address) for address in receiver.listening["addresses"]],
                         [True, False])

    def test_another_peer_than_the_one_meant_gets_nothing(self):
        receiver = self.receiver()
        other = kith("--home", self.home("other"), "--json", "init").json()["peer_id"]
        wrong = receiver.address.replace(receiver.peer_id, other)
        self.assertEqual(self.error_of(self.send(self.make("a", 10), wrong)), "wrong_peer")
        self.assertEqual(receiver.names(), [])


if __name__ == "__main__":
    main()
