"""The carriers of a node's connections: TCP, packets over UDP, WebSockets with and without TLS, and
sessions over each of them; and the keys of the configuration that only a shell shows."""
import os
import pathlib
import socket
import time

from e2e import LOOPBACK, Case, kith, main, wait_for

PACKETS = "--set=packet.listen=/ip4/127.0.0.1/udp/0/kith"
WEB = "/ip4/127.0.0.1/tcp/0/ws"
TLS = "/ip4/127.0.0.1/tcp/0/tls/ws"
SERVES = "--set=perf.serve=true"
# What stands behind the port, and what a person calls it.
TRANSPORTS = {"tcp": "tcp", "tcp/kith": "tcp-session", "udp/kith": "udp-session", "tcp/ws": "ws",
              "tcp/ws/kith": "ws-session", "tcp/tls/ws": "wss", "tcp/tls/ws/kith": "wss-session"}
QUICK = "--set=connect_timeout=2s"


def is_on_battery():
    mains = [supply for supply in pathlib.Path("/sys/class/power_supply").glob("*")
             if (supply / "type").exists() and (supply / "type").read_text().strip() == "Mains"]
    return any((supply / "online").read_text().strip() == "0" for supply in mains)


class TransportTest(Case):
    def address(self, node, transport):
        """Where the node is reached by that transport: what stands behind the port."""
        session = "/kith" if transport.endswith("/kith") and "udp" not in transport else ""
        plain = transport.removesuffix("/kith") if session else transport
        for address in node.ready["addresses"]:
            place, peer = address.split("/p2p/")
            _, _, _, protocol, _, *rest = place.split("/")
            if "/".join([protocol, *rest]) == plain:
                return f"{place}{session}/p2p/{peer}"
        raise AssertionError(f"{node.ready['addresses']}: nothing of {transport}")

    def ping(self, address, *arguments, home="dialler"):
        return kith("--home", self.home(home), "--json", "ping", address, "--count", 2,
                    "--interval", "10ms", *arguments)

    def session(self, node, peer):
        """All that the node knows of the peer, and the session of its first connection."""
        info = node.call("peers", "info", peer.peer_id)
        return info, info["connections"][0]["session"]

    def start_all(self):
        """A node of every transport, and what makes others believe its certificate."""
        certificate, key = self.certificate("node")
        node = self.start("node", PACKETS, SERVES, "--listen", WEB, "--listen", TLS,
                          self.set("websocket.tls_certificate", certificate),
                          self.set("websocket.tls_key", key))
        return node, self.set("websocket.tls_authorities", certificate)

    def test_every_transport_carries_ping_and_perf(self):
        node, believes = self.start_all()
        for transport in TRANSPORTS:
            with self.subTest(transport):
                address = self.address(node, transport)
                ping = self.ping(address, believes)
                self.assertEqual(ping.code, 0, ping.out + ping.err)
                self.assertEqual(ping.json()["received"], 2)
                perf = kith("--home", self.home("dialler"), "--json", "perf", address, believes,
                            "--upload-bytes", "3MiB", "--download-bytes", "5MiB")
                self.assertEqual(perf.code, 0, perf.out + perf.err)
                self.assertEqual(perf.json()["upload_bytes"], 3 << 20)
                self.assertEqual(perf.json()["download_bytes"], 5 << 20)

    def test_who_has_several_addresses_answers_from_the_one_that_was_dialled(self):
        node = self.start("node", "--set=packet.listen=/ip4/0.0.0.0/udp/0/kith")
        port, peer = self.address(node, "udp/kith").split("/udp/")[1].split("/kith/p2p/")
        for place in ("127.0.0.1", "127.0.0.2", "127.10.20.30"):
            ping = self.ping(f"/ip4/{place}/udp/{port}/kith/p2p/{peer}")
            self.assertEqual(ping.code, 0, ping.out + ping.err)
            self.assertEqual(ping.json()["received"], 2)
            # A NAT lets in what comes from where it was sent to, as a connected socket does.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected:
                connected.settimeout(10)
                connected.connect((place, int(port)))
                of_no_version = bytes([0xBE, 0xEF, 99, 3])  # SYN
                connected.send(of_no_version + bytes(1200 - len(of_no_version)))
                self.assertEqual(connected.recv(100)[:2], of_no_version[:2])

    def test_both_sides_know_what_carries_them(self):
        node, believes = self.start_all()
        for transport, name in TRANSPORTS.items():
            with self.subTest(transport):
                other = self.start(name, believes)
                other.call("peers", "connect", self.address(node, transport))
                wait_for(lambda: other.peer_id in
                         [peer["peer_id"] for peer in node.call("peers", "list")["peers"]], name)
                for here, there in ((other, node), (node, other)):
                    info, session = self.session(here, there)
                    self.assertEqual(session is not None, name.endswith("-session"))
                    self.assertEqual(info["transport"], name)
                    self.assertEqual(info["connections"][0]["transport"], name)
                other.end()

    def test_what_is_said_of_a_session(self):
        node = self.start("a", PACKETS, SERVES)
        other = self.start("b", self.set("session.rotate_bytes", "1MB"))
        other.call("peers", "connect", self.address(node, "udp/kith"))
        info, before = self.session(other, node)
        self.assertEqual(info["connections"][0]["transport"], "udp-session")
        self.assertEqual(info["connections"][0]["address"],
                         self.address(node, "udp/kith").split("/p2p/")[0])
        self.assertIn(before["cipher"], ("aes-256-gcm", "chacha20-poly1305"))
        self.assertEqual(before["state"], "ESTABLISHED")
        other.call("perf", node.peer_id, "--upload-bytes", "16MiB", "--download-bytes", "1MiB")
        after = wait_for(lambda: (s := self.session(other, node)[1])["rotations"] >= 1 and s,
                         "fresh keys")
        self.assertGreaterEqual(after["mtu_bytes"], 1400)
        self.assertGreater(after["rtt_ms"], 0)
        self.assertGreaterEqual(after["rtt_ms"], after["rtt_least_ms"] / 2)
        self.assertGreater(after["cwnd_bytes"], 0)
        self.assertGreater(after["bytes_sent"], 16 << 20)
        self.assertGreater(after["bytes_received"], 1 << 20)
        self.assertGreater(after["packets_sent"], before["packets_sent"])
        self.assertGreater(after["packets_received"], before["packets_received"])
        self.assertEqual(after["path_changes"], 0)
        wait_for(lambda: self.session(node, other)[1]["rotations"] ==
                 self.session(other, node)[1]["rotations"], "as many at both sides")
        # Its default is far more than was moved.
        plain = self.start("c")
        plain.call("peers", "connect", self.address(node, "udp/kith"))
        plain.call("perf", node.peer_id, "--upload-bytes", "16MiB", "--download-bytes", "1MiB")
        self.assertEqual(self.session(plain, node)[1]["rotations"], 0)

    def test_of_two_addresses_packets_win(self):
        both = self.start("a", PACKETS)
        self.assertEqual({address.split("/")[3] for address in both.ready["addresses"]},
                         {"tcp", "udp"})
        # Of the first contact it knows one address; then both.
        other = self.start("b", PACKETS, "--bootstrap", both.address)
        wait_for(lambda: other.call("status")["peers"] == 1, "a connection")
        wait_for(lambda: other.call("peers", "list")["peers"][0]["agent"], "identify")
        other.call("peers", "disconnect", both.peer_id)
        wait_for(lambda: both.call("status")["peers"] == 0, "the end of it")
        other.call("peers", "connect", both.peer_id)
        self.assertEqual(self.session(other, both)[0]["transport"], "udp-session")
        wait_for(lambda: both.call("status")["peers"] == 1, "it at the other side")
        self.assertEqual(self.session(both, other)[0]["transport"], "udp-session")

    def test_a_private_network(self):
        keys = []
        for name in ("ours", "theirs"):
            keys.append(self.folder / f"{name}.key")
            keys[-1].write_text(f"/key/swarm/psk/1.0.0/\n/base16/\n{os.urandom(32).hex()}\n")
        node = self.start("node", PACKETS, self.set("network.key_file", keys[0]))
        for transport in ("udp/kith", "tcp/kith"):
            with self.subTest(transport):
                address = self.address(node, transport)
                member = self.ping(address, "--psk", keys[0])
                self.assertEqual(member.code, 0, member.out + member.err)
                self.assertEqual(self.ping(address, QUICK, "--psk", keys[1]).code, 1)
                self.assertEqual(self.ping(address, QUICK).code, 1)
        self.assertEqual(node.call("status")["peers"], 0)

    def test_packet_enabled(self):
        node = self.start("node", PACKETS)
        off = self.set("packet.enabled", "false")
        for transport in ("udp/kith", "tcp/kith"):
            with self.subTest(transport):
                refused = self.ping(self.address(node, transport), QUICK, off)
                self.assertNotEqual(refused.code, 0, refused.out)
        self.assertEqual(self.ping(self.address(node, "tcp"), off).code, 0)
        # Nor is anybody let in.
        without = self.start("without", PACKETS, off)
        self.assertNotIn("/udp/", " ".join(without.ready["addresses"]))
        self.assertEqual(self.ping(without.address).code, 0)
        self.assertNotEqual(self.ping(self.address(without, "tcp/kith"), QUICK).code, 0)

    def test_websocket_tls_files(self):
        certificate, key = self.certificate("one")
        other_certificate, other_key = self.certificate("two")
        node = self.start("node", self.set("websocket.tls_certificate", certificate),
                          self.set("websocket.tls_key", key), listen=TLS)
        self.assertEqual(self.ping(node.address, self.set("websocket.tls_authorities",
                                                          certificate)).code, 0)
        for authorities in ([], [self.set("websocket.tls_authorities", other_certificate)]):
            refused = self.ping(node.address, QUICK, *authorities)
            self.assertEqual(refused.code, 1, authorities)
        for sets, named in (
                ([("websocket.tls_certificate", certificate)], "key"),
                ([("websocket.tls_certificate", certificate), ("websocket.tls_key", other_key)],
                 "two.key"),
                ([("websocket.tls_certificate", "nowhere.pem"), ("websocket.tls_key", key)],
                 "nowhere.pem"),
                ([], "websocket.tls_certificate")):
            refused = kith("--home", self.home("refused"), "--json", "start", "--listen", TLS,
                           self.set("api.http", LOOPBACK),
                           *(self.set(name, value) for name, value in sets))
            self.assertEqual(refused.code, 1, sets)
            self.assertIn(named, refused.json()["error"]["message"])

    def open_silent(self, node):
        """A connection to a node's WebSocket port on which nothing is said."""
        silent = socket.create_connection(("127.0.0.1", node.port), timeout=10)
        self.addCleanup(silent.close)
        return silent

    def is_closed(self, connection, within_s):
        connection.settimeout(within_s)
        try:
            return connection.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def test_websocket_upgrades_max(self):
        for is_changed in (False, True):
            sets = [self.set("websocket.upgrades_max", 1)] if is_changed else []
            node = self.start(f"node{is_changed}", *sets, listen=WEB)
            first = self.open_silent(node)
            second = self.open_silent(node)
            self.assertEqual(self.is_closed(second, 0.7), is_changed)
            self.assertFalse(self.is_closed(first, 0.1))
            first.close()
            wait_for(lambda: self.ping(node.address).code == 0, "room for another one")

    def test_websocket_upgrade_timeout(self):
        for is_changed in (False, True):
            sets = [self.set("websocket.upgrade_timeout", "300ms")] if is_changed else []
            node = self.start(f"node{is_changed}", *sets, listen=WEB)
            began = time.monotonic()
            self.assertEqual(self.is_closed(self.open_silent(node), 2), is_changed)
            if is_changed:
                self.assertGreater(time.monotonic() - began, 0.2)
            self.assertEqual(self.ping(node.address).code, 0)

    def test_packet_spin_us(self):
        if is_on_battery():
            self.skipTest("on battery nobody spins")
        nodes = {spin_us: self.start(f"node{spin_us}", PACKETS,
                                     self.set("packet.spin_us", spin_us))
                 for spin_us in (0, 1000)}

        def sleeps(node):
            """How often it slept while it was pinged a thousand times."""
            before = self.sleeps_of(node)
            pings = kith("--home", self.home("dialler"), "--json", "ping",
                         self.address(node, "udp/kith"), "--count", 1000, "--interval", "0s",
                         self.set("packet.spin_us", 0))
            self.assertEqual(pings.code, 0, pings.out + pings.err)
            return self.sleeps_of(node) - before

        # It sleeps before each packet, or stays awake for most of them. Where others keep the
        # processors busy the waits are longer than it stays awake: not every time.
        pairs = []
        while not any(2 * awake < asleep for asleep, awake in pairs):
            self.assertLess(len(pairs), 5, pairs)
            pairs.append((sleeps(nodes[0]), sleeps(nodes[1000])))

    def sleeps_of(self, node):
        status = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
        return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


if __name__ == "__main__":
    main()
