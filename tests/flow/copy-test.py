#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tholectl cp: files and folders between this machine and a workload; nothing half is left on this side."""
import io
import json
import os
import pty
import select
import shutil
import signal
import socket
import stat
import subprocess
import tarfile
import tempfile
import threading
from urllib.parse import quote

from daemon import THOLECTL, sanitized
from memory import FOREVER, Memory, case, main

LARGE = 24 * 1024 * 1024 + 5


class Copies(Memory):
    SETTINGS = {"limits.upload": str(32 << 20)}

    def __init__(self):
        super().__init__()
        self.here = tempfile.mkdtemp(prefix="thole-copy-")

    def close(self):
        super().close()
        shutil.rmtree(self.here)

    def after(self):
        super().after()
        left = self.left()
        for name in os.listdir(self.here):
            path = os.path.join(self.here, name)
            (os.remove if os.path.islink(path) or not os.path.isdir(path) else shutil.rmtree)(path)
        self.equal(left, [], "left behind")

    def left(self):
        return [os.path.join(folder, name) for folder, folders, files in os.walk(self.here) for name in folders + files
                if name.startswith(".tholectl-")]

    def path(self, *parts):
        return os.path.join(self.here, *parts)

    def put(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def have(self, *parts):
        with open(self.path(*parts), "rb") as file:
            return file.read()

    def environment(self):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("THOLE_", "LC_", "LANG"))}
        return {**kept, "THOLE_URL": "unix:" + self.thole.path, "LC_ALL": "C.UTF-8", "TERM": "dumb", "TAR_OPTIONS": "--verbose"}

    def cp(self, source, target, code=0, stdin=b"", more=()):
        result = subprocess.run([THOLECTL, *more, "cp", source, target], input=stdin, capture_output=True, timeout=90, check=False,
                                cwd=self.here, env=self.environment())
        if result.returncode not in (code if isinstance(code, tuple) else (code,)):
            raise AssertionError(f"cp {source} {target} ended with {result.returncode}: {result.stderr.decode()[-2000:]}")
        return result

    def within(self, workload, path):
        return self.thole.get(f"/v1/workloads/{workload['id']}/files?path={quote(path)}").expect(200).body

    def names(self, workload, path):
        return {item["name"]: item for item in
                self.thole.get(f"/v1/workloads/{workload['id']}/files?path={quote(path)}&list=true").expect(200).json["items"]}

    def unpack(self, workload, entries, path="/"):
        """A tar of (name, bytes, or None for a folder, or (type, target), mode)."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, data, mode in entries:
                info = tarfile.TarInfo(name)
                info.mode = mode
                if data is None:
                    info.type = tarfile.DIRTYPE
                elif isinstance(data, tuple):
                    info.type, info.linkname = data
                else:
                    info.size = len(data)
                tar.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
        self.thole.request("POST", f"/v1/workloads/{workload['id']}/files/extract?path={quote(path)}", out.getvalue(), {}).expect(204)


@case("a file goes in and out, byte for byte", each=[0, 1, 65536, LARGE], proves="FS-01")
def _(t, size):
    workload = t.run(FOREVER, name="box")
    data = os.urandom(size)
    os.chmod(t.put("in", data), 0o640)
    t.equal(t.cp("in", "box:/there").stdout, b"")
    t.true(t.within(workload, "/there") == data, "the same bytes")
    t.equal(t.names(workload, "/")["there"]["mode"], 0o640)
    t.cp(workload["id"] + ":there", "out")
    t.true(t.have("out") == data, "the same bytes again")
    t.true(t.cp("box:/there", "-").stdout == data, "on the standard output")


@case("the names that files get are those of docker cp")
def _(t):
    workload = t.run(FOREVER, name="box")
    t.unpack(workload, [("dir", None, 0o755), ("dir/old", b"old", 0o644)])
    t.put("file", b"new")
    for target, path in (("box:/dir", "/dir/file"), ("box:/dir/.", "/dir/file"), ("box:/dir/old", "/dir/old"),
                         ("box:/x/../other", "/other"), ("box:/", "/file")):
        t.cp("./file", target)
        t.equal(t.within(workload, path), b"new", target)
    for target in ("box:/none/", "box:/none/file"):
        t.cp("file", target, code=3)
    os.makedirs(t.path("here", "file"))
    t.put("kept", b"longer than before")
    os.symlink("kept", t.path("way"))
    os.chmod(t.path("kept"), 0o600)
    for target, path in (("kept", "kept"), ("way", "kept"), ("named", "named"), (".", "file"), (t.here + "/", "file")):
        t.cp("box:/other", target)
        t.equal(t.have("other" if path == "file" else path), b"new", target)
    t.equal((os.readlink(t.path("way")), stat.S_IMODE(os.stat(t.path("kept")).st_mode)), ("kept", 0o600))
    for target in ("none/", "none/file", "kept/"):
        t.cp("box:/other", target, code=1)
    t.holds(t.cp("box:/file", "here", code=1).stderr.decode(), "is a folder")
    t.cp("box:/other", "/dev/null")
    t.true(stat.S_ISCHR(os.stat("/dev/null").st_mode), "a device stays one")


@case("a folder goes in and out, with links, modes and long names", proves="FS-01")
def _(t):
    workload = t.run(FOREVER, name="box")
    long, odd = "long-" * 40, "a|b\\c&d e"
    for name in ("top/a", f"top/sub/{long}", "top/sub/é ü", f"{odd}/x"):
        t.put(name, name.encode())
    os.symlink("../outside", t.path("top", "link"))
    os.link(t.path("top", "a"), t.path("top", "hard"))
    os.chmod(t.path("top", "a"), 0o750)
    os.mkdir(t.path("top", "locked"), 0o500)
    t.cp("top", "box:/copy")
    t.equal(set(t.names(workload, "/copy")), {"a", "hard", "sub", "link", "locked"})
    t.equal((t.names(workload, "/copy")["link"]["target"], t.names(workload, "/copy")["a"]["mode"]), ("../outside", 0o750))
    t.cp("top", "box:/copy")
    t.equal(t.within(workload, f"/copy/top/sub/{long}"), f"top/sub/{long}".encode())
    t.cp("./top/sub/.", "box:/copy")
    t.equal(t.within(workload, "/copy/é ü"), "top/sub/é ü".encode())
    t.cp("./" + odd, "box:/copy")
    t.equal(t.within(workload, f"/copy/{odd}/x"), f"{odd}/x".encode())
    t.cp("top", "box:/none/copy", code=3)
    t.holds(t.cp("top", "box:/copy/a", code=1).stderr.decode(), "is not a folder")
    t.cp("box:/copy/top", "back")
    t.equal(sorted(os.listdir(t.path("back"))), ["a", "hard", "link", "locked", "sub"])
    t.equal((os.readlink(t.path("back", "link")), stat.S_IMODE(os.stat(t.path("back", "locked")).st_mode) & 0o700), ("../outside", 0o500))
    t.equal(t.have("back", "sub", long), f"top/sub/{long}".encode())
    t.cp("box:/copy/top", "back")
    t.equal(t.have("back", "top", "a"), b"top/a")
    os.chmod(t.path("back", "locked"), 0o700)
    os.chmod(t.path("back", "top", "locked"), 0o700)
    os.chmod(t.path("top", "locked"), 0o700)


@case("what is there already is merged, file by file, or nothing is touched")
def _(t):
    workload = t.run(FOREVER, name="box")
    t.unpack(workload, [("d", None, 0o755), ("d/a", b"new", 0o644), ("d/sub", None, 0o700), ("d/sub/b", b"new", 0o644),
                        ("to", (tarfile.SYMTYPE, "/way"), 0o777), ("way", (tarfile.SYMTYPE, "d/sub"), 0o777)])
    t.put("d/a", b"old")
    t.put("d/sub/c", b"kept")
    t.cp("box:/d", ".")
    t.equal((t.have("d", "a"), t.have("d", "sub", "b"), t.have("d", "sub", "c")), (b"new", b"new", b"kept"))
    t.cp("box:/to", "linked")
    t.equal(os.listdir(t.path("linked")), ["b"])
    t.put("e/z", b"old")
    t.cp("box:/d/.", "e")
    t.equal(sorted(os.listdir(t.path("e"))), ["a", "sub", "z"])
    t.put("f/d/sub", b"a file")
    t.put("f/d/a", b"old")
    t.holds(t.cp("box:/d", "f", code=1).stderr.decode(), "is not a folder")
    t.equal((t.have("f", "d", "a"), t.have("f", "d", "sub")), (b"old", b"a file"))
    os.symlink(t.path("e"), t.path("f", "sub"))
    t.holds(t.cp("box:/d/.", "f", code=1).stderr.decode(), "is not a folder")
    t.cp("box:/d", "none/here", code=1)
    t.cp("box:/", "root")
    t.holds(set(os.listdir(t.path("root"))), "d")


@case("archives go through the standard input and output")
def _(t):
    workload = t.run(FOREVER, name="box")
    t.put("top/a", b"alpha")
    t.cp("-", "box:/file", stdin=b"typed")
    t.equal((t.within(workload, "/file"), t.names(workload, "/")["file"]["mode"]), (b"typed", 0o644))
    t.cp("top", "box:/")
    data = t.cp("box:/top", "-").stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        t.equal(tar.extractfile("top/a").read(), b"alpha")
    t.cp("top", "box:/second")
    t.cp("-", "box:/second/", stdin=data)
    t.equal(t.within(workload, "/second/top/a"), b"alpha")
    t.holds(t.cp("-", "box:/second", stdin=b"x", code=1).stderr.decode(), "has no name")
    t.cp("-", "box:/second/", stdin=data[:700], code=1)


@case("mistakes are told by the exit code")
def _(t):
    t.run(FOREVER, name="box")
    t.put("file", b"x")
    for words in (("file", "other"), ("box:/a", "box:/b"), ("box:", "file"), ("file", "-"), ("a", "")):
        t.cp(*words, code=2)
    for words in (("file", "nobox:/a"), ("nobox:/a", "file"), ("box:/none", "new"), ("nobox:/a/", "new")):
        t.cp(*words, code=3)
    for words in (("none", "box:/a"), ("file/", "box:/a")):
        t.cp(*words, code=1)
    t.cp("file", "box:/a", code=5, more=("--url", "unix:/nowhere"))
    t.true(not os.path.exists(t.path("new")), "nothing was made")
    t.equal(json.loads(t.cp("file", "box:/a", more=("-o", "json")).stdout)["size"], 1)


@case("what is too large is refused, and so is a folder that cannot be read")
def _(t):
    workload = t.run(FOREVER, name="box")
    t.put("big/file", bytes(40 << 20))
    too_large = "An upload may have 33554432 bytes"
    t.holds(t.cp("big/file", "box:/big", code=1).stderr.decode(), too_large)
    t.holds(t.cp("big", "box:/big", code=1).stderr.decode(), too_large)
    # the answer comes while it is still sent, and it would never end
    for url in ("unix:" + t.thole.path, f"http://127.0.0.1:{t.thole.tcp_port}"):
        with open("/dev/zero", "rb") as endless:
            result = subprocess.run([THOLECTL, "--url", url, "cp", "-", workload["id"] + ":/big"], stdin=endless, capture_output=True, timeout=90,
                                    check=False, env={**t.environment(), "THOLE_TOKEN": t.thole.bootstrap_token})
        t.equal(result.returncode, 1, result.stderr.decode())
        t.holds(result.stderr.decode(), too_large)
    os.remove(t.path("big", "file"))
    t.put("big/fine", b"x")
    t.put("big/secret", b"x")
    os.chmod(t.path("big", "secret"), 0)
    if os.geteuid() != 0:
        t.holds(t.cp("big", "box:/big", code=1).stderr.decode(), "nothing was copied")
    t.true("big" not in t.names(workload, "/"), "nothing came")


@case("a name of an archive that leads out is refused, and a device never comes", each=["..", "device", "through a link", "cut off"])
def _(t, what):
    """A daemon that lies."""
    entries = {"..": [("d/../../out", b"x", tarfile.REGTYPE, "")], "device": [("d/null", b"", tarfile.CHRTYPE, "")],
               "through a link": [("d/up", b"", tarfile.SYMTYPE, t.here), ("d/up/out", b"x", tarfile.REGTYPE, "")],
               "cut off": [("d/a", b"x" * 5000, tarfile.REGTYPE, "")]}[what]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("d")
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
        for name, data, kind, target in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.devmajor, info.devminor, info.mode = kind, target, len(data), 1, 3, 0o4755
            tar.addfile(info, io.BytesIO(data))
    data = out.getvalue()[:5632] if what == "cut off" else out.getvalue()
    with Liar(t.path("s"), data) as liar:
        os.mkdir(t.path("goal"))
        result = t.cp("box:/d", "goal", code=5 if what == "cut off" else 1, more=("--url", "unix:" + liar.path))
    t.equal((os.listdir(t.path("goal")), os.path.exists(t.path("out"))), ([], False), result.stderr.decode())


@case("a refusal in the middle of a file of known size is told")
def _(t):
    t.put("large", bytes(LARGE))
    with Refuser(t.path("s"), b"") as refuser:
        result = t.cp("large", "box:/large/", code=1, more=("--url", "unix:" + refuser.path))
    t.holds(result.stderr.decode(), "no room for more")


class Liar:
    """Answers each connection: of a file that it is a folder, then `archive`, then an empty object."""

    def __init__(self, path, archive):
        self.path, self.archive = path, archive

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)
        os.remove(self.path)

    def serve(self):
        while True:
            try:
                link = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.answer, args=(link,), daemon=True).start()

    def answer(self, link):
        with link, link.makefile("rb") as lines:
            try:
                self.talk(link, lines)
            except OSError:
                pass

    def talk(self, link, lines):
        while True:
            line, length, other = lines.readline(), 0, b"x"
            while other.strip():
                other = lines.readline()
                length = int(other.split(b":")[1]) if other.lower().startswith(b"content-length:") else length
            if not line:
                return
            lines.read(length)
            if b"/files/archive" in line:
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n" +
                             f"{len(self.archive):x}\r\n".encode() + self.archive + b"\r\n0\r\n\r\n")
            elif b"/files?" in line:
                body = b'{"title":"Not possible","code":"conflict","status":409}'
                link.sendall(b"HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            else:
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


class Refuser(Liar):
    """Lets an upload begin, refuses it in its middle, and reads on until the other end goes."""

    def talk(self, link, lines):
        line = lines.readline()
        while lines.readline().strip():
            pass
        if not line.startswith(b"PUT "):
            super().talk(link, io.BytesIO(line + b"\r\n"))
            return
        link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        lines.read(LARGE // 2)
        body = b'{"title":"Full","code":"storage_full","status":507,"detail":"no room for more"}'
        link.sendall(b"HTTP/1.1 507 Full\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n" % len(body)
                     + body)
        while lines.read(65536):
            pass


@case("Ctrl-C and a daemon that ends leave nothing", each=["a file", "a folder", "killed daemon"])
def _(t, what):
    workload = t.run(FOREVER, name="box")
    t.unpack(workload, [("d", None, 0o755), ("d/large", bytes(LARGE), 0o644)])
    t.put("new/kept", b"as it was")
    source = "box:/d" if what == "a folder" else "box:/d/large"
    os.kill(t.thole.process.pid, signal.SIGSTOP)
    process = subprocess.Popen([THOLECTL, "cp", source, "new/kept" if what != "a folder" else "new"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=t.here, env=t.environment())
    try:
        if what == "killed daemon":
            t.thole.kill()
        else:
            t.until(lambda: t.handles(process.pid), what="its handler")
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        if what == "killed daemon":
            t.thole.start()
            t.till_ready()
        else:
            os.kill(t.thole.process.pid, signal.SIGCONT)
    t.equal(process.returncode, 5 if what == "killed daemon" else 130)
    t.equal((os.listdir(t.path("new")), t.have("new", "kept")), (["kept"], b"as it was"))


def handles(_, pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        caught = next(line for line in file if line.startswith("SigCgt:")).split()[1]
    return int(caught, 16) >> (signal.SIGINT - 1) & 1


Copies.handles = handles


@case("a terminal sees a bar, and a large file holds no memory")
def _(t):
    workload = t.run(FOREVER, name="box")
    t.put("in", bytes(LARGE))
    t.cp("in", "box:/in")
    main_end, other = pty.openpty()
    pipe = os.path.join(t.here, "pipe")
    os.mkfifo(pipe)
    process = subprocess.Popen([THOLECTL, "cp", "box:/in", "pipe"], stdin=subprocess.DEVNULL, stderr=other, cwd=t.here,
                               env={**t.environment(), "TERM": "xterm"})
    os.close(other)
    with open(pipe, "rb") as file:
        seen = b""
        got = len(file.read(1 << 20))
        # a pipe is slower than a bar
        while b"%" not in seen:
            part = file.read(4096)
            got += len(part)
            if not part:
                break
            seen += os.read(main_end, 4096) if ready(main_end) else b""
            if b"%" not in seen:
                threading.Event().wait(0.02)
        with open(f"/proc/{process.pid}/statm", encoding="ascii") as info:
            resident = int((info.read().split() or ["0", "0"])[1]) * 4096
        got += len(file.read())
    process.wait(timeout=60)
    os.close(main_end)
    t.equal((process.returncode, got, b"%" in seen), (0, LARGE, True))
    t.true(sanitized() or resident < 64 << 20, f"{resident >> 20} MiB")
    t.within(workload, "/in")


def ready(fd):
    return bool(select.select([fd], [], [], 0)[0])


if __name__ == "__main__":
    main(Copies)
