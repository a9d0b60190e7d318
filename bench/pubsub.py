#!/usr/bin/env python3
"""Measures publish and deliver of Kith, the foreign libp2p peers and NATS side by side.

One process a node, all connected to all, loopback; each stack among its own nodes. bench/run.sh
builds what this needs; bench/README.md says what the figures mean, interop/README.md what the
nodes, `peer bench`, are told and say.
"""

import argparse
import json
import os
import pathlib
import re
import selectors
import signal
import statistics
import subprocess
import sys
import time

from perf_peers import TICKS_S, CongestionControl, Results, RunFailed, note, read_peers

WINDOW = 1024  # Messages that the publisher may be ahead of the slowest receiver.
ENDLESS = 2**31
RATE = 100  # Messages a second where latency is measured.
CONFIGURATIONS = [(nodes, sign) for nodes in (2, 10) for sign in ("unsigned", "signed")]
KINDS = {
    "delivered": ("1/s", "higher"),
    "CPU": ("us/deliv.", "lower"),
    "p50": ("us", "lower"),
    "p99": ("us", "lower"),
    "lost": ("%", "lower"),
}
FIGURES = {
    f"{nodes} {sign}, {kind}": about
    for nodes, sign in CONFIGURATIONS for kind, about in KINDS.items()
}


def main():
    arguments = parse_arguments()
    stacks = read_peers(arguments.peers, arguments.stacks)
    add_nats(arguments, stacks)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    before = os.getloadavg()[0]
    results = Results(FIGURES)
    with CongestionControl() as control:
        verifications = verifications_a_second(arguments.crypto_bench)
        for number in range(arguments.repeat):
            for nodes, sign in CONFIGURATIONS:
                note(f"round {number + 1} of {arguments.repeat}: {nodes} nodes, {sign}")
                for name, command in stacks.items():
                    if name != "nats" or sign == "unsigned":
                        measure(arguments, name, command, nodes, sign, results)
    about = {
        "cpus": os.cpu_count(), "load_before": round(before, 2),
        "load_after": round(os.getloadavg()[0], 2), "congestion_control": control.used,
        "repeat": arguments.repeat, "quick": arguments.quick,
    }
    shares = verification_shares(verifications, results)
    if arguments.json:
        print(json.dumps({
            **about, "figures": results.as_json(), "failures": results.failures,
            "ed25519_verify_per_s": verifications, "verify_share": shares,
        }))
    else:
        print(", ".join(f"{key} {value}" for key, value in about.items()))
        print(results.as_table())
        tell_verification(verifications, shares)
    if "kith" not in stacks:
        note("Kith's peer is not built (./run build): only foreign figures")
    sys.exit(1 if results.failures else 0)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True, help="file of names and commands, tab between")
    parser.add_argument("--nats-server", help="the nats-server program")
    parser.add_argument("--crypto-bench", help="the crypto_bench program")
    parser.add_argument("--stacks", default="kith,go,rust,js,nats", help="which, in this order")
    parser.add_argument("--repeat", type=int, help="rounds; 3, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="a third of the time, one round")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    arguments.repeat = arguments.repeat or (1 if arguments.quick else 3)
    return arguments


def add_nats(arguments, stacks):
    """NATS is a server of its own and go's peer as its client."""
    if "nats" not in arguments.stacks.split(","):
        return
    client = read_peers(arguments.peers, "go").get("go")
    if client is None or arguments.nats_server is None:
        note("SKIPPING nats: " + ("no go peer" if client is None else "no nats-server"))
        return
    stacks["nats"] = client


def measure(arguments, name, command, nodes, sign, results):
    scale = 1 if arguments.quick else 3
    try:
        server = NatsServer(arguments.nats_server) if name == "nats" else None
        with Network(command, nodes, sign, server) as network:
            network.connect()
            network.run(ENDLESS, 0, 500 * scale)  # Caches, meshes, windows and the like.
            full = network.run(ENDLESS, 0, 1000 * scale)
            slow = network.run(RATE * scale, RATE, 2000 * scale)
    except RunFailed as error:
        results.failures.append(f"{name}, {nodes} {sign}: {error}")
        note(f"FAILED {name}, {nodes} nodes, {sign}: {error}")
        return
    figures = {
        "delivered": full.rate, "CPU": full.cpu_us, "p50": slow.p50_us, "p99": slow.p99_us,
        "lost": 100 * max(full.lost, slow.lost),
    }
    for kind, value in figures.items():
        results.add(f"{nodes} {sign}, {kind}", name, value)
    if full.refused + slow.refused > 0:
        note(f"{name}, {nodes} {sign}: {full.refused + slow.refused} could not be published")


class Phase:
    """What the receivers reported of one run of the publisher."""

    def __init__(self, published, reports, cpu_s):
        counts = [report["count"] for report in reports]
        if not all(counts):
            raise RunFailed(f"a receiver got nothing: {counts} of {published['count']}")
        self.rate = statistics.mean(
            report["count"] / max(report["seconds"], 1e-9) for report in reports)
        self.lost = 1 - sum(counts) / (len(counts) * published["count"])
        self.refused = published["refused"]
        self.cpu_us = 1e6 * cpu_s / sum(counts)
        self.p50_us = statistics.median(report["p50_us"] for report in reports)
        self.p99_us = statistics.median(report["p99_us"] for report in reports)


class Process:
    def __init__(self, command, **pipes):
        self.process = subprocess.Popen(command, **pipes)

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_S

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class NatsServer(Process):
    def __init__(self, program):
        super().__init__([program, "-a", "127.0.0.1", "-p", "-1"], stdin=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, bufsize=0)
        log, said, end = self.process.stderr, b"", time.monotonic() + 20
        with selectors.DefaultSelector() as selector:
            selector.register(log, selectors.EVENT_READ)
            while not (found := re.search(rb"client connections on ([0-9.:]+)\s", said)):
                is_readable = selector.select(max(0, end - time.monotonic()))
                data = os.read(log.fileno(), 4096) if is_readable else b""
                if not data:
                    self.stop()
                    raise RunFailed("nats-server does not listen")
                said += data
        self.url = "nats://" + found.group(1).decode()

    def stop(self):
        super().stop()
        self.process.stderr.close()


class Node(Process):
    def __init__(self, command):
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.unread = b""

    def tell(self, *words):
        try:
            self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        except OSError as error:
            raise RunFailed(f"a node is gone: {error}") from None

    def read(self):
        """The events of one read."""
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        if not data:
            raise RunFailed("a node ended")
        *lines, self.unread = (self.unread + data).split(b"\n")
        try:
            return [json.loads(line) for line in lines]
        except ValueError:
            raise RunFailed(f"a node said {lines!r}") from None


class Network:
    """The nodes of one stack; the first publishes."""

    def __init__(self, command, count, sign, server):
        self.server = server
        self.nodes = []
        self.waiting = []  # (node, event) that nobody took yet.
        self.phase = 0
        self.seen = {}  # By receiver: how far it is in this phase.
        self.acked = 0
        self.selector = selectors.DefaultSelector()
        verb = ["bench"] if server is None else ["nats-bench"]
        if sign == "unsigned" and server is None:
            verb.append("--unsigned")
        for _ in range(count):
            node = Node([*command, *verb])
            self.nodes.append(node)
            self.selector.register(node.process.stdout, selectors.EVENT_READ, node)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.process.terminate()
        for node in self.nodes:
            node.stop()
            node.process.stdin.close()
            node.process.stdout.close()
        self.selector.close()
        if self.server is not None:
            self.server.stop()

    def connect(self):
        """All to all; the topic carries once a message has reached every receiver."""
        addresses = [self.wait(node, "ready", 30)["addresses"] for node in self.nodes]
        for i, node in enumerate(self.nodes):
            targets = addresses[:i] if self.server is None else [[self.server.url]]
            for target, *_ in targets:
                node.tell("dial", target)
                self.wait(node, "connected", 20)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            self.begin(1, 0, 1000)
            self.wait(self.nodes[0], "published", 10)
            if self.pump(0.25, lambda: len(self.seen) == len(self.nodes) - 1):
                return
        raise RunFailed("not every receiver is reached")

    def begin(self, count, rate, limit_ms):
        self.phase += 1
        self.seen = {}
        self.acked = 0
        self.nodes[0].tell("publish", self.phase, count, rate, WINDOW, limit_ms)

    def run(self, count, rate, limit_ms):
        publisher, *receivers = self.nodes
        before = self.cpu_s()
        self.begin(count, rate, limit_ms)
        published = self.wait(publisher, "published", limit_ms / 1000 + 20)
        for node in receivers:
            node.tell("expect", self.phase, published["count"])
        self.pump(5, lambda: len(self.reported()) == len(receivers))
        cpu_s = self.cpu_s() - before
        told = self.reported()
        for node in receivers:
            if node not in told:  # Something was lost.
                node.tell("report", self.phase)
        return Phase(published, [self.wait(node, "report", 10) for node in receivers], cpu_s)

    def cpu_s(self):
        everybody = self.nodes + ([] if self.server is None else [self.server])
        return sum(process.cpu_s() for process in everybody)

    def reported(self):
        return {
            node for node, event in self.waiting
            if event["event"] == "report" and event["phase"] == self.phase
        }

    def wait(self, node, name, limit_s):
        """The node's next event of that name, and of this phase if it has one."""
        def place():
            for i, (who, event) in enumerate(self.waiting):
                is_it = who is node and event["event"] == name
                if is_it and event.get("phase", self.phase) == self.phase:
                    return i
            return None

        if not self.pump(limit_s, lambda: place() is not None):
            raise RunFailed(f"no '{name}' within {limit_s} s")
        return self.waiting.pop(place())[1]

    def pump(self, limit_s, is_done):
        """Reads what nodes say until is_done; False when it takes longer."""
        end = time.monotonic() + limit_s
        while not is_done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self.selector.select(left):
                for event in key.data.read():
                    self.take(key.data, event)
        return True

    def take(self, node, event):
        if event["event"] != "progress":
            self.waiting.append((node, event))
            return
        if event["phase"] != self.phase:
            return
        self.seen[node] = event["seen"]
        least = min(self.seen.values()) if len(self.seen) == len(self.nodes) - 1 else 0
        if least > self.acked:
            self.acked = least
            self.nodes[0].tell("ack", self.phase, least)


def verifications_a_second(program):
    """What one core verifies of Ed25519 when it does nothing else."""
    if program is None or not pathlib.Path(program).exists():
        note("SKIPPING the Ed25519 figure: crypto_bench is not built (./run build)")
        return None
    done = subprocess.run(
        [program, "--benchmark_filter=ed25519_verify", "--benchmark_format=json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=60)
    run = json.loads(done.stdout)["benchmarks"][0]
    units = {"ns": 1e9, "us": 1e6, "ms": 1e3, "s": 1}
    return units[run["time_unit"]] / run["cpu_time"]


def verification_shares(verifications, results):
    """Signed deliveries a second and receiver, as a share of verifications a second."""
    if verifications is None:
        return {}
    return {
        figure: {stack: statistics.median(runs) / verifications for stack, runs in stacks.items()}
        for figure, _, _, stacks in results.figures() if figure.endswith(" signed, delivered")
    }


def tell_verification(verifications, shares):
    if verifications is None:
        return
    print(f"Ed25519 verification alone, on one core: {verifications:.0f} a second; of that")
    for figure, stacks in shares.items():
        print(f"  {figure}: " + ", ".join(f"{name} {100 * x:.1f} %" for name, x in stacks.items()))


if __name__ == "__main__":
    main()
