"""A node that joins a running network late, over real sockets and disks."""
import shutil
import time

from chain_test import Nodes
from e2e import Case, kith, main


class SyncTest(Case):
    def test_who_joins_late_is_where_the_others_are(self):
        folder = self.folder / "net"
        made = kith("devnet", "--validators", 4, "--until-height", 3, "--base-port", 0, "--dir",
                    folder, "--json")
        self.assertEqual(made.code, 0, made.out + made.err)
        nodes = Nodes(folder)
        try:
            nodes.start(1)
            nodes.wait_until("node 1 is up", lambda: nodes.status(1) is not None)
            first = kith("status", "--json", "--home", nodes.home(1)).json()["addresses"][0]
            for i in (2, 3, 4):
                path = nodes.home(i) / "config.toml"
                lines = [line for line in path.read_text().splitlines()
                         if not line.startswith("bootstrap")]
                path.write_text("\n".join([*lines, f'bootstrap = ["{first}"]']) + "\n")
                nodes.start(i)
            nodes.wait_until("all go on", lambda: min(nodes.height(i) for i in (1, 2, 3, 4)) >= 6)

            # A fifth, which only follows: another's home without its keys and its chain.
            home = nodes.home(5)
            shutil.copytree(nodes.home(4), home, ignore=shutil.ignore_patterns(
                "validator", "chain", "identity*", "*.db*", "*.sock", "*.lock", "*.token"))
            nodes.start(5)
            nodes.wait_until("the fifth is there",
                             lambda: nodes.height(5) >= nodes.height(1) - 1 and nodes.height(5) > 5)
            status = nodes.status(5)
            self.assertFalse(status["is_validator"])
            self.assertEqual(status["floor"], 1)
            self.assertGreaterEqual(status["target_height"], 6)
            for height in range(1, 6):
                self.assertEqual(nodes.digest(5, height), nodes.digest(1, height))

            # One that was killed catches up with what it missed.
            nodes.kill(5)
            seen = nodes.height(1)
            nodes.wait_until("others go on", lambda: nodes.height(1) >= seen + 2)
            nodes.start(5)
            began = time.monotonic()
            nodes.wait_until("it is back", lambda: nodes.height(5) >= seen + 2)
            self.assertLess(time.monotonic() - began, 30)
        finally:
            nodes.end()


if __name__ == "__main__":
    main()
