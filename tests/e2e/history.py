"""What clients of a chain asked and were told while nodes failed, and whether one ledger can have
told it: the check of faults_test.py, pure, and itself tested by history_test.py.

Writes are linearizable: a payment stands in one block at most, at the height that was told, behind
every block that held a payment told before this one began. A read is of the height it tells: it is
what all blocks up to there lead to, and a node that has told a height never again tells a lower
one, though it was killed in between. So whoever was told by a node that a payment is final sees it
there in all that he reads from then on.
"""
import dataclasses


@dataclasses.dataclass
class Payment:
    """One attempt. Its amount is no other's, so that the chain tells which ones it holds."""
    payer: str
    payee: str
    amount: int
    began: float
    node: int
    ended: float = None
    # final, accepted, refused, or None: nobody knows.
    status: str = None
    height: int = None
    txid: str = None


@dataclasses.dataclass
class Read:
    """`kind`: balance (units and outputs), utxos (outpoint -> units, what is final), supply, or
    height (nothing else was asked)."""
    node: int
    kind: str
    address: str
    began: float
    ended: float
    height: int
    answer: object = None


class Ledger:
    """All blocks one after the other, as no ledger may break them."""

    def __init__(self, genesis, coins):
        """`coins`: (address, units) in the order of genesis."""
        self.unspent = {}
        self.coins = {}  # the same by address
        for index, coin in enumerate(coins):
            self.keep(f"{genesis}:{index}", coin)
        self.owner = {address: address for address, _ in coins}  # account by address
        self.left = self.total = sum(units for _, units in coins)
        self.fees = 0
        self.height = 0
        self.digest = genesis
        self.place = {}  # (payee, amount) -> (height, txid, payer)
        self.problems = []

    def complain(self, text):
        self.problems.append(f"block {self.height}: {text}")

    def keep(self, outpoint, coin):
        self.unspent[outpoint] = coin
        self.coins.setdefault(coin[0], {})[outpoint] = coin[1]

    def add(self, block):
        self.height += 1
        if block["height"] != self.height or block["parent"] != self.digest:
            self.complain(f"{block['height']} on {block['parent']}, not on {self.digest}")
        self.digest = block["digest"]
        for tx in block["transactions"]:
            self.spend(tx)
        if self.left + self.fees != self.total:
            self.complain("coins came out of nothing, or are gone")

    def spend(self, tx):
        payers = set()
        given = 0
        for outpoint in tx["inputs"]:
            coin = self.unspent.pop(outpoint, None)
            if coin is None:
                self.complain(f"{tx['txid']} spends {outpoint}, which is not there to spend")
                continue
            del self.coins[coin[0]][outpoint]
            payers.add(self.owner[coin[0]])
            given += coin[1]
        if len(payers) != 1:
            self.complain(f"{tx['txid']} is paid by {sorted(payers)}")
        payer = min(payers, default=None)
        taken = tx["fee"]
        for index, (address, units) in enumerate(tx["outputs"]):
            taken += units
            self.keep(f"{tx['txid']}:{index}", (address, units))
            if address not in self.owner:  # new: the payer's change
                self.owner[address] = payer
                continue
            if (address, units) in self.place:
                self.complain(f"{tx['txid']} pays {units} to {address} once more")
            self.place[address, units] = (self.height, tx["txid"], payer)
        if given != taken:
            self.complain(f"{tx['txid']} takes {given} and gives {taken}")
        self.left += taken - tx["fee"] - given
        self.fees += tx["fee"]

    def coins_of(self, address):
        return self.coins.get(address, {})


def check(genesis, coins, blocks, payments, reads):
    """What is wrong, in sentences. `blocks`, from the first on: each `height`, `digest`, `parent`
    and `transactions` of `txid`, `inputs` (outpoints), `outputs` ((address, units)) and `fee`."""
    ledger = Ledger(genesis, coins)
    problems = ledger.problems
    by_height = {}
    for read in reads:
        by_height.setdefault(read.height, []).append(read)
    for height in range(len(blocks) + 1):
        if height > 0:
            ledger.add(blocks[height - 1])
        for read in by_height.pop(height, ()):
            problems += check_read(read, ledger)
    problems += [f"node {read.node} told height {read.height}, and the chain has {len(blocks)}"
                 for late in by_height.values() for read in late]
    problems += check_payments(payments, ledger)
    problems += check_order(payments)
    problems += check_heights(payments, reads)
    return problems


def check_read(read, ledger):
    if read.kind == "supply":
        told = read.answer
        if told["outputs"] + told["bonded"] + told["owed"] + told["treasury"] != \
                told["minted"] - told["burnt"]:
            yield f"node {read.node} at {read.height}: the supply does not add up: {told}"
        return
    if read.kind == "height":
        return
    coins = ledger.coins_of(read.address)
    expected = dict(coins) if read.kind == "utxos" else (sum(coins.values()), len(coins))
    if read.answer != expected:
        yield (f"node {read.node} told for height {read.height} {read.kind} {read.answer} of "
               f"{read.address}, and the blocks lead to {expected}")


def check_payments(payments, ledger):
    known = {}
    for payment in payments:
        known[payment.payee, payment.amount] = payment
        place = ledger.place.get((payment.payee, payment.amount))
        if payment.status == "refused" and place:
            yield f"a refused payment of {payment.amount} is in block {place[0]}"
        if payment.status == "final" and (place is None or
                                          place[:2] != (payment.height, payment.txid)):
            yield (f"a payment of {payment.amount} was told to be final in block {payment.height} "
                   f"as {payment.txid}, and is {place}")
        if place and place[2] != payment.payer:
            yield f"a payment of {payment.amount} by {payment.payer} was paid by {place[2]}"
    for (payee, amount), place in ledger.place.items():
        if (payee, amount) not in known:
            yield f"block {place[0]} pays {amount} to {payee}, which nobody asked for"
        else:
            known[payee, amount].height = place[0]


def check_order(payments):
    """Who began when another was told to be final is in a later block. REQUIRES heights as the
    chain has them."""
    told = sorted((p.ended, p.height) for p in payments if p.status == "final")
    highest, at = 0, 0
    for payment in sorted((p for p in payments if p.height), key=lambda p: p.began):
        while at < len(told) and told[at][0] < payment.began:
            highest = max(highest, told[at][1])
            at += 1
        if payment.height <= highest:
            yield (f"a payment of {payment.amount} is in block {payment.height}, and began when "
                   f"one of block {highest} was final")


def check_heights(payments, reads):
    """Of each node: what it has told it tells from then on. That a payment is final tells that the
    node is so far at least: it may be further."""
    finals = [(p.node, p.ended, p.height) for p in payments if p.status == "final"]
    for node in {read.node for read in reads}:
        mine = [read for read in reads if read.node == node]
        ends = sorted([(read.ended, read.height) for read in mine] +
                      [(ended, height) for where, ended, height in finals if where == node])
        highest, at = 0, 0
        for read in sorted(mine, key=lambda read: read.began):
            while at < len(ends) and ends[at][0] < read.began:
                highest = max(highest, ends[at][1])
                at += 1
            if read.height < highest:
                yield f"node {node} told height {read.height} when it had told {highest}"
