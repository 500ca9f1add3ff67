#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sandboxes of this machine, without any engine, through the daemon."""
import os
import subprocess

from real_local import BUILD, Bench, case, main

THOLECTL = os.path.join(BUILD, "cli", "tholectl")
COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"


class Here(Bench):
    def back(self, how):
        """The daemon goes, by kill or stop, and comes again."""
        getattr(self.thole, how)()
        self.thole.start()
        self.wait_ready()


@case("tholectl run: a program of this machine, without an image and without an engine", "LC-13 LC-14")
def _(t):
    environment = {**os.environ, "THOLE_URL": "unix:" + t.thole.path}
    done = subprocess.run([THOLECTL, "run", "--rm", "--backend", "here", "--", "python3", "-c", "print(6 * 7)"], capture_output=True,
                          text=True, timeout=60, env=environment, check=False)
    t.equal((done.returncode, done.stdout.strip()), (0, "42"), done.stderr)


@case("the end of a program: its code or its signal", "LC-13", each=[("exit 0", "stopped", 0, None), ("exit 3", "crashed", 3, None),
                                                                  ("kill -KILL $$", "crashed", 137, "SIGKILL")])
def _(t, wanted):
    script, state, code, signal = wanted
    ended = t.ended(script)
    t.equal((ended["state"], ended["exit_code"], ended["exit_signal"] or None), (state, code, signal), str(ended))


@case("stdout and stderr are told apart, in their order, and the last lines alone when asked for", "LC-13")
def _(t):
    workload = t.ended("for i in 1 2 3 4 5; do echo out $i; done; sleep 0.1; echo err >&2; sleep 0.5; printf half")
    t.equal(t.logs(workload), "out 1\nout 2\nout 3\nout 4\nout 5\nerr\nhalf")
    t.equal(t.logs(workload, "?stream=stderr"), "err\n")
    t.equal(t.logs(workload, "?tail=2"), "err\nhalf")


@case("a log is followed to the end of its program", "LC-13")
def _(t):
    workload = t.run("for i in 1 2 3; do echo $i; sleep 0.3; done")
    t.equal(t.thole.get(f"/v1/workloads/{workload['id']}/logs?follow=true", timeout=30).expect(200).text, "1\n2\n3\n")


@case("a program runs again after its end, and its log goes on", "LC-13")
def _(t):
    workload = t.ended("echo again")
    t.verb(workload, "start")
    t.until(lambda: t.logs(workload) == "again\nagain\n", 10, "the second run's output")


@case("stop gives its grace, then kills; kill sends a signal", "LC-13")
def _(t):
    workload = t.run("trap 'echo got it; exit 7' TERM; echo set; while :; do sleep 0.1; done", stop={"grace": 10})
    t.until(lambda: t.logs(workload) == "set\n", 10, "the trap")
    t.verb(workload, "stop", wait="stopped,crashed")
    t.holds(t.logs(workload), "got it")
    deaf = t.run("trap '' TERM; while :; do sleep 0.1; done", stop={"grace": 0.5})
    t.equal(t.verb(deaf, "stop", wait="stopped,crashed")["exit_signal"], "SIGKILL")
    heard = t.run("trap 'echo hup' HUP; echo set; while :; do sleep 0.1; done")
    t.until(lambda: t.logs(heard) == "set\n", 10, "the trap")
    t.verb(heard, "kill", {"signal": "SIGHUP"})
    t.until(lambda: "hup" in t.logs(heard), 10, "the signal")


@case("a daemon that is killed loses no line and no end", "TE-01")
def _(t):
    counter, short = t.run(COUNT), t.run("sleep 1; echo bye; exit 9")
    t.thole.kill()
    # it ends while there is no daemon
    t.until(lambda: len(t.supervisors()) == 1, 20, "the end of the short one")
    t.thole.start()
    t.wait_ready()
    t.equal(t.thole.wait(short, "stopped,crashed", 20)["exit_code"], 9)
    t.equal(t.logs(short), "bye\n")
    t.equal(t.get(counter)["state"], "running")
    before = len(t.logs(counter))
    t.until(lambda: len(t.logs(counter)) > before, 10, "further output")
    lines = t.logs(counter).split("\n")[:-1]
    t.equal(lines, [str(i + 1) for i in range(len(lines))])
    t.verb(counter, "stop", wait="stopped,crashed")


if __name__ == "__main__":
    main(Here)
