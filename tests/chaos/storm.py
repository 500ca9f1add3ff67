# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many creates and deletes while the daemon is killed at times by chance; each client asks with its key until it is answered."""
import random
import threading
import time

from crash import BROKEN, SEED, Tally, print_table

CLIENTS = 4


class Storm:
    """Kills the daemon again and again while clients work; every program's end is known beforehand."""

    def __init__(self, bed, count, calm):
        """calm: the longest time that the daemon lives, in seconds."""
        self.bed, self.thole, self.count, self.calm = bed, bed.thole, count, calm
        self.chance = random.Random(f"{SEED} storm")
        self.lock = threading.Lock()
        self.crashes, self.answers, self.refused = 0, {}, []
        self.over = threading.Event()

    # clients ---------------------------------------------------------------------------------------

    def until_answered(self, method, path, body, headers, good):
        while True:
            try:
                reply = self.thole.request(method, path, body, headers, timeout=60)
            except BROKEN:
                time.sleep(0.02)
                continue
            if reply.status in good:
                return reply
            if reply.status != 503:
                with self.lock:
                    self.refused.append(f"{method} {path}: {reply}")
                return reply
            time.sleep(0.05)

    def create(self, number):
        body = {"name": f"storm-{number}", **self.bed.kind(number)[0]}
        # some are content with the promise, some want to see it done
        wait = "?wait=running,stopped,crashed&timeout=60" if number % 2 else ""
        key = {"Idempotency-Key": f"storm-{SEED}-{number}"}
        reply = self.until_answered("POST", "/v1/workloads" + wait, body, key, (200, 201, 202))
        with self.lock:
            self.answers[number] = reply.json.get("id")

    def delete(self, number):
        path = f"/v1/workloads/{self.answers[number]}?force=true" + ("&wait=deleted&timeout=60" if number % 2 else "")
        self.until_answered("DELETE", path, None, {}, (200, 202, 204, 404, 410))

    def all_clients(self, numbers, act):
        rest = list(numbers)

        def client():
            while True:
                with self.lock:
                    if not rest:
                        return
                    number = rest.pop()
                act(number)
        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # the daemon ------------------------------------------------------------------------------------

    def reap(self, least):
        """Kills and starts it until the clients are done, and so often at least."""
        while not self.over.wait(0) or self.crashes < least:
            time.sleep(self.chance.uniform(0.01, self.calm))
            if self.thole.dead():
                raise AssertionError("it died by itself")
            self.thole.kill()
            self.crashes += 1
            self.thole.start(wait=self.chance.random() < 0.8)
        self.thole.await_ready()

    def under_fire(self, numbers, act):
        self.over.clear()
        errors = []

        def reaper():
            try:
                self.reap(len(numbers) // 10)
            except Exception as error:
                errors.append(error)
        thread = threading.Thread(target=reaper)
        thread.start()
        self.all_clients(numbers, act)
        self.over.set()
        thread.join()
        if errors:
            raise errors[0]
        self.bed.wait_ready()

    # judgement -------------------------------------------------------------------------------------

    def rows(self, there):
        """The workloads by name, once those whose program ends by itself have had the time to."""
        end = time.monotonic() + 60
        while True:
            rows = {w["name"]: w for w in self.thole.listed("/v1/workloads") if w["name"].startswith("storm-")}
            late = [n for n in there if f"storm-{n}" in rows and rows[f"storm-{n}"]["state"] != self.bed.kind(n)[1]]
            if not late or time.monotonic() > end:
                return rows
            time.sleep(0.1)

    def judge(self, tally, there):
        """Every answered one is there once and as its program ended, and nothing else is."""
        tally.add(tally.name, self.bed.settle_all(180) + [("wrong", text) for text in self.refused])
        tally.add(tally.name, self.bed.audit() + self.bed.dense())
        rows = self.rows(there)
        for number in there:
            row, (_, state, code) = rows.pop(f"storm-{number}", None), self.bed.kind(number)
            if row is None or row["id"] != self.answers[number]:
                tally.add(tally.name, [("lost", f"storm-{number}, answered as {self.answers[number]}: {row}")])
            elif (row["state"], row["exit_code"]) != (state, code):
                tally.add(tally.name, [("wrong", f"storm-{number} is {row['state']} with {row['exit_code']} instead of {state} with "
                                                 f"{code}: {row['state_reason']}")])
        tally.add(tally.name, [("leaked", f"the row {name}") for name in rows])

    def run(self):
        made, gone = Tally("create"), Tally("delete")
        numbers = list(range(self.count))
        self.under_fire(numbers, self.create)
        made.points, made.rounds = self.count, self.crashes
        self.judge(made, numbers)
        self.crashes = 0
        going = [number for number in numbers if number % 3]
        self.under_fire(going, self.delete)
        gone.points, gone.rounds = len(going), self.crashes
        self.judge(gone, [number for number in numbers if number % 3 == 0])
        self.all_clients([number for number in numbers if number % 3 == 0], self.delete)
        print(f"# seed {SEED}, {self.bed.NAME}")
        print_table([made, gone], ("request", "asked", "kills"))
        for tally in (made, gone):
            tally.check()
