#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A batch of events for 999 readers: CPU of the daemon for it, alone and beside one more that does not read, in turns."""
import resource

from measure import SMOKE, Daemon, report, rss

from event_crowd import Crowd, fill_caches, flood, following, make, newest, open_stream
from tap import Checks

READERS, ROUNDS, BATCHES, BEHIND = (50, 1, 1, 250) if SMOKE else (1000, 5, 4, 300)
RING, BATCH = 64, 50
SPEC = {"image": "demo", "command": ["forever"]}


def cost(thole, crowd, subject):
    """CPU milliseconds of the daemon for each event that everybody who reads has got."""
    before = thole.cpu()
    flood(thole, crowd, subject, BATCHES * BATCH, BATCH)
    return (thole.cpu() - before) * 1000 / (BATCHES * BATCH)


def beside_one(thole, crowd, subject):
    """The same while one stands still; what the daemon has grown by."""
    before = rss(thole.process.pid)
    idle = open_stream(thole, newest(thole))
    following(Checks(), thole, READERS)
    # until the kernel takes no more for it
    flood(thole, crowd, subject, BEHIND, BATCH)
    spent = cost(thole, crowd, subject)
    grown = rss(thole.process.pid) - before
    idle.close()
    following(Checks(), thole, READERS - 1)
    return spent, grown


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    settings = {"http.max_connections": READERS + 50, "events.ring": RING, "events.keep": 1000000, "daemon.log_level": "warn"}
    with Daemon({"demo": {"driver": "memory", "default": "true"}}, settings) as thole:
        subject = thole.create(SPEC)["id"]
        if not SMOKE:
            fill_caches(thole, subject)
        alone = rss(thole.process.pid)
        crowd = Crowd(thole, READERS - 1, newest(thole))
        following(Checks(), thole, READERS - 1)
        flood(thole, crowd, subject, BATCH, BATCH)
        # a machine with other work falsifies one measurement, not the least of many
        quick, beside, grown = [], [], []
        for _ in range(ROUNDS):
            quick.append(cost(thole, crowd, subject))
            spent, more = beside_one(thole, crowd, subject)
            beside.append(spent)
            grown.append(more)
        last = make(thole, subject, BEHIND)
        behind = rss(thole.process.pid) - alone
        crowd.read_until(last)
        crowd.close()
    report("events", {"readers": READERS, "rounds": ROUNDS, "cpu_ms_per_event": round(min(quick), 3),
                      "cpu_ms_per_event_beside_idle": round(min(beside), 3), "ratio": round(min(beside) / max(min(quick), 0.001), 3),
                      "idle_reader_kib": round(max(grown) / 1024), "kib_each_behind": round(behind / (READERS - 1) / 1024, 1)},
           {"ratio": ("<=", 1.2), "idle_reader_kib": ("<=", 1024), "kib_each_behind": ("<=", 48)})


if __name__ == "__main__":
    main()
