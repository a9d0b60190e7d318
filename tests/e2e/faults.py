"""Validators as processes that are killed, stopped and starved of disk, and clients that pay each
other meanwhile: what faults_test.py is made of."""
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

from e2e import KITH, LIMIT_S, environment, kith, wait_for
from history import Payment, Read

COIN = 100_000_000
DISK_KIB = 256 * 1024
MOUNTS = "KITH_FAULTS_MOUNTS"


class Unanswered(Exception):
    """The node is not there, or went away while it was asked: nobody knows what it did."""


class Refused(Exception):
    """The node's error."""


def go_where_disks_can_be_small():
    """Runs the program again with mounts of its own, where the kernel lets it. True: it can mount
    small file systems there."""
    if os.environ.get(MOUNTS):
        return True
    reason = "no unshare"
    for flags in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        try:
            tried = subprocess.run(["unshare", *flags, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                                   capture_output=True, text=True, check=False, timeout=LIMIT_S)
        except OSError as error:
            reason = str(error)
            break
        if tried.returncode == 0:
            os.environ[MOUNTS] = "1"
            sys.stdout.flush()
            os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])
        reason = tried.stderr.strip()
    print(f"LEFT OUT: file systems that are full (this user may not mount one: {reason}); "
          "limits of file sizes stand in", flush=True)
    return False


def free_base_port(count):
    """Ports as `kith genesis testnet` gives them, 10 apart."""
    for _ in range(100):
        base = random.randrange(20_000, 60_000)
        held = []
        try:
            for i in range(count):
                held.append(socket.create_server(("127.0.0.1", base + 10 * i)))
            return base
        except OSError:
            pass
        finally:
            for each in held:
                each.close()
    raise AssertionError("no free ports")


def ask(path, method, params, limit_s):
    """One request over a node's socket."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(limit_s)
            line.connect(str(path))
            line.sendall(json.dumps(request).encode() + b"\n")
            while not answer.endswith(b"\n"):
                part = line.recv(65536)
                if not part:
                    raise Unanswered("it closed")
                answer += part
    except OSError as error:
        raise Unanswered(str(error)) from error
    reply = json.loads(answer.split(b"\n", 1)[0])
    if "error" in reply:
        # A node that stops tells whoever waits.
        is_gone = reply["error"]["code"] == "closed"
        raise Unanswered(str(reply)) if is_gone else Refused(reply["error"])
    return reply["result"]


class Validators:
    """A testnet in a folder, each home on a small disk of its own where disks can be small."""

    def __init__(self, folder, count, outputs, has_disks=False, program=KITH):
        self.folder = folder
        self.count = count
        self.has_disks = has_disks
        self.program = program
        self.running = {}
        self.scribes = {}
        self.stopped = set()
        self.reads = []  # what all clients were told; appending is atomic
        for i in self.all():
            self.home(i).mkdir(parents=True)
            if has_disks:
                self._must_mount(i, "size", DISK_KIB, is_new=True)
        made = kith("genesis", "testnet", "--dir", folder, "--validators", count, "--network",
                    "faults", "--base-port", free_base_port(count), "--param",
                    "block_interval_ms=250", "--param", "epoch_blocks=40", "--param",
                    # Nobody here unjails who was off for long; rewards would be coins from nothing.
                    "jail_threshold=0", "--param", "block_reward=0",
                    *(word for output in outputs for word in ("--output", output)), "--json")
        assert made.code == 0, made.out + made.err
        for i in self.all():
            config = self.home(i) / "config.toml"
            lines = [line for line in config.read_text().splitlines()
                     if not line.startswith("api.http")]
            config.write_text("\n".join([*lines, "api.http = []", 'dial.backoff_min = "200ms"',
                                         'dial.backoff_max = "1s"']) + "\n")

    def all(self):
        return range(1, self.count + 1)

    def home(self, i):
        return self.folder / f"node{i}"

    def log_path(self, i):
        return self.folder / f"node{i}.log"

    def socket(self, i):
        return self.home(i) / "api.sock"

    def _mount(self, i, option, kib, is_new=False):
        what = ["-t", "tmpfs", "tmpfs"] if is_new else []
        options = f"{option}={kib}k" if is_new else f"remount,{option}={kib}k"
        return subprocess.run(["mount", *what, "-o", options, str(self.home(i))],
                              capture_output=True, text=True, check=False, timeout=LIMIT_S)

    def _must_mount(self, i, option, kib, is_new=False):
        done = self._mount(i, option, kib, is_new)
        assert done.returncode == 0, done.stderr

    # --- faults

    def start(self, i, program=None):
        # Through a pipe: what a node may write to its files must not keep its last words back.
        with open(self.log_path(i), "ab") as log:
            self.scribes[i] = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        with self.scribes[i].stdin as pen:
            self.running[i] = subprocess.Popen(
                [program or self.program, "start", "--home", str(self.home(i)), "--json"],
                stdout=pen, stderr=pen, stdin=subprocess.DEVNULL, env=environment())

    def kill(self, i):
        process = self.running.pop(i)
        self.stopped.discard(i)
        process.kill()
        process.wait(LIMIT_S)
        self.scribes[i].wait(LIMIT_S)

    def stop(self, i):
        self.running[i].send_signal(signal.SIGSTOP)
        self.stopped.add(i)

    def resume(self, i):
        if i in self.stopped:
            self.running[i].send_signal(signal.SIGCONT)
            self.stopped.discard(i)

    def fill(self, i, left_kib):
        for _ in range(100):
            disk = os.statvfs(self.home(i))
            used_kib = (disk.f_blocks - disk.f_bfree) * disk.f_frsize // 1024
            done = self._mount(i, "size", used_kib + left_kib)
            if done.returncode == 0:
                return
        # The kernel refuses what is less than is used by then: the node writes all the while.
        raise AssertionError(done.stderr)

    def free(self, i):
        self._must_mount(i, "size", DISK_KIB)

    def limit_files(self, i, size):
        resource.prlimit(self.running[i].pid, resource.RLIMIT_FSIZE, (size, size))

    def await_end(self, i, limit_s):
        """Of a node whose disk is full: what must not be forgotten cannot be written, so it ends,
        and says so. False: it still found room."""
        process = self.running[i]
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        del self.running[i]
        self.scribes[i].wait(LIMIT_S)
        # Debian's RocksDB has its assertions on, and one of them fails behind a write of its own
        # that failed, before the error comes back: that ends the process too, if not politely.
        is_rocksdbs = code == -signal.SIGABRT and "rocksdb::" in self.words(i)
        assert code in (1, 74) or is_rocksdbs, (
            f"node {i} ended with {code} on a full disk:\n{self.words(i)}")
        return True

    def words(self, i):
        return self.log_path(i).read_text(errors="replace")[-2000:]

    # --- questions

    def ask(self, i, method, limit_s=5, **params):
        return ask(self.socket(i), method, params, limit_s)

    def read(self, i, kind, address=None):
        """One question whose answer tells its height; kept for the check."""
        began = time.monotonic()
        if kind == "height":
            told = self.ask(i, "chain.status")
            answer = None
        elif kind == "supply":
            told = self.ask(i, "chain.supply")
            answer = {name: int(told[name]) for name in ("outputs", "bonded", "owed", "treasury",
                                                         "minted", "burnt")}
        elif kind == "balance":
            told = self.ask(i, "address.balance", address=address)
            answer = (int(told["final"]), told["outputs"])
        else:
            told = self.ask(i, "address.utxos", address=address, limit=1000)
            answer = {coin["outpoint"]: int(coin["value"]) for coin in told["utxos"]
                      if coin["height"] is not None}
        self.reads.append(Read(i, kind, address, began, time.monotonic(), told["height"], answer))
        return told["height"]

    def height(self, i):
        """-1 while it does not answer."""
        try:
            return self.read(i, "height")
        except Unanswered:
            return -1

    def check_alive(self):
        for i, process in self.running.items():
            assert process.poll() is None, \
                f"node {i} ended by itself with {process.returncode}:\n{self.words(i)}"

    def await_height(self, height, limit_s=LIMIT_S):
        """All are there; gives how long that took."""
        began = time.monotonic()
        for i in self.all():
            def is_there(i=i):
                self.check_alive()
                return self.height(i) >= height
            try:
                wait_for(is_there, f"height {height} of node {i}", limit_s)
            except AssertionError as error:
                raise AssertionError(f"{error}; heights {[self.height(n) for n in self.all()]}\n"
                                     f"{self.words(i)}") from error
        return time.monotonic() - began

    def blocks(self, i):
        """All final blocks with what is in them, from the first on."""
        found = []
        for height in range(1, self.ask(i, "chain.status")["height"] + 1):
            block = self.ask(i, "chain.block", height=height)
            block["transactions"] = [self._transaction(i, txid) for txid in block["transactions"]]
            found.append(block)
        return found

    def _transaction(self, i, txid):
        told = self.ask(i, "tx.get", txid=txid)
        return {"txid": txid, "fee": int(told["fee"]),
                "inputs": [each["outpoint"] for each in told["inputs"]],
                "outputs": [(each["address"], int(each["value"])) for each in told["outputs"]]}

    def digests(self, i):
        """Of all final blocks, by height."""
        found, before = {}, {}
        while before is not None:
            page = self.ask(i, "chain.blocks", limit=1000, **before)
            found.update({block["height"]: block["digest"] for block in page["blocks"]})
            before = {"before": page["next"]} if page["next"] else None
        return found

    def end(self):
        """Exit codes of all that run."""
        for i in list(self.stopped):
            self.resume(i)
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        codes = []
        for process in self.running.values():
            try:
                codes.append(process.wait(timeout=20))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                codes.append("it had to be killed")
        for i in self.running:
            self.scribes[i].wait(LIMIT_S)
        self.running.clear()
        return codes


class Account:
    """A wallet in a home of its own, which asks whichever node it is told to."""

    def __init__(self, folder, name, genesis):
        """The address; the chain's own genesis, which names it, comes later."""
        self.home = folder / name
        self.name = name
        made = self.wallet("create", "--no-passphrase", "--words", 12, "--wallet", "before",
                           genesis=genesis)
        assert made.code == 0, made.out + made.err
        self.words, self.address = made.json()["words"], made.json()["address"]

    def restore(self, genesis):
        path = self.home / "words"
        path.write_text(self.words)
        done = self.wallet("restore", "--no-passphrase", "--words-file", path, genesis=genesis)
        assert done.code == 0 and done.json()["address"] == self.address, done.out + done.err

    def wallet(self, *words, genesis=None, node_socket=None):
        options = ["--home", self.home, "--json"]
        if genesis:
            options.append(f"--set=chain.genesis={genesis}")
        if node_socket:
            options.append(f"--set=api.socket={node_socket}")
        return kith(*options, "wallet", *words)


class Clients:
    """Threads, each with accounts of its own, that pay all accounts and look at what is there."""

    # In units; each attempt pays one more than the one before.
    least = 1_000_000

    def __init__(self, validators, accounts, threads, seed):
        self.validators = validators
        self.accounts = accounts
        self.payments = []
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._failures = []
        self._threads = [
            threading.Thread(target=self._run, daemon=True,
                             args=(random.Random(seed * 1000 + i), accounts[i::threads]))
            for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def end(self):
        self._is_over.set()
        for thread in self._threads:
            thread.join(3 * LIMIT_S)
            assert not thread.is_alive(), "a client hangs"
        self.check()

    def check(self):
        if self._failures:
            raise self._failures[0]

    def _run(self, rng, own):
        try:
            while not self._is_over.is_set():
                self._act(rng, own)
        except BaseException as error:  # told by end()
            self._failures.append(error)

    def _act(self, rng, own):
        node = rng.choice(self.validators.all())
        what = rng.random()
        try:
            if what < 0.5:
                kind = rng.choice(("balance", "balance", "utxos", "supply"))
                self.validators.read(node, kind, rng.choice(self.accounts).address)
            elif what < 0.9:
                self._pay(rng, rng.choice(own), node, is_waiting=rng.random() < 0.7)
            else:
                self._race(rng, rng.choice(own))
        except Unanswered:
            self._is_over.wait(0.05)

    def _begin(self, rng, account, node):
        payee = rng.choice([each for each in self.accounts if each is not account])
        with self._lock:
            payment = Payment(account.address, payee.address, self.least + len(self.payments),
                              time.monotonic(), node)
            self.payments.append(payment)
        return payment

    @staticmethod
    def _words(payment):
        return ("send", "--to", payment.payee, "--amount",
                f"{payment.amount // COIN}.{payment.amount % COIN:08}")

    @staticmethod
    def _note(payment, answers):
        """What the nodes said of it, each (node, result), together."""
        payment.ended = time.monotonic()
        said = {}
        for node, result in answers:
            told = result.json()
            if result.code == 0:
                payment.txid = told["txid"]
                said[told["status"] if told["status"] == "final" else "accepted"] = (node, told)
            else:
                said["refused" if told["error"]["code"] == "refused" else None] = (node, told)
        payment.status = next(each for each in ("final", "accepted", None, "refused")
                              if each in said)
        if payment.status == "final":
            payment.node, told = said["final"]
            payment.height = told["height"]

    def _pay(self, rng, account, node, is_waiting):
        payment = self._begin(rng, account, node)
        result = account.wallet(*self._words(payment), *(["--wait"] * is_waiting),
                                node_socket=self.validators.socket(node))
        self._note(payment, [(node, result)])

    def _race(self, rng, account):
        """The same coins to two payees by two nodes at once, or one payment by both."""
        nodes = rng.sample(self.validators.all(), 2)
        both = []
        for node in nodes[:rng.choice((1, 2))]:
            payment = self._begin(rng, account, node)
            file = account.home / f"{payment.amount}.tx"
            made = account.wallet(*self._words(payment), "--unsigned", file,
                                  node_socket=self.validators.socket(node))
            if made.code != 0:
                payment.status = "refused"  # it was never sent
                continue
            signed = account.wallet("sign", file, "--out", file)
            assert signed.code == 0, signed.out + signed.err
            both.append((payment, node, file))
        if len(both) == 1:
            payment, node, file = both[0]
            both.append((payment, next(each for each in nodes if each != node), file))
        answers = {}

        def broadcast(payment, node, file):
            result = account.wallet("broadcast", file, "--wait",
                                    node_socket=self.validators.socket(node))
            answers.setdefault(payment.amount, []).append((node, result))

        racers = [threading.Thread(target=broadcast, args=each) for each in both]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        for payment in {id(each[0]): each[0] for each in both}.values():
            self._note(payment, answers[payment.amount])
        for file in {each[2] for each in both}:
            file.unlink()
