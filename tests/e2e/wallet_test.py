"""Wallets beside real nodes: coins of a devnet's faucet go from home to home, signed here or on a
machine without a node; validators are bonded and leave."""
import json
import os
import pty
import select
import signal
import subprocess

from e2e import KITH, LIMIT_S, Case, environment, kith, main, wait_for

COIN = 100_000_000
WORDS = "abandon " * 11 + "about"


class Devnet:
    """`kith devnet` in a folder, until it is ended."""

    def __init__(self, folder, *arguments):
        self.folder = folder
        self.log = open(folder.parent / "devnet.log", "wb")
        self.process = subprocess.Popen(
            [KITH, "devnet", "--base-port", "0", "--dir", str(folder), "--json",
             *map(str, arguments)], stdout=subprocess.PIPE, stderr=self.log,
            stdin=subprocess.DEVNULL, env=environment())
        wait_for(lambda: self.height() >= 1 or self.process.poll() is not None, "blocks")
        assert self.process.poll() is None, (folder.parent / "devnet.log").read_text()

    def home(self, i):
        return self.folder / f"node{i}"

    def height(self, i=1):
        result = kith("chain", "status", "--json", "--home", self.home(i))
        return result.json()["height"] if result.code == 0 else -1

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(LIMIT_S)
        self.process.stdout.close()
        self.log.close()


class WalletTest(Case):
    def devnet(self, *arguments):
        devnet = Devnet(self.folder / "net", *arguments)
        self.addCleanup(devnet.end)
        return devnet

    def wallet(self, home, *arguments, code=0, env=None):
        result = kith("--home", home, "--json", "wallet", *arguments, env=env)
        self.assertEqual(result.code, code, (arguments, result.out, result.err))
        return result.json()

    def refused(self, home, code, *arguments, exit_code=1, env=None):
        error = self.wallet(home, *arguments, code=exit_code, env=env)["error"]
        self.assertEqual(error["code"], code, error)
        return error["message"]

    def balance(self, home, **options):
        return self.wallet(home, "balance", **options)

    def pay_in(self, net, address, coins):
        sent = self.wallet(net.home(1), "send", "--to", address, "--amount", coins, "--wait")
        self.assertEqual(sent["status"], "final")
        self.assertGreater(sent["height"], 0)
        return sent

    def test_the_receivers_light_client_proves_the_coins(self):
        net = self.devnet("--nodes", 1, "--validators", 1)
        payee = self.home("payee")
        genesis = net.folder / "genesis.kith"
        made = kith("--home", payee, "--json", f"--set=chain.genesis={genesis}", "wallet", "create",
                    "--no-passphrase")
        self.assertEqual(made.code, 0, made.err)
        address = made.json()["address"]
        sent = self.pay_in(net, address, "3.25")
        told = kith("--home", net.home(1), "--json", "chain", "tx", sent["txid"]).json()
        index = [each["address"] for each in told["outputs"]].index(address)

        def prove(*what):
            path = self.folder / what[0]
            asked = kith("--home", net.home(1), "chain", "proof", *what, "--out", path)
            self.assertEqual(asked.code, 0, asked.err)
            return path

        def verify(path, *expected):
            # The payee has the genesis and the proof; no node.
            return kith("--home", payee, "--json", "light", "verify", path, "--genesis", genesis,
                        *expected)

        coin = prove("output", f"{sent['txid']}:{index}")
        paid = ("--address", address, "--amount", 325_000_000, "--unspent")
        self.assertEqual(verify(coin, *paid).code, 0)
        self.assertEqual(verify(coin, "--address", address, "--amount", 325_000_001).code, 4)
        self.assertEqual(verify(coin, "--spent").code, 4)
        self.assertEqual(verify(prove("tx", sent["txid"]), "--txid", sent["txid"]).code, 0)
        forged = bytearray(coin.read_bytes())
        forged[len(forged) // 2] ^= 1
        coin.write_bytes(forged)
        self.assertEqual(verify(coin, *paid).code, 4)

    def test_coins_go_from_home_to_home(self):
        net = self.devnet("--nodes", 2, "--validators", 2)
        one, two = net.home(1), net.home(2)
        self.assertEqual((net.folder / "faucet.words").stat().st_mode & 0o777, 0o600)
        secret = self.folder / "passphrase"
        secret.write_text("correct horse\n")
        secret.chmod(0o600)
        sealed = ("--passphrase-file", secret)
        made = self.wallet(two, "create", "--words", 12, *sealed)
        self.assertTrue(made["is_sealed"])
        self.assertEqual(len(made["words"].split()), 12)
        self.assertEqual(os.stat(made["file"]).st_mode & 0o777, 0o600)
        self.refused(two, "exists", "create", *sealed)

        before = self.balance(one)
        self.assertEqual(before["spendable"], 1_000_000 * COIN)
        plan = self.wallet(one, "send", "--to", made["address"], "--amount", "12.5", "--dry-run")
        self.assertEqual(plan["status"], "dry-run")
        sent = self.pay_in(net, made["address"], "12.5")
        self.assertEqual(sent["paid"], [{"address": made["address"], "value": 1_250_000_000}])
        self.assertGreater(sent["fee"], 0)
        self.assertEqual(self.balance(one)["final"], before["final"] - 1_250_000_000 - sent["fee"])
        # A locked wallet looks; it takes the passphrase to pay.
        wait_for(lambda: self.balance(two)["spendable"] == 1_250_000_000, "node 2 has it too")
        entries = self.wallet(two, "history")["entries"]
        self.assertEqual([(e["txid"], e["received"], e["spent"], e["status"]) for e in entries],
                         [(sent["txid"], 1_250_000_000, 0, "final")])
        utxos = self.wallet(two, "utxos")["utxos"]
        self.assertEqual([(u["value"], u["state"], u["address"]) for u in utxos],
                         [(1_250_000_000, "unspent", made["address"])])

        # A new address, and what is wrong with payments.
        fresh = self.wallet(two, "address", "--new", "--label", "rent")
        self.assertNotEqual(fresh["address"], made["address"])
        listed = self.wallet(two, "address", "--list")["addresses"]
        self.assertEqual([(a["label"], a["used"]) for a in listed], [(None, True), ("rent", False)])
        to = self.wallet(one, "address")["address"]
        pay = ("send", "--to", to, "--amount", "1")
        self.refused(two, "passphrase", *pay)
        self.refused(two, "passphrase", *pay, env={"KITH_WALLET_PASSPHRASE": "wrong"})
        message = self.refused(two, "refused", "send", "--to", to, "--amount", "20", *sealed)
        self.assertIn("not enough: 20 coins", message)
        self.assertIn("12.5 can be spent", message)
        for bad in (("--to", to[:-1] + ("q" if to[-1] != "q" else "p"), "--amount", "1"),
                    ("--to", "kith1", "--amount", "1"), ("--to", to, "--amount", "1.123456789"),
                    ("--to", to, "--amount", "0"), ("--to", to, "--amount", "-1"),
                    ("--to", to, "--amount", "0.00000001"),
                    ("--to", to, "--amount", "1", "--fee-rate", "0.00000001")):
            self.refused(two, "usage", "send", *bad, *sealed, exit_code=2)
        self.refused(two, "refused", "send", "--to", to, "--amount", "1", "--max-fee",
                     "0.00000001", *sealed)

        # The payee pays the fee; then everything goes.
        sent = self.wallet(two, "send", "--to", to, "--amount", "2", "--subtract-fee", "--wait",
                           env={"KITH_WALLET_PASSPHRASE": "correct horse"})
        self.assertEqual(sent["paid"][0]["value"] + sent["fee"], 2 * COIN)
        self.assertEqual(self.balance(two)["spendable"], 1_050_000_000)
        sent = self.wallet(two, "send", "--to", to, "--all", "--wait", *sealed)
        self.assertEqual(sent["paid"][0]["value"] + sent["fee"], 1_050_000_000)
        self.assertEqual(self.balance(two)["final"], 0)
        self.assertEqual(len(self.wallet(two, "history", "--limit", 2)["entries"]), 2)

        # Gone with its file, and back from its words.
        os.unlink(made["file"])
        self.refused(two, "not_found", "balance")
        words = self.folder / "words"
        words.write_text(made["words"].upper() + "\n")
        again = self.wallet(two, "restore", "--words-file", words, "--no-passphrase")
        self.assertEqual(again["address"], made["address"])
        self.assertGreaterEqual(again["addresses_used"], 2)
        self.assertEqual(len(self.wallet(two, "history")["entries"]), 3)

    def test_what_waits_outlives_a_restart(self):
        net = self.devnet("--nodes", 2, "--validators", 2)
        net.end()
        # Of two validators there is one: nothing becomes final.
        first = self.start("net/node1")
        sent = self.wallet(net.home(1), "send", "--to",
                           self.wallet(net.home(1), "address", "--new")["address"],
                           "--amount", 2)

        def told(node):
            return node.call("chain", "tx", sent["txid"])

        self.assertIn(told(first)["status"], ("mempool", "pending"))
        first.end()
        self.assertTrue((net.home(1) / "chain" / "mempool.dat").exists())
        again = self.start("net/node1")
        wait_for(lambda: again.call("chain", "status")["mempool"]["transactions"] == 1,
                 "what waited", LIMIT_S / 2)
        self.assertIn(told(again)["status"], ("mempool", "pending"))
        self.start("net/node2", "--bootstrap", again.address)
        wait_for(lambda: told(again)["status"] == "final", "it to be final", LIMIT_S / 2)

    def test_coins_are_merged(self):
        net = self.devnet("--nodes", 1, "--validators", 1)
        home = net.home(1)
        merged = self.wallet(home, "merge", "--wait")
        self.assertEqual(merged["inputs"], 100)
        self.assertEqual(merged["paid"], [])
        self.assertEqual(merged["back"] + merged["fee"], 1_000_000 * COIN)
        self.assertEqual(self.balance(home)["coins"], 1)
        self.refused(home, "refused", "merge")

    def test_a_machine_without_a_node_signs(self):
        net = self.devnet("--nodes", 1, "--validators", 1)
        here, cold = net.home(1), self.home("cold")
        to = self.wallet(cold, "create", "--no-passphrase", "--wallet", "other",
                         env={"KITH_CHAIN_GENESIS": str(net.folder / "genesis.kith")})["address"]
        # The same words on the machine that knows no node.
        env = {"KITH_CHAIN_GENESIS": str(net.folder / "genesis.kith")}
        self.wallet(cold, "restore", "--no-passphrase", "--words-file",
                    net.folder / "faucet.words", env=env)
        file, signed = self.folder / "payment.tx", self.folder / "signed.tx"
        plan = self.wallet(here, "send", "--to", to, "--amount", "3", "--unsigned", file)
        self.assertEqual(plan["status"], "unsigned")
        self.refused(here, "bad_signature", "broadcast", file)
        self.refused(cold, "bad_key", "sign", file, "--wallet", "other")
        self.refused(cold, "refused", "sign", file, "--max-fee", "0.00000001")
        done = self.wallet(cold, "sign", file, "--out", signed)
        self.assertEqual(done["status"], "signed")
        self.assertEqual(done["txid"], plan["txid"])
        self.assertEqual(done["paid"], [{"address": to, "value": 3 * COIN}])
        self.assertEqual(done["back"], plan["back"])
        sent = self.wallet(here, "broadcast", signed, "--wait")
        self.assertEqual((sent["status"], sent["txid"]), ("final", plan["txid"]))
        # A file that lies about a value does not add up.
        lie = bytearray(signed.read_bytes())
        lie[-1 - 3 * 5] ^= 1  # behind it are the places of one witness and two outputs
        (self.folder / "lie.tx").write_bytes(lie)
        self.assertIn("but outputs, fee and bonds of",
                      self.refused(cold, "malformed", "sign", self.folder / "lie.tx"))

    def test_a_validator_is_bonded_and_leaves(self):
        net = self.devnet("--nodes", 2, "--validators", 1)
        two = net.home(2)
        address = self.wallet(two, "create", "--no-passphrase")["address"]
        self.pay_in(net, address, "2500")
        wait_for(lambda: self.balance(two)["spendable"] == 2500 * COIN, "node 2 has it too")

        def validator(*arguments, code=0):
            result = kith("--home", two, "--json", "validator", *arguments)
            self.assertEqual(result.code, code, (arguments, result.out, result.err))
            return result.json()

        self.assertEqual(validator("status", code=1)["error"]["code"], "not_found")
        self.assertEqual(validator("bond", "--amount", "999", code=2)["error"]["code"], "usage")
        bonded = validator("bond", "--amount", "1000", "--wait")
        self.assertEqual((bonded["status"], bonded["bonded"]), ("final", 1000 * COIN))
        wait_for(lambda: kith("--home", two, "validator", "status").code == 0, "it is registered")
        status = validator("status")
        self.assertEqual((status["status"], status["stake"]), ("active", 1000 * COIN))
        self.assertIn(status["owner"],
                      [a["address"] for a in self.wallet(two, "address", "--list")["addresses"]])
        validator("bond", "--amount", "200", "--wait")
        wait_for(lambda: validator("status")["stake"] == 1200 * COIN, "stake was added")
        listed = validator("list")
        self.assertEqual(listed["total"], 2)
        self.assertIn(status["key"], [entry["key"] for entry in listed["validators"]])
        first = validator("list", "--limit", 1)
        self.assertEqual(validator("list", "--after", first["next"])["validators"],
                         listed["validators"][1:])

        self.assertEqual(validator("unbond", "--amount", "5000", code=1)["error"]["code"],
                         "refused")
        self.assertEqual(validator("unjail", code=1)["error"]["code"], "refused")
        validator("unbond", "--amount", "150", "--wait")
        validator("unbond", "--all", "--wait")
        wait_for(lambda: validator("status")["status"] == "leaving", "it leaves")
        status = validator("status")
        self.assertEqual(sum(part["amount"] for part in status["unbonding"]), 1200 * COIN)

    def test_a_passphrase_is_asked_for_without_echo(self):
        home = self.home()
        env = environment({"KITH_CHAIN_GENESIS": str(self.genesis())})
        self.assertNotEqual(self.typed(home, env, [b"hunter2hunter2\n", b"hunter3\n"])[0], 0)
        code, shown = self.typed(home, env, [b"hunt\x03"])
        self.assertIn(b"interrupted", shown)
        self.assertNotEqual(code, 0)
        code, shown = self.typed(home, env, [b"hunter2hunter2\n"] * 2)
        self.assertEqual(code, 0, shown)
        self.assertNotIn(b"hunt", shown)
        self.assertIn(b"kith1", shown)
        words = self.wallet(home, "words", env={"KITH_WALLET_PASSPHRASE": "hunter2hunter2"})
        self.assertEqual(len(words["words"].split()), 12)

    def typed(self, home, env, answers):
        """`wallet create` on a terminal; gives its exit code and what was shown."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(KITH, [KITH, "--home", str(home), "wallet", "create", "--words", "12"], env)
        shown = b""
        for answer in answers:
            asked = shown.count(b": ")
            while shown.count(b": ") == asked:
                self.assertTrue(select.select([terminal], [], [], LIMIT_S)[0], shown)
                shown += os.read(terminal, 1024)
            os.write(terminal, answer)
        while True:
            try:
                part = os.read(terminal, 1024)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            shown += part
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown

    def genesis(self):
        """Of a devnet that was made and ended."""
        folder = self.folder / "made"
        result = kith("devnet", "--nodes", 1, "--validators", 1, "--until-height", 1,
                      "--base-port", 0, "--dir", folder, "--json")
        self.assertEqual(result.code, 0, result.out + result.err)
        return folder / "genesis.kith"

    def test_without_a_node(self):
        home = self.home()
        self.refused(home, "config", "create", "--no-passphrase")
        env = {"KITH_CHAIN_GENESIS": str(self.genesis())}
        self.refused(home, "passphrase", "create", env=env)
        self.refused(home, "usage", "create", "--no-passphrase", "--wallet", "../x", env=env,
                     exit_code=2)
        # Words by standard input, never as arguments.
        restored = subprocess.run(
            [KITH, "--home", str(home), "--json", "wallet", "restore", "--no-passphrase"],
            input=WORDS, capture_output=True, text=True, env=environment(env), timeout=LIMIT_S,
            check=False)
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.assertEqual(json.loads(restored.stdout)["address"],
                         self.wallet(home, "address")["address"])
        words = self.folder / "words"
        words.write_text(WORDS.replace("about", "abandon"))
        message = self.refused(home, "malformed", "restore", "--words-file", words,
                               "--no-passphrase", "--wallet", "b", env=env)
        self.assertIn("checksum", message)
        self.assertEqual(self.wallet(home, "words")["words"], WORDS)
        self.refused(home, "unreachable", "balance", exit_code=3)
        self.refused(home, "unreachable", "send", "--to", "kith1q", "--amount", "1", exit_code=3)
        for _ in range(19):
            self.wallet(home, "address", "--new")
        self.refused(home, "limit", "address", "--new")
        # Damage is told apart from a wrong passphrase.
        path = home / "wallet" / "default.wallet"
        spoilt = bytearray(path.read_bytes())
        spoilt[100] ^= 1
        path.write_bytes(spoilt)
        self.refused(home, "bad_key", "address")
        path.chmod(0o644)
        self.refused(home, "permission", "address", exit_code=5)


if __name__ == "__main__":
    main()
