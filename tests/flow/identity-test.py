#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users, signing in and out, API keys."""
import base64
import json
import os
import re

from daemon import Client
from memory import Memory, case, main

ADMIN = {"email": "Root@Example.org", "password": "correct horse battery"}


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Identity(Memory):
    """`thole` itself asks over the unix socket as an administrator; `root` has the token of the first user."""

    # tests sign in from where they like
    SETTINGS = {"http.trusted_proxies": "127.0.0.1"}

    def __init__(self):
        super().__init__()
        self.setup = re.search(r"set-up token (\S+)", self.thole.output())[1]
        self.numbers = iter(range(1, 10**6))

    def close(self):
        super().close()

    def anonymous(self):
        return self.thole.tcp(token=False)

    def by(self, token):
        return Client(port=self.thole.tcp_port, token=token)

    def user(self, *roles, **more):
        body = {"email": f"user{next(self.numbers)}@example.org", "password": "a good password", "roles": list(roles), **more}
        return self.thole.post("/v1/users", body).expect(201).json

    def login(self, user, password="a good password", address="192.0.2.254"):
        return self.anonymous().post("/v1/auth/login", {"email": user["email"], "password": password},
                                     {"X-Forwarded-For": address})

    def token(self, user):
        return self.login(user).expect(200).json["token"]


@case("the first user is made with the set-up token, once", "AU-01 AU-13")
def _(t):
    bootstrap = t.thole.tcp()
    bootstrap.get("/v1/workloads").expect(200)
    wrong = t.anonymous().post("/v1/auth/setup", {**ADMIN, "token": "x" * 43}).expect(401)
    t.equal(wrong.code, "unauthenticated")
    t.anonymous().post("/v1/auth/setup", {**ADMIN, "token": t.setup, "password": "short"}).expect(422)
    made = t.anonymous().post("/v1/auth/setup", {**ADMIN, "token": t.setup}).expect(201).json
    t.equal(made["user"]["email"], "root@example.org")
    t.equal(made["user"]["roles"], ["admin"])
    t.true("password" not in json.dumps(made))
    t.by(made["token"]).get("/v1/users").expect(200)
    t.anonymous().post("/v1/auth/setup", {**ADMIN, "token": t.setup}).expect(401)
    # with a user there is, the bootstrap token is good no more
    bootstrap.get("/v1/workloads").expect(401)
    t.equal(t.thole.output().count(t.setup), 1, "times that the set-up token was printed")


@case("signing in gives a token of 24 hours with its permissions", "AU-01 AU-02 AU-03 AU-05 AU-15")
def _(t):
    reply = t.login({"email": "root@EXAMPLE.org"}, ADMIN["password"]).expect(200).json
    seen = claims(reply["token"])
    t.equal(sorted(seen), ["email", "exp", "iat", "jti", "permissions", "sub"])
    t.equal(seen["exp"] - seen["iat"], 86400)
    t.equal(seen["email"], "root@example.org")
    t.equal(seen["permissions"], ["*"])
    t.equal(seen["sub"], reply["user"]["id"])
    me = t.by(reply["token"]).get("/v1/me").expect(200).json
    t.equal(me["user"]["email"], "root@example.org")
    t.equal(me["name"], seen["sub"])
    for bad in reply["token"][:-2], reply["token"] + "A", "Bearer", "a.b.c", "thole_" + "A" * 43:
        t.by(bad).get("/v1/me").expect(401)


@case("signing out takes the token back at once, refreshing the one before", "AU-19")
def _(t):
    user = t.user("developer")
    first = t.token(user)
    second = t.anonymous().post("/v1/auth/refresh", {"token": first}).expect(200).json["token"]
    t.by(first).get("/v1/me").expect(401)
    t.by(second).get("/v1/me").expect(200)
    t.anonymous().post("/v1/auth/refresh", {"token": first}).expect(401)
    third = t.token(user)
    t.by(second).post("/v1/auth/logout").expect(204)
    t.by(second).get("/v1/me").expect(401)
    t.by(third).get("/v1/me").expect(200)
    t.thole.restart()
    t.till_ready()
    t.by(second).get("/v1/me").expect(401)
    t.by(third).get("/v1/me").expect(200)


@case("a disabled user, a new password and a deleted user end all sign-ins", "AU-16 AU-19")
def _(t):
    user = t.user("developer")
    path = f"/v1/users/{user['id']}"
    token = t.token(user)
    t.thole.patch(path, {"disabled": True}).expect(200)
    t.by(token).get("/v1/me").expect(401)
    t.login(user).expect(401)
    t.thole.patch(path, {"disabled": False}).expect(200)
    t.by(token).get("/v1/me").expect(401)
    token = t.token(user)
    t.by(token).post("/v1/me/password", {"old": "wrong", "new": "another good one"}).expect(401)
    t.by(token).post("/v1/me/password", {"old": "a good password", "new": "another good one"}).expect(204)
    t.by(token).get("/v1/me").expect(401)
    t.login(user).expect(401)
    token = t.login(user, "another good one").expect(200).json["token"]
    t.thole.delete(path).expect(204)
    t.by(token).get("/v1/me").expect(401)
    t.login(user, "another good one").expect(401)


@case("changing roles works at once", "AU-06 AU-08")
def _(t):
    user = t.user("developer")
    token = t.token(user)
    t.by(token).get("/v1/users").expect(403)
    t.by(token).get("/v1/workloads").expect(200)
    t.thole.patch(f"/v1/users/{user['id']}", {"roles": ["viewer", "developer"]}).expect(200)
    t.by(token).get("/v1/users").expect(200)
    t.thole.patch(f"/v1/users/{user['id']}", {"roles": []}).expect(200)
    t.by(token).get("/v1/workloads").expect(403)


@case("users are checked, listed and changed", "AU-16")
def _(t):
    user = t.user("viewer", name="Ann")
    t.equal(t.thole.get(f"/v1/users/{user['email']}").expect(200).json, user)
    t.equal(t.thole.post("/v1/users", {"email": user["email"].upper(), "password": "a good password"}).expect(409).code, "conflict")
    bad = t.thole.post("/v1/users", {"email": "nobody", "password": "short", "roles": [1]}).expect(422)
    t.equal(bad.pointers, ["/email", "/password", "/roles/0"])
    t.equal(t.thole.post("/v1/users", {"email": "x@y", "password": "a good password", "roles": ["king"]}).expect(422).pointers, ["/roles/0"])
    t.true(user["id"] in [one["id"] for one in t.thole.listed("/v1/users?limit=1")])
    t.thole.patch(f"/v1/users/{user['id']}", {"name": "Bea"}, {"If-Match": '"7"'}).expect(412)
    changed = t.thole.patch(f"/v1/users/{user['id']}", {"name": "Bea"}, {"If-Match": '"1"'}).expect(200)
    t.equal((changed.json["name"], changed.headers["etag"]), ("Bea", '"2"'))
    t.thole.get("/v1/users/nobody@example.org").expect(404)


@case("an API key is shown once, kept as a keyed hash, and good until it is taken back", "AU-18 AU-19")
def _(t):
    user = t.user("developer")
    mine = t.by(t.token(user))
    made = mine.post("/v1/api-keys", {"name": "ci", "scopes": ["workload.read"]}).expect(201).json
    t.true(made["key"].startswith("thole_"))
    t.equal(made["owner"], user["id"])
    shown = mine.get(f"/v1/api-keys/{made['id']}").expect(200)
    t.true(made["key"] not in shown.text)
    key = t.by(made["key"])
    key.get("/v1/workloads").expect(200)
    key.post("/v1/workloads", {"spec": {"image": "app"}}).expect(403)
    key.post("/v1/api-keys", {"name": "more"}).expect(403)
    t.until(lambda: mine.get(f"/v1/api-keys/{made['id']}").json["last_used_at"], what="the time of its use")
    for folder, _, names in os.walk(t.thole.state):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                t.true(made["key"].encode() not in file.read(), f"{name} without the key")
    other = t.by(t.token(t.user("developer")))
    other.get(f"/v1/api-keys/{made['id']}").expect(404)
    other.delete(f"/v1/api-keys/{made['id']}").expect(404)
    t.equal([one for one in other.listed("/v1/api-keys") if one["id"] == made["id"]], [])
    mine.delete(f"/v1/api-keys/{made['id']}").expect(204)
    gone = key.get("/v1/workloads").expect(401)
    never = t.by("thole_" + "A" * 43).get("/v1/workloads").expect(401)
    t.equal({**gone.json, "request_id": ""}, {**never.json, "request_id": ""})
    varies = {"x-request-id", "date", "ratelimit-remaining", "ratelimit-reset"}
    t.equal(*({name: value for name, value in reply.headers.items() if name not in varies} for reply in (gone, never)))


@case("an API key ends when it was said to, and with its user")
def _(t):
    user = t.user("developer")
    mine = t.by(t.token(user))
    short = mine.post("/v1/api-keys", {"name": "short", "expires_in": 0.5}).expect(201).json["key"]
    long = mine.post("/v1/api-keys", {"name": "long"}).expect(201).json["key"]
    t.until(lambda: t.by(short).get("/v1/me").status == 401, what="its end")
    t.by(long).get("/v1/me").expect(200)
    t.thole.delete(f"/v1/users/{user['id']}").expect(204)
    t.by(long).get("/v1/me").expect(401)


@case("nobody gives what they have not")
def _(t):
    boss = t.user("admin")
    helper = t.user("operator")
    mine = t.by(t.token(helper))
    mine.post("/v1/users", {"email": "a@b", "password": "a good password", "roles": ["admin"]}).expect(403)
    t.equal(mine.post("/v1/api-keys", {"name": "x", "user": boss["id"]}).expect(422).pointers, ["/user"])
    narrow = t.by(mine.post("/v1/api-keys", {"name": "x", "scopes": ["key.*"]}).expect(201).json["key"])
    t.equal(narrow.post("/v1/api-keys", {"name": "y"}).expect(422).pointers, ["/scopes"])
    t.equal(narrow.post("/v1/api-keys", {"name": "y", "scopes": ["workload.read"]}).expect(422).pointers, ["/scopes/0"])
    narrow.post("/v1/api-keys", {"name": "y", "scopes": ["key.read"]}).expect(201)


@case("an unknown user, a wrong password and a disabled user are answered alike, and each hashes once", "AU-26")
def _(t):
    user, disabled = t.user(), t.user()
    t.thole.patch(f"/v1/users/{disabled['id']}", {"disabled": True}).expect(200)

    def hashes():
        return float(re.search(r"^thole_password_hashes (\S+)", t.thole.get("/metrics").expect(200).text, re.M)[1])

    def told(reply):
        varies = {"x-request-id", "date", "ratelimit-remaining", "ratelimit-reset", "content-length"}
        return ({**reply.json, "request_id": ""}, {name: value for name, value in reply.headers.items() if name not in varies},
                len(reply.body) - len(reply.json["request_id"]))
    seen = []
    for number, (email, password) in enumerate([(user["email"], "not the password"), ("nobody@example.org", "not the password"),
                                                (disabled["email"], "a good password"), (disabled["email"], "not the password")]):
        before = hashes()
        seen.append(told(t.login({"email": email}, password, f"192.0.2.{number}").expect(401)))
        t.equal(hashes() - before, 1, f"hashes for {email}")
    t.equal(seen[0][0]["detail"], "the e-mail address or the password is wrong")
    for other in seen[1:]:
        t.equal(other, seen[0])


@case("the keys that sign tokens can be rotated, and short ones are refused", "AU-04")
def _(t):
    user = t.user()
    token = t.token(user)
    path = os.path.join(t.thole.state, "token-keys")
    t.equal(os.stat(path).st_mode & 0o777, 0o600)
    with open(path, encoding="ascii") as file:
        old = file.read()
    t.thole.stop()
    with open(path, "w", encoding="ascii") as file:
        file.write("n" * 40 + "\n" + old)
    t.thole.start()
    t.till_ready()
    t.by(token).get("/v1/me").expect(200)
    newer = t.token(user)
    t.thole.stop()
    with open(path, "w", encoding="ascii") as file:
        file.write("n" * 40 + "\n")
    t.thole.start()
    t.till_ready()
    t.by(token).get("/v1/me").expect(401)
    t.by(newer).get("/v1/me").expect(200)
    t.thole.stop()
    with open(path, "w", encoding="ascii") as file:
        file.write("n" * 24 + "\n")
    try:
        t.thole.start()
    except AssertionError as error:
        t.holds(str(error), "less than 25 characters")
    else:
        raise AssertionError("it started with a key of 24 characters")
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(old)
        t.thole.start()
    t.till_ready()


main(Identity)
