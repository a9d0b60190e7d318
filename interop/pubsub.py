"""Gossip between the product's own nodes and the gossipsub of js-, go- and rust-libp2p. A part of
matrix.py, which calls cases(); README.md says what each case shows."""

import contextlib
import functools
from dataclasses import dataclass
from typing import Callable

from gossip_nodes import Foreign, GossipError, Kith

TOPIC = "kith-interop"
LARGE_BYTES = 64 * 1024
ROUNDS = 2

# Lines in which every message crosses each node between its ends, and a ring with two ways to each.
LINES = [
    ("js", "kith-1", "go", "kith-2", "rust"),
    ("go", "kith-1", "rust", "kith-2", "js"),
    ("kith-1", "js", "rust", "go", "kith-2"),
]
RING = ("kith-1", "js", "kith-2", "go", "rust")
# Whose PRUNEs carry signed records; rust's carry none, and it does not read those of others.
PX_PEERS = ("js", "go")


@dataclass
class GossipCase:
    line: str
    foreign: set  # The foreign peers it needs; it needs kith-cli, too.
    run: Callable  # Takes the peers' commands; raises GossipError.


def cases(names):
    """The cases that need no foreign peers but these."""
    made = []

    def add(line, foreign, run, *arguments):
        made.append(GossipCase(line, set(foreign), functools.partial(run, *arguments)))

    for name in ("js", "go", "rust"):
        add(f"kith-cli<->{name} gossip signed", [name], both_ways, name, False)
        add(f"kith-cli<->{name} gossip unsigned", [name], both_ways, name, True)
        add(f"kith-cli<->{name} gossip IDONTWANT", [name], idontwant, name)
    for name in PX_PEERS:
        add(f"{name}->kith-cli gossip PX", [name], px_to_kith, name)
        add(f"kith-cli->{name} gossip PX", [name], px_from_kith, name)
    for order in LINES:
        add(f"gossip line {' - '.join(order)}", ["js", "go", "rust"], mixed_mesh, order, False)
    add(f"gossip ring {' - '.join(RING)}", ["js", "go", "rust"], mixed_mesh, RING, True)
    return [case for case in made if case.foreign <= set(names)]


def both_ways(name, is_unsigned, peers):
    with contextlib.ExitStack() as stack:
        settings, options = {}, ()
        if is_unsigned:
            settings, options = {"gossip__sign": "false"}, ("--unsigned",)
        kith = Kith(stack, "kith", peers["kith-cli"], **settings)
        foreign = Foreign(stack, name, peers[name], *options)
        # Once each of the two dials.
        dialler, other = (kith, foreign) if is_unsigned else (foreign, kith)
        dialler.dial(other)
        exchange([kith, foreign], [(kith, foreign)], is_unsigned)


def mixed_mesh(order, is_ring, peers):
    with contextlib.ExitStack() as stack:
        nodes = [Kith(stack, name, peers["kith-cli"]) if name.startswith("kith")
                 else Foreign(stack, name, peers[name]) for name in order]
        links = list(zip(nodes, nodes[1:]))
        if is_ring:
            links.append((nodes[-1], nodes[0]))
        for dialler, other in links:
            dialler.dial(other)
        exchange(nodes, links, False)
        for node in nodes:  # nobody has found a way round
            if isinstance(node, Kith):
                neighbours = {other.peer_id for link in links if node in link for other in link}
                check(set(node.connected()) == neighbours - {node.peer_id},
                      f"{node.name} is connected to others than its neighbours")


def exchange(nodes, links, is_unsigned):
    """Everybody publishes and hears everybody else, each message once and of the right author."""
    for node in nodes:
        node.subscribe(TOPIC)
    for one, other in links:
        one.wait_mesh(TOPIC, other)
        other.wait_mesh(TOPIC, one)
    texts = {node.name: [f"{number} from {node.name}" for number in range(ROUNDS)]
             for node in nodes}
    for number in range(ROUNDS):  # a second copy of the first round would come before the second
        for node in nodes:
            node.publish(TOPIC, texts[node.name][number])
        for node in nodes:
            node.wait_heard(TOPIC, [texts[other.name][number] for other in nodes
                                    if other is not node])
    for node in nodes:
        heard = sorted((m["data"], m["from"]) for m in node.heard(TOPIC))
        wanted = sorted((text, None if is_unsigned else other.peer_id) for other in nodes
                        if other is not node for text in texts[other.name])
        odd = [each for each in heard if heard.count(each) != wanted.count(each)]
        check(heard == wanted, f"{node.name} heard {len(heard)} of {len(wanted)} messages, {odd}")


def idontwant(name, peers):
    """A large message goes from one Kith node by two foreign ones to another:

        publisher - fast - kith    fast keeps it to itself
        publisher - slow - kith    slow hands it on when told to

    When Kith gets it of `slow`, `fast` has said already that it does not want it: Kith does not
    send it, and says to `fast` that it does not want it either."""
    with contextlib.ExitStack() as stack:
        publisher = Kith(stack, "publisher", peers["kith-cli"])
        kith = Kith(stack, "kith", peers["kith-cli"])
        fast = Foreign(stack, name, peers[name])
        slow = Foreign(stack, name, peers[name])
        for foreign in (fast, slow):
            publisher.dial(foreign)
            kith.dial(foreign)
        for node in (publisher, kith, fast, slow):
            node.subscribe("large")
        for node in (publisher, fast, kith):
            node.subscribe("small")
        for foreign in (fast, slow):
            foreign.tell("hold", "large")
        for foreign, topic in ((fast, "large"), (slow, "large"), (fast, "small")):
            for node in (publisher, kith):
                node.wait_mesh(topic, foreign)
                foreign.wait_mesh(topic, node)

        publisher.publish("large", "x" * LARGE_BYTES)
        for foreign in (fast, slow):
            held = foreign.event("held message", event="held", topic="large")
        # What `fast` hands on comes behind its IDONTWANT.
        publisher.publish("small", "the IDONTWANT of fast has come")
        kith.wait_heard("small", ["the IDONTWANT of fast has come"])
        check(not kith.heard("large"), "kith heard the message from who holds it")
        slow.tell("release", "large")
        kith.wait_heard("large", ["x" * LARGE_BYTES])
        # What Kith hands on comes behind its IDONTWANT, and would behind the message.
        kith.publish("small", "the IDONTWANT of kith has come")
        fast.wait_heard("small", ["the IDONTWANT of kith has come"])
        counts = fast.counts("large")
        check(counts["copies"] == 1, f"{name} got {counts['copies']} copies, so one of Kith")
        check(counts["idontwants"] == 1, f"{name} got no IDONTWANT, or many: {counts}")
        message_id = kith.heard("large")[0]["id"]
        check(held["id"] == message_id, f"Kith's id is {message_id}, theirs {held['id']}")
        check(counts["ids"] in (None, [message_id]), f"IDONTWANT of {counts['ids']}")


def px_to_kith(name, peers):
    """The foreign peer leaves a topic and recommends one Kith node to another, which dials it."""
    score_topics, px_topic = ("a", "b", "c"), "px"
    with contextlib.ExitStack() as stack:
        kith = Kith(stack, "kith", peers["kith-cli"], gossip__px_private_addresses="true")
        offered = Kith(stack, "offered", peers["kith-cli"])
        foreign = Foreign(stack, name, peers[name])
        for node in (kith, offered):
            node.dial(foreign)
            node.subscribe(px_topic)
        foreign.subscribe(px_topic)
        for topic in score_topics:
            kith.subscribe(topic)
            foreign.subscribe(topic)
        for topic in (*score_topics, px_topic):
            kith.wait_mesh(topic, foreign)
            foreign.wait_mesh(topic, kith)
        foreign.wait_mesh(px_topic, offered)
        # Kith believes those only who have been of use: 20 points and more. go drops messages when
        # more than 32 wait for a peer.
        texts = [str(number) for number in range(25)]
        for topic in score_topics:
            for text in texts:
                foreign.publish(topic, text)
            kith.wait_heard(topic, texts)
        kith.poll("good score", lambda: kith.peers_of("a")[foreign.peer_id]["score"] > 21)
        check(offered.peer_id not in kith.connected(), "kith knows the other one already")
        foreign.tell("unsubscribe", px_topic)
        kith.poll("connection to who was offered", lambda: offered.peer_id in kith.connected())


def px_from_kith(name, peers):
    """Kith has room for one of two foreign peers, and recommends each to the other."""
    with contextlib.ExitStack() as stack:
        kith = Kith(stack, "kith", peers["kith-cli"], gossip__fanout=1)
        one, other = (Foreign(stack, name, peers[name]) for _ in range(2))
        for node in (one, other):
            node.dial(kith)
            node.subscribe(TOPIC)
            kith.wait_identified(node)  # it recommends by the record that comes with it
        kith.subscribe(TOPIC)
        one.event("connection to who was offered", event="connected", peer=other.peer_id)


def check(holds, message):
    if not holds:
        raise GossipError(message)
