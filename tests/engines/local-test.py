#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sandboxes of this machine, without any engine, through the daemon. With THOLE_LONG=1: 50 kills of the daemon, 100 sandboxes."""
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from real_local import BUILD, RUNNER, Bench, Skip, case, main, processes
from ws_client import Thole

LONG = os.environ.get("THOLE_LONG") == "1" or "--long" in sys.argv
KILLS, SANDBOXES = (50, 100) if LONG else (3, 20)

THOLECTL = os.path.join(BUILD, "cli", "tholectl")
COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"


# a supervisor that is about to listen: it has the lock, waits for a line, listens, and prints the type of the first message
SLOW = """
import fcntl, os, socket, struct, sys
os.chdir(sys.argv[1])
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.readline()
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind("control")
listener.listen()
print(struct.unpack("HH", listener.accept()[0].recv(64)[:4])[1], flush=True)
"""
OPEN, KILL = 1, 6  # THOLE_SANDBOX_...
# one that begins what has run before, and fails: it puts the state back
FAILS = """
import fcntl, os, sys
os.chdir(sys.argv[1])
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
os.rename("state", "state.before")
print("begun", flush=True)
sys.stdin.readline()
os.rename("state.before", "state")
"""
# a runner that finds its lock taken, by one that never starts anything
TAKEN = """#!/usr/bin/python3
import fcntl, os, sys, time
os.chdir(sys.argv[2])
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
if os.fork() == 0:
    os.close(1)
    while not os.path.exists("go"):
        time.sleep(0.01)
    os._exit(0)
print("busy", flush=True)
"""
PEERS = 256 + 64  # of a supervisor


class Here(Bench):
    def daemon(self, name="thole"):
        self.keys = {"roots": os.path.join(self.directory, "roots")}
        daemon = super().daemon(name)
        taken = os.path.join(self.directory, "taken")
        with open(taken, "w", encoding="utf-8") as file:
            file.write(TAKEN)
        os.chmod(taken, 0o755)
        daemon.backends["taken"] = {**daemon.backends["here"], "default": "false", "runner": taken}
        return daemon

    def box(self, workload):
        """The folder of its sandbox."""
        return next(os.path.join(path, name) for path, names, _ in os.walk(self.thole.state) if os.path.basename(path) == "boxes"
                    for name in names if workload["id"] in name and not name.startswith("."))

    def back(self, how):
        """The daemon goes, by kill or stop, and comes again."""
        getattr(self.thole, how)()
        self.thole.start()
        self.wait_ready()

    def open(self, workload, *command, **body):
        if len(command) == 1:
            command = ("sh", "-c", *command)
        body.setdefault("tty", False)
        return self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": list(command), **body}).expect(201).json


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
    workload = t.run(f"for i in 1 2 3 4 5; do echo out $i; done; {t.gate('err')}; echo err >&2; {t.gate('half')}; printf half")
    t.until(lambda: "out 5\n" in t.logs(workload), what="the first stream")
    t.let_on(workload, "err")
    t.until(lambda: "err\n" in t.logs(workload), what="the second stream")
    t.let_on(workload, "half")
    t.thole.wait(workload, "stopped")
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
    t.until(lambda: t.logs(workload) == "again\nagain\n", 60, "the second run's output")


@case("stop gives its grace, then kills; kill sends a signal", "LC-13")
def _(t):
    workload = t.run("trap 'echo got it; exit 7' TERM; echo set; while :; do sleep 0.1; done", stop={"grace": 3600})
    t.until(lambda: t.logs(workload) == "set\n", 60, "the trap")
    t.verb(workload, "stop", wait="stopped,crashed")
    t.holds(t.logs(workload), "got it")
    deaf = t.run("trap '' TERM; echo set; while :; do sleep 0.1; done", stop={"grace": 0.5})
    t.until(lambda: t.logs(deaf) == "set\n", what="the deafness")
    t.equal(t.verb(deaf, "stop", wait="stopped,crashed")["exit_signal"], "SIGKILL")
    heard = t.run("trap 'echo hup' HUP; echo set; while :; do sleep 0.1; done")
    t.until(lambda: t.logs(heard) == "set\n", 60, "the trap")
    t.verb(heard, "kill", {"signal": "SIGHUP"})
    t.until(lambda: "hup" in t.logs(heard), 60, "the signal")


@case("a daemon that is killed loses no line and no end", "TE-01")
def _(t):
    counter, short = t.run(COUNT), t.run("sleep 1; echo bye; exit 9")
    t.thole.kill()
    # it ends while there is no daemon
    t.until(lambda: len(t.supervisors()) == 1, 60, "the end of the short one")
    t.thole.start()
    t.wait_ready()
    t.equal(t.thole.wait(short, "stopped,crashed")["exit_code"], 9)
    t.equal(t.logs(short), "bye\n")
    t.equal(t.get(counter)["state"], "running")
    before = len(t.logs(counter))
    t.until(lambda: len(t.logs(counter)) > before, 60, "further output")
    lines = t.logs(counter).split("\n")[:-1]
    t.equal(lines, [str(i + 1) for i in range(len(lines))])
    t.verb(counter, "stop", wait="stopped,crashed")


@case("what is paused stands still, and can be stopped", "LC-13")
def _(t):
    workload = t.run(COUNT)
    t.until(lambda: t.logs(workload), 60, "output")
    t.verb(workload, "pause", wait="paused")
    said = t.rested_log(workload)
    t.equal(t.get(workload)["state"], "paused")
    t.back("kill")
    t.equal(t.get(workload)["state"], "paused")
    t.equal(t.logs(workload), said)
    t.verb(workload, "unpause", wait="running")
    t.until(lambda: len(t.logs(workload)) > len(said), 60, "further output")
    t.verb(workload, "pause", wait="paused")
    t.verb(workload, "stop", wait="stopped,crashed")


@case("commands beside it: code, streams, input, folder, environment, a limit of time", "TE-06")
def _(t):
    workload = t.run(env={"A": "from the spec"})
    done = t.exec(workload, "echo out; echo err >&2; exit 5")
    t.equal((done["exit_code"], done["stdout"], done["stderr"]), (5, "out\n", "err\n"))
    t.equal(t.exec(workload, ["cat"], stdin="some words")["stdout"], "some words")
    t.equal(t.exec(workload, "echo $A $B $(id -un) $(pwd)", env={"B": "and more"}, working_dir="/tmp")["stdout"],
            "from the spec and more thole /tmp\n")
    t.equal(len(t.exec(workload, "yes | head -c 300000")["stdout"]), 300000)
    t.exec(workload, "sleep 4321", timeout=1, status=(504,))
    t.until(lambda: t.exec(workload, "ps ax | grep -c '[s]leep 4321'")["stdout"] == "0\n", 60, "the end of what took too long")
    t.exec(workload, ["/no/such/program"], status=(422,))
    t.exec(workload, ["true"], user="nobody", status=(501,))
    t.exec(t.ended("true"), ["true"], status=(409,))


@case("who it is, host name, folder, files and secrets, a mount of the machine", "CF-10")
def _(t):
    t.equal(t.output("id -u; id -un; echo $HOME; pwd"), "1000\nthole\n/home/thole\n/home/thole\n")
    t.equal(t.output("id -u", user="root") + t.output("id -u; id -g", user="5:7"), "0\n5\n7\n")
    t.holds(t.run(user="stranger-of-nowhere", wait="error")["state_reason"], "stranger-of-nowhere")
    t.equal(t.output("hostname; cat /etc/hostname; pwd", hostname="inside", working_dir="/tmp"), "inside\ninside\n/tmp\n")
    t.thole.post("/v1/secrets", {"name": "here-secret", "value": "a $value"}).expect(201)
    said = t.output("cat /srv/deep/er/file; printf \"$TOKEN\"; stat -c ' %a %u' /run/key", env={"TOKEN": {"secret": "here-secret"}},
                    files=[{"path": "/srv/deep/er/file", "content": "given\n"}, {"path": "/run/key", "secret": "here-secret"}])
    t.equal(said, "given\na $value 400 1000\n")
    folder = os.path.join(t.directory, "given")
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)
    t.output("echo written >/there/file; ! touch /fixed/x", mounts=[{"source": folder, "target": "/there"},
                                                                    {"source": folder, "target": "/fixed", "read_only": True}])
    with open(os.path.join(folder, "file"), encoding="utf-8") as file:
        t.equal(file.read(), "written\n")


@case("what a sandbox cannot have is refused with its name", "LC-13")
def _(t):
    for spec, word in (({"ports": [{"container": 80}]}, "ports"), ({"health": {"command": ["true"]}}, "health"), ({"image": "/etc"}, "image"),
                       ({"backend_options": {"shm": 1}}, "shm"), ({"privileges": {"capabilities": ["SYS_ADMIN"]}}, "capabilities")):
        workload = t.thole.create(t.spec("true", **spec), wait="error,running,stopped")
        t.made.append(workload["id"])
        t.holds(workload["state_reason"], word)
    t.holds(t.run(["true", "x" * 100000], env={"A": "y" * 31000, "B": "z" * 31000}, wait="error")["state_reason"], "command, env")
    t.holds(t.thole.post("/v1/images/pull", {"image": "x"}).expect(501).text, "image")
    t.holds(t.run(["/no/such/program"], wait="error")["state_reason"], "/no/such/program")


@case("nothing is written behind a link that a sandbox planted in a mount, or through what shows the machine", "LC-13")
def _(t):
    folder, outside = os.path.join(t.directory, "planted"), os.path.join(t.directory, "outside")
    for path in (folder, outside):
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o777)
    t.output(f"ln -s /oldroot{outside} /job/link; ln -s /oldroot{outside}/file /job/file", mounts=[{"source": folder, "target": "/job"}])
    own = [{"source": folder, "target": "/job"}]
    for spec in ({"mounts": own, "files": [{"path": "/job/file", "content": "x"}]},
                 {"mounts": own, "files": [{"path": "/job/link/new", "content": "x"}]},
                 {"mounts": [{"source": folder, "target": os.path.join("/home", "tmp")}], "files": [{"path": "/tmp/file", "content": "x"}]},
                 {"mounts": [*own, {"source": folder, "target": "/job/link/new"}]},
                 {"mounts": [{"source": folder, "target": f"/proc/self/root/oldroot{outside}/new"}]},
                 {"files": [{"path": f"/proc/self/root/oldroot{outside}/new", "content": "x"}]},
                 {"files": [{"path": "/usr/x", "content": "x"}]}):
        t.holds(t.run(wait="error", **spec)["state_reason"], "files:" if "files" in spec else "mounts:")
    t.equal(os.listdir(outside), [])
    t.equal(t.output("cat /tmp/given /job2/given", mounts=own, files=[{"path": "/tmp/given", "content": "a"},
                                                                              {"path": "/job2/given", "content": "b"}]), "ab")


@case("a mount is of the place it was made with, and no link that is put there since leads elsewhere", "LC-13")
def _(t):
    folder, outside = os.path.join(t.directory, "shared"), os.path.join(t.directory, "not-shared")
    for path in (os.path.join(folder, "part"), outside):
        os.makedirs(path)
    os.symlink(os.path.join(folder, "part"), os.path.join(t.directory, "way"))
    with open(os.path.join(folder, "part", "word"), "w", encoding="utf-8") as file:
        file.write("inside")
    workload = t.ended("cat /job/word", mounts=[{"source": os.path.join(t.directory, "way"), "target": "/job"}])
    t.equal(t.logs(workload), "inside")
    os.rename(os.path.join(folder, "part"), os.path.join(folder, "old"))
    os.symlink(outside, os.path.join(folder, "part"))
    t.verb(workload, "start", wait="error,running,stopped,crashed")
    t.until(lambda: "symbolic links" in str(t.get(workload)["state_reason"]), 60, "the refusal of a link")
    t.equal(t.logs(workload), "inside")


@case("what a daemon that is not root shows by its name is compared from within: nothing begins where a link came in between", "LC-13",
      each=["itself", "another"])
def _(t, what):
    folders = {name: os.path.join(t.directory, name) for name in ("itself", "another")}
    for folder in folders.values():
        os.makedirs(folder, exist_ok=True)
    wanted = os.stat(folders["itself"])
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        process = subprocess.Popen([RUNNER, "init", f"at={wanted.st_dev}:{wanted.st_ino}:{folders[what]}", "4:0"], stderr=subprocess.PIPE, text=True,
                                   pass_fds=(3,), preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()
        # it says that it is ready, or ends
        said = ours.recv(65536)
        ours.close()
        _, words = process.communicate(timeout=30)
    if what == "itself":
        t.equal((len(said), words), (16, ""))
    else:
        t.equal((said, process.returncode), (b"", 1))
        t.holds(words, f"{folders[what]}: what was to be shown there has been replaced")


def make_root(path):
    """A root file system of its own: a shell, and who is in it."""
    for name in ("bin", "etc", "usr", "home"):
        os.makedirs(os.path.join(path, name))
    shutil.copy("/usr/bin/busybox", os.path.join(path, "bin", "busybox"))
    os.symlink("busybox", os.path.join(path, "bin", "sh"))
    with open(os.path.join(path, "etc", "passwd"), "w", encoding="utf-8") as file:
        file.write("joe:x:77:77::/home:/bin/sh\n")


@case("a root file system of one's own: what is in it, who is in it, and nothing of it is written to", "LC-13")
def _(t):
    root = os.path.join(t.keys["roots"], "box")
    make_root(root)
    t.equal(t.output("busybox id -u; busybox id -un; busybox ls /usr | busybox wc -l", image=root, user="joe"), "77\njoe\n0\n")
    t.holds(t.logs(t.ended("echo x >/etc/passwd; echo x >/new", image=root)), "Read-only file system")
    t.equal(t.output("echo x >/tmp/a; echo y >$HOME/b; busybox cat /tmp/a $HOME/b", image=root), "x\ny\n")
    t.verb(t.ended("exit 0", image=root), "start", wait="stopped")


@case("no root file system outside of those that are allowed, by whatever way", "LC-13")
def _(t):
    roots = t.keys["roots"]
    make_root(os.path.join(t.directory, "roots-of-another"))
    os.makedirs(roots, exist_ok=True)
    os.symlink(os.path.join(t.directory, "roots-of-another"), os.path.join(roots, "link"))
    os.symlink("/", os.path.join(roots, "all"))
    for image in ("/", t.directory, roots + "-of-another", os.path.join(roots, "link"), os.path.join(roots, "all"),
                  os.path.join(roots, "..", "roots-of-another"), os.path.join(roots, "none"), "box"):
        answer = t.thole.post("/v1/workloads?wait=error", {"spec": t.spec("true", image=image)}).expect(201, 202, 422)
        t.made += [answer.json["id"]] if answer.status != 422 else []
        t.holds(answer.json["state_reason"] if answer.status != 422 else answer.text, "image")


@case("a root file system that has become a link since leads nowhere", "LC-13")
def _(t):
    root = os.path.join(t.keys["roots"], "changing")
    make_root(root)
    workload = t.ended("exit 0", image=root)
    os.rename(root, root + ".old")
    os.symlink("/", root)
    t.verb(workload, "start", wait="error,running,stopped,crashed")
    t.until(lambda: "symbolic links" in str(t.get(workload)["state_reason"]), 60, "the refusal of a link")


@case("sessions: a terminal that is typed into and resized, input that ends, an end that is told", "TE-08 TE-18 TE-19 TE-21")
def _(t):
    workload = t.run()
    session = t.open(workload, "sh", "-i", tty=True, rows=30, cols=90, env={"PS1": "ready> "})
    t.equal((session["durability"], session["state"]), ("agent", "running"))
    viewer = Thole(t.thole, session["id"])
    while b"ready> " not in viewer.output:
        viewer.step()
    viewer.input(b"echo $((6*7)); stty size; tty; exit 3\n")
    t.equal(viewer.until("exit")["code"], 3)
    t.holds(viewer.output, b"42\r\n30 90\r\n/dev/pts/")
    viewer = Thole(t.thole, t.open(workload, "cat", "-")["id"])
    viewer.input(b"some words")
    viewer.input(b"")
    t.equal((viewer.until("exit")["code"], viewer.output), (0, b"some words"))


@case("sessions of a sandbox whose user calls himself root", "TE-06")
def _(t):
    viewer = Thole(t.thole, t.open(t.run(user="root"), "id -u; exit 4")["id"])
    t.equal((viewer.until("exit")["code"], viewer.output), (4, b"0\n"))


@case(f"a terminal that counts goes on over {KILLS} kills of the daemon: each number is seen once", "TE-04 TE-15 TE-25")
def _(t):
    workload = t.run()
    session = t.open(workload, COUNT, tty=True)
    seen, at = b"", 0
    for _ in range(KILLS):
        viewer = Thole(t.thole, session["id"], seq=at)
        t.equal((viewer.seq, viewer.gaps), (at, []), "where it goes on")
        wanted = len(seen) + 40
        while len(seen) + len(viewer.output) < wanted:
            viewer.step()
        seen, at = seen + viewer.output, viewer.seq
        t.back("kill")
    numbers = seen.replace(b"\r", b"").split(b"\n")[:-1]
    t.equal(numbers, [b"%d" % (i + 1) for i in range(len(numbers))])
    t.equal([s["state"] for s in t.thole.get(f"/v1/workloads/{workload['id']}/sessions").expect(200).json["items"]], ["running"])


ESCAPES = {
    "read what is not for it": "cat /etc/shadow /etc/ssh/* /root/* /proc/kcore",
    "see or signal other programs of the machine": "test $(ps ax -o pid= | wc -l) -gt 6 || kill -0 {pid}",
    "look into its first process": "cat /proc/1/environ /proc/1/maps || ls /proc/1/root/ || ls /proc/1/fd/",
    "trace its first process": "import ctypes; c = ctypes.CDLL(None, use_errno=True); assert c.ptrace(16, 1, 0, 0) == 0",
    "mount": "import ctypes; c = ctypes.CDLL(None); assert c.mount(b'x', b'/tmp', b'tmpfs', 0, 0) == 0",
    "unmount": "import ctypes; c = ctypes.CDLL(None); assert c.umount2(b'/home', 2) == 0",
    "make namespaces": "unshare -U true || unshare -n true || unshare -r true",
    "use keys of the kernel": "import ctypes; c = ctypes.CDLL(None); assert c.syscall(250, 0, -3, 1) >= 0 or c.syscall(248, b'user', b'a', b'b', 1, -3) >= 0",
    "load programs into the kernel": "import ctypes; c = ctypes.CDLL(None); assert c.syscall(321, 0, 0, 0) >= 0",
    "become somebody else": "import os; os.setuid(0)",
    "make a device": "mknod /tmp/disk b 8 0",
    "write to the machine": "touch /usr/x /etc/x /x /dev/x /.thole/x || touch /proc/sys/kernel/hostname && echo x >/proc/sys/kernel/core_pattern",
    "reach the network": "import socket; socket.create_connection(('127.0.0.1', {port}), 3)",
    "reach the supervisor": "import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect('/boxes/{box}/control')",
    "type into another terminal": "import fcntl, termios; fcntl.ioctl(open('/dev/tty', 'w'), termios.TIOCSTI, b'x')",
}


@case("attempts to get out of it fail", "LC-13", each=list(ESCAPES))
def _(t, name):
    boxes = next(path for path, _, _ in os.walk(t.thole.state) if path.endswith("/here/boxes"))
    other = t.run() if "{box}" in ESCAPES[name] else None
    box = next((entry for entry in os.listdir(boxes) if other and other["id"] in entry and entry[0] != "."), "")
    t.true(not other or os.path.exists(os.path.join(boxes, box, "control")), "the other one is supervised")
    attempt = ESCAPES[name].format(pid=t.thole.process.pid, port=t.thole.port, box=box) if "{" in ESCAPES[name] else ESCAPES[name]
    command = ["python3", "-c", attempt] if attempt.startswith("import") else ["sh", "-c", attempt]
    # it was tried, and came back with a failure of its own
    mounts = [{"source": boxes, "target": "/boxes"}] if other and os.geteuid() == 0 else []
    ended = t.thole.wait(t.run(command, mounts=mounts), "stopped,crashed,error")
    t.equal(ended["state"], "crashed", f"{ended}: {t.logs(ended)}")
    t.among(ended["exit_code"], (1, 2, 123), t.logs(ended))


@case("bombs of processes, memory and files stay within their limits", "LC-13")
def _(t):
    forks = t.ended("for i in $(seq 200); do sleep 60 & done; echo all", resources={"pids": 30})
    t.true("all" not in t.logs(forks) or "fork" in t.logs(forks).lower(), t.logs(forks))
    hungry = t.ended(["python3", "-c", "x = []\nwhile True: x.append(bytearray(1 << 20))"], resources={"memory": "64MiB"})
    t.among(hungry["exit_code"], (137, 1), str(hungry))
    full = t.ended("head -c 50000000 /dev/zero >$HOME/a; head -c 50000000 /dev/zero >/tmp/b; cat $HOME/a /tmp/b | wc -c",
                   resources={"disk": "8MiB"})
    t.holds(t.logs(full), "No space left")
    t.true(int(t.logs(full, "?stream=stdout").split()[-1]) <= 8 << 20, t.logs(full))
    shm = t.ended("head -c 100000000 /dev/zero >/dev/shm/a")
    t.holds(t.logs(shm), "No space left")
    agent = t.ended("head -c 100000000 /dev/zero >/.thole/run/a")
    t.holds(t.logs(agent), "No space left")


@case("what is used, and what is allowed", "LC-13")
def _(t):
    workload = t.run("while :; do :; done", resources={"memory": "64MiB", "pids": 20, "cpu": 0.5})
    path = f"/v1/workloads/{workload['id']}/stats"
    t.until(lambda: t.thole.get(path).expect(200).json.get("cpu_seconds", 0) > 0.1, 60, "use of the processor")
    sample = t.thole.get(path).expect(200).json
    t.true(sample["pids"] >= 1 and sample["memory"] > 0, str(sample))


@case("a supervisor that is killed takes its sandbox with it, and what comes next works", "LC-13")
def _(t):
    workload = t.run()
    for pid in t.supervisors():
        os.kill(pid, 9)
    ended = t.thole.wait(workload, "stopped,crashed")
    t.equal(ended["state"], "crashed", str(ended))
    t.verb(workload, "start", wait="running")


@case("what is only about to begin is no less there: its removal waits, and ends it as soon as it listens", "LC-13")
def _(t):
    workload = t.thole.create(t.spec("sleep 1000"), wait="stopped", start=False)
    box = t.box(workload)
    with subprocess.Popen([sys.executable, "-c", SLOW, box], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as slow:
        t.equal(slow.stdout.readline(), "locked\n")
        removal = threading.Thread(target=t.thole.remove, args=(workload,))
        removal.start()
        # one that does not wait is done soon
        for _ in range(30):
            t.true(removal.is_alive() and os.path.exists(box), "it was removed while it is supervised")
            time.sleep(0.01)
        slow.stdin.write("\n")
        slow.stdin.flush()
        t.equal(slow.stdout.readline(), f"{KILL}\n")
        removal.join(20)
    t.true(not removal.is_alive() and not os.path.exists(box), "it was not removed")


@case("a start that waits for another's is told that this one failed", "LC-13")
def _(t):
    workload = t.ended("echo once")
    t.until(lambda: not t.supervisors(), 60, "the end of its supervisor")
    with subprocess.Popen([sys.executable, "-c", FAILS, t.box(workload)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        t.equal(other.stdout.readline(), "begun\n")
        t.verb(workload, "start")
        # time for one that does not wait
        time.sleep(0.3)
        t.true("did not start" not in str(t.get(workload)["state_reason"]), "it did not wait")
        other.stdin.write("\n")
        other.stdin.flush()
        t.until(lambda: "did not start" in str(t.get(workload)["state_reason"]), 60, "what became of the start")
    t.equal(t.logs(workload), "once\n")


@case("a start that finds the lock taken waits for what becomes of it", "LC-13")
def _(t):
    t.until(lambda: t.thole.get("/v1/backends/taken").expect(200).json["state"] == "ready", 60, "the backend")
    workload = t.thole.create(t.spec("true"), wait="stopped", start=False, backend="taken")
    t.made.append(workload["id"])
    t.verb(workload, "start")
    time.sleep(0.3)
    t.among(t.get(workload)["state"], ("starting", "stopped"), "it was told as started")
    with open(os.path.join(t.box(workload), "go"), "w", encoding="utf-8"):
        pass
    t.until(lambda: "did not start" in str(t.get(workload)["state_reason"]), 60, "what became of the start")


@case("a stop that is not heard at first, for too many speak with the supervisor, still gives its grace", "LC-13")
def _(t):
    workload = t.run("trap 'echo got it; exit 7' TERM; echo set; while :; do sleep 0.1; done", stop={"grace": 30})
    t.until(lambda: t.logs(workload) == "set\n", 60, "the trap")
    others = []
    # its path is too long for an address
    folder = os.open(t.box(workload), os.O_RDONLY)
    try:
        for _ in range(PEERS):
            others.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            others[-1].connect(f"/proc/self/fd/{folder}/control")
        t.verb(workload, "stop")
        # time for a first question
        time.sleep(0.3)
    finally:
        os.close(folder)
        for other in others:
            other.close()
    ended = t.thole.wait(workload, "stopped,crashed")
    t.equal(ended["exit_code"], 7, str(ended))


@case("a command whose caller has gone before it was told that it runs is ended", "TE-06")
def _(t):
    workload = t.run("sleep 1000")
    mark = f"sleep 98{os.getpid()}.5"
    payload = struct.pack("=II", 2, 0) + b"\0" + mark.replace(" ", "\0").encode() + b"\0"
    # its path is too long for an address
    folder = os.open(t.box(workload), os.O_RDONLY)
    # it hears of none before they have gone
    supervisors = list(t.supervisors())
    for pid in supervisors:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(20):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
                one.connect(f"/proc/self/fd/{folder}/control")
                one.send(struct.pack("=HHIiI", 1, OPEN, 0, 0, 24 << 16 | 80) + payload)
    finally:
        os.close(folder)
        for pid in supervisors:
            os.kill(pid, signal.SIGCONT)
    # its answer is behind theirs
    t.equal(t.exec(workload, ["echo", "here"])["stdout"], "here\n")
    t.until(lambda: not processes(mark), 60, "the end of what nobody knows of")
    t.equal(t.get(workload)["state"], "running")


@case("what the kernel ended for want of memory is told so, though it was to be ended just after", "LC-13")
def _(t):
    hungry = "import os, time\nwhile not os.path.exists('/tmp/go'): time.sleep(0.01)\nx = []\nwhile True: x.append(bytearray(1 << 20))"
    workload = t.run(["python3", "-c", hungry], resources={"memory": "64MiB"})
    box = t.box(workload)
    with open(os.path.join(box, "plan"), "rb") as file:
        if b"oom=" not in file.read():
            raise Skip("there are no control groups of memory")
    with open(os.path.join(box, "state"), encoding="utf-8") as file:
        first = int(dict(line.strip().split("=") for line in file)["pid"])

    def status(pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    # it does not see the end of the first process, so the supervisor stays
    engine = int(status(first)["PPid"])
    os.kill(engine, signal.SIGSTOP)
    t.exec(workload, ["touch", "/tmp/go"])
    t.until(lambda: status(first)["State"].startswith("Z"), 60, "the end of the first process")
    folder = os.open(box, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as wire:
        wire.connect(f"/proc/self/fd/{folder}/control")
        wire.send(struct.pack("HHIiI", 1, KILL, 0, 0, 0))
        os.close(folder)
        ended = t.thole.wait(workload, "stopped,crashed")
    with open(os.path.join(box, "state"), encoding="utf-8") as file:
        t.holds(file.read(), "signal=9\noom=1\n", str(ended))


@case("what a killed supervisor and an ended machine left is found and removed", "LC-13")
def _(t):
    workload = t.run(resources={"memory": "64MiB", "pids": 30})
    boxes = next(path for path, _, _ in os.walk(t.thole.state) if path.endswith("/here/boxes"))
    for name in (".gone-deep/a/b/c/d/e/f", ".new-half"):
        os.makedirs(os.path.join(boxes, name))
    t.thole.kill()
    for pid in t.supervisors():
        os.kill(pid, 9)
    t.until(lambda: not t.supervisors(), 60, "the end of the supervisor")
    box = next(os.path.join(boxes, name) for name in os.listdir(boxes) if workload["id"] in name and not name.startswith("."))
    os.truncate(os.path.join(box, "record"), 0)
    t.thole.start()
    t.wait_ready()
    t.until(lambda: not [name for name in os.listdir(boxes) if name.startswith(".")], 60, "the removal of what is hidden")
    t.verb(workload, "start", wait="running")
    t.thole.remove(workload)
    t.until(lambda: not t.left()["groups"], 60, "the removal of control groups")


@case("what a machine that went off left of a sandbox is whole, or told as not whole and made anew", "LC-13")
def _(t):
    t.thole.post("/v1/secrets", {"name": "half-secret", "value": "a secret\n" * 50}).expect(201, 409)
    parts = ("plan", "plan", "record", "file-", "file-", "state", "log")
    workloads = [t.ended("cat /tmp/given /run/key | cksum; exit 3", files=[{"path": "/tmp/given", "content": "given\n" * 100},
                                                                          {"path": "/run/key", "secret": "half-secret"}]) for _ in parts]
    said = t.logs(workloads[0])
    boxes = [t.box(workload) for workload in workloads]
    t.thole.kill()
    t.until(lambda: not t.supervisors(), 20, "the end of the supervisors")
    for number, (part, box) in enumerate(zip(parts, boxes)):
        names = sorted(os.path.join(path, name) for path, _, files in os.walk(box) for name in files
                       if os.path.relpath(os.path.join(path, name), box).startswith(part) and os.path.getsize(os.path.join(path, name)))
        name = names[-1 - number % 2 if part == "file-" else -1]
        with open(name, "rb") as file:
            whole = file.read()
        # some of it that is not NUL anyway
        os.truncate(name, random.randrange(len(whole.rstrip(b"\0"))))
        # or as long as it was, and not written
        os.truncate(name, len(whole) if number % 2 else os.path.getsize(name))
        with open(name, "rb") as file:
            t.equal(file.read() == whole, False, f"{name}: was it cut")
    t.thole.start()
    t.wait_ready()
    with open(t.thole.log, encoding="utf-8", errors="replace") as file:
        told = file.read()
    for part, box, workload in zip(parts, boxes, workloads):
        broken = part not in ("state", "log")
        t.equal(f"sandbox {os.path.basename(box)} was not whole on the disk" in told, broken, f"{part}: what is told")
        t.equal(os.path.exists(box), not broken, f"{part}: is it there")
        t.equal(t.get(workload)["exit_code"], 3, f"{part}: how it ended")
        t.verb(workload, "start", wait="running,stopped,crashed,error")
        ended = t.thole.wait(workload, "stopped,crashed,error", 30)
        t.equal(ended["exit_code"], 3, f"{part}: {ended}")
        t.equal(t.logs(workload)[-len(said):], said, f"{part}: what it says when it runs again")


@case(f"{SANDBOXES} sandboxes, started and stopped: no process, mount, control group or file is left", "LC-13")
def _(t):
    faults = []

    def some(count):
        try:
            for number in range(count):
                workload = t.thole.create(t.spec("echo up; sleep 1000"), wait="running,error,crashed")
                if number % 2:
                    t.exec(workload, ["true"])
                    t.verb(workload, "stop", wait="stopped,crashed")
                t.thole.remove(workload)
        except BaseException as fault:
            faults.append(fault)
    threads = [threading.Thread(target=some, args=(SANDBOXES // 4,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    t.equal(t.supervisors(), {}, "a removal was told before its supervisor was gone")
    t.until(lambda: not any(t.left().values()), 60, "nothing that is left")


if __name__ == "__main__":
    main(Here)
