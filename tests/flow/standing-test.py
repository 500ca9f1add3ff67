#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who follows something and loses what let him in sees no more of it: events, logs, terminals. No test waits for an event: the
stream ends by itself."""
import http.client
import re

from daemon import Client
from memory import FOREVER, Memory, case, main
from ws_client import Thole

SECONDS = 60


class Standing(Memory):
    SETTINGS = {"limits.address_rate": "0", "limits.user_rate": "0", "limits.key_rate": "0"}

    def __init__(self):
        super().__init__()
        self.numbers = iter(range(1, 10**6))
        # somebody to be the first one, who has all rights
        self.user("admin")

    def user(self, *roles):
        body = {"email": f"u{next(self.numbers)}@example.org", "password": "a good password", "roles": list(roles)}
        return self.thole.post("/v1/users", body).expect(201).json

    def by(self, user):
        login = {"email": user["email"], "password": "a good password"}
        token = self.thole.tcp(token=False).post("/v1/auth/login", login).expect(200).json["token"]
        return Client(port=self.thole.tcp_port, token=token)

    def change(self, user, **fields):
        self.thole.patch(f"/v1/users/{user['id']}", fields).expect(200)

    def follow(self, client, path, accept):
        """(connection, answer) once the head is there: it is followed."""
        connection, answer = client.open(path, {"Accept": accept}, 4 * SECONDS)
        self.equal(answer.status, 200)
        return connection, answer

    def rest(self, followed):
        """What came until its end; the time of the connection runs out where there is none."""
        connection, answer = followed
        try:
            return answer.read().decode()
        finally:
            connection.close()

    def events(self, client, query="?tail=true"):
        return self.follow(client, "/v1/events" + query, "text/event-stream")

    def ends_with(self, text, code):
        self.true(re.search(r'event: error\ndata: \{[^\n]*"code":"%s"[^\n]*\}\n\n$' % code, text), f"{code} at the end of {text[-1500:]!r}")


def sign_out(t, user, client):
    client.post("/v1/auth/logout").expect(204)


def disable(t, user, client):
    t.change(user, disabled=True)


def remove(t, user, client):
    t.thole.delete(f"/v1/users/{user['id']}").expect(204)


@case("events end when the credential of the reader is taken back", "AU-05 AU-08", each=["sign_out", "disable", "remove"])
def _(t, how):
    user = t.user("developer")
    client = t.by(user)
    followed = t.events(client)
    globals()[how](t, user, client)
    t.ends_with(t.rest(followed), "unauthenticated")


@case("events end when the key of the reader is deleted", "AU-18")
def _(t):
    client = t.by(t.user("developer"))
    key = client.post("/v1/api-keys", {"name": "x"}).expect(201).json
    followed = t.events(Client(port=t.thole.tcp_port, token=key["key"]))
    client.delete(f"/v1/api-keys/{key['id']}").expect(204)
    t.ends_with(t.rest(followed), "unauthenticated")


@case("events and terminals end when the key of the reader expires, though nothing else happens", "AU-18 AU-05")
def _(t):
    client = t.by(t.user("operator"))
    workload = t.run(FOREVER)
    session = t.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": ["forever"]}).expect(201).json
    for life in (2, 10, 60):
        holder = Client(port=t.thole.tcp_port, token=client.post("/v1/api-keys", {"name": "short", "expires_in": life}).expect(201).json["key"])
        try:
            followed = t.events(holder)
            viewer = Thole(holder, session["id"], start="live", timeout=SECONDS + life)
            break
        except Exception as fault:
            # so busy that it had expired before
            if holder.get("/v1/me").status != 401:
                raise fault
    t.ends_with(t.rest(followed), "unauthenticated")
    closed = viewer.rest_of_it()
    t.equal((closed.code, closed.word), (4401, "unauthenticated"))


@case("events end when the permission is taken away", "AU-06")
def _(t):
    user = t.user("viewer")
    followed = t.events(t.by(user))
    t.change(user, roles=[])
    t.ends_with(t.rest(followed), "forbidden")


@case("a role that shows less: the stream ends, and what comes of it then is one's own", "AU-06 AU-16")
def _(t):
    user = t.user("operator")
    client = t.by(user)
    followed = t.events(client)
    seen = t.run(FOREVER)
    t.change(user, roles=["developer"])
    hidden = t.run(FOREVER)
    text = t.rest(followed)
    t.ends_with(text, "interrupted")
    t.true(hidden["id"] not in text, "that nothing came of what it may not see")
    last = re.findall(r"^id: (\d+)$", text, re.M)
    own = t.by(user)
    mine = own.post("/v1/workloads", {"spec": t.spec(FOREVER)}).expect(201, 202).json
    for _, kind, data in own.sse("/v1/events", after=last[-1] if last else 0):
        t.true(data["subject"] not in (seen["id"], hidden["id"]), f"that {kind} is not of another one")
        if data["subject"] == mine["id"]:
            break


@case("who loses nothing reads on", "AU-06")
def _(t):
    connection, answer = t.events(t.by(t.user("operator")))
    other = t.user("viewer")
    t.change(other, roles=[])
    workload = t.run(FOREVER)
    while workload["id"].encode() not in answer.readline():
        continue
    connection.close()


@case("a log that is followed ends, too, and as one that is cut off", "AU-05")
def _(t):
    workload = t.run(["print", "one", ";", "forever"])
    user = t.user("operator")
    followed = t.follow(t.by(user), f"/v1/workloads/{workload['id']}/logs?follow=true", "text/plain")
    t.equal(followed[1].readline(), b"one\n")
    t.change(user, disabled=True)
    try:
        t.equal(t.rest(followed), None, "its rest")
    except http.client.IncompleteRead:
        pass


@case("a terminal is closed", "AU-05", each=["unauthenticated", "forbidden"])
def _(t, word):
    workload = t.run(FOREVER)
    session = t.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": ["forever"]}).expect(201).json
    user = t.user("operator")
    viewer = Thole(t.by(user), session["id"], start="live", timeout=SECONDS)
    t.change(user, **({"disabled": True} if word == "unauthenticated" else {"roles": ["viewer"]}))
    closed = viewer.rest_of_it()
    t.equal((closed.code, closed.word), (4401 if word == "unauthenticated" else 4403, word))


main(Standing)
