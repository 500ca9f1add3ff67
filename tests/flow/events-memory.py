#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A thousand readers of events of which one does not read: the others are served, and it costs the daemon at most 1 MB. What
it costs in CPU is in bench/events.py. Run without sanitizers, since they falsify memory."""
import resource

from daemon import Daemon
from event_crowd import Crowd, fill_caches, flood, following, make, newest, open_stream, waiting_bytes
from event_reader import Seen
from memory import FOREVER, IMAGE, Checks, case, main

READERS, RING, BATCH = 1000, 64, 50
FLOOD = 300  # events: more than the kernel, a connection and the ring hold


@case("one slow reader of 1,000 keeps no event from the others and costs the daemon at most 1 MB", proves="row:87 row:126")
def _(t):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    settings = {"http.max_connections": READERS + 50, "events.ring": RING, "events.keep": 1000000, "daemon.log_level": "warn"}
    with Daemon({"memory": {"driver": "memory", "default": "true", "images": IMAGE}}, settings) as thole:
        subject = thole.create({"image": IMAGE, "command": FOREVER})["id"]
        fill_caches(thole, subject)
        begin, alone = newest(thole), thole.rss()
        crowd = Crowd(thole, READERS - 1, begin)
        following(t, thole, READERS - 1)
        since = flood(thole, crowd, subject, 2 * BATCH, BATCH)
        before = thole.rss()
        idle = open_stream(thole, since)
        following(t, thole, READERS)
        last = flood(thole, crowd, subject, FLOOD, BATCH)
        grown = thole.rss() - before
        t.equal(crowd.counted(), {(last - begin, 0): READERS - 1}, "what the others have seen before it reads anything")
        held = waiting_bytes(idle)
        print(f"# the daemon grew by {grown / 1024:.0f} KiB, {held} bytes wait for the one that stands still")
        t.true(grown <= 1 << 20, f"the daemon grew by at most 1 MB ({grown} bytes)")
        # it stood still and has lost nothing
        seen = Seen(since)
        text = b""
        while b"\r\n\r\n" not in text:
            text += idle.recv(65536)
        seen.take(text.partition(b"\r\n\r\n")[2])
        while len(text) < held:
            piece = idle.recv(min(65536, held - len(text)))
            text += piece
            seen.take(piece)
        t.true(seen.last < last - RING, f"it is behind what the daemon has in memory ({seen.last} of {last})")
        while seen.last < last:
            seen.take(idle.recv(65536))
        t.equal((len(seen.events), seen.gaps), (last - since, []), "what the idle one has at last")
        idle.close()
        following(t, thole, READERS - 1)
        # when nobody reads, what the daemon holds for them does not grow with what they miss
        make(thole, subject, FLOOD)
        behind = thole.rss()
        last = make(thole, subject, FLOOD)
        further = thole.rss() - behind
        print(f"# {READERS - 1} readers behind: {(behind - alone) / READERS / 1024:.1f} KiB each, and {further / 1024:.0f} KiB when further behind")
        t.true(behind - alone <= READERS * 80 << 10, f"each of them costs a connection and a block ({behind - alone} bytes)")
        t.true(further <= 1 << 20, f"and as much when it is further behind ({further} bytes)")
        crowd.read_until(last)
        t.equal(crowd.counted(), {(last - begin, 0): READERS - 1}, "what all have at last")
        crowd.close()


main(Checks)
