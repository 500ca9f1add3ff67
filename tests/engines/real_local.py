# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon with sandboxes of this machine: what the tests of the local driver share."""
import os
import shutil
import tempfile

import real_docker
from real_docker import AGENT, BUILD, Daemon, Skip, case, main, sanitized  # noqa: F401

RUNNER = os.path.join(BUILD, "agent", "sandbox", "thole-sandbox")
GROUPS = "/sys/fs/cgroup"


def require():
    if not shutil.which("bwrap"):
        raise Skip("bwrap is not installed (package bubblewrap)")
    if not os.path.exists(os.path.join(BUILD, "plugins", "local.so")):
        raise Skip("the local driver was not built")


def processes(word):
    """{pid: command line} of this machine's processes whose command line has the word."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line:
            found[int(name)] = line
    return found


def groups(name):
    """Folders of control groups in those of that name."""
    return [os.path.join(path, folder) for top, folders, _ in os.walk(GROUPS) if os.path.basename(top) == name
            for path, folder in [(top, folder) for folder in folders]]


class Bench(real_docker.Bench):
    """What a case gets: a daemon with one backend, `here`."""

    keys = {}

    def __init__(self):
        require()
        self.directory = tempfile.mkdtemp(prefix="thole-local-")
        # what sandboxes are given of it is reached as another user
        os.chmod(self.directory, 0o755)
        self.name = os.path.basename(self.directory)
        self.made = []
        self.thole = None
        try:
            self.thole = self.daemon()
            self.thole.start()
            self.wait_ready()
        except Exception:
            self.close()
            raise

    def daemon(self, name="thole"):
        directory = os.path.join(self.directory, name)
        os.makedirs(directory, exist_ok=True)
        keys = {"driver": "local", "runner": RUNNER, "default": "true", "cgroup_parent": "/" + self.name, **self.keys}
        return Daemon({"here": keys}, {**self.settings, "daemon.agent": AGENT}, directory)

    def backend(self):
        return self.thole.get("/v1/backends/here").expect(200).json

    def spec(self, command=None, **spec):
        spec.setdefault("image", "host")
        spec = super().spec(command, **spec)
        spec.pop("pull")
        return spec

    def supervisors(self):
        return processes(f"supervise {self.directory}")

    def left(self):
        """What sandboxes have left on this machine."""
        with open("/proc/mounts", encoding="utf-8") as file:
            mounts = [line for line in file if self.directory in line]
        boxes = [os.path.join(path, name) for path, names, _ in os.walk(self.thole.state) if os.path.basename(path) == "boxes" for name in names]
        return {"processes": list(self.supervisors().values()), "mounts": mounts, "groups": groups(self.name), "files": boxes}

    def after(self):
        if self.thole.process.poll() is not None:
            self.thole.start()
            self.wait_ready()
        super().after()

    def close(self):
        try:
            if self.thole:
                self.thole.close()
        finally:
            for pid in self.supervisors():
                os.kill(pid, 15)
            end = real_docker.time.monotonic() + 60
            while self.supervisors() and real_docker.time.monotonic() < end:
                real_docker.time.sleep(0.02)
            for top, folders, _ in os.walk(GROUPS):
                if self.name in folders:
                    for path, _, _ in os.walk(os.path.join(top, self.name), topdown=False):
                        try:
                            os.rmdir(path)
                        except OSError:
                            pass
                    folders.remove(self.name)
            shutil.rmtree(self.directory, ignore_errors=True)
