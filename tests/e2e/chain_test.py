"""A chain of real processes: blocks become final, nodes are killed and come back, none is lost."""
import json
import signal
import subprocess
import time

from e2e import KITH, LIMIT_S, Case, environment, kith, main


class Nodes:
    """Nodes of a folder that `kith devnet` has made, each a process of ours."""

    def __init__(self, folder):
        self.folder = folder
        self.running = {}

    def home(self, i):
        return self.folder / f"node{i}"

    def start(self, i):
        self.running[i] = subprocess.Popen(
            [KITH, "start", "--home", str(self.home(i)), "--json"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment())

    def kill(self, i):
        process = self.running.pop(i)
        process.kill()
        process.wait()

    def end(self):
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def status(self, i):
        """None while the node does not answer."""
        result = kith("chain", "status", "--json", "--home", self.home(i))
        return result.json() if result.code == 0 else None

    def height(self, i):
        status = self.status(i)
        return -1 if status is None else status["height"]

    def wait_until(self, what, condition):
        end = time.monotonic() + LIMIT_S / 2
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError(f"it did not come to pass in time: {what}; heights "
                             f"{[self.height(i) for i in self.running]}")

    def digest(self, i, height):
        return kith("chain", "block", height, "--json", "--home",
                    self.home(i)).json()["digest"]


class ChainTest(Case):
    def test_blocks_become_final_and_a_rerun_goes_on(self):
        folder = self.folder / "net"
        before = 0
        for until in (4, 8):
            result = kith("devnet", "--validators", 4, "--until-height", until, "--base-port", 0,
                          "--dir", folder, "--json")
            self.assertEqual(result.code, 0, result.out + result.err)
            report = result.json()
            self.assertEqual(report["validators"], 4)
            self.assertGreaterEqual(report["finalized_height"], until)
            self.assertGreaterEqual(report["height"], before)
            self.assertEqual(report["forks"], 0)
            self.assertGreater(report["finality_ms"]["p50"], 0)
            before = report["height"]

    def test_one_may_be_killed_two_halt_it_and_it_goes_on(self):
        folder = self.folder / "net"
        base = 0
        made = kith("devnet", "--validators", 4, "--until-height", 2, "--base-port", base, "--dir",
                    folder, "--json")
        self.assertEqual(made.code, 0, made.out + made.err)
        nodes = Nodes(folder)
        # Ports were free ones: the nodes get their own again, and look for the first anew.
        try:
            nodes.start(1)
            nodes.wait_until("node 1 is up", lambda: nodes.status(1) is not None)
            status = kith("status", "--json", "--home", nodes.home(1)).json()
            first = status["addresses"][0]
            for i in (2, 3, 4):
                path = nodes.home(i) / "config.toml"
                lines = [line for line in path.read_text().splitlines()
                         if not line.startswith("bootstrap")]
                path.write_text("\n".join([*lines, f'bootstrap = ["{first}"]']) + "\n")
                nodes.start(i)
            start = 4
            nodes.wait_until("all go on",
                             lambda: all(nodes.height(i) >= start for i in (1, 2, 3, 4)))

            nodes.kill(4)
            seen = nodes.height(1)
            nodes.wait_until("three go on", lambda: nodes.height(1) >= seen + 3)

            nodes.kill(3)
            nodes.wait_until("what was under way is over",
                             lambda: len({nodes.height(1), nodes.height(2)}) == 1)
            halted = nodes.height(1)
            # Twice a view's timeout: whoever still made blocks would have made one by now.
            time.sleep(5)
            self.assertLessEqual(nodes.height(1), halted + 1)
            halted = nodes.height(1)

            for i in (3, 4):
                nodes.start(i)
            nodes.wait_until("all go on together",
                             lambda: all(nodes.height(i) >= halted + 3 for i in (1, 2, 3, 4)))
            last = min(nodes.height(i) for i in (1, 2, 3, 4))
            for height in range(1, last + 1):
                digests = {nodes.digest(i, height) for i in (1, 2, 3, 4)}
                self.assertEqual(len(digests), 1, f"a fork at height {height}")
        finally:
            nodes.end()

    def test_bad_questions_are_answered_clearly(self):
        result = kith("chain", "status", "--home", self.folder, "--json")
        self.assertEqual(result.code, 3)
        self.assertEqual(json.loads(result.out)["error"]["code"], "unreachable")


if __name__ == "__main__":
    main()
