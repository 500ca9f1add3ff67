#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test tool, no daemon: answers tholectl as API.md says, with objects that are consistent among themselves.

    fake-daemon.py SOCKET [PORT TOKEN]      prints `ready` and serves until it is ended

What a workload does depends on its image: `exit:N` writes a line to each stream and ends with N, `sleep` runs until it is
stopped, `stubborn` until it is killed, `talk` writes a line each 50 ms, `cut` breaks the connection of its first log in the
middle, `slow` is pulled with progress, `missing` is not found, `again` crashes once and is restarted, `binary` writes bytes.
/fake/... is for the tests: requests (what came), drop (cut all streams), event (make one), forget (expire events).
"""
import base64
import http.server
import itertools
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
import urllib.parse

RESTING = ("stopped", "crashed", "error", "suspended")
LOCK = threading.RLock()
CHANGED = threading.Condition(LOCK)
COUNTER = itertools.count(1)
TITLES = {401: "No valid credential", 403: "Not permitted", 404: "No such object", 409: "Not possible in this state",
          410: "No longer there", 422: "Invalid input", 429: "Too many requests", 500: "Internal error",
          503: "The engine cannot be reached", 504: "It took too long"}
WORDS = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "illegal_transition", 410: "gone", 422: "invalid",
         429: "rate_limited", 500: "internal", 503: "unavailable", 504: "timeout"}


class Problem(Exception):
    def __init__(self, status, detail, **more):
        super().__init__(detail)
        self.status = status
        self.body = {"type": "about:blank", "title": TITLES[status], "status": status, "detail": detail,
                     "code": WORDS[status], "request_id": "req-1", **more}


def stamp(seconds=None):
    seconds = time.time() if seconds is None else seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


class World:
    def __init__(self):
        self.workloads, self.operations, self.events, self.requests = {}, {}, [], []
        self.forgotten = 0
        self.generation = 0  # streams of an older one are cut
        self.images = [{"id": "sha256:" + "ab" * 32, "references": ["demo:latest", "demo:1"], "size": 3500000,
                        "created_at": stamp(time.time() - 7200), "backend": "box"}]

    def event(self, kind, subject, **data):
        with LOCK:
            self.events.append({"seq": len(self.events) + 1, "time": stamp(), "type": kind, "subject": subject,
                                "actor": "uid:0", "data": data})
            CHANGED.notify_all()

    def find(self, name):
        for workload in self.workloads.values():
            if name in (workload.object["id"], workload.object["name"]):
                return workload
        raise Problem(404, f"there is no workload “{name}”")


WORLD = World()


class Workload:
    def __init__(self, body):
        number = next(COUNTER)
        name = body.get("name") or f"w{number}"
        self.lines, self.signal, self.gone, self.runs, self.cuts = [], None, False, 0, 0
        spec = body["spec"]
        self.object = {
            "id": f"wl-{number:04d}", "name": name, "backend": body.get("backend") or "box", "node": "", "owner": "uid:0",
            "state": "provisioning", "desired_state": "running", "state_reason": "", "generation": 1, "revision": 1,
            "spec": spec, "labels": body.get("labels", {}), "addresses": [],
            "ports": [dict(port, host=port.get("host") or 49152) for port in spec.get("ports", [])],
            "exit_code": None, "exit_signal": None, "restarts": 0, "health": "none", "engine_id": f"e{number}",
            "created_at": stamp(time.time() - 90), "updated_at": stamp(), "started_at": None, "stopped_at": None}

    def set(self, state, **fields):
        with LOCK:
            self.object.update(fields, state=state, updated_at=stamp(), revision=self.object["revision"] + 1)
            WORLD.event("workload.state", self.object["id"], state=state)
            CHANGED.notify_all()

    def write(self, stream, data):
        with LOCK:
            self.lines.append((f"2026-01-01T00:00:{len(self.lines) // 2:02d}.000Z", stream, data))
            CHANGED.notify_all()

    def begin(self):
        threading.Thread(target=self.run, daemon=True).start()

    def ended(self, code, signal_name=None, reason=""):
        asked = self.object["desired_state"] == "stopped"
        self.set("stopped" if asked or code == 0 else "crashed", desired_state="stopped", exit_code=code,
                 exit_signal=signal_name, state_reason=reason, stopped_at=stamp())

    def run(self):
        image = self.object["spec"].get("image", "")
        if image == "missing":
            self.set("error", state_reason="image_not_found: no such image: missing", desired_state="stopped")
            return
        if image == "slow":
            time.sleep(1.2)
        self.signal, self.runs = None, self.runs + 1
        self.set("running", started_at=stamp(), desired_state="running", exit_code=None, exit_signal=None)
        kind, _, rest = image.partition(":")
        if kind == "exit":
            self.write("stdout", "hello\n")
            self.write("stderr", "oops\n")
            self.ended(int(rest), reason=f"exited: exit code {rest}" if rest != "0" else "")
        elif kind == "binary":
            self.write("stdout", b"\xff\x00\xfe\n")
            self.ended(0)
        elif kind == "again" and self.runs == 1:
            self.write("stdout", "first\n")
            self.set("crashed", exit_code=1, state_reason="exited: exit code 1")
            time.sleep(0.4)
            self.object["restarts"] += 1
            self.run()
        elif kind == "again":
            self.write("stdout", "second\n")
            self.ended(0)
        elif kind == "cut":
            for number in range(6):
                self.write("stdout", f"line {number}\n")
            with LOCK:
                while self.cuts == 0:
                    CHANGED.wait(0.05)
            self.ended(0)
        else:
            self.until_signal(kind)

    def until_signal(self, kind):
        number = 0
        while True:
            with LOCK:
                if kind == "talk":
                    number += 1
                    self.write("stdout", f"tick {number}\n")
                CHANGED.wait(0.05)
                if self.signal == "SIGKILL" or (self.signal and kind != "stubborn"):
                    break
        if self.signal == "SIGKILL":
            self.ended(137, "SIGKILL")
        else:
            self.ended(0)


class Operation:
    def __init__(self, kind, image):
        number = next(COUNTER)
        self.cancelled = threading.Event()
        self.object = {"id": f"op-{number:04d}", "type": kind, "target": "", "owner": "uid:0", "state": "running",
                       "progress": {"done": 0, "total": 10000000, "unit": "bytes"}, "message": f"pulling {image}",
                       "error": None, "request_id": "req-1", "created_at": stamp(), "updated_at": stamp(), "finished_at": None}
        WORLD.operations[self.object["id"]] = self
        threading.Thread(target=self.run, args=(image,), daemon=True).start()

    def run(self, image):
        steps = 40 if image == "endless" else 4
        for step in range(1, steps + 1):
            if self.cancelled.wait(0.25 if image == "slow" or image == "endless" else 0.03):
                self.object.update(state="cancelled", finished_at=stamp())
                return
            self.object["progress"] = {"done": 10000000 * step // steps, "total": 10000000, "unit": "bytes"}
        if image == "missing":
            error = Problem(404, "no such image: missing").body
            self.object.update(state="failed", error={**error, "code": "image_not_found", "title": "No such image"})
        else:
            self.object.update(state="succeeded", finished_at=stamp())


FIELDS = {"name", "spec", "start", "backend", "labels"}


def check_create(body):
    errors = [{"pointer": f"/{key}", "code": "unknown", "detail": "unknown field"} for key in body if key not in FIELDS]
    spec = body.get("spec", {})
    if spec.get("user") == "bad user":
        errors.append({"pointer": "/spec/user", "code": "format", "detail": "not a user"})
    if spec.get("working_dir", "/").startswith("/") is False:
        errors.append({"pointer": "/spec/working_dir", "code": "format", "detail": "must be an absolute path"})
    if errors:
        raise Problem(422, f"{len(errors)} fields are wrong", errors=errors)
    if any(w.object["name"] == body.get("name") for w in WORLD.workloads.values()):
        problem = Problem(409, f"the name {body['name']} is taken")
        problem.body.update(code="exists", title="It exists already")
        raise problem


def run_command(command, body):
    stdin = base64.b64decode(body["stdin_base64"]) if "stdin_base64" in body else body.get("stdin", "").encode()
    answer = {"exit_code": 0, "signal": None, "stdout": "", "stderr": "", "truncated": False, "duration": 0.01}
    if command[0] == "cat":
        try:
            answer["stdout"] = stdin.decode()
        except UnicodeDecodeError:
            del answer["stdout"]
            answer["stdout_base64"] = base64.b64encode(stdin).decode()
    elif command[0] == "exit":
        answer.update(exit_code=int(command[1]), stdout="out\n", stderr="err\n")
    elif command[0] == "die":
        answer.update(exit_code=-1, signal="SIGTERM")
    elif command[0] == "lots":
        answer.update(stdout="x", truncated=True)
    else:
        answer["stdout"] = json.dumps(body, sort_keys=True) + "\n"
    return answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "peer"

    def do(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = {key: values for key, values in urllib.parse.parse_qs(url.query, keep_blank_values=True).items()}
        self.words = [urllib.parse.unquote(word) for word in url.path.strip("/").split("/")]
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        try:
            self.body = json.loads(text) if text else {}
            if not self.words[0] == "fake":
                WORLD.requests.append({"method": self.command, "path": url.path, "query": self.query, "body": self.body,
                                       "headers": {key.lower(): value for key, value in self.headers.items()}})
            if self.server.token and self.headers.get("Authorization") != "Bearer " + self.server.token:
                raise Problem(401, "a valid credential is needed")
            self.route()
        except Problem as problem:
            self.reply(problem.status, problem.body, "application/problem+json")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PATCH = do

    def one(self, key, fallback=None):
        return self.query.get(key, [fallback])[-1]

    def reply(self, status, value=None, kind="application/json", headers=None):
        data = json.dumps(value).encode() if value is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for key, text in (headers or {}).items():
            self.send_header(key, text)
        self.end_headers()
        self.wfile.write(data)

    def page(self, items):
        """Two objects a page, so that paging is used."""
        first = int(self.one("cursor", "0"))
        more = first + 2 < len(items)
        self.reply(200, {"items": items[first:first + 2], "next_cursor": str(first + 2) if more else None})

    def route(self):
        words, method = self.words, self.command
        if words[0] == "fake":
            self.fake(words[1])
        elif words[:2] == ["v1", "version"]:
            self.reply(200, {"name": "thole", "version": "9.9.9"})
        elif words[:2] == ["v1", "workloads"]:
            self.workloads(words[2:], method)
        elif words[:2] == ["v1", "operations"]:
            self.operations(words[2:])
        elif words[:2] == ["v1", "images"]:
            self.images(words[2:], method)
        elif words[:2] == ["v1", "events"]:
            self.events()
        elif words[:2] in (["v1", "drivers"], ["v1", "backends"]):
            self.things(words[1], words[2:])
        else:
            raise Problem(404, "no such path")

    def fake(self, what):
        with LOCK:
            if what == "requests":
                taken, WORLD.requests = WORLD.requests, []
                self.reply(200, taken)
                return
            if what == "drop":
                WORLD.generation += 1
                CHANGED.notify_all()
            elif what == "event":
                WORLD.event("test.event", "wl-x", n=len(WORLD.events) + 1)
            elif what == "forget":
                WORLD.forgotten = len(WORLD.events)
        self.reply(200, {"events": len(WORLD.events)})

    # workloads ---------------------------------------------------------------------------------------------

    def workloads(self, words, method):
        if not words:
            if method == "POST":
                self.create()
            else:
                self.list()
            return
        if words[0] in ("forbidden", "broken", "away", "busy"):
            raise Problem({"forbidden": 403, "broken": 500, "away": 503, "busy": 429}[words[0]], f"it is {words[0]}\x1b[31m")
        with LOCK:
            workload = WORLD.find(words[0])
        if len(words) == 1:
            self.one_workload(workload, method)
        elif words[1] == "logs":
            self.logs(workload)
        elif words[1] == "stats":
            self.reply(200, {"time": stamp(), "cpu": 0.25, "cpu_seconds": time.time() % 1000, "memory": 12 << 20,
                             "memory_limit": 64 << 20, "pids": 3, "net_rx": 1000, "net_tx": 2000, "disk_read": 0,
                             "disk_write": 4096})
        elif words[1] == "exec":
            if workload.object["state"] != "running":
                raise Problem(409, f"it is {workload.object['state']}, exec needs running")
            self.reply(200, run_command(self.body["command"], self.body))
        else:
            self.verb(workload, words[1])

    def create(self):
        check_create(self.body)
        workload = Workload(self.body)
        with LOCK:
            WORLD.workloads[workload.object["id"]] = workload
            WORLD.event("workload.created", workload.object["id"], name=workload.object["name"])
        headers = {"Location": "/v1/workloads/" + workload.object["id"]}
        if self.body.get("start", True):
            image = self.body["spec"].get("image")
            headers["Thole-Operation"] = Operation("workload.create", image if image == "slow" else "").object["id"]
            workload.begin()
        else:
            workload.set("stopped", desired_state="stopped")
        self.reply(201, workload.object, headers=headers)

    def list(self):
        states = self.one("state")
        items = []
        for workload in WORLD.workloads.values():
            thing = workload.object
            labels = [text.partition("=") for text in self.query.get("label", [])]
            if states and thing["state"] not in states.split(","):
                continue
            if self.one("backend") not in (None, thing["backend"]) or self.one("name") not in (None, thing["name"]):
                continue
            if all(key in thing["labels"] and (not equals or thing["labels"][key] == value) for key, equals, value in labels):
                items.append(thing)
        self.page(items)

    def wait(self, workload):
        wanted = self.one("wait")
        if not wanted:
            return
        end = time.monotonic() + float(self.one("timeout", "60"))
        with LOCK:
            while (("deleted" if workload.gone else workload.object["state"]) not in wanted.split(",")
                   and time.monotonic() < end):
                CHANGED.wait(max(0, min(0.05, end - time.monotonic())))
        if ("deleted" if workload.gone else workload.object["state"]) not in wanted.split(","):
            raise Problem(504, "the state was not reached in time", resource=workload.object)

    def one_workload(self, workload, method):
        if method == "DELETE":
            if workload.object["state"] == "running" and self.one("force") != "true":
                raise Problem(409, "a running workload cannot be deleted; allowed: stop, kill")
            workload.signal, workload.gone = "SIGKILL", True
            WORLD.workloads.pop(workload.object["id"], None)
            WORLD.event("workload.deleted", workload.object["id"])
            self.wait(workload)
            self.reply(204)
            return
        self.wait(workload)
        self.reply(200, workload.object)

    def verb(self, workload, verb):
        thing = workload.object
        legal = {"start": ("stopped", "crashed", "error"), "stop": ("running", "paused", "crashed"), "kill": ("running", "stopping"),
                 "pause": ("running",), "unpause": ("paused",), "restart": ("running", "stopped"),
                 "suspend": ("running", "stopped"), "unsuspend": ("suspended",)}
        if verb not in legal:
            raise Problem(404, "no such path")
        if thing["state"] not in legal[verb]:
            raise Problem(409, f"{verb} is not possible in state {thing['state']}; allowed: {', '.join(legal)}")
        if verb == "start":
            workload.set("starting", desired_state="running")
            workload.begin()
        elif verb in ("stop", "kill"):
            thing["desired_state"] = "stopped"
            workload.set("stopping")
            workload.signal = self.body.get("signal") or ("SIGTERM" if verb == "stop" else "SIGKILL")
        else:
            workload.set({"pause": "paused", "unpause": "running", "restart": "running", "suspend": "suspended",
                          "unsuspend": "stopped"}[verb])
        self.wait(workload)
        self.reply(200 if self.one("wait") else 202, thing)

    # streams -----------------------------------------------------------------------------------------------

    def begin_stream(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def record(line):
        moment, stream, data = line
        if isinstance(data, bytes):
            return json.dumps({"time": moment, "stream": stream, "text_base64": base64.b64encode(data).decode()}) + "\n"
        return json.dumps({"time": moment, "stream": stream, "text": data}) + "\n"

    def logs(self, workload):
        follow, since, stream = self.one("follow") == "true", self.one("since", ""), self.one("stream")
        position = max(0, len(workload.lines) - int(self.one("tail", "100000")))
        generation = WORLD.generation
        lines = "ndjson" in self.headers.get("Accept", "") and workload.object["name"] != "plain"
        self.begin_stream("application/x-ndjson" if lines else "text/plain; charset=utf-8")
        while True:
            with LOCK:
                ready = workload.lines[position:]
                position += len(ready)
                over = workload.object["state"] in RESTING or workload.gone or not follow
                if not ready and not over:
                    CHANGED.wait(0.05)
            for line in ready:
                if line[0] >= since and stream in (None, line[1]):
                    self.chunk(self.record(line) if lines else line[2])
                if line[2] == "line 3\n" and workload.cuts == 0:
                    workload.cuts = 1
                    self.cut()
                    return
            if generation != WORLD.generation:
                self.cut()
                return
            if over and not ready:
                self.chunk("")
                return

    def events(self):
        after = int(self.headers.get("Last-Event-ID") or self.one("after", "0"))
        kinds, subject = self.one("type"), self.one("subject")
        tail = self.one("tail") == "true"
        if tail:
            after = len(WORLD.events)
        if after < WORLD.forgotten:
            raise Problem(410, "these events are no longer kept", oldest=WORLD.forgotten + 1)

        def wanted(event):
            return (not kinds or event["type"] in kinds.split(",")) and subject in (None, event["subject"])
        if "text/event-stream" not in self.headers.get("Accept", ""):
            found = [event for event in WORLD.events[after:after + 5]]
            self.reply(200, {"items": [event for event in found if wanted(event)], "next_after": after + len(found),
                             "newest": len(WORLD.events)})
            return
        self.begin_stream("text/event-stream")
        generation = WORLD.generation
        # who named no number is told where the stream begins
        self.chunk(f":\nid: {after}\n\n" if tail else ": hello\n\n")
        while generation == WORLD.generation:
            with LOCK:
                ready = WORLD.events[after:]
                if not ready:
                    CHANGED.wait(0.1)
            for event in ready:
                after = event["seq"]
                if wanted(event):
                    self.chunk(f"id: {event['seq']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n")
        self.cut()

    # the rest ----------------------------------------------------------------------------------------------

    def operations(self, words):
        if not words:
            state = self.one("state")
            self.page([op.object for op in WORLD.operations.values() if state in (None, op.object["state"])])
            return
        operation = WORLD.operations.get(words[0])
        if operation is None:
            raise Problem(404, f"there is no operation “{words[0]}”")
        if words[1:] == ["cancel"]:
            if operation.object["state"] != "running":
                raise Problem(409, f"it is {operation.object['state']}")
            operation.cancelled.set()
        self.reply(200, operation.object)

    def images(self, words, method):
        if words == ["pull"]:
            operation = Operation("image.pull", self.body["image"])
            self.reply(202, operation.object, headers={"Thole-Operation": operation.object["id"]})
        elif method == "DELETE":
            if self.one("image") not in WORLD.images[0]["references"]:
                raise Problem(404, f"no such image: {self.one('image')}")
            self.reply(204)
        else:
            self.page(WORLD.images)

    def things(self, kind, words):
        things = {"drivers": [
            {"id": "null", "version": "1.0", "abi": 1, "path": "/usr/lib/thole/null.so", "interfaces": ["workload/1"],
             "capabilities": [], "isolation": "in-process", "state": "loaded", "reason": ""},
            {"id": "odd", "version": "", "abi": 7, "path": "/usr/lib/thole/odd.so", "interfaces": [], "capabilities": [],
             "isolation": "in-process", "state": "refused", "reason": "its ABI is 7"}],
            "backends": [
            {"name": "box", "driver": "null", "state": "ready", "reason": "", "default": True, "capabilities": [], "config": {},
             "facts": {"engine": "Demo Engine", "version": "2.0"}},
            {"name": "far", "driver": "null", "state": "unavailable", "reason": "connection refused", "default": False,
             "capabilities": [], "config": {}, "facts": {}}]}[kind]
        if not words:
            self.page(things)
            return
        for thing in things:
            if words[0] in (thing.get("id"), thing.get("name")):
                self.reply(200, thing)
                return
        raise Problem(404, f"no such object: {words[0]}")


class Quiet:
    """A client that goes away is nothing to tell."""

    def handle_error(self, *_):
        pass


class UnixServer(Quiet, socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    token = None
    request_queue_size = 64


class TcpServer(Quiet, socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    token = None


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    if os.path.exists(sys.argv[1]):
        os.unlink(sys.argv[1])
    servers = [UnixServer(sys.argv[1], Handler)]
    if len(sys.argv) == 4:
        servers.append(TcpServer(("127.0.0.1", int(sys.argv[2])), Handler))
        servers[-1].token = sys.argv[3]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
main()
