#!/usr/bin/env python3
"""What an idle node and an idle connection cost: resident memory, start time, CPU while idle.

Starts `kith start` on loopback, reads its RSS, connects --count peers with identities of their own
(idle_dialers), lets identify and the first pings pass, and reads the RSS again.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
PER_PROCESS = 250
TICKS = os.sysconf("SC_CLK_TCK")


def rss_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("no VmRSS")


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def start_node(home, count):
    settings = {"listen": "/ip4/127.0.0.1/tcp/0", "min_peers": 0, "max_peers": count + 100,
                "connections_max": 2 * count + 200, "handshakes_pending_max": 1000}
    command = [str(BUILD / "kith"), "--home", home, "--json"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    begin = time.monotonic()
    node = subprocess.Popen(command + ["start"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True)
    ready = json.loads(node.stdout.readline())
    return node, ready, (time.monotonic() - begin) * 1000


def measure(count, settle_s):
    with tempfile.TemporaryDirectory() as home:
        node, ready, start_ms = start_node(home, count)
        dialers = []
        try:
            time.sleep(2)
            idle_kib = rss_kib(node.pid)
            begin, cpu = time.monotonic(), cpu_s(node.pid)
            time.sleep(5)
            idle_cpu = 100 * (cpu_s(node.pid) - cpu) / (time.monotonic() - begin)
            for first in range(0, count, PER_PROCESS):
                dialer = subprocess.Popen(
                    [str(BUILD / "bench" / "idle_dialers"), ready["addresses"][0],
                     str(min(PER_PROCESS, count - first))],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                dialers.append(dialer)
                if dialer.stdout.readline().strip() != "ready":
                    raise RuntimeError("idle_dialers could not connect them all")
            time.sleep(settle_s)
            busy_kib = rss_kib(node.pid)
            begin, cpu = time.monotonic(), cpu_s(node.pid)
            time.sleep(5)
            busy_cpu = 100 * (cpu_s(node.pid) - cpu) / (time.monotonic() - begin)
            status = json.loads(subprocess.run(
                [str(BUILD / "kith"), "--home", home, "--json", "status"], check=True,
                capture_output=True, text=True).stdout)
        finally:
            for dialer in dialers:
                dialer.stdin.close()
            for dialer in dialers:
                dialer.wait(timeout=10)
            node.terminate()
            node.wait(timeout=10)
    if status["peers"] != count:
        raise RuntimeError(f"{status['peers']} of {count} peers are connected")
    return {"start_to_ready_ms": round(start_ms, 1), "idle_rss_mib": round(idle_kib / 1024, 2),
            "idle_cpu_percent": round(idle_cpu, 2), "connections": count,
            "rss_mib": round(busy_kib / 1024, 2), "cpu_percent": round(busy_cpu, 2),
            "bytes_per_connection": round((busy_kib - idle_kib) * 1024 / count)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--settle", type=float, default=20, metavar="SECONDS")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    figures = measure(arguments.count, arguments.settle)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    sys.exit(main())
