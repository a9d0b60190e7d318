#!/usr/bin/env python3
"""How soon a node with a long chain is ready, and what a validator costs that has nothing to do.

Makes a home with --blocks blocks (long_chain), starts a node beside it --repeat times, and then
runs four validators with a block a second (`kith devnet`) for --seconds.
"""
import argparse
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from idle_connections import BUILD, cpu_s, rss_kib


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30, help="that validators are watched")
    parser.add_argument("--folder", default=".", help="on the disk that is to be measured")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="start-", dir=arguments.folder) as folder:
        figures = starts(arguments, pathlib.Path(folder).resolve())
        figures.update(idle_validators(arguments, pathlib.Path(folder).resolve()))
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<44} {value:>12}")


def starts(arguments, folder):
    home = folder / "home"
    began = time.monotonic()
    # Each block is made durable: in memory that costs nothing.
    with tempfile.TemporaryDirectory(prefix="start-", dir="/dev/shm") as quick:
        made = pathlib.Path(quick) / "home"
        subprocess.run([BUILD / "bench" / "long_chain", made, str(arguments.blocks)], check=True)
        shutil.copytree(made, home)
    made_s = time.monotonic() - began
    disk = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    took, resident = [], []
    for _ in range(arguments.repeat):
        began = time.monotonic()
        node = subprocess.Popen(
            [BUILD / "kith", "--home", home, "--json", "start", "--listen", "/ip4/127.0.0.1/tcp/0",
             "--set=api.http=/ip4/127.0.0.1/tcp/0"], stdout=subprocess.PIPE)
        ready = json.loads(node.stdout.readline())
        took.append((time.monotonic() - began) * 1000)
        try:
            if "error" in ready:
                raise SystemExit(f"the node did not start: {ready['error']}")
            told = subprocess.run([BUILD / "kith", "--home", home, "--json", "chain", "status"],
                                  stdout=subprocess.PIPE, check=True).stdout
            if json.loads(told)["height"] < arguments.blocks:
                raise SystemExit("the node does not have the whole chain")
            resident.append(rss_kib(node.pid) / 1024)
        finally:
            node.send_signal(signal.SIGTERM)
            node.wait(30)
            node.stdout.close()
    return {"blocks": arguments.blocks, "made, blocks/s": round(arguments.blocks / made_s),
            "on the disk, MiB": round(disk / 2**20, 1),
            "start to ready, ms, median (goal 1000)": round(statistics.median(took), 1),
            "start to ready, ms, worst": round(max(took), 1),
            "RSS when ready, MiB": round(max(resident), 1)}


def children_of(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in path.read_text().split()]


def idle_validators(arguments, folder):
    net = subprocess.Popen(
        [BUILD / "kith", "devnet", "--nodes", "4", "--validators", "4", "--no-job", "--base-port",
         "0", "--dir", folder / "net", "--json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(10)
        nodes = children_of(net.pid)
        if len(nodes) != 4:
            raise SystemExit(f"devnet has {len(nodes)} processes")
        before, began = [cpu_s(pid) for pid in nodes], time.monotonic()
        time.sleep(arguments.seconds)
        took = time.monotonic() - began
        used = [100 * (cpu_s(pid) - start) / took for pid, start in zip(nodes, before)]
        resident = [rss_kib(pid) / 1024 for pid in nodes]
    finally:
        net.send_signal(signal.SIGTERM)
        net.wait(60)
    return {"idle validator, CPU % of a core (goal 1)": round(statistics.mean(used), 2),
            "idle validator, RSS MiB, largest (goal 60)": round(max(resident), 1)}


if __name__ == "__main__":
    sys.exit(main())
