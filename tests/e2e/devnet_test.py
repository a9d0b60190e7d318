"""`kith devnet`: real processes that find each other from one address."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading

from e2e import KITH, LIMIT_S, Case, environment, kith, main, wait_for

KEYS = {"nodes", "validators", "height", "finalized_height", "forks", "peers_per_node_min",
        "finality_ms", "tx_committed", "compute", "wall_s", "clean_exit"}


def is_running(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def free_base_port():
    """A port P where those of two nodes are free now, below the ports that systems hand out: P for
    TCP, P+1 for packets, P+2 for WebSockets, P+5 for HTTP, and P+10 and so on."""
    for base in range(20000, 32000, 20):
        with contextlib.ExitStack() as stack:
            try:
                for offset in (0, 1, 2, 5, 10, 11, 12, 15):
                    kind = socket.SOCK_DGRAM if offset % 10 == 1 else socket.SOCK_STREAM
                    probe = stack.enter_context(socket.socket(type=kind))
                    probe.bind(("127.0.0.1", base + offset))
                return base
            except OSError:
                continue
    raise AssertionError("no free ports")


class DevnetTest(Case):
    def test_four_nodes_find_each_other(self):
        result = kith("devnet", "--nodes", 4, "--for", "5s", "--base-port", 0, "--json",
                      env={"TMPDIR": str(self.folder)})
        self.assertEqual(result.code, 0, result.out + result.err)
        report = result.json()
        self.assertLessEqual(KEYS, set(report))
        self.assertEqual(report["nodes"], 4)
        self.assertEqual(report["peers_per_node_min"], 3)
        self.assertTrue(report["clean_exit"])
        self.assertEqual(report["validators"], 4)
        self.assertGreater(report["height"], 0)
        self.assertEqual(report["forks"], 0)
        self.assertGreater(report["pings_answered"], 0)
        self.assertGreater(report["learned"], 0)
        self.assertGreater(report["gossip"]["published"], 0)
        self.assertEqual(report["gossip"]["delivered"], 3 * report["gossip"]["published"])
        self.assertEqual(list(self.folder.iterdir()), [], "the temporary folder is gone")

    def test_without_validators_there_is_no_chain(self):
        result = kith("devnet", "--nodes", 2, "--validators", 0, "--for", "2s", "--base-port", 0,
                      "--json")
        self.assertEqual(result.code, 0, result.out + result.err)
        for key in ("validators", "height", "finalized_height", "forks", "finality_ms"):
            self.assertIsNone(result.json()[key], key)

    def test_more_validators_than_nodes_are_refused(self):
        result = kith("devnet", "--nodes", 2, "--validators", 3, "--json")
        self.assertEqual(result.code, 2, result.out + result.err)
        self.assertIn("--validators 3", result.json()["error"]["message"])

    def test_ports_keep_their_offsets(self):
        base = free_base_port()
        homes = self.folder / "net"
        result = kith("devnet", "--nodes", 2, "--for", "2s", "--base-port", base, "--json", "--dir",
                      homes)
        self.assertEqual(result.code, 0, result.out + result.err)
        for i in (1, 2):
            ready = json.loads((homes / f"node{i}" / "log" / "ready.json").read_text())
            self.assertTrue(ready["addresses"][0].startswith(
                f"/ip4/127.0.0.1/tcp/{base + 10 * (i - 1)}/"), ready)
            self.assertEqual(ready["api"], [f"http://127.0.0.1:{base + 5 + 10 * (i - 1)}"])

    def test_a_rerun_resumes_and_ctrl_c_ends_all(self):
        homes = self.folder / "net"
        command = [KITH, "devnet", "--nodes", "2", "--base-port", "0", "--json", "--dir",
                   str(homes)]
        ids = []
        for _ in range(2):
            devnet = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL, text=True, env=environment())
            # Ends the loop below too, should the line never come.
            watchdog = threading.Timer(LIMIT_S, devnet.kill)
            watchdog.start()
            try:
                for line in devnet.stderr:  # a line a second
                    if "at least 1 peers each" in line:
                        break
                ids.append([kith("--home", homes / f"node{i}", "--json", "id").json()["peer_id"]
                            for i in (1, 2)])
                pids = [int((homes / f"node{i}" / "lock").read_text()) for i in (1, 2)]
                devnet.send_signal(signal.SIGINT)
                out, _ = devnet.communicate(timeout=LIMIT_S)
            finally:
                watchdog.cancel()
                if devnet.poll() is None:
                    devnet.kill()
                    devnet.wait(LIMIT_S)
            report = json.loads(out)
            self.assertEqual(devnet.returncode, 0, out)
            self.assertTrue(report["clean_exit"])
            for pid in pids:
                self.assertFalse(is_running(pid))
        self.assertEqual(ids[0], ids[1])


class DevnetJobTest(Case):
    """The Collatz job of a devnet: split, computed, checked, settled, accepted and paid."""

    def test_a_job_is_worked_and_paid(self):
        homes = self.folder / "net"
        devnet = subprocess.Popen(
            [KITH, "devnet", "--base-port", "0", "--json", "--dir", str(homes)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
            env=environment())
        try:
            job = wait_for(lambda: self.job(homes), "accepted tasks", 300)
            board = self.ask(homes, "compute", "leaderboard")["accounts"]
            accounts = self.ask(homes, "account", "list")["accounts"]
            devnet.send_signal(signal.SIGINT)
            out, _ = devnet.communicate(timeout=LIMIT_S)
        finally:
            if devnet.poll() is None:
                devnet.kill()
                devnet.wait(LIMIT_S)
        self.assertEqual(devnet.returncode, 0, out)
        self.assertEqual(job["tasks"], 1024)
        # Somebody else's result counts only when others had computed the same.
        self.assertGreater(sum(entry["checks"] for entry in board), 0)
        self.assertGreater(sum(entry["units"] for entry in board), 0)
        self.assertEqual(sum(entry["faults"] for entry in board), 0)
        self.assertEqual(len(accounts), 5)
        told = json.loads(out)["compute"]
        self.assertGreaterEqual(told["tasks_accepted"], job["accepted"])
        self.assertEqual(told["units_done"], 16 * told["tasks_accepted"])
        self.assertEqual(told["numbers_verified"], 2**30 * told["units_done"])
        self.assertGreater(float(told["coins_paid"]), 0)

    @staticmethod
    def ask(homes, *words):
        return kith("--home", homes / "node1", "--json", *words).json()

    def job(self, homes):
        """Once some of it is accepted."""
        told = kith("--home", homes / "node1", "--json", "compute", "job", 1)
        if told.code != 0:
            return None  # no node yet, or no job
        return told.json() if told.json()["accepted"] > 0 else None


if __name__ == "__main__":
    main()
