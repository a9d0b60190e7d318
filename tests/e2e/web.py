"""HTTP and WebSockets for the end-to-end tests: requests by the standard library, and a WebSocket
client of a few lines that can also misbehave."""
import base64
import hashlib
import json
import os
import socket
import struct
import urllib.error
import urllib.request
from urllib.parse import urlsplit

LIMIT_S = 30


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)


def ask(url, method="GET", body=None, token=None, headers=None):
    """One request; an error's status is an answer too."""
    fields = dict(headers or {})
    if token:
        fields["Authorization"] = f"Bearer {token}"
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data=data, headers=fields, method=method)
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def connect(url):
    """A socket to an API's port, for what no client library would say."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=LIMIT_S)


def read_all(sock):
    """Everything until the other side closes."""
    whole = b""
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return whole
        if not part:
            return whole
        whole += part


class Socket:
    """A WebSocket client. `status` is the handshake's; 101 when it is open."""

    GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    def __init__(self, url, path="/v1/events", token=None, headers=None):
        self.sock = connect(url)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())
        self.buffer = b""
        head = self._until(b"\r\n\r\n").decode()
        self.status = int(head.split()[1])
        self.head = head.lower()
        if self.status == 101:
            accept = base64.b64encode(hashlib.sha1((key + self.GUID).encode()).digest()).decode()
            assert f"sec-websocket-accept: {accept}".lower() in self.head, head

    def _until(self, end):
        while end not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(end, 1)
        return head

    def _more(self):
        part = self.sock.recv(65536)
        if not part:
            raise ConnectionError("closed")
        self.buffer += part

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def send(self, text, opcode=1):
        data = text if isinstance(text, bytes) else text.encode()
        mask = os.urandom(4)
        length = len(data)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self.sock.sendall(head + mask + masked)

    def frame(self):
        """(opcode, payload) of the next frame."""
        first, second = self._take(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack("!H", self._take(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self._take(8))[0]
        return first & 0x0F, self._take(length)

    def receive(self):
        """The next message as JSON; a close is (code, reason)."""
        while True:
            opcode, payload = self.frame()
            if opcode == 8:
                return struct.unpack("!H", payload[:2])[0], payload[2:].decode()
            if opcode == 9:
                self.send(payload, 10)
            if opcode == 1:
                return json.loads(payload)

    def receive_until(self, wanted):
        while True:
            message = self.receive()
            assert not isinstance(message, tuple), f"closed: {message}"
            if wanted(message):
                return message

    def request(self, number, method, params=None):
        self.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method,
                              "params": params or {}}))
        return self.receive_until(lambda message: message.get("id") == number)

    def close(self):
        self.sock.close()
