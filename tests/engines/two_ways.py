# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bed of sessions on a real Docker Engine that is reached by two ways: its socket and TCP."""
from real_docker import AGENT, Bench, free_port

WAYS = ["docker", "far"]


class TwoWays(Bench):
    """`places`: what is said of both backends."""
    places = {}

    def __init__(self):
        self.port = free_port()
        self.settings = {**self.settings, "daemon.agent": AGENT, "limits.sessions": "16"}
        self.flags = ["--live-restore", "-H", f"tcp://127.0.0.1:{self.port}", "--tls=false"]
        super().__init__()

    def daemon(self, name="thole"):
        daemon = super().daemon(name)
        daemon.backends["docker"].update(self.places)
        daemon.backends["far"] = {"driver": "docker", "url": f"tcp://127.0.0.1:{self.port}", **self.places}
        return daemon

    def wait_ready(self, seconds=60):
        super().wait_ready(seconds)
        self.until(lambda: self.thole.get("/v1/backends/far").expect(200).json["state"] == "ready", seconds, "the far backend")

    def open(self, workload, *command, status=(201,), **body):
        if len(command) == 1:
            command = ("sh", "-c", *command)
        body.setdefault("tty", False)
        return self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": list(command), **body}).expect(*status).json

    def show(self, session):
        return self.thole.get(f"/v1/sessions/{session['id']}").expect(200).json

    def ended(self, session, seconds=60):
        self.until(lambda: self.show(session)["state"] == "ended", seconds, "the end of the session")
        return self.show(session)


def till(viewer, text):
    while text not in viewer.output:
        viewer.step()
