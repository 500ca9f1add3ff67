#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""10,000 running workloads on the memory driver: start-up, memory of each, a page of the list, reads against those with 100."""
import concurrent.futures
import json
import os
import tempfile
import time

from measure import SMOKE, Daemon, middle, report, rss, wrk

FEW, MANY = (20, 200) if SMOKE else (100, 10000)
SECONDS, ROUNDS = (1, 1) if SMOKE else (2, 7)


def create(thole, count):
    """So many workloads, over a few connections that are kept."""
    def some(share):
        connection = thole.connection()
        made = None
        for _ in range(share):
            connection.request("POST", "/v1/workloads?wait=running", json.dumps({"spec": {"image": "demo"}}), thole.head(None, b"x"))
            answer = connection.getresponse()
            made = json.loads(answer.read())
            if answer.status not in (201, 202) or made["state"] != "running":
                raise AssertionError(f"{answer.status} {made}")
        connection.close()
        return made
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(some, [count // 8 + (number < count % 8) for number in range(8)]))[0]


def reads(daemons):
    """One workload and a page of 100, of each daemon in turns, so that the load of the machine meets all alike."""
    samples = [{"one": [], "page": []} for _ in daemons]
    for _ in range(ROUNDS):
        for kind in ("one", "page"):
            for (thole, workload), values in zip(daemons, samples):
                target = f"workloads/{workload['id']}" if kind == "one" else "workloads?limit=100"
                values[kind].append(wrk(f"http://127.0.0.1:{thole.tcp_port}/v1/{target}", thole.process.pid, SECONDS,
                                        headers=[f"Authorization: Bearer {thole.bootstrap_token}"]))
    return [{kind: middle(values) for kind, values in sample.items()} for sample in samples]


def started(folder, backends):
    """Starts a daemon over a folder: (it, seconds until `ready`, resident bytes at rest)."""
    thole = Daemon(backends, {"daemon.log_level": "warn"}, folder)
    begin = time.monotonic()
    thole.start()
    took = time.monotonic() - begin
    time.sleep(0.5 if SMOKE else 3)
    return thole, took, rss(thole.process.pid)


def main():
    with tempfile.TemporaryDirectory(prefix="thole-bench-") as folder:
        memory = {"memory": {"driver": "memory", "default": "true", "state_file": os.path.join(folder, "engine")}}
        folders = [folder, os.path.join(folder, "few")]
        os.makedirs(folders[1])
        thole, small = (started(place, {"memory": {"driver": "memory", "default": "true",
                                                   "state_file": os.path.join(place, "engine")}})[0] for place in folders)
        many, few = reads([(thole, create(thole, MANY)), (small, create(small, FEW))])
        small.close()
        begin = time.monotonic()
        count = len(thole.listed("/v1/workloads?limit=1000"))
        paging = time.monotonic() - begin
        thole.stop()
        thole, start_seconds, with_engine = started(folder, memory)
        if len(thole.listed("/v1/workloads?state=running&limit=1000")) != count:
            raise AssertionError("not all of them run after a restart")
        thole.stop()
        # without the backend there is nothing of the driver: what is left is the daemon's own
        thole, bare_seconds, alone = started(folder, {})
        thole.close()
        empty_folder = os.path.join(folder, "empty")
        os.makedirs(empty_folder)
        thole, _, empty = started(empty_folder, {})
        thole.close()
        report("many", {
            "workloads": {"few": FEW, "many": count}, "start_seconds": round(start_seconds, 3),
            "start_seconds_without_backend": round(bare_seconds, 3), "whole_list_seconds": round(paging, 3),
            "kib_each": round((alone - empty) / count / 1024, 2), "driver_kib_each": round((with_engine - alone) / count / 1024, 2),
            "rss_mb": {"empty": round(empty / 1e6, 2), "own": round(alone / 1e6, 2), "with_driver": round(with_engine / 1e6, 2)},
            "few": few, "many": many,
            "cost_ratio": round(many["one"]["cpu_us_per_request"] / few["one"]["cpu_us_per_request"], 3),
            "page_cost_ratio": round(many["page"]["cpu_us_per_request"] / few["page"]["cpu_us_per_request"], 3)},
            {"start_seconds": ("<=", 2), "kib_each": ("<=", 6), "cost_ratio": ("<=", 1.15)})


if __name__ == "__main__":
    main()
