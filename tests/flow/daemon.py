# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tholed of one's own in a private folder, and a client for it. Python's standard library only.

    with Daemon({"memory": {"driver": "memory", "default": "true"}}) as thole:
        reply = thole.post("/v1/workloads?wait=running", {"spec": {"image": "x"}})
        reply.status, reply.json, reply.headers["etag"]

The programs are taken from THOLE_BUILD (default: build/ of this tree). When the daemon prints a critical message, a
sanitizer report or dies unasked, stop() raises.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("THOLE_BUILD", os.path.join(SOURCE, "build")))
THOLED = os.path.join(BUILD, "core", "tholed")
THOLECTL = os.path.join(BUILD, "cli", "tholectl")
PLUGINS = os.path.join(BUILD, "plugins")
BAD_OUTPUT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|CRITICAL|Assertion|assertion .* failed")


def sanitized():
    """Was the daemon built with a sanitizer? Then its memory says nothing."""
    with open(THOLED, "rb") as file:
        return b"__asan_init" in file.read()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The machine word of a problem."""
        return self.json.get("code")

    @property
    def pointers(self):
        """Which fields a problem names, sorted."""
        return sorted(error["pointer"] for error in self.json.get("errors", []))

    def expect(self, *statuses):
        """The reply itself when its status is one of these; else an error that shows it."""
        if self.status not in statuses:
            raise AssertionError(f"status {self.status}, wanted {statuses}: {self.body[:1500]!r}")
        return self

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """Requests over a unix socket or TCP, one connection each."""

    def __init__(self, path=None, port=None, token=None):
        self.path, self.port, self.token = path, port, token

    def connection(self, timeout=90):
        if self.path:
            return UnixConnection(self.path, timeout)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def head(self, headers, body):
        head = {} if body is None else {"Content-Type": "application/json"}
        if self.token:
            head["Authorization"] = f"Bearer {self.token}"
        head.update(headers or {})
        return head

    def request(self, method, path, body=None, headers=None, timeout=90):
        """body: bytes and str as they are, anything else as JSON."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection = self.connection(timeout)
        try:
            connection.request(method, path, body, self.head(headers, body))
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path, headers=None, **rest):
        return self.request("GET", path, None, headers, **rest)

    def post(self, path, body=None, headers=None, **rest):
        return self.request("POST", path, body, headers, **rest)

    def patch(self, path, body, headers=None, **rest):
        return self.request("PATCH", path, body, headers, **rest)

    def delete(self, path, headers=None, **rest):
        return self.request("DELETE", path, None, headers, **rest)

    def open(self, path, headers=None, timeout=90):
        """A stream: (connection, response); the caller reads the response and closes the connection."""
        connection = self.connection(timeout)
        connection.request("GET", path, None, self.head(headers, None))
        return connection, connection.getresponse()

    def listed(self, path):
        """All items of all pages."""
        items, cursor = [], ""
        while cursor is not None:
            sign = "&" if "?" in path else "?"
            page = self.get(path + (f"{sign}cursor={cursor}" if cursor else "")).expect(200).json
            items += page["items"]
            cursor = page.get("next_cursor")
        return items

    def sse(self, path, after=None, timeout=90):
        """Yields (id, type, data) of server-sent events until the stream ends or times out."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        connection, answer = self.open(path, headers, timeout)
        try:
            if answer.status != 200:
                raise AssertionError(f"status {answer.status}: {answer.read()[:500]!r}")
            number, kind, data = None, "message", []
            for line in answer:
                line = line.decode().rstrip("\r\n")
                field, _, value = line.partition(":")
                value = value[1:] if value.startswith(" ") else value
                if not line:
                    if data:
                        yield number, kind, json.loads("\n".join(data))
                    kind, data = "message", []
                elif field == "id":
                    number = int(value)
                elif field == "event":
                    kind = value
                elif field == "data":
                    data.append(value)
        finally:
            connection.close()


class Daemon(Client):
    bus = None  # address of a message bus; None: it serves none

    def __init__(self, backends, settings=None, directory=None, environment=None, wrapper=()):
        """backends: {name: {key: value}}; settings: {"section.key": value}; wrapper: a command before tholed's own."""
        self.own = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="thole-test-")
        self.backends, self.settings = backends, dict(settings or {})
        self.environment, self.wrapper = dict(environment or {}), list(wrapper)
        self.state = os.path.join(self.directory, "state")
        self.runtime = os.path.join(self.directory, "run")
        self.config = os.path.join(self.directory, "thole.conf")
        self.log = os.path.join(self.directory, "log")
        self.process, self.pass_fds = None, ()
        self.died_as_asked = False
        super().__init__(path=os.path.join(self.directory, "thole.sock"), port=None)
        self.tcp_port = free_port()

    # life ------------------------------------------------------------------------------------------

    def write_config(self):
        sections = {"daemon": {"listen": f"unix:{self.path};127.0.0.1:{self.tcp_port}"}}
        for key, value in self.settings.items():
            section, _, name = key.partition(".")
            sections.setdefault(section, {})[name] = value
        for name, keys in self.backends.items():
            sections[f"backend {name}"] = keys
        with open(self.config, "w", encoding="utf-8") as file:
            for section, keys in sections.items():
                file.write(f"[{section}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items()) + "\n")

    def command(self):
        return [*self.wrapper, THOLED, "--config", self.config, "--state-dir", self.state, "--runtime-dir", self.runtime,
                *(["--bus-address", self.bus] if self.bus else ["--no-bus"])]

    def spawn_environment(self):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("THOLE_") and not key.lower().endswith("_proxy")}
        environment.setdefault("G_DEBUG", "fatal-criticals")
        environment["THOLE_DRIVER_PATH"] = PLUGINS
        environment.update(self.environment)
        return environment

    def start(self, wait=True, seconds=60):
        """Starts it (again) over the same folder; waits for its line `ready`."""
        self.write_config()
        self.offset = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.died_as_asked = False
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=self.spawn_environment(), pass_fds=self.pass_fds)
        if wait:
            self.await_ready(seconds)
        return self

    def await_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while not re.search(r"^ready$|\bready$", self.output(), re.M):
            if self.process.poll() is not None:
                raise AssertionError(f"tholed ended with {self.process.returncode}: {self.output()[-2000:]}")
            if time.monotonic() > end:
                raise AssertionError(f"tholed was not ready in {seconds} s: {self.output()[-2000:]}")
            time.sleep(0.01)

    def output(self, whole=False):
        """What it printed since its last start (or since the first)."""
        with open(self.log, "rb") as log:
            log.seek(0 if whole else self.offset)
            return log.read().decode(errors="replace")

    def kill(self):
        """kill -9."""
        self.died_as_asked = True
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=40):
        """SIGTERM; it must drain and exit with 0, without having complained."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired as late:
                self.kill()
                raise AssertionError(f"tholed did not stop in {seconds} s: {self.output()[-2000:]}") from late
        bad = BAD_OUTPUT.search(self.output())
        if bad:
            start = max(0, bad.start() - 200)
            raise AssertionError(f"tholed complained: {self.output()[start:start + 4000]}")
        if self.process.returncode != 0 and not self.died_as_asked:
            raise AssertionError(f"tholed ended with {self.process.returncode}: {self.output()[-2000:]}")

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        try:
            if self.process:
                self.stop()
        finally:
            if self.own:
                shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind and self.process:
            self.died_as_asked = True
        self.close()

    # what tests ask often --------------------------------------------------------------------------

    @property
    def bootstrap_token(self):
        with open(os.path.join(self.state, "bootstrap-token"), encoding="utf-8") as file:
            return file.read().strip()

    def tcp(self, token=True):
        """A client over loopback TCP: with the bootstrap token, another one, or none."""
        return Client(port=self.tcp_port, token=self.bootstrap_token if token is True else token or None)

    def rss(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self):
        """CPU seconds used, user and system."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def create(self, spec=None, wait="running,crashed,error,stopped", timeout=60, status=(201, 202, 200), **body):
        """Creates a workload and gives its object."""
        path = "/v1/workloads" + (f"?wait={wait}&timeout={timeout}" if wait else "")
        return self.post(path, {"spec": spec or {}, **body}, timeout=timeout + 30).expect(*status).json

    def wait(self, workload, states, timeout=60):
        """The workload once it is in one of the states; else an error that shows it."""
        name = workload["id"] if isinstance(workload, dict) else workload
        return self.get(f"/v1/workloads/{name}?wait={states}&timeout={timeout}", timeout=timeout + 30).expect(200).json

    def remove(self, workload):
        """Deletes a workload by force and waits until it is gone."""
        name = workload["id"] if isinstance(workload, dict) else workload
        return self.delete(f"/v1/workloads/{name}?force=true&wait=deleted&timeout=60", timeout=90).expect(200, 204, 404, 410)

    def newest(self):
        """The number of the newest event, 0 = there is none yet."""
        return self.get("/v1/events?tail=true").expect(200).json["newest"]

    def events(self, after=0):
        """All stored events after a number; None: from the oldest that is kept."""
        items = []
        while True:
            begin = "" if after is None else f"&after={after}"
            page = self.get(f"/v1/events?limit=1000{begin}").expect(200).json["items"]
            if not page:
                return items
            items += page
            after = page[-1]["seq"]
