"""A path for datagrams between one client and one server that loses some of them, each way. A
process of its own, as it passes on every packet: `python3 lossy_relay.py PORT PERCENT SEED` prints
its own port, and how many it passed on and lost when its standard input ends."""
import json
import random
import select
import socket
import subprocess
import sys

BUFFER_BYTES = 8 << 20  # as much of it as the system lets one have
BATCH = 64


class LossyRelay:
    """Relays to that UDP port of 127.0.0.1."""

    def __init__(self, port, percent, seed=1):
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(port), str(percent), str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def end(self):
        """What it did; it has ended."""
        out, _ = self.process.communicate(timeout=10)
        return json.loads(out)

    def kill(self):
        self.process.kill()
        self.process.communicate()


def socket_of_loopback():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        made.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


def relay(port, percent, seed):
    rng = random.Random(seed)
    front, back = socket_of_loopback(), socket_of_loopback()
    back.connect(("127.0.0.1", port))
    print(front.getsockname()[1], flush=True)
    client = None
    passed = lost = 0
    while True:
        ready = select.select([front, back, sys.stdin], [], [])[0]
        if sys.stdin in ready:  # it has nothing to say, so it has ended
            break
        for source in ready:
            for _ in range(BATCH):
                try:
                    packet, address = source.recvfrom(65536)
                    if source is front:
                        client = address
                    if rng.random() * 100 < percent:
                        lost += 1
                        continue
                    passed += 1
                    if source is front:
                        back.send(packet)
                    else:
                        front.sendto(packet, client)
                except BlockingIOError:
                    break
                except ConnectionRefusedError:  # the server is not there any more
                    continue
    print(json.dumps({"passed": passed, "lost": lost}))


if __name__ == "__main__":
    relay(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
