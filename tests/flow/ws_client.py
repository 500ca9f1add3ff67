# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A WebSocket client that says exactly what it is told, however wrong; and the dialects over it. Standard library only."""
import base64
import hashlib
import json
import os
import socket
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, status, head, body):
        super().__init__(f"status {status}: {body[:500]!r}")
        self.status, self.head, self.body = status, head, body


class Closed(Exception):
    """The server has closed: code (None = the connection just ended) and reason, which is JSON when it begins with {."""

    def __init__(self, code, reason=""):
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason

    @property
    def word(self):
        return json.loads(self.reason)["code"]


class WebSocket:
    def __init__(self, client, path, protocol=None, headers=None, timeout=90, tls=None):
        """client: a Client of daemon.py, over its unix socket or TCP; tls: an SSLContext for TCP."""
        if client.path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(client.path)
        else:
            self.socket = socket.create_connection(("127.0.0.1", client.port), timeout)
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost") if tls else self.socket
        self.rest, self.most = b"", 1 << 18
        key = base64.b64encode(os.urandom(16)).decode()
        head = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": key}
        if protocol:
            head["Sec-WebSocket-Protocol"] = protocol
        if client.token:
            head["Authorization"] = f"Bearer {client.token}"
        head.update(headers or {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value is not None)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        while b"\r\n\r\n" not in self.rest:
            self.more()
        text, _, self.rest = self.rest.partition(b"\r\n\r\n")
        status, *fields = text.decode().split("\r\n")
        self.head = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        self.status = int(status.split()[1])
        if self.status != 101:
            length = int(self.head.get("content-length", 0))
            while len(self.rest) < length:
                self.more()
            self.socket.close()
            raise Refused(self.status, self.head, self.rest[:length])
        wanted = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        assert self.head["sec-websocket-accept"] == wanted, self.head
        self.protocol = self.head.get("sec-websocket-protocol")

    def more(self):
        data = self.socket.recv(self.most)
        if not data:
            raise Closed(None)
        self.rest += data

    def take(self, count):
        while len(self.rest) < count:
            self.more()
        data, self.rest = self.rest[:count], self.rest[count:]
        return data

    # frames ----------------------------------------------------------------------------------------

    @staticmethod
    def frame(opcode, payload=b"", fin=True, reserved=0, masked=True):
        head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
        bit = 0x80 if masked else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        if not masked:
            return head + payload
        mask = os.urandom(4)
        size = len(payload)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, payload, opcode=None, **rest):
        if isinstance(payload, str):
            payload, opcode = payload.encode(), opcode or TEXT
        self.raw(self.frame(BINARY if opcode is None else opcode, payload, **rest))

    def receive(self):
        """The next frame: (opcode, payload). The server never splits a message."""
        first, second = self.take(2)
        assert first & 0x70 == 0 and first & 0x80 and not second & 0x80, (first, second)
        length = second & 0x7F
        if length == 126:
            length, = struct.unpack(">H", self.take(2))
            assert length >= 126
        elif length == 127:
            length, = struct.unpack(">Q", self.take(8))
            assert length >= 65536
        return first & 0x0F, self.take(length)

    def message(self):
        """The next message: str or bytes; pings are answered, a close raises. Nothing but pings for a minute is an error."""
        pings = 0
        while True:
            opcode, payload = self.receive()
            if opcode == PING:
                pings += 1
                if pings > 3:
                    raise TimeoutError("nothing but pings came")
                self.send(payload, PONG)
            elif opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                try:
                    self.send(payload[:2], CLOSE)
                except OSError:
                    pass
                self.end()
                raise Closed(code, payload[2:].decode())
            elif opcode == TEXT:
                return payload.decode()
            elif opcode == BINARY:
                return payload

    def close(self, code=1000):
        """The whole handshake; the code that the server answers."""
        self.send(struct.pack(">H", code), CLOSE)
        try:
            while True:
                self.message()
        except Closed as closed:
            return closed.code

    def end(self):
        """Without a word."""
        self.socket.close()


class Thole(WebSocket):
    """thole.v1: collects output; `seq` is up to where it has it."""

    def __init__(self, client, session, seq=None, query="", start="oldest", **rest):
        super().__init__(client, f"/v1/sessions/{session}/attach{query}", "thole.v1", **rest)
        self.output, self.channels, self.exit, self.gaps, self.stdin = b"", {}, None, [], 0
        self.say("resume", **({"from": start} if seq is None else {"from_seq": seq}))
        self.resumed = self.until("resumed")
        self.seq = self.resumed["seq"]
        self.stdin = self.resumed["stdin"]

    def say(self, kind, **fields):
        self.send(json.dumps({"schema_version": "1", "type": kind, **fields}))

    def input(self, data):
        self.send(b"\0" + data)

    def step(self):
        """Takes one message; output is collected, JSON is given back."""
        message = self.message()
        if isinstance(message, bytes):
            channel, seq = struct.unpack(">BQ", message[:9])
            assert seq == self.seq, (seq, self.seq)
            self.output += message[9:]
            self.channels[channel] = self.channels.get(channel, b"") + message[9:]
            self.seq += len(message) - 9
            return None
        message = json.loads(message)
        assert message["schema_version"] == "1", message
        if message["type"] == "ack":
            self.stdin = message["stdin"]
        elif message["type"] == "gap":
            self.gaps.append((message["from"], message["to"]))
            self.seq = message["to"]
        elif message["type"] == "screen":
            self.seq = message["seq"]
        elif message["type"] == "exit":
            self.exit = (message["code"], message["signal"], message["seq"])
        return message

    def until(self, kind):
        while True:
            message = self.step()
            if message and message["type"] == kind:
                return message

    def read(self, count):
        """Until so many bytes of output are there in all."""
        while len(self.output) < count:
            self.step()
        return self.output

    def rest_of_it(self):
        """Everything until the close; its code."""
        try:
            while True:
                self.step()
        except Closed as closed:
            return closed


def channels(connection):
    """Everything that comes over a connection whose messages begin with their kind, until the close: ({kind: bytes}, Closed)."""
    found = {}
    try:
        while True:
            message = connection.message()
            found[message[0]] = found.get(message[0], b"") + message[1:]
    except Closed as closed:
        return found, closed
