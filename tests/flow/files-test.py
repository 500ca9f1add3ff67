#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of a workload over HTTP: they go in, come out, and are listed; what breaks on its way leaves nothing."""
import io
import os
import signal
import socket
import tarfile
from urllib.parse import quote

from daemon import Client, sanitized
from memory import FOREVER, Memory, case, main

LARGE = 3 * 1024 * 1024 + 17


class Files(Memory):
    SETTINGS = {"limits.upload": str(64 << 20)}

    def url(self, workload, path, more="", verb=""):
        return f"/v1/workloads/{workload['id']}/files{verb}?path={quote(path)}{more}"

    def write(self, workload, path, data, more="", **rest):
        return self.thole.request("PUT", self.url(workload, path, more), data, {"Content-Type": "application/octet-stream"}, **rest)

    def read(self, workload, path, headers=None):
        return self.thole.get(self.url(workload, path), headers)

    def list(self, workload, path):
        return {item["name"]: item for item in self.thole.get(self.url(workload, path, "&list=true")).expect(200).json["items"]}

    def uploads(self):
        """Files without a name in the daemon's state."""
        found, folder = 0, f"/proc/{self.thole.process.pid}/fd"
        for fd in os.listdir(folder):
            try:
                target = os.readlink(os.path.join(folder, fd))
            except FileNotFoundError:
                continue
            found += target.startswith(self.thole.state) and target.endswith("(deleted)")
        return found

    def stub(self, workload, path):
        """A request that has sent its head and part of its body; the socket is the caller's."""
        link = socket.socket(socket.AF_UNIX)
        link.connect(self.thole.path)
        link.sendall(f"PUT {self.url(workload, path)} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode() + b"x" * 300000)
        return link


def archive(*entries):
    """A tar of (name, bytes or None for a folder, or (type, target))."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(data, tuple):
                info.type, info.linkname = data
            else:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return out.getvalue()


@case("what is written is read again, byte for byte", each=[0, 1, 511, 512, 513, 65536, LARGE], proves="FS-01")
def _(t, size):
    workload = t.run(FOREVER)
    data = os.urandom(size)
    made = t.write(workload, "/data/file", data, "&parents=true&mode=416").expect(201).json
    t.equal((made["name"], made["type"], made["size"], made["mode"]), ("file", "file", size, 0o640))
    reply = t.read(workload, "/data/file").expect(200)
    t.equal(reply.headers["content-length"], str(size))
    t.equal(reply.headers["content-type"], "application/octet-stream")
    t.holds(reply.headers["last-modified"], "GMT")
    t.true(reply.body == data, "the same bytes")
    t.write(workload, "//data//file/", b"other").expect(200)
    t.equal(t.read(workload, "/data/file").body, b"other")


@case("of what is stopped, too", proves="FS-01")
def _(t):
    workload = t.run(["exit", "0"], wait="stopped")
    t.write(workload, "/left", b"behind").expect(201)
    t.equal(t.read(workload, "/left").expect(200).body, b"behind")


@case("a part: Range and offset")
def _(t):
    workload = t.run(FOREVER)
    data = os.urandom(200000)
    t.write(workload, "/file", data).expect(201)
    for field, begin, end in (("0-0", 0, 1), ("100000-", 100000, 200000), ("-7", 199993, 200000), ("5-9999999", 5, 200000)):
        reply = t.read(workload, "/file", {"Range": f"bytes={field}"}).expect(206)
        t.true(reply.body == data[begin:end], field)
        t.equal(reply.headers["content-range"], f"bytes {begin}-{end - 1}/200000")
        t.equal(reply.headers["content-length"], str(end - begin))
    t.equal(t.read(workload, "/file", {"Range": "bytes=200000-"}).expect(416).code, "out_of_range")
    for field in ("bytes=9-5", "bytes=1-2,4-5", "lines=1-2", "bytes=a-b"):
        t.equal(len(t.read(workload, "/file", {"Range": field}).expect(200).body), 200000)
    t.true(t.thole.get(t.url(workload, "/file", "&offset=10&length=20")).body == data[10:30], "offset and length")
    t.equal(t.thole.get(t.url(workload, "/file", "&offset=999999")).expect(200).body, b"")
    for held, status in ((reply.headers["last-modified"], 206), ("Thu, 01 Jan 1970 00:00:01 GMT", 200), ('"tag"', 200), ("now", 200)):
        t.equal(len(t.read(workload, "/file", {"Range": "bytes=0-9", "If-Range": held}).expect(status).body), 10 if status == 206 else 200000)
    head = t.thole.request("HEAD", t.url(workload, "/file")).expect(200)
    t.equal((head.headers["content-length"], head.body), ("200000", b""))


@case("a folder is listed", proves="FS-01")
def _(t):
    workload = t.run(FOREVER)
    for name in ("a", "b", "sub/deep/c", "sub/d", "é ü"):
        t.write(workload, f"/dir/{name}", b"12345", "&parents=true").expect(201)
    seen = t.list(workload, "/dir")
    t.equal({name: item["type"] for name, item in seen.items()}, {"a": "file", "b": "file", "sub": "folder", "é ü": "file"})
    t.equal((seen["a"]["size"], seen["a"]["mode"]), (5, 0o644))
    t.equal(set(t.list(workload, "/dir/sub")), {"deep", "d"})
    t.holds(set(t.list(workload, "/")), "dir")
    t.equal(t.thole.get(t.url(workload, "/dir", verb="/list")).expect(200).json["items"], list(seen.values()))
    t.equal(t.thole.get(t.url(workload, "/dir/a", "&list=true")).expect(409).code, "conflict")


@case("folders are made")
def _(t):
    workload = t.run(FOREVER)
    where = f"/v1/workloads/{workload['id']}/files/mkdir"
    t.equal(t.thole.post(where, {"path": "/new"}).expect(201).json["type"], "folder")
    t.equal(t.thole.post(where, {"path": "/new"}).expect(409).code, "conflict")
    t.thole.post(where, {"path": "/new/a/b", "mode": 0o700}).expect(404)
    t.thole.post(where, {"path": "/new/a/b", "mode": 0o700, "parents": True}).expect(201)
    t.equal(t.list(workload, "/new/a")["b"]["mode"], 0o700)
    t.equal(t.list(workload, "/new/a/b"), {})


@case("archives go in and out")
def _(t):
    workload = t.run(FOREVER)
    long = "long-" * 40
    data = archive(("top", None), ("top/a", b"alpha"), (f"top/{long}", b"long"), ("top/link", (tarfile.SYMTYPE, "a")))
    t.thole.post(f"/v1/workloads/{workload['id']}/files/mkdir", {"path": "/in"}).expect(201)
    t.thole.request("POST", t.url(workload, "/in", verb="/extract"), data, {"Content-Type": "application/x-tar"}).expect(204)
    seen = t.list(workload, "/in/top")
    t.equal({name: item["type"] for name, item in seen.items()}, {"a": "file", long: "file", "link": "link"})
    t.equal(seen["link"]["target"], "a")
    t.equal(t.read(workload, "/in/top/link").expect(200).body, b"alpha")
    reply = t.thole.post(f"/v1/workloads/{workload['id']}/files/archive", {"path": "/in/top"}).expect(200)
    t.equal(reply.headers["content-type"], "application/x-tar")
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as tar:
        t.equal(sorted(tar.getnames()), sorted(["top", "top/a", f"top/{long}", "top/link"]))
        t.equal(tar.extractfile("top/a").read(), b"alpha")


@case("an archive that is none, or leads out, changes nothing")
def _(t):
    workload = t.run(FOREVER)
    good = archive(("kept", b"x" * 3000))
    bad = [b"", b"x" * 700, good[:2000], good[:3584], archive(("fine", b"1"), ("../out", b"2")), archive(("fine", b"1"), ("/etc/out", b"2")),
           archive(("fine", b"1"), ("a/../../out", b"2")), archive(("fine", b"1"), ("hard", (tarfile.LNKTYPE, "../../etc/passwd")))]
    before = t.list(workload, "/")
    for data in bad:
        reply = t.thole.request("POST", t.url(workload, "/", verb="/extract"), data, {"Content-Type": "application/x-tar"})
        t.equal(reply.expect(422).code, "invalid_field", repr(data[:20]))
        rows = t.thole.get("/v1/audit?action=file.extract&tail=true").expect(200).json["items"]
        t.equal([row["result"] for row in rows[-2:]], ["begun", "invalid_field"])
    t.equal(t.list(workload, "/"), before)


@case("what no path is, is told", each=["relative", "", "/a/../b", "/..", "a long name", "a long path", "/a/./b"])
def _(t, path):
    path = {"a long name": "/" + "x" * 256, "a long path": "/x" * 2100}.get(path, path)
    workload = t.run(FOREVER)
    for reply in (t.read(workload, path), t.write(workload, path, b"x"),
                  t.thole.post(f"/v1/workloads/{workload['id']}/files/mkdir", {"path": path})):
        t.equal(reply.expect(422).pointers, ["/path"])
    t.thole.get(f"/v1/workloads/{workload['id']}/files?path=/a%00b").expect(400)
    t.thole.get(f"/v1/workloads/{workload['id']}/files?path=/a%ffb").expect(400)
    t.thole.get(f"/v1/workloads/{workload['id']}/files").expect(422)


@case("links never lead out, and not round for ever")
def _(t):
    workload = t.run(FOREVER)
    links = archive(("up", (tarfile.SYMTYPE, "../../../../../../inside")), ("round", (tarfile.SYMTYPE, "round")), ("inside", b"in"),
                    ("none", (tarfile.SYMTYPE, "/nowhere")))
    t.thole.request("POST", t.url(workload, "/", verb="/extract"), links, {}).expect(204)
    t.equal(t.read(workload, "/up").expect(200).body, b"in")
    t.equal(t.read(workload, "/round").expect(409).code, "conflict")
    t.equal(t.read(workload, "/none").expect(404).code, "not_found")


@case("a link below a link leads from where it really is")
def _(t):
    workload = t.run(FOREVER)
    links = archive(("app", None), ("app/releases", None), ("app/releases/1", None), ("app/current", (tarfile.SYMTYPE, "releases/1")),
                    ("app/releases/1/config", (tarfile.SYMTYPE, "../../shared/config")), ("app/shared", None), ("app/shared/config", b"right"),
                    ("shared", None), ("shared/config", b"wrong"), ("app/releases/1/up", (tarfile.SYMTYPE, "../up/../current/../new")),
                    ("app/releases/up", (tarfile.SYMTYPE, "../shared")), ("app/releases/1/through", (tarfile.SYMTYPE, "../../shared/config/../config")),
                    ("app/releases/1/gone", (tarfile.SYMTYPE, "../none/../new")))
    t.thole.request("POST", t.url(workload, "/", verb="/extract"), links, {}).expect(204)
    t.equal(t.read(workload, "/app/current/config").expect(200).body, b"right")
    t.write(workload, "/app/current/config", b"changed").expect(200)
    t.equal(t.read(workload, "/app/shared/config").expect(200).body, b"changed")
    t.equal(t.read(workload, "/shared/config").expect(200).body, b"wrong")
    # /app/releases/up is a link to /app/shared, and the folder above that is /app; above /app/releases/1 is /app/releases
    t.write(workload, "/app/current/up", b"new").expect(201)
    t.equal(t.read(workload, "/app/releases/new").expect(200).body, b"new")
    t.equal(t.read(workload, "/app/current/through").expect(409).code, "conflict")
    t.write(workload, "/app/current/gone", b"x").expect(404)


@case("an archive with times before 1970, and a pipe that claims a content", each=["gnu", "pax"])
def _(t, form):
    workload = t.run(FOREVER)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format={"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}[form]) as tar:
        for name, time in (("old", -86400 * 365), ("far", -(1 << 60)), ("new", 1700000000)):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uid = 3, time, 4000000000
            tar.addfile(info, io.BytesIO(b"abc"))
        pipe = tarfile.TarInfo("../out")
        pipe.size = 3
        data = pipe.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    good = out.getvalue()
    end = good.rstrip(b"\0")
    end = len(end) + -len(end) % 512
    # what follows the pipe is an entry, not its content, so it is seen that it leads out
    fifo = tarfile.TarInfo("pipe")
    fifo.type, fifo.size = tarfile.FIFOTYPE, 512
    bad = good[:end] + fifo.tobuf(tarfile.GNU_FORMAT) + data
    t.holds(t.thole.request("POST", t.url(workload, "/", verb="/extract"), bad, {}).expect(422).json["detail"], "leads out")


@case("what is not there, and what is no file")
def _(t):
    workload = t.run(FOREVER)
    t.write(workload, "/dir/file", b"x", "&parents=true").expect(201)
    t.equal(t.read(workload, "/nothing").expect(404).code, "not_found")
    t.equal(t.read(workload, "/dir").expect(409).code, "conflict")
    t.equal(t.write(workload, "/dir", b"x").expect(409).code, "conflict")
    t.equal(t.write(workload, "/", b"x").expect(409).code, "conflict")
    t.equal(t.write(workload, "/no/folder", b"x").expect(404).code, "not_found")
    t.equal(t.write({"id": "wl-none"}, "/a", b"x").expect(404).code, "not_found")
    t.thole.request("PUT", t.url(workload, "/empty"), None).expect(201)
    t.equal(t.read(workload, "/empty").body, b"")


@case("an upload that breaks off leaves nothing, not even half")
def _(t):
    workload = t.run(FOREVER)
    t.write(workload, "/kept", b"as it was").expect(201)
    for path in ("/kept", "/half"):
        link = t.stub(workload, path)
        t.until(t.uploads, what="the upload")
        link.close()
        t.until(lambda: not t.uploads(), what="the end of the upload")
    t.equal(t.read(workload, "/kept").body, b"as it was")
    t.read(workload, "/half").expect(404)
    rows = t.thole.get("/v1/audit?action=file.write&tail=true").expect(200).json["items"]
    t.equal((rows[-1]["target"], rows[-1]["detail"]), (workload["id"], "/half"))


@case("what is larger than an upload may be", each=["told before", "found out"])
def _(t, how):
    workload = t.run(FOREVER)
    if how == "told before":
        reply = t.thole.request("PUT", t.url(workload, "/big"), None, {"Content-Length": str(1 << 33)}, timeout=60)
        t.equal(reply.expect(413).code, "too_large")
    else:
        link = socket.socket(socket.AF_UNIX)
        link.connect(t.thole.path)
        link.sendall(f"PUT {t.url(workload, '/big')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        piece = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        try:
            for _ in range(80):
                link.sendall(piece)
        except OSError:
            pass
        t.holds(link.recv(4096).decode(), " 413 ")
        link.close()
    t.read(workload, "/big").expect(404)


@case("an upload never fills the disk of the store")
def _(t):
    workload = t.run(FOREVER)
    t.write(workload, "/kept", b"as it was").expect(201)
    t.reload(limits__disk_reserve="1000000000000000")
    try:
        reply = t.write(workload, "/kept", b"other").expect(507)
        t.equal(reply.code, "storage_full")
        t.holds(reply.json["detail"], "1000000000000000 bytes")
    finally:
        t.reload(limits__disk_reserve="67108864")
    t.equal(t.uploads(), 0)
    t.equal(t.read(workload, "/kept").body, b"as it was")


@case("an upload that stands still is given up, and whoever sends it is told")
def _(t):
    workload = t.run(FOREVER)
    t.reload(http__body_timeout="0.1")
    try:
        link = t.stub(workload, "/half")
        # its bytes have earned it the time that the connection has; the pause ends it before
        t.holds(link.recv(4096).decode(), " 408 ")
        link.close()
    finally:
        t.reload(http__body_timeout="30")
    t.until(lambda: not t.uploads(), what="the end of the upload")
    t.read(workload, "/half").expect(404)


@case("a slow reader holds no memory")
def _(t):
    workload = t.run(FOREVER)
    t.write(workload, "/large", bytes(32 << 20)).expect(201)

    def resident():
        with open(f"/proc/{t.thole.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096
    before = resident()
    links = []
    for _ in range(8):
        link = socket.socket(socket.AF_UNIX)
        link.connect(t.thole.path)
        link.sendall(f"GET {t.url(workload, '/large')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        t.holds(link.recv(20).decode(), " 200 ")
        links.append(link)
    t.true(sanitized() or resident() - before < 16 << 20, f"{(resident() - before) >> 20} MiB for 8 readers")
    for link in links:
        link.close()


@case("half an archive never looks like a whole one: the daemon goes down")
def _(t):
    workload = t.run(FOREVER)
    t.write(workload, "/large", bytes(32 << 20)).expect(201)
    link = socket.socket(socket.AF_UNIX)
    link.connect(t.thole.path)
    body = b'{"path": "/large"}'
    link.sendall(f"POST /v1/workloads/{workload['id']}/files/archive HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    got = link.recv(20)
    t.holds(got.decode(), " 200 ")

    def shut():
        with socket.socket(socket.AF_UNIX) as other:
            return other.connect_ex(t.thole.path) != 0
    t.thole.process.send_signal(signal.SIGTERM)
    t.until(shut, what="the end of listening")
    try:
        while piece := link.recv(1 << 20):
            got = got[-20:] + piece
    except ConnectionResetError:
        pass
    link.close()
    t.thole.stop()
    t.true(not got.endswith(b"0\r\n\r\n"), "it has an end")
    t.thole.start()


@case("who reads files of somebody else is in the audit")
def _(t):
    workload = t.run(FOREVER)
    t.write(workload, "/file", b"mine").expect(201)
    before = t.thole.get("/v1/audit?action=file.read&tail=true").expect(200).json["items"]
    t.read(workload, "/file").expect(200)
    t.equal(t.thole.get("/v1/audit?action=file.read&tail=true").expect(200).json["items"], before)
    other = Client(path=t.thole.path, token=t.thole.bootstrap_token)
    t.equal(other.get(t.url(workload, "/file")).expect(200).body, b"mine")
    other.get(t.url(workload, "/", verb="/list")).expect(200)
    for action in ("file.read", "file.list"):
        row = t.thole.get(f"/v1/audit?action={action}&tail=true").expect(200).json["items"][-1]
        t.equal((row["actor"], row["target"], row["detail"], row["result"]),
                ("bootstrap", workload["id"], "/file" if action == "file.read" else "/", "done"))


@case("the audit tells which path, and what was refused, too; never what is in it")
def _(t):
    workload = t.run(FOREVER)

    def rows(action):
        found = t.thole.get(f"/v1/audit?action={action}&target={workload['id']}").expect(200).json["items"]
        return [(row["detail"], row["result"]) for row in found]
    t.write(workload, "/a b/\u00e4", b"what is in it", "&parents=true").expect(201)
    t.equal(rows("file.write"), [("/a b/\u00e4", "begun")])
    t.thole.post(t.url(workload, "", verb="/mkdir").partition("?")[0], {"path": "/made"}).expect(201)
    t.equal(rows("file.mkdir"), [("/made", "begun")])
    t.thole.post(t.url(workload, "", verb="/archive").partition("?")[0], {"path": "/made"}).expect(200)
    t.equal(rows("file.archive"), [("/made", "done")])
    t.thole.request("POST", t.url(workload, "/nowhere", verb="/extract"), archive(("x", b"")),
                    {"Content-Type": "application/octet-stream"}).expect(404)
    t.equal(rows("file.extract"), [("/nowhere", "begun"), ("/nowhere", "not_found")])
    text = t.thole.get("/v1/audit?limit=1000").text
    t.true("what is in it" not in text, "no content")
    t.equal(t.thole.get("/v1/audit/verify").expect(200).json["good"], True)


if __name__ == "__main__":
    main(Files)
