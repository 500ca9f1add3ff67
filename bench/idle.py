#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of an idle daemon with the Docker driver, beside dockerd's; and what it does while nothing happens."""
import time

from measure import SMOKE, Both, cpu, report, rss


def main():
    with Both() as both:
        time.sleep(1)
        pid, before = both.thole.process.pid, cpu(both.thole.process.pid)
        seconds = 2 if SMOKE else 20
        time.sleep(seconds)
        result = {"thole_rss_mb": round(rss(pid) / 1e6, 2), "dockerd_rss_mb": round(rss(both.engine.pid) / 1e6, 2),
                  "cpu_ms_per_idle_second": round((cpu(pid) - before) / seconds * 1000, 2)}
        report("idle", result, {"thole_rss_mb": ("<=", 15)})


main()
