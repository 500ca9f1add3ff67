#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much a caller may ask for: requests a minute, and passwords that are guessed."""
import collections
import http.client
import threading

from daemon import Client
from memory import Memory, case, main

PASSWORD = "a good password"


class Rates(Memory):
    SETTINGS = {"http.trusted_proxies": "127.0.0.1", "limits.address_rate": "30"}

    def __init__(self):
        super().__init__()
        self.numbers = iter(range(1, 10**6))
        self.user()

    def by(self, token):
        return Client(port=self.thole.tcp_port, token=token)

    def user(self, *roles):
        body = {"email": f"user{next(self.numbers)}@example.org", "password": PASSWORD, "roles": list(roles) or ["viewer"]}
        return self.thole.post("/v1/users", body).expect(201).json

    def login(self, email, password, address):
        return self.thole.tcp(token=False).post("/v1/auth/login", {"email": email, "password": password},
                                                headers={"X-Forwarded-For": address})

    def key(self, user):
        return self.thole.post("/v1/api-keys", {"name": "x", "user": user["id"]}).expect(201).json["key"]


@case("exactly 100 requests pass in the first minute, from 64 connections with one key", "AU-20 AU-23 AU-24 AU-25")
def _(t):
    key = t.key(t.user())
    statuses, lock, go = collections.Counter(), threading.Lock(), threading.Event()

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", t.thole.tcp_port, timeout=60)
        go.wait()
        for _ in range(8):
            connection.request("GET", "/v1/me", headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            answer.read()
            headers = {name.lower() for name, _ in answer.getheaders()}
            with lock:
                statuses[answer.status] += 1
                statuses["headers"] += {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"} <= headers
                statuses["retry"] += "retry-after" in headers
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(64)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    t.equal(dict(statuses), {200: 100, 429: 412, "headers": 512, "retry": 412})


@case("a key that spent its own leaves others alone; the administrator of this machine has no limit", "AU-20 AU-29")
def _(t):
    user = t.user()
    first, second = t.by(t.key(user)), t.by(t.key(user))
    replies = [first.get("/v1/me") for _ in range(101)]
    t.equal([reply.status for reply in replies], [200] * 100 + [429])
    t.equal(replies[-1].code, "rate_limited")
    t.true(0 < int(replies[-1].headers["retry-after"]) <= 61, "when to come back")
    t.equal(replies[0].headers["ratelimit-limit"], "100")
    t.equal(replies[0].headers["ratelimit-remaining"], "99")
    second.get("/v1/me").expect(200)
    for _ in range(700):
        t.thole.get("/v1/me").expect(200)


@case("without a good credential an address is limited; a trusted proxy says which", "AU-21 AU-24")
def _(t):
    def ask(address, token=None, path="/v1/workloads"):
        headers = {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {token}"} if token else {})
        return Client(port=t.thole.tcp_port).get(path, headers=headers)

    t.equal([ask("192.0.2.7").status for _ in range(31)], [401] * 30 + [429])
    t.equal(ask("192.0.2.7", "thole_" + "A" * 43).status, 429)
    # what stands before the last stranger anybody may have written
    t.equal(ask("198.51.100.1, 192.0.2.7, 127.0.0.1").status, 429)
    t.equal(ask("192.0.2.8").status, 401)
    t.equal(ask("192.0.2.7", t.key(t.user()), "/v1/me").status, 200)
    t.equal(ask("192.0.2.7", path="/healthz").status, 200)
    t.equal(ask("192.0.2.7", path="/v1/version").status, 429)


@case("who guesses passwords waits longer and longer, whether or not the user exists", "AU-21 AU-26")
def _(t):
    for somebody in (True, False):
        email, address, refused = guessed(t, somebody)
        t.true(int(refused.headers["retry-after"]) >= 1, "when to come back")
        if somebody:
            t.login(email, PASSWORD, "192.0.2.99").expect(200)
            t.until(lambda: t.login(email, PASSWORD, address).status == 200, what="signed in after the wait")


def guessed(t, somebody):
    """Who has guessed, from where, and how the right password was refused. The first wait is a second, which may have passed on a
    machine with other work: then with more guesses, after which it is longer."""
    for more in range(6):
        email = t.user()["email"] if somebody else f"nobody{more}@example.org"
        address = f"192.0.2.{20 + more + 10 * somebody}"
        t.equal([t.login(email, "wrong", address).status for _ in range(5)], [401] * 5)
        for _ in range(more):
            t.until(lambda: t.login(email, "wrong", address).status == 401, what="the next guess")
        reply = t.login(email, PASSWORD, address)
        if reply.status == 429:
            return email, address, reply
    raise AssertionError(f"it is never refused: {reply}")


main(Rates)
