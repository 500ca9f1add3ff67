#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The TLS listener, by Python's OpenSSL, by nmap, and by those who mean no good."""
import http.client
import json
import os
import random
import re
import socket
import ssl
import subprocess
import tempfile
import time

from daemon import Daemon, THOLECTL, sanitized
from memory import FOREVER, IMAGE, Checks, case, main

# what a peer may see when it is refused
REFUSALS = (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected, socket.timeout)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Authority:
    """Signs certificates, as an administrator would with openssl."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.certificate, self.key = self.path("crt"), self.path("key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.certificate)

    def path(self, end):
        return os.path.join(self.folder, f"{self.name}.{end}")

    def sign(self, name, purpose="serverAuth", serial=1):
        """(certificate, key), both as files."""
        certificate, key, request, extra = (os.path.join(self.folder, f"{name}.{end}") for end in ("crt", "key", "csr", "ext"))
        with open(extra, "w", encoding="ascii") as file:
            file.write(f"extendedKeyUsage={purpose}\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout", key,
                "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-set_serial", str(serial), "-days", "2",
                "-extfile", extra, "-out", certificate)
        return certificate, key


def replace(target, source):
    """As a renewing program does it: the new file under another name, then renamed."""
    with open(source, "rb") as file, open(target + ".new", "wb") as new:
        new.write(file.read())
    os.rename(target + ".new", target)


class Setup(Checks):
    """Its case object: `thole` is a daemon with a certificate of an authority of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="thole-tls-")
        self.authority = Authority(self.folder, "authority")
        self.certificate, self.key = self.authority.sign("server")
        self.thole = Daemon({"memory": {"driver": "memory", "default": "true", "images": IMAGE}},
                            {"daemon.tls_certificate": self.certificate, "daemon.tls_key": self.key, "http.head_timeout": "2"}).start()

    def close(self):
        self.thole.close()
        subprocess.run(["rm", "-rf", self.folder], check=True)

    def context(self, *own, authority=None):
        context = ssl.create_default_context(cafile=(authority or self.authority).certificate)
        if own:
            context.load_cert_chain(*own)
        return context

    def https(self, thole=None, context=None, timeout=60):
        return http.client.HTTPSConnection("localhost", (thole or self.thole).tcp_port, timeout=timeout, context=context or self.context())

    def ask(self, connection, path, method="GET", body=None):
        connection.request(method, path, body, {"Authorization": f"Bearer {self.thole.bootstrap_token}",
                                                **({"Content-Type": "application/json"} if body else {})})
        answer = connection.getresponse()
        return answer.status, answer.read()


@case("requests over TLS 1.2 and 1.3, many on one connection, large and small")
def _(t):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = t.context()
        context.minimum_version = context.maximum_version = version
        connection = t.https(context=context)
        for _ in range(50):
            t.equal(t.ask(connection, "/healthz")[0], 200)
        large = json.dumps({"spec": {"image": IMAGE, "command": FOREVER, "env": {f"name{i}": "x" * 1000 for i in range(200)}}})
        status, body = t.ask(connection, "/v1/workloads?wait=running", "POST", large)
        t.equal(status, 201)
        made = json.loads(body)
        t.equal(len(made["spec"]["env"]), 200)
        t.equal(json.loads(t.ask(connection, f"/v1/workloads/{made['id']}")[1])["spec"], made["spec"])
        t.equal(connection.sock.version(), version.name.replace("_", "."))
        t.equal(t.ask(connection, f"/v1/workloads/{made['id']}?force=true&wait=deleted", "DELETE")[0] in (200, 204), True)
        connection.close()


@case("a stream of events comes through as it happens, and its end is seen on both sides")
def _(t):
    connection = t.https()
    connection.request("GET", "/v1/events", headers={"Authorization": f"Bearer {t.thole.bootstrap_token}", "Accept": "text/event-stream"})
    answer = connection.getresponse()
    t.equal(answer.status, 200)
    made = t.thole.create({"image": IMAGE, "command": FOREVER})
    seen = b""
    while made["id"].encode() not in seen:
        seen += answer.fp.readline()
    before = t.thole.descriptors()
    connection.sock.close()
    answer.close()
    connection.close()
    t.until(lambda: t.thole.descriptors() < before, 20, "the stream is given back")
    t.thole.remove(made)


@case("old versions and weak ciphers are refused; nmap finds nothing below A")
def _(t):
    for setting in ("TLSv1.1", "AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES256-GCM-SHA384"):
        context = t.context()
        if setting.startswith("TLS"):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
        else:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(setting + ":@SECLEVEL=0")
        try:
            t.https(context=context).connect()
            raise AssertionError(f"{setting} was accepted")
        except REFUSALS:
            pass
    scan = subprocess.run(["nmap", "-Pn", "-p", str(t.thole.tcp_port), "--script", "ssl-enum-ciphers,ssl-heartbleed,ssl-poodle,ssl-ccs-injection,ssl-dh-params",
                           "127.0.0.1"], check=True, capture_output=True, text=True, timeout=120).stdout
    strength = re.search(r"least strength: (\w)", scan)
    t.equal(strength[1] if strength else scan, "A")
    t.equal(sorted(set(re.findall(r"TLSv1\.\d|SSLv\d", scan))), ["TLSv1.2", "TLSv1.3"])
    t.equal([line for line in scan.splitlines() if "VULNERABLE" in line or "warnings" in line], [])


@case("plain http on the port is told so, noise is refused, silence ends; others are served meanwhile")
def _(t):
    connection = http.client.HTTPConnection("127.0.0.1", t.thole.tcp_port, timeout=60)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    t.equal((answer.status, b"https" in answer.read()), (400, True))
    before = t.thole.descriptors()
    silent = [socket.create_connection(("127.0.0.1", t.thole.tcp_port)) for _ in range(20)]
    rng = random.Random(7)
    for size in (1, 5, 100, 5000):
        for head in (b"", b"\x16\x03\x01", b"\x16\x03\x01\x40\x00\x01", b"\x80\x2e\x01"):
            with socket.create_connection(("127.0.0.1", t.thole.tcp_port), timeout=60) as noise:
                try:
                    noise.sendall(head + rng.randbytes(size))
                    noise.shutdown(socket.SHUT_WR)
                    while noise.recv(4096):
                        pass
                except OSError:
                    pass
            t.equal(t.ask(t.https(), "/healthz")[0], 200)
    for one in silent:
        t.equal(one.recv(100), b"")     # http.head_timeout bounds the handshake, too
        one.close()
    t.until(lambda: t.thole.descriptors() <= before, 20, "nothing is left of them")


@case("clients that cut themselves off in the middle leave nothing behind")
def _(t):
    made = [t.thole.create({"image": IMAGE, "command": FOREVER, "env": {"filler": "x" * 20000}}) for _ in range(20)]
    before = t.thole.descriptors()
    rng = random.Random(11)
    head = f"GET /v1/workloads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {t.thole.bootstrap_token}\r\n\r\n".encode()
    for _ in range(100):
        raw = socket.create_connection(("127.0.0.1", t.thole.tcp_port), timeout=60)
        wrapped = t.context().wrap_socket(raw, server_hostname="localhost")
        wrapped.sendall(head * rng.randrange(1, 4))
        if rng.random() < 0.7:
            wrapped.recv(rng.choice((1, 1000, 100000)))
        if rng.random() < 0.5:   # with a reset
            wrapped.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wrapped.close()
    t.until(lambda: t.thole.descriptors() <= before, 30, "all are given back")
    for workload in made:
        t.thole.remove(workload)


@case("a client that reads nothing is held back, not stored")
def _(t):
    made = [t.thole.create({"image": IMAGE, "command": FOREVER, "env": {"filler": "x" * 30000}}) for _ in range(20)]
    before = t.thole.rss()
    raw = socket.create_connection(("127.0.0.1", t.thole.tcp_port), timeout=60)
    wrapped = t.context().wrap_socket(raw, server_hostname="localhost")
    wrapped.settimeout(0.5)
    head = f"GET /v1/workloads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {t.thole.bootstrap_token}\r\n\r\n".encode()
    try:
        for _ in range(4000):       # 40 MB, more than sockets hold
            wrapped.sendall(head * 100)
        raise AssertionError("requests without end were taken from one who reads no answer")
    except (socket.timeout, ssl.SSLError, ConnectionError):
        pass
    if not sanitized():
        t.true(t.thole.rss() - before < 40e6, "memory is bounded")
    t.equal(t.ask(t.https(), "/healthz")[0], 200)
    wrapped.close()
    for workload in made:
        t.thole.remove(workload)


@case("a certificate that was renewed is used without a restart; a broken one is not")
def _(t):
    def serial():
        connection = t.https()
        connection.connect()
        number = int(connection.sock.getpeercert()["serialNumber"], 16)
        connection.close()
        return number

    t.equal(serial(), 1)
    kept = t.https()
    t.equal(t.ask(kept, "/healthz")[0], 200)
    certificate, key = t.authority.sign("renewed", serial=2)
    replace(t.certificate, certificate)     # for a moment it does not fit the key
    time.sleep(1.1)                         # the daemon looks at most once a second
    t.equal(serial(), 1)
    replace(t.key, key)
    t.until(lambda: serial() == 2, 20, "the new one is served")
    t.equal(t.ask(kept, "/healthz")[0], 200)
    with open(t.certificate, "w", encoding="ascii") as file:
        file.write("no certificate\n")
    time.sleep(1.1)
    t.equal(serial(), 2)
    replace(t.certificate, certificate)


@case("clients must show a certificate of the authority, if one is set")
def _(t):
    other = Authority(t.folder, "other")
    good, wrong_purpose = t.authority.sign("client", "clientAuth"), t.authority.sign("no-client", "serverAuth")
    stranger = other.sign("stranger", "clientAuth")
    with Daemon({}, {"daemon.tls_certificate": t.certificate, "daemon.tls_key": t.key,
                     "daemon.tls_client_authority": t.authority.certificate}) as thole:
        connection = t.https(thole, t.context(*good))
        connection.request("GET", "/healthz")
        t.equal(connection.getresponse().status, 200)
        for own in ((), wrong_purpose, stranger):
            try:
                connection = t.https(thole, t.context(*own))
                connection.request("GET", "/healthz")
                raise AssertionError(f"{own} was served: {connection.getresponse().status}")
            except REFUSALS:
                pass


@case("tholectl speaks https with those it trusts, and with nobody else")
def _(t):
    def version(authority, **more):
        return subprocess.run([THOLECTL, "version"], capture_output=True, text=True, check=False, timeout=60, env={
            **os.environ, "THOLE_URL": f"https://localhost:{t.thole.tcp_port}", "THOLE_CA_FILE": authority, **more})
    good = version(t.authority.certificate, THOLE_TOKEN=t.thole.bootstrap_token)
    t.equal(good.returncode, 0, good.stderr)
    t.equal(version(Authority(t.folder, "unknown").certificate).returncode, 5)
    t.equal(version("/nowhere/ca.pem").returncode, 2)


@case("a listener that others can reach needs TLS or a proxy; half a setting and wrong files are refused at the start")
def _(t):
    def refused(settings, *words):
        thole = Daemon({}, settings)
        try:
            thole.start(wait=False)
            t.equal(thole.process.wait(30), 1)
            thole.died_as_asked = True
            for word in words:
                t.holds(thole.output(), word)
        finally:
            thole.close()

    files = {"daemon.tls_certificate": t.certificate, "daemon.tls_key": t.key}
    refused({"daemon.listen": "0.0.0.0:0"}, "daemon.tls_certificate", "daemon.behind_proxy")
    refused({"daemon.tls_certificate": t.certificate}, "daemon.tls_key")
    refused({**files, "daemon.tls_key": "/nowhere/key.pem"}, "/nowhere/key.pem")
    refused({**files, "daemon.tls_client_authority": "/nowhere/authority.pem"}, "/nowhere/authority.pem")
    thole = Daemon({}, files)
    thole.settings["daemon.listen"] = f"0.0.0.0:{thole.tcp_port}"
    thole.start()
    try:
        connection = t.https(thole)
        connection.request("GET", "/healthz")
        t.equal(connection.getresponse().status, 200)
    finally:
        thole.close()


main(Setup)
