"""Nodes that gossip, each a process: Kith's own program and the foreign peers behind the same few
methods. Waiting is for an event, with a deadline; nothing sleeps to let something happen."""

import contextlib
import json
import subprocess
import tempfile
import threading
import time

DEADLINE_S = 20
POLL_S = 0.05  # Between two questions to a Kith node, which tells only when asked.
STOP_S = 5
LOOPBACK = "/ip4/127.0.0.1/tcp/0"


class GossipError(Exception):
    """What did not happen."""


class Process:
    """A process whose lines of standard output are JSON objects."""

    def __init__(self, stack, name, argv):
        self.name = name
        self.said = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self._read)
        stack.callback(self._stop)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.said.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def _stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join()
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def wait(self, what, find):
        """Until find(everything it said) is true; its result. `what` is for the error."""
        until = time.monotonic() + DEADLINE_S
        with self.changed:
            while not (found := find(self.said)):
                left = until - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise GossipError(f"{self.name}: no {what}, only {str(self.said)[-500:]}")
                self.changed.wait(min(left, 1))
            return found


class Foreign:
    """js, go or rust: a peer that takes commands and tells events (README.md)."""

    def __init__(self, stack, name, command, *options):
        self.name = name
        self.process = Process(stack, name, [*command, "pubsub", *options])
        ready = self.event("readiness", event="ready")
        self.peer_id, self.address = ready["peer_id"], ready["addresses"][0]

    def event(self, what, **fields):
        """The first event with these fields."""
        def find(said):
            for event in said:
                if event["event"] == "error":
                    raise GossipError(f"{self.name}: {event}")
                if fields.items() <= event.items():
                    return event
            return None
        return self.process.wait(what, find)

    def tell(self, *words):
        self.process.process.stdin.write(" ".join(words) + "\n")
        self.process.process.stdin.flush()

    def dial(self, other):
        self.tell("dial", other.address)
        self.event(f"connection to {other.name}", event="connected", peer=other.peer_id)

    def subscribe(self, topic):
        self.tell("subscribe", topic)

    def publish(self, topic, data):
        self.tell("publish", topic, data)

    def wait_mesh(self, topic, other):
        """Until `other` is in the topic's mesh."""
        def find(said):
            changes = [event["event"] for event in said
                       if event["event"] in ("graft", "prune") and event["topic"] == topic
                       and event["peer"] == other.peer_id]
            return changes and changes[-1] == "graft"
        self.process.wait(f"{other.name} in the mesh of {topic}", find)

    def heard(self, topic):
        """Messages of others in the topic, as dictionaries with at least from, id and data."""
        return [event for event in list(self.process.said)
                if event["event"] == "message" and event["topic"] == topic]

    def wait_heard(self, topic, texts):
        self.process.wait(f"messages {texts} in {topic}",
                          lambda _: set(texts) <= {m["data"] for m in self.heard(topic)})

    def counts(self, topic):
        self.tell("counts", topic)
        return self.event("counts", event="counts", topic=topic)


class Kith:
    """The product's own program: a node, and the commands that ask it."""

    def __init__(self, stack, name, command, **settings):
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="kith-gossip-"))
        self.stack, self.name = stack, name
        self.command = [*command, "--home", home, "--json"]
        self.followers = {}
        sets = [f"--set={key.replace('__', '.')}={value}"
                for key, value in {"min_peers": 0, **settings}.items()]
        node = Process(stack, name, [*self.command, *sets, "start", "--listen", LOOPBACK])
        ready = node.wait("readiness", lambda said: said and said[0])
        self.peer_id, self.address = ready["peer_id"], ready["addresses"][0]

    def ask(self, *arguments, text=None):
        done = subprocess.run([*self.command, *arguments], input=text, capture_output=True,
                              text=True, check=False, timeout=DEADLINE_S)
        if done.returncode != 0:
            raise GossipError(f"{self.name}: {' '.join(arguments)[:200]}: {done.stdout.strip()}")
        return json.loads(done.stdout)

    def poll(self, what, find):
        until = time.monotonic() + DEADLINE_S
        while not (found := find()):
            if time.monotonic() > until:
                raise GossipError(f"{self.name}: no {what}")
            time.sleep(POLL_S)
        return found

    def dial(self, other):
        self.ask("peers", "connect", other.address)

    def subscribe(self, topic):
        self.followers[topic] = Process(self.stack, self.name,
                                        [*self.command, "pubsub", "sub", topic])
        self.poll(f"subscription to {topic}", lambda: topic in
                  [each["topic"] for each in self.ask("pubsub", "topics")["topics"]])

    def publish(self, topic, data):
        self.ask("pubsub", "pub", topic, text=data)

    def peers_of(self, topic):
        """By id: is_in_mesh and score."""
        return {peer["peer_id"]: peer for peer in self.ask("pubsub", "peers", topic)["peers"]}

    def wait_mesh(self, topic, other):
        self.poll(f"{other.name} in the mesh of {topic}", lambda: self.peers_of(topic).get(
            other.peer_id, {}).get("is_in_mesh"))

    def connected(self):
        return [peer["peer_id"] for peer in self.ask("peers", "list")["peers"]]

    def wait_identified(self, other):
        """Until `other` is connected and has said who it is."""
        self.poll(f"identify of {other.name}", lambda: any(
            peer["agent"] for peer in self.ask("peers", "list")["peers"]
            if peer["peer_id"] == other.peer_id))

    def heard(self, topic):
        return [m for m in list(self.followers[topic].said) if m["received_from"] is not None]

    def wait_heard(self, topic, texts):
        self.followers[topic].wait(f"messages {texts} in {topic}",
                                   lambda _: set(texts) <= {m["data"] for m in self.heard(topic)})
