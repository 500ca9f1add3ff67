# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody else on the bus: a process of another uid that does what it is told, line by line."""
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = """
import json, sys
client = BusClient(sys.argv[1])
client.listen()
for line in sys.stdin:
    order = json.loads(line)
    try:
        if order["do"] == "objects":
            answer = sorted(client.objects())
        elif order["do"] == "signals":
            answer = [[found[0] if found and str(found[0]).startswith("/") else path, name] for path, name, found in client.pump()]
        elif order["do"] == "flood":
            for _ in range(order["count"]):
                client.connection.call(NAME, ROOT, NAME + ".Root", "ListWorkloads", GLib.Variant("(a{sv})", ({},)), None, 0, -1, None, None)
            client.connection.flush_sync(None)
            answer = None
        elif order["do"] == "subscribe":
            answer = client.raw(ROOT, NAME + ".Root.Subscribe", GLib.Variant("(xa{sv})", (order["after"], {})))[0].unpack()
        elif order["do"] == "crowd":
            crowd, answer = [BusClient(sys.argv[1]) for _ in range(order["count"])], []
            for one in crowd:
                try:
                    one.objects()
                    answer.append(None)
                except BusError as error:
                    answer.append(error.name.rpartition(".")[2])
        elif order["do"] == "hold":
            crowd = [BusClient(sys.argv[1]) for _ in range(order["connections"])]
            given = GLib.Variant("(a{sv})", ({"command": GLib.Variant("as", ["print", "x" * order["size"]])},))
            for one in crowd + crowd:
                one.connection.call(NAME, order["path"], NAME + ".Workload", "Exec", given, None, Gio.DBusCallFlags(order["flags"]), -1, None, None)
            for one in crowd:
                one.connection.flush_sync(None)
            answer = None
        elif order["do"] == "streams":
            kept, answer = [], []
            for _ in range(order["count"]):
                try:
                    kept.append(client.descriptor(order["path"], "Workload.Logs", {"follow": True}))
                    answer.append(None)
                except BusError as error:
                    answer.append(error.name.rpartition(".")[2])
        elif order["do"] == "properties":
            answer = client.properties(order["path"], order["interface"])
        else:
            answer = client.call(order["path"], order["member"], *order["arguments"], flags=order["flags"])
        print(json.dumps({"answer": answer}), flush=True)
    except BusError as error:
        print(json.dumps({"error": error.name.rpartition(".")[2], "message": error.message}), flush=True)
"""


class BusUser:
    def __init__(self, address, uid):
        with open(os.path.join(HERE, "private_bus.py"), encoding="utf-8") as file:
            program = file.read() + PROGRAM
        self.process = subprocess.Popen(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "/usr/bin/python3", "-c", program,
                                         address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")

    def begin(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def end(self):
        """(answer, word of the error)"""
        reply = json.loads(self.process.stdout.readline())
        return reply.get("answer"), reply.get("error")

    def do(self, do, **order):
        self.begin(do=do, **order)
        return self.end()

    def call(self, path, member, options=None, *first, flags=0):
        return self.do("call", path=path, member=member, arguments=[*first, options or {}], flags=flags)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
