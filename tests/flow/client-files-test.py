#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of a workload and programs in it by libthole-1: one daemon, each case over HTTP and over D-Bus, with equal results."""
import array
import fcntl
import gzip
import hashlib
import http.server
import io
import os
import shutil
import subprocess
import tarfile
import termios
import threading

from client_base import BUILD, EXAMPLES, FACES, PLAIN, Faces, Gio, GLib, Thole, is_cancelled, options, read_all
from memory import IMAGE, Skip, case, main, patient

LARGE = 64 << 20


class Files(Faces):
    SETTINGS = {**Faces.SETTINGS, "limits.upload": str(LARGE)}

    def outcome(self, call, *arguments):
        """What a call gives, or the code and text of its error; names of this run's own left out."""
        try:
            return shown(call(*arguments))
        except GLib.Error as error:
            return error.domain, error.code, error.message.replace(arguments[0], "PATH") if arguments else error.message


def shown(result):
    if isinstance(result, Gio.InputStream):
        return hashlib.sha256(read_all(result)).hexdigest()
    if isinstance(result, list):
        return sorted(shown(item) for item in result)
    if isinstance(result, Thole.File):
        p = result.props
        return p.name, p.kind, p.size, p.mode, p.uid, p.gid, p.target, p.modified_at is not None
    return result


def tar_of(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def stream_of(data):
    return Gio.MemoryInputStream.new_from_bytes(GLib.Bytes.new(data))


def names_of(stream):
    with tarfile.open(fileobj=io.BytesIO(read_all(stream))) as tar:
        return [member.name.rstrip("/") for member in tar]


# (call, arguments): each is made over both faces, on a workload of its own there, blocking and not
TABLE = [
    ("write_file_bytes", lambda: ("/a", GLib.Bytes.new(b"alpha"), options(mode=0o600))),
    ("write_file_bytes", lambda: ("/a", GLib.Bytes.new(b""), None)),
    ("write_file", lambda: ("/b", stream_of(b"beta" * 100000), None)),
    ("write_file", lambda: ("/deep/er/c", stream_of(b"gamma"), None)),
    ("write_file", lambda: ("/deep/er/c", stream_of(b"gamma"), options(parents=True, uid=7, gid=8))),
    ("write_file", lambda: ("relative", stream_of(b""), None)),
    ("write_file", lambda: ("/deep", stream_of(b"it is a folder"), None)),
    ("write_file", lambda: ("/b", stream_of(b"x"), options(color="red"))),
    ("read_file", lambda: ("/a", None)),
    ("read_file", lambda: ("/b", None)),
    ("read_file", lambda: ("/b", options(offset=3, length=7))),
    ("read_file", lambda: ("/b", options(offset=-1))),
    ("read_file", lambda: ("/none", None)),
    ("read_file", lambda: ("/deep", None)),
    ("make_folder", lambda: ("/new", options(mode=0o700))),
    ("make_folder", lambda: ("/new", None)),
    ("make_folder", lambda: ("/no/where", None)),
    ("extract_files", lambda: ("/new", stream_of(tar_of(one=b"1", two=b"22")), None)),
    ("extract_files", lambda: ("/new", stream_of(b"this is no archive" * 100), None)),
    ("extract_files", lambda: ("/nowhere", stream_of(tar_of(one=b"1")), None)),
    ("list_files", lambda: ("/new", None)),
    ("list_files", lambda: ("/a", None)),
    ("list_files", lambda: ("/none", None)),
    ("archive_files", lambda: ("/none", None)),
]


@case("each call gives the same over HTTP and over D-Bus, blocking and not: files, folders, bytes, errors", proves="FS-01 row:116")
def _(t):
    seen = {}
    for face in FACES:
        for form in ("blocking", "async"):
            workload = t.workload(face)
            rows = seen[face, form] = []
            for name, arguments in TABLE:
                call = getattr(workload, name)
                if form == "blocking":
                    rows.append((name, t.outcome(lambda *given, call=call: call(*given, None), *arguments())))
                else:
                    rows.append((name, t.outcome(lambda *given, name=name, workload=workload: t.done(
                        getattr(workload, name + "_async"), getattr(workload, name + "_finish"), *given), *arguments())))
    wanted = seen["HTTP", "blocking"]
    for which, rows in seen.items():
        for row, (seen_row, wanted_row) in enumerate(zip(rows, wanted)):
            t.equal(seen_row, wanted_row, f"row {row} {which}")
    good = [name for name, outcome in wanted if not (isinstance(outcome, tuple) and isinstance(outcome[1], int))]
    print(f"# {len(TABLE)} calls x 4, {len(good)} of them done, {len(TABLE) - len(good)} refused", flush=True)
    t.equal(len(good), 10, "how many are done")


@case("a folder as an archive, and out of it again", proves="FS-01", each=FACES)
def _(t, face):
    first, second = t.workload(face), t.workload(face)
    for name in ("x", "y/z"):
        first.write_file_bytes("/top/" + name, GLib.Bytes.new(name.encode() * 1000), options(parents=True), None)
    t.equal(set(names_of(first.archive_files("/top", None, None))), {"top", "top/x", "top/y", "top/y/z"})
    second.extract_files("/", first.archive_files("/top", None, None), None, None)
    t.equal(read_all(second.read_file("/top/y/z", None, None)), b"y/z" * 1000)
    t.equal([(f.props.name, f.props.kind, f.props.size) for f in sorted(second.list_files("/top", None, None), key=lambda f: f.props.name)],
            [("x", "file", 1000), ("y", "folder", 0)])
    t.equal(second.list_files("/top", None, None)[0].get_name_bytes().get_data()[:1] in (b"x", b"y"), True)


def made_file(folder, size):
    path = os.path.join(folder, "large")
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            block = os.urandom(1 << 20)
            digest.update(block)
            file.write(block)
    return path, digest.hexdigest()


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


@case("64 MiB go in and come out byte for byte, in little memory", proves="FS-01", each=FACES)
def _(t, face):
    path, digest = made_file(t.folder, LARGE)
    try:
        workload = t.workload(face)
        before = resident()
        content = Gio.File.new_for_path(path).read(None)
        made = t.done(workload.write_file_async, workload.write_file_finish, "/large", content, None, seconds=60)
        t.equal((made.props.size, content.is_closed()), (LARGE, False))
        seen, count = hashlib.sha256(), 0
        stream = t.done(workload.read_file_async, workload.read_file_finish, "/large", None)
        while data := stream.read_bytes(1 << 18, None).get_data():
            seen.update(data)
            count += len(data)
        grown = resident() - before
        t.equal((count, seen.hexdigest()), (LARGE, digest))
        t.true(grown < 24 << 20, f"it grew by {grown} bytes")
    finally:
        os.unlink(path)


def example(t, face, build, *command):
    environment = {**os.environ, "THOLE_URL": t.url() if face == "D-Bus" else "unix:" + t.thole.path, "G_DEBUG": "fatal-criticals",
                   "GI_TYPELIB_PATH": os.path.join(build, "client"),
                   "LD_LIBRARY_PATH": os.path.join(build, "client") + ":" + os.path.join(build, "sdk")}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60 * patient(), check=False, env=environment)
    t.equal((result.returncode, result.stderr), (0, ""), "its end")
    for wanted in ("wrote greeting 6", "read hello", "listed", "not there: true", "copied 2", "it said SHOUT done", "and ended with 3"):
        t.true(any(line.lower().startswith(wanted.lower()) for line in result.stdout.splitlines()), f"{wanted!r} in {result.stdout}")
    t.true("False" not in result.stdout and "false" not in result.stdout, result.stdout)


@case("the example of files in C", proves="FS-01 row:116", each=FACES)
def _(t, face):
    example(t, face, BUILD, os.path.join(BUILD, "client", "files"), IMAGE, __file__)


@case("the example of files in Python has at most 60 lines and runs", proves="FS-01 row:116", each=FACES)
def _(t, face):
    path = os.path.join(EXAMPLES, "files.py")
    with open(path, encoding="utf-8") as file:
        t.true(len(file.readlines()) <= 60, "its length")
    example(t, face, PLAIN, "/usr/bin/python3", path, IMAGE)


@case("the example of files in JavaScript has at most 60 lines and runs", proves="FS-01 row:116", each=FACES)
def _(t, face):
    path = os.path.join(EXAMPLES, "files.js")
    with open(path, encoding="utf-8") as file:
        t.true(len(file.readlines()) <= 60, "its length")
    if not shutil.which("gjs"):
        raise Skip("gjs is not installed")
    example(t, face, PLAIN, "gjs", path, IMAGE)


# what does not come to its end -------------------------------------------------------------------------------

def begun(t, workload, path="/half"):
    """An upload that has begun and waits for more: (results, cancellable, where more goes)."""
    source, sink = os.pipe()
    os.write(sink, b"x" * 60000)
    results, cancel = [], Gio.Cancellable()
    content = Gio.UnixInputStream.new(source, True)
    workload.write_file_async(path, content, options(parents=True), cancel, lambda w, result: results.append(result))
    # what was in the pipe is taken: it is on its way
    t.turn(lambda: content.is_closed() or unread(source) == 0, "that it is read")
    return results, cancel, sink


def unread(fd):
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


def end_of(t, workload, results):
    """The error with which the upload ends."""
    t.turn(lambda: results, "its end")
    try:
        return workload.write_file_finish(results[0])
    except GLib.Error as error:
        return error


def not_there(t, workload, path="/half"):
    t.refused(Thole.ClientError.NOT_FOUND, workload.read_file, path, None, None)


@case("an upload that is cancelled ends at once and leaves nothing; one whose source fails tells why", each=FACES)
def _(t, face):
    workload = t.workload(face)
    before = t.thole.descriptors()
    for _ in range(5):
        results, cancel, sink = begun(t, workload)
        cancel.cancel()
        error = end_of(t, workload, results)
        t.true(is_cancelled(error), str(error))
        os.close(sink)
        not_there(t, workload)
    # half of a compressed file: what comes out of it breaks off
    squeezed = gzip.compress(os.urandom(300000))[:200000]
    for form in ("blocking", "async") * 5:
        source = Gio.ConverterInputStream.new(stream_of(squeezed), Gio.ZlibDecompressor.new(Gio.ZlibCompressorFormat.GZIP))
        try:
            if form == "blocking":
                workload.write_file("/half", source, None, None)
            else:
                t.done(workload.write_file_async, workload.write_file_finish, "/half", source, None)
            raise AssertionError("half a file was taken")
        except GLib.Error as error:
            t.true(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.PARTIAL_INPUT), f"{error.domain} {error.message}")
        not_there(t, workload)
    t.until(lambda: t.thole.descriptors() <= before, what="that the daemon has closed all")


@case("what was there stays when what should replace it breaks off", each=FACES)
def _(t, face):
    workload = t.workload(face)
    workload.write_file_bytes("/half", GLib.Bytes.new(b"old"), None, None)
    results, cancel, sink = begun(t, workload)
    cancel.cancel()
    end_of(t, workload, results)
    os.close(sink)
    t.equal(read_all(workload.read_file("/half", None, None)), b"old")


@case("a read that is cancelled says so, and the daemon lets go of the file", each=FACES)
def _(t, face):
    workload = t.workload(face)
    workload.write_file_bytes("/large", GLib.Bytes.new(bytes(4 << 20)), None, None)
    before = t.thole.descriptors()
    for form in ("blocking", "async"):
        cancel = Gio.Cancellable()
        stream = workload.read_file("/large", None, cancel)
        t.equal(len(stream.read_bytes(1000, cancel).get_data()), 1000)
        cancel.cancel()
        try:
            if form == "blocking":
                stream.read_bytes(1000, cancel)
            else:
                t.done(stream.read_bytes_async, stream.read_bytes_finish, 1000, 0, cancellable=cancel)
            raise AssertionError("it was not cancelled")
        except GLib.Error as error:
            t.true(is_cancelled(error), error.message)
        stream.close(None)
    t.until(lambda: t.thole.descriptors() <= before, what="that the daemon has closed all")


@case("a daemon that is killed in the middle of a read or a write is an error, never an end", each=FACES)
def _(t, face):
    workload = t.workload(face)
    workload.write_file_bytes("/large", GLib.Bytes.new(bytes(4 << 20)), None, None)
    streams = [workload.read_file("/large", None, None), workload.archive_files("/large", None, None), workload.read_file("/large", None, None)]
    counts = [len(stream.read_bytes(1000, None).get_data()) for stream in streams]
    results, _, sink = begun(t, workload)
    t.thole.kill()
    try:
        for number, stream in enumerate(streams):
            for _ in range(2):
                def rest(stream=stream, number=number):
                    while True:
                        if number == 2:
                            data = t.done(stream.read_bytes_async, stream.read_bytes_finish, 1 << 16, 0).get_data()
                        else:
                            data = stream.read_bytes(1 << 16, None).get_data()
                        counts[number] += len(data)
                        if not data:
                            return
                t.refused(Thole.ClientError.UNREACHABLE, rest)
            t.true(counts[number] < 4 << 20, f"{counts[number]} bytes of a daemon that is dead")
        os.close(sink)
        error = end_of(t, workload, results)
        t.true(isinstance(error, GLib.Error) and error.matches(Thole.ClientError.quark(), Thole.ClientError.UNREACHABLE), str(error))
        t.refused(Thole.ClientError.UNREACHABLE, workload.read_file, "/large", None, None)
    finally:
        t.thole.start()
        t.till_ready()
    not_there(t, workload)
    t.equal(len(read_all(workload.read_file("/large", None, None))), 4 << 20)


@case("a workload that is gone; too much of a file", each=FACES)
def _(t, face):
    workload = t.workload(face)
    large = os.path.join(t.folder, "sparse")
    with open(large, "wb") as file:
        file.truncate(LARGE + 1)
    content = Gio.File.new_for_path(large).read(None)
    t.refused(Thole.ClientError.TOO_LARGE, workload.write_file, "/large", content, None, None)
    not_there(t, workload, "/large")
    os.unlink(large)
    workload.delete(options(force=True, wait="deleted"), None)
    for name, arguments in TABLE:
        if "color" not in str(arguments()[-1]) and arguments()[0] != "relative":
            call = getattr(workload, name)
            t.refused(Thole.ClientError.NOT_FOUND, call, *(arguments()[:-1]), None, None)
    source, sink = os.pipe()
    results = []
    workload.write_file_async("/x", Gio.UnixInputStream.new(source, True), None, None, lambda w, result: results.append(result))
    # over HTTP a refusal is looked at behind the next piece
    os.write(sink, b"x")
    os.close(sink)
    error = end_of(t, workload, results)
    t.true(isinstance(error, GLib.Error) and error.matches(Thole.ClientError.quark(), Thole.ClientError.NOT_FOUND), str(error))


# a daemon that breaks off -------------------------------------------------------------------------------------

class Fake:
    """Answers as a daemon does, and ends where it is told."""

    def __init__(self):
        fake = self
        self.pieces, self.whole = [], False

        class Answers(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = b'{"id":"wl-1","state":"running","revision":1}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in fake.pieces] + [b"0\r\n\r\n"] * fake.whole
                self.wfile.write(b"".join(chunks))
                self.close_connection = True

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def odd_tar(kind):
    """An archive with all that makes one hard to follow: long names, links, zeros, an empty file."""
    out = io.BytesIO()
    long = ("x" * 90 + "/") * (1 if kind == tarfile.USTAR_FORMAT else 3) + "y" * 90
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name, what, size in (("folder", tarfile.DIRTYPE, 0), ("folder/zeros", tarfile.REGTYPE, 2048), ("folder/empty", tarfile.REGTYPE, 0),
                                 ("folder/link", tarfile.SYMTYPE, 0), ("folder/again", tarfile.LNKTYPE, 0), (long, tarfile.REGTYPE, 700)):
            info = tarfile.TarInfo(name)
            info.type, info.size = what, size
            if what in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = "folder/zeros"
            if kind == tarfile.PAX_FORMAT and size == 700:
                info.pax_headers = {"comment": "of its own", "size": "700"}
            tar.addfile(info, io.BytesIO(bytes(size)))
    return out.getvalue()


@case("an archive whose connection breaks between two chunks is an error wherever it is cut", each=["ustar", "gnu", "pax"])
def _(t, kind):
    data = odd_tar({"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}[kind])
    blocks = [data[at:at + 512] for at in range(0, len(data), 512)]
    # behind the last header its content and the two blocks of zeros that end it; more of them fill the last record
    end = data.rindex(b"ustar") // 512 + 1 + 2 + 2
    fake = Fake()
    try:
        workload = Thole.Client.new_for_url(f"http://127.0.0.1:{fake.server.server_port}", None).get_workload("wl-1", None)
        for fake.whole in (False, True):
            for cut in range(len(blocks) + 1):
                fake.pieces = blocks[:cut]
                stream = workload.archive_files("/", None, None)
                if cut < end:
                    t.refused(Thole.ClientError.UNREACHABLE, read_all, stream)
                    t.refused(Thole.ClientError.UNREACHABLE, read_all, stream)
                else:
                    t.equal(len(read_all(stream)), cut * 512)
    finally:
        fake.close()


@case("who may see but not read or write files is told so", each=FACES)
def _(t, face):
    workload = t.workload(face)
    reader = t.stranger(face).get_workload(workload.props.id, None)
    for name, arguments in TABLE:
        if "color" not in str(arguments()[-1]):
            t.refused(Thole.ClientError.FORBIDDEN, getattr(reader, name), *arguments(), None)
    t.equal(workload.list_files("/", None, None), [])


main(Files)
