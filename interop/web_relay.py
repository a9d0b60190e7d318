"""A relay before a peer that listens for WebSockets, which reads along how each connection ends."""

import contextlib
import re
import socket
import struct
import threading

END_S = 5
CLOSE, NORMAL = 8, 1000  # RFC 6455, sections 5.2 and 7.4.1.


class WebRelay:
    """Stands at `address`. Each connection through it must end as RFC 6455 has it: with a close
    frame from both sides, normal or without a code, and nothing behind that but the end."""

    def __init__(self, target):
        self.port = int(re.search(r"/tcp/(\d+)/ws/", target)[1])
        self.server = socket.create_server(("127.0.0.1", 0))
        own = self.server.getsockname()[1]
        self.address = target.replace(f"/tcp/{self.port}/ws/", f"/tcp/{own}/ws/")
        self.ways = []  # Both of each connection.

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown(socket.SHUT_RDWR)  # Ends accept().
        self.server.close()
        for way in self.ways:
            way.source.close()

    def accept(self):
        while True:
            try:
                dialer = self.server.accept()[0]
                listener = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            self.ways += [Way("dialler", dialer, listener), Way("listener", listener, dialer)]
            for way in self.ways[-2:]:
                way.start()

    def fault(self):
        """What was wrong, or an empty string."""
        for way in self.ways:
            way.join(END_S)
        if not self.ways:
            return "no connection came through the relay"
        return next((way.fault for way in self.ways if way.fault), "")


class Way(threading.Thread):
    """One direction of a connection."""

    def __init__(self, name, source, target):
        super().__init__(daemon=True)
        self.side, self.source, self.target = name, source, target
        self.unread, self.is_upgraded = b"", False
        self.codes = []  # The close frame's, which is the last that is read.
        self.fault = f"the {name} did not end it"

    def run(self):
        while data := self.receive():
            with contextlib.suppress(OSError):  # Whoever is gone has said what it had to say.
                self.target.sendall(data)
            self.unread += data
            self.read_frames()
        self.fault = ""
        if self.codes not in ([NORMAL], [None]) or self.unread:
            self.fault = (
                f"the {self.side} ended it after close codes {self.codes} and"
                f" {len(self.unread)} bytes"
            )
        with contextlib.suppress(OSError):
            self.target.shutdown(socket.SHUT_WR)

    def receive(self):
        try:
            return self.source.recv(65536)
        except OSError:
            return b""

    def read_frames(self):
        if not self.is_upgraded:
            head, self.is_upgraded, rest = self.unread.partition(b"\r\n\r\n")
            self.unread = rest if self.is_upgraded else head
        while self.is_upgraded and not self.codes and len(self.unread) >= 2:
            size, start = self.unread[1] & 127, 2
            if size >= 126:
                form = ">H" if size == 126 else ">Q"
                start += struct.calcsize(form)
                if len(self.unread) < start:
                    return
                (size,) = struct.unpack(form, self.unread[2:start])
            key = self.unread[start:start + 4] if self.unread[1] & 128 else b""
            start += len(key)
            if len(self.unread) < start + size:
                return
            if self.unread[0] & 15 == CLOSE:
                code = self.unread[start:start + min(size, 2)]
                code = bytes(a ^ b for a, b in zip(code, key or bytes(2)))
                self.codes.append(struct.unpack(">H", code)[0] if code else None)
            self.unread = self.unread[start + size:]
