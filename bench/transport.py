#!/usr/bin/env python3
"""Measures Kith's packet transport beside TLS over TCP, QUIC of several libraries, ENet, KCP and
ZeroMQ with CURVE, each against itself, and beside its limit: the bare loop that sends and seals.

Two processes, a core each, all peers in turn; what counts are ratios of one turn, for the machine
may be busy. bench/run.sh builds what this needs; bench/README.md says what the figures mean.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

import transport_path
from perf_peers import CongestionControl, Results, RunFailed, note
from transport_pair import Ngtcp2, Pair, Peer, run_alone, run_pair, spread

ROWS = ("stream", "messages", "ping", "requests", "handshakes", "rotation", "idle", "relay",
        "flows")
ALL_MODES = ("stream", "messages", "ping", "requests", "handshakes", "resumed", "idle")
CIPHER = ("--cipher", "aes-256-gcm")
PACKET = ("--mtu", "1400")
MESSAGE_BYTES = 64
LOSSES = (0, 0.001, 0.01, 0.05)
ROTATE_BYTES = 100_000_000
IDLE_SESSIONS = 10_000
FIGURES = {
    "stream": ("Gbit/s", "higher"),
    "stream, CPU": ("s/GiB", "lower"),
    "64-byte messages": ("1/s", "higher"),
    "64-byte messages, CPU": ("us", "lower"),
    "ping-pong p50": ("us", "lower"),
    "ping-pong p99": ("us", "lower"),
    "requests": ("1/s", "higher"),
    "requests, p50": ("us", "lower"),
    "handshakes": ("1/s", "higher"),
    "handshakes a core-second": ("1/s", "higher"),
    "resumed": ("1/s", "higher"),
    "resumed a core-second": ("1/s", "higher"),
    "stream, new keys each 100 MB": ("Gbit/s", "higher"),
    "memory of an idle session": ("bytes", "lower"),
    "the same, heap in use": ("bytes", "lower"),
    **{f"relay, {100 * loss:g} % lost": ("Mbit/s", "higher") for loss in LOSSES},
    "two flows, the smaller's share": ("%", "higher"),
    "CUBIC's share beside it": ("%", "higher"),
}


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    before = os.getloadavg()[0]
    with CongestionControl() as control:  # For those who do not let themselves be told.
        bench = Bench(arguments)
        for turn in range(arguments.repeat):
            for row in arguments.rows:
                note(f"turn {turn + 1} of {arguments.repeat}: {row}")
                bench.begin(turn)
                getattr(bench, row)()
    about = {
        "cpus": os.cpu_count(), "load_before": round(before, 2),
        "load_after": round(os.getloadavg()[0], 2), "congestion_control": control.used,
        "repeat": arguments.repeat, "quick": arguments.quick,
        "waited_for_a_core_max": round(bench.waited, 3),
    }
    ratios = bench.ratios()
    if arguments.json:
        print(json.dumps({**about, "figures": bench.results.as_json(), "ratios": ratios,
                          "failures": bench.results.failures, "skipped": bench.skipped}))
    else:
        print(", ".join(f"{key} {value}" for key, value in about.items()))
        print(bench.results.as_table())
        for name, values in ratios.items():
            print(f"{name}: {spread(values)}")
    sys.exit(1 if bench.results.failures else 0)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="where C++ is built")
    parser.add_argument("--peers", required=True, type=pathlib.Path, help="where the others are")
    parser.add_argument("--rows", default=",".join(ROWS), help="which, in this order")
    parser.add_argument("--stacks", help="only these, of all that are named in the table")
    parser.add_argument("--repeat", type=int, help="turns; 3, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="one short turn")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    arguments.rows = arguments.rows.split(",")
    if unknown := set(arguments.rows) - set(ROWS):
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    arguments.stacks = arguments.stacks and arguments.stacks.split(",")
    arguments.repeat = arguments.repeat or (1 if arguments.quick else 3)
    return arguments


def peers_of(arguments):
    """All that could be here, Kith first."""
    built, others = arguments.programs, arguments.peers
    tls, tls_modes = built / "transport_tls", ("stream", "ping", "requests")
    quic_modes = ("stream", "ping", "requests", "handshakes", "resumed")
    return [
        Peer("kith", built / "packet_stream", ALL_MODES,
             (*CIPHER, *PACKET, "--congestion", "bbr"), is_one_thread=True),
        Peer("kith-cubic", built / "packet_stream", ("relay",),
             (*CIPHER, *PACKET, "--congestion", "cubic"), is_one_thread=True),
        Peer("tls-cubic", tls, (*tls_modes, "handshakes", "resumed"), ("--congestion", "cubic"),
             is_one_thread=True),
        Peer("tls-bbr", tls, ("stream",), ("--congestion", "bbr"), is_one_thread=True),
        Peer("tcp-bbr", tls, ("relay",), ("--plain", "--congestion", "bbr"), is_one_thread=True),
        Peer("tcp-cubic", tls, ("relay",), ("--plain", "--congestion", "cubic"),
             is_one_thread=True),
        Peer("msquic", others / "msquic_peer", quic_modes, (), True),
        Peer("msquic-bbr", others / "msquic_peer", ("relay",), ("--congestion", "bbr"), True),
        Peer("quinn", others / "quinn_peer", (*quic_modes, "relay"), (), True, True),
        Peer("quinn-bbr", others / "quinn_peer", ("relay",), ("--congestion", "bbr"), True),
        Peer("js-quinn", others / "js_quinn_peer", ("stream",), (), True),
        Peer("quic-go", others / "quicgo_peer", (*quic_modes, "relay"), (), True),
        Peer("kcp", others / "kcp_peer", ("stream", "relay")),
        Peer("enet", built / "transport_enet", ("stream", "messages", "relay")),
        Peer("zmq-curve", built / "transport_zmq", ("stream", "messages")),
    ]


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.results = Results(FIGURES)
        self.turns = []  # For each turn {(figure, peer): value}.
        self.waited = 0.0
        self.skipped = []
        self.crypto_limit = None
        self.peers = [peer for peer in peers_of(arguments)
                      if self.is_wanted(peer.name) and self.is_there(peer.name, peer.program)]
        self.floor = self.there("floor", arguments.programs / "packet_floor")
        relay = arguments.programs / "transport_relay"
        self.relay_program = relay if self.is_there("the relay", relay) else None
        if self.relay_program and os.geteuid() != 0:
            self.skip("the relay", "network namespaces need root")
            self.relay_program = None
        self.ngtcp2 = Ngtcp2.found() if self.is_wanted("ngtcp2") else None
        if self.ngtcp2 is None and self.is_wanted("ngtcp2"):
            self.skip("ngtcp2", "no gtlsserver and gtlsclient (ngtcp2-server, ngtcp2-client)")
        if arguments.quick:
            self.seconds, self.count, self.relay_seconds, self.flow_seconds = 1, 1000, 3, 6
        else:
            self.seconds, self.count, self.relay_seconds, self.flow_seconds = 3, 5000, 5, 20

    def is_wanted(self, name):
        return self.arguments.stacks is None or name in self.arguments.stacks

    def is_there(self, name, program):
        if program.is_file() and os.access(program, os.X_OK):
            return True
        self.skip(name, f"{program.name} is not built")
        return False

    def there(self, name, program):
        return program if self.is_wanted(name) and self.is_there(name, program) else None

    def skip(self, name, why):
        note(f"SKIPPING {name}: {why}")
        self.skipped.append(f"{name}: {why}")

    def begin(self, turn):
        if len(self.turns) == turn:
            self.turns.append({})

    def add(self, figure, name, value):
        self.results.add(figure, name, value)
        self.turns[-1][figure, name] = value

    def guarded(self, name, what):
        try:
            return what()
        except (RunFailed, subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
            self.results.failures.append(f"{name}: {error}")
            note(f"FAILED {name}: {error}")
            return None

    def with_mode(self, mode):
        return [peer for peer in self.peers if mode in peer.modes]

    def each(self, mode, arguments, take, runs=None):
        """`take(name, said)` for each peer that has the mode; `runs` are others, by name."""
        for peer in self.with_mode(mode):
            said = self.guarded(f"{peer.name}, {mode}",
                                lambda peer=peer: run_pair(peer, mode, arguments))
            if said is not None:
                if mode in ("stream", "messages"):
                    self.note_waiting(peer, said)
                take(peer.name, said)
        for name, run in (runs or {}).items():
            said = self.guarded(f"{name}, {mode}", run)
            if said is not None:
                take(name, said)

    def note_waiting(self, peer, said):
        """Threads of one process wait for each other on its core; that says nothing."""
        if peer.is_one_thread:
            self.waited = max(self.waited, said.waited)

    # --- rows -------------------------------------------------------------------------------------

    def stream(self):
        def take(name, said):
            self.add("stream", name, said.gbit_s)
            self.add("stream, CPU", name, said.cpu_s_per_gib)

        runs = {}
        if self.ngtcp2:
            size = (128 if self.arguments.quick else 512) * 1024**2
            runs["ngtcp2"] = lambda: self.ngtcp2.fetch(size)
        self.each("stream", ["--seconds", self.seconds], take, runs)
        if self.floor:
            argv = [self.floor, "--json", "--seconds", self.seconds, *CIPHER]
            if said := self.guarded("floor", lambda: run_alone(argv)):
                self.add("stream", "floor", said["gbit_s"])
                self.add("stream, CPU", "floor", said["cpu_s_per_gib"])

    def messages(self):
        def take(name, said):
            count = max(said.received["messages"], 1)
            self.add("64-byte messages", name, count / max(said.received["seconds"], 1e-9))
            self.add("64-byte messages, CPU", name, 1e6 * said.cpu_s / count)

        options = ["--seconds", self.seconds, "--message-bytes", MESSAGE_BYTES]
        unreliable = [*options, "--service", "datagram"]
        runs = {f"{peer.name}, datagrams": lambda peer=peer: run_pair(peer, "messages", unreliable)
                for peer in self.peers if peer.name == "kith"}
        self.each("messages", options, take, runs)

    def ping(self):
        def take(name, sent):
            self.add("ping-pong p50", name, sent["p50_us"])
            self.add("ping-pong p99", name, sent["p99_us"])

        options = ["--count", 5 * self.count, "--message-bytes", MESSAGE_BYTES]
        self.each("ping", options, lambda name, said: take(name, said.sent))
        if self.floor:
            argv = [self.floor, "--ping", "--json", "--count", 5 * self.count, *CIPHER]
            if said := self.guarded("floor, ping", lambda: run_alone(argv)):
                take("floor", said)

    def requests(self):
        def take(name, said):
            self.add("requests", name, said.sent["per_second"])
            if said.sent["p50_us"] > 0:
                self.add("requests, p50", name, said.sent["p50_us"])

        self.each("requests", ["--count", 20 * self.count, "--message-bytes", MESSAGE_BYTES], take)

    def handshakes(self):
        def take(name, said, figure):
            count = said.sent["messages"] or said.sent.get("sessions", 0)
            self.add(figure, name, said.sent["per_second"])
            self.add(f"{figure} a core-second", name,
                     count / max(said.receiver_cpu_s, said.sender_cpu_s, 1e-9))

        for mode, figure in (("handshakes", "handshakes"), ("resumed", "resumed")):
            self.each(mode, ["--count", self.count],
                      lambda name, said, figure=figure: take(name, said, figure))
        if self.crypto_limit is None:
            self.crypto_limit = self.guarded("crypto_bench", self.handshake_limit) or 0
        if self.crypto_limit:
            self.add("handshakes a core-second", "crypto alone", self.crypto_limit)

    def handshake_limit(self):
        """What one side of Noise XX must compute, on one core: a key, three agreements, the
        peer's signature."""
        program = self.arguments.programs / "crypto_bench"
        if not self.is_there("crypto alone", program):
            return None
        wanted = {"x25519_generate": 1, "x25519_agree": 3, "ed25519_verify": 1}
        done = subprocess.run(
            [program, "--benchmark_filter=^(" + "|".join(wanted) + ")$",
             "--benchmark_format=json", "--benchmark_min_time=0.2"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=60)
        units = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
        return 1 / sum(wanted[run["name"]] * run["cpu_time"] * units[run["time_unit"]]
                       for run in json.loads(done.stdout)["benchmarks"])

    def rotation(self):
        """One and the other by turns, the median of each: two runs differ by more than it costs."""
        runs = {"kith": ROTATE_BYTES, "kith, never": 0}
        rates = {name: [] for name in runs}
        for peer in (peer for peer in self.with_mode("stream") if peer.name == "kith"):
            for name, each in list(runs.items()) * (2 if self.arguments.quick else 9):
                arguments = ["--seconds", 1, "--rotate-bytes", each]
                said = self.guarded(name, lambda args=arguments: run_pair(peer, "stream", args))
                if said is not None:
                    rates[name].append(said.gbit_s)
        for name, measured in rates.items():
            if measured:
                self.add("stream, new keys each 100 MB", name, statistics.median(measured))

    def idle(self):
        for peer in self.with_mode("idle"):
            sizes = [self.guarded(f"{peer.name}, idle", lambda count=count: run_pair(
                peer, "idle", ["--count", count], limit_s=120)) for count in (1, IDLE_SESSIONS)]
            if None not in sizes:
                for side, lines in (("responder", [said.received for said in sizes]),
                                    ("initiator", [said.sent for said in sizes])):
                    grown = lines[1]["rss_bytes"] - lines[0]["rss_bytes"]
                    name = peer.name if side == "responder" else f"{peer.name}, {side}"
                    self.add("memory of an idle session", name, grown / (IDLE_SESSIONS - 1))
                if "idle_session_bytes" in sizes[1].received:
                    self.add("the same, heap in use", peer.name,
                             sizes[1].received["idle_session_bytes"])

    def relay(self):
        if self.relay_program is None:
            return
        self.guarded("relay", lambda: self.over_relay(self.relay_losses))

    def flows(self):
        if self.relay_program is None:
            return
        self.guarded("two flows", lambda: self.over_relay(self.relay_flows))

    def over_relay(self, what):
        with transport_path.Path(self.relay_program) as path:
            what(path)

    def relay_losses(self, path):
        peers = [peer for peer in self.peers if "relay" in peer.modes or peer.name == "kith"]
        for loss in LOSSES:
            for peer in peers:
                rates = self.guarded(f"{peer.name}, relay, {loss}", lambda peer=peer: self.share(
                    path, loss, self.relay_seconds, [peer]))
                if rates:
                    self.add(f"relay, {100 * loss:g} % lost", peer.name, rates[0])

    def relay_flows(self, path):
        named = {peer.name: peer for peer in self.peers}
        for ours, theirs in (("kith", "kith"), ("tcp-bbr", "tcp-bbr"), ("tcp-cubic", "tcp-cubic"),
                             ("kith", "tcp-cubic"), ("tcp-bbr", "tcp-cubic")):
            if ours not in named or theirs not in named:
                continue
            rates = self.guarded(f"{ours} beside {theirs}", lambda: self.share(
                path, 0, self.flow_seconds, [named[ours], named[theirs]]))
            if rates and sum(rates) > 0:
                figure = ("two flows, the smaller's share" if ours == theirs else
                          "CUBIC's share beside it")
                part = min(rates) if ours == theirs else rates[1]
                self.add(figure, ours, 100 * part / sum(rates))

    def share(self, path, loss, seconds, peers):
        """Mbit/s at the receivers, of one or two flows that begin together."""
        limit_s = seconds + 40
        seed = 2 * len(self.turns) + 1
        with path.relaying(loss, limit_s, seed) as relay:
            pairs = []
            try:
                for peer in peers:
                    pairs.append(Pair(peer, "stream", ["--seconds", seconds],
                                      address=transport_path.RECEIVER_ADDRESS,
                                      within=path.within()))
                said = [pair.finish(limit_s) for pair in pairs]
            finally:
                for pair in pairs:
                    pair.stop()
        if relay.overran():
            raise RunFailed(f"the relay could not follow: {relay.said}")
        for peer, one in zip(peers, said):
            self.note_waiting(peer, one)
        return [1e3 * one.gbit_s for one in said]

    # --- ratios of one turn -----------------------------------------------------------------------

    def ratios(self):
        """For each name its values, one a turn; above 1 Kith is better."""
        quic = [peer.name for peer in self.peers if peer.is_quic] + ["ngtcp2"]
        tls = ["tls-cubic", "tls-bbr"]
        wanted = [
            ("stream", "kith", quic), ("stream", "kith", tls), ("stream", "kith", ["floor"]),
            ("64-byte messages", "kith", ["zmq-curve"]),
            ("64-byte messages", "kith, datagrams", ["zmq-curve"]),
            ("ping-pong p50", "kith", ["floor"]),
            ("requests", "kith", quic), ("handshakes a core-second", "kith", ["crypto alone"]),
            ("handshakes a core-second", "kith", quic),
            ("stream, new keys each 100 MB", "kith", ["kith, never"]),
            *((f"relay, {100 * loss:g} % lost", "kith", ["tcp-bbr"]) for loss in LOSSES),
        ]
        found = {}
        for figure, ours, theirs in wanted:
            is_higher = FIGURES[figure][1] == "higher"
            best = max if is_higher else min
            there = [name for name in theirs if any((figure, name) in turn for turn in self.turns)]
            about = there[0] if len(there) == 1 else "the best of " + ", ".join(there)
            for turn in self.turns:
                others = [turn[figure, name] for name in there if (figure, name) in turn]
                if (figure, ours) not in turn or not others:
                    continue
                pair = turn[figure, ours], best(others)
                if min(pair) > 0:
                    found.setdefault(f"{figure}: {ours} against {about}", []).append(
                        pair[0] / pair[1] if is_higher else pair[1] / pair[0])
        floors = [turn["stream", "floor"] for turn in self.turns if ("stream", "floor") in turn]
        if floors:  # How quiet the machine was: 1 if no turn was slower than another.
            found["floor, each turn over the best"] = [value / max(floors) for value in floors]
        return found


if __name__ == "__main__":
    main()
