"""Runs one sender and one receiver, each a process on a core of its own, and tells what they said
and used. All peers of bench/transport.py have the arguments of peer.h and packet_stream.
"""

import ctypes
import dataclasses
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

from perf_peers import RunFailed

RECEIVER_CPU, SENDER_CPU = 0, 1
GIB = 1024**3
START_S = 20  # Until a receiver listens.
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


@dataclasses.dataclass
class Peer:
    """One way to carry bytes: a program, what it is told beside the measurement's own arguments,
    and which modes it has."""

    name: str
    program: pathlib.Path
    modes: tuple
    extra: tuple = ()
    is_quic: bool = False
    is_one_thread: bool = False


@dataclasses.dataclass
class Said:
    """Of one run: the receiver's and the sender's last lines, CPU of both, and how long they
    waited for a core, as a share of the time (their first threads)."""

    received: dict
    sent: dict
    receiver_cpu_s: float
    sender_cpu_s: float
    waited: float

    @property
    def cpu_s(self):
        return self.receiver_cpu_s + self.sender_cpu_s

    @property
    def gbit_s(self):
        return 8e-9 * self.received["bytes"] / max(self.received["seconds"], 1e-9)

    @property
    def cpu_s_per_gib(self):
        return self.cpu_s / max(self.received["bytes"], 1) * GIB


class Process:
    """A process in a session of its own, pinned, before all others of this machine (autogroups:
    where the kernel has them, plain nice has no say between sessions). Ends if we do."""

    def __init__(self, argv, cpu=None, stdin=subprocess.DEVNULL):
        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cpu is not None and cpu < (os.cpu_count() or 1):
                os.sched_setaffinity(0, {cpu})
            try:
                with open("/proc/self/autogroup", "w", encoding="ascii") as file:
                    file.write("-20")
            except OSError:
                pass  # Not root, or no autogroups.

        self.argv = [str(word) for word in argv]
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            self.argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=prepare)
        self.lines = []
        self.unread = b""
        self.usage = None
        self.waited = 0.0

    def next_line(self, limit_s):
        """A line of JSON; None at the end of the output."""
        end = time.monotonic() + limit_s
        while b"\n" not in self.unread:
            readable, _, _ = select.select([self.process.stdout], [], [],
                                           max(0, end - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 1 << 16) if readable else None
            if data is None:
                raise RunFailed(f"{self.name()} said nothing more within {limit_s:.0f} s")
            if not data:
                return None
            self.unread += data
        line, _, self.unread = self.unread.partition(b"\n")
        try:
            return json.loads(line)
        except ValueError:
            raise RunFailed(f"{self.name()} said {line[:200]!r}") from None

    def name(self):
        return " ".join([pathlib.Path(self.argv[0]).name, *self.argv[1:4]])

    def finish(self, limit_s):
        """Its last line, once it has ended."""
        last = None
        while (line := self.next_line(limit_s)) is not None:
            last = line
        self.reap(limit_s)
        if self.process.returncode != 0:
            words = self.process.stderr.read().decode(errors="replace").strip()[-300:]
            raise RunFailed(f"{self.name()}: exit {self.process.returncode}: {words}")
        if last is None:
            raise RunFailed(f"{self.name()} ended without a result")
        return last

    def reap(self, limit_s=10):
        end = time.monotonic() + limit_s
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while os.waitid(os.P_PID, self.process.pid, flags) is None:
            if time.monotonic() > end:
                raise RunFailed(f"{self.name()} does not end")
            time.sleep(0.002)
        took = time.monotonic() - self.start
        with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as file:
            self.waited = int(file.read().split()[1]) / 1e9 / max(took, 1e-9)
        _, status, self.usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)

    def signal(self, number):
        """Popen.send_signal() would reap one that has ended, and nobody could know what it used."""
        os.kill(self.process.pid, number)

    def cpu_s(self):
        return self.usage.ru_utime + self.usage.ru_stime

    def stop(self):
        """However it stands; its children are its own affair."""
        if self.process.returncode is None:
            self.signal(signal.SIGTERM)
            try:
                self.reap(5)
            except RunFailed:
                self.signal(signal.SIGKILL)
                self.reap(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


class Pair:
    """A receiver that listens and a sender that has begun. `within`: words before each command
    (another network namespace), receiver's and sender's."""

    def __init__(self, peer, mode, arguments, address="127.0.0.1", within=((), ()), cpus=None):
        receiver_cpu, sender_cpu = cpus or (RECEIVER_CPU, SENDER_CPU)
        common = ["--address", address, "--mode", mode, *peer.extra, *arguments, "--json"]
        self.sender = None
        self.receiver = Process([*within[0], peer.program, "receive", "--port", 0, *common,
                                 "--cpu", receiver_cpu], receiver_cpu)
        try:
            ready = self.receiver.next_line(START_S)
            if ready is None or "listening" not in ready:
                words = self.receiver.process.stderr.read().decode(errors="replace").strip()
                raise RunFailed(f"{peer.name}: said {ready} instead of its port {words[-300:]}")
            self.sender = Process([*within[1], peer.program, "send", "--port", ready["listening"],
                                   *common, "--cpu", sender_cpu], sender_cpu)
        except BaseException:
            self.stop()
            raise

    def finish(self, limit_s):
        try:
            received = self.receiver.finish(limit_s)
            sent = self.sender.finish(limit_s)
        finally:
            self.stop()
        return Said(received, sent, self.receiver.cpu_s(), self.sender.cpu_s(),
                    max(self.receiver.waited, self.sender.waited))

    def stop(self):
        for process in (self.sender, self.receiver):
            if process is not None:
                process.stop()


def run_pair(peer, mode, arguments, limit_s=60, **where):
    return Pair(peer, mode, arguments, **where).finish(limit_s)


def run_alone(argv, limit_s=60):
    """The line of a program that is both sides itself, and pins itself."""
    process = Process(argv)
    try:
        return process.finish(limit_s)
    finally:
        process.stop()


class Ngtcp2:
    """ngtcp2's example server and client (HTTP/3, GnuTLS): a file of zeros is fetched; what is
    timed is the client's whole life, its start too."""

    def __init__(self, server, client):
        self.server, self.client = server, client

    @staticmethod
    def found():
        path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
        server, client = (shutil.which(name, path=path) for name in ("gtlsserver", "gtlsclient"))
        return Ngtcp2(server, client) if server and client else None

    def fetch(self, size, limit_s=60):
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=bench"],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            os.mkdir(f"{folder}/docs")
            with open(f"{folder}/docs/file", "wb") as file:
                file.truncate(size)
            port = free_udp_port()
            quiet = ["-q", "--no-quic-dump", "--no-http-dump", "--max-udp-payload-size=1400",
                     "--no-pmtud", "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:"
                     "+AES-256-GCM:+AES-128-GCM"]
            server = Process([self.server, *quiet, "-d", f"{folder}/docs", "127.0.0.1", port, key,
                              certificate], SENDER_CPU)
            try:
                time.sleep(0.3)  # It says nothing when it listens.
                client = Process([self.client, *quiet, "--exit-on-all-streams-close", "127.0.0.1",
                                  port, f"https://127.0.0.1:{port}/file"], RECEIVER_CPU)
                try:
                    client.reap(limit_s)
                    seconds = time.monotonic() - client.start
                    if client.process.returncode != 0:
                        raise RunFailed(f"gtlsclient: exit {client.process.returncode}")
                finally:
                    client.stop()
            finally:
                server.stop()
        said = {"bytes": size, "seconds": seconds}
        return Said(said, said, client.cpu_s(), server.cpu_s(),
                    max(client.waited, server.waited))


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def spread(values):
    return f"{statistics.median(values):.3g} ({min(values):.3g}-{max(values):.3g})"
