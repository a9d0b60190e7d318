#!/usr/bin/env python3
"""stream_video over loopback: what was filmed is what was played. Gets the program's path."""

import pathlib
import random
import re
import subprocess
import sys
import tempfile

SEGMENTS = 50
LIMIT_S = 60


def main() -> int:
    program = sys.argv[1]
    film = random.Random(7).randbytes(SEGMENTS * 32 * 1024 - 1000)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "film"
        path.write_bytes(film)
        # A file and no pipe: who does not read a pipe holds up the player, and so the network.
        screen = pathlib.Path(folder) / "screen"
        with screen.open("wb") as output:
            viewer = subprocess.Popen([program], stdout=output, stderr=subprocess.PIPE)
        try:
            address = viewer.stderr.readline().decode().strip()
            camera = subprocess.run([program, address, str(path)], capture_output=True, check=True,
                                    text=True, timeout=LIMIT_S)
            _, said = viewer.communicate(timeout=LIMIT_S)
            played = screen.read_bytes()
        finally:
            viewer.kill()
    figures = re.fullmatch(r"late or lost (\d+)\n", said.decode())
    lost = re.fullmatch(r"lost (\d+)\n", camera.stderr)
    assert viewer.returncode == 0 and figures and lost, (viewer.returncode, said, camera.stderr)
    # What was played is the film in its order, without the segments that came late.
    missed, at = 0, 0
    for begin in range(0, len(film), 32 * 1024):
        segment = film[begin:begin + 32 * 1024]
        if played.startswith(segment, at):
            at += len(segment)
        else:
            missed += 1
    assert at == len(played), f"{len(played)} bytes were played, of which {at} are of the film"
    assert missed == int(figures[1]) >= int(lost[1]), (missed, said, camera.stderr)
    assert int(figures[1]) <= SEGMENTS // 10, said
    return 0


if __name__ == "__main__":
    sys.exit(main())
