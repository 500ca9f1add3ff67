#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Logs, exec, events and wrong bodies against a real Docker Engine."""
import concurrent.futures
import datetime
import json
import random
import re
import threading
import time

from real_docker import Bench, case, main

BOTH = "echo out 1; echo err 1 >&2; sleep 0.2; echo out 2; sleep 0.2; echo err 2 >&2"


# logs ----------------------------------------------------------------------------------------------------

@case("both streams in their order, or one", "LC-18 TE-28")
def _(t):
    workload = t.ended(BOTH)
    t.equal(sorted(t.logs(workload).splitlines()), ["err 1", "err 2", "out 1", "out 2"])
    t.equal(t.logs(workload, "?stream=stdout"), "out 1\nout 2\n")
    t.equal(t.logs(workload, "?stream=stderr"), "err 1\nerr 2\n")
    t.equal(t.logs(workload, "?stream=stdout,stderr"), t.logs(workload))


@case("the last lines only")
def _(t):
    workload = t.ended("n=0; while [ $n -lt 100 ]; do n=$((n+1)); echo $n; done")
    t.equal(t.logs(workload, "?tail=3"), "98\n99\n100\n")
    t.equal(t.logs(workload, "?tail=0"), "")
    t.equal(t.logs(workload).count("\n"), 100)


@case("timestamps, since and until")
def _(t):
    workload = t.run(f"echo first; {t.gate()}; echo second")
    t.until(lambda: "first\n" in t.logs(workload), what="the first line")
    t.let_on(workload)
    t.thole.wait(workload, "stopped")
    lines = t.logs(workload, "?timestamps=true").splitlines()
    times = [re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}Z) ", line) for line in lines]
    t.true(len(lines) == 2 and all(times), f"each line begins with its time: {lines}")
    first, second = (datetime.datetime.fromisoformat(stamp[1][:23] + "+00:00") for stamp in times)
    middle = first + (second - first) / 2
    between = middle.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    t.equal(t.logs(workload, f"?since={between}"), "second\n")
    t.equal(t.logs(workload, f"?until={between}"), "first\n")
    t.equal(t.logs(workload, f"?since={middle.timestamp():.3f}"), "second\n")


@case("records as NDJSON")
def _(t):
    workload = t.ended(BOTH)
    reply = t.thole.get(f"/v1/workloads/{workload['id']}/logs", {"Accept": "application/x-ndjson"}).expect(200)
    t.holds(reply.headers["content-type"], "application/x-ndjson")
    records = [json.loads(line) for line in reply.text.splitlines()]
    t.equal(len(records), 4)
    t.equal({record["stream"] for record in records}, {"stdout", "stderr"})


@case("following ends when the program ends", "LC-18 TE-28")
def _(t):
    workload = t.run(f"echo line 1; {t.gate()}; echo line 2; sleep 0.3; echo line 3")
    connection, answer = t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true", timeout=60)
    # it comes before there is another
    t.equal(answer.readline(), b"line 1\n")
    t.let_on(workload)
    t.equal(answer.read(), b"line 2\nline 3\n")
    connection.close()


@case("twenty follow one log and see the same", "TE-36")
def _(t):
    workload = t.run("sleep 0.5; n=0; while [ $n -lt 500 ]; do n=$((n+1)); echo line $n; done")

    def follow(_):
        return t.thole.get(f"/v1/workloads/{workload['id']}/logs?follow=true").expect(200).text
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        seen = set(pool.map(follow, range(20)))
    t.equal(seen, {"".join(f"line {n}\n" for n in range(1, 501))})


@case("a follower that goes leaves nothing behind", "TE-25")
def _(t):
    workload = t.run("while :; do echo line; sleep 0.05; done")
    for _ in range(3):
        connection, answer = t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true")
        answer.readline()
        connection.close()
    time.sleep(1)
    before = t.thole.descriptors()
    for _ in range(20):
        connection, answer = t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true")
        answer.readline()
        connection.close()
    t.until(lambda: t.thole.descriptors() <= before + 2, 60, "as many descriptors as before")


@case("a line of 300 KB comes whole")
def _(t):
    workload = t.ended("head -c 300000 /dev/zero | tr '\\0' x; echo; echo after")
    t.equal(t.logs(workload), "x" * 300000 + "\nafter\n")


@case("output that is no text and has no last line end")
def _(t):
    workload = t.ended("printf 'a\\000\\377b\\nno end'")
    body = t.thole.get(f"/v1/workloads/{workload['id']}/logs").expect(200).body
    # this engine keeps its log as JSON, where a byte that is no UTF-8 becomes U+FFFD
    t.among(body.rstrip(b"\n"), (b"a\0\xffb\nno end", b"a\0\xef\xbf\xbdb\nno end"))


@case("a terminal's log is followed, too")
def _(t):
    workload = t.run("echo one; sleep 0.3; echo two", tty=True)
    t.equal(t.thole.get(f"/v1/workloads/{workload['id']}/logs?follow=true").expect(200).text, "one\r\ntwo\r\n")


@case("10 MB of log come whole")
def _(t):
    # this engine drops the last output of a program that ends while it is far behind
    workload = t.run("n=0; while [ $n -lt 1000 ]; do n=$((n+1)); echo a line of some length, as programs write it, and its number $n; done >/k; "
                     f"n=0; while [ $n -lt 170 ]; do n=$((n+1)); cat /k; done; {t.gate()}")
    whole = "".join(f"a line of some length, as programs write it, and its number {n}\n" for n in range(1, 1001)).encode() * 170
    connection, answer = t.thole.open(f"/v1/workloads/{workload['id']}/logs?follow=true", timeout=120)
    body = answer.read(len(whole))
    t.let_on(workload)
    body += answer.read()
    connection.close()
    t.equal((len(body), body == whole), (len(whole), True))


@case("a workload that never ran has an empty log, one that does not exist is 404")
def _(t):
    workload = t.run("true", wait="stopped", body={"start": False})
    t.equal(t.logs(workload), "")
    t.equal(t.thole.get("/v1/workloads/wl-none/logs").expect(404).code, "not_found")


# exec ----------------------------------------------------------------------------------------------------

@case("exit codes of exec", "TE-21")
def _(t):
    workload = t.run()
    for code in (0, 1, 42, 255):
        result = t.exec(workload, f"exit {code}")
        t.equal((result["exit_code"], result["stdout"], result["stderr"]), (code, "", ""))


@case("exec keeps the two outputs apart", "TE-19")
def _(t):
    workload, begin = t.run(), time.monotonic()
    result = t.exec(workload, "echo to out; echo to err >&2")
    t.equal((result["stdout"], result["stderr"], result["truncated"]), ("to out\n", "to err\n", False))
    t.true(0 <= result["duration"] <= time.monotonic() - begin, "a duration, of what this took as a whole,")


@case("exec gets standard input and its end")
def _(t):
    workload = t.run()
    t.equal(t.exec(workload, ["cat"], stdin="some ž text\n")["stdout"], "some ž text\n")
    t.equal(t.exec(workload, ["wc", "-c"], stdin="x" * 1000000)["stdout"].strip(), "1000000")
    t.equal(t.exec(workload, ["od", "-An", "-tx1"], stdin_base64="AP8=")["stdout"].split(), ["00", "ff"])


@case("exec without standard input sees its end at once")
def _(t):
    result = t.exec(t.run(), ["cat"], timeout=60)
    t.equal((result["exit_code"], result["stdout"]), (0, ""))


@case("exec of a program that never reads its standard input ends")
def _(t):
    result = t.exec(t.run(), "exit 5", stdin="y" * 1000000)
    t.equal(result["exit_code"], 5)


@case("exec with environment, working directory and user")
def _(t):
    result = t.exec(t.run(env={"BASE": "1"}), "echo $BASE $MORE $(pwd) $(id -u):$(id -g)", env={"MORE": "a b"},
                    working_dir="/etc", user="99:98")
    t.equal(result["stdout"], "1 a b /etc 99:98\n")


@case("exec that takes too long is ended and says so")
def _(t):
    workload = t.run()
    # an answer that waited for its end would come too late for this client
    reply = t.thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": ["sleep", "333"], "timeout": 1})
    if reply.status == 504:
        t.equal(reply.code, "timeout")
    else:
        t.true(reply.expect(200).json.get("timed_out") or reply.json["signal"], f"{reply} tells of the time-out")
    t.until(lambda: "333" not in t.exec(workload, ["ps"])["stdout"], 60, "the end of the program")


@case("exec output beyond 1 MiB is cut and says so", "TE-22")
def _(t):
    result = t.exec(t.run(), "head -c 3000000 /dev/zero | tr '\\0' x; echo e >&2")
    t.equal((result["truncated"], result["exit_code"], result["stderr"]), (True, 0, "e\n"))
    t.true(900000 <= len(result["stdout"]) <= 1048576, f"{len(result['stdout'])} bytes were kept")


@case("exec output that is no text comes as base64")
def _(t):
    result = t.exec(t.run(), "printf '\\377\\000'")
    t.equal(result["stdout_base64"], "/wA=")


@case("exec of what does not exist, in what does not run, and nowhere")
def _(t):
    workload = t.run()
    reply = t.thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": ["/no/program"]})
    if reply.status == 200:
        t.among(reply.json["exit_code"], (126, 127))
    else:
        t.among(reply.code, ("backend_failed", "invalid_field", "not_found"))
        t.holds(reply.json["detail"], "/no/program")
    t.verb(workload, "stop", {}, "stopped")
    t.equal(t.thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": ["true"]}).expect(409).code, "illegal_transition")
    t.thole.post("/v1/workloads/wl-none/exec", {"command": ["true"]}).expect(404)


@case("thirty execs at once", "TE-23")
def _(t):
    workload = t.run()
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        seen = list(pool.map(lambda n: t.exec(workload, f"cat; exit {n}", stdin=f"in {n}"), range(30)))
    t.equal([(r["exit_code"], r["stdout"]) for r in seen], [(n, f"in {n}") for n in range(30)])


# events --------------------------------------------------------------------------------------------------

def read_until(t, last, cuts=0, seed=0):
    """The numbers and states that a reader sees up to event `last`, cut off `cuts` times at random."""
    chance, seen, after = random.Random(seed), [], 0
    while True:
        stop = after + chance.randint(1, 5) if cuts > 0 else None
        cuts -= 1
        for number, kind, data in t.thole.sse("/v1/events", after):
            seen.append((number, kind, data["subject"]))
            after = number
            if number >= last or number == stop:
                break
        if after >= last:
            return seen


@case("two readers of events, one cut off a hundred times, see the same", "row:87 row:126 NP-01")
def _(t):
    made = []
    result = {}
    for number in range(12):
        made.append(t.run("sleep 1000"))
    for workload in made:
        t.verb(workload, "stop", {"grace": 0}, "stopped")
    for workload in made:
        t.verb(workload, "start", None, "running")
    last = t.last_event()
    t.true(last >= 100, f"there are {last} events")

    def read(name, cuts):
        result[name] = read_until(t, last, cuts, 7)
    readers = [threading.Thread(target=read, args=("steady", 0)), threading.Thread(target=read, args=("cut", 100))]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    t.equal([number for number, _, _ in result["steady"]], list(range(1, last + 1)), "the steady reader's numbers")
    t.equal(result["cut"], result["steady"], "what the other saw")


@case("a live reader sees a change at once")
def _(t):
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(t.last_event())}
    connection, answer = t.thole.open("/v1/events", headers, timeout=60)
    try:
        workload = t.run()
        # nothing happens any more that could push it out
        wanted = {"subject": workload["id"], "state": "running"}
        for line in answer:
            field, _, value = line.decode().partition(": ")
            event = json.loads(value) if field == "data" else {"data": {}}
            if {"subject": event.get("subject"), "state": event["data"].get("state")} == wanted:
                return
        raise AssertionError("the stream of events ended")
    finally:
        connection.close()


# wrong bodies --------------------------------------------------------------------------------------------

WRONG = {
    "/name": ["Upper", "-x", "a" * 64, 5, ["a"], None, "a b", "ž"],
    "/start": ["yes", 1, None, {}],
    "/backend": [7, [], "b" * 65],
    "/labels": ["x", 3, []],
    "/unknown": [1, None, {}],
    "/spec/image": [5, [], "x" * 513, "bad image name"],
    "/spec/command": ["sh", 5, {}],
    "/spec/command/0": None,
    "/spec/env": [5, "A=b"],
    "/spec/tty": ["true", 0],
    "/spec/user": [5, [], "u" * 129],
    "/spec/pull": ["sometimes", 5, ""],
    "/spec/ttl": [-1, "soon", 1e12, []],
    "/spec/nonsense": [1, "x"],
    "/spec/resources/memory": [-1, "lots", [], "12 parsecs"],
    "/spec/resources/cpu": [-0.5, "many", 1025],
    "/spec/resources/pids": [1.5, -1, "x", 2 ** 62],
    "/spec/resources/bogus": [1],
    "/spec/restart/policy": ["maybe", 1],
    "/spec/restart/max_retries": [-1, 0.5, "x", 10 ** 9],
    "/spec/restart/backoff": [0, -1, "x"],
    "/spec/stop/grace": [-1, "x", 10 ** 9],
    "/spec/stop/signal": [9, "SIGNOTHING"],
    "/spec/health/interval": [0, "x"],
    "/spec/ports/0/container": [0, 65536, "80", 1.5],
    "/spec/ports/0/host": [-1, 65536, "x"],
    "/spec/ports/0/protocol": ["icmp", 6],
    "/spec/mounts/0/target": ["relative", 5],
    "/spec/mounts/0/read_only": ["no", 1],
    "/spec/files/0/path": ["relative", 5],
    "/spec/files/0/mode": [-1, 4096, "rwx"],
    "/spec/files/0/content_base64": ["***", 5],
}


def put(body, pointer, value):
    """Sets a value deep in a body, with what is needed around it."""
    words = pointer.strip("/").split("/")
    around = {"ports": {"container": 80}, "mounts": {"target": "/m", "volume": "v"}, "files": {"path": "/f"}}
    for here, following in zip(words, words[1:] + [None]):
        if following is None:
            body[here] = value
        elif following == "0":
            body = body.setdefault(here, [dict(around[here])])
        elif here == "0":
            body = body[0]
        else:
            body = body.setdefault(here, {})


@case("200 random wrong bodies: each is refused with all its wrong fields, none makes anything", "API-03 CF-09 row:1")
def _(t):
    chance = random.Random(42)
    before = t.last_event()
    choices = [pointer for pointer, values in WRONG.items() if values]
    for number in range(200):
        body = {"spec": t.spec("true")}
        chosen = chance.sample(choices, chance.randint(1, 6))
        for pointer in chosen:
            put(body, pointer, chance.choice(WRONG[pointer]))
        reply = t.thole.post("/v1/workloads", body)
        t.among(reply.status, (400, 422), f"the status of body {number} {json.dumps(body)[:400]}")
        t.equal(reply.headers["content-type"].split(";")[0], "application/problem+json")
        t.equal(reply.pointers, sorted(chosen), f"what is named of {json.dumps(body)[:600]}")
    t.equal((t.last_event(), len(t.engine.containers())), (before, 0), "events and containers")


@case("bodies that are no JSON object are refused and leave the daemon well", "API-03")
def _(t):
    bodies = [b"", b"{", b"[]", b"null", b"5", b'"x"', b'{"spec":{}} x', b"{'a':1}", b'{"spec":{},"spec":{}}', b'{"name":"\xff"}',
              b"[" * 100000, b'{"a":' * 100000, b'{"spec":{"ttl":01}}', b'{"spec":{"ttl":1e999}}', b'{"name":"\\ud800"}',
              b'{"spec":{"resources":{"memory":99999999999999999999999999}}}', b'{"name":"a\\u0000b"}', b"\xef\xbb\xbf{}", b"{}" * 2]
    for body in bodies:
        reply = t.thole.post("/v1/workloads", body, {"Content-Type": "application/json"})
        t.among(reply.status, (400, 422), f"the status for {body[:60]!r}")
    t.thole.get("/healthz").expect(200)


main(Bench)
