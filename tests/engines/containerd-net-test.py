#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks of workloads on a real containerd: the bridge of the CNI plugins, ports of the machine, and what is left afterwards."""
import glob
import http.client
import os
import random
import shlex
import shutil
import socket
import subprocess

from real_containerd import Bench, Skip, case, main

PAGE = "mkdir -p /www; echo -n this is $(hostname) >/www/index.html; exec httpd -f -p 8080 -h /www"


def look(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False).stdout


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
        return self.until(ask, 20, f"the page of {address}:{port}")

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
    t.until(lambda: not t.taken(port), 10, "the port is free again")


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
    short = t.run(f"exec sleep 2.{os.getpid()}", ports=[{"container": 1}])
    inside = t.until(lambda: look("pgrep", "-f", f"^sleep 2[.]{os.getpid()}$").strip(), 10, "the short one's program")
    t.thole.kill()
    t.served("127.0.0.1", port)
    t.until(lambda: not os.path.exists(f"/proc/{inside}"), 10, "the end of the short one")
    t.thole.start()
    t.wait_ready()
    t.equal((t.get(workload)["addresses"], t.get(workload)["ports"]), (workload["addresses"], workload["ports"]))
    t.true(t.taken(port), "the port is held")
    t.thole.wait(short, "stopped,crashed", 20)
    t.until(lambda: len(t.left()[0]) == 1, 20, "what the short one had is given back")
    t.verb(workload, "restart", {}, "running")
    t.until(lambda: t.get(workload)["ports"], 10, "its ports again")
    t.served("127.0.0.1", t.get(workload)["ports"][0]["host"])
    for one in (workload, short):
        t.thole.remove(one)
    t.made = []
    t.equal(t.left(), ([], [], [], []))


@case("a plugin that fails: the start fails with its words, and nothing is left", "LC-13")
def _(t):
    folder = os.path.join(t.directory, "cni")
    os.makedirs(folder)
    for name in ("host-local", "portmap"):
        os.symlink(f"/usr/lib/cni/{name}", os.path.join(folder, name))
    bad = os.path.join(folder, "bridge")
    with open(bad, "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\n[ $CNI_COMMAND = DEL ] && exit 0\ncat >/dev/null; echo \'{"code": 7, "msg": "no luck today"}\'; exit 1\n')
    os.chmod(bad, 0o755)
    t.thole.stop()
    t.thole.backends["box"]["cni_path"] = folder
    t.thole.start()
    t.wait_ready()
    try:
        workload = t.run(PAGE, ports=[{"container": 80}], restart={"policy": "never"})
        t.holds(workload["state_reason"], "no luck today")
        t.equal(t.left(), ([], [], [], []), t.thole.output(True))
    finally:
        t.thole.stop()
        del t.thole.backends["box"]["cni_path"]
        t.thole.start()
        t.wait_ready()


if __name__ == "__main__":
    main(Net)
