#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lists: pages, filters, order; ETags."""
from memory import FOREVER, Memory, case, main


class Many(Memory):
    """25 workloads that all cases look at."""

    def __init__(self):
        super().__init__()
        self.made = []
        for number in range(25):
            body = {"name": f"many-{number:02}", "spec": self.spec(FOREVER), "start": number % 5 != 0,
                    "labels": {"group": str(number % 3), **({"odd": ""} if number % 2 else {})}}
            wait = "stopped" if number % 5 == 0 else "running"
            self.made.append(self.thole.post(f"/v1/workloads?wait={wait}", body).expect(201).json)

    def after(self):
        pass

    def names(self, query):
        return [item["name"] for item in self.thole.listed("/v1/workloads?" + query)]


@case("pages join to the whole list, in the order of creation", proves="API-01", each=[1, 7, 24, 25, 26, 1000])
def _(t, limit):
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = t.thole.get(f"/v1/workloads?limit={limit}" + (f"&cursor={cursor}" if cursor else "")).expect(200).json
        t.true(len(page["items"]) <= limit, "no more than asked for")
        seen += page["items"]
        cursor, pages = page["next_cursor"], pages + 1
    t.equal([item["id"] for item in seen], [item["id"] for item in t.made])
    t.among(pages, (-(-25 // limit), 25 // limit + 1), "pages")


@case("items are whole objects")
def _(t):
    t.equal(t.thole.get("/v1/workloads?limit=1").json["items"][0], t.get(t.made[0]))


@case("a page stays right while others come and go")
def _(t):
    first = t.thole.get("/v1/workloads?limit=10").expect(200).json
    extra = t.run(FOREVER)
    t.thole.remove(t.made.pop(3))
    rest = t.thole.get(f"/v1/workloads?limit=100&cursor={first['next_cursor']}").expect(200).json
    ids = [item["id"] for item in first["items"] + rest["items"]]
    t.equal(len(ids), len(set(ids)))
    t.true({item["id"] for item in t.made} <= set(ids), "all that stayed are there")
    t.thole.remove(extra)


@case("filters are named like the fields", proves="LC-30 LC-19")
def _(t):
    stopped = [item["name"] for item in t.made if item["state"] == "stopped"]
    t.equal(t.names("state=stopped"), stopped)
    t.equal(sorted(t.names("state=stopped,running")), sorted(item["name"] for item in t.made))
    t.equal(t.names("name=many-07"), ["many-07"])
    t.equal(t.names("backend=memory&limit=3"), [item["name"] for item in t.made])
    t.equal(t.names("state=crashed"), [])


@case("labels filter by key and by value, and add up")
def _(t):
    t.equal(t.names("label=group%3D1"), [item["name"] for item in t.made if item["labels"]["group"] == "1"])
    t.equal(t.names("label=odd"), [item["name"] for item in t.made if "odd" in item["labels"]])
    t.equal(t.names("label=odd&label=group%3D1"),
            [item["name"] for item in t.made if "odd" in item["labels"] and item["labels"]["group"] == "1"])
    t.equal(t.names("label=group%3D9"), [])


@case("filters and pages together")
def _(t):
    wanted = [item["name"] for item in t.made if "odd" in item["labels"]]
    t.equal(t.names("label=odd&limit=2"), wanted)


@case("a cursor of other filters or of nowhere is refused or harmless", each=["xxxx", "AAAA", "%00", "a" * 256])
def _(t, cursor):
    t.thole.get(f"/v1/workloads?cursor={cursor}").expect(200, 400, 422)


@case("owner filters: ours, and nobody's")
def _(t):
    t.equal(len(t.names("owner=" + t.made[0]["owner"])), len(t.made))
    t.equal(t.names("owner=somebody"), [])


@case("an ETag is the revision; nothing new is 304")
def _(t):
    path = f"/v1/workloads/{t.made[0]['id']}"
    reply = t.thole.get(path).expect(200)
    t.equal(reply.headers["etag"].strip('"'), str(reply.json["revision"]))
    same = t.thole.get(path, {"If-None-Match": reply.headers["etag"]}).expect(304)
    t.equal((same.body, same.headers["etag"]), (b"", reply.headers["etag"]))
    t.thole.get(path, {"If-None-Match": '"0"'}).expect(200)


@case("If-Match lets only the first of two writers through", proves="API-01")
def _(t):
    path = f"/v1/workloads/{t.made[1]['id']}"
    etag = t.thole.get(path).headers["etag"]
    first = t.thole.patch(path, {"labels": {"writer": "first"}}, {"If-Match": etag}).expect(200)
    late = t.thole.patch(path, {"labels": {"writer": "second"}}, {"If-Match": etag}).expect(412)
    t.equal(late.code, "precondition_failed")
    t.equal(t.thole.get(path).json["labels"]["writer"], "first")
    t.true(first.headers["etag"] != etag, "a new tag")


@case("If-Match holds for verbs and deletion, too")
def _(t):
    path = f"/v1/workloads/{t.made[2]['id']}"
    t.thole.post(path + "/stop", None, {"If-Match": '"999"'}).expect(412)
    t.thole.delete(path + "?force=true", {"If-Match": '"999"'}).expect(412)
    t.equal(t.get(t.made[2])["state"], "running")


@case("the revision rises with each change and only then")
def _(t):
    workload = t.get(t.made[4])
    t.thole.patch(f"/v1/workloads/{workload['id']}", {"labels": {"new": "1"}}).expect(200)
    changed = t.get(workload)
    t.true(changed["revision"] > workload["revision"], "it rises")
    t.true(changed["updated_at"] >= workload["updated_at"], "so does the time")
    t.equal(t.get(workload)["revision"], changed["revision"])


@case("drivers and backends are listed and shown")
def _(t):
    drivers = {item["id"]: item for item in t.thole.listed("/v1/drivers")}
    t.true({"memory", "null"} <= set(drivers), "both")
    t.equal(drivers["memory"]["abi"], 1)
    t.true("workload/1" in drivers["memory"]["interfaces"], "its interfaces")
    t.equal(t.thole.get("/v1/drivers/memory").expect(200).json, drivers["memory"])
    backend = t.backend()
    t.equal((backend["driver"], backend["state"], backend["default"]), ("memory", "ready", True))
    t.true("workload.pause" in backend["capabilities"] and backend["facts"]["engine"] == "Memory", "what it can")
    t.thole.get("/v1/backends/nowhere").expect(404)
    t.thole.get("/v1/drivers/nowhere").expect(404)


main(Many)
