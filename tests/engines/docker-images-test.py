#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images: pulls from a registry on loopback, with and without a password."""
import os
import time

from real_docker import IMAGE, Bench, HeldWire, Registry, case, main

PASSWORD = "s3cret-of-the-registry"


class Images(Bench):
    def __init__(self):
        super().__init__()
        self.open = Registry(os.path.join(self.directory, "registry"))
        self.closed = Registry(os.path.join(self.directory, "closed"), "carol", PASSWORD)
        self.open.start()
        self.closed.start()
        big = os.path.join(self.directory, "big")
        with open(big, "wb") as file:
            file.write(os.urandom(6_000_000))
        self.engine.make_image(f"{self.open.address}/demo:1", big)
        self.push(f"{self.open.address}/demo:1")
        self.engine.make_image(f"{self.closed.address}/private:1")
        self.push(f"{self.closed.address}/private:1", "carol", PASSWORD)

    def push(self, name, user="", password=""):
        import base64
        import json
        secret = base64.urlsafe_b64encode(json.dumps({"username": user, "password": password}).encode()).decode()
        answer = self.engine.post(f"/images/{name.rpartition(':')[0]}/push?tag={name.rpartition(':')[2]}", None, {"X-Registry-Auth": secret})
        if answer.status != 200 or "errorDetail" in answer.text:
            raise AssertionError(f"no push: {answer}")

    def forget(self, name):
        self.engine.delete(f"/images/{name}?force=1").expect(200, 404)

    def pull(self, image, wait="succeeded,failed,cancelled", **body):
        operation = self.thole.post("/v1/images/pull", {"image": image, **body}).expect(202)
        name = operation.json["id"] if operation.json["id"].startswith("op-") else operation.headers["thole-operation"]
        if not wait:
            return self.thole.get(f"/v1/operations/{name}").expect(200).json
        return self.thole.get(f"/v1/operations/{name}?wait={wait}&timeout=60").expect(200).json

    def here(self, name):
        return self.engine.get(f"/images/{name}/json").status == 200

    def close(self):
        for part in ("open", "closed"):
            if hasattr(self, part):
                getattr(self, part).stop()
        super().close()


@case("a pull brings the image and tells its progress in bytes", "row:86 LC-16")
def _(t):
    name = f"{t.open.address}/demo:1"
    t.forget(name)
    operation = t.pull(name)
    t.equal(operation["state"], "succeeded", f"the state in {operation}")
    t.true(t.here(name), "the engine has it")
    t.true(operation["progress"]["done"] >= 6_000_000, f"{operation['progress']} counts the bytes")
    t.equal(operation["progress"]["done"], operation["progress"]["total"])


@case("a tag or a repository that does not exist is image_not_found", "CF-09")
def _(t):
    for name in (f"{t.open.address}/demo:none", f"{t.open.address}/nowhere:1"):
        operation = t.pull(name)
        t.equal((operation["state"], operation["error"]["code"]), ("failed", "image_not_found"), str(operation))


@case("a registry that does not answer fails with its words", "API-09")
def _(t):
    operation = t.pull("127.0.0.1:1/demo:1")
    t.equal(operation["state"], "failed")
    t.holds(operation["error"]["detail"], "127.0.0.1:1")


@case("a password opens the registry, a wrong one does not, and neither is told again", "CF-10")
def _(t):
    name = f"{t.closed.address}/private:1"
    t.forget(name)
    refused = t.pull(name)
    t.equal(refused["state"], "failed")
    wrong = t.pull(name, username="carol", password="wrong")
    t.equal(wrong["state"], "failed")
    t.among(wrong["error"]["code"], ("auth", "denied", "image_not_found"))
    t.true(not t.here(name), "it is not there yet")
    t.equal(t.pull(name, username="carol", password=PASSWORD)["state"], "succeeded")
    t.true(t.here(name), "now it is there")
    told = t.thole.get("/v1/operations?limit=1000").text + t.thole.get("/v1/events?limit=1000").text + t.thole.output(True)
    t.true(PASSWORD not in told, "no operation, event or log line holds the password")
    for folder, _, files in os.walk(t.thole.state):
        for file in files:
            with open(os.path.join(folder, file), "rb") as stored:
                t.true(PASSWORD.encode() not in stored.read(), f"{file} does not hold the password")


@case("a pull can be cancelled while its progress is told", "row:86 API-12")
def _(t):
    wire = HeldWire(t.open.port, 1_500_000, 3_000_000)
    name = f"127.0.0.1:{wire.port}/demo:1"
    t.forget(f"{t.open.address}/demo:1")
    operation = t.pull(name, wait=None)

    def told():
        seen = t.thole.get(f"/v1/operations/{operation['id']}").json
        return seen if seen["progress"]["done"] > 100_000 else None
    seen = t.until(told, 60, "progress")
    t.true(seen["progress"]["done"] < seen["progress"]["total"], f"{seen['progress']} is on its way")
    t.thole.post(f"/v1/operations/{operation['id']}/cancel").expect(200, 202)
    ended = t.thole.get(f"/v1/operations/{operation['id']}?wait=cancelled,succeeded,failed&timeout=60").expect(200).json
    t.equal(ended["state"], "cancelled")
    time.sleep(0.5)
    t.true(not t.here(name), "the engine does not have it")
    wire.stop()


@case("create pulls what is missing", "row:13")
def _(t):
    name = f"{t.open.address}/demo:1"
    t.forget(name)
    t.equal(t.output("echo pulled", image=name, pull="if-missing"), "pulled\n")
    t.true(t.here(name), "the engine has it")


@case("create of an image that is nowhere is `error` with image_not_found")
def _(t):
    workload = t.run("true", image=f"{t.open.address}/nowhere:1", pull="if-missing")
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "image_not_found")


@case("pull: always asks the registry each time")
def _(t):
    name = f"{t.open.address}/demo:1"
    t.equal(t.output("echo fresh", image=name, pull="always"), "fresh\n")
    t.engine.post(f"/images/{name.rpartition(':')[0]}/tag?repo=127.0.0.1:1/demo&tag=1").expect(201, 404)
    # the registry may come back: it goes on trying until it is too late
    workload = t.run("true", image="127.0.0.1:1/demo:1", pull="always", wait=None)
    time.sleep(1)
    t.among(t.get(workload)["state"], ("provisioning", "error"))


@case("an image in use is kept, one that is free is removed")
def _(t):
    name = f"{t.open.address}/demo:1"
    t.pull(name)
    workload = t.run(image=name)
    t.thole.delete(f"/v1/images?image={name}").expect(409)
    t.verb(workload, "kill", {}, "stopped")
    t.thole.remove(workload)
    t.thole.delete(f"/v1/images?image={name}").expect(204)
    t.true(not t.here(name), "it is gone")
    t.thole.delete(f"/v1/images?image={name}").expect(204, 404)
    t.true(t.here(IMAGE), "others stay")


main(Images)
