#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Logs and stats."""
import json
import threading
import time
import urllib.parse

from daemon import sanitized
from memory import FOREVER, Memory, Skip, case, main, script

MIXED = script("print one", "error two", "print three")


def path(workload, query=""):
    return f"/v1/workloads/{workload['id']}/logs{query}"


def lines(t, workload, query):
    """Of the ndjson form."""
    reply = t.thole.get(path(workload, query), {"Accept": "application/x-ndjson"}).expect(200)
    t.equal(reply.headers["content-type"].split(";")[0], "application/x-ndjson")
    return [json.loads(line) for line in reply.text.splitlines()]


@case("the whole output as text", proves="TE-28 MH-14")
def _(t):
    workload = t.run(MIXED, wait="stopped")
    reply = t.thole.get(path(workload)).expect(200)
    t.equal((reply.headers["content-type"].split(";")[0], reply.text), ("text/plain", "one\ntwo\nthree\n"))


@case("one stream only", each=["stdout", "stderr", "stdout,stderr"])
def _(t, stream):
    workload = t.run(MIXED, wait="stopped")
    wanted = {"stdout": "one\nthree\n", "stderr": "two\n"}.get(stream, "one\ntwo\nthree\n")
    t.equal(t.logs(workload, f"?stream={stream}"), wanted)


@case("the last lines", each=[0, 1, 2, 3, 100])
def _(t, tail):
    workload = t.run(MIXED, wait="stopped")
    t.equal(t.logs(workload, f"?tail={tail}"), "".join(["one\n", "two\n", "three\n"][3 - min(tail, 3):]))


@case("lines with their stream and time")
def _(t):
    workload = t.run(MIXED, wait="stopped")
    records = lines(t, workload, "")
    t.equal([record["stream"] for record in records], ["stdout", "stderr", "stdout"])
    t.true(all(record["time"].endswith("Z") for record in records), "times")
    t.holds(json.dumps(records), "three")


@case("timestamps begin each line")
def _(t):
    workload = t.run(MIXED, wait="stopped")
    for line, word in zip(t.logs(workload, "?timestamps=true").splitlines(), ("one", "two", "three")):
        stamp, _, text = line.partition(" ")
        t.equal((text, stamp[4], stamp[-1]), (word, "-", "Z"))


@case("since and until bound the time")
def _(t):
    workload = t.run(["count", "4", "300"], wait="stopped")
    stamps = [line.split(" ")[0] for line in t.logs(workload, "?timestamps=true").splitlines()]
    since, until = urllib.parse.quote(stamps[1]), urllib.parse.quote(stamps[3])
    t.equal(t.logs(workload, f"?since={since}"), "2\n3\n4\n")
    t.holds("1\n2\n3\n4\n", t.logs(workload, f"?until={until}"))
    t.equal(t.logs(workload, f"?since={int(time.time()) + 100}"), "")
    t.equal(t.logs(workload, f"?since={int(time.time()) - 1000}"), "1\n2\n3\n4\n")


@case("follow gives each line when it comes and ends with the program", proves="TE-28")
def _(t):
    workload = t.run(script("trap SIGHUP again", "print begun", "forever"), wait="running")
    connection, answer = t.thole.open(path(workload, "?follow=true"), timeout=90)
    t.equal(answer.readline(), b"begun\n")
    # each is read before the program is asked for the next
    for _ in range(3):
        t.verb(workload, "kill", {"signal": "SIGHUP"})
        t.equal(answer.readline(), b"again\n")
    t.order("exit", workload["id"], "0")
    t.equal(answer.read(), b"")
    connection.close()


@case("a follower sees what was before and what comes after")
def _(t):
    workload = t.run(script("print early", "sleep 0.5", "print late"), wait="running")
    t.equal(t.thole.get(path(workload, "?follow=true")).expect(200).text, "early\nlate\n")


@case("a hundred followers see the same")
def _(t):
    from memory import parallel
    workload = t.run(script("sleep 0.5", "flood 64000"), wait="running")
    texts = parallel(100, lambda _: t.thole.get(path(workload, "?follow=true")).expect(200).body)
    t.equal({len(text) for text in texts}, {64000})
    t.equal(len(set(texts)), 1)


@case("a follower that goes away leaves nothing behind")
def _(t):
    workload = t.run(["count", "0", "5"], wait="running")
    before = t.thole.descriptors()
    for _ in range(20):
        connection, answer = t.thole.open(path(workload, "?follow=true"))
        answer.readline()
        connection.close()
    t.until(lambda: t.thole.descriptors() <= before + 1, what="no descriptors more")


@case("a follower that does not read costs no memory")
def _(t):
    if sanitized():
        raise Skip("a sanitizer keeps what is freed")
    idle = []
    workload = t.run(script("sleep 0.3", "flood 60000000"), wait="running")
    before = t.thole.rss()
    for _ in range(10):
        idle.append(t.thole.open(path(workload, "?follow=true")))
    t.wait(workload, "stopped", 60)
    grown = t.thole.rss() - before
    for connection, _ in idle:
        connection.close()
    t.true(grown < 24 << 20, f"{grown >> 10} KiB more")


@case("the output stays after a stop and over a new start", proves="MH-14")
def _(t):
    workload = t.run(script("print run"), wait="stopped")
    t.verb(workload, "start", wait="stopped")
    t.until(lambda: t.logs(workload) == "run\nrun\n")


@case("no output is an empty answer; none of what never started")
def _(t):
    workload = t.run(FOREVER)
    t.equal(t.logs(workload), "")
    created = t.thole.post("/v1/workloads?wait=stopped", {"spec": t.spec(FOREVER), "start": False}).expect(201).json
    t.equal(t.logs(created), "")


@case("what is not UTF-8 safe passes as bytes")
def _(t):
    workload = t.run(["print", "grüße ☂"], wait="stopped")
    t.equal(t.logs(workload), "grüße ☂\n")


@case("a wrong query is refused", each=["tail=x", "stream=stdin", "since=yesterday", "follow=maybe", "bogus=1"])
def _(t, query):
    workload = t.run(FOREVER)
    t.thole.get(path(workload, "?" + query)).expect(400, 422)


@case("logs during the engine's absence are 503, a follower's stream ends", proves="API-09")
def _(t):
    workload = t.run(["count", "0", "50"], wait="running")
    connection, answer = t.thole.open(path(workload, "?follow=true"))
    answer.readline()
    t.order("engine-down", "1.5")
    t.equal(t.thole.get(path(workload)).expect(503).code, "backend_unavailable")
    connection.close()
    t.till_ready()
    t.true(t.logs(workload, "?tail=1"), "they are back")


@case("one sample of stats", proves="LC-36 MH-02")
def _(t):
    workload = t.run(FOREVER, resources={"memory": "32MiB"})
    time.sleep(0.2)
    stats = t.thole.get(f"/v1/workloads/{workload['id']}/stats").expect(200).json
    t.equal((stats["memory_limit"], stats["pids"]), (32 << 20, 1))
    t.true(stats["memory"] > 0 and stats["cpu_seconds"] > 0 and stats["time"].endswith("Z"), "plausible values")


@case("stats of what does not run are refused")
def _(t):
    workload = t.run(["exit"], wait="stopped")
    t.thole.get(f"/v1/workloads/{workload['id']}/stats").expect(409)


@case("a stream of stats has a sample each second and ends with the program", proves="MH-05")
def _(t):
    workload = t.run(FOREVER)
    begin, samples = time.monotonic(), []
    for _, _, data in t.thole.sse(f"/v1/workloads/{workload['id']}/stats?stream=true", timeout=90):
        samples.append(data)
        if len(samples) == 3:
            t.true(time.monotonic() - begin > 1.8, "not before their time")
            t.order("exit", workload["id"], "0")
    t.true(len(samples) >= 3, "it ends with the program, not before")
    t.equal([sample["cpu_seconds"] for sample in samples if "cpu_seconds" in sample],
            sorted(sample["cpu_seconds"] for sample in samples if "cpu_seconds" in sample))


@case("shutdown ends followers cleanly", proves="OP-05")
def _(t):
    workload = t.run(["count", "0", "20"], wait="running")
    got = []
    connection, answer = t.thole.open(path(workload, "?follow=true"), timeout=90)
    t.equal((answer.readline(), answer.readline()), (b"1\n", b"2\n"))
    reader = threading.Thread(target=lambda: got.append(answer.read()))
    reader.start()
    t.thole.stop()
    t.true("still busy after the time to drain" not in t.thole.output(), "it does not wait for them")
    reader.join(90)
    connection.close()
    t.equal(len(got), 1, "a stream that ends as it should")
    t.equal([int(line) for line in got[0].split()], list(range(3, 3 + len(got[0].split()))), "what there was")
    t.thole.start()
    t.till_ready()


main(Memory)
