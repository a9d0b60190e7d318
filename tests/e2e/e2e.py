"""What the end-to-end tests share: the kith program ($KITH_BIN), homes in a temporary folder, and
running nodes that are ended by their own process id. Standard library only."""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

KITH = os.environ.get("KITH_BIN", "")
# Far beyond what anything here takes, so that a hang fails its own test and not the whole run.
LIMIT_S = 60
LOOPBACK = "/ip4/127.0.0.1/tcp/0"
# Tests run beside each other, so that no two nodes may want the same port.
API = f"--set=api.http={LOOPBACK}"


def environment(extra=None):
    """Ours without anything that would configure a node."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KITH_")}
    kept.update(extra or {})
    return kept


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def json(self):
        """Standard output, which must be one JSON object and nothing else."""
        lines = self.out.splitlines()
        assert len(lines) == 1, f"{len(lines)} lines on stdout: {self.out!r}, stderr: {self.err!r}"
        return json.loads(lines[0])


def kith(*arguments, env=None, limit_s=LIMIT_S):
    return Result(subprocess.run([KITH, *map(str, arguments)], capture_output=True, text=True,
                                 env=environment(env), timeout=limit_s, check=False,
                                 stdin=subprocess.DEVNULL))


class Node:
    """`kith start` on a home, ready."""

    def __init__(self, home, *arguments, listen=LOOPBACK, api=API, env=None):
        self.home = pathlib.Path(home)
        self.log_path = self.home.parent / (self.home.name + ".log")
        command = [KITH, "start", "--json", "--home", str(home)]
        if listen:
            command += ["--listen", listen]
        if api:
            command.append(api)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*command, *map(str, arguments)],
                                            stdout=subprocess.PIPE, stderr=log,
                                            stdin=subprocess.DEVNULL, env=environment(env))
        try:
            self.ready = self._read_ready()
        except BaseException:
            self.kill()
            raise
        self.peer_id = self.ready["peer_id"]
        self.address = self.ready["addresses"][0] if self.ready["addresses"] else None
        self.api = self.ready["api"][0] if self.ready["api"] else None

    def _read_ready(self):
        if not select.select([self.process.stdout], [], [], LIMIT_S)[0]:
            raise AssertionError("no ready line: " + self.log())
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("ended before it was ready: " + self.log())
        return json.loads(line)

    @property
    def port(self):
        return int(self.address.split("/")[4])

    @property
    def token(self):
        return (self.home / "api.token").read_text().strip()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def call(self, *arguments):
        result = kith("--home", self.home, "--json", *arguments)
        assert result.code == 0, (arguments, result.out, result.err)
        return result.json()

    def end(self, number=signal.SIGTERM):
        """Sends the signal; (exit code, seconds it took)."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(LIMIT_S)
        self.process.stdout.close()
        return code, time.monotonic() - began

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_S)
        self.process.stdout.close()


def wait_for(condition, what, limit_s=LIMIT_S):
    """Polls: these are other processes, whose events come by no other way."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {limit_s} s: {what}")


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kith-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def home(self, name="home"):
        return self.folder / name

    def set(self, key, value):
        return f"--set={key}={value}"

    def certificate(self, name):
        """(certificate, key): made by itself, for 127.0.0.1."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return certificate, key

    def start(self, name, *arguments, **options):
        node = Node(self.home(name), *arguments, **options)
        self.addCleanup(node.kill)
        return node


def main():
    if not KITH:
        print("skipped: KITH_BIN does not name the kith program")
        sys.exit(77)
    unittest.main(verbosity=2)
