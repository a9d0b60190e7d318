"""Validators that run the program before are upgraded one by one, while clients pay: the chain
never forks and never stands still for long, and what both programs say of it is one ledger.

KITH_OLD_BIN names the program before. Without it the same one stands in: then only what an upgrade
does to a network is tested, not what the two programs think of each other.
"""
import os
import random
import signal
import time

from e2e import KITH, LIMIT_S, Case, kith, main
from faults import Account, Clients, Validators
from history import check

OLD = os.environ.get("KITH_OLD_BIN", "")
VALIDATORS = 4
COINS_EACH, COIN_UNITS = 8, 50 * 100_000_000


class UpgradeTest(Case):
    def test_one_by_one_while_payments_go_on(self):
        draft = self.folder / "draft.kith"
        for words in (("new", draft, "--network", "faults"),
                      ("add-validator", draft, "--home", self.home("somebody"))):
            self.assertEqual(kith("genesis", *words).code, 0)
        accounts = [Account(self.folder / "accounts", f"a{i}", draft) for i in range(2)]
        outputs = [f"{account.address}={COIN_UNITS}u" for account in accounts
                   for _ in range(COINS_EACH)]
        net = Validators(self.folder / "net", VALIDATORS, outputs, program=OLD or KITH)
        self.addCleanup(net.end)
        for account in accounts:
            account.restore(net.folder / "genesis.kith")
        for i in net.all():
            net.start(i)
        net.await_height(2)
        clients = Clients(net, accounts, len(accounts), seed=random.randrange(1_000_000))
        slowest = 0.0
        for i in net.all():
            process = net.running.pop(i)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(LIMIT_S), 0, net.words(i))
            began = time.monotonic()
            others = [other for other in net.all() if other != i]
            top = max(net.height(other) for other in others)
            net.start(i, KITH)
            net.await_height(top + 3)
            slowest = max(slowest, time.monotonic() - began)
            clients.check()
        clients.end()
        top = max(net.height(i) for i in net.all())
        net.await_height(top)
        for i in net.all():
            for account in accounts:
                net.read(i, "balance", account.address)
        blocks = net.blocks(1)
        digests = {block["height"]: block["digest"] for block in blocks}
        for i in net.all():
            told = net.digests(i)
            self.assertEqual({h: d for h, d in told.items() if digests.get(h, d) != d}, {})
        genesis = net.ask(1, "chain.params")["genesis"]
        coins = [(account.address, COIN_UNITS) for account in accounts for _ in range(COINS_EACH)]
        problems = check(genesis, coins, blocks, clients.payments, net.reads)
        self.assertEqual(problems, [], "\n".join(problems[:20]))
        final = [payment.status for payment in clients.payments].count("final")
        print(f"from {OLD or 'the same program'}: {len(blocks)} blocks, {final} payments told to "
              f"be final, all one again after {slowest:.1f} s at most", flush=True)
        self.assertGreater(final, 0)


if __name__ == "__main__":
    if not OLD:
        print("LEFT OUT: another program than this one (KITH_OLD_BIN names the one before)",
              flush=True)
    main()
