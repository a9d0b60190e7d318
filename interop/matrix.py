#!/usr/bin/env python3
"""Runs the interop cases between pairs of peers and prints one line a case.

Called by run.sh, which builds the peers. To add a case, add a line to CASES; a test that is new to
the peers is described in README.md first and then written in all of them.
"""

import argparse
import contextlib
import itertools
import json
import os
import select
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace

import pubsub
from gossip_nodes import GossipError
from web_relay import WebRelay

MIB = 1024 * 1024
STOP_S = 5
TCP = "/ip4/127.0.0.1/tcp/0"
WEB = f"{TCP}/ws"
TLS = f"{TCP}/tls/ws"
# As listeners they mishandle streams that come with the end of the handshake (README.md).
NOT_READY_AT_ONCE = {"js"}
# Where CI is set, these must be there: what is not run is not counted as passed.
ALWAYS_IN_CI = {"js", "kith", "kith-cli"}


@dataclass
class Case:
    label: str
    test: str
    deadline_s: int = 15
    private: bool = False  # Both sides share a pre-shared key.
    key: str = ""  # The dialler's key file where it differs from the listener's.
    listen: str = TCP
    relayed: bool = False  # Through a relay that reads along how connections end.


CASES = [
    Case("ping", "ping --count 100"),
    Case("identify", "identify"),
    Case("echo 0B", "echo --size 0"),
    Case("echo 1B", "echo --size 1"),
    Case("echo 1MiB", f"echo --size {MIB}"),
    Case("echo 100MiB", f"echo --size {100 * MIB}", 30),
    Case("sink 10MB", "sink --size 10000000"),
    Case("perf upload 64MiB", f"perf --upload {64 * MIB}"),
    Case("perf download 64MiB", f"perf --download {64 * MIB}"),
    Case("perf both ways", "perf --upload 10000000 --download 10000000"),
    Case("200 streams at once", "many --streams 200", 20),
    Case("reset", "reset"),
    Case("half-close", "halfclose"),
    Case("dialler resets", "cancel"),
    Case("listener closes first", "earlyclose"),
    Case("unknown protocol", "unknown"),
    Case("wrong peer id", "wrongpeer"),
    Case("50 handshakes", "handshakes --count 50 --parallel 2", 30),
    Case("private network: ping", "ping", private=True),
    Case("private network: echo 1MiB", f"echo --size {MIB}", private=True),
    Case("private network: other key refused", "refused --timeout 20", 25, True, "other"),
    Case("private network: no key refused", "refused --timeout 20", 25, True, "none"),
]
# Over WebSockets those that show the carrier: how streams end does not depend on it.
OVER_WEB = {
    "ping", "identify", "echo 1MiB", "echo 100MiB", "perf both ways", "200 streams at once",
    "wrong peer id", "50 handshakes", "private network: echo 1MiB",
}
CASES += [
    replace(case, label=f"WebSocket: {case.label}", listen=WEB)
    for case in CASES if case.label in OVER_WEB
]
OVER_TLS = {"ping", "echo 1MiB", "perf both ways", "wrong peer id", "50 handshakes"}
CASES += [
    replace(case, label=f"WebSocket, TLS: {case.label}", listen=TLS)
    for case in CASES if case.label in OVER_TLS
]
# A node for each: once it knows its peer's addresses from identify, it dials past the relay.
CLEAN_ENDS = "handshakes --count 4 --parallel 4"
CASES += [Case("WebSocket: 4 clean ends", CLEAN_ENDS, listen=WEB, relayed=True)]

# The product's own commands as dialler: verb and arguments, and what its JSON must show.
CLI_CASES = [
    ("ping", "ping {address} --json", lambda said: said["received"] == said["sent"] > 0),
    (
        "perf 16MiB",
        f"perf {{address}} --upload-bytes {16 * MIB} --download-bytes {16 * MIB} --json",
        lambda said: said["upload_bytes"] == said["download_bytes"] == 16 * MIB,
    ),
]


def main():
    arguments = parse_arguments()
    peers = read_peers(arguments.peers)
    tally = Tally(arguments.k)
    with tempfile.TemporaryDirectory(prefix="kith-interop-") as folder:
        keys = make_keys(folder)
        make_certificates(folder)
        for dialer, listener in pairs(arguments):
            run_pair(dialer, listener, peers, keys, folder, tally)
        for case in pubsub.cases(arguments.names.split()):  # these peers, too, read the certificate
            run_gossip(case, peers, tally)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    sys.exit(1 if tally.failed else 0)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True, help="file of names and commands, tab between")
    parser.add_argument("--names", required=True, help="the foreign peers to run, with blanks")
    parser.add_argument("--foreign", action="store_true", help="also foreign against foreign")
    parser.add_argument("-k", default="", help="only cases whose line contains this")
    return parser.parse_args()


def read_peers(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.split("\t") for line in file]
    return {name: shlex.split(command) for name, command in lines}


def pairs(arguments):
    names = arguments.names.split()
    for name in names:
        yield name, "kith"
        yield "kith", name
        yield "kith-cli", name
    if arguments.foreign:
        yield from itertools.product(names, names)


class Tally:
    def __init__(self, wanted):
        self.wanted = wanted
        self.passed = self.failed = self.skipped = 0

    def wants(self, line):
        return self.wanted in line

    def report(self, verdict, line, seconds=None, why=""):
        counter = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}[verdict]
        setattr(self, counter, getattr(self, counter) + 1)
        timing = "" if seconds is None else f" ({seconds:.1f} s)"
        print(f"{verdict} {line}{timing}{': ' + why if why else ''}", flush=True)


def make_keys(folder):
    keys = {"none": None}
    for name in ("shared", "other"):
        keys[name] = os.path.join(folder, f"{name}.key")
        with open(keys[name], "w", encoding="ascii") as file:
            file.write(f"/key/swarm/psk/1.0.0/\n/base16/\n{os.urandom(32).hex()}\n")
    return keys


def make_certificates(folder):
    """An authority, and a certificate of 127.0.0.1; every peer that is started has them."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=tls, check=True, capture_output=True)

    tls = os.path.join(folder, "tls")
    os.mkdir(tls)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "authority.key", "-out", "authority.pem",
            "-subj", "/CN=kith-interop", "-days", "2")
    openssl("req", *key, "-keyout", "key.pem", "-out", "request", "-subj", "/CN=127.0.0.1")
    with open(os.path.join(tls, "names"), "w", encoding="ascii") as file:
        file.write("subjectAltName=IP:127.0.0.1")
    openssl("x509", "-req", "-in", "request", "-CA", "authority.pem", "-CAkey", "authority.key",
            "-CAcreateserial", "-extfile", "names", "-out", "certificate.pem", "-days", "2")
    for name in ("authority", "certificate"):
        openssl("x509", "-in", f"{name}.pem", "-outform", "DER", "-out", f"{name}.der")
    openssl("pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER", "-out", "key.der")
    os.environ["PEER_TLS"] = tls
    os.environ["NODE_EXTRA_CA_CERTS"] = os.path.join(tls, "authority.pem")


def run_pair(dialer, listener, peers, keys, folder, tally):
    missing = [name for name in (dialer, listener) if name not in peers]
    if dialer == "kith-cli":
        cases = [(case[0], case, (TCP, False)) for case in CLI_CASES]
        cases += [(f"WebSocket: {case[0]}", case, (WEB, False)) for case in CLI_CASES[1:]]
        cases += [(f"WebSocket, TLS: {case[0]}", case, (TLS, False)) for case in CLI_CASES[1:]]
    else:
        cases = [(case.label, case, (case.listen, case.private)) for case in CASES]
    cases = [(f"{dialer}->{listener} {label}", *rest) for label, *rest in cases]
    cases = [case for case in cases if tally.wants(case[0])]
    if missing:
        for line, _, _ in cases:
            report_missing(missing, line, tally)
        return
    for kind in sorted({case[2] for case in cases}):
        listen, private = kind
        try:
            key = keys["shared"] if private else None
            with Listener(listener, peers[listener], listen, key) as serving:
                for line, case, _ in (each for each in cases if each[2] == kind):
                    run_case(line, case, peers[dialer], serving, keys, folder, tally)
        except PeerError as error:
            tally.report("FAIL", f"{listener} as listener for {dialer}", why=str(error))


def run_gossip(case, peers, tally):
    if not tally.wants(case.line):
        return
    missing = sorted(({"kith-cli"} | case.foreign) - set(peers))
    if missing:
        report_missing(missing, case.line, tally)
        return
    start = time.monotonic()
    try:
        case.run(peers)
        why = ""
    except (GossipError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        why = f"{type(error).__name__}: {error}"
    tally.report("FAIL" if why else "PASS", case.line, time.monotonic() - start, why)


def report_missing(missing, line, tally):
    verdict = "FAIL" if os.environ.get("CI") and ALWAYS_IN_CI.intersection(missing) else "SKIP"
    tally.report(verdict, line, why=f"no {' and no '.join(missing)} peer here")


def run_case(line, case, command, serving, keys, folder, tally):
    relayed = isinstance(case, Case) and case.relayed
    start = time.monotonic()
    with WebRelay(serving.address) if relayed else contextlib.nullcontext(serving) as at:
        why = dial(case, command, serving, at.address, keys, folder)
        if relayed and not why:
            why = at.fault()
    tally.report("FAIL" if why else "PASS", line, time.monotonic() - start, why)


def dial(case, command, serving, address, keys, folder):
    """Why the case failed, or an empty string."""
    if isinstance(case, Case):
        argv = [*command, "dial", address, *shlex.split(case.test)]
        if "--timeout" not in case.test:
            argv += ["--timeout", str(case.deadline_s - 1)]
        if serving.name in NOT_READY_AT_ONCE:
            argv.append("--identified")
        key = keys[case.key] if case.key else serving.key
        if case.private and key:
            argv += ["--psk", key]
        deadline_s, holds = case.deadline_s, lambda said: said["ok"]
    else:
        _, verb, holds = case
        home = os.path.join(folder, "home")
        argv = [*command, "--home", home, *shlex.split(verb.format(address=address)),
                "--set", f"websocket.tls_authorities={os.environ['NODE_EXTRA_CA_CERTS']}"]
        deadline_s = 30
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=deadline_s,
            check=False,
        )
        return judge(done, holds)
    except subprocess.TimeoutExpired:
        return f"no end after {deadline_s} s"


def judge(done, holds):
    """Why the run failed, or an empty string."""
    try:
        said = json.loads(done.stdout)
        if done.returncode == 0 and holds(said):
            return ""
        return f"exit {done.returncode}: {said.get('error', done.stdout.strip())}"
    except (ValueError, KeyError, TypeError):
        return f"exit {done.returncode}, no good JSON: {(done.stdout + done.stderr).strip()[:300]}"


class PeerError(Exception):
    pass


class Listener:
    """A listening peer process; leaving it checks that it lived until then and stops cleanly."""

    def __init__(self, name, command, listen, key):
        self.name, self.key = name, key
        self.argv = [*command, "listen", "--listen", listen, *(["--psk", key] if key else [])]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        readable, _, _ = select.select([self.process.stdout], [], [], 20)
        line = self.process.stdout.readline() if readable else b""
        try:
            self.address = json.loads(line)["addresses"][0]
        except (ValueError, KeyError, IndexError):
            self.stop()
            raise PeerError(f"it printed {line!r} instead of its address") from None
        return self

    def __exit__(self, kind, *_):
        died = self.process.poll()
        code = self.stop()
        if kind is None and died is not None:
            raise PeerError(f"it died with exit code {died}")
        if kind is None and code is None:
            raise PeerError(f"it did not stop within {STOP_S} s of SIGTERM")

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.process.stdin.close()
            self.process.stdout.close()


if __name__ == "__main__":
    main()
