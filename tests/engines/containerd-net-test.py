#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks of workloads on a real containerd: the bridge of the CNI plugins, ports of the machine, and what is left afterwards."""
import contextlib
import fcntl
import glob
import http.client
import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile

from real_containerd import Bench, Skip, case, main

PAGE = "mkdir -p /www; echo -n this is $(hostname) >/www/index.html; exec httpd -f -p 8080 -h /www"


def look(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False).stdout


class Machine:
    """What the plugins change of the machine for all: forwarding, and chains for ports. The last of those that test at the same time
    gives back what the first one found."""

    FORWARDING = "/proc/sys/net/ipv4/ip_forward"
    JUMPS = {"CNI-HOSTPORT-DNAT": ("PREROUTING", "OUTPUT"), "CNI-HOSTPORT-MASQ": ("POSTROUTING",), "CNI-HOSTPORT-SETMARK": ()}

    def __init__(self):
        self.file = open(os.path.join(tempfile.gettempdir(), "thole-test-cni.lock"), "a+", encoding="ascii")
        if self.alone():
            with open(self.FORWARDING, encoding="ascii") as file:
                forwarding = file.read().strip()
            self.file.truncate(0)
            json.dump({"forwarding": forwarding, "chains": self.chains()}, self.file)
            self.file.flush()
        fcntl.flock(self.file, fcntl.LOCK_SH)

    def alone(self):
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            return False

    @staticmethod
    def chains():
        return [line.split()[1] for line in look("iptables", "-w", "-t", "nat", "-S").splitlines() if line.startswith("-N CNI-HOSTPORT-")]

    def remove_chains(self, names):
        rules = look("iptables", "-w", "-t", "nat", "-S").splitlines()
        # somebody's port
        if any(line.startswith("-A CNI-HOSTPORT-DNAT ") for line in rules):
            return
        for name in names:
            for line in rules:
                words = shlex.split(line)
                if words[0] == "-A" and words[1] in self.JUMPS.get(name, ()) and words[-2:] == ["-j", name]:
                    look("iptables", "-w", "-t", "nat", "-D", *words[1:])
            look("iptables", "-w", "-t", "nat", "-F", name)
            look("iptables", "-w", "-t", "nat", "-X", name)

    def close(self):
        if self.alone():
            self.file.seek(0)
            before = json.load(self.file)
            self.remove_chains([name for name in self.chains() if name in self.JUMPS and name not in before["chains"]])
            # others of the tests have rules of the same kind while they need it
            if before["forwarding"] == "0" and "-i thole" not in look("iptables", "-w", "-S", "FORWARD"):
                with open(self.FORWARDING, "w", encoding="ascii") as file:
                    file.write("0")
        self.file.close()


class Net(Bench):
    """Its bridge is its own; the subnet is the one that the driver chooses."""

    def __init__(self):
        for program in ("ip", "iptables"):
            if not shutil.which(program):
                raise Skip(f"{program} is not installed")
        if not os.path.exists("/usr/lib/cni/bridge"):
            raise Skip("the CNI plugins are not installed (package containernetworking-plugins)")
        self.bridge = f"tholet{os.getpid() % 10 ** 8}"
        if subprocess.run(["ip", "link", "add", self.bridge, "type", "bridge"], capture_output=True, check=False).returncode != 0:
            raise Skip("this machine allows no bridge")
        look("ip", "link", "delete", self.bridge)
        self.machine = Machine()
        self.keys = {"default_network": "auto", "cni_bridge": self.bridge}
        super().__init__()

    def subnet(self):
        with open(os.path.join(self.thole.state, "backends", "box", "cni", "subnet"), encoding="ascii") as file:
            return file.read()

    def serve(self, **spec):
        workload = self.run(PAGE, **spec)
        self.equal(workload["state"], "running", str(workload))
        return workload

    def page(self, address, port):
        connection = http.client.HTTPConnection(address, port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def served(self, address, port):
        """The page, once it is there: the program starts in its own time."""
        def ask():
            try:
                return self.page(address, port)
            except OSError:
                return None
        return self.until(ask, 60, f"the page of {address}:{port}")

    @staticmethod
    def taken(port):
        try:
            socket.create_server(("", port)).close()
            return False
        except OSError:
            return True

    def left(self):
        """What of networks lies about: files, addresses that are given out, rules for ports, interfaces on the bridge."""
        places = [os.path.join(path, name) for path, _, names in os.walk(self.thole.state) for name in names if name == "net"]
        addresses = [os.path.basename(path) for path in glob.glob(os.path.join(self.thole.state, "backends", "box", "cni", self.bridge, "10.*"))]
        rules = [line for line in look("iptables", "-w", "-t", "nat", "-S").splitlines() if self.bridge in line and "CNI" in line]
        ports = [line for line in look("ip", "-o", "link", "show", "master", self.bridge).splitlines() if line]
        return places, addresses, rules, ports

    def close(self):
        try:
            subnet = self.subnet()
        except (OSError, AttributeError):
            subnet = ""
        super().close()
        for rule in (["-t", "nat", "-D", "POSTROUTING", "-s", subnet, "!", "-o", self.bridge, "-j", "MASQUERADE"],
                     ["-D", "FORWARD", "-i", self.bridge, "-j", "ACCEPT"], ["-D", "FORWARD", "-o", self.bridge, "-j", "ACCEPT"]):
            look("iptables", "-w", *rule)
        look("ip", "link", "delete", self.bridge)
        # only after a case that failed
        for rule in filter(lambda line: self.bridge in line, look("iptables", "-w", "-t", "nat", "-S", "CNI-HOSTPORT-DNAT").splitlines()):
            words = shlex.split(rule)
            look("iptables", "-w", "-t", "nat", "-D", *words[1:])
            look("iptables", "-w", "-t", "nat", "-F", words[-1])
            look("iptables", "-w", "-t", "nat", "-X", words[-1])
        self.machine.close()

    @contextlib.contextmanager
    def bridge_plugin(self, script):
        """The driver takes this program for the plugin `bridge`; its folder is the value."""
        folder = os.path.join(self.directory, "cni")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name in ("host-local", "portmap"):
            os.symlink(f"/usr/lib/cni/{name}", os.path.join(folder, name))
        with open(os.path.join(folder, "bridge"), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ncd {folder}\n{script}\n")
        os.chmod(os.path.join(folder, "bridge"), 0o755)
        self.thole.stop()
        self.thole.backends["box"]["cni_path"] = folder
        self.thole.start()
        self.wait_ready()
        try:
            yield folder
        finally:
            self.thole.stop()
            del self.thole.backends["box"]["cni_path"]
            self.thole.start()
            self.wait_ready()


@case("a server on the bridge: by its address, by a port of the machine, by one that was chosen", "LC-13")
def _(t):
    # none that the kernel gives out by itself
    port = next(number for number in random.sample(range(20000, 30000), 50) if not t.taken(number))
    workload = t.serve(hostname="inside", ports=[{"container": 8080, "host": port}, {"container": 8080}])
    t.equal(len(workload["addresses"]), 1, str(workload))
    t.equal([p["host"] == port for p in workload["ports"]], [True, False])
    t.equal(workload["addresses"][0].rsplit(".", 1)[0], t.subnet().rsplit(".", 1)[0])
    for place in ((workload["addresses"][0], 8080), ("127.0.0.1", port), ("127.0.0.1", workload["ports"][1]["host"])):
        t.equal(t.served(*place), "this is inside")
    # the port is this one's as long as it runs
    other = t.run(PAGE, ports=[{"container": 8080, "host": port}])
    t.holds(other["state_reason"] or str(other), "in use")
    t.true(t.taken(port), "the port is held")
    t.verb(workload, "stop", wait="stopped,crashed")
    t.equal(t.get(workload)["addresses"], [])
    t.until(lambda: not t.taken(port), 60, "the port is free again")


@case("one reaches another, and the machine; none and host are what they say", "LC-13")
def _(t):
    server = t.serve()
    t.equal(t.output(f"until wget -q -O - http://{server['addresses'][0]}:8080/; do sleep 0.1; done").startswith("this is"), True)
    t.equal(t.output("ls /sys/class/net", network="none").split(), ["lo"])
    t.true("eth0" in t.output("ls /sys/class/net").split(), "default is the bridge where the plugins are")
    t.true(t.bridge in t.output("ls /sys/class/net", network="host").split(), "host is the machine's")
    refused = t.run("true", network="none", ports=[{"container": 80}])
    t.holds(refused["state_reason"], "ports")


@case("a daemon that is killed: the server goes on, its port stays its own, and all is given back at its end", "LC-13 TE-25")
def _(t):
    workload = t.serve(ports=[{"container": 8080}])
    port = workload["ports"][0]["host"]
    short = t.run(f"exec sleep 1000.{os.getpid()}", ports=[{"container": 1}])
    inside = t.until(lambda: look("pgrep", "-f", f"^sleep 1000[.]{os.getpid()}$").strip(), 60, "the short one's program")
    t.thole.kill()
    os.kill(int(inside), signal.SIGKILL)
    t.served("127.0.0.1", port)
    t.until(lambda: not os.path.exists(f"/proc/{inside}"), 60, "the end of the short one")
    t.thole.start()
    t.wait_ready()
    t.equal((t.get(workload)["addresses"], t.get(workload)["ports"]), (workload["addresses"], workload["ports"]))
    t.true(t.taken(port), "the port is held")
    t.thole.wait(short, "stopped,crashed")
    t.until(lambda: len(t.left()[0]) == 1, 60, "what the short one had is given back")
    t.verb(workload, "restart", {}, "running")
    t.until(lambda: t.get(workload)["ports"], 60, "its ports again")
    t.served("127.0.0.1", t.get(workload)["ports"][0]["host"])
    for one in (workload, short):
        t.thole.remove(one)
    t.made = []
    # an interface goes with its namespace, in the kernel's own time
    t.until(lambda: t.left() == ([], [], [], []), 60, "nothing is left")


@case("a plugin that fails: the start fails with its words, and nothing is left", "LC-13")
def _(t):
    with t.bridge_plugin('[ $CNI_COMMAND = DEL ] && exit 0\ncat >/dev/null; echo \'{"code": 7, "msg": "no luck today"}\'; exit 1'):
        workload = t.run(PAGE, ports=[{"container": 80}], restart={"policy": "never"})
        t.holds(workload["state_reason"], "no luck today")
        t.equal(t.left(), ([], [], [], []), t.thole.output(True))


@case("a stop while a plugin of the start takes its time: all else goes on, and nothing is left", "LC-13 TE-17")
def _(t):
    with t.bridge_plugin("env >seen\n[ $CNI_COMMAND = ADD ] && { touch held; until [ -e go ]; do sleep 0.1; done; }\nexec /usr/lib/cni/bridge") as folder:
        workload = t.run(PAGE, wait="starting", ports=[{"container": 80}])
        t.until(lambda: os.path.exists(os.path.join(folder, "held")), 60, "the plugin")
        t.verb(workload, "stop", wait="stopping,stopped,crashed")
        t.equal(t.output("echo on", network="none"), "on\n")
        with open(os.path.join(folder, "seen"), encoding="utf-8") as file:
            names = {line.split("=")[0] for line in file}
        t.equal([name for name in names if name not in ("PATH", "PWD", "OLDPWD", "SHLVL", "_") and not name.startswith("CNI_")], [])
        open(os.path.join(folder, "go"), "wb").close()
        t.thole.wait(workload, "stopped,crashed")
        t.until(lambda: t.left() == ([], [], [], []), 60, "nothing is left")
        t.verb(workload, "start", wait="running")


@case("what a plugin does not take back is not forgotten; rules that somebody removed come back", "LC-13 TE-17")
def _(t):
    with t.bridge_plugin('[ $CNI_COMMAND = DEL ] && [ -e bad ] && { echo \'{"code": 7, "msg": "not today"}\'; exit 1; }\nexec /usr/lib/cni/bridge') as folder:
        bad = os.path.join(folder, "bad")
        workload = t.serve()
        rule = ["POSTROUTING", "-s", t.subnet(), "!", "-o", t.bridge, "-j", "MASQUERADE"]
        subprocess.run(["iptables", "-w", "-t", "nat", "-D", *rule], check=True)
        t.verb(workload, "restart", {}, "running")
        t.until(lambda: subprocess.run(["iptables", "-w", "-t", "nat", "-C", *rule], capture_output=True, check=False).returncode == 0, 60, "the rule")
        open(bad, "wb").close()
        t.thole.delete(f"/v1/workloads/{workload['id']}?force=true")
        # at the end of its task, and at the removal
        t.until(lambda: t.thole.output(True).count("still to be given back") >= 2, 60, "the plugin's words")
        t.equal([len(some) for some in t.left()[:2]], [1, 1])
        os.unlink(bad)
        t.thole.remove(workload)
        t.made.remove(workload["id"])
        t.until(lambda: t.left() == ([], [], [], []), 60, "nothing is left")


if __name__ == "__main__":
    main(Net)
