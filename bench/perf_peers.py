#!/usr/bin/env python3
"""Measures Kith and the foreign libp2p peers side by side, each stack against itself.

Two processes a stack on loopback, repetitions interleaved (a busy moment hits all stacks alike),
one TCP congestion control for all. bench/run.sh builds what this needs; bench/README.md says what
the figures mean.
"""

import argparse
import json
import os
import select
import shlex
import signal
import statistics
import subprocess
import sys
import time

MIB = 1024 * 1024
CONTROL = "/proc/sys/net/ipv4/tcp_congestion_control"
TICKS_S = os.sysconf("SC_CLK_TCK")
WHAT = ("memory", "perf", "ping", "handshakes")

# Figure: its unit and whether more or less is better.
FIGURES = {
    "idle RSS": ("MiB", "lower"),
    "RSS after the run": ("MiB", "lower"),
    "upload": ("MiB/s", "higher"),
    "download": ("MiB/s", "higher"),
    "upload, receiver's CPU": ("s/GiB", "lower"),
    "upload, sender's CPU": ("s/GiB", "lower"),
    "connect": ("ms", "lower"),
    "ping p50": ("us", "lower"),
    "ping p99": ("us", "lower"),
    "handshakes": ("1/s", "higher"),
    "handshakes per server CPU": ("1/CPU s", "higher"),
    "handshakes per client CPU": ("1/CPU s", "higher"),
}


def main():
    arguments = parse_arguments()
    stacks = read_peers(arguments.peers, arguments.stacks)
    results = Results()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    before = os.getloadavg()[0]
    with CongestionControl() as control:
        measure(arguments, stacks, results)
    about = {
        "cpus": os.cpu_count(), "load_before": round(before, 2), "congestion_control": control.used,
        "repeat": arguments.repeat, "quick": arguments.quick,
    }
    if arguments.json:
        print(json.dumps({**about, "figures": results.as_json()}))
    else:
        print(", ".join(f"{key} {value}" for key, value in about.items()))
        print(results.as_table())
    if "kith" not in stacks:
        note("Kith's peer is not built (./run build): only foreign figures")
    sys.exit(1 if results.failures else 0)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", choices=[*WHAT, "all"], default="all")
    parser.add_argument("--peers", required=True, help="file of names and commands, tab between")
    parser.add_argument("--pipe", help="the bare_pipe program")
    parser.add_argument("--stacks", default="kith,go,rust,js", help="which, in this order")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a quarter of the work")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if "all" in arguments.what or not arguments.what:
        arguments.what = WHAT
    return arguments


def read_peers(path, wanted):
    with open(path, encoding="utf-8") as file:
        commands = dict(line.rstrip("\n").split("\t") for line in file)
    return {name: shlex.split(commands[name]) for name in wanted.split(",") if name in commands}


def measure(arguments, stacks, results):
    listeners = {}
    try:
        for name, command in stacks.items():
            listeners[name] = Listener(command)
        if "memory" in arguments.what:
            time.sleep(3)  # What is allocated at the start is in use or given back by then.
            for name, listener in listeners.items():
                results.add("idle RSS", name, listener.rss_mib())
        for round_number in range(arguments.repeat):
            note(f"round {round_number + 1} of {arguments.repeat}")
            if "perf" in arguments.what and arguments.pipe:
                measure_pipe(arguments, results)
            for name, listener in listeners.items():
                measure_stack(arguments, name, stacks[name], listener, results)
        for name, listener in listeners.items():
            results.add("RSS after the run", name, listener.rss_mib())
    finally:
        for listener in listeners.values():
            listener.stop()


def measure_stack(arguments, name, command, listener, results):
    def dial(test):
        return Dial(command, listener, test)

    try:
        if "perf" in arguments.what:
            count = (256 if arguments.quick else 1024) * MIB
            gib = count / MIB / 1024
            up = dial(f"perf --upload {count}")
            down = dial(f"perf --download {count}")
            results.add("upload", name, up.said["upload_mib_s"])
            results.add("download", name, down.said["download_mib_s"])
            results.add("upload, receiver's CPU", name, up.server_cpu_s / gib)
            results.add("upload, sender's CPU", name, up.client_cpu_s / gib)
        if "ping" in arguments.what:
            ping = dial(f"ping --count {2000 if arguments.quick else 10000}")
            results.add("connect", name, ping.said["connect_ms"])
            results.add("ping p50", name, ping.said["rtt_us"]["p50"])
            results.add("ping p99", name, ping.said["rtt_us"]["p99"])
        if "handshakes" in arguments.what:
            count = 500 if arguments.quick else 2000
            run = dial(f"handshakes --count {count} --parallel 4")
            results.add("handshakes", name, run.said["per_second"])
            results.add("handshakes per server CPU", name, count / run.server_cpu_s)
            results.add("handshakes per client CPU", name, count / run.client_cpu_s)
    except RunFailed as error:
        results.failures.append(f"{name}: {error}")
        note(f"FAILED {name}: {error}")


def measure_pipe(arguments, results):
    count = (256 if arguments.quick else 1024) * MIB
    process = subprocess.Popen([arguments.pipe, "listen"], stdout=subprocess.PIPE)
    try:
        port = json.loads(process.stdout.readline())["port"]
        done = subprocess.run(
            [arguments.pipe, "dial", str(port), str(count)], stdout=subprocess.PIPE, check=True
        )
        results.add("upload", "bare pipe", json.loads(done.stdout)["mib_s"])
    finally:
        process.kill()
        process.wait()


class RunFailed(Exception):
    pass


class Listener:
    def __init__(self, command):
        self.process = subprocess.Popen(
            [*command, "listen", "--no-ping"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        readable, _, _ = select.select([self.process.stdout], [], [], 20)
        line = self.process.stdout.readline() if readable else b""
        try:
            self.address = json.loads(line)["addresses"][0]
        except (ValueError, KeyError, IndexError):
            self.stop()
            sys.exit(f"bench: {' '.join(command)} printed {line!r} instead of its address")

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_S

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / MIB

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Dial:
    """One finished run of a dialler: what it said and what both sides' CPUs did meanwhile."""

    def __init__(self, command, listener, test, limit_s=180):
        argv = [*command, "dial", listener.address, *test.split(), "--timeout", str(limit_s)]
        before = listener.cpu_s()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        # A tick is 10 ms; a run that used less than one still used something.
        self.server_cpu_s = max(listener.cpu_s() - before, 1 / TICKS_S)
        self.client_cpu_s = usage.ru_utime + usage.ru_stime
        try:
            self.said = json.loads(output)
        except ValueError:
            raise RunFailed(f"{test}: exit {process.returncode}, said {output!r}") from None
        if not self.said.get("ok"):
            raise RunFailed(f"{test}: {self.said.get('error')}")


class CongestionControl:
    """One algorithm for all sockets: bbr, where it is the default, halves loopback."""

    def __enter__(self):
        with open(CONTROL, encoding="ascii") as file:
            self.used = self.saved = file.read().strip()
        for wanted in ("cubic", "reno"):
            if self.used != wanted and self.write(wanted):
                self.used = wanted
            if self.used == wanted:
                break
        else:
            note(f"cannot change the congestion control, it stays {self.used}")
        return self

    def __exit__(self, *_):
        if self.used != self.saved:
            self.write(self.saved)

    @staticmethod
    def write(name):
        try:
            with open(CONTROL, "w", encoding="ascii") as file:
                file.write(name)
            return True
        except OSError:
            return False


class Results:
    def __init__(self, about=None):
        self.about = FIGURES if about is None else about
        self.runs = {}
        self.failures = []

    def add(self, figure, stack, value):
        self.runs.setdefault(figure, {}).setdefault(stack, []).append(value)

    def figures(self):
        """Yields figure, unit, better, and for each stack its runs, in the table's order."""
        for figure, (unit, better) in self.about.items():
            if figure in self.runs:
                yield figure, unit, better, self.runs[figure]

    def as_json(self):
        return [
            {
                "figure": figure, "unit": unit, "better": better,
                "values": {
                    stack: {"median": statistics.median(runs), "runs": runs}
                    for stack, runs in stacks.items()
                },
                "ratios": {
                    stack: ratio(better, stacks["kith"], runs)
                    for stack, runs in stacks.items() if "kith" in stacks and stack != "kith"
                },
            }
            for figure, unit, better, stacks in self.figures()
        ]

    def as_table(self):
        row = "{:<28}{:>10}{:>11}  {:<10}{:>11}{:>18}{:>8}"
        lines = [row.format("figure", "unit", "kith", "peer", "median", "min-max", "ratio")]
        for figure, unit, better, stacks in self.figures():
            kith = stacks.get("kith")
            ours = digits(statistics.median(kith)) if kith else "-"
            for stack, runs in stacks.items():
                if stack == "kith" and len(stacks) > 1:
                    continue
                spread = f"{digits(min(runs))}-{digits(max(runs))}"
                times = ratio(better, kith, runs) if kith else None
                times = "-" if times is None else f"{times:.2f}"
                median = digits(statistics.median(runs))
                lines.append(row.format(figure, unit, ours, stack, median, spread, times))
        lines.append("ratio: above 1 Kith is better, whichever way the figure goes")
        return "\n".join(lines)


def digits(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def ratio(better, ours, theirs):
    a, b = statistics.median(ours), statistics.median(theirs)
    if better == "lower":
        a, b = b, a
    return a / b if b > 0 else None  # Of what may be nothing there is no ratio.


def note(message):
    print(f"bench: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
