"""Two network namespaces and the user-space relay between them, for bench/transport.py: a path of
20 ms, 200 Mbit/s, a queue of 512 KiB and some loss. Needs root; cleans up what it made.
"""

import os
import re
import signal
import subprocess

from perf_peers import RunFailed
from transport_pair import Process

SENDER_ADDRESS, RECEIVER_ADDRESS = "10.203.0.1", "10.203.0.2"
MBIT_S, RTT_MS, QUEUE_KIB = 200, 20, 512


class Path:
    def __init__(self, relay):
        self.relay = relay
        tag = f"kith-{os.getpid()}"
        self.sender, self.middle, self.receiver = (f"{tag}-{end}" for end in "amb")
        self.made = []

    def __enter__(self):
        take_away_leftovers()
        try:
            for name in (self.sender, self.middle, self.receiver):
                ip("netns", "add", name)
                self.made.append(name)
                ip("netns", "exec", name, "sh", "-c",
                   "for f in all default; do "
                   "echo 1 >/proc/sys/net/ipv6/conf/$f/disable_ipv6; done 2>/dev/null; true")
            for number, (end, inner, address) in enumerate((
                    (self.sender, "ma", SENDER_ADDRESS), (self.receiver, "mb", RECEIVER_ADDRESS))):
                ip("link", "add", "end", "netns", end, "address", mac(number), "type", "veth",
                   "peer", "name", inner, "netns", self.middle)
                ip("-n", end, "address", "add", f"{address}/24", "dev", "end")
                for where, device in ((end, "end"), (self.middle, inner)):
                    ip("netns", "exec", where, self.relay, "--offloads-off", device)
                    ip("-n", where, "link", "set", "dev", device, "up")
            # No ARP over the path: a lost question would cost a second.
            ip("-n", self.sender, "neighbour", "add", RECEIVER_ADDRESS, "lladdr", mac(1), "dev",
               "end")
            ip("-n", self.receiver, "neighbour", "add", SENDER_ADDRESS, "lladdr", mac(0), "dev",
               "end")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.made:  # Its interfaces go with it.
            subprocess.run(["ip", "netns", "delete", name], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
        self.made = []

    def within(self):
        """Words before the receiver's and the sender's command."""
        return (("ip", "netns", "exec", self.receiver), ("ip", "netns", "exec", self.sender))

    def relaying(self, loss, limit_s, seed):
        return Relay(["ip", "netns", "exec", self.middle, self.relay, "ma", "mb",
                      "--delay-ms", RTT_MS / 2, "--mbit", MBIT_S, "--queue-kib", QUEUE_KIB,
                      "--loss", loss, "--seconds", limit_s, "--seed", seed])


class Relay:
    """The relay while it runs; `said` has what it did, once it has ended."""

    def __init__(self, argv):
        self.argv = argv
        self.said = None

    def __enter__(self):
        # Its stdin is ours: it ends if we do.
        self.process = Process(self.argv, stdin=subprocess.PIPE)
        try:
            if self.process.next_line(10) != {"ready": True}:
                words = self.process.process.stderr.read().decode(errors="replace").strip()
                raise RunFailed(f"the relay does not start: {words[-300:]}")
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.process.signal(signal.SIGTERM)
                self.said = self.process.finish(10)
        finally:
            self.process.stop()

    def overran(self):
        """Frames that were lost otherwise than asked for: then the run does not count."""
        return sum(self.said[way]["overrun"] + self.said[way]["too_long"]
                   for way in ("there", "back"))


def take_away_leftovers():
    """Namespaces of runs that were killed."""
    listed = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=False, text=True).stdout
    for line in listed.splitlines():
        found = re.match(r"kith-(\d+)-[amb]\b", line)
        if found and not os.path.exists(f"/proc/{found[1]}"):
            ip("netns", "delete", found[0])


def mac(number):
    return f"02:00:00:00:00:{number + 1:02x}"


def ip(*words):
    words = [str(word) for word in words]
    try:
        done = subprocess.run(["ip", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              check=False)
    except FileNotFoundError:
        raise RunFailed("no `ip` on this machine (iproute2)") from None
    if done.returncode != 0:
        raise RunFailed(f"ip {' '.join(words)}: {done.stderr.decode().strip()[-200:]}")
