"""Strangers at the port and at the local socket: the node goes on, and the honest are served."""
import os
import random
import socket

from e2e import Case, kith, main, wait_for


class HostileTest(Case):
    def test_garbage_at_the_port(self):
        node = self.start("home", "--set", "connect_timeout=2s")
        source = random.Random(7)
        openings = [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x13/multistream/1.0.0\n",
                    b"\x13/multistream/1.0.0\n\x07/noise\n" + b"\xff" * 70_000,
                    b"\x13/multistream/1.0.0\n\x07/noise\n\x00\x20" + b"\x00" * 32,
                    b"\xff" * 10, b"\x00" * 65_536, b"\x16\x03\x01\x02\x00\x01"]
        openings += [source.randbytes(source.randrange(1, 5000)) for _ in range(40)]
        waiting = []
        for opening in openings:
            stranger = socket.create_connection(("127.0.0.1", node.port), timeout=20)
            waiting.append(stranger)
            try:
                stranger.sendall(opening)
            except OSError:
                pass  # it has heard enough
        honest = kith("--home", self.home("other"), "--json", "ping", node.address, "--count", 1)
        self.assertEqual(honest.code, 0, honest.out)
        # Those who say nothing more are sent away too.
        wait_for(lambda: node.call("status")["connections"] == 0, "all strangers gone", 30)
        for stranger in waiting:
            stranger.close()
        self.assertEqual(node.end()[0], 0)

    def test_a_crowd_of_half_open_connections(self):
        node = self.start("home", "--set", "handshakes_pending_max=20",
                          "--set", "connect_timeout=2s")
        crowd = []
        for _ in range(100):
            try:
                crowd.append(socket.create_connection(("127.0.0.1", node.port), timeout=20))
            except ConnectionResetError:
                pass  # refused while it was still connecting
        wait_for(lambda: node.call("stats")["host"]["links_refused"] >= 80, "the refused")
        wait_for(lambda: node.call("status")["connections"] == 0, "the slow ones gone", 30)
        for stranger in crowd:
            stranger.close()
        self.assertEqual(kith("--home", self.home("other"), "ping", node.address,
                              "--count", 1).code, 0)

    def test_garbage_at_the_local_socket(self):
        node = self.start("home")
        path = str(node.home / "api.sock")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        for text in (b"\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b'{"method":"stop"',
                     b"x" * 2_000_000 + b"\n", b'{"method":"ping","params":{"target":1e999}}\n'):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(path)
                try:
                    client.sendall(text)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65_536):
                        pass
                except OSError:
                    pass  # closed on us: over the limit
        self.assertEqual(node.call("status")["peer_id"], node.peer_id)
        self.assertEqual(node.end()[0], 0)


if __name__ == "__main__":
    main()
