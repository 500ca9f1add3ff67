#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private containerd and a registry with an image of busybox: what the tests of the containerd driver share.

    tests/engines/real_containerd.py DIR      starts both in DIR, prints the environment of the driver's tests, and waits for the end
                                              of its input; then it stops them
"""
import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time

import real_docker
from real_docker import AGENT, BUILD, Daemon, Registry, Skip, case, main, sanitized, sha256  # noqa: F401

LOGGER = os.path.join(BUILD, "plugins", "containerd", "log", "thole-log")
NAMESPACE = "thole-test"


def busybox_root():
    """{path: (mode, bytes or the target of a link)} of a small system."""
    with open(shutil.which("busybox"), "rb") as file:
        program = file.read()
    root = {"bin/busybox": (0o755, program), "tmp": (0o1777, None), "root": (0o700, None), "var/empty": (0o755, None),
            "etc/passwd": (0o644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/var/empty:/bin/sh\n"),
            "etc/group": (0o644, b"root:x:0:\nusers:x:100:nobody\nnogroup:x:65534:\n")}
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        root.setdefault(f"bin/{applet}", (0o777, "busybox"))
    return root


def layer(entries):
    """A tar archive of such a root."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, (mode, content) in entries.items():
            info = tarfile.TarInfo(path)
            info.mode = mode
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


class Pusher:
    """Puts images into a registry."""

    def __init__(self, address, authorization=None):
        self.address, self.authorization = address, authorization

    def request(self, method, path, body=None, kind=None):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        headers = {"Content-Type": kind or "application/octet-stream"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return answer

    def blob(self, repository, data):
        answer = self.request("POST", f"/v2/{repository}/blobs/uploads/", b"")
        place = answer.headers["Location"].split(self.address, 1)[-1]
        digest = "sha256:" + sha256(data)
        self.request("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", data)
        return {"digest": digest, "size": len(data)}

    def image(self, repository, tag, layers, architecture="amd64", index=False, **config):
        """Pushes an image of tar archives; index: by way of a list with one for another processor before it."""
        settings = {"architecture": architecture, "os": "linux", "created": "2026-01-01T00:00:00Z",
                    "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"], **config},
                    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(data) for data in layers]}}
        packed = [gzip.compress(data, 1) for data in layers]
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **self.blob(repository, json.dumps(settings).encode())},
                    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **self.blob(repository, data)} for data in packed]}
        text = json.dumps(manifest).encode()
        self.request("PUT", f"/v2/{repository}/manifests/{tag}", text, manifest["mediaType"])
        if index:
            digest = {"mediaType": manifest["mediaType"], "digest": "sha256:" + sha256(text), "size": len(text)}
            whole = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
                {**digest, "platform": {"os": "linux", "architecture": "mips64"}},
                {**digest, "platform": {"os": "linux", "architecture": architecture}}]}).encode()
            self.request("PUT", f"/v2/{repository}/manifests/{tag}", whole, "application/vnd.oci.image.index.v1+json")
        return "sha256:" + sha256(text)


class Containerd:
    """containerd in a private folder, without what it does for Kubernetes."""

    def __init__(self, directory):
        self.directory = directory
        self.address = os.path.join(directory, "c.sock")
        self.process = None

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        config = os.path.join(self.directory, "config.toml")
        off = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
        off += [f"io.containerd.snapshotter.v1.{name}" for name in ("aufs", "btrfs", "devmapper", "zfs")]
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'version = 2\nroot = "{self.directory}/root"\nstate = "{self.directory}/state"\n'
                       f'disabled_plugins = {json.dumps(off)}\n[grpc]\naddress = "{self.address}"\n')
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(["containerd", "--config", config], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while b"successfully booted" not in self.said():
            if time.monotonic() > end:
                raise AssertionError(f"containerd does not serve: {self.said()[-2000:]!r}")
            time.sleep(0.02)
        return self

    def said(self):
        with open(os.path.join(self.directory, "log"), "rb") as log:
            return log.read()

    def ctr(self, *words):
        """Only to look, and to clean up: the driver does without."""
        done = subprocess.run(["ctr", "--address", self.address, "--namespace", NAMESPACE, *words], capture_output=True, text=True,
                              timeout=30, check=False)
        return done.stdout if done.returncode == 0 else ""

    def call(self, method, message):
        """One gRPC call of containerd's own interface, for what ctr refuses to do. "containers.v1.Containers/Delete", the packed message."""
        def text(word):
            return bytes([len(word)]) + word.encode()

        def frame(kind, flags, stream, body):
            return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body
        head = b"".join(b"\x00" + text(name) + text(value) for name, value in (
            (":method", "POST"), (":scheme", "http"), (":path", "/containerd.services." + method), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers"), ("containerd-namespace", NAMESPACE)))
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(30)
            wire.connect(self.address)
            wire.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, head)
                         + frame(0, 1, 1, b"\0" + struct.pack(">I", len(message)) + message))
            with wire.makefile("rb") as answer:
                while len(begin := answer.read(9)) == 9:
                    answer.read(int.from_bytes(begin[:3], "big"))
                    # the end of the stream comes with the head that has the status
                    if begin[3] == 1 and begin[4] & 1:
                        return
        raise AssertionError(f"{method}: the connection ended")

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait()
        open(os.path.join(self.directory, "log"), "wb").close()

    def shims(self):
        """Process ids of the shims that were started by this one."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"containerd-shim-runc-v2") and self.address.encode() in words:
                found.append(int(name))
        return found

    def stop(self):
        if not self.process:
            return
        if self.process.poll() is None:
            for name in self.ctr("tasks", "list", "-q").split():
                self.ctr("tasks", "delete", "--force", name)
            self.process.terminate()
            self.process.wait()
        for pid in self.shims():
            os.kill(pid, signal.SIGKILL)
        with open("/proc/mounts", encoding="utf-8") as file:
            mounts = [line.split()[1] for line in file if line.split()[1].startswith(self.directory + "/")]
        for mount in sorted(mounts, reverse=True):
            subprocess.run(["umount", "-l", mount], stderr=subprocess.DEVNULL, check=False)


def require():
    if os.getuid() != 0:
        raise Skip("a private containerd needs root")
    for program, package in (("containerd", "containerd"), ("runc", "runc"), ("docker-registry", "docker-registry"), ("busybox", "busybox-static")):
        if not shutil.which(program):
            raise Skip(f"{program} is not installed (package {package})")
    if not os.path.exists(LOGGER):
        raise Skip("the containerd driver was not built")


class Bench(real_docker.Bench):
    """What a case gets: an engine, a registry, and a daemon on them."""

    keys = {}

    def __init__(self):
        require()
        self.directory = tempfile.mkdtemp(prefix="thole-ctr-")
        self.made = []
        self.engine = Containerd(os.path.join(self.directory, "engine"))
        self.registry = Registry(os.path.join(self.directory, "registry"))
        self.thole = None
        try:
            self.engine.start()
            self.registry.start()
            self.pusher = Pusher(self.registry.address)
            self.image = f"{self.registry.address}/busybox:latest"
            self.pusher.image("busybox", "latest", [layer(busybox_root())])
            self.thole = self.daemon()
            self.thole.start()
            self.wait_ready()
        except Exception:
            self.close()
            raise

    def daemon(self, name="thole"):
        directory = os.path.join(self.directory, name)
        os.makedirs(directory, exist_ok=True)
        keys = {"driver": "containerd", "address": self.engine.address, "namespace": NAMESPACE, "logger": LOGGER, "default": "true",
                "cgroup_parent": "/" + os.path.basename(self.directory), "default_network": "none", **self.keys}
        return Daemon({"box": keys}, {**self.settings, "daemon.agent": AGENT}, directory)

    def backend(self):
        return self.thole.get("/v1/backends/box").expect(200).json

    def spec(self, command=None, **spec):
        spec.setdefault("image", self.image)
        spec.setdefault("pull", "if-missing")
        return super().spec(command, **spec)

    def close(self):
        try:
            if self.thole:
                self.thole.close()
        finally:
            self.engine.stop()
            self.registry.stop()
            remove_cgroups(os.path.basename(self.directory))
            shutil.rmtree(self.directory, ignore_errors=True)


def remove_cgroups(name):
    """The empty folders of control groups under one of ours."""
    for top, folders, _ in os.walk("/sys/fs/cgroup"):
        if name in folders:
            for path, _, _ in os.walk(os.path.join(top, name), topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    pass
            folders.remove(name)


def serve(directory):
    try:
        require()
    except Skip as reason:
        print(f"THOLE_TEST_REASON={reason}")
        return
    engine, registry = Containerd(os.path.join(directory, "engine")).start(), Registry(os.path.join(directory, "registry")).start()
    try:
        Pusher(registry.address).image("busybox", "latest", [layer(busybox_root())])
        keys = {"address": engine.address, "namespace": NAMESPACE, "logger": LOGGER, "cgroup_parent": "/" + os.path.basename(directory),
                "default_network": "none",
                "state_dir": os.path.join(directory, "kept"), "runtime_dir": os.path.join(directory, "run")}
        print(f"THOLE_TEST_IMAGE={registry.address}/busybox:latest\nTHOLE_TEST_PULL=1\n"
              f"THOLE_TEST_KEYS={';'.join(f'{name}={value}' for name, value in keys.items())}", flush=True)
        sys.stdin.read()
    finally:
        engine.stop()
        registry.stop()
        remove_cgroups(os.path.basename(directory))


if __name__ == "__main__":
    serve(os.path.abspath(sys.argv[1]))
