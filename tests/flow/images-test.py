#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images: list, pull as an operation with progress, cancel, remove; the pull policy."""
import time

from memory import FOREVER, Memory, case, main


def pull(t, image, **rest):
    return t.thole.post("/v1/images/pull", {"image": image, **rest}).expect(202).json


def ended(t, operation, timeout=80):
    return t.thole.get(f"/v1/operations/{operation['id']}?wait=succeeded,failed,cancelled&timeout={timeout}").expect(200).json


def references(t):
    return sorted(name for image in t.thole.get("/v1/images").expect(200).json["items"] for name in image["references"])


@case("images are listed", proves="LC-16")
def _(t):
    t.true("app:latest" in references(t), "the image of the configuration")
    image = t.thole.get("/v1/images?backend=memory").expect(200).json["items"][0]
    t.true(image["id"].startswith("sha256:") and image["size"] > 0, "id and size")


@case("a pull is an operation with byte progress")
def _(t):
    begin = t.thole.newest()
    operation = pull(t, "tool:1")
    t.equal((operation["type"], operation["state"]), ("image.pull", "running"))
    done = ended(t, operation)
    t.equal((done["state"], done["progress"]["done"], done["progress"]["total"], done["progress"]["unit"]),
            ("succeeded", 5000000, 5000000, "bytes"))
    t.true("tool:1" in references(t), "it is there")
    t.true(any(event["subject"] == operation["id"] for event in t.thole.events(begin)), "events tell of it")


@case("progress rises while it goes on")
def _(t):
    # a machine with other work may see few of its steps
    for number in range(4):
        operation, seen = pull(t, f"slow/tool{number}"), []
        while not seen or (len(set(seen)) < 3 and now["state"] == "running"):
            now = t.thole.get(f"/v1/operations/{operation['id']}").expect(200).json
            seen.append(now["progress"]["done"])
            time.sleep(0.1)
        t.equal(seen, sorted(seen))
        t.equal(ended(t, operation)["state"], "succeeded")
        if len(set(seen)) >= 3:
            break
    t.true(len(set(seen)) >= 3, f"several values: {seen}")


@case("what registries say", proves="LC-39 API-09", each=["missing image_not_found", "broken backend_failed", "private auth",
                                                          "unavailable backend_unavailable"])
def _(t, line):
    kind, code = line.split()
    done = ended(t, pull(t, f"{kind}/tool"))
    t.equal((done["state"], done["error"]["code"]), ("failed", code))
    t.true(f"{kind}/tool:latest" not in references(t), "it is not there")


@case("credentials open a private registry")
def _(t):
    t.equal(ended(t, pull(t, "private/tool", username="thole", password="secret"))["state"], "succeeded")


@case("a pull can be cancelled")
def _(t):
    operation = pull(t, "slow/other")
    t.thole.post(f"/v1/operations/{operation['id']}/cancel").expect(200, 202)
    t.equal(ended(t, operation)["state"], "cancelled")
    t.true("slow/other:latest" not in references(t), "it is not there")
    t.thole.post(f"/v1/operations/{operation['id']}/cancel").expect(200, 202, 409)


@case("an image is removed, but not while it is used")
def _(t):
    ended(t, pull(t, "short:1"))
    workload = t.run(FOREVER, image="short:1")
    t.thole.delete("/v1/images?image=short:1").expect(409)
    t.thole.remove(workload)
    t.thole.delete("/v1/images?image=short:1").expect(204)
    t.true("short:1" not in references(t), "it is gone")
    t.thole.delete("/v1/images?image=short:1").expect(204, 404)


@case("a wrong body names its fields")
def _(t):
    t.equal(t.thole.post("/v1/images/pull", {"bogus": 1}).expect(422).pointers, ["/bogus", "/image"])
    t.thole.post("/v1/images/pull", {"image": "app", "backend": "nowhere"}).expect(422, 404)
    t.thole.delete("/v1/images").expect(400, 422)


@case("a workload's image is pulled when it is missing")
def _(t):
    workload = t.run(FOREVER, image="fresh:1")
    t.equal(workload["state"], "running")
    t.true("fresh:1" in references(t), "it was pulled")


@case("pull: never leaves it missing", proves="LC-16")
def _(t):
    workload = t.run(FOREVER, image="never:1", pull="never", wait="error,running")
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "image_not_found")


@case("pull: always asks the registry each time")
def _(t):
    before = t.calls("image.pull")
    t.equal(t.run(FOREVER, pull="always")["state"], "running")
    t.equal(t.calls("image.pull"), before + 1)


@case("a missing image is the workload's error, told by its own code", proves="LC-39")
def _(t):
    workload = t.run(FOREVER, image="missing/app", wait="error,running")
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "image_not_found")
    t.thole.delete(f"/v1/workloads/{workload['id']}?wait=deleted").expect(204)


@case("a delete during the pull of a create ends both")
def _(t):
    reply = t.thole.post("/v1/workloads", {"spec": t.spec(FOREVER, image="slow/third")}).expect(201, 202)
    time.sleep(0.3)
    t.thole.delete(f"/v1/workloads/{reply.json['id']}?force=true&wait=deleted&timeout=80").expect(204)
    t.equal(t.objects(), {})


main(Memory)
