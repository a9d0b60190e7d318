"""What each key of the configuration that concerns the process changes in a running node. Keys of
the protocol are shown in virtual time by src/node/config_effect_test.cpp, which also checks that no
key is without a test."""
import json
import stat
import time

from e2e import LOOPBACK, Case, kith, main, wait_for
from web import Socket, ask, connect, read_all

SWARM_KEY = "/key/swarm/psk/1.0.0/\n/base16/\n" + "cd" * 32 + "\n"


class ConfigTest(Case):
    def set(self, key, value):
        return f"--set={key}={value}"

    def test_network_name(self):
        self.assertEqual(self.start("a").call("status")["network"], "kith")
        other = self.start("b", self.set("network.name", "testnet"))
        self.assertEqual(other.call("status")["network"], "testnet")

    def test_network_key_file(self):
        key = self.folder / "elsewhere.key"
        key.write_text(SWARM_KEY)
        private = self.start("a", self.set("network.key_file", key))
        public = kith("--home", self.home("c"), "ping", private.address, "--count", 1,
                      self.set("connect_timeout", "1s"))
        self.assertEqual(public.code, 1)
        member = kith("--home", self.home("c"), "ping", private.address, "--count", 1,
                      self.set("network.key_file", key))
        self.assertEqual(member.code, 0, member.err)

    def test_chain_genesis(self):
        made = kith("devnet", "--nodes", 1, "--until-height", 1, "--base-port", 0, "--dir",
                    self.folder / "net", "--json")
        # One node meets nobody, but its chain is made.
        genesis = self.folder / "net" / "genesis.kith"
        self.assertTrue(genesis.exists(), made.out + made.err)
        node = self.start("a", self.set("chain.genesis", genesis))
        self.assertEqual(node.call("chain", "status")["network"], "devnet")
        self.assertEqual(self.start("b").call("status")["height"], None)
        genesis.write_bytes(b"no genesis")
        broken = kith("--home", self.home("c"), "--json", "start",
                      self.set("chain.genesis", genesis))
        self.assertEqual(broken.code, 1)
        self.assertIn("genesis.kith", broken.json()["error"]["message"])

    def test_chain_index(self):
        kith("devnet", "--nodes", 1, "--until-height", 1, "--base-port", 0, "--dir",
             self.folder / "net", "--json")
        genesis = self.folder / "net" / "genesis.kith"
        node = self.start("a", self.set("chain.genesis", genesis))
        self.assertTrue(ask(node.api + "/v1/chain/params").json()["is_indexed"])
        node.end()
        node = self.start("b", self.set("chain.genesis", genesis), self.set("chain.index", "false"))
        self.assertFalse(ask(node.api + "/v1/chain/params").json()["is_indexed"])

    def make_testnet(self, validators):
        made = kith("genesis", "testnet", "--dir", self.folder / "net", "--validators", validators,
                    "--param", "block_interval_ms=100", "--json")
        self.assertEqual(made.code, 0, made.out + made.err)

    def work_of(self, *settings):
        """What a node says of its work that is started with these, and its log."""
        node = self.start("net/node1", *(self.set(key, value) for key, value in settings))
        told = ask(node.api + "/v1/compute").json()
        node.end()
        return told, node.log()

    def test_compute(self):
        made = kith("genesis", "testnet", "--dir", self.folder / "net", "--validators", 1,
                    "--param", "computing=on", "--json")
        self.assertEqual(made.code, 0, made.out + made.err)
        self.assertEqual(self.work_of()[0], {"is_enabled": False})
        on = ("compute.enabled", "true")
        plain, log = self.work_of(on)
        self.assertTrue(plain["is_enabled"])
        self.assertEqual((plain["slots_wanted"], plain["jobs_wanted"]), (1, []))
        self.assertIsNone(plain["carrier"])
        self.assertIn(plain["worker"], log)

        kith("--home", self.home("other"), "init")
        key = self.home("other") / "identity.key"
        changed, log = self.work_of(on, ("compute.slots", 3), ("compute.jobs", 7),
                                    ("compute.threads", 5), ("compute.worker_key", key))
        self.assertEqual((changed["slots_wanted"], changed["jobs_wanted"]), (3, [7]))
        self.assertIn("with 5 threads", log)
        self.assertNotEqual(changed["worker"], plain["worker"])
        payer = ("compute.carrier_key", key)
        paying, _ = self.work_of(on, payer)
        self.assertFalse(paying["carrier"]["serves_others"])
        serving, _ = self.work_of(on, payer, ("compute.carry_for_others", "true"))
        self.assertTrue(serving["carrier"]["serves_others"])

        _, log = self.work_of(on, ("compute.device", "scalar"))
        self.assertIn("threads, cpu/scalar", log)
        for key, value, named in (("compute.device", "abacus", "abacus"),
                                  ("compute.programs", "nowhere.py", "nowhere.py")):
            refused = kith("--home", self.home("net/node1"), "--json", "start",
                           "--set=compute.enabled=true", self.set(key, value))
            self.assertNotEqual(refused.code, 0)
            self.assertIn(named, refused.json()["error"]["message"])

    def test_chain_halt_height(self):
        self.make_testnet(1)
        node = self.start("net/node1", self.set("chain.halt_height", "3"))
        wait_for(lambda: node.call("chain", "status")["is_halted"], "the halt")
        self.assertEqual(node.call("chain", "status")["height"], 3)
        node.end()
        node = self.start("net/node1")
        wait_for(lambda: node.call("chain", "status")["height"] > 3, "it goes on")

    def test_chain_mesh_token(self):
        self.make_testnet(2)
        secret = self.folder / "mesh"
        secret.write_text("a secret of the validators, 32 bytes and more\n")
        secret.chmod(0o600)
        token = self.set("chain.mesh_token", secret)
        first = self.start("net/node1", token)
        # One without is not listened to: two of two are needed for a block.
        other = self.start("net/node2", "--bootstrap", first.address)
        wait_for(lambda: first.call("status")["peers"] == 1, "a connection")
        time.sleep(3)
        self.assertEqual(first.call("chain", "status")["height"], 0)
        self.assertEqual(first.call("chain", "status")["validators_connected"], 0)
        other.end()
        other = self.start("net/node2", "--bootstrap", first.address, token)
        wait_for(lambda: first.call("chain", "status")["height"] > 2, "blocks")
        secret.chmod(0o644)
        first.end()
        open_file = kith("--home", self.home("net/node1"), "--json", "start", token)
        self.assertEqual(open_file.json()["error"]["code"], "permission")

    def test_chain_signer_and_its_key(self):
        # More of both is in signer_test.py.
        self.make_testnet(1)
        home = self.folder / "net" / "node1"
        (home / "validator").rename(home / "key")
        node = self.start("net/node1")
        self.assertIn("no validator", node.call("chain", "status")["why_no_vote"])
        node.end()
        signer = self.set("chain.signer", "signer.sock")
        key = "ab" * 32
        node = self.start("net/node1", signer, self.set("chain.signer_key", key))
        self.assertIn("no validator", node.call("chain", "status")["why_no_vote"])
        node.end()
        genesis = kith("genesis", "show", "--json", home / "genesis.kith").json()
        key = genesis["validators"][0]["key"]
        node = self.start("net/node1", signer, self.set("chain.signer_key", key))
        wait_for(lambda: "signer.sock" in node.call("chain", "status")["why_no_vote"],
                 "whom it looks for")

    def test_identity_passphrase_file(self):
        secret = self.folder / "words"
        secret.write_text("correct horse\n")
        secret.chmod(0o600)
        self.start("a", self.set("identity.passphrase_file", secret)).end()
        self.assertIn(b"argon2id", (self.home("a") / "identity.key").read_bytes())
        without = kith("--home", self.home("a"), "--json", "start")
        self.assertEqual(without.json()["error"]["code"], "passphrase")

    def test_api_socket(self):
        node = self.start("a", self.set("api.socket", "other.sock"))
        self.assertTrue(stat.S_ISSOCK((node.home / "other.sock").stat().st_mode))
        self.assertEqual(kith("--home", node.home, "status").code, 3)
        found = kith("--home", node.home, "status", self.set("api.socket", "other.sock"))
        self.assertEqual(found.code, 0, found.err)

    def test_log_level_and_format_and_file(self):
        quiet = self.start("a", self.set("log.level", "off"))
        self.assertEqual(quiet.log().strip(), "")
        loud = self.start("b", self.set("log.level", "debug"), self.set("log.format", "json"),
                          self.set("log.file", "node.log"))
        self.assertEqual(loud.log().strip(), "")
        written = loud.home / "node.log"
        wait_for(written.exists, "the log file")
        loud.end()
        for line in written.read_text().splitlines():
            json.loads(line)
        self.assertGreater(len(written.read_text().splitlines()), 0)

    def test_tcp_congestion(self):
        node = self.start("a", self.set("tcp.congestion", "nonesuch"))
        other = self.start("b", "--bootstrap", node.address)
        wait_for(lambda: other.call("status")["peers"] == 1, "a at b")
        wait_for(lambda: "nonesuch" in node.log(), "a line about the unknown algorithm")
        self.assertNotIn("congestion", other.log())

    def test_api_http(self):
        node = self.start("a")
        self.assertEqual(ask(node.api + "/livez").status, 200)
        silent = self.start("b", self.set("api.http", ""), api=None)
        self.assertEqual(silent.ready["api"], [])
        taken = kith("--home", self.home("c"), "--json", "start", "--listen", LOOPBACK,
                     self.set("api.http", node.api.replace("http://", "/ip4/")
                              .replace(":", "/tcp/")))
        self.assertEqual(taken.code, 1)
        self.assertEqual(taken.json()["error"]["code"], "locked")
        self.assertIn("cannot serve HTTP on /ip4/127.0.0.1/tcp/", taken.json()["error"]["message"])

    def test_api_allowed_hosts(self):
        for hosts, status in (("", 403), ("node.example,other.example", 200)):
            node = self.start("a" + hosts[:1], self.set("api.allowed_hosts", hosts))
            answer = ask(node.api + "/v1/status", headers={"Host": "other.example"})
            self.assertEqual(answer.status, status)

    def test_api_allowed_origins(self):
        origin = {"Origin": "https://dash.example"}
        for origins, status in (("", 403), ("https://dash.example", 200)):
            node = self.start("a" + origins[:1], self.set("api.allowed_origins", origins))
            self.assertEqual(ask(node.api + "/v1/status", headers=origin).status, status)

    def test_api_connections_max(self):
        node = self.start("a", self.set("api.connections_max", 2))
        held = [connect(node.api) for _ in range(2)]
        for sock in held:
            self.addCleanup(sock.close)
        with connect(node.api) as third:
            refused = read_all(third)
        self.assertTrue(refused.startswith(b"HTTP/1.1 503 "), refused)
        held.pop().close()
        wait_for(lambda: ask(node.api + "/livez").status == 200, "room for another")

    def test_api_header_and_body_bytes_max(self):
        node = self.start("a", self.set("api.header_bytes_max", "2KiB"),
                          self.set("api.body_bytes_max", "4KiB"))
        self.assertEqual(ask(node.api + "/livez", headers={"X": "x" * 1000}).status, 200)
        self.assertEqual(ask(node.api + "/livez", headers={"X": "x" * 3000}).status, 431)
        self.assertEqual(ask(node.api + "/rpc", "POST", b" " * 4096).status, 400)
        self.assertEqual(ask(node.api + "/rpc", "POST", b" " * 4097).status, 413)

    def test_api_request_timeout(self):
        node = self.start("a", self.set("api.request_timeout", "3s"))
        with connect(node.api) as slow:
            slow.sendall(b"GET /livez HT")
            self.assertTrue(read_all(slow).startswith(b"HTTP/1.1 408 "))

    def test_api_idle_timeout(self):
        node = self.start("a", self.set("api.idle_timeout", "200ms"))
        with connect(node.api) as idle:
            began = time.monotonic()
            self.assertEqual(read_all(idle), b"")
            self.assertLess(time.monotonic() - began, 8)

    def test_api_rate_and_burst(self):
        node = self.start("a", self.set("api.rate", 1), self.set("api.rate_burst", 3))
        answers = [ask(node.api + "/v1/version").status]
        while answers[-1] == 200 and len(answers) < 200:  # a slow machine earns more than three
            answers.append(ask(node.api + "/v1/version").status)
        self.assertEqual(answers[:3], [200] * 3)
        self.assertEqual(answers[-1], 429)
        self.assertEqual(ask(node.api + "/livez").status, 200)
        wait_for(lambda: ask(node.api + "/v1/version").status == 200, "the rate", 10)
        fast = self.start("b", self.set("api.rate", 1000000), self.set("api.rate_burst", 1000000))
        self.assertEqual({ask(fast.api + "/v1/version").status for _ in range(50)}, {200})

    def test_api_unread_events_max(self):
        node = self.start("a", self.set("api.unread_events_max", 1),
                          self.set("api.rate", 1000000), self.set("api.rate_burst", 1000000))
        socket = Socket(node.api)
        self.addCleanup(socket.close)
        self.assertEqual(socket.receive()["event"], "hello")
        batch = [{"jsonrpc": "2.0", "id": i, "method": "config.show"} for i in range(64)]
        # Nothing is read, so that answers pile up beyond what the system itself takes.
        for _ in range(40):
            try:
                socket.send(json.dumps(batch))
            except ConnectionError:
                break
        dropped = "kith_api_websockets_dropped_total 1"
        wait_for(lambda: dropped in ask(node.api + "/metrics").body.decode(), "the drop")


if __name__ == "__main__":
    main()
