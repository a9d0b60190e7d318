#!/usr/bin/env python3
"""Measures how many signed payments a second four validators on this machine make final, how soon,
and what they need for it: real processes, fsync on, loopback.

bench/run.sh builds what this needs; bench/README.md says what the figures mean. The ceiling is what
the cores could do if nodes did nothing but verify and execute: cores / (nodes * time of both), both
measured here, before the run, by ledger_bench.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS_S = os.sysconf("SC_CLK_TCK")
SET = ["ping.interval=5s", "peer_exchange.interval=1s", "dial.backoff_min=500ms",
       "api.rate=1000000", "api.rate_burst=1000000", "log.level=warn"]


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="kith-chain-") as folder:
        result = measure(arguments, pathlib.Path(folder))
    if arguments.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:28} {value}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kith", required=True, help="the kith program")
    parser.add_argument("--load", required=True, help="the chain_load program")
    parser.add_argument("--ledger-bench", help="the ledger_bench program, for the ceiling")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=0, help="payments a second; 0: all they take")
    parser.add_argument("--interval-ms", type=int, default=0, help="between blocks")
    parser.add_argument("--index", action="store_true", help="with an index of addresses")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(arguments, folder):
    result = {"nodes": arguments.nodes, "cores": os.cpu_count(), "fsync_ms": fsync_ms(folder)}
    if arguments.ledger_bench:
        result.update(ceiling(arguments))
    subprocess.run([arguments.load, "setup", folder, str(arguments.nodes),
                    str(arguments.interval_ms)], check=True)
    nodes = []
    try:
        for i in range(arguments.nodes):
            nodes.append(Node(arguments, folder, i, nodes[0].address if nodes else None))
        before = [node.usage() for node in nodes]
        began = time.monotonic()
        peaks = Peaks(nodes)
        load = subprocess.Popen(
            [arguments.load, "run", folder, str(arguments.seconds), str(arguments.rate),
             *(node.api for node in nodes)], stdout=subprocess.PIPE, text=True)
        while load.poll() is None:
            peaks.look()
            time.sleep(0.5)
        took = time.monotonic() - began
        if load.returncode != 0:
            raise SystemExit("chain_load failed")
        measured = json.loads(load.stdout.read())
        refusal = bytes.fromhex(measured.pop("first_refusal")).decode(errors="replace")
        result.update(measured)
        if refusal:
            result["first_refusal"] = refusal
        after = [node.usage() for node in nodes]
        result["cpu_cores"] = round(sum(a - b for a, b in zip(after, before)) / took, 2)
        result.update(peaks.figures())
    finally:
        for node in nodes:
            node.end()
    if "ceiling_tx_per_s" in result:
        result["share_of_ceiling"] = round(result["tx_per_s"] / result["ceiling_tx_per_s"], 2)
    return result


class Node:
    def __init__(self, arguments, folder, index, bootstrap):
        self.home = folder / f"node{index + 1}"
        settings = [*SET, f"chain.genesis={folder / 'genesis.kith'}",
                    f"chain.index={'true' if arguments.index else 'false'}"]
        if bootstrap:
            settings.append(f"bootstrap={bootstrap}")
        self.log = open(self.home / "node.log", "wb")
        self.process = subprocess.Popen(
            [arguments.kith, "--home", self.home, "--json", "start",
             "--listen", "/ip4/127.0.0.1/tcp/0", "--set=api.http=/ip4/127.0.0.1/tcp/0",
             *(f"--set={each}" for each in settings)],
            stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a node did not start: " + (self.home / "node.log").read_text())
        ready = json.loads(line)
        self.address = ready["addresses"][0]
        self.api = ready["api"][0].removeprefix("http://")

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
        self.log.close()


class Peaks:
    """Resident memory over a run: the first look, the largest, and how it went on."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.seen = []

    def look(self):
        self.seen.append(max(node.resident_mib() for node in self.nodes))

    def figures(self):
        half = self.seen[len(self.seen) // 2:] or self.seen
        return {"rss_mib_max": round(max(self.seen), 1), "rss_mib_middle": round(half[0], 1),
                "rss_mib_end": round(self.seen[-1], 1)}


def fsync_ms(folder):
    """The median of writing 512 bytes to the end of a file, durably."""
    times = []
    with open(folder / "fsync", "wb", buffering=0) as file:
        for _ in range(100):
            file.write(bytes(512))
            began = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - began)
    return round(sorted(times)[50] * 1000, 3)


def ceiling(arguments):
    """What a core needs for one payment, by ledger_bench: verified once, executed once."""
    done = subprocess.run(
        [arguments.ledger_bench, "--benchmark_format=json",
         "--benchmark_filter=execute_and_verify", "--benchmark_min_time=0.5"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    rates = [each["items_per_second"] for each in json.loads(done.stdout)["benchmarks"]
             if "items_per_second" in each]
    slowest = min(rates)
    return {"verify_and_execute_per_s": round(slowest),
            "ceiling_tx_per_s": round(os.cpu_count() * slowest / arguments.nodes)}


if __name__ == "__main__":
    main()
