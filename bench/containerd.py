#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Create to end of a program on containerd, through Thole against `ctr run` and against Docker through Thole, in turns; then many at the
same time."""
import os
import statistics
import subprocess
import sys
import threading
import time

from measure import ROOT, SMOKE, report

sys.path.insert(0, os.path.join(ROOT, "tests", "engines"))
from real_containerd import LOGGER, NAMESPACE, Bench  # noqa: E402
from real_docker import AGENT, IMAGE, Daemon, Dockerd  # noqa: E402

ROUNDS, MANY = (3, 10) if SMOKE else (40, 100)


class Box(Bench):
    keys = {"default_network": "none"}
    settings = {**Bench.settings, "limits.workloads": "0"}

    def __init__(self):
        self.docker = None
        super().__init__()

    def daemon(self, name="thole"):
        self.docker = Dockerd(os.path.join(self.directory, "docker"))
        self.docker.start()
        self.docker.make_image(IMAGE)
        directory = os.path.join(self.directory, name)
        os.makedirs(directory, exist_ok=True)
        box = {"driver": "containerd", "address": self.engine.address, "namespace": NAMESPACE, "logger": LOGGER, "default": "true",
               "cgroup_parent": "/" + os.path.basename(self.directory), **self.keys}
        return Daemon({"box": box, "docker": {"driver": "docker", "url": self.docker.url}}, {**self.settings, "daemon.agent": AGENT}, directory)

    def close(self):
        try:
            if self.docker:
                self.docker.stop()
        finally:
            super().close()


def through_thole(box, backend="box"):
    begin = time.monotonic()
    spec = box.spec(["true"], pull="never", network="none", **({"image": IMAGE} if backend == "docker" else {}))
    made = box.thole.create(spec, wait="stopped,crashed,error", timeout=60, backend=backend)
    took = time.monotonic() - begin
    if made["state"] != "stopped":
        raise AssertionError(str(made))
    return took, made


def by_ctr(box, number, *flags):
    begin = time.monotonic()
    # by itself it would leave one of the namespace's name on this machine
    group = f"/{os.path.basename(box.directory)}/direct-{number}"
    subprocess.run(["ctr", "--address", box.engine.address, "--namespace", NAMESPACE, "run", "--cgroup", group, *flags, box.image,
                    f"direct-{number}", "true"],
                   check=True, timeout=60, stdin=subprocess.DEVNULL)
    return time.monotonic() - begin


def at_once(count, work):
    """Seconds until the last of them is through, and how many failed."""
    failures = []

    def one(number):
        try:
            work(number)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)
    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(time.monotonic() - begin, 2), failures


def main():
    box = Box()
    try:
        made = []
        box.thole.remove(box.run("true"))
        box.made = []
        box.until(lambda: box.thole.get("/v1/backends/docker").expect(200).json["state"] == "ready", 30, "Docker")
        box.thole.remove(through_thole(box, "docker")[1])
        times = {"thole": [], "thole_docker": [], "ctr": [], "ctr_with_seccomp": []}
        for number in range(ROUNDS):
            for name, flags in (("ctr", ()), ("ctr_with_seccomp", ("--seccomp",))):
                times[name].append(by_ctr(box, number, *flags))
                box.engine.ctr("containers", "delete", f"direct-{number}")
            for name, backend in (("thole", "box"), ("thole_docker", "docker")):
                took, workload = through_thole(box, backend)
                times[name].append(took)
                box.thole.remove(workload)
        seconds = {name: round(statistics.median(values), 4) for name, values in times.items()}
        thole, failed = at_once(MANY, lambda _: made.append(through_thole(box)[1]))
        direct, failed_direct = at_once(MANY, lambda number: by_ctr(box, f"many-{number}"))
        report("containerd", {"rounds": ROUNDS, "median_seconds": seconds, "ratio": round(seconds["thole"] / seconds["ctr_with_seccomp"], 3),
                              "ratio_to_ctr_without_filter": round(seconds["thole"] / seconds["ctr"], 3),
                              "ratio_to_docker_through_thole": round(seconds["thole"] / seconds["thole_docker"], 3),
                              "at_once": {"count": MANY, "thole_seconds": thole, "ctr_seconds": direct, "thole_failed": len(failed),
                                          "ctr_failed": len(failed_direct), "first_failure": str(failed[:1])}},
               {"ratio": ("<=", 1.0), "at_once.thole_failed": ("<=", 0)})
    finally:
        box.close()


main()
