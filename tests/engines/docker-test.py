#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workloads on a real Docker Engine: life, exit, limits, network, files, health, restarts."""
import base64
import concurrent.futures
import json
import os
import socket
import time
import urllib.request

from real_docker import IMAGE, Bench, Skip, case, main, sha256


def network(t):
    if not t.engine.networked:
        raise Skip("this engine has no network")


# how it ends ---------------------------------------------------------------------------------------------

@case("exit code 0 is `stopped`", "LC-12 row:11")
def _(t):
    workload = t.ended("exit 0")
    t.equal((workload["state"], workload["exit_code"], workload["exit_signal"]), ("stopped", 0, None))
    t.true(workload["stopped_at"] >= workload["started_at"] >= workload["created_at"], "the order of times")


@case("a secret is in the environment and in a file that its owner alone may read", "CF-10")
def _(t):
    t.thole.post("/v1/secrets", {"name": "engine-secret", "value": "a $value\nof two lines"}).expect(201)
    text = t.output("printf '%s' \"$TOKEN\"; cat /run/key; stat -c ' %a' /run/key", env={"TOKEN": {"secret": "engine-secret"}},
                    files=[{"path": "/run/key", "secret": "engine-secret"}])
    t.equal(text, "a $value\nof two linesa $value\nof two lines 400\n")
    t.thole.delete("/v1/secrets/engine-secret").expect(204)


@case("a program inside reports with the token of its workload", "NA-15 row:74")
def _(t):
    url = f"http://127.0.0.1:{t.thole.tcp_port}/v1/workloads/$THOLE_WORKLOAD_ID/reports"
    post = (f'wget -q -O - --header "Authorization: Bearer $THOLE_WORKLOAD_TOKEN" --header "Content-Type: application/json"'
            f""" --post-data "{{\\"workload\\":\\"$THOLE_WORKLOAD_ID\\",\\"type\\":\\"inside\\"}}" {url}""")
    # the daemon of the test is on loopback only
    workload = t.ended(post, network="host", helper=True)
    t.equal(workload["exit_code"], 0, t.logs(workload))
    event = next(one for one in t.thole.events() if one["type"] == "workload.report")
    t.equal((event["subject"], event["data"]["type"]), (workload["id"], "inside"))
    t.equal(event["seq"], json.loads(t.logs(workload))["seq"])


@case("exit code 1 is `crashed`", "LC-12 LC-39 row:11")
def _(t):
    workload = t.ended("echo last words >&2; exit 1")
    t.equal((workload["state"], workload["exit_code"]), ("crashed", 1))
    t.equal(t.logs(workload), "last words\n")


@case("any exit code comes through", "TE-21")
def _(t):
    workload = t.ended("exit 37")
    t.equal((workload["state"], workload["exit_code"]), ("crashed", 37))


@case("running out of memory is 137 and is told apart from a kill", "LC-12 LC-36")
def _(t):
    workload = t.ended(["tail", "/dev/zero"], resources={"memory": "16MiB"})
    t.equal((workload["state"], workload["exit_code"]), ("crashed", 137))
    t.holds(workload["state_reason"].lower(), "memory", "the reason")


@case("a kill that was asked for is `stopped` with SIGKILL", "LC-08")
def _(t):
    workload = t.run()
    t.verb(workload, "kill", {}, "stopped")
    workload = t.get(workload)
    t.equal((workload["state"], workload["exit_code"], workload["exit_signal"]), ("stopped", 137, "SIGKILL"))
    t.true("memory" not in workload["state_reason"].lower(), "a kill is not told as want of memory")


@case("a kill behind our back is `crashed` with SIGKILL", "LC-12 LC-45")
def _(t):
    workload = t.run()
    t.engine.post(f"/containers/{workload['engine_id']}/kill").expect(204)
    workload = t.thole.wait(workload, "crashed")
    t.equal((workload["exit_code"], workload["exit_signal"]), (137, "SIGKILL"))
    t.true("memory" not in workload["state_reason"].lower(), "a kill is not told as want of memory")


@case("a program that ignores SIGTERM is killed after its grace", "LC-37")
def _(t):
    workload = t.run("trap '' TERM; while :; do sleep 0.1; done", stop={"grace": 1.5})
    begin = time.monotonic()
    t.verb(workload, "stop", {}, "stopped")
    took = time.monotonic() - begin
    t.true(took >= 1.4, f"{took:.1f} s are its grace at least")
    t.equal(t.get(workload)["exit_signal"], "SIGKILL")


@case("a program that heeds SIGTERM ends by itself", "LC-37")
def _(t):
    # one that is killed after its grace is still there when this client gives up
    workload = t.run("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done", stop={"grace": 3600})
    t.until(lambda: "up" in t.logs(workload), 60)
    t.verb(workload, "stop", {}, "stopped")
    workload = t.get(workload)
    t.equal((workload["exit_code"], t.logs(workload)), (0, "up\nbye\n"))


@case("the stop signal of the spec is sent")
def _(t):
    workload = t.run("trap 'echo one; exit 0' USR1; echo up; while :; do sleep 0.05; done", stop={"signal": "SIGUSR1", "grace": 10})
    t.until(lambda: "up" in t.logs(workload), 60)
    t.verb(workload, "stop", {}, "stopped")
    t.holds(t.logs(workload), "one")


@case("signal and grace of the request win over the spec's")
def _(t):
    workload = t.run("trap 'echo hup; exit 0' HUP; trap '' TERM; echo up; while :; do sleep 0.05; done", stop={"grace": 60})
    t.until(lambda: "up" in t.logs(workload), 60)
    t.verb(workload, "stop", {"signal": "SIGHUP", "grace": 5}, "stopped")
    t.holds(t.logs(workload), "hup")


@case("a signal that it handles leaves it running")
def _(t):
    workload = t.run("trap 'echo got' HUP; echo up; while :; do sleep 0.05; done")
    t.until(lambda: "up" in t.logs(workload), 60)
    t.verb(workload, "kill", {"signal": "SIGHUP"})
    t.until(lambda: "got" in t.logs(workload), 60, "its answer to the signal")
    t.until(lambda: t.get(workload)["state"] == "running", 60, "running again")


@case("a command that does not exist is `error` with the engine's words", "LC-39 API-08 API-09")
def _(t):
    workload = t.run(["/no/such/program"])
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "/no/such/program")


# life ----------------------------------------------------------------------------------------------------

@case("create, stop, start, restart, delete", "LC-08 LC-30 row:3")
def _(t):
    workload = t.run()
    first = workload["started_at"]
    t.verb(workload, "stop", {}, "stopped")
    t.verb(workload, "start", None, "running")
    second = t.get(workload)["started_at"]
    t.true(second > first, "a start is a new run")
    t.verb(workload, "restart", {}, "running")
    t.until(lambda: t.get(workload)["started_at"] > second and t.get(workload)["state"] == "running", 60, "a third run")
    t.thole.remove(workload)
    t.thole.get(f"/v1/workloads/{workload['id']}").expect(404, 410)
    t.equal(t.engine.containers(f"org.thole.id={workload['id']}"), [], "its containers")


@case("a restart keeps the container, a delete takes it away", "LC-41 row:2")
def _(t):
    workload = t.run("echo $(hostname); sleep 1000", hostname="")
    engine_id = workload["engine_id"]
    t.verb(workload, "stop", {}, "stopped")
    t.verb(workload, "start", None, "running")
    t.equal(t.get(workload)["engine_id"], engine_id)


@case("start: false makes it and leaves it", "LC-31")
def _(t):
    workload = t.run("echo hello", wait="stopped", body={"start": False})
    t.equal((workload["state"], workload["started_at"], t.logs(workload)), ("stopped", None, ""))
    t.verb(workload, "start", None, "stopped")
    t.until(lambda: t.logs(workload) == "hello\n", 60, "its line")


@case("pause freezes, unpause thaws")
def _(t):
    workload = t.run("n=0; while :; do n=$((n+1)); echo $n; sleep 0.05; done")
    t.until(lambda: "3\n" in t.logs(workload), 60)
    t.verb(workload, "pause", None, "paused")
    t.true(t.engine.container(workload)["State"]["Paused"], "the engine's own flag")
    before = t.rested_log(workload)
    t.verb(workload, "unpause", None, "running")
    t.until(lambda: len(t.logs(workload)) > len(before), 60, "more lines")


@case("a paused workload can be stopped")
def _(t):
    workload = t.run()
    t.verb(workload, "pause", None, "paused")
    t.verb(workload, "stop", {"grace": 1}, "stopped")


@case("suspend stops it and locks it", "LC-08 row:4")
def _(t):
    workload = t.run()
    t.verb(workload, "suspend", {}, "suspended")
    reply = t.thole.post(f"/v1/workloads/{workload['id']}/start").expect(409)
    t.equal(reply.code, "illegal_transition")
    t.verb(workload, "unsuspend", None, "stopped")
    t.verb(workload, "start", None, "running")


@case("an illegal transition names both states and what is allowed", "LC-03 row:1")
def _(t):
    workload = t.run()
    reply = t.thole.post(f"/v1/workloads/{workload['id']}/unsuspend").expect(409)
    t.equal(reply.code, "illegal_transition")
    t.holds(reply.json["detail"], "running")


@case("what runs is deleted only by force")
def _(t):
    workload = t.run()
    t.equal(t.thole.delete(f"/v1/workloads/{workload['id']}").expect(409).code, "illegal_transition")
    t.thole.delete(f"/v1/workloads/{workload['id']}?force=true&wait=deleted&timeout=60").expect(200, 204)
    t.equal(t.engine.containers(f"org.thole.id={workload['id']}"), [], "its containers")


@case("a name is taken once", "API-02")
def _(t):
    t.run(body={"name": "only-one"})
    reply = t.thole.post("/v1/workloads", {"name": "only-one", "spec": t.spec("true")}).expect(409)
    t.among(reply.code, ("conflict",))
    t.equal(len([w for w in t.thole.listed("/v1/workloads") if w["name"] == "only-one"]), 1)


@case("a longest name works")
def _(t):
    name = "n" * 63
    t.equal(t.run("exit 0", body={"name": name})["name"], name)


@case("a missing image that must not be pulled is image_not_found")
def _(t):
    workload = t.run("true", image="thole/nothing-here:1")
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "image_not_found")


@case("everything that we make carries our labels", "LC-35 row:19")
def _(t):
    workload = t.run(body={"labels": {"app": "web", "Team/x": "a=b c"}})
    labels = t.engine.container(workload)["Config"]["Labels"]
    t.equal(labels["org.thole.id"], workload["id"])
    t.true(labels.get("org.thole.instance"), "the instance's label")
    t.equal((labels.get("app"), labels.get("Team/x")), ("web", "a=b c"), "the user's labels")


@case("lists filter by state, label and name", "LC-30 LC-35 row:19")
def _(t):
    one = t.run(body={"name": "find-me", "labels": {"tier": "one"}})
    t.ended("exit 0", body={"labels": {"tier": "two"}})
    for query in ("label=tier%3Done", "name=find-me", "state=running", "label=tier&state=running"):
        t.equal([w["id"] for w in t.thole.listed(f"/v1/workloads?{query}")], [one["id"]], query)


@case("a dry run makes nothing", "row:88")
def _(t):
    before = t.last_event()
    t.thole.post("/v1/workloads?dry_run=true", {"name": "dry", "spec": t.spec("true")}).expect(200)
    t.thole.get("/v1/workloads/dry").expect(404)
    t.equal((t.last_event(), len(t.engine.containers())), (before, 0), "events and containers")


@case("twenty at once come and go", "OC-01")
def _(t):
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda n: t.run(f"echo number {n}; sleep 1000"), range(20)))
        t.equal({w["state"] for w in made}, {"running"}, "their states")
        t.same_as_engine()
        list(pool.map(t.thole.remove, made))
    t.made = []
    t.equal(t.engine.containers(), [], "containers left")


@case("the same Idempotency-Key twice is one workload", "row:85")
def _(t):
    key = {"Idempotency-Key": "twice"}
    body = {"spec": t.spec("sleep 1000"), "name": "twice"}
    first = t.thole.post("/v1/workloads?wait=running", body, key).expect(201, 202)
    again = t.thole.post("/v1/workloads?wait=running", body, key).expect(200, 201, 202)
    t.made.append(first.json["id"])
    t.equal(again.json["id"], first.json["id"])
    t.equal(again.headers.get("idempotency-replayed"), "true")
    t.equal(t.thole.post("/v1/workloads", {**body, "name": "other"}, key).expect(409).code, "idempotency_conflict")
    t.equal(len(t.engine.containers()), 1, "containers")


@case("fifty requests at once with one Idempotency-Key are one workload", "row:85")
def _(t):
    body = {"spec": t.spec("sleep 1000")}
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda _: t.thole.post("/v1/workloads?wait=running", body, {"Idempotency-Key": "fifty"}), range(50)))
    t.equal({reply.status for reply in replies} - {200, 201, 202}, set(), "wrong statuses")
    t.equal(len({reply.json["id"] for reply in replies}), 1, "workloads")
    t.made.append(replies[0].json["id"])
    t.equal(len(t.engine.containers()), 1, "containers")


@case("with a key of its own each, the same request makes many")
def _(t):
    for number in range(3):
        reply = t.thole.post("/v1/workloads?wait=stopped", {"spec": t.spec("exit 0")}, {"Idempotency-Key": f"k{number}"})
        t.made.append(reply.expect(201, 202).json["id"])
    t.equal(len(set(t.made)), 3)


# what it sees --------------------------------------------------------------------------------------------

@case("environment, also with odd values")
def _(t):
    env = {"PLAIN": "x", "EMPTY": "", "EQUALS": "a=b=c", "WIDE": "žluťoučký 漢字", "LINES": "one\ntwo"}
    text = t.output("env", env=env)
    for key, value in env.items():
        t.holds(text, f"{key}={value}\n")


@case("working directory, host name and arguments")
def _(t):
    t.equal(t.output("pwd; hostname", working_dir="/etc", hostname="my-host"), "/etc\nmy-host\n")
    t.equal(t.output(["echo", "a"], args=["b", "c d"]), "a b c d\n")
    workload = t.ended(None, args=["echo", "only args"])
    t.equal((workload["exit_code"], t.logs(workload)), (0, "only args\n"))


@case("user by number and by name", "AU-34")
def _(t):
    t.equal(t.output("id -u; id -g", user="1234:567"), "1234\n567\n")
    t.equal(t.output("id -un", user="nobody"), "nobody\n")


@case("standard input is closed unless asked for")
def _(t):
    t.equal(t.output(["cat"]), "")
    workload = t.run(["cat"], stdin=True)
    t.equal(workload["state"], "running")


@case("a terminal when asked for")
def _(t):
    t.equal(t.output("test -t 0 && test -t 1 && echo terminal", tty=True), "terminal\r\n")
    workload = t.ended("test -t 1")
    t.equal(workload["exit_code"], 1)


@case("files are there before the first start, with their modes")
def _(t):
    data = bytes(range(256)) * 16
    files = [{"path": "/etc/app.conf", "content": "é = 1\n"},
             {"path": "/opt/new/dir/tool", "content": "#!/bin/sh\necho tool ran\n", "mode": 0o755},
             {"path": "/opt/blob", "content_base64": base64.b64encode(data).decode(), "mode": 0o600}]
    text = t.output("cat /etc/app.conf; /opt/new/dir/tool; sha256sum </opt/blob; stat -c %a /opt/blob", files=files)
    t.equal(text, f"é = 1\ntool ran\n{sha256(data)}  -\n600\n")


@case("20 MB of files go in at creation, byte for byte")
def _(t):
    blocks = [os.urandom(1024 * 1024) for _ in range(20)]
    files = [{"path": f"/data/{n:02}", "content_base64": base64.b64encode(block).decode()} for n, block in enumerate(blocks)]
    text = t.output("cat /data/* | sha256sum; cat /data/* | wc -c", files=files)
    t.equal(text, f"{sha256(b''.join(blocks))}  -\n{20 * 1024 * 1024}\n")


@case("a path of the machine is mounted, read-only when asked")
def _(t):
    source = os.path.join(t.directory, "mounted")
    os.makedirs(source, exist_ok=True)
    with open(os.path.join(source, "in"), "w", encoding="ascii") as file:
        file.write("from outside\n")
    t.equal(t.output("cat /m/in; echo back >/m/out", mounts=[{"source": source, "target": "/m"}]), "from outside\n")
    with open(os.path.join(source, "out"), encoding="ascii") as file:
        t.equal(file.read(), "back\n")
    workload = t.ended("echo no >/m/out", mounts=[{"source": source, "target": "/m", "read_only": True}])
    t.equal(workload["state"], "crashed")
    t.holds(t.logs(workload), "Read-only")


@case("a volume outlives its workload")
def _(t):
    volume = t.volume("kept")
    t.output("echo remembered >/v/file", mounts=volume)
    t.after()
    t.equal(t.output("cat /v/file", mounts=volume), "remembered\n")


@case("a volume is made when a workload mounts it first, and another one finds it", "row:72")
def _(t):
    mounts = [{"volume": f"v{os.getpid()}", "target": "/v"}]
    t.output("echo first >/v/file", mounts=mounts)
    t.equal(t.output("cat /v/file; echo second", mounts=mounts), "first\nsecond\n")


@case("a read-only root cannot be written")
def _(t):
    workload = t.ended("touch /file", privileges={"read_only_root": True})
    t.equal(workload["state"], "crashed")
    t.holds(t.logs(workload), "Read-only")


# limits --------------------------------------------------------------------------------------------------

@case("memory, CPU and process limits reach the engine", "LC-22 LC-24 LC-36 row:18")
def _(t):
    host = t.engine.container(t.run(resources={"memory": "64MiB", "cpu": 0.5, "pids": 50}))["HostConfig"]
    t.equal((host["Memory"], host["PidsLimit"]), (64 * 1024 * 1024, 50))
    cpu = host["NanoCpus"] / 1e9 if host["NanoCpus"] else host["CpuQuota"] / host["CpuPeriod"]
    t.equal(cpu, 0.5, "cores")


@case("a process limit is always set, and it holds", "row:18")
def _(t):
    t.true(0 < t.engine.container(t.run())["HostConfig"]["PidsLimit"] <= 4096, "the default limit is there")
    workload = t.ended("n=0; while [ $n -lt 40 ]; do sleep 20 & n=$((n+1)); done; echo all", resources={"pids": 10})
    t.true("all" not in t.logs(workload), "it could not start 40 processes")


@case("no new privileges and few capabilities by default", "LC-24 row:18")
def _(t):
    text = t.output("grep -E 'CapEff|NoNewPrivs' /proc/self/status")
    fields = dict(line.split(":\t") for line in text.splitlines())
    t.equal(fields["NoNewPrivs"], "1")
    effective = int(fields["CapEff"], 16)
    for name, bit in {"SYS_ADMIN": 21, "NET_ADMIN": 12, "SYS_PTRACE": 19, "NET_RAW": 13, "MKNOD": 27}.items():
        t.true(not effective >> bit & 1, f"{name} is dropped")
    t.among("ALL", t.engine.container(t.run())["HostConfig"]["CapDrop"] or [])


@case("a capability can be added by name")
def _(t):
    text = t.output("grep CapEff /proc/self/status", privileges={"capabilities": ["NET_ADMIN"]})
    t.true(int(text.split()[1], 16) >> 12 & 1, "NET_ADMIN is there")


@case("limits change while it runs", "LC-36")
def _(t):
    workload = t.run(resources={"memory": "64MiB"})
    t.thole.patch(f"/v1/workloads/{workload['id']}", {"spec": {"resources": {"memory": "128MiB", "cpu": 0.25}}}).expect(200, 202)
    t.until(lambda: t.engine.container(workload)["HostConfig"]["Memory"] == 128 * 1024 * 1024, 60, "the new limit")
    t.equal(t.get(workload)["state"], "running")


# network -------------------------------------------------------------------------------------------------

def fetch(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
        return answer.read().decode()


WEB = "mkdir /w; echo served >/w/index.html; exec httpd -f -p 80 -h /w"


@case("a published port is reachable and told", "LC-34")
def _(t):
    network(t)
    workload = t.run(WEB, ports=[{"container": 80, "address": "127.0.0.1"}])
    port = t.until(lambda: t.get(workload)["ports"], 60, "its ports")[0]
    t.true(port["host"] > 0 and port["container"] == 80, f"{port} names both sides")
    t.until(lambda: answers(f"http://127.0.0.1:{port['host']}/"), 60, "an answer")
    t.equal(fetch(f"http://127.0.0.1:{port['host']}/"), "served\n")


def answers(url):
    try:
        return fetch(url)
    except OSError:
        return None


@case("its address is reachable", "LC-34")
def _(t):
    network(t)
    workload = t.run(WEB)
    address = t.until(lambda: t.get(workload)["addresses"], 60, "its addresses")[0]
    t.equal(t.until(lambda: answers(f"http://{address}/"), 60, "an answer"), "served\n")


@case("a port that is taken is an error that says so", "LC-39")
def _(t):
    network(t)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        workload = t.run(WEB, ports=[{"container": 80, "host": number, "address": "127.0.0.1"}])
        t.equal(workload["state"], "error")
        t.holds(workload["state_reason"], str(number))


@case("no network means no network")
def _(t):
    t.equal(t.output("ls /sys/class/net", network="none").split(), ["lo"])


@case("the machine's network when asked for")
def _(t):
    names = set(os.listdir("/sys/class/net"))
    t.true(set(t.output("ls /sys/class/net", network="host").split()) & (names - {"lo"}), "the machine's interfaces")


@case("a network that does not exist is an error")
def _(t):
    workload = t.run(network="no-such-network")
    t.equal(workload["state"], "error")
    t.holds(workload["state_reason"], "no-such-network")


# restarts, health, time ----------------------------------------------------------------------------------

@case("on-failure starts it again, so many times", "LC-28 row:10 row:109")
def _(t):
    workload = t.run("echo again; exit 3", restart={"policy": "on-failure", "max_retries": 2, "backoff": 0.1})
    t.until(lambda: t.states(workload).count("crashed") == 3, 60, "two restarts, then rest")
    time.sleep(1)
    workload = t.get(workload)
    t.equal((workload["state"], workload["exit_code"], workload["restarts"]), ("crashed", 3, 2))
    t.equal(t.logs(workload), "again\n" * 3)


@case("on-failure leaves a good end alone", "row:10")
def _(t):
    workload = t.ended("echo once", restart={"policy": "on-failure", "backoff": 0.1})
    time.sleep(0.6)
    t.equal((t.get(workload)["state"], t.logs(workload)), ("stopped", "once\n"))


@case("always starts it again after a good end, too", "LC-28 row:10")
def _(t):
    workload = t.run("echo again; sleep 0.1", restart={"policy": "always", "backoff": 0.05})
    t.until(lambda: t.logs(workload).count("again") >= 3, 60, "three runs")
    t.verb(workload, "stop", {}, "stopped")
    runs = t.states(workload).count("running")
    time.sleep(1)
    t.equal((t.get(workload)["state"], t.states(workload).count("running")), ("stopped", runs), "after a stop it rests")


@case("a health check by command turns healthy, then unhealthy", "LC-17 row:109")
def _(t):
    health = {"command": ["test", "-e", "/ok"], "interval": 0.2, "timeout": 5, "retries": 2}
    workload = t.run("touch /ok; sleep 1000", health=health)
    t.until(lambda: t.get(workload)["health"] == "healthy", 60, "healthy")
    t.exec(workload, "rm /ok")
    t.until(lambda: t.get(workload)["health"] == "unhealthy", 60, "unhealthy")


@case("health checks by TCP and HTTP", "row:109")
def _(t):
    network(t)
    web = t.run(WEB, health={"http": {"port": 80, "path": "/"}, "interval": 0.2, "retries": 2})
    tcp = t.run(WEB, health={"tcp": {"port": 80}, "interval": 0.2, "retries": 2})
    bad = t.run(WEB, health={"http": {"port": 80, "path": "/none"}, "interval": 0.2, "retries": 2})
    t.until(lambda: t.get(web)["health"] == t.get(tcp)["health"] == "healthy", 60, "both healthy")
    t.until(lambda: t.get(bad)["health"] == "unhealthy", 60, "the third unhealthy")


@case("a ttl deletes it", "row:95")
def _(t):
    workload = t.run(ttl=2)
    t.until(lambda: t.thole.get(f"/v1/workloads/{workload['id']}").status in (404, 410), 60, "its end")
    t.equal(t.engine.containers(f"org.thole.id={workload['id']}"), [], "its containers")


@case("an install step runs once, before the first start, on the same mounts", "LC-10 row:6")
def _(t):
    volume = t.volume("installed")
    install = {"command": ["sh", "-c", "echo step >>/v/log"], "timeout": 30}
    workload = t.run("cat /v/log; sleep 1000", mounts=volume, install=install)
    t.equal(workload["state"], "running")
    t.until(lambda: t.logs(workload) == "step\n", 60, "what the step wrote")
    t.holds(t.states(workload), "installing", "its states")
    t.verb(workload, "restart", {}, "running")
    t.until(lambda: t.logs(workload) == "step\nstep\n", 60, "the same line once more, not two")
    t.equal(len(t.engine.containers(f"org.thole.id={workload['id']}")), 1, "containers left of it")


@case("an install step that fails keeps it from starting", "LC-10")
def _(t):
    workload = t.run("echo never", install={"command": ["sh", "-c", "echo why >&2; exit 9"], "timeout": 30})
    t.among(workload["state"], ("error", "crashed"))
    t.holds(workload["state_reason"], "install")
    t.true("never" not in t.logs(workload), "the main program did not run")


# what it uses --------------------------------------------------------------------------------------------

@case("a sample of what it uses", "MH-02 row:44")
def _(t):
    workload = t.run("while :; do :; done", resources={"cpu": 0.2, "memory": "64MiB"})
    t.until(lambda: t.thole.get(f"/v1/workloads/{workload['id']}/stats").expect(200).json["cpu_seconds"] > 0.05, 60, "CPU time")
    sample = t.thole.get(f"/v1/workloads/{workload['id']}/stats").expect(200).json
    t.true(0 < sample["memory"] <= 64 * 1024 * 1024, f"memory in {sample}")
    t.equal(sample["memory_limit"], 64 * 1024 * 1024)
    t.true(sample["pids"] >= 1, "a process")


@case("samples as a stream", "MH-05 row:45")
def _(t):
    workload = t.run()
    seen = []
    for _, _, data in t.thole.sse(f"/v1/workloads/{workload['id']}/stats?stream=true"):
        seen.append(data)
        if len(seen) == 3:
            break
    t.true(all(sample["memory"] > 0 for sample in seen), "memory in each")
    t.true(seen[0]["time"] < seen[2]["time"], "time goes on")


@case("stats of what does not run are refused")
def _(t):
    workload = t.ended("exit 0")
    t.equal(t.thole.get(f"/v1/workloads/{workload['id']}/stats").expect(409).code, "illegal_transition")


@case("the backend tells the engine's version and health, but no secret", "LC-43 row:17")
def _(t):
    backend = t.backend()
    version = t.engine.get("/version").json
    text = t.thole.get("/v1/backends").expect(200).text
    t.equal(backend["state"], "ready")
    t.holds(text, version["Version"], "the backends")
    drivers = {driver["id"]: driver for driver in t.thole.listed("/v1/drivers")}
    t.holds(drivers["docker"]["interfaces"], "workload/1", "the driver's interfaces")


@case("an unknown driver option is refused", "API-03")
def _(t):
    workload = t.thole.post("/v1/workloads?wait=error,running,stopped", {"spec": t.spec("true", backend_options={"no_such": 1})})
    if workload.status < 300:
        t.made.append(workload.json["id"])
        t.equal(workload.json["state"], "error")
        t.holds(workload.json["state_reason"], "no_such")
    else:
        t.equal(workload.status, 422)


@case("an image that is there is listed")
def _(t):
    images = t.thole.listed("/v1/images?backend=docker")
    t.true(any(IMAGE in image["references"] for image in images), f"{IMAGE} is among {images}")


@case("numbers of events have no gap, and every state had its event", "row:87 row:126")
def _(t):
    workload = t.run()
    t.verb(workload, "stop", {}, "stopped")
    t.dense()
    seen = t.states(workload)
    t.equal(seen[-1], "stopped")
    t.equal([state for state in seen if state in ("running", "stopping", "stopped")], ["running", "stopping", "stopped"])


main(Bench)
