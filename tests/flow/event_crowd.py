# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many readers of the event stream on raw sockets, one that does not read, and events for them."""
import fcntl
import select
import socket
import struct
import termios
import time

from event_reader import Seen
from memory import parallel

HEAD_END = b"\r\n\r\n"


class Crowd:
    """So many readers from the newest event on; what each has seen is judged as it comes."""

    def __init__(self, thole, count, after):
        self.poll, self.sockets, self.seen, self.heads = select.epoll(), {}, {}, {}
        for _ in range(count):
            # the old protocol has no chunks within the text
            follower = open_stream(thole, after)
            number = follower.fileno()
            self.sockets[number], self.seen[number], self.heads[number] = follower, Seen(after), b""
            self.poll.register(number, select.EPOLLIN)

    def read_until(self, last, seconds=300):
        """Reads until each has seen this event; the time is only for a daemon that serves them no more."""
        end = time.monotonic() + seconds
        behind = {number for number, seen in self.seen.items() if seen.last < last}
        while behind:
            for number, _ in self.poll.poll(1):
                text = self.sockets[number].recv(1 << 20)
                if not text:
                    raise AssertionError("the daemon closed a stream")
                self.take(number, text)
                if self.seen[number].last >= last:
                    behind.discard(number)
            if time.monotonic() > end:
                raise AssertionError(f"{len(behind)} of {len(self.seen)} did not get event {last} in {seconds} s")

    def take(self, number, text):
        head = self.heads[number]
        if head is not None:
            head, mark, text = (head + text).partition(HEAD_END)
            self.heads[number] = None if mark else head
            if mark and not head.startswith(b"HTTP/1.1 200 "):
                raise AssertionError(f"a reader is refused: {head[:300]!r}")
        self.seen[number].take(text)

    def counted(self):
        """{(events, gaps): how many readers have seen so many}."""
        found = {}
        for seen in self.seen.values():
            pair = len(seen.events), len(seen.gaps)
            found[pair] = found.get(pair, 0) + 1
        return found

    def close(self):
        self.poll.close()
        for follower in self.sockets.values():
            follower.close()


def open_stream(thole, after):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(90)
    stream.connect(thole.path)
    stream.sendall(b"GET /v1/events HTTP/1.0\r\nHost: thole\r\nAccept: text/event-stream\r\nLast-Event-ID: %d\r\n\r\n" % after)
    return stream


def waiting_bytes(stream):
    """What the kernel holds for a reader."""
    return struct.unpack("i", fcntl.ioctl(stream, termios.FIONREAD, bytes(4)))[0]


def newest(thole):
    return thole.get("/v1/events?tail=true").expect(200).json["newest"]


def following(t, thole, count):
    t.until(lambda: f"thole_event_readers {count}\n" in thole.get("/metrics").text, 90, f"{count} readers follow")


def make(thole, subject, count):
    """So many events, one each; the number of the newest."""
    connection = thole.connection()
    for number in range(count):
        connection.request("PATCH", f"/v1/workloads/{subject}", '{"labels":{"n":"%d"}}' % number, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise AssertionError(f"status {answer.status}")
    connection.close()
    return newest(thole)


def flood(thole, crowd, subject, count, batch):
    """Many events, each batch read by all before the next: nobody falls behind by the hour of the scheduler. The newest."""
    for begin in range(0, count, batch):
        last = make(thole, subject, min(batch, count - begin))
        crowd.read_until(last)
    return last


def fill_caches(thole, subject):
    """Until memory does not grow by events alone: the store keeps some pages."""
    for _ in range(20):
        before = thole.rss()
        parallel(8, lambda _: make(thole, subject, 64))
        if thole.rss() - before < 32 << 10:
            return
