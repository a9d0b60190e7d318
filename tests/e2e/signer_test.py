"""A validator whose key is with a remote signer, and two nodes for it: processes are killed, the
chain goes on, and nothing is said that contradicts itself."""
import json
import select
import signal
import subprocess
import time

from e2e import API, KITH, LIMIT_S, LOOPBACK, Case, environment, kith, main, wait_for

# Between blocks, in ms; the silence after a start takes about a Delta of 1 s.
INTERVAL_MS = 200


class Signer:
    """`kith signer run` on a home, ready."""

    def __init__(self, home, *arguments):
        self.home = home
        self.log_path = home.parent / (home.name + ".log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [KITH, "signer", "run", "--json", "--home", str(home), *map(str, arguments)],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, env=environment())
        if not select.select([self.process.stdout], [], [], LIMIT_S)[0]:
            self.kill()
            raise AssertionError("no ready line: " + self.log())
        line = self.process.stdout.readline()
        if not line:
            self.kill()
            raise AssertionError("ended before it was ready: " + self.log())
        self.ready = json.loads(line)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_S)
        self.process.stdout.close()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT_S)
        self.process.stdout.close()
        return code


class SignerTest(Case):
    def make(self, validators=4, epoch_blocks=100000, *params):
        """A testnet in which the key of node1 is with a signer; node0 is its second node."""
        more = [word for param in params for word in ("--param", param)]
        net = self.folder / "net"
        made = kith("genesis", "testnet", "--dir", net, "--validators", validators, "--param",
                    f"block_interval_ms={INTERVAL_MS}", "--param", f"epoch_blocks={epoch_blocks}",
                    *more, "--json")
        self.assertEqual(made.code, 0, made.out + made.err)
        for i in range(1, validators + 1):
            (net / f"node{i}" / "config.toml").unlink()  # ports of its own
        self.signer_home = self.folder / "signer"
        self.signer_home.mkdir(mode=0o700)
        (net / "node1" / "validator").rename(self.signer_home / "validator")
        (net / "node0").mkdir(mode=0o700)
        (net / "node0" / "genesis.kith").write_bytes((net / "node1" / "genesis.kith").read_bytes())
        init = kith("signer", "init", "--never-used", "--json", "--home", self.signer_home)
        self.assertEqual(init.code, 0, init.out + init.err)
        self.key = init.json()["key"]
        self.assertFalse(init.json()["created"])
        self.assertFalse(init.json()["is_silent"])

    def run_signer(self, *arguments):
        signer = Signer(self.signer_home, *arguments)
        self.addCleanup(signer.kill)
        return signer

    def start_node(self, i, *arguments, where=None):
        more = []
        if i < 2:
            where = where or self.signer_home / "signer.sock"
            more = [f"--set=chain.signer={where}", f"--set=chain.signer_key={self.key}"]
        return self.start(f"net/node{i}", *more, *arguments)

    def status(self, node):
        return node.call("chain", "status")

    def why(self, node):
        return self.status(node)["why_no_vote"]

    def votes(self, node):
        return self.signed(node, "vote")

    def signed(self, node, kind):
        import urllib.request
        with urllib.request.urlopen(node.api + "/metrics", timeout=10) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f'kith_signer_signed_total{{kind="{kind}"}}'):
                    return int(float(line.split()[-1]))
        raise AssertionError("no such metric")

    def expect_one_chain(self, nodes):
        height = min(self.status(node)["height"] for node in nodes)
        digests = {node.call("chain", "block", str(height))["digest"] for node in nodes}
        self.assertEqual(len(digests), 1)
        for node in nodes:
            status = self.status(node)
            self.assertFalse(status["is_halted"])
            self.assertNotIn("contradicts itself", node.log())

    def goes_on(self, node, blocks=5):
        """As many more blocks become final: with two of the others, one of the signer's nodes is
        needed for each."""
        at = self.status(node)["height"]
        wait_for(lambda: self.status(node)["height"] >= at + blocks, "the chain goes on")

    def test_the_standby_takes_over_and_the_signer_keeps_its_promises(self):
        self.make()
        signer = self.run_signer()
        self.assertTrue(signer.ready["ready"])
        self.assertEqual(signer.ready["key"], self.key)
        active = self.start_node(1)
        others = [self.start_node(i, "--bootstrap", active.address) for i in (2, 3, 4)]
        standby = self.start_node(0, "--bootstrap", others[0].address, "--bootstrap",
                                  others[1].address, "--bootstrap", others[2].address)
        wait_for(lambda: self.why(active) is None, "the first votes")
        wait_for(lambda: self.status(standby)["height"] > 5, "the second follows")
        self.assertIn("serves another node", self.why(standby))
        self.assertIn(active.peer_id, self.why(standby))
        # One of the other three ends: from now on each block needs the signer's vote.
        others.pop().end()
        self.goes_on(others[0])
        self.assertGreater(self.votes(active), 5)
        self.assertEqual(self.votes(standby), 0)

        active.kill()
        began = time.monotonic()
        wait_for(lambda: self.votes(standby) > 0, "the second votes")
        took = time.monotonic() - began
        print(f"the standby voted {took:.1f} s after the kill", flush=True)
        self.assertLess(took, 6)  # 4 s, and what a busy machine adds
        self.goes_on(others[0])
        self.expect_one_chain([standby, *others])

        # The first comes back, and waits: the signer remembers whom it serves.
        active = self.start_node(1, "--bootstrap", others[0].address)
        wait_for(lambda: "serves another node" in (self.why(active) or ""), "it stands by")

        # The signer dies in the midst of it, and comes back with all it has said.
        signer.kill()
        wait_for(lambda: "cannot be reached" in (self.why(standby) or ""), "its node says so")
        wait_for(lambda: "cannot be reached" in (self.why(active) or ""), "the other says so")
        signer = self.run_signer()
        self.assertFalse(signer.ready["is_silent"])
        wait_for(lambda: None in (self.why(standby), self.why(active)), "one of them votes again")
        self.goes_on(others[0])
        self.expect_one_chain([standby, active, *others])
        self.assertEqual(signer.end(), 0)
        self.assertIn("votes signed", signer.log())

    def test_a_frozen_node_loses_the_lease_and_wakes_up_to_follow(self):
        self.make()
        self.run_signer()
        active = self.start_node(1)
        others = [self.start_node(i, "--bootstrap", active.address) for i in (2, 3, 4)]
        standby = self.start_node(0, "--bootstrap", others[0].address, "--bootstrap",
                                  others[1].address, "--bootstrap", others[2].address)
        wait_for(lambda: self.why(active) is None, "the first votes")
        wait_for(lambda: "serves another node" in self.why(standby), "the second stands by")
        # No connection ends: only the lease does. Then both believe to be the one for a moment.
        active.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            wait_for(lambda: self.votes(standby) > 0, "the second votes")
            took = time.monotonic() - began
        finally:
            active.process.send_signal(signal.SIGCONT)
        print(f"the standby voted {took:.1f} s after the freeze", flush=True)
        self.assertGreater(took, 1)
        self.assertLess(took, 7)
        wait_for(lambda: standby.peer_id in (self.why(active) or ""), "the first follows")
        self.goes_on(others[0])
        self.expect_one_chain([active, standby, *others])

    def test_without_its_signer_a_node_says_so_and_follows(self):
        self.make()
        lonely = self.start_node(1)
        others = [self.start_node(i, "--bootstrap", lonely.address) for i in (2, 3, 4)]
        wait_for(lambda: self.status(lonely)["height"] > 3, "it follows")
        self.assertIn("cannot be reached", self.why(lonely))
        self.assertFalse(self.status(lonely)["may_vote"])
        self.assertIn("this node follows", lonely.log())
        self.run_signer()
        wait_for(lambda: self.why(lonely) is None, "it votes")
        self.expect_one_chain([lonely, *others])

    def test_over_tcp_only_those_on_the_list_are_served(self):
        self.make(1, 10)
        peer = kith("id", "--json", "--home", self.home("net/node1")).json()["peer_id"]
        stranger = kith("id", "--json", "--home", self.signer_home).json()["peer_id"]
        signer = self.run_signer("--listen", LOOPBACK, "--allow", peer)
        address = signer.ready["address"]
        self.assertTrue(address.endswith("/p2p/" + stranger), address)
        node = self.start_node(1, where=address)
        wait_for(lambda: self.status(node)["height"] > 12, "blocks, over the end of an epoch")
        # Another node, with an identity that is not on the list.
        other = self.start_node(0, "--bootstrap", node.address, where=address)
        wait_for(lambda: "cannot be reached" in (self.why(other) or ""), "it is refused")
        self.assertEqual(self.votes(other), 0)
        # Somebody else than the signer listens there.
        wrong = address.rsplit("/", 1)[0] + "/" + peer
        other.end()
        other = self.start_node(0, "--bootstrap", node.address, where=wrong)
        wait_for(lambda: "cannot be reached" in (self.why(other) or ""), "no such signer")

    def test_on_a_chain_that_computes_it_proves_what_its_node_proposes(self):
        self.make(1, 10, "computing=on")
        signer = self.run_signer()
        node = self.start_node(1)
        wait_for(lambda: self.status(node)["height"] > 12, "blocks, over the end of an epoch")
        # A proof for each block, which no other key could have made.
        self.assertGreater(self.signed(node, "other"), 12)
        node.kill()
        node = self.start_node(1)
        self.goes_on(node, 12)
        signer.kill()
        wait_for(lambda: "cannot be reached" in (self.why(node) or ""), "its node says so")
        stands = self.status(node)["height"]
        signer = self.run_signer()
        self.goes_on(node)
        self.assertGreater(self.status(node)["height"], stands)
        follower = self.start_node(0, "--bootstrap", node.address)
        wait_for(lambda: self.status(follower)["height"] > stands, "who comes later checks all")
        self.expect_one_chain([node, follower])

    def test_a_lost_log_is_silent_until_the_next_epoch(self):
        self.make(1, 10)
        signer = self.run_signer()
        node = self.start_node(1)
        wait_for(lambda: self.status(node)["height"] > 3, "blocks")
        signer.kill()
        for each in (self.signer_home / "votes").glob("*.wal"):
            each.unlink()
        signer = self.run_signer()
        self.assertTrue(signer.ready["is_silent"])
        wait_for(lambda: "until the next epoch" in (self.why(node) or ""), "its node says so")
        self.assertIn("the log of votes is lost", signer.log())

    def test_what_does_not_fit_is_refused_with_a_reason(self):
        self.make(1)
        again = kith("signer", "init", "--json", "--home", self.signer_home)
        self.assertEqual(again.json()["error"]["code"], "exists")
        empty = kith("signer", "run", "--json", "--home", self.home("nothing"))
        self.assertEqual(empty.json()["error"]["code"], "not_found")
        self.assertIn("kith signer init", empty.json()["error"]["message"])
        half = kith("signer", "run", "--json", "--home", self.signer_home, "--listen", LOOPBACK)
        self.assertEqual(half.json()["error"]["code"], "usage")
        signer = self.run_signer()
        second = kith("signer", "run", "--json", "--home", self.signer_home)
        self.assertEqual(second.json()["error"]["code"], "locked")
        mode = (self.signer_home / "signer.sock").stat().st_mode & 0o777
        self.assertEqual(mode, 0o600)
        home = self.home("net/node1")
        for settings, word in (
                (["chain.signer=x"], "chain.signer_key"),
                (["chain.signer_key=" + self.key], "chain.signer"),
                (["chain.signer=x", "chain.signer_key=zz"], "64 hexadecimal digits"),
                (["chain.signer=/ip4/127.0.0.1/tcp/1", "chain.signer_key=" + self.key], "p2p")):
            refused = kith("start", "--json", "--home", home, API,
                           *[f"--set={each}" for each in settings])
            self.assertEqual(refused.json()["error"]["code"], "config", refused.out)
            self.assertIn(word, refused.json()["error"]["message"])
        # A key here and one there: nothing else than the signer may sign with it.
        both = self.folder / "both"
        both.mkdir(mode=0o700)
        (both / "genesis.kith").write_bytes((home / "genesis.kith").read_bytes())
        (both / "validator").mkdir(mode=0o700)
        key = both / "validator" / "identity.key"
        key.write_bytes((self.signer_home / "validator" / "identity.key").read_bytes())
        key.chmod(0o600)
        refused = kith("start", "--json", "--home", both, API,
                       f"--set=chain.signer={self.signer_home / 'signer.sock'}",
                       f"--set=chain.signer_key={self.key}")
        self.assertEqual(refused.json()["error"]["code"], "config", refused.out)
        signer.end()


if __name__ == "__main__":
    main()
