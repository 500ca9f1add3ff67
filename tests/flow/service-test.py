#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon as a service: sockets and credentials that it is handed, notifications, watchdog, reload, journal."""
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemon import PLUGINS, THOLED, Client, Daemon, UnixConnection  # noqa: E402
from tap import Checks, Skip, case, main  # noqa: E402

MEMORY = {"memory": {"driver": "memory", "default": "true"}}
# puts descriptors at 3, 4, ... as a service manager does, and becomes the daemon
LAUNCH = """
import os, sys
names, fds, command = sys.argv[1], [int(fd) for fd in sys.argv[2].split(",")], sys.argv[3:]
high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
os.closerange(3 + len(fds), 200)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execvp(command[0], command)
"""


class Service(Daemon):
    """A daemon that is handed sockets."""

    def __init__(self, sockets, **rest):
        super().__init__(MEMORY, **rest)
        self.sockets = sockets
        self.pass_fds = [each.fileno() for each in sockets.values()]
        self.wrapper = [sys.executable, "-c", LAUNCH, ":".join(sockets), ",".join(str(s.fileno()) for s in sockets.values())]


def unix_socket(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(64)
    return server


def tcp_socket(host="127.0.0.1"):
    server = socket.socket()
    server.bind((host, 0))
    server.listen(64)
    return server


class Notifications:
    """What a service manager is told."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.told = []
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            text = self.socket.recv(4096).decode()
            if text == "end":
                return
            self.told.append(text)

    def lines(self):
        return [line for text in list(self.told) for line in text.splitlines()]

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", self.path)
        self.thread.join()
        self.socket.close()


class Subject(Checks):
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="thole-service-")
        self.count = 0

    def new(self):
        self.count += 1
        path = os.path.join(self.folder, str(self.count))
        os.mkdir(path)
        return path

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def begin(*arguments, pass_fds=(), **variables):
    """(status, standard error) of a tholed that does not start."""
    environment = {**os.environ, "THOLE_DRIVER_PATH": PLUGINS, **variables}
    result = subprocess.run(list(arguments), capture_output=True, text=True, env=environment, timeout=60, check=False,
                            pass_fds=pass_fds)
    return result.returncode, result.stderr


@case("a unix and a TCP socket of the service manager are served instead of those configured", proves="OP-07")
def _(t):
    folder = t.new()
    sockets = {"tholed.socket": unix_socket(os.path.join(folder, "thole.sock")), "http": tcp_socket()}
    service = Service(sockets, directory=folder)
    service.tcp_port = sockets["http"].getsockname()[1]
    with service:
        t.equal(service.get("/v1/version").status, 200)
        t.equal(service.get("/v1/workloads").status, 200, "as administrator by the peer's uid")
        t.equal(service.tcp().get("/v1/workloads").status, 200)
        t.equal(service.tcp(token=False).get("/v1/workloads").status, 401)
        with open(f"/proc/{service.process.pid}/net/unix", encoding="ascii") as file:
            bound = [line for line in file if line.rstrip().endswith(service.path)]
        t.equal(len(bound), 1, "sockets at the path")
    t.true(os.path.exists(service.path), "the path that the service manager holds")


@case("with a socket of the service manager and none configured no other is made")
def _(t):
    folder = t.new()
    path = os.path.join(folder, "other.sock")
    service = Service({"tholed.socket": unix_socket(path)}, directory=folder)
    service.write_config = lambda: open(service.config, "w", encoding="utf-8").write("[backend memory]\ndriver=memory\n")
    service.path = path
    with service:
        t.equal(service.get("/v1/version").status, 200)
        t.equal([name for name in os.listdir(service.runtime) if name.endswith(".sock")], [])


@case("who comes while the daemon is away waits at its socket and is served by the next one", proves="OP-04")
def _(t):
    folder = t.new()
    service = Service({"tholed.socket": unix_socket(os.path.join(folder, "thole.sock"))}, directory=folder)
    with service:
        t.equal(service.get("/v1/version").status, 200)
        service.stop()
        late = UnixConnection(service.path, 60)
        late.request("GET", "/v1/version")
        service.start()
        t.equal(late.getresponse().status, 200)
        late.close()


@case("systemd-socket-activate starts it at the first connection")
def _(t):
    if not shutil.which("systemd-socket-activate"):
        raise Skip("systemd-socket-activate is not installed")
    folder = t.new()
    service = Daemon(MEMORY, directory=folder)
    service.wrapper = ["systemd-socket-activate", "-l", service.path, "--fdname=tholed.socket",
                       "-E", "THOLE_DRIVER_PATH", "-E", "G_DEBUG", "-E", "ASAN_OPTIONS", "-E", "LSAN_OPTIONS"]
    service.start(wait=False)
    try:
        t.until(lambda: os.path.exists(service.path), what="the socket")
        t.until(lambda: attempt(service), seconds=60, what="an answer")
        service.stop()
    finally:
        if service.process.poll() is None:
            service.kill()


def attempt(service):
    try:
        return service.get("/v1/version").status == 200
    except OSError:
        return False


@case("what is no socket to serve is refused by its name", each=["datagram", "not listening", "a file", "not loopback"])
def _(t, kind):
    folder = t.new()
    if kind == "datagram":
        given = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    elif kind == "not listening":
        given = socket.socket()
    elif kind == "not loopback":
        given = tcp_socket("0.0.0.0")
    else:
        given = open(os.path.join(folder, "file"), "w", encoding="ascii")
    status, text = begin(sys.executable, "-c", LAUNCH, "odd", str(given.fileno()), THOLED, "--config", "/dev/null", "--state-dir",
                         folder, "--runtime-dir", folder, "--no-bus", pass_fds=[given.fileno()])
    t.equal(status, 1)
    t.holds(text, "must be loopback" if kind == "not loopback" else "“odd” of the service manager is not a socket")
    given.close()


@case("the service manager is told of readiness, life, reload and end", proves="OP-07")
def _(t):
    folder = t.new()
    manager = Notifications(folder)
    with Daemon(MEMORY, directory=folder, environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "100000"}) as thole:
        t.until(lambda: manager.lines().count("WATCHDOG=1") >= 3, what="three signs of life")
        told = manager.lines()
        t.equal(told[0], "READY=1")
        t.equal(told[1], f"STATUS=serving at unix:{thole.path} 127.0.0.1:{thole.tcp_port}")
        thole.process.send_signal(1)
        t.until(lambda: manager.lines().count("READY=1") == 2, what="the end of the reload")
        reload = [text for text in manager.told if text.startswith("RELOADING=1\n")]
        t.equal(len(reload), 1)
        t.true(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", reload[0]), "the time of the reload")
    t.equal([line for line in manager.lines() if line != "WATCHDOG=1"][-1], "STOPPING=1")
    manager.close()


@case("a reload takes over what can be, names the rest, and keeps the old when the new is wrong")
def _(t):
    folder = t.new()
    with Daemon(MEMORY, directory=folder) as thole:
        def reload(word):
            before = thole.output().count(word)
            thole.write_config()
            thole.process.send_signal(1)
            t.until(lambda: thole.output().count(word) > before, what=word)

        thole.settings.update({"limits.workloads": 1, "http.max_connections": 77, "http.origins": "https://a.example"})
        thole.backends = {**MEMORY, "second": {"driver": "memory"}}
        reload("the configuration was read again; changed: http.origins, limits.workloads")
        t.holds(thole.output(), "only a restart takes it over: http.max_connections, backend second")
        owner = thole.tcp()
        thole.create({"image": "x"})
        t.equal(thole.get("/v1/settings/effective").status, 200)
        thole.settings["limits.workloads"] = "many"
        reload("the configuration stays as it was")
        t.holds(thole.output(), "limits] workloads must be a whole number")
        t.equal(owner.get("/v1/workloads").status, 200)
        thole.settings.update({"limits.workloads": 0, "daemon.log_level": "debug"})
        reload("daemon.log_level")
        for number in range(3):
            t.equal(thole.post("/v1/workloads", {"name": f"w{number}", "spec": {"image": "x"}}).status, 202)


@case("a lower limit of a reload holds for the next request")
def _(t):
    with Daemon(MEMORY, directory=t.new(), settings={"limits.address_rate": 0}) as thole:
        stranger = thole.tcp(token=False)
        t.equal({stranger.get("/v1/workloads").status for _ in range(5)}, {401})
        thole.settings["limits.address_rate"] = 1
        thole.write_config()
        thole.process.send_signal(1)
        t.until(lambda: "limits.address_rate" in thole.output(), what="the reload")
        t.equal([stranger.get("/v1/workloads").status for _ in range(3)], [401, 429, 429])


SECRETS = ["api-key-secret", "audit-key", "secret-key", "token-keys"]


@case("secrets come as credentials, and then none is made")
def _(t):
    folder = t.new()
    credentials = os.path.join(folder, "credentials")
    os.mkdir(credentials)
    token = "A" * 43
    for name in SECRETS + ["bootstrap-token"]:
        with open(os.path.join(credentials, name), "w", encoding="ascii") as file:
            file.write((token if name == "bootstrap-token" else name.ljust(43, "x")) + "\n")
        # as systemd leaves them: root's, and readable for the service by an ACL, whose mask is shown as the group's mode
        os.chmod(file.name, 0o440)
    with Daemon(MEMORY, directory=folder, environment={"CREDENTIALS_DIRECTORY": credentials}) as thole:
        t.equal(thole.tcp(token=token).get("/v1/workloads").status, 200)
        made = [name for name in [*SECRETS, "bootstrap-token"] if os.path.exists(os.path.join(thole.state, name))]
        t.equal(made, [], "secrets in the state folder")
        t.equal(thole.post("/v1/secrets", {"name": "a", "value": "b"}).status, 201)
    os.chmod(os.path.join(credentials, "audit-key"), 0o444)
    status, text = begin(THOLED, "--config", thole.config, "--state-dir", thole.state, "--runtime-dir", thole.runtime, "--no-bus",
                         CREDENTIALS_DIRECTORY=credentials)
    t.equal(status, 1)
    t.holds(text, "audit-key: must be a file with mode 0600")


@case("certificate and key of TLS come as credentials")
def _(t):
    if not shutil.which("openssl"):
        raise Skip("openssl is not installed")
    folder = t.new()
    credentials = os.path.join(folder, "credentials")
    os.mkdir(credentials)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", os.path.join(credentials, "tls-key"), "-out", os.path.join(credentials, "tls-certificate")],
                   check=True, capture_output=True)
    with Daemon(MEMORY, directory=folder, environment={"CREDENTIALS_DIRECTORY": credentials}) as thole:
        context = ssl.create_default_context(cafile=os.path.join(credentials, "tls-certificate"))
        connection = http.client.HTTPSConnection("127.0.0.1", thole.tcp_port, context=context, timeout=90)
        connection.request("GET", "/v1/version")
        t.equal(connection.getresponse().status, 200)
        connection.close()


@case("configuration, state and runtime folder are those of the service manager")
def _(t):
    folder = t.new()
    places = {name: os.path.join(folder, name.lower()) for name in ("CONFIGURATION", "STATE", "RUNTIME")}
    for place in places.values():
        os.mkdir(place)
    with open(os.path.join(places["CONFIGURATION"], "thole.conf"), "w", encoding="ascii") as file:
        file.write("[backend first]\ndriver=memory\n")
    os.mkdir(os.path.join(places["CONFIGURATION"], "thole.conf.d"))
    with open(os.path.join(places["CONFIGURATION"], "thole.conf.d", "more.conf"), "w", encoding="ascii") as file:
        file.write("[backend second]\ndriver=memory\n")
    thole = Daemon({}, directory=folder, environment={f"{name}_DIRECTORY": place for name, place in places.items()})
    thole.command = lambda: [THOLED, "--no-bus"]
    thole.path = os.path.join(places["RUNTIME"], "thole.sock")
    with thole:
        t.equal(sorted(item["name"] for item in thole.listed("/v1/backends")), ["first", "second"])
        t.true(os.path.exists(os.path.join(places["STATE"], "thole.db")), "the store")


@case("the journal gets lines with their fields", proves="OP-01")
def _(t):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("a mount namespace needs root and unshare")
    folder = t.new()
    place = os.path.join(folder, "journal")
    os.mkdir(place)
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(os.path.join(place, "socket"))
    journal.settimeout(90)
    with open(os.path.join(folder, "log"), "w", encoding="ascii") as log:
        stream = os.fstat(log.fileno())
    script = f'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind {place} /run/systemd/journal && exec "$@"'
    thole = Daemon(MEMORY, directory=folder, wrapper=["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"],
                   environment={"JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"})
    with thole:
        thole.post("/v1/workloads", {"name": "seen", "spec": {"image": "x"}}).expect(202)
        def until(field, value):
            """The next line with it."""
            while True:
                line = dict(pair.split("=", 1) for pair in journal.recv(65536).decode().splitlines() if "=" in pair)
                if line.get(field) == value:
                    return line

        t.equal(until("THOLE_DRIVER", "memory")["MESSAGE"].split()[:2], ["driver", "memory"])
        t.equal((until("THOLE_STATE", "ready"))["THOLE_BACKEND"], "memory")
        wanted = until("THOLE_OPERATION", "workload.create")
        t.equal(wanted["SYSLOG_IDENTIFIER"], "tholed")
        t.true(wanted["PRIORITY"] in "4567", "a priority")
        t.true(wanted["MESSAGE"] and wanted["THOLE_PRINCIPAL"], "message and principal")
        t.equal([line for line in thole.output().splitlines() if re.match(r"(INFO|DEBUG) ", line)], [], "lines on standard error")
    journal.close()


@case("standard error that was redirected gets lines though the journal is there")
def _(t):
    with Daemon(MEMORY, directory=t.new(), environment={"JOURNAL_STREAM": "1:1"}, settings={"daemon.log_level": "debug"}) as thole:
        thole.create({"image": "x"})
        t.true(re.search(r"^(INFO|DEBUG) ", thole.output(), re.M), "a line")


@case("however often it is told to end it ends as it should", each=[signal.SIGTERM, signal.SIGINT])
def _(t, number):
    with Daemon(MEMORY, directory=t.new()) as thole:
        thole.create({"image": "x"})
        thole.process.send_signal(number)
        while thole.process.poll() is None:
            thole.process.send_signal(number)
            thole.process.send_signal(signal.SIGHUP)
        t.equal(thole.process.returncode, 0)


main(Subject)
