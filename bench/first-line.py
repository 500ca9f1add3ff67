#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Create, run, first line of the log: through Thole against the Engine API directly, in turns."""
import statistics
import time

from measure import IMAGE, SMOKE, Both, report

ROUNDS = 3 if SMOKE else 30
COMMAND = ["sh", "-c", "echo first; sleep 1000"]


def through_thole(both):
    begin = time.monotonic()
    made = both.thole.post("/v1/workloads?wait=running", {"spec": {"image": IMAGE, "pull": "never", "command": COMMAND}}).expect(201, 202).json
    connection, answer = both.thole.open(f"/v1/workloads/{made['id']}/logs?follow=true")
    line = answer.readline()
    took = time.monotonic() - begin
    connection.close()
    if line != b"first\n":
        raise AssertionError(f"the first line is {line!r}")
    both.thole.remove(made)
    return took


def direct(both, host):
    """The same container as the driver makes, without Thole."""
    begin = time.monotonic()
    body = {"Image": IMAGE, "Cmd": None, "Entrypoint": COMMAND, "Labels": {"org.thole.bench": "1"}, "HostConfig": host}
    made = both.engine.post("/containers/create", body).expect(201).json["Id"]
    both.engine.post(f"/containers/{made}/start").expect(204)
    connection, answer = both.engine.open(f"/containers/{made}/logs?follow=1&stdout=1&stderr=1")
    line = answer.read(8 + len(b"first\n"))
    took = time.monotonic() - begin
    connection.close()
    if line[8:] != b"first\n":
        raise AssertionError(f"the first line is {line!r}")
    both.engine.remove(made)
    return took


def main():
    with Both() as both:
        sample = both.thole.create({"image": IMAGE, "pull": "never", "command": COMMAND})
        whole = both.engine.get(f"/containers/{sample['engine_id']}/json").json["HostConfig"]
        host = {key: whole[key] for key in ("NetworkMode", "CapDrop", "CapAdd", "SecurityOpt", "PidsLimit", "LogConfig", "Init")
                if whole.get(key) is not None}
        both.thole.remove(sample)
        times = {"thole": [], "direct": []}
        for _ in range(ROUNDS):
            times["direct"].append(direct(both, host))
            times["thole"].append(through_thole(both))
        seconds = {name: round(statistics.median(values), 4) for name, values in times.items()}
        report("first-line", {"rounds": ROUNDS, "median_seconds": seconds, "ratio": round(seconds["thole"] / seconds["direct"], 3)},
               {"ratio": ("<=", 1.10)})


main()
