#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Idempotency-Key on every POST, and dry runs."""
from memory import FOREVER, Kept, case, main, parallel, script


def create(t, key, body=None, query="", status=(200, 201, 202)):
    return t.thole.post("/v1/workloads" + query, body or {"spec": t.spec(FOREVER)}, {"Idempotency-Key": key}).expect(*status)


@case("the same create twice makes one workload", proves="API-01")
def _(t):
    first = create(t, "twice", query="?wait=running")
    again = create(t, "twice", query="?wait=running")
    t.equal(first.json["id"], again.json["id"])
    t.true("idempotency-replayed" not in first.headers, "the first is no replay")
    t.equal(again.headers["idempotency-replayed"], "true")
    t.equal(len(t.objects()), 1)


@case("a replay gives the resource as it is now")
def _(t):
    workload = create(t, "now", query="?wait=running").json
    t.verb(workload, "stop", wait="stopped")
    t.equal(create(t, "now").json["state"], "stopped")


@case("a replay honours its own wait")
def _(t):
    body = {"spec": t.spec(script("sleep 0.5", "exit 0"))}
    create(t, "wait", body)
    t.equal(create(t, "wait", body, "?wait=stopped").json["state"], "stopped")


@case("another body with the same key is 409")
def _(t):
    create(t, "other")
    t.equal(create(t, "other", {"spec": t.spec(["exit", "1"])}, status=(409,)).code, "idempotency_conflict")


@case("the fingerprint is of what was parsed, not of the bytes")
def _(t):
    first = create(t, "bytes", '{"spec":{"image":"app","command":["forever"]},"name":"same"}')
    again = create(t, "bytes", '{ "name" : "same", "spec":{"command":["forever"],"image":"\\u0061pp"} }')
    t.equal(first.json["id"], again.json["id"])


@case("keys of other paths do not meet")
def _(t):
    workload = create(t, "path", query="?wait=running").json
    reply = t.thole.post(f"/v1/workloads/{workload['id']}/stop?wait=stopped", None, {"Idempotency-Key": "path"}).expect(200)
    t.equal(reply.json["state"], "stopped")


@case("a verb acts once")
def _(t):
    workload = t.run(script("print run", "forever"))
    path = f"/v1/workloads/{workload['id']}/restart?wait=running"
    for _ in range(3):
        t.thole.post(path, None, {"Idempotency-Key": "restart"}).expect(200, 202)
    t.until(lambda: t.get(workload)["state"] == "running")
    t.equal(t.logs(workload), "run\nrun\n")


@case("a deleted one replays 410")
def _(t):
    workload = create(t, "gone", query="?wait=running").json
    t.thole.remove(workload)
    create(t, "gone", status=(410,))
    t.equal(t.mine(), [])


@case("errors before the intent are not remembered")
def _(t):
    create(t, "fixed", {"spec": {"bogus": 1}}, status=(422,))
    create(t, "fixed", status=(201, 202))


@case("fifty at once make one workload", proves="AU-23")
def _(t):
    replies = parallel(50, lambda _: create(t, "fifty", query="?wait=running", status=(200, 201, 202, 409)))
    ids = {reply.json["id"] for reply in replies if reply.status != 409}
    t.equal(len(ids), 1)
    t.equal(sum("idempotency-replayed" not in reply.headers for reply in replies if reply.status != 409), 1)
    t.equal((len(t.objects()), len(t.mine())), (1, 1))


@case("fifty at once while the engine is slow make one workload")
def _(t):
    t.order("faults", "workload.create:delay=300")
    replies = parallel(50, lambda _: create(t, "slow-fifty", query="?wait=running", status=(200, 201, 202)))
    t.order("faults")
    t.equal(len({reply.json["id"] for reply in replies}), 1)
    t.equal(len(t.objects()), 1)


@case("fifty names at once: one gets it, the others conflict", proves="AU-23")
def _(t):
    replies = parallel(50, lambda _: t.thole.post("/v1/workloads", {"name": "the-one", "spec": t.spec(FOREVER)}))
    t.equal(sorted({reply.status for reply in replies} - {201, 202}), [409])
    t.equal(sum(reply.status != 409 for reply in replies), 1)


@case("keys survive a restart of the daemon")
def _(t):
    workload = create(t, "restart", query="?wait=running").json
    t.thole.restart()
    t.till_ready()
    t.equal(create(t, "restart").json["id"], workload["id"])


@case("too long or empty keys are refused", each=[0, 300])
def _(t, length):
    create(t, "x" * length, status=(400, 422))
    t.equal(t.mine(), [])


@case("a dry run checks everything and makes nothing")
def _(t):
    before = t.thole.newest()
    plan = t.thole.post("/v1/workloads?dry_run=true", {"name": "plan", "spec": t.spec(FOREVER)}).expect(200).json
    t.equal((plan["name"], plan["spec"]["stop"]["grace"]), ("plan", 10))
    t.thole.post("/v1/workloads?dry_run=true", {"spec": {"bogus": 1}}).expect(422)
    t.equal((t.mine(), t.objects()), ([], {}))
    t.thole.get("/v1/workloads/plan").expect(404)
    t.equal([event for event in t.thole.events(before) if event["data"].get("name") == "plan"], [])


@case("a dry run sees a name that is taken")
def _(t):
    t.run(FOREVER, name="taken")
    t.thole.post("/v1/workloads?dry_run=true", {"name": "taken", "spec": t.spec(FOREVER)}).expect(409)


main(Kept)
