#!/usr/bin/env python3
"""Measures how many signed payments a second four validators on this machine make final, how soon,
and what they need for it, beside CometBFT with the same payments: real processes, fsync on.

bench/run.sh builds what this needs; bench/README.md says what the figures mean. The ceiling is what
the cores could do if nodes did nothing but verify and execute: cores / (nodes * time of both), both
measured here, before the run, by ledger_bench.
"""

import argparse
import json
import os
import pathlib
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from perf_peers import TICKS_S, Results, RunFailed, note

PAGE = os.sysconf("SC_PAGE_SIZE")
RATE = 50  # Payments a second where latency is measured.
STACKS = ("kith", "cometbft", "cometbft-tuned")
SET = ["ping.interval=5s", "peer_exchange.interval=1s", "dial.backoff_min=500ms",
       "api.rate=1000000", "api.rate_burst=1000000", "log.level=warn"]
FIGURES = {
    "payments": ("1/s", "higher"),
    "blocks at that": ("1/s", "higher"),
    "final p50 at that": ("ms", "lower"),
    "final p99 at that": ("ms", "lower"),
    "CPU of the nodes, a payment": ("us", "lower"),
    "refused": ("%", "lower"),
    f"{RATE}/s, final p50": ("ms", "lower"),
    f"{RATE}/s, final p99": ("ms", "lower"),
    "idle, final p50": ("ms", "lower"),
    "idle, final p99": ("ms", "lower"),
    "RSS of a node, peak": ("MiB", "lower"),
    "outputs found in memory": ("%", "higher"),
}


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    stacks = [name for name in arguments.stacks.split(",") if name in STACKS]
    if arguments.cometbft is None and any(name != "kith" for name in stacks):
        stacks = [name for name in stacks if name == "kith"]
        note("SKIPPING cometbft and cometbft-tuned: no cometbft-bench (see above)")
    results = Results(FIGURES)
    about = {
        "nodes": arguments.nodes, "cpus": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2), "fsync_ms": fsync_ms(arguments.folder),
        "repeat": arguments.repeat, "quick": arguments.quick,
    }
    if arguments.ledger_bench:
        about.update(ceiling(arguments))
    for number in range(arguments.repeat):
        for name in stacks:
            note(f"round {number + 1} of {arguments.repeat}: {name}")
            guarded(results, name, lambda name=name: measure(arguments, name, results))
    sustained = None
    if arguments.sustain > 0 and "kith" in stacks:
        note(f"kith for {arguments.sustain:.0f} s")
        sustained = guarded(results, "kith, sustained", lambda: sustain(arguments))
    about["load_after"] = round(os.getloadavg()[0], 2)
    goals = goals_of(about, results, sustained)
    if arguments.json:
        print(json.dumps({**about, "figures": results.as_json(), "failures": results.failures,
                          "sustained": sustained, "goals": goals}))
    else:
        print(", ".join(f"{key} {value}" for key, value in about.items()))
        print(results.as_table())
        if sustained:
            print("sustained: " + ", ".join(f"{key} {value}" for key, value in sustained.items()))
        for goal in goals:
            print(f"goal {goal['goal']}: {goal['measured']}, "
                  f"{'met' if goal['is_met'] else 'NOT MET'}")
    sys.exit(1 if results.failures else 0)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kith", required=True, help="the kith program")
    parser.add_argument("--load", required=True, help="the chain_load program")
    parser.add_argument("--ledger-bench", help="the ledger_bench program, for the ceiling")
    parser.add_argument("--cometbft", help="the cometbft-bench program")
    parser.add_argument("--folder", default=".", help="on the disk that is to be measured")
    parser.add_argument("--stacks", default=",".join(STACKS), help="which, in this order")
    parser.add_argument("--nodes", type=int, default=4, help="to 6")
    parser.add_argument("--seconds", type=float, help="of each load; 40, or 4 with --quick")
    parser.add_argument("--sustain", type=float,
                        help="seconds that Kith alone pays after all; 600, or 0 with --quick")
    parser.add_argument("--repeat", type=int, help="rounds; 3, or 1 with --quick")
    parser.add_argument("--interval-ms", type=int, default=0, help="between Kith's blocks")
    parser.add_argument("--index", action="store_true", help="Kith with an index of addresses")
    parser.add_argument("--quick", action="store_true", help="a minute and a half in all")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    quick = arguments.quick
    arguments.seconds = arguments.seconds or (4 if quick else 40)
    arguments.repeat = arguments.repeat or (1 if quick else 3)
    if arguments.sustain is None:
        arguments.sustain = 0 if quick else 600
    return arguments


def guarded(results, name, what):
    try:
        return what()
    except (RunFailed, subprocess.SubprocessError, OSError, ValueError) as error:
        results.failures.append(f"{name}: {error}")
        note(f"FAILED {name}: {error}")
        return None


def measure(arguments, name, results):
    with tempfile.TemporaryDirectory(prefix="chain-", dir=arguments.folder) as folder:
        with network_of(arguments, name, pathlib.Path(folder).resolve()) as network:
            slow_s = min(arguments.seconds, 20)
            idle = network.load("idle", slow_s, 0)
            paced = network.load("paced", slow_s, RATE)
            # In a few seconds CometBFT has a few blocks only.
            is_short = name != "kith" and arguments.quick
            full = network.load("run", arguments.seconds * (2 if is_short else 1), 0)
    figures = {
        "payments": full["tx_per_s"], "blocks at that": full["blocks_per_s"],
        "refused": 100 * full["refused"] / max(full["sent"], 1),
        "RSS of a node, peak": full["rss_mib_max"],
    }
    if full["tx_per_s"] > 0:
        figures["CPU of the nodes, a payment"] = 1e6 * full["cpu_cores"] / full["tx_per_s"]
    if "hot_share" in full:
        figures["outputs found in memory"] = full["hot_share"]
    for load, place in ((full, "final {} at that"), (paced, f"{RATE}/s, final {{}}"),
                        (idle, "idle, final {}")):
        for share in ("p50", "p99"):
            if load["samples"] > 0:
                figures[place.format(share)] = load[f"final_ms_{share}"]
            else:
                note(f"{name}: nothing was final in time: no " + place.format(share))
        if load["refused"] > 0:
            note(f"{name}: {load['refused']} of {load['sent']} refused: {load['first_refusal']}")
    for figure, value in figures.items():
        results.add(figure, name, value)


def sustain(arguments):
    with tempfile.TemporaryDirectory(prefix="chain-", dir=arguments.folder) as folder:
        with network_of(arguments, "kith", pathlib.Path(folder).resolve()) as network:
            return network.load("run", arguments.sustain, 0)


def network_of(arguments, name, folder):
    if name == "kith":
        return KithNetwork(arguments, folder)
    return CometNetwork(arguments, folder, name.partition("-")[2] or "default")


class Network:
    """The nodes of one stack and the load for them; ends what it started."""

    def __init__(self):
        self.nodes = []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.process.terminate()
        for node in self.nodes:
            node.end()

    def load(self, what, seconds, rate):
        before = [node.usage() for node in self.nodes]
        began = time.monotonic()
        peaks = Peaks(self.nodes)
        process = subprocess.Popen(self.load_command(what, seconds, rate), stdout=subprocess.PIPE,
                                   text=True)
        try:
            while process.poll() is None:
                if time.monotonic() > began + seconds + 120:
                    raise RunFailed(f"the load '{what}' does not end")
                peaks.look()
                time.sleep(0.2)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        took = time.monotonic() - began
        said = process.stdout.read()
        process.stdout.close()
        if process.returncode != 0:
            raise RunFailed(f"the load '{what}' ended with {process.returncode}")
        result = json.loads(said)
        result["first_refusal"] = bytes.fromhex(result["first_refusal"]).decode(errors="replace")
        used = sum(node.usage() - start for node, start in zip(self.nodes, before))
        return {**result, "cpu_cores": round(used / took, 2), **peaks.figures(),
                **self.looked_up(what)}

    def looked_up(self, what):
        return {}


class KithNetwork(Network):
    def __init__(self, arguments, folder):
        super().__init__()
        self.arguments = arguments
        self.folder = folder

    def start(self):
        subprocess.run([self.arguments.load, "setup", self.folder, str(self.arguments.nodes),
                        str(self.arguments.interval_ms)], check=True, timeout=60)
        for i in range(self.arguments.nodes):
            home = self.folder / f"node{i + 1}"
            settings = [*SET, f"chain.genesis={self.folder / 'genesis.kith'}",
                        f"chain.index={'true' if self.arguments.index else 'false'}"]
            if self.nodes:
                settings.append(f"bootstrap={self.nodes[0].ready['addresses'][0]}")
            self.nodes.append(Node(
                [self.arguments.kith, "--home", home, "--json", "start",
                 "--listen", "/ip4/127.0.0.1/tcp/0", "--set=api.http=/ip4/127.0.0.1/tcp/0",
                 *(f"--set={each}" for each in settings)], home / "node.log"))
            self.nodes[-1].wait_until_ready()

    def looked_up(self, what):
        """The share of outputs that were found in memory, of all that were looked up so far."""
        found = {"memory": 0.0, "store": 0.0}
        for node in self.nodes:
            with urllib.request.urlopen(node.ready["api"][0] + "/metrics", timeout=10) as answer:
                for line in answer.read().decode().splitlines():
                    for place in found:
                        if line.startswith(f'kith_chain_outputs_read_total{{from="{place}"}}'):
                            found[place] += float(line.split()[-1])
        total = sum(found.values())
        return {"hot_share": 100 * found["memory"] / total} if what == "run" and total else {}

    def load_command(self, what, seconds, rate):
        return [self.arguments.load, what, self.folder, str(seconds), str(rate),
                *(node.ready["api"][0].removeprefix("http://") for node in self.nodes)]


class CometNetwork(Network):
    def __init__(self, arguments, folder, profile):
        super().__init__()
        self.program = arguments.cometbft
        self.count = arguments.nodes
        self.folder = folder
        self.profile = profile
        self.rpc = []

    def start(self):
        done = subprocess.run(
            [self.program, "testnet", "--home", self.folder, "--nodes", str(self.count),
             "--profile", self.profile], stdout=subprocess.PIPE, check=True, timeout=60)
        self.rpc = json.loads(done.stdout)["rpc"]
        for i in range(self.count):
            home = self.folder / f"node{i + 1}"
            self.nodes.append(Node([self.program, "node", "--home", home], home / "node.log"))
        for node in self.nodes:
            node.wait_until_ready()

    def load_command(self, what, seconds, rate):
        return [self.program, "load", what, "--seconds", str(seconds), "--rate", str(rate),
                *self.rpc]


class Node:
    def __init__(self, command, log):
        self.log_path = log
        self.ready = None
        with open(log, "wb") as file:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file)

    def wait_until_ready(self):
        readable, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if readable else b""
        if not line:
            said = self.log_path.read_text(errors="replace")[-2000:]
            raise RunFailed(f"a node did not start: {said}")
        self.ready = json.loads(line)
        if "error" in self.ready:
            raise RunFailed(f"a node did not start: {self.ready['error']}")

    def usage(self):
        """Processor seconds so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / TICKS_S

    def resident_mib(self):
        pages = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * PAGE / 2**20

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Peaks:
    """Resident memory over a run: the first look, the largest, and how it went on."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.seen = []
        self.look()

    def look(self):
        self.seen.append(max(node.resident_mib() for node in self.nodes))

    def figures(self):
        half = self.seen[len(self.seen) // 2:]
        return {"rss_mib_max": round(max(self.seen), 1), "rss_mib_middle": round(half[0], 1),
                "rss_mib_end": round(self.seen[-1], 1)}


def goals_of(about, results, sustained):
    """What Kith is to reach, beside what it did; those of which there are figures."""
    def of(figure, name):
        runs = results.runs.get(figure, {}).get(name)
        return statistics.median(runs) if runs else None

    def best(figure, choose):
        found = [of(figure, name) for name in STACKS[1:]]
        found = [each for each in found if each is not None]
        return choose(found) if found else None

    goals = []

    def add(goal, measured, is_met):
        goals.append({"goal": goal, "measured": round(measured, 1), "is_met": is_met})

    limit = round(15 + 3 * about["fsync_ms"], 1)
    for load in (f"{RATE}/s", "idle"):
        ours, theirs = of(f"{load}, final p50", "kith"), best(f"{load}, final p50", min)
        if ours is not None:
            add(f"final p50, {load}, at most 15 ms + 3 fsync = {limit} ms", ours, ours <= limit)
        if ours and theirs is not None:
            add(f"final p50, {load}, CometBFT's over Kith's, at least 10", theirs / ours,
                theirs >= 10 * ours)
    ours = sustained["tx_per_s"] if sustained else of("payments", "kith")
    theirs = best("payments", max)
    if ours is not None:
        least = min(10_000, 0.8 * about.get("ceiling_tx_per_s", 12_500))
        add(f"payments a second, at least {least:.0f}", ours, ours >= least)
    if ours is not None and theirs:
        add("payments, Kith's over CometBFT's, at least 10", ours / theirs, ours >= 10 * theirs)
    peak = sustained["rss_mib_max"] if sustained else of("RSS of a node, peak", "kith")
    if peak is not None:
        add("RSS of a node, MiB, at most 286 (300 MB)", peak, peak * 2**20 <= 300e6)
    hot = of("outputs found in memory", "kith")
    if hot is not None:
        add("outputs found in memory, %, at least 90", hot, hot >= 90)
    if sustained:
        add("RSS at the end over that in the middle, at most 1.1",
            sustained["rss_mib_end"] / sustained["rss_mib_middle"],
            sustained["rss_mib_end"] <= 1.1 * sustained["rss_mib_middle"])
    return goals


def fsync_ms(folder):
    """The median of writing 512 bytes to the end of a file, durably."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(100):
            file.write(bytes(512))
            began = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - began)
    return round(sorted(times)[50] * 1000, 3)


def ceiling(arguments):
    """What a core needs for one payment, by ledger_bench: verified once, executed once. All cores
    at once, as in the run: two that share execution units are slower than one by itself."""
    command = [arguments.ledger_bench, "--benchmark_format=json",
               "--benchmark_filter=execute_and_verify", "--benchmark_min_time=1"]
    alone = rate_of(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
    together = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                for _ in range(os.cpu_count())]
    rates = [rate_of(process) for process in together]
    return {"verify_and_execute_per_s": round(alone),
            "with_all_cores_busy_per_s": round(statistics.mean(rates)),
            "ceiling_tx_per_s": round(sum(rates) / arguments.nodes)}


def rate_of(process):
    out, _ = process.communicate(timeout=120)
    if process.returncode != 0:
        raise RunFailed(f"ledger_bench ended with {process.returncode}")
    return min(each["items_per_second"] for each in json.loads(out)["benchmarks"]
               if "items_per_second" in each)


if __name__ == "__main__":
    main()
