#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a browser is given and what it is asked for: the cookie of a sign-in, the token against forged requests, tickets, CORS,
headers."""
import json
import os
import sqlite3
import time

from daemon import SOURCE, Client, Daemon, free_port
from memory import Memory, case, main
from ws_client import Refused, WebSocket

PASSWORD = "a good password"
FRIEND, STRANGER = "https://friend.example.org", "https://stranger.example.org"


def gets():
    """(permission, path) of every GET of operations.list."""
    with open(os.path.join(SOURCE, "core", "operations", "operations.list"), encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) > 8 and not line.startswith("#") and cells[3].startswith("GET "):
                yield cells[1], cells[3].split()[1].replace("{id}", "nothing")


class Browser(Memory):
    SETTINGS = {"http.origins": FRIEND, "limits.address_rate": "0", "limits.user_rate": "0", "limits.key_rate": "0"}

    def __init__(self):
        super().__init__()
        self.numbers = iter(range(1, 10**6))

    def anybody(self):
        return self.thole.tcp(token=False)

    def by(self, token):
        return Client(port=self.thole.tcp_port, token=token)

    def user(self, *roles):
        body = {"email": f"user{next(self.numbers)}@example.org", "password": PASSWORD, "roles": list(roles)}
        return self.thole.post("/v1/users", body).expect(201).json

    def sign_in(self, *roles, user=None):
        user = user or self.user(*roles)
        reply = self.anybody().post("/v1/auth/login", {"email": user["email"], "password": PASSWORD, "cookie": True}).expect(200)
        return Jar(self, reply)

    @property
    def own(self):
        return f"http://127.0.0.1:{self.thole.tcp_port}"


class Jar:
    """A browser that is signed in."""

    def __init__(self, t, reply):
        self.t, self.header = t, reply.headers["set-cookie"]
        self.cookie = self.header.split(";")[0]
        self.csrf = reply.json["csrf_token"]
        self.reply = reply

    def ask(self, method, path, body=None, csrf=True, **headers):
        head = {"Cookie": self.cookie, **({"X-CSRF-Token": self.csrf if csrf is True else csrf} if csrf else {})}
        head.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.t.anybody().request(method, path, body, head)


@case("a sign-in by cookie: no script reads it, no other site sends it, the body has no token", "AU-30")
def _(t):
    jar = t.sign_in("developer")
    words = [word.strip() for word in jar.header.split(";")]
    t.equal(words[1:5], ["Path=/", "HttpOnly", "SameSite=Strict", words[4]])
    t.true(86000 < int(words[4].removeprefix("Max-Age=")) <= 86400, words[4])
    t.true("Secure" not in words and "Domain" not in jar.header, jar.header)
    t.true("token" not in jar.reply.json and jar.cookie.split("=")[1] not in jar.reply.text, "the token is in the cookie only")
    me = jar.ask("GET", "/v1/me", csrf=False).expect(200).json
    t.equal((me["csrf_token"], me["user"], me["name"]), (jar.csrf, jar.reply.json["user"], jar.reply.json["user"]["id"]))
    t.true(me["credential"].startswith("cookie "), me["credential"])
    t.true(len(jar.header) < 1024, "it fits into every browser")
    # what a page of ours may do
    made = jar.ask("POST", "/v1/workloads", {"spec": {"image": "app"}, "start": False}).expect(201, 202)
    jar.ask("DELETE", f"/v1/workloads/{made.json['id']}").expect(202, 204)


@case("each credential is good in its own place only", "AU-30")
def _(t):
    user = t.user("developer")
    jar = t.sign_in(user=user)
    inside = jar.cookie.split("=", 1)[1]
    t.by(inside).get("/v1/me").expect(401)
    token = t.anybody().post("/v1/auth/login", {"email": user["email"], "password": PASSWORD}).expect(200).json["token"]
    key = t.by(token).post("/v1/api-keys", {"name": "x"}).expect(201).json["key"]
    for text in (token, key, inside[:-1], inside + "A", "", "x", f"{inside}; thole={inside}"):
        t.anybody().get("/v1/me", {"Cookie": f"thole={text}"}).expect(401)
    for name in ("Thole", "thole2", "xthole", "__Host-thole"):
        t.anybody().get("/v1/me", {"Cookie": f"{name}={inside}"}).expect(401)
    t.anybody().get("/v1/me", {"Cookie": f"a=b; thole={inside}; c=d"}).expect(200)
    # a bad one does not keep anybody from signing in anew
    t.anybody().post("/v1/auth/login", {"email": user["email"], "password": PASSWORD}, {"Cookie": "thole=old"}).expect(200)
    # a header wins
    t.equal(t.by(token).get("/v1/me", {"Cookie": "thole=old"}).expect(200).json["name"], user["id"])
    t.by("wrong").get("/v1/me", {"Cookie": jar.cookie}).expect(401)


@case("whatever changes something needs the token that only a page of ours can read", "AU-30")
def _(t):
    jar, other = t.sign_in("admin"), t.sign_in("admin")
    body = {"name": "forged", "permissions": ["workload.read"]}
    for csrf in (None, "", "x", jar.csrf[:-1], jar.csrf + "0", jar.csrf.upper() if jar.csrf.upper() != jar.csrf else "y", other.csrf):
        for method, path in (("POST", "/v1/roles"), ("PATCH", "/v1/roles/none"), ("PUT", "/v1/settings/system"), ("DELETE", "/v1/roles/none"),
                             ("POST", "/v1/auth/logout"), ("POST", "/v1/tickets"), ("POST", "/v1/auth/cookie")):
            t.equal(jar.ask(method, path, body if method != "DELETE" else None, csrf).expect(403).code, "forbidden")
    # public ones take it for nobody
    t.equal(jar.ask("POST", "/v1/auth/refresh", {}, None).expect(401).code, "unauthenticated")
    jar.ask("POST", "/v1/roles", body).expect(201)
    jar.ask("DELETE", "/v1/roles/forged").expect(204)


@case("a page of another origin gets nothing of the cookie, not even with its token", "AU-30 AU-12")
def _(t):
    jar = t.sign_in("developer")
    for origin in (FRIEND, STRANGER, "null", t.own + "0", t.own.replace("http", "https", 1) + "/", "http://localhost"):
        jar.ask("GET", "/v1/me", Origin=origin).expect(401)
        jar.ask("POST", "/v1/workloads", {"spec": {"image": "app"}}, Origin=origin).expect(401)
    for site in ("cross-site", "same-site"):
        jar.ask("GET", "/v1/me", Sec_Fetch_Site=site).expect(401)
    for site in ("same-origin", "none"):
        jar.ask("GET", "/v1/me", Sec_Fetch_Site=site).expect(200)
    jar.ask("GET", "/v1/me", Origin=t.own).expect(200)


@case("a WebSocket by cookie needs the Origin of a page of ours", "AU-30 TE-27")
def _(t):
    jar = t.sign_in("developer")
    path = "/v1/sessions/nothing/attach"

    def status(origin):
        try:
            head = {"Cookie": jar.cookie, "Host": f"127.0.0.1:{t.thole.tcp_port}", "Origin": origin}
            socket = WebSocket(t.anybody(), path, "thole.v1", head)
        except Refused as refused:
            return refused.status
        socket.socket.close()
        return 101
    t.equal(status(t.own), 101)
    t.equal(status(None), 403)
    for origin in (FRIEND, STRANGER, "null"):
        t.equal(status(origin), 401)


@case("signing out takes it back and clears it; renewing replaces it", "AU-30")
def _(t):
    jar = t.sign_in("developer")
    renewed = Jar(t, jar.ask("POST", "/v1/auth/refresh", {}).expect(200))
    t.true(renewed.cookie != jar.cookie and renewed.csrf != jar.csrf, "both are new")
    jar.ask("GET", "/v1/me").expect(401)
    renewed.ask("POST", "/v1/roles", {}, jar.csrf).expect(403)
    gone = renewed.ask("POST", "/v1/auth/logout").expect(204)
    t.equal([word.strip() for word in gone.headers["set-cookie"].split(";")], ["thole=", "Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=0"])
    renewed.ask("GET", "/v1/me").expect(401)
    # of a disabled user and after a new password none is good
    user = t.user("developer")
    for change in ({"disabled": True}, {"password": "another good one"}):
        one = t.sign_in(user=user)
        t.thole.patch(f"/v1/users/{user['id']}", change).expect(200)
        one.ask("GET", "/v1/me").expect(401)
        t.thole.patch(f"/v1/users/{user['id']}", {"disabled": False, "password": PASSWORD}).expect(200)


@case("a key or a token can be put into a cookie, and is what it was", "AU-18 AU-30")
def _(t):
    user = t.user("developer")
    token = t.anybody().post("/v1/auth/login", {"email": user["email"], "password": PASSWORD}).expect(200).json["token"]
    made = t.by(token).post("/v1/api-keys", {"name": "x", "scopes": ["workload.read", "key.read"]}).expect(201).json
    jar = Jar(t, t.by(made["key"]).post("/v1/auth/cookie").expect(200))
    t.true(made["key"] not in jar.cookie, "the key itself is not in it")
    jar.ask("GET", "/v1/workloads").expect(200)
    jar.ask("POST", "/v1/workloads", {"spec": {"image": "app"}}).expect(403)
    t.equal(jar.ask("GET", "/v1/me").json["credential"], f"key {made['id']}")
    again = Jar(t, jar.ask("POST", "/v1/auth/refresh", {}).expect(200))
    jar.ask("GET", "/v1/workloads").expect(401)
    again.ask("GET", "/v1/workloads").expect(200)
    again.ask("POST", "/v1/workloads", {"spec": {"image": "app"}}).expect(403)
    t.by(token).delete(f"/v1/api-keys/{made['id']}").expect(204)
    again.ask("GET", "/v1/workloads").expect(401)
    # of a token: the same sign-in, so both end together
    jar = Jar(t, t.by(token).post("/v1/auth/cookie").expect(200))
    t.by(token).post("/v1/auth/logout").expect(204)
    jar.ask("GET", "/v1/me").expect(401)
    # who is somebody by the socket has nothing to put there
    t.thole.post("/v1/auth/cookie").expect(409)


class Slow:
    """A request whose head was let in and whose body is still to come."""

    def __init__(self, t, path, body, **headers):
        self.body, self.connection = json.dumps(body).encode(), t.anybody().connection()
        self.connection.putrequest("POST", path)
        for name, value in {"Content-Length": len(self.body), "Expect": "100-continue", "Content-Type": "application/json", **headers}.items():
            self.connection.putheader(name.replace("_", "-"), value)
        self.connection.endheaders()
        seen = b""
        while not seen.endswith(b"\r\n\r\n"):
            seen += self.connection.sock.recv(1)
        t.holds(seen.decode(), "100 Continue")

    def end(self):
        self.connection.send(self.body)
        reply = self.connection.getresponse()
        reply.read()
        self.connection.close()
        return reply.status, reply.getheader("Set-Cookie")


@case("what is taken back while a body is under way is not good when it has come", "AU-19 AU-30")
def _(t):
    user = t.user("developer")
    token = t.anybody().post("/v1/auth/login", {"email": user["email"], "password": PASSWORD}).expect(200).json["token"]
    key = t.by(token).post("/v1/api-keys", {"name": "x", "scopes": ["workload.read"]}).expect(201).json
    jar = t.sign_in(user=user)
    held = [Slow(t, "/v1/auth/cookie", {}, Authorization=f"Bearer {key['key']}")]
    t.by(token).delete(f"/v1/api-keys/{key['id']}").expect(204)
    held += [Slow(t, "/v1/auth/refresh", {}, Cookie=jar.cookie, X_CSRF_Token=jar.csrf),
             Slow(t, "/v1/api-keys", {"name": "y"}, Cookie=jar.cookie, X_CSRF_Token=jar.csrf),
             Slow(t, "/v1/auth/refresh", {"token": token})]
    good = Slow(t, "/v1/tickets", {"path": "/v1/events"}, Authorization=f"Bearer {t.by(token).post('/v1/api-keys', {'name': 'z'}).json['key']}")
    t.thole.patch(f"/v1/users/{user['id']}", {"password": "another good one"}).expect(200)
    t.equal([one.end() for one in held], [(401, None)] * 4)
    t.equal(good.end()[0], 201)


@case("pages of named origins may ask with a credential of their own; nobody else, and nobody with a cookie", "AU-12")
def _(t):
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = t.anybody().request("OPTIONS", "/v1/workloads", None, {"Origin": FRIEND, **ask}).expect(204).headers
    t.equal((allowed["access-control-allow-origin"], allowed["vary"]), (FRIEND, "Origin"))
    t.holds(allowed["access-control-allow-methods"], "POST")
    t.holds(allowed["access-control-allow-headers"], "Authorization")
    refused = t.anybody().request("OPTIONS", "/v1/workloads", None, {"Origin": STRANGER, **ask}).expect(401).headers
    t.equal(refused["vary"], "Origin")
    answers = [allowed, refused]
    for path, status in (("/v1/workloads", 401), ("/v1/version", 200), ("/v1/nothing", 401)):
        for origin, said in ((FRIEND, FRIEND), (STRANGER, None), (None, None)):
            reply = t.anybody().get(path, {"Origin": origin} if origin else {}).expect(status)
            t.equal(reply.headers.get("access-control-allow-origin"), said, f"{path} for {origin}")
            t.equal(reply.headers["vary"], "Origin")
            answers.append(reply.headers)
    t.equal(t.thole.get("/v1/workloads", {"Origin": FRIEND}).expect(200).headers["access-control-allow-origin"], FRIEND)
    t.true(all("access-control-allow-credentials" not in headers for headers in answers), "never with a cookie")


@case("every answer has the headers that make browsers careful", "AU-12")
def _(t):
    jar = t.sign_in("developer")
    replies = [t.anybody().get(path) for path in ("/", "/healthz", "/v1/me", "/v1/nothing", "/assets/js/app.js", "/v1/openapi.json")]
    replies += [t.anybody().get("/", {"Accept": "text/html"}), jar.ask("GET", "/v1/workloads"), jar.ask("POST", "/v1/roles", {}),
                t.anybody().request("OPTIONS", "/healthz"), t.anybody().get("/healthz", {"X-Big": "x" * 20000}),
                t.thole.post("/v1/workloads", "{"), t.thole.get("/v1/workloads/nothing")]
    for reply in replies:
        where = f"{reply.status} {reply.text[:60]!r}"
        t.holds(reply.headers.get("content-security-policy", ""), "default-src 'none'")
        t.holds(reply.headers["content-security-policy"], "frame-ancestors 'none'")
        t.equal((reply.headers.get("x-content-type-options"), reply.headers.get("referrer-policy")), ("nosniff", "no-referrer"), where)
        t.true("strict-transport-security" not in reply.headers, where)


@case("a ticket lets in once, at its own path, whatever a browser gets: every GET that needs a credential", "TE-27 AU-07")
def _(t):
    jar = t.sign_in("admin")
    anybody = t.anybody()

    def ticket(path):
        return jar.ask("POST", "/v1/tickets", {"path": path}).expect(201).json["ticket"]
    paths = [path for permission, path in gets() if permission != "public"] + ["/metrics"]
    t.true(len(paths) > 35 and any("attach" in path for path in paths) and any("logs" in path for path in paths), paths)
    for path in paths:
        other = "/v1/me" if path != "/v1/me" else "/v1/users"
        word = ticket(path)
        first = anybody.get(f"{path}?ticket={word}")
        t.true(first.status not in (401, 403), f"{first} of {path}")
        anybody.get(f"{path}?ticket={word}").expect(401)
        # and at another one never, nor afterwards at its own
        word = ticket(path)
        anybody.get(f"{other}?ticket={word}").expect(401)
        anybody.get(f"{path}?ticket={word}").expect(401)
    for method in ("HEAD", "POST", "DELETE", "PATCH", "PUT"):
        anybody.request(method, f"/v1/me?ticket={ticket('/v1/me')}").expect(401)
    for word in ("", "x", "A" * 32, ticket("/v1/me")[:-1], ticket("/v1/me") + "A", ticket("/v1/me").swapcase()):
        anybody.get(f"/v1/me?ticket={word}").expect(401)
    # a ticket is no way to more: it is who made it, and nobody once that is over
    viewer = t.sign_in("viewer")
    made = viewer.ask("POST", "/v1/tickets", {"path": "/v1/audit"}).expect(201).json["ticket"]
    anybody.get(f"/v1/audit?ticket={made}").expect(403)
    made = viewer.ask("POST", "/v1/tickets", {"path": "/v1/me"}).expect(201).json["ticket"]
    viewer.ask("POST", "/v1/auth/logout").expect(204)
    anybody.get(f"/v1/me?ticket={made}").expect(401)
    if os.environ.get("THOLE_LONG"):
        word = ticket("/v1/me")
        time.sleep(30.5)
        anybody.get(f"/v1/me?ticket={word}").expect(401)


@case("a sign-in that cannot be audited gives no cookie", "AU-09 AU-30")
def _(t):
    user = t.user("developer")
    body = {"email": user["email"], "password": PASSWORD, "cookie": True}
    jar = t.sign_in(user=user)
    database = sqlite3.connect(os.path.join(t.thole.state, "thole.db"), isolation_level=None, timeout=30)
    database.execute("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'no audit'); END")
    try:
        replies = [t.anybody().post("/v1/auth/login", body), jar.ask("POST", "/v1/auth/cookie"), jar.ask("POST", "/v1/auth/refresh", {}),
                   jar.ask("POST", "/v1/auth/logout")]
    finally:
        database.execute("DROP TRIGGER no")
        database.close()
    for reply in replies:
        t.true(reply.status >= 400 and "set-cookie" not in reply.headers and "csrf_token" not in reply.text, f"{reply}")
    jar.ask("GET", "/v1/me").expect(200)


@case("over TLS the cookie is for TLS only, and the browser is told to stay there", "AU-30 AU-12")
def _(t):
    jar = t.sign_in("developer")
    user = jar.reply.json["user"]
    body = {"email": user["email"], "password": PASSWORD, "cookie": True}
    # as a proxy says it; on the unix socket one may say it of oneself
    secure = t.thole.post("/v1/auth/login", body, {"X-Forwarded-Proto": "https"}).expect(200)
    words = [word.strip() for word in secure.headers["set-cookie"].split(";")]
    t.true(words[0].startswith("__Host-thole=") and "Secure" in words and "Path=/" in words, words)
    t.equal(secure.headers["strict-transport-security"], "max-age=31536000")
    head = {"Cookie": words[0], "X-Forwarded-Proto": "https", "Host": "thole.example.org"}
    t.equal(t.thole.get("/v1/me", {**head, "Origin": "https://thole.example.org"}).expect(200).json["name"], user["id"])
    t.true(t.thole.get("/v1/me", {**head, "Origin": "http://thole.example.org"}).expect(200).json["name"] != user["id"], "a plain page")
    # anybody else may not
    plain = t.anybody().post("/v1/auth/login", body, {"X-Forwarded-Proto": "https"}).expect(200)
    t.true("Secure" not in plain.headers["set-cookie"] and "strict-transport-security" not in plain.headers, "not believed")


@case("X-Dev-User is nothing in production; in development it is loud and never leaves this machine", "AU-31")
def _(t):
    user = t.user("developer")
    named = {"X-Dev-User": user["email"]}
    t.anybody().get("/v1/me", named).expect(401)
    t.equal(t.anybody().get("/v1/version").json["auth_mode"], "production")
    t.true("auth_mode" not in t.anybody().get("/readyz").json, "nothing to tell")
    backend = {"memory": {"driver": "memory", "default": "true"}}
    with Daemon(backend, {"auth.mode": "dev", "limits.address_rate": "0"}) as thole:
        t.holds(thole.output(), "auth.mode=dev")
        t.equal([thole.tcp(token=False).get(path).json["auth_mode"] for path in ("/v1/version", "/readyz")], ["dev", "dev"])
        thole.post("/v1/users", {"email": "ann@example.org", "password": PASSWORD, "roles": ["viewer"]}).expect(201)
        anybody, named = thole.tcp(token=False), {"X-Dev-User": "ann@example.org"}
        me = anybody.get("/v1/me", named).expect(200).json
        t.equal((me["credential"], me["user"]["email"]), ("dev", "ann@example.org"))
        # it is that user and no more, and there is no way around
        anybody.post("/v1/users", {"email": "x@example.org", "password": PASSWORD}, named).expect(403)
        anybody.post("/v1/auth/cookie", None, named).expect(409)
        anybody.get("/v1/me").expect(401)
        anybody.get("/v1/me", {"X-Dev-User": "nobody@example.org"}).expect(401)
        anybody.get("/v1/me", {**named, "X-Forwarded-For": "192.0.2.1"}).expect(401)
        anybody.get("/v1/me", {**named, "Host": "rebound.example.org"}).expect(401)
        anybody.get("/v1/me", {**named, "Origin": STRANGER}).expect(401)
        anybody.get("/v1/me", {**named, "Authorization": "Bearer wrong"}).expect(401)
    for settings in ({"daemon.listen": f"0.0.0.0:{free_port()}", "daemon.behind_proxy": "true"}, {"http.trusted_proxies": "127.0.0.1"}):
        refused = Daemon(backend, {"auth.mode": "dev", **settings})
        try:
            refused.start()
        except AssertionError as error:
            t.holds(str(error), "auth.mode=dev")
        else:
            raise AssertionError(f"it started with {settings}")
        finally:
            refused.died_as_asked = True
            refused.close()


main(Browser)
