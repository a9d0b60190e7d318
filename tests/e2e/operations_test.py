"""What whoever runs a chain does: genesis files and testnets, looking into a stopped home, halting
at a height, and the locks that keep one key with one process."""
import pathlib
import shutil

from e2e import LIMIT_S, Case, kith, main, wait_for

QUICK = ["--param", "block_interval_ms=100"]
# The neutral point of the curve: anybody can sign for it.
SMALL_ORDER = "01" + "00" * 31


class Testnet(Case):
    """Homes of `kith genesis testnet`, whose nodes take free ports."""

    def make(self, validators, *arguments):
        folder = self.folder / "net"
        result = kith("genesis", "testnet", "--dir", folder, "--validators", validators,
                      "--network", "test", *QUICK, *arguments, "--json")
        self.assertEqual(result.code, 0, result.out + result.err)
        return result.json()

    def address(self):
        """Somebody's."""
        file = self.folder / "address.kith"
        kith("genesis", "new", file)
        made = kith("genesis", "add-validator", file, "--home", self.home("somebody"), "--json")
        return made.json()["validators"][0]["owner"]

    def run_node(self, number, *arguments, bootstrap=None):
        name = pathlib.Path("net") / f"node{number}"
        if bootstrap:
            arguments = ("--bootstrap", bootstrap, *arguments)
        return self.start(name, *arguments)

    def run_all(self, validators, *arguments):
        first = self.run_node(1, *arguments)
        return [first] + [self.run_node(i, *arguments, bootstrap=first.address)
                          for i in range(2, validators + 1)]

    @staticmethod
    def height(node):
        return node.call("chain", "status")["height"]

    def wait_height(self, node, height):
        wait_for(lambda: self.height(node) >= height, f"height {height}", LIMIT_S / 2)


class GenesisTest(Testnet):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "g.kith"

    def genesis(self, *arguments, code=0):
        result = kith("genesis", *arguments, "--json")
        self.assertEqual(result.code, code, result.out + result.err)
        return result.json()

    def test_a_genesis_is_put_together_and_shown(self):
        made = self.genesis("new", self.file, "--network", "mine", "--param", "min_stake=50",
                            "--param", "heartbeat_ms=1000", "--param", "dust=600u")
        self.assertFalse(made["is_complete"])
        self.assertEqual(made["params"]["min_stake"], "50")
        self.assertEqual(made["params"]["dust"], "0.000006")
        home = self.home("a")
        one = self.genesis("add-validator", self.file, "--home", home)
        self.assertTrue(one["is_complete"])
        self.assertTrue((home / "validator" / "identity.key").exists())
        owner = one["validators"][0]["owner"]
        two = self.genesis("add-validator", self.file, "--home", self.home("b"), "--stake", "70.5",
                           "--owner", owner)
        self.assertEqual({v["stake"] for v in two["validators"]}, {"50", "70.5"})
        self.assertEqual(two["validators"][0]["owner"], two["validators"][1]["owner"])
        shown = self.genesis("show", self.file)
        self.assertEqual(shown, two)
        # Whoever runs it is on the chain of that hash.
        shutil.copy(self.file, home / "genesis.kith")
        node = self.start("a")
        self.assertEqual(node.call("chain", "status")["genesis"], shown["genesis"])

    def test_what_is_wrong_is_named(self):
        near = self.genesis("new", self.file, "--param", "min_steak=5", code=2)
        self.assertIn("did you mean min_stake?", near["error"]["message"])
        self.assertFalse(self.file.exists())
        bad = self.genesis("new", self.file, "--param", "proposer_share=70000", code=2)
        self.assertIn("proposer_share", bad["error"]["message"])
        bad = self.genesis("new", self.file, "--output", "nobody=5", code=2)
        self.assertIn("--output", bad["error"]["message"])
        self.genesis("new", self.file)
        self.assertEqual(self.genesis("new", self.file, code=1)["error"]["code"], "exists")
        weak = self.genesis("add-validator", self.file, "--key", SMALL_ORDER, code=1)
        self.assertEqual(weak["error"]["code"], "bad_key")
        poor = self.genesis("add-validator", self.file, "--home", self.home("a"), "--stake", "1",
                            code=1)
        self.assertIn("stake", poor["error"]["message"])
        self.genesis("add-validator", self.file, "--home", self.home("a"))
        twice = self.genesis("add-validator", self.file, "--home", self.home("a"), code=1)
        self.assertEqual(twice["error"]["code"], "exists")

    def test_a_testnet_runs(self):
        made = self.make(3)
        self.assertEqual(len(made["validators"]), 3)
        config = (self.folder / "net" / "node2" / "config.toml").read_text()
        self.assertIn("/ip4/127.0.0.1/tcp/4780", config)
        self.assertEqual(config.count("/p2p/"), 2)
        nodes = self.run_all(3)
        for node in nodes:
            self.wait_height(node, 3)
        digests = {node.call("chain", "block", 2)["digest"] for node in nodes}
        self.assertEqual(len(digests), 1)
        state = nodes[0].call("chain", "consensus")
        self.assertEqual(len(state["validators"]), 3)
        self.assertEqual([v["is_this_node"] for v in state["validators"]].count(True), 1)
        self.assertTrue(state["waits_for"])
        self.assertEqual(nodes[0].call("validator", "heartbeats")["validators"], [])


class InspectTest(Testnet):
    def test_a_stopped_home_is_looked_into(self):
        self.make(1, "--output", self.address() + "=100")
        home = self.folder / "net" / "node1"
        early = kith("inspect", "--home", home, "--json")
        self.assertEqual(early.json()["error"]["code"], "not_found")
        node = self.run_node(1)
        self.wait_height(node, 5)
        running = kith("inspect", "--home", home, "--json")
        self.assertEqual(running.json()["error"]["code"], "locked")
        digest = node.call("chain", "block", 3)["digest"]
        self.assertEqual(node.end()[0], 0)

        result = kith("inspect", "--deep", "--home", home, "--json")
        self.assertEqual(result.code, 0, result.out + result.err)
        report = result.json()
        self.assertGreaterEqual(report["height"], 5)
        self.assertEqual(report["problems"], [])
        self.assertEqual(len(report["checks"]), 3)
        self.assertTrue(report["supply"]["is_conserved"])
        tables = {table["table"]: table for table in report["tables"]}
        self.assertEqual(tables["blocks"]["records"], report["height"])
        self.assertEqual(kith("inspect", "block", 3, "--home", home, "--json").json()["digest"],
                         digest)
        wal = kith("inspect", "wal", "--home", home, "--json").json()
        self.assertTrue(wal["is_well"])
        words = [words for file in wal["files"] for words in file["records"]]
        self.assertTrue(any(w.startswith("said: finalize") for w in words), words[:5])
        self.assertTrue(any(w.startswith("a quorum says: notarize") for w in words), words[:5])
        # All blocks again from genesis lead to the same.
        replayed = kith("inspect", "replay", "--home", home)
        self.assertEqual(replayed.code, 0, replayed.out + replayed.err)
        self.assertIn(f"height {report['height']}\n", replayed.out)
        self.assertIn("verdict good", replayed.out)

        # Damage is found, and inspecting it mends nothing.
        with open(home / "chain" / "leaves.dat", "r+b") as leaves:
            leaves.seek(4096)
            leaves.write(b"\xff" * 32)
        for _ in range(2):
            damaged = kith("inspect", "--deep", "--home", home, "--json")
            self.assertEqual(damaged.code, 4, damaged.out + damaged.err)
            self.assertTrue(damaged.json()["problems"])
        # And it still begins where it was: outputs are only hashes of what the state has.
        self.assertEqual(kith("inspect", "--home", home, "--json").code, 0)


class HaltTest(Testnet):
    def test_all_halt_at_one_height_and_go_on(self):
        self.make(2)
        nodes = self.run_all(2, "--set=chain.halt_height=5")
        for node in nodes:
            wait_for(lambda node=node: node.call("chain", "status")["is_halted"], "the halt")
            status = node.call("chain", "status")
            self.assertEqual(status["height"], 5)
            self.assertIn("chain.halt_height is 5", status["halt_reason"])
            self.assertIn("chain.halt_height is 5", node.log())
            self.assertIn("halt_height", node.call("chain", "consensus")["waits_for"])
            self.assertEqual(node.end()[0], 0)
        nodes = self.run_all(2)
        for node in nodes:
            self.wait_height(node, 8)
            self.assertFalse(node.call("chain", "status")["is_halted"])


class KeyLockTest(Testnet):
    def test_a_key_is_used_by_one_process(self):
        self.make(1)
        node = self.run_node(1)
        copy = self.home("copy")
        copy.mkdir()
        shutil.copytree(node.home / "validator", copy / "validator")
        shutil.copy(node.home / "genesis.kith", copy)
        arguments = ("start", "--home", copy, "--listen", "/ip4/127.0.0.1/tcp/0",
                     "--set=api.http=", "--json")
        refused = kith(*arguments)
        self.assertEqual(refused.code, 1)
        error = refused.json()["error"]
        self.assertEqual(error["code"], "locked")
        self.assertIn(f"pid {node.process.pid}", error["message"])
        # However the first ends, the key is free.
        node.kill()
        second = self.start("copy")
        self.assertTrue(second.call("chain", "status")["is_validator"])


if __name__ == "__main__":
    main()
