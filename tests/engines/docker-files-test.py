#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of workloads on a real Docker Engine, checked by the programs inside."""
import hashlib
import io
import os
import socket
import tarfile
from urllib.parse import quote

from real_docker import Bench, case, main

LARGE = 40 * 1024 * 1024 + 3


def url(workload, path, more="", verb=""):
    return f"/v1/workloads/{workload['id']}/files{verb}?path={quote(path)}{more}"


def write(t, workload, path, data, more=""):
    return t.thole.request("PUT", url(workload, path, more), data, {"Content-Type": "application/octet-stream"})


def names(t, workload, path):
    return {item["name"]: item for item in t.thole.get(url(workload, path, "&list=true")).expect(200).json["items"]}


@case("a large file goes in and out, byte for byte, with its mode and owner", "FS-01")
def _(t):
    workload = t.run()
    data = os.urandom(LARGE)
    write(t, workload, "/srv/in/it", data, "&parents=true&mode=416&uid=7&gid=8").expect(201)
    seen = t.exec(workload, "sha256sum </srv/in/it; stat -c '%a %u %g %s' /srv/in/it")["stdout"]
    t.equal(seen, f"{hashlib.sha256(data).hexdigest()}  -\n640 7 8 {LARGE}\n")
    t.true(t.thole.get(url(workload, "/srv/in/it")).expect(200).body == data, "the same bytes")
    reply = t.thole.get(url(workload, "/srv/in/it"), {"Range": "bytes=30000000-30000099"}).expect(206)
    t.true(reply.body == data[30000000:30000100], "the part")
    write(t, workload, "/srv/in/it", b"less").expect(200)
    t.equal(t.exec(workload, "cat /srv/in/it; ls /srv/in")["stdout"], "lessit\n")


@case("of what has ended, too")
def _(t):
    workload = t.ended("echo said >/tmp/file")
    t.equal(t.thole.get(url(workload, "/tmp/file")).expect(200).body, b"said\n")
    write(t, workload, "/tmp/other", b"more").expect(201)
    t.equal(set(names(t, workload, "/tmp")), {"file", "other"})


@case("folders and links are listed as they are", "FS-01")
def _(t):
    workload = t.run("mkdir -p /d/sub/deep /d/empty; echo 12345 >/d/file; ln -s ../../etc/hostname /d/link; ln /d/file /d/second; mkfifo /d/pipe; "
                     "touch /d/sub/deep/no; printf x >\"$(printf '/d/n\\377')\"; sleep 1000")
    t.until(lambda: "deep" in t.exec(workload, "ls /d/sub; ls /d | wc -l")["stdout"] and "7" in t.exec(workload, "ls /d | wc -l")["stdout"])
    items = t.thole.get(url(workload, "/d", "&list=true")).expect(200).json["items"]
    t.equal({item.get("name", item.get("name_base64")): item["type"] for item in items},
            {"sub": "folder", "empty": "folder", "file": "file", "link": "link", "second": "file", "pipe": "other", "bv8=": "file"})
    t.equal(names(t, workload, "/d/empty"), {})
    t.equal(next(item["target"] for item in items if item.get("name") == "link"), "../../etc/hostname")
    t.true({"bin", "d", "etc"} <= set(names(t, workload, "/")), "what is in /")
    t.equal(t.thole.get(url(workload, "/d")).expect(409).code, "conflict")
    t.equal(t.thole.get(url(workload, "/d/pipe")).expect(409).code, "conflict")
    t.equal(t.thole.get(url(workload, "/d/none")).expect(404).code, "not_found")


@case("links lead to what is in the workload, never to what is beside it")
def _(t):
    secret = os.path.join(t.directory, "beside")
    with open(secret, "w", encoding="utf-8") as file:
        file.write("of the machine")
    workload = t.run(f"mkdir -p /safe; ln -s ../../../../../../../../../../{secret} /safe/up; ln -s {secret} /safe/there; ln -s / /safe/root; "
                     "ln -s /safe/loop /safe/loop; echo inside >/inside; touch /done; sleep 1000")
    t.until(lambda: t.exec(workload, "ls /done")["exit_code"] == 0)
    for path in ("/safe/up", "/safe/there"):
        t.equal(t.thole.get(url(workload, path)).expect(404).code, "not_found")
    t.equal(t.thole.get(url(workload, "/safe/root/inside")).expect(200).body, b"inside\n")
    t.equal(t.thole.get(url(workload, "/safe/loop")).expect(409, 404, 502).status != 200, True)
    write(t, workload, "/safe/there", b"changed").expect(404, 409)
    write(t, workload, "/safe/root/new", b"in").expect(201)
    t.equal(t.exec(workload, "cat /new")["stdout"], "in")
    with open(secret, encoding="utf-8") as file:
        t.equal(file.read(), "of the machine")


@case("a link below a link leads from where it really is")
def _(t):
    workload = t.run("mkdir -p /app/releases/1 /app/shared /shared; ln -s releases/1 /app/current; printf right >/app/shared/config; "
                     "printf wrong >/shared/config; ln -s ../../shared/config /app/releases/1/config; touch /done; sleep 1000")
    t.until(lambda: t.exec(workload, "ls /done")["exit_code"] == 0)
    t.equal(t.thole.get(url(workload, "/app/current/config")).expect(200).body, b"right")
    write(t, workload, "/app/current/config", b"changed").expect(200)
    t.equal(t.exec(workload, "cat /app/current/config /shared/config; readlink /app/releases/1/config")["stdout"],
            "changedwrong../../shared/config\n")


@case("archives and folders go in and out")
def _(t):
    workload = t.run()
    made = t.thole.post(f"/v1/workloads/{workload['id']}/files/mkdir", {"path": "/in/it", "parents": True, "mode": 0o750}).expect(201).json
    t.equal((made["name"], made["type"]), ("it", "folder"))
    t.equal(t.exec(workload, "stat -c %a /in/it /")["stdout"].split(), ["750", "755"])
    t.thole.post(f"/v1/workloads/{workload['id']}/files/mkdir", {"path": "/in"}).expect(409)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("a", "b/c", "n" * 150):
            info = tarfile.TarInfo(name)
            info.size = 5
            tar.addfile(info, io.BytesIO(b"12345"))
    t.thole.request("POST", url(workload, "/in/it", verb="/extract"), out.getvalue(), {}).expect(204)
    t.equal(t.exec(workload, "cd /in/it; cat a b/c nnn*")["stdout"], "12345" * 3)
    reply = t.thole.post(f"/v1/workloads/{workload['id']}/files/archive", {"path": "/in"}).expect(200)
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as tar:
        t.true({"in", "in/it", "in/it/a", "in/it/b/c"} <= {name.rstrip("/") for name in tar.getnames()}, tar.getnames())
    t.equal(t.thole.request("POST", url(workload, "/none", verb="/extract"), out.getvalue(), {}).expect(404).code, "not_found")
    bad = out.getvalue()[:1200]
    t.equal(t.thole.request("POST", url(workload, "/in", verb="/extract"), bad, {}).expect(422).code, "invalid_field")


@case("an upload that breaks off leaves what was there")
def _(t):
    workload = t.run()
    write(t, workload, "/kept", b"as it was").expect(201)

    def uploads():
        return [fd for fd in os.listdir(f"/proc/{t.thole.process.pid}/fd")
                if os.path.lexists(f"/proc/{t.thole.process.pid}/fd/{fd}") and
                os.path.realpath(f"/proc/{t.thole.process.pid}/fd/{fd}").startswith(t.thole.state + "/#")]
    for path in ("/kept", "/half"):
        link = socket.socket(socket.AF_UNIX)
        link.connect(t.thole.path)
        link.sendall(f"PUT {url(workload, path)} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode() + bytes(3000000))
        t.until(uploads)
        link.close()
        t.until(lambda: not uploads())
    t.equal(t.exec(workload, "cat /kept; ls /half 2>&1")["stdout"].startswith("as it was"), True)
    t.true("half" not in names(t, workload, "/"), "nothing half")


main(Bench)
