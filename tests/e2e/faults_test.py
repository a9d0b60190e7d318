"""Four validators as real processes are killed (-9), stopped (SIGSTOP) and find their disks full,
round after round, while clients pay each other through wallets and look at balances. After each
round all go on. At the end there is one ledger: what was told is what its blocks lead to
(history.py), nothing that was final is lost, and all nodes have the same.

KITH_FAULT_ROUNDS: how many (5); KITH_FAULT_SEED: of which (drawn, and printed). A failure keeps the
folder, logs and the history, and names them.
"""
import dataclasses
import json
import os
import pathlib
import random
import shutil
import tempfile
import time

from e2e import Case, kith, main
from faults import Account, Clients, Validators, go_where_disks_can_be_small
from history import check

VALIDATORS = 4
ROUNDS = int(os.environ.get("KITH_FAULT_ROUNDS", "5"))
SEED = int(os.environ.get("KITH_FAULT_SEED", str(random.SystemRandom().randrange(1_000_000))))
CLIENTS = 3
COINS_EACH, COIN_UNITS = 8, 50 * 100_000_000
# So long a full disk may still have room for what is written: files are made longer beforehand.
FULL_S = 2


class Faults:
    """Each fault begins and ends; who is off is started again."""

    def __init__(self, net, rng):
        self.net = net
        self.rng = rng
        self.ended_by_full_disks = 0
        self.kinds = [self.kill_one, self.stop_one, self.kill_all, self.kill_two, self.stop_two,
                      self.kill_again, self.kill_the_stopped, self.stop_and_kill, self.limit_files]
        if net.has_disks:
            self.kinds += [self.fill_one, self.fill_two, self.start_on_a_full_disk]
        # Short runs see one of each sort.
        self.to_come = [self.kinds[-1], self.limit_files, self.kill_all, self.stop_one,
                        self.kill_one]

    def next(self):
        """Every kind once, in some order, then again."""
        if not self.to_come:
            self.to_come = list(self.kinds)
            self.rng.shuffle(self.to_come)
        return self.to_come.pop()

    def some(self, count):
        return self.rng.sample(self.net.all(), count)

    def last(self, least=0.2, most=1.5):
        """How long a fault lasts is the point, not a wait for something."""
        time.sleep(self.rng.uniform(least, most))

    def kill(self, count, least=0.0, most=1.5):
        victims = self.some(count)
        for i in victims:
            self.net.kill(i)
        self.last(least, most)
        for i in victims:
            self.net.start(i)

    def kill_one(self):
        self.kill(1)

    def kill_two(self):
        self.kill(2)

    def kill_all(self):
        self.kill(VALIDATORS)

    def kill_again(self):
        """At any step of its start."""
        victim, = self.some(1)
        for _ in range(3):
            self.net.kill(victim)
            self.net.start(victim)
            self.last(0, 0.3)

    def stop(self, count):
        victims = self.some(count)
        for i in victims:
            self.net.stop(i)
        self.last(0.3, 3)
        for i in victims:
            self.net.resume(i)

    def stop_one(self):
        self.stop(1)

    def stop_two(self):
        self.stop(2)

    def kill_the_stopped(self):
        victim, = self.some(1)
        self.net.stop(victim)
        self.last()
        self.net.kill(victim)
        self.net.start(victim)

    def stop_and_kill(self):
        stopped, killed = self.some(2)
        self.net.stop(stopped)
        self.net.kill(killed)
        self.last()
        self.net.resume(stopped)
        self.net.start(killed)

    def starve(self, victims, begin, end):
        for i in victims:
            begin(i)
        for i in victims:
            if self.net.await_end(i, FULL_S):
                self.ended_by_full_disks += 1
            else:
                self.net.kill(i)
        for i in victims:
            end(i)
            self.net.start(i)

    def fill(self, count):
        victims = self.some(count)
        self.starve(victims, lambda i: self.net.fill(i, self.rng.randrange(64)), lambda _: None)
        # It comes back too early: there is no room yet.
        self.starve(victims, lambda _: None, self.net.free)

    def fill_one(self):
        self.fill(1)

    def fill_two(self):
        self.fill(2)

    def start_on_a_full_disk(self):
        victim, = self.some(1)
        self.net.kill(victim)
        self.net.fill(victim, self.rng.randrange(64))
        self.net.start(victim)
        self.starve([victim], lambda _: None, self.net.free)

    def limit_files(self):
        """For a process what a full disk is, where none can be had."""
        self.starve(self.some(1), lambda i: self.net.limit_files(i, self.rng.randrange(65536)),
                    lambda _: None)


class FaultsTest(Case):
    def test_one_ledger_whatever_fails(self):
        print(f"KITH_FAULT_SEED={SEED} KITH_FAULT_ROUNDS={ROUNDS}", flush=True)
        accounts = self.accounts()
        outputs = [f"{account.address}={COIN_UNITS}u" for account in accounts
                   for _ in range(COINS_EACH)]
        net = Validators(self.folder / "net", VALIDATORS, outputs, HAS_DISKS)
        self.addCleanup(net.end)
        for account in accounts:
            account.restore(net.folder / "genesis.kith")
        clients = None
        try:
            for i in net.all():
                net.start(i)
            net.await_height(2)
            clients = Clients(net, accounts, CLIENTS, SEED)
            faults = self.rounds(net, clients)
            clients.end()
            self.check(net, accounts, clients, faults)
        except BaseException:
            self.keep(net, clients)
            raise

    def accounts(self):
        """So many that the addresses of change, of which each wallet asks, do not slow it down."""
        draft = self.folder / "draft.kith"
        for words in (("new", draft, "--network", "faults"),
                      ("add-validator", draft, "--home", self.home("somebody"))):
            made = kith("genesis", *words)
            self.assertEqual(made.code, 0, made.err)
        return [Account(self.folder / "accounts", f"a{i}", draft)
                for i in range(CLIENTS + ROUNDS // 10)]

    def rounds(self, net, clients):
        faults = Faults(net, random.Random(SEED))
        self.slowest = 0.0
        for number in range(ROUNDS):
            fault = faults.next()
            fault()
            top = max(net.height(i) for i in net.all())
            took = net.await_height(top + 2)
            clients.check()
            self.slowest = max(self.slowest, took)
            print(f"round {number}: {fault.__name__}, one again after {took:.1f} s at {top + 2}",
                  flush=True)
        return faults

    def check(self, net, accounts, clients, faults):
        top = max(net.height(i) for i in net.all())
        net.await_height(top)
        for i in net.all():
            for account in accounts:
                net.read(i, "balance", account.address)
                net.read(i, "utxos", account.address)
            net.read(i, "supply")
        last = max(net.height(i) for i in net.all())
        net.await_height(last)
        blocks = net.blocks(1)
        genesis = net.ask(1, "chain.params")["genesis"]
        digests = {block["height"]: block["digest"] for block in blocks}
        for i in net.all():
            mine = net.digests(i)
            self.assertGreaterEqual(len(mine), last)
            differ = [h for h, digest in mine.items() if digests.get(h, digest) != digest]
            self.assertEqual(differ, [], f"node {i} has other blocks than node 1")
        self.assertEqual(net.end(), [0] * VALIDATORS)
        for i in net.all():
            looked = kith("inspect", "--deep", "--home", net.home(i), "--json")
            self.assertEqual(looked.code, 0, f"node {i}: {looked.out} {looked.err}")

        coins = [(account.address, COIN_UNITS) for account in accounts for _ in range(COINS_EACH)]
        problems = check(genesis, coins, blocks, clients.payments, net.reads)
        self.assertEqual(problems, [], "\n".join(problems[:20]))
        states = [payment.status for payment in clients.payments]
        count = {state: states.count(state) for state in ("final", "accepted", "refused", None)}
        in_blocks = sum(len(block["transactions"]) for block in blocks)
        print(f"{ROUNDS} rounds, {len(blocks)} blocks with {in_blocks} payments; told to be final: "
              f"{count['final']}, accepted: {count['accepted']}, refused: {count['refused']}, "
              f"unknown: {count[None]}; {len(net.reads)} reads; full disks ended "
              f"{faults.ended_by_full_disks} nodes; one again after {self.slowest:.1f} s at most",
              flush=True)
        self.assertGreater(count["final"], ROUNDS)
        if ROUNDS >= len(faults.kinds):
            self.assertGreater(faults.ended_by_full_disks, 0)

    def keep(self, net, clients):
        """Homes on file systems of our own would go with this process."""
        kept = pathlib.Path(tempfile.mkdtemp(prefix="kith-faults-"))
        net.end()
        shutil.copytree(self.folder, kept / "folder", symlinks=True,
                        ignore=shutil.ignore_patterns("*.sock"))
        history = {"payments": clients.payments if clients else [], "reads": net.reads}
        text = json.dumps(history, default=dataclasses.asdict, indent=1)
        (kept / "history.json").write_text(text)
        print(f"KEPT {kept}, KITH_FAULT_SEED={SEED}", flush=True)


if __name__ == "__main__":
    HAS_DISKS = go_where_disks_can_be_small()
    main()
