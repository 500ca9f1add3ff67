#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is refused, and how: problem details, wrong bodies, wrong states, what engines say."""
import json
import random

from memory import FOREVER, Memory, case, main

ERRORS = {  # what an engine says -> status, code
    "failed": (502, "backend_failed"), "denied": (403, "denied"), "auth": (502, "auth"), "busy": (409, "busy"),
    "invalid": (422, "invalid_field"), "unavailable": (503, "backend_unavailable"), "timeout": (504, "timeout"),
    "unsupported": (501, "not_supported"), "limit": (429, "limit"), "conflict": (409, "conflict"),
}


def post(t, body, **rest):
    return t.thole.post("/v1/workloads", body, **rest)


@case("an unknown id is 404 with a whole problem", proves="API-02 LC-39")
def _(t):
    reply = t.thole.get("/v1/workloads/wl-nothing").expect(404)
    t.equal(reply.headers["content-type"], "application/problem+json")
    t.equal(set(reply.json) >= {"type", "title", "status", "detail", "code", "request_id"}, True)
    t.equal((reply.json["status"], reply.code), (404, "not_found"))
    t.equal(reply.json["request_id"], reply.headers["x-request-id"])
    for verb in ("start", "stop", "restart", "kill", "pause", "unpause", "suspend", "unsuspend"):
        t.thole.post(f"/v1/workloads/wl-nothing/{verb}").expect(404)
    t.thole.delete("/v1/workloads/wl-nothing").expect(404)
    t.thole.patch("/v1/workloads/wl-nothing", {}).expect(404)


@case("an unknown path is 404, a wrong method 405 with what is allowed")
def _(t):
    t.thole.get("/v1/nothing").expect(404)
    reply = t.thole.request("PUT", "/v1/workloads").expect(405)
    t.equal(reply.code, "method_not_allowed")
    t.holds(reply.headers["allow"], "POST")


@case("every wrong field is named", proves="API-03 API-02")
def _(t):
    reply = post(t, {"name": "No Good", "bogus": 1, "labels": {"a": 1},
                     "spec": {"image": 5, "tty": "yes", "ports": [{"container": 0}, {"host": 70000}],
                              "mounts": [{"source": "/a"}], "resources": {"cpu": -1, "memory": "lots"},
                              "restart": {"policy": "sometimes"}, "stop": {"signal": "SIGNOTHING"},
                              "health": {"command": ["exit"], "tcp": {"port": 1}}, "unknown": True}}).expect(422)
    wanted = {"/name", "/bogus", "/spec/image", "/spec/tty", "/spec/ports/0/container", "/spec/ports/1/container",
              "/spec/ports/1/host", "/spec/mounts/0/target", "/spec/resources/cpu", "/spec/resources/memory",
              "/spec/restart/policy", "/spec/stop/signal", "/spec/unknown"}
    t.equal(reply.code, "invalid_field")
    t.equal(wanted - set(reply.pointers), set(), "pointers that lack")
    for error in reply.json["errors"]:
        t.true(error["code"] and error["detail"], "code and detail of each")


@case("a body is needed, must be JSON, and an object")
def _(t):
    post(t, "").expect(400, 422)
    for text in ("{", "[]", "null", "5", '"text"', "{} {}", "{'a':1}", '{"spec":{}', "\ufeff{}", '{"a":1,"a":2}'):
        reply = post(t, text).expect(400, 422)
        t.true(reply.code in ("malformed", "invalid_field"), "the code")


@case("bad UTF-8 and lone surrogates are malformed")
def _(t):
    for text in (b'{"name":"\xff"}', b'{"name":"\xc0\x80"}', b'{"name":"\xed\xa0\x80"}', b'{"name":"\\ud800"}', b'{"name":"a\x00"}',
                 b'{"name":"\\u0000"}'):
        t.equal(post(t, text).expect(400).code, "malformed")


@case("huge numbers are wrong, not wrapped")
def _(t):
    for number in ("1e400", "99999999999999999999999", "-99999999999999999999999", "1e308", "9223372036854775808"):
        post(t, '{"spec":{"image":"app","resources":{"memory":%s}}}' % number).expect(400, 422)


@case("100,000 levels of nesting are refused, and others are served")
def _(t):
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        post(t, opening * 100000 + ("1" if opening != "[" else "") + closing * 100000).expect(400, 413, 422)
    t.thole.get("/v1/workloads").expect(200)


@case("a body above the limit is 413")
def _(t):
    connection = t.thole.connection()
    connection.putrequest("POST", "/v1/workloads")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(10 ** 9))
    connection.endheaders()
    reply = connection.getresponse()
    t.equal((reply.status, json.loads(reply.read())["code"]), (413, "too_large"))
    connection.close()


def wrong_value(rand, depth=0):
    """Something that no field takes, or takes only sometimes."""
    scalars = [None, True, False, -1, 0, 1, 2 ** 62, -2 ** 63, 1.5, 1e300, "", "x" * 5000, "\u0000"[:0], "ünï", "../..", "[]", "SIGX"]
    if depth > 3 or rand.random() < 0.6:
        return rand.choice(scalars)
    if rand.random() < 0.5:
        return [wrong_value(rand, depth + 1) for _ in range(rand.randrange(4))]
    return {rand.choice(["a", "image", "name", "port", "source", ""]): wrong_value(rand, depth + 1) for _ in range(rand.randrange(4))}


FIELDS = ["image", "command", "args", "env", "working_dir", "user", "hostname", "tty", "stdin", "resources", "ports", "mounts",
          "files", "network", "restart", "stop", "health", "install", "privileges", "pull", "ttl", "idle_timeout", "helper", "nonsense"]


@case("200 random wrong bodies: each is 400 or 422 and names fields", proves="API-03 API-08")
def _(t):
    rand = random.Random(20261121)
    for number in range(200):
        spec = {field: wrong_value(rand) for field in rand.sample(FIELDS, rand.randrange(1, 6))}
        spec[f"wrong-{number}"] = 1
        body = {"spec": spec, **({"name": wrong_value(rand)} if rand.random() < 0.3 else {}),
                **({"labels": wrong_value(rand)} if rand.random() < 0.3 else {}),
                **({"backend": wrong_value(rand)} if rand.random() < 0.1 else {})}
        reply = post(t, body)
        t.among(reply.status, (400, 422), f"status of {json.dumps(body)[:600]}: {reply.body[:300]!r}; it")
        if reply.status == 422:
            t.true(f"/spec/wrong-{number}" in reply.pointers, f"the unknown field of {json.dumps(body)[:500]} in {reply.pointers}")
    t.equal(len(t.thole.listed("/v1/workloads?state=error")), 0)


@case("wrong queries name their parameters", each=["limit=0", "limit=x", "limit=1001", "nonsense=1", "cursor=!", "state=nowhere"])
def _(t, query):
    reply = t.thole.get("/v1/workloads?" + query).expect(400, 422)
    t.true(reply.code in ("invalid_field", "malformed"), "the code")


@case("a wait for a state that does not exist is refused")
def _(t):
    t.thole.post("/v1/workloads?wait=nirvana", {"spec": t.spec(FOREVER)}).expect(400, 422)
    t.equal(t.thole.listed("/v1/workloads?state=running&name=x"), [])


ILLEGAL = {"stopped": ["pause", "unpause"], "crashed": ["pause", "unpause"], "running": ["unsuspend"],
           "suspended": ["start", "restart", "pause", "kill"], "paused": ["unsuspend"]}


@case("an illegal transition names both states and what is allowed", proves="LC-03 LC-04", each=sorted(ILLEGAL))
def _(t, state):
    workload = t.run(["exit", "1"] if state == "crashed" else FOREVER)
    verb = {"stopped": "stop", "suspended": "suspend", "paused": "pause"}.get(state)
    if verb:
        t.verb(workload, verb, wait=state)
    for illegal in ILLEGAL[state]:
        reply = t.verb(workload, illegal, status=(409,))
        t.equal(reply.code, "illegal_transition")
        t.holds(reply.json["detail"], state)
        t.equal(t.get(workload)["state"], state)


@case("what the engine says in a call that needs it becomes status, code and text", proves="LC-39 API-08 API-09", each=sorted(ERRORS))
def _(t, word):
    workload = t.run(FOREVER)
    t.order("faults", f"workload.stats:fail={word}:times=1")
    reply = t.thole.get(f"/v1/workloads/{workload['id']}/stats")
    t.equal((reply.status, reply.code), ERRORS[word])
    t.holds(reply.json["detail"], "workload.stats fails on demand")


@case("what the engine says of a create becomes the reason of the state error", proves="LC-39", each=["failed", "denied", "invalid"])
def _(t, word):
    workload = t.run(FOREVER, wait="error,running", backend_options={"faults": f"workload.create:fail={word}"})
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "workload.create fails on demand")


@case("what may pass is tried again: the create is finished", proves="LC-33", each=["limit", "unavailable", "busy", "timeout"])
def _(t, word):
    workload = t.run(FOREVER, wait="error,running", backend_options={"faults": f"workload.create:fail={word}:times=2"})
    t.equal(workload["state"], "running")
    t.equal(len(t.objects()), 1)


@case("a driver's own options are checked by the driver")
def _(t):
    workload = t.run(FOREVER, wait="error,running", backend_options={"colour": "red"})
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "colour")


@case("an unknown backend is a wrong field")
def _(t):
    reply = post(t, {"backend": "nowhere", "spec": t.spec(FOREVER)}).expect(422)
    t.equal(reply.pointers, ["/backend"])


@case("without a credential everything but the public paths is 401", proves="AU-05 AU-25")
def _(t):
    nobody = t.thole.tcp(token=False)
    for path in ("/v1/workloads", "/v1/workloads/wl-x", "/v1/events", "/metrics", "/v1/backends", "/nothing"):
        reply = nobody.get(path).expect(401)
        t.equal(reply.code, "unauthenticated")
    nobody.get("/healthz").expect(200)
    nobody.get("/v1/version").expect(200)
    t.thole.tcp(token="wrong").get("/v1/workloads").expect(401)
    t.thole.tcp().get("/v1/workloads").expect(200)
    t.thole.tcp(token=False).get(f"/v1/workloads?token={t.thole.bootstrap_token}").expect(400, 401)


@case("secrets of a request are never told back")
def _(t):
    secret = "canary-7d1f4c"
    t.thole.post("/v1/images/pull", {"image": "private/app", "username": "thole", "password": secret}).expect(202)
    t.until(lambda: all(item["state"] != "running" for item in t.thole.listed("/v1/operations")), what="the pull's end")
    t.true(secret not in t.thole.output(whole=True), "the log is clean")
    t.true(secret not in json.dumps(t.thole.listed("/v1/operations")) + json.dumps(t.thole.events()), "objects are clean")


main(Memory)
