#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One-shot exec."""
import base64
import threading
import time

from memory import FOREVER, Memory, case, main, parallel, script


@case("output, error output and exit code", proves="TE-21 TE-19")
def _(t):
    result = t.exec(t.run(FOREVER), script("print out", "error err", "exit 7")).json
    t.equal((result["exit_code"], result["signal"], result["stdout"], result["stderr"]), (7, None, "out\n", "err\n"))
    t.equal(result["truncated"], False)
    t.true(0 <= result["duration"] < 10, "its duration")


@case("exit codes", proves="TE-21", each=[0, 1, 127, 255])
def _(t, code):
    t.equal(t.exec(t.run(FOREVER), ["exit", str(code)]).json["exit_code"], code)


@case("a signal is told", proves="TE-21")
def _(t):
    result = t.exec(t.run(FOREVER), ["signal", "SIGSEGV"]).json
    t.equal((result["exit_code"], result["signal"]), (139, "SIGSEGV"))


@case("stdin as text and as bytes, and none is an end of input")
def _(t):
    workload = t.run(FOREVER)
    t.equal(t.exec(workload, ["cat"], stdin="grüße\n").json["stdout"], "grüße\n")
    t.equal(t.exec(workload, ["cat"], stdin_base64=base64.b64encode(b"abc").decode()).json["stdout"], "abc")
    t.equal(t.exec(workload, ["cat"]).json["stdout"], "")


@case("output that is not UTF-8 comes as base64")
def _(t):
    result = t.exec(t.run(FOREVER), ["cat"], stdin_base64=base64.b64encode(b"\xff\x00\xfe").decode()).json
    t.equal(base64.b64decode(result["stdout_base64"]), b"\xff\x00\xfe")
    t.true("stdout" not in result or result["stdout"] is None, "no text form")


@case("environment, folder and user")
def _(t):
    workload = t.run(FOREVER, env={"A": "of the workload", "B": "kept"})
    result = t.exec(workload, script("env A", "env B", "env PWD", "env USER"), env={"A": "changed"}, working_dir="/srv", user="me")
    t.equal(result.json["stdout"], "changed\nkept\n/srv\nme\n")


@case("a megabyte of stdin and output", proves="TE-22")
def _(t):
    text = "x" * (1 << 20)
    result = t.exec(t.run(FOREVER), ["cat"], stdin=text).json
    t.equal((len(result["stdout"]), result["truncated"]), (1 << 20, False))


@case("more than a megabyte is truncated and says so", proves="TE-22")
def _(t):
    result = t.exec(t.run(FOREVER), ["flood", "3000000"]).json
    t.equal((len(result["stdout"]), result["truncated"]), (1 << 20, True))


@case("a timeout kills it: 504", proves="LC-39")
def _(t):
    workload = t.run(FOREVER)
    reply = t.exec(workload, FOREVER, status=(504,), timeout=0.4)
    t.equal(reply.code, "timeout")
    t.equal(t.get(workload)["state"], "running")


@case("no such program is a wrong field, nothing else is hidden", proves="LC-39")
def _(t):
    reply = t.exec(t.run(FOREVER), ["nonsense"], status=(422,))
    t.holds(reply.json["detail"], "nonsense")


@case("in what does not run it is 409", each=["stopped", "paused"])
def _(t, state):
    workload = t.run(FOREVER)
    t.verb(workload, {"stopped": "stop", "paused": "pause"}[state], wait=state)
    t.among(t.exec(workload, ["exit"], status=(409,)).code, ("conflict", "illegal_transition"))


@case("a wrong body names its fields")
def _(t):
    workload = t.run(FOREVER)
    reply = t.thole.post(f"/v1/workloads/{workload['id']}/exec", {"command": [], "env": {"a": 1}, "bogus": 1, "timeout": -1})
    t.equal(set(reply.expect(422).pointers) >= {"/command", "/bogus", "/timeout"}, True)
    t.thole.post(f"/v1/workloads/{workload['id']}/exec").expect(400, 422)


@case("forty at once")
def _(t):
    workload = t.run(FOREVER)
    replies = parallel(40, lambda index: t.exec(workload, script("sleep 0.2", f"print {index}")).json["stdout"])
    t.equal(replies, [f"{index}\n" for index in range(40)])


@case("more than the daemon's limit is refused, not queued for ever")
def _(t):
    workload, replies = t.run(FOREVER), []
    crowd = [threading.Thread(target=lambda: replies.append(t.exec(workload, FOREVER, status=(200, 409, 429, 503), timeout=80)))
             for _ in range(90)]
    for one in crowd:
        one.start()
    # those that run end with their workload only
    t.until(lambda: len(replies) >= 90 - 64, what="those beyond the limit are told")
    t.true(all(reply.status != 200 for reply in replies), "they are refused")
    t.verb(workload, "kill", wait="crashed,stopped")
    for one in crowd:
        one.join()
    t.equal(sum(reply.status == 200 for reply in replies), 64, "as many as the limit have run")
    t.equal(t.exec(t.run(FOREVER), ["exit"]).json["exit_code"], 0)


@case("it ends with its workload")
def _(t):
    workload = t.run(script("sleep 0.5", "exit 0"), wait="running")
    result = t.exec(workload, FOREVER).json
    t.equal((result["exit_code"], result["signal"]), (137, "SIGKILL"))


@case("a client that goes away frees its place")
def _(t):
    workload = t.run(FOREVER)
    for _ in range(3):
        connections = []
        for _ in range(60):
            connection = t.thole.connection()
            connection.request("POST", f"/v1/workloads/{workload['id']}/exec", '{"command":["forever"],"timeout":3}',
                               {"Content-Type": "application/json"})
            connections.append(connection)
        time.sleep(0.3)
        for connection in connections:
            connection.close()
        t.until(lambda: t.exec(workload, ["exit"], status=(200, 409, 429, 503)).status == 200, 15, "a free place")


@case("stdin is never written to the log")
def _(t):
    t.exec(t.run(FOREVER), ["cat"], stdin="canary-5be1", env={"SECRET": "canary-9ac2"})
    t.true("canary" not in t.thole.output(whole=True), "the log is clean")
    t.true("canary" not in str(t.thole.events()), "events are clean")


main(Memory)
