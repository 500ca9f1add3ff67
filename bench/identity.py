#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a credential costs: reads with a key, a token and a cookie beside /healthz without one, in turns on the memory driver; and
how long a sign-in takes, by whether the user exists."""
import statistics
import time

from measure import SMOKE, middle, report, wrk

from daemon import Client, Daemon

# short turns, many of them: whoever else uses the machine then meets all alike
SECONDS, ROUNDS, GUESSES = (1, 1, 2) if SMOKE else (1, 15, 20)
NO_LIMITS = {f"limits.{name}_rate": "0" for name in ("key", "user", "address", "local")}
PASSWORD = "a good password"


def credentials(thole):
    """{kind: headers} of one user."""
    user = thole.post("/v1/users", {"email": "ann@example.org", "password": PASSWORD, "roles": ["developer"]}).expect(201).json
    login = {"email": user["email"], "password": PASSWORD}
    token = thole.tcp(token=False).post("/v1/auth/login", login).expect(200).json["token"]
    key = Client(port=thole.tcp_port, token=token).post("/v1/api-keys", {"name": "bench"}).expect(201).json["key"]
    cookie = thole.tcp(token=False).post("/v1/auth/login", {**login, "cookie": True}).expect(200).headers["set-cookie"].split(";")[0]
    return token, {"key": [f"Authorization: Bearer {key}"], "token": [f"Authorization: Bearer {token}"], "cookie": [f"Cookie: {cookie}"]}


def guess(thole, email):
    """ms of one wrong sign-in; on the unix socket nobody is made to wait for guessing."""
    begin = time.monotonic()
    thole.post("/v1/auth/login", {"email": email, "password": "not the password"}).expect(401)
    return (time.monotonic() - begin) * 1000


def main():
    with Daemon({"memory": {"driver": "memory", "default": "true", "images": "app"}}, NO_LIMITS) as thole:
        while thole.get("/v1/backends/memory").json["state"] != "ready":
            pass
        token, kinds = credentials(thole)
        made = Client(port=thole.tcp_port, token=token).post("/v1/workloads?wait=stopped", {"spec": {"image": "app"}, "start": False})
        place = f"http://127.0.0.1:{thole.tcp_port}"
        places = {"healthz": (f"{place}/healthz", []), **{kind: (f"{place}/v1/workloads/{made.json['id']}", kinds[kind]) for kind in kinds}}
        samples = {name: [] for name in places}
        for _ in range(ROUNDS):
            for name, (url, headers) in places.items():
                samples[name].append(wrk(url, thole.process.pid, SECONDS, headers=headers))
        result = {name: middle(of) for name, of in samples.items()}
        ratio = {kind: round(statistics.median(mine["requests_per_second"] / bare["requests_per_second"]
                                               for mine, bare in zip(samples[kind], samples["healthz"])), 3) for kind in kinds}
        times = {"known": [], "unknown": []}
        for _ in range(GUESSES):
            times["known"].append(guess(thole, "ann@example.org"))
            times["unknown"].append(guess(thole, "nobody@example.org"))
        sign_in = {name: round(statistics.median(of), 1) for name, of in times.items()}
        report("identity", {**result, "ratio": ratio, "wrong_sign_in_ms": sign_in},
               {"ratio.key": (">=", 0.85), "ratio.token": (">=", 0.85)})


main()
