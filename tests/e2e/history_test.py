"""The checker of histories finds what no ledger may do."""
import copy
import unittest

from history import Payment, Read, check

COINS = [("a", 100), ("b", 50)]


def block(height, *transactions):
    return {"height": height, "digest": f"d{height}", "parent": f"d{height - 1}" if height > 1
            else "g", "transactions": list(transactions)}


def tx(txid, inputs, outputs, fee=1):
    return {"txid": txid, "inputs": inputs, "outputs": outputs, "fee": fee}


def good():
    """a pays b, then b pays a with it, and everybody looks."""
    return {
        "genesis": "g",
        "coins": COINS,
        "blocks": [block(1, tx("t1", ["g:0"], [("b", 30), ("a'", 69)])), block(2),
                   block(3, tx("t2", ["t1:0"], [("a", 10), ("b'", 19)]))],
        "payments": [Payment("a", "b", 30, 0.0, 1, 1.0, "final", 1, "t1"),
                     Payment("b", "a", 10, 1.5, 2, 2.0, "accepted"),
                     Payment("a", "b", 31, 1.6, 2, 2.0, "refused"),
                     Payment("a", "b", 32, 1.7, 2, 9.0)],
        "reads": [Read(1, "balance", "a", 0.1, 0.2, 0, (100, 1)),
                  Read(1, "utxos", "b", 1.1, 1.2, 1, {"g:1": 50, "t1:0": 30}),
                  Read(2, "balance", "b", 1.1, 1.2, 0, (50, 1)),
                  Read(1, "balance", "b", 3.0, 3.1, 3, (50, 1)),
                  Read(1, "supply", None, 3.0, 3.1, 3, {"outputs": 148, "bonded": 7, "owed": 2,
                       "treasury": 0, "minted": 157, "burnt": 0})],
    }


class HistoryTest(unittest.TestCase):
    def found(self, change):
        history = copy.deepcopy(good())
        change(history)
        return "\n".join(check(**history))

    def test_a_good_history_is_good(self):
        self.assertEqual(self.found(lambda _: None), "")

    def test_what_is_wrong_is_found(self):
        def forget(history):
            history["blocks"][0]["transactions"] = []
            del history["blocks"][2:]
            history["reads"] = []

        def pay_twice(history):
            history["blocks"][1]["transactions"] = [tx("t3", ["g:1"], [("b", 30)], 20)]

        wrong = {
            "and is None": forget,
            "once more": pay_twice,
            "is not there to spend": lambda h: h["blocks"][1]["transactions"].append(
                tx("t3", ["g:0"], [("b", 99)])),
            "takes 100 and gives 101": lambda h: h["blocks"][0]["transactions"][0].update(fee=2),
            "out of nothing": lambda h: h["blocks"][0]["transactions"][0].update(fee=0),
            "is paid by ['a', 'b']": lambda h: h["blocks"][1]["transactions"].append(
                tx("t3", ["g:1", "t1:1"], [("b", 118)])),
            "which nobody asked for": lambda h: h["payments"].pop(1),
            "a refused payment": lambda h: setattr(h["payments"][1], "status", "refused"),
            "final in block 2": lambda h: setattr(h["payments"][0], "height", 2),
            "was paid by a": lambda h: setattr(h["payments"][0], "payer", "b"),
            "began when one of block 1": lambda h: (setattr(h["payments"][0], "began", 1.2),
                                                    h["payments"].append(Payment(
                                                        "a", "b", 33, 0.0, 1, 1.1, "final", 1,
                                                        "t9"))),
            "not on d1": lambda h: h["blocks"][1].update(parent="d7"),
            "told for height 3 balance": lambda h: setattr(h["reads"][3], "answer", (80, 2)),
            "told for height 1 utxos": lambda h: h["reads"][1].answer.pop("g:1"),
            "does not add up": lambda h: h["reads"][4].answer.update(owed=3),
            "told height 0 when it had told 1": lambda h: h["reads"].append(
                Read(1, "balance", "a", 1.3, 1.4, 0, (100, 1))),
            "told height 9": lambda h: h["reads"].append(Read(3, "height", None, 8, 8, 9)),
        }
        for words, change in wrong.items():
            self.assertIn(words, self.found(change), words)


if __name__ == "__main__":
    unittest.main(verbosity=2)
