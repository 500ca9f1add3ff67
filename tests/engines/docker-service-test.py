#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon with no more rights than data/tholed.service leaves it, on a real Docker Engine: a user of its own in the group that the
engine's socket belongs to, and no capability."""
import os
import shutil
import subprocess
import tempfile

from real_docker import AGENT, BUILD, Bench, Skip, case, main

USER, GROUP = 54321, 54322


class Service(Bench):
    build = None

    def __init__(self):
        if not shutil.which("setpriv"):
            raise Skip("setpriv is not installed")
        super().__init__()

    def daemon(self, name="thole"):
        # the build folder may be in one that this user cannot enter
        self.build = build = tempfile.mkdtemp(prefix="thole-build-")
        subprocess.run(["mount", "--bind", BUILD, build], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", build], check=True)
        self.settings = {"daemon.agent": AGENT.replace(BUILD, build)}
        thole = super().daemon(name)
        command = thole.command
        thole.command = lambda: [word.replace(BUILD, build) for word in command()]
        thole.environment["THOLE_DRIVER_PATH"] = os.path.join(build, "plugins")
        for folder in (self.directory, self.engine.directory):
            os.chmod(folder, 0o755)
        os.chown(self.engine.path, 0, GROUP)
        os.chmod(self.engine.path, 0o660)
        os.chown(thole.directory, USER, USER)
        os.chmod(thole.directory, 0o700)
        thole.wrapper = ["setpriv", f"--reuid={USER}", f"--regid={USER}", f"--groups={GROUP}", "--bounding-set=-all", "--inh-caps=-all",
                         "--no-new-privs"]
        return thole

    def close(self):
        try:
            super().close()
        finally:
            if self.build:
                subprocess.run(["umount", "--lazy", self.build], check=True)
                os.rmdir(self.build)

    def session(self, workload, script, **body):
        path = f"/v1/workloads/{workload['id']}/sessions"
        session = self.thole.post(path, {"command": ["sh", "-c", script], "tty": False, **body}).expect(201).json
        shown = f"/v1/sessions/{session['id']}"
        self.until(lambda: self.thole.get(shown).expect(200).json["state"] == "ended", 60, "the end of the session")
        return self.thole.get(shown).expect(200).json


@case("it is what it should be: nobody special")
def _(t):
    with open(f"/proc/{t.thole.process.pid}/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    t.equal((status["Uid"].split()[0], status["Groups"].strip(), status["CapEff"], status["CapBnd"], status["NoNewPrivs"]),
            (str(USER), str(GROUP), "0" * 16, "0" * 16, "1"))


@case("it runs workloads and programs in them", proves="OP-07")
def _(t):
    workload = t.run("echo seen; sleep 1000")
    t.equal(workload["state"], "running")
    t.equal(t.exec(workload, "id -u")["stdout"], "0\n")
    t.until(lambda: "seen" in t.logs(workload), what="its log")


@case("sessions last, whoever the program runs as", each=["", "nobody", "1234:1234"])
def _(t, user):
    workload = t.run(user=user)
    session = t.session(workload, "echo said; exit 7")
    t.equal((session["durability"], session["exit_code"]), ("agent", 7))
    t.thole.kill()
    t.thole.start()
    t.wait_ready()
    t.equal(t.session(workload, "exit 5")["exit_code"], 5, "after the daemon was killed")


@case("files, secrets and volumes come in")
def _(t):
    t.thole.post("/v1/secrets", {"name": "key", "value": "hidden"}).expect(201)
    said = t.output("cat /srv/a; printf $KEY; cat /v/none 2>/dev/null || echo empty", files=[{"path": "/srv/a", "content": "text "}],
                    env={"KEY": {"secret": "key"}}, mounts=t.volume("store"))
    t.equal(said.split(), ["text", "hiddenempty"])


main(Service)
