"""Gossip between the product's own node and js-libp2p's gossipsub: signed messages both ways over a
mesh of two. A part of matrix.py."""

import contextlib
import json
import os
import subprocess
import tempfile
import time

TOPIC = "kith-interop"
MESSAGES = 3
DEADLINE_S = 40
POLL_S = 0.2


class PubsubError(Exception):
    pass


def run_pubsub(peers):
    """Raises PubsubError, or whatever went wrong, when messages do not cross both ways."""
    kith, js = peers["kith-cli"], peers["js"]
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="kith-pubsub-"))
        command = [*kith, "--home", home]
        node = start(stack, [*command, "start", "--json", "--listen", "/ip4/127.0.0.1/tcp/0"])
        ready = json.loads(node.stdout.readline())
        follower = start(stack, [*command, "--json", "pubsub", "sub", TOPIC])
        script = os.path.join(os.path.dirname(js[-1]), "pubsub.js")
        foreign = start(stack, [js[0], script, ready["addresses"][0], TOPIC, str(MESSAGES)])
        publish_until_ended(command, foreign)
        said = json.loads(foreign.stdout.read())
        if any(message["from"] != ready["peer_id"] for message in said["heard"]):
            raise PubsubError(f"js heard from somebody else: {said}")
        follower.terminate()  # it has heard the node's own messages, too
        messages = [json.loads(line) for line in follower.stdout.read().splitlines()]
        texts = [m["data"] for m in messages if m["from"] == said["peer_id"]]
        if not texts or not all(text.startswith("from js ") for text in texts):
            raise PubsubError(f"kith heard {messages}, nothing right of {said['peer_id']}")


def start(stack, argv):
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


def publish_until_ended(command, foreign):
    until = time.monotonic() + DEADLINE_S
    for number in range(10_000):
        if foreign.poll() is not None:
            if foreign.returncode != 0:
                raise PubsubError(f"js ended with exit code {foreign.returncode}")
            return
        if time.monotonic() > until:
            raise PubsubError(f"no end after {DEADLINE_S} s")
        subprocess.run([*command, "--json", "pubsub", "pub", TOPIC, f"from kith {number}"],
                       stdout=subprocess.DEVNULL, check=True, timeout=DEADLINE_S)
        with contextlib.suppress(subprocess.TimeoutExpired):
            foreign.wait(POLL_S)
