#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ten thousand credentials that are not good, each for a reason of its own: none lets anybody in. THOLE_SEED repeats a run."""
import base64
import hashlib
import hmac
import json
import os
import random
import socket
import string
import time

from daemon import Client
from memory import Memory, case, main

COUNT = 10000
AT_ONCE = 40
PASSWORD = "a good password"
PRINTABLE = string.ascii_letters + string.digits + "-_.=+/~!@#$%^&*(){}[]|:;'<>?,"


def encode(data):
    data = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(key, header, payload, digest=hashlib.sha256):
    text = f"{encode(header)}.{encode(payload)}"
    return f"{text}.{encode(hmac.new(key, text.encode(), digest).digest())}"


class Tokens(Memory):
    SETTINGS = {"limits.address_rate": "0", "limits.user_rate": "0", "limits.key_rate": "0"}

    def __init__(self):
        super().__init__()
        self.seed = int(os.environ.get("THOLE_SEED", time.time_ns() % 10**9))
        self.random = random.Random(self.seed)
        print(f"# THOLE_SEED={self.seed}")
        self.user = self.thole.post("/v1/users", {"email": "a@example.org", "password": PASSWORD, "roles": ["admin"]}).expect(201).json
        login = {"email": self.user["email"], "password": PASSWORD}
        outside = self.thole.tcp(token=False)
        self.good = outside.post("/v1/auth/login", login).expect(200).json["token"]
        self.cookie = outside.post("/v1/auth/login", {**login, "cookie": True}).expect(200).headers["set-cookie"].split(";")[0]
        self.revoked = outside.post("/v1/auth/login", login).expect(200).json["token"]
        self.by(self.revoked).post("/v1/auth/logout").expect(204)
        made = self.by(self.good).post("/v1/api-keys", {"name": "x"}).expect(201).json
        gone = self.by(self.good).post("/v1/api-keys", {"name": "y"}).expect(201).json
        self.by(self.good).delete(f"/v1/api-keys/{gone['id']}").expect(204)
        self.api_key, self.gone = made["key"], gone["key"]
        with open(os.path.join(self.thole.state, "token-keys"), "rb") as file:
            self.key = file.read().split()[0]
        self.header = {"alg": "HS256", "typ": "JWT"}
        self.take(self.good, self.cookie.split("=", 1)[1], "cookie")
        # what the forgeries differ from is good
        self.by(signed(self.key, self.header, self.claims)).get("/v1/me").expect(200)

    def take(self, good, elsewhere, use_elsewhere):
        """What the bad ones are made of, and what is good in another place only."""
        part = good.split(".")[1]
        self.good, self.elsewhere, self.use_elsewhere = good, elsewhere, use_elsewhere
        self.claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

    def by(self, token):
        return Client(port=self.thole.tcp_port, token=token)

    # what is wrong ---------------------------------------------------------------------------------

    def none(self):
        header = {**self.header, "alg": self.random.choice(["none", "None", "NONE", "nOnE", "", "null", "HS0"])}
        end = self.random.choice(["", ".", "." + self.good.split(".")[2], "." + encode(b""), "." + encode(bytes(32)), ".e30"])
        return f"{encode(header)}.{encode(self.claims)}{end}"

    def swapped(self):
        alg = self.random.choice(["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256", "HS256 ", " HS256", "HS2560", ["HS256"], 256,
                                  None, True, {"HS256": 1}])
        digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(alg if isinstance(alg, str) else "", hashlib.sha256)
        return signed(self.key, {**self.header, "alg": alg}, self.claims, self.random.choice([digest, hashlib.sha256]))

    def asks_for_more(self):
        more = self.random.choice([{"kid": "../../dev/null"}, {"kid": ""}, {"jwk": {"kty": "oct", "k": encode(self.key)}}, {"x5u": "http://x"},
                                   {"jku": "http://x"}, {"crit": ["exp"]}, {"b64": False, "crit": ["b64"]}, {"zip": "DEF"}, {"typ": "JOSE"},
                                   {"typ": None}, {"enc": "A128GCM"}, {"cty": "JWT"}])
        return signed(self.key, {**self.header, **more}, self.claims)

    def truncated(self):
        return self.good[:self.random.randrange(1, len(self.good))]

    def longer(self):
        return self.good + self.random.choice(["A", "=", "==", ".", ".e30", "\t", "%3D", self.good, "." + self.good])

    def other_key(self):
        key = self.random.choice([b"", b"secret", self.key[:-1], self.key[1:], self.key + b"\n", self.key.upper() + b"x", self.key[::-1] + b"y",
                                  self.random.randbytes(32), bytes(len(self.key)), hashlib.sha256(self.key).digest(), self.key + b"\0x"])
        return signed(key, self.header, self.claims)

    def time_is_wrong(self):
        now = int(time.time())
        wrong = self.random.choice([{"iat": now + 3600}, {"iat": now + 86400 * 365}, {"iat": 2**62}, {"iat": None}, {"iat": "0"}, {"iat": -1, "exp": -1},
                                    {"exp": now - 1}, {"exp": 0}, {"exp": -2**62}, {"exp": str(now + 60)}, {"exp": None}, {"exp": [now + 60]},
                                    {"exp": True}, {"iat": now + 60, "exp": now + 120}])
        return signed(self.key, self.header, {**self.claims, **wrong})

    def lacks(self):
        claims = dict(self.claims)
        del claims[self.random.choice(["sub", "jti", "exp", "iat"])]
        return signed(self.key, self.header, claims)

    def twice(self):
        name = self.random.choice(["sub", "jti", "exp", "iat", "permissions", "email"])
        text = json.dumps(self.claims)
        more = self.random.choice([self.claims[name], "us-0", 0, 2**40])
        where = f'{{"{name}":{json.dumps(more)},' + text[1:] if self.random.random() < 0.5 else text[:-1] + f',"{name}":{json.dumps(more)}}}'
        header = '{"alg":"none","alg":"HS256","typ":"JWT"}' if self.random.random() < 0.2 else self.header
        return signed(self.key, header, where)

    def not_an_object(self):
        text = self.random.choice(["", "[]", "null", "1", '"x"', "[" * 200, "{", "{}", "{}{}", json.dumps([self.claims]), json.dumps(self.claims)[:-1],
                                   json.dumps(self.claims) + "x", "\ufeff" + json.dumps(self.claims), "{\"sub\":\"\xff\"}"])
        return signed(self.key, self.header, text) if self.random.random() < 0.5 else signed(self.key, text, self.claims)

    def somebody_else(self):
        change = self.random.choice([{"sub": "us-nobody"}, {"sub": ""}, {"sub": [self.claims["sub"]]}, {"sub": self.claims["sub"] + " "}, {"jti": ""},
                                     {"sub": "bootstrap"}, {"sub": "uid:0"}, {"sub": self.user["email"]}, {"jti": "1.x"}, {"jti": "-1.x"},
                                     {"jti": "9" * 40}, {"jti": "0" * 200}, {"use": self.use_elsewhere}, {"use": "x"}, {"key": "ak-none"},
                                     {"sub": "bootstrap", "use": self.use_elsewhere}])
        return signed(self.key, self.header, {**self.claims, **change})

    def parts(self):
        a, b, c = self.good.split(".")
        return self.random.choice([f"{a}.{b}", f"{a}..{c}", f".{b}.{c}", f"{a}.{c}.{b}", f"{b}.{a}.{c}", f"{a}.{b}.{c}.{c}", f"{a}.{b}.{c}.{a}.{b}",
                                   "..", "...", ".", f"{a}.{b}.", f"{a}{b}{c}", f"{a}:{b}:{c}", f"{a}. {b}.{c}"])

    def padded(self):
        a, b, c = self.good.split(".")
        part = self.random.randrange(3)
        pad = self.random.choice(["=", "==", "===", "%3D", "\t="])
        return ".".join(text + pad if number == part else text for number, text in enumerate((a, b, c)))

    def other_alphabet(self):
        a, b, c = self.good.split(".")
        raw = base64.urlsafe_b64decode(c + "=")
        last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        # the two bits of the last letter that say nothing must be 0; other forms of the same bytes
        other = last[last.index(c[-1]) ^ self.random.randrange(1, 4)]
        return f"{a}.{b}." + self.random.choice([c[:-1] + other, raw.hex(), base64.b64encode(raw).decode(), base64.b32encode(raw).decode(),
                                                 raw.hex().upper()])

    def mutated(self):
        text = list(self.random.choice([self.good, self.good, self.api_key]))
        for _ in range(self.random.choice([1, 1, 1, 2, 5])):
            place = self.random.randrange(len(text))
            self.random.choice([lambda: text.__setitem__(place, self.random.choice(PRINTABLE)), lambda: text.insert(place, self.random.choice(PRINTABLE)),
                                lambda: text.pop(place) if len(text) > 1 else None])()
        return "".join(text)

    def key_like(self):
        letters = string.ascii_letters + string.digits + "-_"
        noise = "".join(self.random.choices(letters, k=self.random.choice([0, 1, 42, 43, 44, 100])))
        kept = self.random.randrange(7, len(self.api_key))
        return self.random.choice(["thole_" + noise, self.api_key[:kept] + "".join(self.random.choices(letters, k=len(self.api_key) - kept - 1)), self.gone,
                                   self.api_key.upper(), self.api_key[6:], "Thole_" + self.api_key[6:], self.api_key + "\t.", self.revoked,
                                   self.elsewhere, self.cookie, self.thole.bootstrap_token])

    def noise(self):
        return "".join(self.random.choices(PRINTABLE, k=self.random.choice([1, 3, 40, 300, 3000])))

    KINDS = (none, swapped, asks_for_more, truncated, longer, other_key, time_is_wrong, lacks, twice, not_an_object, somebody_else, parts, padded,
             other_alphabet, mutated, key_like, noise)

    def bad(self, number):
        """(kind, text); one that a mutation has left as it was is no bad one."""
        kind = self.KINDS[number % len(self.KINDS)]
        while True:
            text = kind(self)
            if text.strip() not in (self.good, self.api_key):
                return kind.__name__, text

    # asking ----------------------------------------------------------------------------------------

    def statuses(self, heads):
        """Of so many requests, sent at once on one connection."""
        with socket.create_connection(("127.0.0.1", self.thole.tcp_port), 60) as conn:
            conn.sendall(b"".join(b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\n" + head.encode() + b"\r\n\r\n" for head in heads))
            file = conn.makefile("rb")
            for _ in heads:
                status, length = int(file.readline().split()[1]), 0
                for line in iter(file.readline, b"\r\n"):
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                file.read(length)
                yield status

    def try_all(self, head):
        """{kind: {status: count}} of COUNT bad ones in such a field."""
        seen = {}
        for first in range(0, COUNT, AT_ONCE):
            tried = [self.bad(number) for number in range(first, min(COUNT, first + AT_ONCE))]
            for (kind, text), status in zip(tried, self.statuses([head(text) for _, text in tried])):
                of = seen.setdefault(kind, {})
                of[status] = of.get(status, 0) + 1
                if status != 401:
                    raise AssertionError(f"{status} for {kind}: {text!r}; THOLE_SEED={self.seed}")
        return seen


@case(f"{COUNT} tokens that are not good, as Bearer: none is", "AU-05 AU-07 AU-15 AU-19 AU-26")
def _(t):
    seen = t.try_all(lambda text: f"Authorization: Bearer {text}")
    t.equal(sum(sum(of.values()) for of in seen.values()), COUNT)
    t.equal(len(seen), len(t.KINDS))
    t.by(t.good).get("/v1/me").expect(200)
    t.by(t.api_key).get("/v1/me").expect(200)


@case(f"{COUNT} as a cookie: none is", "AU-30 AU-15")
def _(t):
    t.take(t.elsewhere, t.good, "")
    # a cookie ends before a semicolon
    seen = t.try_all(lambda text: f"Cookie: thole={text.replace(';', '!')}")
    t.equal(sum(sum(of.values()) for of in seen.values()), COUNT)
    t.thole.tcp(token=False).get("/v1/me", {"Cookie": t.cookie}).expect(200)


@case("odd bytes in a credential end the connection or the request, not the daemon", "AU-26")
def _(t):
    for number in range(300):
        noise = t.random.randbytes(t.random.choice([1, 20, 500])).replace(b"\r", b"").replace(b"\n", b"")
        with socket.create_connection(("127.0.0.1", t.thole.tcp_port), 60) as conn:
            conn.sendall(b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer " + t.good[:number].encode() + noise
                         + b"\r\n\r\n")
            answer = conn.makefile("rb").readline()
        t.true(answer.split()[1] in (b"400", b"401"), f"{answer!r} for {noise!r}")


main(Tokens)
