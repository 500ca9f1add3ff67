#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attaching to sessions by WebSocket, in every dialect, to real programs under a real agent."""
import base64
import hashlib
import json
import os
import random
import shutil
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

from daemon import BUILD, Daemon, sanitized
from memory import FOREVER, IMAGE, Kept, Skip, case, main, parallel
from ws_client import CLOSE, Closed, Refused, Thole, WebSocket, channels

AGENT = os.path.join(BUILD, "agent", "thole-agent")
ALL = bytes(range(256))
LONG = os.environ.get("THOLE_LONG") == "1" or "--long" in sys.argv
CUTS = 1000 if LONG else 50
ON_THE_WAY = 240000


class Dialects(Kept):
    BACKEND = {"agent": "true"}
    SETTINGS = {"daemon.agent": AGENT, "limits.sessions": "16", "http.origins": "https://console.example"}

    def open(self, *command, **body):
        """A session of a workload of its own: (workload, session)."""
        workload = self.run(FOREVER)
        body.setdefault("tty", False)
        session = self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": list(command), **body}).expect(201).json
        return workload, session

    def attach(self, session, protocol, query="", client=None, **rest):
        return WebSocket(client or self.thole, f"/v1/sessions/{session['id']}/attach{query}", protocol, **rest)


# thole.v1 ------------------------------------------------------------------------------------------

@case("thole.v1: output, errors, exit, each byte with its number", proves="TE-18 TE-19 TE-21 TE-30 TE-31 TE-32")
def _(t):
    _, session = t.open("/bin/sh", "-c", "printf out; read line; printf err >&2; read line; printf more; read line; exit 3")
    viewer = Thole(t.thole, session["id"])
    for size in (3, 6):
        viewer.read(size)
        viewer.input(b"\n")
    viewer.read(10)
    t.equal((viewer.output, viewer.channels[1], viewer.channels[2]), (b"outerrmore", b"outmore", b"err"))
    viewer.say("ack", seq=10)
    viewer.input(b"line\n")
    t.equal(viewer.until("exit")["code"], 3)
    t.equal(viewer.exit, (3, None, 10))
    closed = viewer.rest_of_it()
    t.equal((closed.code, json.loads(closed.reason)), (1000, {"code": "ended", "exit_code": 3, "exit_signal": None}))


@case("thole.v1: end of input reaches cat, and input is acknowledged", proves="TE-33")
def _(t):
    _, session = t.open("cat")
    viewer = Thole(t.thole, session["id"])
    viewer.input(b"hello")
    while viewer.stdin < 5:
        viewer.step()
    t.equal(viewer.read(5), b"hello")
    viewer.input(b"")
    t.equal(viewer.until("exit")["code"], 0)


@case("thole.v1: who types before it is told where input goes on has typed something new", proves="TE-33")
def _(t):
    _, session = t.open("cat")
    first = Thole(t.thole, session["id"])
    first.input(b"first ")
    first.read(6)
    first.end()
    early = t.attach(session, "thole.v1")
    early.send(json.dumps({"schema_version": "1", "type": "resume", "from_seq": 0}))
    early.send(b"\0one ")
    while not isinstance(message := early.message(), str) or json.loads(message)["type"] != "resumed":
        pass
    for word in (b"two ", b""):
        early.send(b"\0" + word)
    output = b""
    while not isinstance(message := early.message(), str) or json.loads(message)["type"] != "exit":
        output += message[9:] if isinstance(message, bytes) else b""
    t.equal(output, b"first one two ")


@case("thole.v1: size and signal", proves="TE-09")
def _(t):
    _, session = t.open("/bin/sh", "-c", "trap 'stty size; exit 5' INT; echo up; while :; do sleep 0.05; done", tty=True)
    viewer = Thole(t.thole, session["id"])
    while b"up" not in viewer.output:
        viewer.step()
    viewer.say("resize", rows=33, cols=77)
    t.equal(viewer.until("resized")["cols"], 77)
    viewer.say("signal", name="SIGINT")
    t.equal(viewer.until("exit")["code"], 5)
    t.holds(viewer.output, b"33 77")


@case("thole.v1: cut at random, no byte of output is lost or doubled", proves="TE-25 TE-32")
def _(t):
    last = CUTS * 16000
    _, session = t.open("/bin/sh", "-c", f"seq 1 {last}; read line", flow="lossless")
    chance, wanted, got, cuts = random.Random(7), hashlib.sha256(), 0, 0
    mine = hashlib.sha256()
    for number in range(1, last + 1):
        wanted.update(b"%d\n" % number)
    whole = sum(len(str(number)) + 1 for number in range(1, last + 1))
    while got < whole:
        viewer = Thole(t.thole, session["id"], seq=got)
        # a frame that is cut off in its middle counts for nothing
        viewer.most = chance.randrange(1, 9000)
        limit = chance.randrange(1, 30000) if cuts < CUTS else whole
        while len(viewer.output) < min(limit, whole - got):
            viewer.step()
            # the program waits for who does not acknowledge a whole ring
            if len(viewer.output) > 500000:
                got += len(viewer.output)
                mine.update(viewer.output)
                viewer.output = b""
                viewer.say("ack", seq=got)
        got += len(viewer.output)
        mine.update(viewer.output)
        if chance.random() < 0.5:
            viewer.say("ack", seq=got)
        viewer.end()
        cuts += 1
    t.equal((got, mine.hexdigest()), (whole, wanted.hexdigest()))
    t.true(cuts >= CUTS, f"{cuts} cuts")
    print(f"# {cuts} cuts in {got} bytes")


@case("thole.v1: cut at random, no byte of input is lost or doubled", proves="TE-25 TE-32")
def _(t):
    _, session = t.open("cat", flow="lossless")
    chance, data = random.Random(11), random.Random(12).randbytes(CUTS * 40000)
    got, cuts = b"", 0
    while len(got) < len(data):
        viewer = Thole(t.thole, session["id"], seq=len(got))
        # what was taken is not said again, the rest is, however much of it is on its way
        at, end = viewer.stdin, min(len(data), viewer.stdin + chance.randrange(1, 60000))
        while at < end:
            piece = data[at:min(end, at + chance.randrange(1, 20000))]
            viewer.input(piece)
            at += len(piece)
        for _ in range(chance.randrange(0, 6) if cuts < CUTS else 60):
            if len(got) + len(viewer.output) >= at:
                break
            viewer.step()
        got += viewer.output
        viewer.end()
        cuts += 1
    t.true(got == data, "what came back is what was sent")
    t.true(cuts >= CUTS, f"{cuts} cuts")
    print(f"# {cuts} cuts in {len(got)} bytes")


@case("thole.v1: killed daemons lose nothing", proves="TE-04 TE-15 TE-25")
def _(t):
    _, session = t.open("/bin/sh", "-c", "i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo $i; sleep 0.005; done; read line", flow="lossless")
    wanted = b"".join(b"%d\n" % number for number in range(1, 601))
    got = b""
    for how in ("kill", "stop", "kill", None):
        viewer = Thole(t.thole, session["id"], seq=len(got))
        while len(got) + len(viewer.output) < len(wanted) and (how is None or len(viewer.output) < 300):
            viewer.step()
        got += viewer.output
        if how:
            getattr(t.thole, how)()
            t.thole.start()
            t.till_ready()
    t.equal(got, wanted)


@case("thole.v1: who asks for what fell out of the ring is told")
def _(t):
    _, session = t.open("/bin/sh", "-c", "head -c 300000 /dev/zero; printf end; read line", flow="latest", scrollback=65536)
    t.until(lambda: t.thole.get(f"/v1/sessions/{session['id']}").json["output"] == 300003, 20, "it has written all")
    viewer = Thole(t.thole, session["id"], seq=0)
    while not viewer.output.endswith(b"end"):
        viewer.step()
    t.equal(len(viewer.gaps), 1)
    t.equal(viewer.gaps[0][0], 0)
    t.equal(viewer.gaps[0][1] + len(viewer.output), 300003)


@case("thole.v1: what makes no sense is told and passed over")
def _(t):
    _, session = t.open("cat")
    viewer = Thole(t.thole, session["id"])
    viewer.say("dance")
    t.equal(viewer.until("error")["code"], "not_supported")
    viewer.say("resume", from_seq=0)
    t.equal(viewer.until("error")["code"], "conflict")
    viewer.input(b"on")
    t.equal(viewer.read(2), b"on")
    viewer.send("{")
    closed = viewer.rest_of_it()
    t.equal((closed.code, closed.word), (4400, "malformed"))


# tty -----------------------------------------------------------------------------------------------

# What ttyd's page sends and gets, as its sources have it: every message binary, the first byte its kind.
CONVERSATION = [
    (">", b'{"AuthToken":"","columns":101,"rows":33}'),
    ("<", b"1"),
    ("<", b"2"),
    (">", b"0stty size\r"),
    ("=", b"33 101"),
    (">", b'1{"columns":80,"rows":24}'),
    (">", b"0stty size\r"),
    ("=", b"24 80"),
    (">", b"2"),
    (">", b"3"),
    (">", b"0printf '\\x01%s' done\r"),
    ("=", b"\x01done"),
    (">", b"0exit\r"),
]


@case("tty: a conversation of ttyd's page", proves="TE-03 TE-08 TE-09 TE-12 TE-13 TE-16", each=["tty/ws", "attach"])
def _(t, place):
    _, session = t.open("/bin/bash", "--norc", tty=True)
    token = t.thole.get(f"/v1/sessions/{session['id']}/tty/token").expect(200).json
    t.equal(token, {"token": ""})
    connection = WebSocket(t.thole, f"/v1/sessions/{session['id']}/{place}", "tty")
    t.equal(connection.protocol, "tty")
    seen = b""
    for direction, data in CONVERSATION:
        if direction == ">":
            connection.send(data)
        elif direction == "<":
            t.equal(connection.message()[:1], data)
        else:
            while data not in seen:
                message = connection.message()
                t.equal(message[:1], b"0")
                seen += message[1:]
            seen = b""
    found, closed = channels(connection)
    t.equal(set(found) - {0x30}, set())
    t.equal((closed.code, closed.word), (1000, "ended"))


@case("tty: a pause holds the output back, and costs the program nothing", proves="TE-22")
def _(t):
    _, session = t.open("/bin/sh", "-c", "stty raw -echo; read -r x; seq 1 100000; read -r x", tty=True)
    connection = t.attach(session, "tty", "?from=oldest")
    connection.send(b"{}")
    for kind in (b"1", b"2"):
        t.equal(connection.message()[:1], kind)
    connection.send(b"2")
    connection.send(b"0\n")
    t.until(lambda: t.thole.get(f"/v1/sessions/{session['id']}").json["output"] > 400000, 30, "the program goes on")
    connection.send(b"3")
    while b"100000" not in connection.message():
        pass
    connection.end()


# Kubernetes ----------------------------------------------------------------------------------------

@case("channel.k8s.io: stdout, stderr and exit status as kubectl exec gets them", proves="TE-19 TE-21", each=["v5", "v4"])
def _(t, version):
    _, session = t.open("/bin/sh", "-c", "printf out; printf err >&2; exit 3")
    connection = t.attach(session, f"{version}.channel.k8s.io, other")
    t.equal(connection.protocol, f"{version}.channel.k8s.io")
    found, closed = channels(connection)
    t.equal((found[1], found[2]), (b"out", b"err"))
    status = json.loads(found[3])
    t.equal((status["status"], status["reason"], status["details"]["causes"]),
            ("Failure", "NonZeroExitCode", [{"reason": "ExitCode", "message": "3"}]))
    t.equal(closed.code, 1000)


@case("v5.channel.k8s.io: closing stdin ends cat", proves="TE-19")
def _(t):
    _, session = t.open("cat")
    connection = t.attach(session, "v5.channel.k8s.io,v4.channel.k8s.io")
    connection.send(b"\0hello")
    connection.send(b"\xff\0")
    found, _ = channels(connection)
    t.equal((found[1], json.loads(found[3])["status"]), (b"hello", "Success"))


@case("v5.channel.k8s.io: python3-websocket speaks it", proves="TE-19 TE-21")
def _(t):
    try:
        import websocket
    except ImportError as missing:
        raise Skip("python3-websocket is not installed") from missing
    _, session = t.open("/bin/sh", "-c", "cat; echo bad >&2; exit 4")
    token = t.thole.bootstrap_token
    connection = websocket.create_connection(f"ws://127.0.0.1:{t.thole.tcp_port}/v1/sessions/{session['id']}/attach",
                                             subprotocols=["v5.channel.k8s.io", "v4.channel.k8s.io"], timeout=90,
                                             header=[f"Authorization: Bearer {token}"])
    t.equal(connection.subprotocol, "v5.channel.k8s.io")
    connection.send_binary(b"\0some text\n")
    connection.send_binary(b"\xff\0")
    found = {}
    while True:
        opcode, data = connection.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            break
        found[data[0]] = found.get(data[0], b"") + data[1:]
    t.equal((found[1], found[2]), (b"some text\n", b"bad\n"))
    t.equal(json.loads(found[3])["details"]["causes"][0]["message"], "4")
    t.equal(struct.unpack(">H", data[:2])[0], 1000)


# execbox -------------------------------------------------------------------------------------------

def texts(connection):
    """All JSON messages until the close."""
    found = []
    try:
        while True:
            found.append(json.loads(connection.message()))
    except Closed as closed:
        return found, closed


def joined(messages, kind):
    return b"".join(m["data"].encode() if "data" in m else base64.b64decode(m["data_base64"]) for m in messages if m["type"] == kind)


def records(data):
    """[(type, bytes)] of length-prefixed records."""
    found = []
    while data:
        length, = struct.unpack(">I", data[:4])
        found.append((data[4], data[5:4 + length]))
        data = data[4 + length:]
    return found


@case("execbox.v1: JSON", proves="TE-18 TE-19 TE-21")
def _(t):
    _, session = t.open("/bin/sh", "-c", "cat; echo bad >&2; exit 4")
    connection = t.attach(session, "execbox.v1")
    connection.send(json.dumps({"type": "stdin", "data": "größe\n"}))
    connection.send(json.dumps({"type": "eof"}))
    found, closed = texts(connection)
    t.equal((joined(found, "stdout").decode(), joined(found, "stderr")), ("größe\n", b"bad\n"))
    t.equal(found[-1], {"type": "exit_code", "code": 4, "signal": None})
    t.equal(closed.code, 1000)


@case("execbox.v1: length-prefixed records, also cut anywhere", proves="TE-20 TE-21")
def _(t):
    _, session = t.open("/bin/sh", "-c", "cat; kill -KILL $$")
    connection = t.attach(session, "execbox.v1")
    stream = b"".join(struct.pack(">IB", len(part) + 1, 0) + part for part in (b"one ", b"two ", b"three")) + b"\0\0\0\1\5"
    for byte in stream:
        connection.send(bytes([byte]))
    data = b""
    try:
        while True:
            data += connection.message()
    except Closed as closed:
        t.equal(closed.code, 1000)
    found = records(data)
    t.equal(b"".join(body for kind, body in found if kind == 1), b"one two three")
    t.equal(found[-1], (4, struct.pack(">IB", 137, 9)))


# all -----------------------------------------------------------------------------------------------

@case("all byte values in both directions", proves="TE-16 TE-19", each=["thole.v1", "tty", "v5.channel.k8s.io", "execbox.v1", "execbox.v1 binary"])
def _(t, dialect):
    data = ALL * 64
    if dialect == "tty":
        _, session = t.open("/bin/sh", "-c", "stty raw -echo; printf R; exec cat", tty=True)
    else:
        _, session = t.open("cat")
    connection = None if dialect == "thole.v1" else t.attach(session, dialect.split()[0], "?from=oldest")
    got = b""
    if dialect == "thole.v1":
        viewer = Thole(t.thole, session["id"])
        viewer.input(data)
        got = viewer.read(len(data))
    elif dialect == "tty":
        connection.send(b"{}")
        while not got.endswith(b"R"):
            message = connection.message()
            got += message[1:] if message[:1] == b"0" else b""
        connection.send(b"0" + data)
        got = b""
        while len(got) < len(data):
            got += connection.message()[1:]
    elif dialect.startswith("v5"):
        connection.send(b"\0" + data)
        while len(got) < len(data):
            got += connection.message()[1:]
    elif dialect == "execbox.v1":
        connection.send(json.dumps({"type": "stdin", "data_base64": base64.b64encode(data).decode()}))
        while len(got) < len(data):
            got += joined([json.loads(connection.message())], "stdout")
    else:
        connection.send(struct.pack(">IB", len(data) + 1, 0) + data)
        while len(got) < len(data):
            got += b"".join(body for _, body in records(connection.message()))
    t.equal(got, data)


@case("random bytes through pipes, both ways", proves="TE-16 TE-19", each=["thole.v1", "v5.channel.k8s.io"])
def _(t, dialect):
    size = (256 if LONG else 8) << 20
    _, session = t.open("cat", flow="lossless")
    sent, came = hashlib.sha256(), hashlib.sha256()
    thole = dialect == "thole.v1"
    connection = Thole(t.thole, session["id"]) if thole else t.attach(session, dialect)

    # frames of two threads do not mix; an acknowledgement must not wait behind more input than the program takes
    lock, taken = threading.Lock(), threading.Semaphore(ON_THE_WAY // 60000)

    def say():
        chance, left = random.Random(5), size
        while left:
            block = chance.randbytes(min(left, 60000))
            sent.update(block)
            if thole and not taken.acquire(timeout=60):
                return
            with lock:
                connection.send(b"\0" + block)
            left -= len(block)
    saying = threading.Thread(target=say)
    saying.start()
    got = freed = 0
    while got < size:
        message = connection.message()
        if isinstance(message, str):
            told = json.loads(message)
            while told["type"] == "ack" and told["stdin"] - freed >= 60000:
                freed += 60000
                taken.release()
            continue
        if not thole and message[0] != 1:
            continue
        message = message[9:] if thole else message[1:]
        came.update(message)
        got += len(message)
        if thole:
            with lock:
                connection.say("ack", seq=got)
    saying.join()
    t.equal((got, came.hexdigest()), (size, sent.hexdigest()))
    connection.end()


@case("over TLS, bytes and ends come through as without", proves="TE-16 TE-25")
def _(t):
    folder = tempfile.mkdtemp(prefix="thole-wss-")
    files = [os.path.join(folder, name) for name in ("crt", "key")]
    if shutil.which("openssl") is None:
        raise Skip("there is no openssl")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", files[1], "-out", files[0]],
                   check=True, capture_output=True)
    context = ssl.create_default_context(cafile=files[0])
    with Daemon({"memory": {"driver": "memory", "default": "true", "images": IMAGE, "agent": "true"}},
                {"daemon.agent": AGENT, "daemon.tls_certificate": files[0], "daemon.tls_key": files[1]}) as thole:
        workload = thole.create(t.spec(FOREVER))
        session = thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": ["cat"], "tty": False}).expect(201).json
        viewer = Thole(thole.tcp(), session["id"], tls=context)
        data = ALL * 800
        viewer.input(data)
        while len(viewer.output) < len(data):
            viewer.step()
            viewer.say("ack", seq=viewer.seq)
        t.true(viewer.output == data, "what came back is what was sent")
        viewer.input(b"")
        t.equal(viewer.until("exit")["code"], 0)
        closed = viewer.rest_of_it()
        t.equal((closed.code, closed.word), (1000, "ended"))
        thole.remove(workload)
    shutil.rmtree(folder)


@case("many look at one terminal", proves="TE-36")
def _(t):
    _, session = t.open("/bin/sh", "-c", "stty -echo; echo up; exec cat", tty=True)
    viewers = [Thole(t.thole, session["id"]) for _ in range(10)]
    viewers[0].input(b"to all of you\n")
    for viewer in viewers:
        while b"to all of you" not in viewer.output:
            viewer.step()
        viewer.end()


@case("who never reads costs nothing, and slows nobody", proves="TE-22 TE-24")
def _(t):
    if sanitized():
        raise Skip("memory under a sanitizer says nothing")
    _, session = t.open("yes", flow="latest")
    before = t.thole.rss()
    sleepers = [t.attach(session, dialect) for dialect in ("v5.channel.k8s.io", "execbox.v1")]
    reader = Thole(t.thole, session["id"], start="live")
    # the reader gets megabytes while they stand still
    while reader.seq - reader.resumed["seq"] < 16 << 20:
        reader.step()
        reader.output = b""
        reader.channels.clear()
    print(f"# memory rose by {t.thole.rss() - before >> 10} KiB")
    t.true(t.thole.rss() - before < 8 << 20, f"{t.thole.rss() - before} bytes more")
    for connection in [*sleepers, reader]:
        connection.end()


# ends and refusals ---------------------------------------------------------------------------------

@case("each end has its code", proves="TE-25 TE-26")
def _(t):
    def code(act, start=True):
        workload, session = t.open("cat")
        viewer = Thole(t.thole, session["id"])
        act(workload, session)
        closed = viewer.rest_of_it()
        return closed.code, closed.word

    t.equal(code(lambda w, s: t.thole.delete(f"/v1/sessions/{s['id']}").expect(204)), (4410, "removed"))
    # the end of the program itself may come first
    t.among(code(lambda w, s: t.thole.post(f"/v1/workloads/{w['id']}/kill").expect(200, 202, 204)),
            [(4409, "workload_gone"), (1000, "ended")])
    t.among(code(lambda w, s: t.thole.remove(w))[0], [4409, 1000])


@case("the daemon going down says so", proves="TE-25")
def _(t):
    _, session = t.open("cat")
    viewer = Thole(t.thole, session["id"])
    tty = t.attach(session, "v5.channel.k8s.io")
    stopping = threading.Thread(target=t.thole.stop)
    stopping.start()
    closed = viewer.rest_of_it()
    t.equal((closed.code, closed.word), (1001, "restarting"))
    t.equal(channels(tty)[1].code, 1001)
    stopping.join()
    t.thole.start()


@case("what is refused after the credential is told by the close", proves="TE-27")
def _(t):
    workload, session = t.open("cat")
    try:
        WebSocket(t.thole, "/v1/sessions/nonsense/attach", "tty").message()
        t.true(False, "it must be closed")
    except Closed as closed:
        t.equal((closed.code, closed.word), (4404, "not_found"))
    try:
        WebSocket(t.thole, f"/v1/sessions/{session['id']}/attach?colour=red", "thole.v1").message()
    except Closed as closed:
        t.equal(closed.code, 4422)
    except AssertionError:
        raise


@case("what is refused before", proves="TE-14 TE-27")
def _(t):
    _, session = t.open("cat")
    path = f"/v1/sessions/{session['id']}/attach"

    def status(client, **rest):
        try:
            WebSocket(client, path, rest.pop("protocol", "tty"), **rest).end()
            return 101
        except Refused as refused:
            return refused.status
    t.equal(t.thole.get(path).status, 426)
    t.equal(status(t.thole.tcp(token=False)), 401)
    t.equal(status(t.thole.tcp(token="nonsense")), 401)
    t.equal(status(t.thole.tcp()), 101)
    t.equal(status(t.thole, protocol="chat"), 400)
    t.equal(status(t.thole, protocol=None), 400)
    t.equal(status(t.thole, headers={"Sec-WebSocket-Version": "8"}), 426)
    t.equal(status(t.thole, headers={"Sec-WebSocket-Key": "short"}), 400)
    t.equal(status(t.thole, headers={"Origin": "https://evil.example"}), 403)
    t.equal(status(t.thole, headers={"Origin": "http://localhost"}), 101)
    t.equal(status(t.thole, headers={"Origin": "https://console.example"}), 101)


@case("a ticket lets in once, at its path", proves="TE-14")
def _(t):
    _, session = t.open("cat")
    path = f"/v1/sessions/{session['id']}/attach"
    nobody = t.thole.tcp(token=False)

    def ticket():
        return t.thole.post("/v1/tickets", {"path": path}).expect(201).json

    def status(where, word):
        try:
            WebSocket(nobody, f"{where}?ticket={word}", "tty").end()
            return 101
        except Refused as refused:
            return refused.status
    made = ticket()
    t.equal(made["path"], path)
    t.equal([status(path, made["ticket"]), status(path, made["ticket"])], [101, 401])
    t.equal(status(path.replace("attach", "tty/ws"), ticket()["ticket"]), 401)
    t.equal(t.thole.post("/v1/tickets", {"path": "no path"}).expect(422).pointers, ["/path"])
    t.equal(nobody.get(f"{path}?token=x").status, 400)


@case("a hundred attach and leave without a word: nothing stays", proves="TE-25")
def _(t):
    _, session = t.open("cat")

    def visit(index):
        connection = t.attach(session, ["v5.channel.k8s.io", "execbox.v1", "tty", "thole.v1"][index % 4])
        if index % 2:
            connection.send(b"\0x" if index % 4 != 1 else "{}")
        connection.end()
    before = t.thole.descriptors()
    for _ in range(5):
        parallel(20, visit)
    t.until(lambda: t.thole.descriptors() <= before, 20, "descriptors are given back")
    t.until(lambda: "thole_http_websockets 0" in t.thole.get("/metrics").text, 20, "viewers are given back")


main(Dialects)
