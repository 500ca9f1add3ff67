#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads of one workload and of a list of 100: Thole (with a credential) against dockerd, in turns, on one machine."""
from measure import IMAGE, SMOKE, Both, middle, report, wrk

COUNT, SECONDS, ROUNDS = (10, 1, 1) if SMOKE else (100, 4, 3)


def main():
    with Both() as both:
        spec = {"image": IMAGE, "pull": "never", "command": ["sleep", "10000"]}
        made = [both.thole.post("/v1/workloads?wait=running,stopped", {"spec": spec, "start": number == 0}).expect(201, 202).json
                for number in range(COUNT)]
        engine, thole = f"http://127.0.0.1:{both.port}", f"http://127.0.0.1:{both.thole.tcp_port}"
        kinds = {
            "one": (f"{engine}/containers/{made[0]['engine_id']}/json", f"{thole}/v1/workloads/{made[0]['id']}"),
            "list": (f"{engine}/containers/json?all=1", f"{thole}/v1/workloads?limit=100"),
        }
        result = {"objects": COUNT}
        for kind, (theirs, ours) in kinds.items():
            samples = {"dockerd": [], "thole": []}
            for _ in range(ROUNDS):
                samples["dockerd"].append(wrk(theirs, both.engine.pid, SECONDS))
                samples["thole"].append(wrk(ours, both.thole.process.pid, SECONDS, headers=[both.authorization]))
            dockerd, own = middle(samples["dockerd"]), middle(samples["thole"])
            result[kind] = {"dockerd": dockerd, "thole": own,
                            "rate_ratio": round(own["requests_per_second"] / dockerd["requests_per_second"], 2),
                            "cpu_ratio": round(own["cpu_us_per_request"] / dockerd["cpu_us_per_request"], 4)}
        report("reads", result, {"one.rate_ratio": (">=", 3), "one.cpu_ratio": ("<=", 0.4), "list.rate_ratio": (">=", 40)})


main()
