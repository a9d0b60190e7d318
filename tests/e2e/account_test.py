"""Accounts at the command line, on a real chain that computes: names sealed and taken, workers,
teams, bonds, keys on other machines, and certificates that two light clients judge alike."""
import hashlib
import json
import pathlib
import shutil
import subprocess
import unittest

from e2e import KITH, LIMIT_S, Case, environment, kith, main, wait_for

COIN = 100_000_000
WORDS = "abandon " * 11 + "about"
VERIFIER = pathlib.Path(__file__).parents[2] / "web" / "light" / "verify.js"
EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "worker" / "twin_primes.py"
NODE = shutil.which("node")
CHAIN = ["--param", "computing=on", "--param", "block_interval_ms=50"]


class AccountTest(Case):
    """One validator, whose home has a wallet with a thousand coins."""

    def setUp(self):
        super().setUp()
        words = self.folder / "words"
        words.write_text(WORDS)
        # An address of these words is the same on every chain of this prefix.
        testnet = ("genesis", "testnet", "--validators", 1, "--json", "--dir")
        self.assertEqual(kith(*testnet, self.folder / "other").code, 0)
        other = self.folder / "other" / "genesis.kith"
        restore = ("wallet", "restore", "--no-passphrase", "--words-file", words)
        made = kith("--home", self.home("scratch"), "--json", f"--set=chain.genesis={other}",
                    *restore)
        self.assertEqual(made.code, 0, made.out + made.err)
        outputs = ["--output", f"{made.json()['address']}=1000"]
        net = kith(*testnet, self.folder / "net", *CHAIN, *outputs)
        self.assertEqual(net.code, 0, net.out + net.err)
        self.here = self.folder / "net" / "node1"
        self.genesis = self.folder / "net" / "genesis.kith"
        made = kith("--home", self.here, "--json", *restore)
        self.assertEqual(made.code, 0, made.out + made.err)
        self.node = self.start("net/node1")
        wait_for(lambda: self.node.call("chain", "status")["height"] > 0, "a block")

    def account(self, *arguments, code=0, home=None, env=None):
        result = kith("--home", home or self.here, "--json", "account", *arguments, env=env)
        self.assertEqual(result.code, code, (arguments, result.out, result.err))
        return result.json()

    def refused(self, code, *arguments, exit_code=1, **options):
        error = self.account(*arguments, code=exit_code, **options)["error"]
        self.assertEqual(error["code"], code, error)
        return error["message"]

    def test_names_are_sealed_and_taken_once(self):
        plan = self.account("create", "Alice", "--dry-run")
        self.assertEqual(plan["status"], "dry-run")
        self.assertEqual(plan["bonded"], COIN)
        made = self.account("create", "Alice", "--max-fee", "1")
        self.assertEqual((made["status"], made["name"], len(made["txids"])), ("named", "alice", 2))
        shown = self.account("show")
        self.assertEqual((shown["account"], shown["name"], shown["bond"], shown["seal"]),
                         (made["account"], "alice", COIN, None))
        # The name is taken at least 16 blocks behind its seal.
        heights = [self.node.call("chain", "tx", txid)["height"] for txid in made["txids"]]
        self.assertGreaterEqual(heights[1], heights[0] + 16)
        # The same command again has nothing to do; a name stays.
        again = self.account("create", "alice")
        self.assertEqual((again["status"], again["txids"]), ("named", []))
        self.assertIn("has the name alice", self.refused("exists", "rename", "bob"))

        # What looks like it is taken too; what is no name is told apart before anything is paid.
        self.assertIn("looks like", self.refused("exists", "create", "a1ice", "--index", 1))
        self.refused("usage", "create", "al", exit_code=2)
        self.refused("usage", "create", "bob", "--index", 1, "--bond", "0.5", exit_code=2)
        # In two steps; the second goes on where the first ended.
        sealed = self.account("create", "bob", "--index", 1, "--later")
        self.assertEqual((sealed["status"], len(sealed["txids"])), ("sealed", 1))
        self.assertEqual(self.account("show")["name"], None)
        late = self.refused("timeout", "create", "bob", "--index", 1, "--timeout", "1ms")
        self.assertIn("The same command goes on", late)
        taken = self.account("create", "bob", "--index", 1)
        self.assertEqual((taken["status"], len(taken["txids"])), ("named", 1))
        names = [each["name"] for each in self.account("list", "--own")["accounts"]]
        self.assertEqual(names, ["alice", "bob"])
        self.assertEqual(len(self.account("list")["accounts"]), 2)
        self.assertEqual(self.account("use", "alice")["accounts"][0]["name"], "alice")

    def test_workers_teams_bonds_and_keys(self):
        self.account("create", "alice", "--later")
        self.account("create", "team", "--index", 1, "--later")
        alice, team = (each["account"] for each in self.account("list", "--own")["accounts"])
        of_alice = ("--account", alice, "--wait")

        def told():
            return self.account("show", alice)

        # Bonds: what is free may leave, the rest stays until it is closed.
        self.assertEqual(self.account("bond", "--amount", "2.5", *of_alice)["bonded"], 250_000_000)
        self.assertEqual(told()["bond"], 350_000_000)
        self.assertIn("2.5 are free", self.refused("refused", "withdraw", "--amount", "3",
                                                   *of_alice))
        self.account("withdraw", "--amount", "1.5", *of_alice)
        self.assertEqual([part["amount"] for part in told()["unbonding"]], [150_000_000])
        # Workers: their key signs that it wants to be one.
        self.account("add-worker", "--device", "nvidia", *of_alice)
        self.assertEqual(len(told()["workers"]), 1)
        self.refused("exists", "add-worker", *of_alice)
        self.account("remove-worker", told()["workers"][0], *of_alice)
        self.assertEqual(told()["workers"], [])
        # Teams.
        self.assertIn("lets nobody join", self.refused("refused", "join", team, *of_alice))
        self.account("team", "--account", team, "--wait")
        self.account("join", team, *of_alice)
        self.assertEqual(told()["team"], team)
        self.account("leave", *of_alice)
        self.assertEqual(told()["team"], None)
        # Another key; the id stays.
        before = told()["key"]
        self.account("change-key", "--index", 5, *of_alice)
        self.assertNotEqual(told()["key"], before)
        self.account("bond", "--amount", "1", *of_alice)
        # A machine without a node signs.
        file = self.folder / "bond.tx"
        plan = self.account("bond", "--amount", "1", "--account", alice, "--unsigned", file)
        self.assertEqual(plan["status"], "unsigned")
        cold = self.home("cold")
        env = {"KITH_CHAIN_GENESIS": str(self.genesis)}
        words = self.folder / "words"
        restored = kith("--home", cold, "wallet", "restore", "--no-passphrase", "--words-file",
                        words, env=env)
        self.assertEqual(restored.code, 0, restored.err)
        signed = kith("--home", cold, "--json", "wallet", "sign", file)
        self.assertEqual(signed.json()["status"], "signed", signed.out)
        self.assertIn("add 1 to the bond", signed.json()["orders"][0])
        sent = kith("--home", self.here, "--json", "wallet", "broadcast", file, "--wait")
        self.assertEqual(sent.json()["status"], "final", sent.out)
        # The end of it.
        self.account("close", *of_alice)
        self.assertTrue(told()["is_closed"])
        self.refused("refused", "bond", "--amount", "1", "--account", alice)

    def test_an_account_goes_to_another_wallet(self):
        made = self.account("create", "alice", "--later")
        secret = self.folder / "passphrase"
        secret.write_text("correct horse\n")
        secret.chmod(0o600)
        file = self.folder / "alice.account"
        told = self.account("export", file, "--seal", secret)
        self.assertEqual((told["account"], told["is_sealed"]), (made["account"], True))
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.refused("exists", "export", file, "--seal", secret)
        # Another wallet of this home, with coins and other words.
        poor = kith("--home", self.here, "--json", "wallet", "create", "--no-passphrase",
                    "--wallet", "poor").json()
        paid = kith("--home", self.here, "wallet", "send", "--to", poor["address"], "--amount", 9,
                    "--wait")
        self.assertEqual(paid.code, 0, paid.err)
        order = ("bond", "--amount", "1", "--wallet", "poor", "--account", made["account"],
                 "--wait")
        self.assertIn("neither the wallet's nor imported",
                      self.refused("permission", *order, exit_code=5))
        taken = self.account("import", file)
        self.assertEqual(taken["account"], made["account"])
        self.refused("passphrase", *order)
        env = {"KITH_ACCOUNT_PASSPHRASE": "correct horse"}
        self.assertEqual(self.account(*order, env=env)["status"], "final")
        self.assertEqual(self.account("show")["bond"], 2 * COIN)
        # Damage, and a file that others can read.
        spoilt = self.folder / "spoilt.account"
        spoilt.write_text(file.read_text().replace("account: ", "account:"))
        spoilt.chmod(0o600)
        self.refused("bad_key", "import", spoilt)
        file.chmod(0o644)
        self.refused("permission", "import", file, exit_code=5)

    def believe(self, path, *expected):
        """What both light clients say of it; None when both refuse it."""
        trust = ("--genesis", self.genesis)
        ours = kith("--json", "light", "verify", path, *trust, *expected)
        self.assertIn(ours.code, (0, 4), ours.out + ours.err)
        theirs = subprocess.run([NODE, VERIFIER, *map(str, trust), str(path)], capture_output=True,
                                text=True, timeout=LIMIT_S, check=False)
        self.assertIn(theirs.returncode, (0, 4), theirs.stdout + theirs.stderr)
        if not expected:
            self.assertEqual(ours.code, theirs.returncode, ours.out + theirs.stdout)
        if ours.code != 0:
            return None
        verdict, other = ours.json(), json.loads(theirs.stdout)
        for key in ("height", "digest", "genesis", "facts"):
            self.assertEqual(verdict[key], other[key])
        if "certificate" in verdict:
            seen = {key: verdict["certificate"][key] for key in other["certificate"]}
            self.assertEqual(seen, other["certificate"])
        return verdict

    @unittest.skipUnless(NODE, "the second verifier is in JavaScript")
    def test_certificates_are_believed_by_two_light_clients(self):
        made = self.account("create", "alice")
        file = self.folder / "alice.cert"
        told = self.account("certificate", file)
        self.assertEqual((told["account"], told["name"], told["job"]),
                         (made["account"], "alice", None))
        verdict = self.believe(file)
        self.assertEqual(verdict["height"], told["height"])
        self.assertEqual(verdict["certificate"]["name"], "alice")
        self.assertEqual(verdict["certificate"]["key"], made["key"])
        # Whoever changes a byte of it, or asks for what it does not say, is told so.
        whole = file.read_bytes()
        for place in (20, 60, 90, 110, 150, len(whole) // 2, len(whole) - 5):
            changed = bytearray(whole)
            changed[place] ^= 1
            file.write_bytes(changed)
            self.assertIsNone(self.believe(file), place)
        file.write_bytes(whole)
        self.assertIsNotNone(self.believe(file, "--entry", f"account:{made['account']}"))
        self.assertIsNone(self.believe(file, "--entry", f"account:{'ab' * 32}"))
        self.refused("not_found", "certificate", file, "--job", 7)

        # Any entry, there or not, by the node's proofs.
        proof = self.folder / "entry.proof"

        def prove(what):
            asked = kith("--home", self.here, "chain", "proof", "entry", what, "--out", proof)
            self.assertEqual(asked.code, 0, asked.out + asked.err)
            return self.believe(proof)["facts"]

        facts = prove(f"account:{made['account']},account:{'ab' * 32},jobs:,job:{'00' * 8}")
        self.assertEqual([fact["there"] for fact in facts[:2]], [True, False])
        self.assertEqual(len(facts), 4)
        for bad in ("account:ab", "acount:" + "ab" * 32, "beacon:00", ",".join(["jobs:"] * 5)):
            asked = kith("--home", self.here, "chain", "proof", "entry", bad)
            self.assertEqual(asked.code, 2, (bad, asked.out, asked.err))

    def test_jobs_are_submitted_and_shown(self):
        self.account("create", "alice", "--max-fee", "1")

        def compute(*arguments, code=0):
            result = kith("--home", self.here, "--json", "compute", *arguments)
            self.assertEqual(result.code, code, (arguments, result.out, result.err))
            return result.json()

        work = ("--workload", f"external:{EXAMPLE}", "--from", 1, "--to", 6400, "--price", "0.01")
        plan = compute("submit", *work, "--step", 640, "--dry-run")
        self.assertEqual((plan["tasks"], plan["units"], plan["slices"]), (10, 16, 4))
        made = compute("submit", *work, "--step", 640, "--max-fee", "1", "--wait")
        self.assertEqual(made["status"], "final", made)
        job = compute("job", 1)
        sha256 = hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
        self.assertEqual((job["workload"], job["from"], job["to"], job["tasks"], job["name"]),
                         (f"external:{sha256}", "1", "6400", 10, "alice"))
        for wrong, word in ((("--step", 641), "64 equal slices"), ((), "--step is missing"),
                            (("--step", 640, "--units", 8), "power of 4")):
            error = compute("submit", *work, *wrong, "--dry-run", code=2)["error"]
            self.assertEqual(error["code"], "usage")
            self.assertIn(word, error["message"])
        collatz = ("--from", "2^71", "--to", "2^71+2^65-1", "--price", "1", "--dry-run")
        for workload, wrong in (("collatz", ("--step", 1)), ("prayer", ())):
            error = compute("submit", "--workload", workload, *collatz, *wrong, code=2)["error"]
            self.assertEqual(error["code"], "usage")
        gone = compute("submit", "--workload", "external:/nowhere", "--from", 1, "--to", 64,
                       "--step", 64, "--price", "1", "--dry-run", code=1)
        self.assertEqual(gone["error"]["code"], "not_found")

    def test_errors_say_what_to_do(self):
        self.assertIn("kith account create", self.refused("not_found", "show"))
        self.refused("not_found", "show", "nobody")
        self.refused("not_found", "bond", "--amount", "1", "--account", "nobody")
        self.refused("usage", "bond", "--amount", "0", "--account", "nobody", exit_code=2)
        elsewhere = self.home("elsewhere")
        self.refused("unreachable", "create", "alice", exit_code=3, home=elsewhere)
        self.refused("unreachable", "list", exit_code=3, home=elsewhere)
        self.refused("unreachable", "show", "alice", exit_code=3, home=elsewhere)
        shown = subprocess.run([KITH, "account", "create", "--help"], capture_output=True,
                               text=True, timeout=LIMIT_S, env=environment(), check=False)
        self.assertIn("Example:\n  kith account create alice", shown.stdout)


if __name__ == "__main__":
    main()
