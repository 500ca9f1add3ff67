#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Settings in levels, and what they limit."""
import collections
import socket
import threading

from daemon import Client
from memory import FOREVER, Memory, case, main

PASSWORD = "a good password"
MIB, GIB = 1 << 20, 1 << 30


class Quotas(Memory):
    SETTINGS = {"limits.key_rate": "0", "limits.user_rate": "0", "limits.queue": "100"}

    def __init__(self):
        super().__init__()
        self.users = {}
        for name in "ann", "bob":
            self.users[name] = self.thole.post("/v1/users", {"email": f"{name}@example.org", "password": PASSWORD,
                                                             "roles": ["developer"]}).expect(201).json
        self.ann = self.login("ann")

    def by(self, token):
        return Client(port=self.thole.tcp_port, token=token)

    def login(self, name):
        body = {"email": f"{name}@example.org", "password": PASSWORD}
        return self.by(self.thole.tcp(token=False).post("/v1/auth/login", body).expect(200).json["token"])

    def key(self, name="ann"):
        return self.by(self.thole.post("/v1/api-keys", {"name": "x", "user": self.users[name]["id"]}).expect(201).json["key"])

    def put(self, place, **values):
        return self.thole.request("PUT", f"/v1/settings/{place}", values).expect(200).json

    def effective(self, client, query=""):
        return {name: (one["value"], one["from"]) for name, one in client.get("/v1/settings/effective" + query).expect(200).json.items()}

    def used(self, client, what):
        one = client.get("/v1/quotas").expect(200).json[what]
        return one["used"], one["limit"], one["from"]

    def after(self):
        super().after()
        self.put("system")
        self.put(f"users/{self.users['ann']['id']}")


def at_once(jobs):
    """What each of them gives, all begun at the same time."""
    results, lock, go = [], threading.Lock(), threading.Event()

    def run(job):
        go.wait()
        result = job()
        with lock:
            results.append(result)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    return results


@case("the last level that says something counts, and is told", "CF-01 CF-02")
def _(t):
    ann = f"users/{t.users['ann']['id']}"
    t.equal(t.effective(t.ann), {"workloads": (0, "default"), "running": (0, "default"), "key_running": (10, "default"),
                                 "cpu": (0, "default"), "memory": (0, "default"), "storage": (0, "default"),
                                 "sessions": (5, "default")})
    t.put("system", workloads=7, sessions=3, cpu=2.5, memory="3GiB", storage=10 * GIB)
    t.put(ann, workloads=2, memory=GIB)
    t.equal([t.effective(t.ann)[name] for name in ("cpu", "memory", "storage")],
            [(2.5, "system"), (GIB, "user"), (10 * GIB, "system")])
    t.put("system", workloads=7, sessions=3)
    t.put(ann, workloads=2)
    t.equal(t.effective(t.ann)["workloads"], (2, "user"))
    t.equal(t.effective(t.login("bob"))["workloads"], (7, "system"))
    workload = t.ann.post("/v1/workloads?wait=running", {"spec": t.spec(FOREVER)}).expect(201).json
    t.put(f"workloads/{workload['id']}", sessions=1)
    t.equal(t.effective(t.ann, f"?workload={workload['id']}")["sessions"], (1, "workload"))
    t.equal(t.effective(t.ann)["sessions"], (3, "system"))
    t.equal(t.effective(t.thole, f"?user={t.users['ann']['id']}")["workloads"], (2, "user"))
    t.ann.get("/v1/settings/effective?user=bob@example.org").expect(404)
    t.ann.request("PUT", f"/v1/settings/{ann}", {"workloads": 100}).expect(403)
    t.equal(t.thole.request("PUT", "/v1/settings/system", {"workloads": -1, "nonsense": 1}).expect(422).pointers,
            ["/nonsense", "/workloads"])
    t.thole.restart()
    t.till_ready()
    t.equal(t.effective(t.ann)["workloads"], (2, "user"))
    # what is left out comes from the level before
    t.put(ann)
    t.equal(t.effective(t.ann)["workloads"], (7, "system"))


@case("an owner has as many workloads as the quota says, however many are made at once", "CF-08 AU-23")
def _(t):
    t.put(f"users/{t.users['ann']['id']}", workloads=3)
    body = {"spec": t.spec(FOREVER), "start": False}
    replies = at_once([lambda: t.ann.post("/v1/workloads", body)] * 20)
    statuses = collections.Counter(reply.status for reply in replies)
    t.equal(statuses[429], 17, f"{statuses}")
    t.equal({reply.code for reply in replies if reply.status == 429}, {"quota_exceeded"})
    t.equal({reply.json["detail"] for reply in replies if reply.status == 429}, {"workloads: 3 of 3 used, 1 more asked for"})
    t.equal(t.used(t.ann, "workloads"), (3, 3, "user"))


@case("CPU, memory and storage of an owner are never exceeded, however many are made or changed at once", "CF-01 CF-08 AU-23",
      each=["cpu", "memory", "storage"])
def _(t, what):
    field, one, text = {"cpu": ("cpu", 0.1, ("CPU cores of all workloads", "0.1", "0.3")),
                        "memory": ("memory", 100 * MIB, ("memory of all workloads", "100 MiB", "300 MiB")),
                        "storage": ("disk", 100 * MIB, ("storage of all workloads", "100 MiB", "300 MiB"))}[what]
    spec = lambda amount: {**t.spec(FOREVER), "resources": {field: amount}}
    part = lambda share: round(one * share, 6) if what == "cpu" else int(one * share)
    three = part(3)
    t.put(f"users/{t.users['ann']['id']}", **{what: three})
    replies = at_once([lambda: t.ann.post("/v1/workloads", {"spec": spec(one), "start": False})] * 16)
    t.equal(collections.Counter(reply.status for reply in replies)[429], 13)
    t.equal({reply.json["detail"] for reply in replies if reply.status == 429},
            {f"{text[0]}: {text[2]} of {text[2]} used, {text[1]} more asked for"})
    t.equal(t.used(t.ann, what), (three, three, "user"))
    # of others it is not
    t.login("bob").post("/v1/workloads", {"spec": spec(one), "start": False}).expect(201, 202)
    # what is given back can be had again, once
    ids = [reply.json["id"] for reply in replies if reply.status != 429]
    for ident in ids:
        t.wait(ident, "stopped")
    patch = lambda ident, amount: t.ann.patch(f"/v1/workloads/{ident}", {"spec": {"resources": {field: amount}}})
    patch(ids[0], part(0.5)).expect(200, 202)
    statuses = collections.Counter(reply.status for reply in at_once(
        [lambda ident=ident: patch(ident, part(1.5)) for ident in ids[1:]]))
    t.equal(statuses[429], 1, f"{statuses}")
    t.equal(t.used(t.ann, what), (three, three, "user"))
    # without a limit of its own it could take all
    t.equal(t.ann.post("/v1/workloads", {"spec": t.spec(FOREVER), "start": False}).expect(422).pointers, [f"/spec/resources/{field}"])
    t.equal(patch(ids[0], 0).expect(422).pointers, [f"/spec/resources/{field}"])
    # a limit that was lowered takes nothing away, and nothing more is given
    t.put(f"users/{t.users['ann']['id']}", **{what: one})
    patch(ids[0], part(0.25)).expect(200, 202)
    patch(ids[0], part(0.5)).expect(429)
    t.thole.restart()
    t.till_ready()
    t.ann.post("/v1/workloads", {"spec": spec(part(0.01)), "start": False}).expect(429)
    t.equal(t.used(t.ann, what), (part(2.75), one, "user"))


@case("exactly 10 workloads run per key under 200 starts at once", "AU-22 AU-23")
def _(t):
    key, other = t.key(), t.key()
    ids = [key.post("/v1/workloads", {"spec": t.spec(FOREVER), "start": False}).expect(201, 202).json["id"] for _ in range(20)]
    for one in ids:
        t.wait(one, "stopped")
    replies = at_once([lambda one=one: key.post(f"/v1/workloads/{one}/start") for one in ids] * 10)
    refused = [reply for reply in replies if reply.status == 429]
    t.equal({reply.code for reply in refused}, {"quota_exceeded"})
    t.equal(len(refused), 100)
    t.until(lambda: [t.get({"id": one})["state"] for one in ids].count("running") == 10, what="ten run")
    t.equal({reply.json["detail"] for reply in refused}, {"running workloads of this API key: 10 of 10 used, 1 more asked for"})
    t.equal(t.used(key, "key_running"), (10, 10, "default"))
    # another key has ten of its own; a place is free once one need not run any more
    still = [one for one in ids if t.get({"id": one})["state"] != "running"]
    key.post("/v1/workloads", {"spec": t.spec(FOREVER)}).expect(429)
    other.post(f"/v1/workloads/{still[0]}/start?wait=running").expect(200)
    going = [one for one in ids if one not in still]
    key.post(f"/v1/workloads/{going[0]}/stop?wait=stopped").expect(200)
    key.post(f"/v1/workloads/{still[1]}/start?wait=running").expect(200)
    key.post(f"/v1/workloads/{still[2]}/start").expect(429)
    # the daemon knows it after a restart
    t.thole.restart()
    t.till_ready()
    key.post(f"/v1/workloads/{still[2]}/start").expect(429)
    # a program that ends by itself gives its place back
    t.put("system", key_running=11)
    done = key.post("/v1/workloads?wait=stopped,crashed", {"spec": t.spec(["exit", "0"])}).expect(201).json
    t.until(lambda: key.get("/v1/quotas").json["key_running"]["used"] == 10, what=f"{done['state']} gives it back")


@case("one user cannot take every place of uploads")
def _(t):
    made = t.ann.post("/v1/workloads?wait=running", {"spec": t.spec(FOREVER)}).json
    url = f"/v1/workloads/{made['id']}/files?path=/file"
    head = f"PUT {url} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {t.ann.token}\r\nContent-Length: 1000\r\n\r\n"
    links = []
    for _ in range(16):
        links.append(socket.create_connection(("127.0.0.1", t.thole.tcp_port)))
        links[-1].sendall(head.encode())

    def write(client):
        return client.request("PUT", url, b"data", {"Content-Type": "application/octet-stream"})
    # each is in the audit before it has its place, in this order
    t.until(lambda: len(t.thole.get(f"/v1/audit?action=file.write&result=begun&target={made['id']}").json["items"]) == 16, what="all of them")
    t.equal(write(t.ann).expect(409).code, "busy")
    write(t.thole).expect(200, 201)
    for link in links:
        link.close()
    t.until(lambda: write(t.ann).status == 200, what="a place")


main(Quotas)
