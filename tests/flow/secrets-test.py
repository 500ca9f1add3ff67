#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Secrets: given to drivers, and found nowhere else."""
import base64
import json
import os
import signal

from daemon import Client, sanitized
from memory import FOREVER, Memory, Skip, case, main, script

VALUE = "hunter2-Zm9vYmFy-the-value-that-nobody-finds"
NEXT = "hunter3-YmFyZm9v-another-one-that-nobody-finds"


class Secrets(Memory):
    def reference(self, name="db"):
        return {"PASSWORD": {"secret": name}, "PLAIN": "text"}

    def told(self, workload):
        return self.logs(workload).split()


@case("a program gets the value, an answer never", "AU-32 CF-10")
def _(t):
    made = t.thole.post("/v1/secrets", {"name": "db", "value": VALUE}).expect(201)
    t.equal(sorted(made.json), ["created_at", "id", "name", "owner", "revision", "updated_at"])
    t.thole.post("/v1/secrets", {"name": "db", "value": VALUE}).expect(409)
    t.equal(t.thole.post("/v1/workloads", {"spec": t.spec(["env", "PASSWORD"], env=t.reference("none"))}).expect(422).pointers,
            ["/spec/env/PASSWORD"])
    t.equal(t.thole.post("/v1/workloads", {"spec": t.spec([], env={"A": {"secret": "db", "x": "y"}})}).expect(422).pointers, ["/spec/env/A"])
    workload = t.run(script("env PASSWORD", "env PLAIN"), env=t.reference())
    t.equal(t.told(workload), [VALUE, "text"])
    t.equal(t.get(workload)["spec"]["env"], t.reference())
    # only a spec may stand for one
    running = t.run(FOREVER)
    t.thole.post(f"/v1/workloads/{running['id']}/exec", {"command": ["env", "A"], "env": {"A": {"secret": "db"}}}).expect(422)


@case("a file can hold it, an install step gets it, too; every wrong reference is named", "CF-10")
def _(t):
    t.thole.post("/v1/secrets", {"name": "key", "value": "-----BEGIN-----\nabc"}).expect(201)
    spec = t.spec(script("cat /run/key", "exit 0"), files=[{"path": "/run/key", "secret": "key"}],
                  install={"command": script("cat /run/key", "exit 0")})
    workload = t.thole.create(spec, wait="stopped,crashed,error")
    t.equal((workload["state"], workload["spec"]["files"][0]["secret"]), ("stopped", "key"))
    t.holds(t.logs(workload), "-----BEGIN-----\nabc")
    bad = t.spec(FOREVER, env={"A": {"secret": "none"}, "B": {"secret": "key"}},
                 files=[{"path": "/a", "secret": "none"}, {"path": "/b", "secret": "key", "content": "x"}])
    t.equal(sorted(t.thole.post("/v1/workloads", {"spec": bad}).expect(422).pointers), ["/spec/env/A", "/spec/files/0/secret", "/spec/files/1"])
    t.thole.delete("/v1/secrets/key").expect(204)


@case("it is found in no file, log, event or answer", "AU-32 CF-10")
def _(t):
    t.run(script("env PASSWORD"), env=t.reference())
    t.run(FOREVER, env=t.reference())
    wrong = [t.thole.post("/v1/secrets", {"name": "Not A Name", "value": VALUE}),
             t.thole.post("/v1/secrets", {"name": "x", "value": VALUE, "more": 1}),
             t.thole.post("/v1/secrets", '{"name": "x", "value": "' + VALUE + '"'),
             t.thole.post("/v1/secrets", {"name": "db", "value": VALUE})]
    answers = [reply.text for reply in wrong]
    answers += [t.thole.get(path).text for path in ("/v1/secrets", "/v1/secrets/db", "/v1/audit?limit=1000", "/v1/workloads",
                                                    "/v1/operations", "/metrics", "/v1/me")]
    answers.append(json.dumps(t.thole.events()))
    answers += [t.thole.get(f"/v1/workloads/{workload['id']}/why").text for workload in t.mine()]
    places = {"an answer": "".join(answers).encode(), "the log": t.thole.output(whole=True).encode()}
    with open(f"/proc/{t.thole.process.pid}/environ", "rb") as file:
        places["environ"] = file.read()
    for folder, _, names in os.walk(t.thole.directory):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    places[path] = file.read()
    t.true(any(path.endswith("thole.db") for path in places), "the store was looked at")
    hidden = [VALUE.encode(), base64.b64encode(VALUE.encode()).rstrip(b"="), VALUE.encode().hex().encode(), VALUE.encode("utf-16-le")]
    for place, content in places.items():
        for form in hidden:
            t.true(form not in content, f"{place} without the value")


@case("it is its owner's, and another one's is as if it were not there")
def _(t):
    body = {"email": "dev@example.org", "password": "a good password", "roles": ["developer"]}
    t.thole.post("/v1/users", body).expect(201)
    token = t.thole.tcp(token=False).post("/v1/auth/login", {k: body[k] for k in ("email", "password")}).expect(200).json["token"]
    dev = Client(port=t.thole.tcp_port, token=token)
    theirs = t.thole.get("/v1/secrets/db").expect(200).json["id"]
    for reply in dev.get("/v1/secrets/db"), dev.get(f"/v1/secrets/{theirs}"), dev.delete(f"/v1/secrets/{theirs}"):
        reply.expect(404)
    t.equal(dev.listed("/v1/secrets"), [])
    dev.post("/v1/workloads", {"spec": t.spec([], env=t.reference())}).expect(422)
    dev.post("/v1/secrets", {"name": "db", "value": "mine"}).expect(201)
    made = dev.post("/v1/workloads?wait=stopped", {"spec": t.spec(["env", "PASSWORD"], env=t.reference())}).expect(201).json
    t.equal(dev.get(f"/v1/workloads/{made['id']}/logs").text.split(), ["mine"])


@case("a new value is what a new program gets; what is gone cannot be referred to")
def _(t):
    etag = t.thole.get("/v1/secrets/db").expect(200).json["revision"]
    t.thole.patch("/v1/secrets/db", {"value": NEXT}, {"If-Match": f'"{etag + 5}"'}).expect(412)
    t.thole.patch("/v1/secrets/db", {"value": NEXT}).expect(200)
    t.equal(t.told(t.run(["env", "PASSWORD"], env=t.reference())), [NEXT])
    t.thole.delete("/v1/secrets/db").expect(204)
    t.thole.get("/v1/secrets/db").expect(404)
    t.thole.post("/v1/workloads", {"spec": t.spec([], env=t.reference())}).expect(422)
    t.thole.post("/v1/secrets", {"name": "db", "value": NEXT}).expect(201)


@case("the key can be replaced; without it nothing is opened, and the daemon says so")
def _(t):
    path = os.path.join(t.thole.state, "secret-key")
    t.equal(os.stat(path).st_mode & 0o777, 0o600)
    with open(path, encoding="ascii") as file:
        old = file.read()

    def restart(keys):
        t.thole.stop()
        with open(path, "w", encoding="ascii") as file:
            file.write(keys)
        t.thole.start()
        t.till_ready()

    restart("n" * 40 + "\n" + old)
    t.equal(t.told(t.run(["env", "PASSWORD"], env=t.reference())), [NEXT])
    # by now it is sealed with the new one
    restart("n" * 40 + "\n")
    t.equal(t.told(t.run(["env", "PASSWORD"], env=t.reference())), [NEXT])
    restart("m" * 40 + "\n")
    t.holds(t.thole.output(), "cannot be opened")
    workload = t.run(["env", "PASSWORD"], env=t.reference(), wait="error,crashed,stopped")
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "the secret db cannot be opened")
    restart("n" * 40 + "\n")


@case("the daemon leaves no core file")
def _(t):
    if sanitized():
        raise Skip("sanitizers look into the process themselves")
    t.thole.stop()
    t.thole.wrapper = ["prlimit", "--core=unlimited"]
    t.thole.start()
    t.till_ready()
    process = t.thole.process
    t.thole.died_as_asked = True
    process.send_signal(signal.SIGQUIT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -os.WTERMSIG(status)
    t.equal((os.WTERMSIG(status), os.WCOREDUMP(status)), (signal.SIGQUIT, False))
    t.thole.wrapper = []
    t.thole.start()
    t.till_ready()


main(Secrets)
