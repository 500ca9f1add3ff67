# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the measurements share: a private engine, a daemon, wrk, CPU and memory of a process, one JSON object as result."""
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "engines"))

from real_docker import AGENT, IMAGE, Daemon, Dockerd, free_port  # noqa: E402,F401

SMOKE = os.environ.get("THOLE_BENCH") == "smoke"
TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    """CPU seconds of a process, user and system."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss(pid):
    """Resident bytes of a process."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wrk(url, pid, seconds, connections=64, headers=()):
    """Requests a second, CPU µs of the server a request, and the 99th percentile in ms."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in headers:
        command += ["-H", header]
    before = cpu(pid)
    out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    used = cpu(pid) - before
    if re.search(r"Non-2xx", out):
        raise AssertionError(f"{url} does not answer 2xx: {out}")
    count = int(re.search(r"(\d+) requests in", out)[1])
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", out)
    return {"requests_per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
            "cpu_us_per_request": round(used / max(1, count) * 1e6, 2),
            "p99_ms": round(float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]], 3)}


def middle(samples):
    """The median of each field of several results."""
    return {key: round(statistics.median(sample[key] for sample in samples), 3) for key in samples[0]}


class Both:
    """A private dockerd that also serves loopback TCP, and a tholed on it."""

    settings = {}  # of the daemon

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="thole-bench-")
        self.port = free_port()
        self.engine = Dockerd(os.path.join(self.folder.name, "engine"), ["-H", f"tcp://127.0.0.1:{self.port}", "--tls=false"])
        self.engine.start()
        self.engine.make_image(IMAGE)
        self.thole = Daemon({"docker": {"driver": "docker", "url": self.engine.url, "default": "true"}}, self.settings,
                            directory=os.path.join(self.folder.name, "thole"))
        os.makedirs(self.thole.directory)
        self.thole.start()
        while self.thole.get("/v1/backends/docker").json["state"] != "ready":
            pass
        return self

    def __exit__(self, *_):
        try:
            self.thole.close()
        finally:
            self.engine.stop()
            self.folder.cleanup()

    @property
    def authorization(self):
        return f"Authorization: Bearer {self.thole.bootstrap_token}"


def report(name, result, wanted):
    """Prints the result as one JSON object; `wanted` is {path.of.number: (test, bound)} and says what the project promises."""
    judged = {}
    for path, (sign, bound) in wanted.items():
        value = result
        for word in path.split("."):
            value = value[word]
        judged[path] = {"value": value, "wanted": f"{sign} {bound}", "holds": value <= bound if sign == "<=" else value >= bound}
    print(json.dumps({"measurement": name, "smoke": SMOKE, "machine": f"{platform.machine()}, {os.cpu_count()} cores", **result,
                      "promises": judged}, indent=2))
