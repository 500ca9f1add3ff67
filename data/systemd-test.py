#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service under a real systemd: one is booted over a throw-away copy of this machine's files, in namespaces of its own (processes,
mounts, network, cgroups), with what meson install lays down. It ends with the test; nothing of it reaches the machine."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

from daemon import BUILD, sanitized  # noqa: E402
from tap import Checks, Skip, case, main  # noqa: E402

SYSTEMD = "/lib/systemd/systemd"
# what has no business in there
MASKED = """systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket systemd-udevd-control.socket
systemd-timesyncd.service systemd-networkd.service systemd-resolved.service getty.target docker.service docker.socket
containerd.service systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount
systemd-random-seed.service systemd-update-utmp.service systemd-logind.service apt-daily.timer ifupdown-pre.service
networking.service keyboard-setup.service""".split()

BOOT = """
set -e
ip link set lo up || true
mount -t tmpfs -o size=800m tmpfs /mnt
mkdir -p /mnt/upper /mnt/work /mnt/root
R=/mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work $R
mount -t proc proc $R/proc
mount --bind $R/proc/sys $R/proc/sys
mount -o remount,ro,bind $R/proc/sys
mount -t tmpfs tmpfs $R/run
mount -t tmpfs tmpfs $R/tmp
mount -t tmpfs -o mode=755 tmpfs $R/dev
for n in null zero full random urandom tty; do touch $R/dev/$n; mount --bind /dev/$n $R/dev/$n; done
touch $R/dev/console; mount --bind @HERE@/console $R/dev/console
mkdir $R/dev/pts $R/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts $R/dev/pts
ln -s pts/ptmx $R/dev/ptmx
mount -t sysfs -o ro sysfs $R/sys
mount -t tmpfs tmpfs $R/sys/fs/cgroup
mount -t cgroup2 cgroup2 $R/sys/fs/cgroup
cd $R/etc/systemd/system
for unit in @MASKED@; do ln -sf /dev/null $unit; done
cp -a @HERE@/installed/. $R/
P=$R@PREFIX@
mkdir -p $R/etc/dbus-1/system.d $R/usr/share/dbus-1/system-services $R/usr/share/polkit-1/actions
# below /usr/local a bus does not look for all of them
cp $P/share/dbus-1/system.d/*.conf $R/etc/dbus-1/system.d/
cp $P/share/dbus-1/system-services/*.service $R/usr/share/dbus-1/system-services/
cp $P/share/polkit-1/actions/*.policy $R/usr/share/polkit-1/actions/
printf '[backend memory]\\ndriver=memory\\ndefault=true\\nstate_file=/var/lib/thole/engine\\n' >$R@CONFIG@/thole.conf
chroot $R systemd-sysusers
ldconfig -r $R 2>/dev/null || true
mkdir -p $R/root
touch $R/root/out; mount --bind @HERE@/out $R/root/out
cp @HERE@/check $R/root/check
cp @HERE@/check.service $R/etc/systemd/system/
export container=thole-test
# not only another root: who joins one of its namespaces must not find the machine's files either
mkdir $R/machine
cd $R
pivot_root . machine
exec chroot . sh -c 'umount -l /machine && rmdir /machine && mount --make-rshared / && exec @SYSTEMD@ --system --unit=check.service --log-target=null'
"""

UNIT = """[Unit]
After=dbus.service systemd-journald.service tholed.socket
Wants=dbus.service tholed.socket
[Service]
Type=oneshot
StandardOutput=append:/root/out
StandardError=append:/root/out
ExecStart=/bin/sh /root/check
ExecStopPost=/bin/systemctl --no-block poweroff --force --force
"""

CHECK = """
export PATH=@PREFIX@/bin:@PREFIX@/sbin:$PATH LC_ALL=C.UTF-8
part () { echo "== $1"; }
pid () { systemctl show tholed -p MainPID --value; }
part asleep; systemctl is-active tholed.service
part woken; tholectl whoami
part status; systemctl show tholed -p Type,WatchdogUSec,StatusText,User,NRestarts,ActiveState,Result
part process; grep -E '^(Uid|Groups|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/$(pid)/status
part sockets; stat -c '%a %U %G %n' /run/thole/thole.sock /run/thole /var/lib/thole
part run; tholectl run -d --wait --name first x >/dev/null; tholectl ps --output name
part exec; tholectl exec first -- print hello
part stranger; setpriv --reuid=65534 --clear-groups tholectl --url unix:/run/thole/thole.sock whoami; echo "code $?"
part reload; systemctl reload tholed && systemctl is-active tholed
part closed; nsenter -t $(pid) -m sh -c 'touch /usr/x /etc/x /root/x; ls -A /root; ls /dev; touch /var/lib/thole/x && echo written' 2>&1
part bus; systemctl stop tholed.socket tholed 2>/dev/null
busctl call org.thole.Thole1 /org/thole/Thole1 org.thole.Thole1.Root ListBackends 'a{sv}' 0 | grep -o memory | head -1
systemctl is-active tholed.service
part http; systemctl stop tholed 2>/dev/null; systemctl start tholed-http.socket; systemctl is-active tholed.service
curl -sS --noproxy '*' http://127.0.0.1:7460/healthz -o /dev/null -w '%{http_code}\\n'
curl -sS --noproxy '*' -g 'http://[::1]:7460/healthz' -o /dev/null -w '%{http_code}\\n'
part credential; systemctl stop tholed tholed-http.socket 2>/dev/null; systemctl start tholed.socket
mkdir -p /etc/systemd/system/tholed.service.d
echo 0123456789012345678901234567890123456789 >/root/key; chmod 600 /root/key; rm -f /var/lib/thole/secret-key
printf '[Service]\\nLoadCredential=secret-key:/root/key\\nWatchdogSec=3\\n' >/etc/systemd/system/tholed.service.d/test.conf
systemctl daemon-reload
tholectl whoami; ls /var/lib/thole/secret-key 2>&1 | grep -c 'No such'
stat -c '%a %U' /run/credentials/tholed.service/secret-key 2>&1
part watchdog; kill -STOP $(pid)
for i in $(seq 300); do [ "$(systemctl show tholed -p NRestarts --value)" = 0 ] || break; sleep 0.1; done
systemctl show tholed -p NRestarts --value; tholectl ps --all --output name
part journal
journalctl --sync
journalctl -u tholed THOLE_OPERATION=workload.create -o json --no-pager | head -1 | grep -o '"\\(THOLE_PRINCIPAL\\|THOLE_RESULT\\|_UID\\|_TRANSPORT\\|SYSLOG_IDENTIFIER\\)":"[^"]*"' | sort
part end; systemctl stop tholed 2>/dev/null; systemctl show tholed -p Result --value
ls -A /run/thole
"""


def cgroup2():
    """Where the second version of cgroups is mounted, or None."""
    with open("/proc/mounts", encoding="utf-8") as file:
        return next((line.split()[1] for line in file if line.split()[2] == "cgroup2"), None)


def own_options():
    import json  # pylint: disable=import-outside-toplevel
    with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as file:
        return {each["name"]: each["value"] for each in json.load(file)}


class Booted(Checks):
    def __init__(self):
        top = cgroup2()
        if os.geteuid() != 0 or not os.path.exists(SYSTEMD) or top is None or not shutil.which("unshare"):
            raise Skip("needs root, systemd, unshare and cgroups of version 2")
        if sanitized():
            raise Skip("a sanitizer asks for more than the unit gives")
        self.folder = tempfile.mkdtemp(prefix="thole-systemd-")
        self.group = os.path.join(top, os.path.basename(self.folder))
        self.parts = {}
        try:
            self.boot()
        except BaseException:
            self.close()
            raise

    def boot(self):
        option = own_options()
        # of prefix /usr it is /etc
        config = os.path.join(option["prefix"], option["sysconfdir"], "thole")
        words = {"HERE": self.folder, "PREFIX": option["prefix"], "CONFIG": config, "SYSTEMD": SYSTEMD, "MASKED": " ".join(MASKED)}
        for name, text in (("boot", BOOT), ("check", CHECK), ("check.service", UNIT), ("out", ""), ("console", "")):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(re.sub(r"@([A-Z]+)@", lambda match: words[match[1]], text))
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", f"{self.folder}/installed"],
                       check=True, capture_output=True, timeout=120)
        os.mkdir(self.group)
        command = f"echo $$ >{self.group}/cgroup.procs && exec unshare --cgroup --mount --pid --fork --ipc --uts --net --kill-child " \
                  f"--propagation private sh {self.folder}/boot"
        told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=240)
        with open(os.path.join(self.folder, "out"), encoding="utf-8") as file:
            for block in file.read().split("== ")[1:]:
                name, _, text = block.partition("\n")
                self.parts[name] = text.replace("Powering off.", "").strip()
        if not self.parts:
            raise Skip(f"systemd cannot be booted here: {told.stderr.strip()[-300:]}")

    def part(self, name):
        if name not in self.parts:
            raise AssertionError(f"it did not come to {name}: {self.parts}")
        return self.parts[name]

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        # systemd has left its own below
        for folder, _, _ in sorted(os.walk(self.group), key=lambda entry: -len(entry[0])):
            try:
                os.rmdir(folder)
            except OSError:
                pass


@case("the first connection to its socket starts it", proves="OP-07")
def _(t):
    t.equal(t.part("asleep"), "inactive")
    t.equal(t.part("woken"), "uid:0")
    status = dict(line.split("=", 1) for line in t.part("status").splitlines())
    t.equal(status, {"Type": "notify", "WatchdogUSec": "1min", "User": "thole", "NRestarts": "0", "ActiveState": "active",
                     "Result": "success", "StatusText": "serving at unix:/run/thole/thole.sock"})


@case("it runs as its own user without any capability, behind a filter of system calls")
def _(t):
    process = dict(re.split(r":\s*", line, maxsplit=1) for line in t.part("process").splitlines())
    t.true("0" not in process["Uid"].split(), f"uid {process['Uid']}")
    t.equal((process["CapEff"], process["CapBnd"], process["NoNewPrivs"], process["Seccomp"]), ("0" * 16, "0" * 16, "1", "2"))
    t.equal(len(process["Groups"].split()), 2, "its own group and docker")
    t.equal(t.part("sockets").splitlines(), ["660 thole thole /run/thole/thole.sock", "755 thole thole /run/thole",
                                             "700 thole thole /var/lib/thole"])


@case("it runs workloads and programs in them, and lets nobody in without the group")
def _(t):
    t.equal((t.part("run"), t.part("exec")), ("first", "hello"))
    t.holds(t.part("stranger"), "no permission to open")
    t.holds(t.part("stranger"), "code 4")


@case("what it sees of the machine cannot be written, but its state")
def _(t):
    told = t.part("closed")
    for path in ("/usr/x", "/etc/x", "/root/x"):
        t.true(re.search(rf"cannot touch '{path}'", told), f"{path} stays as it is: {told}")
    t.holds(told, "written")
    t.true("sda" not in told and "kmsg" not in told, "no devices of the machine")


@case("a reload is over when systemctl says so")
def _(t):
    t.equal(t.part("reload"), "active")


@case("a call on the bus starts it", proves="OP-07")
def _(t):
    t.equal(t.part("bus").split(), ["memory", "active"])


@case("tholed-http.socket serves on loopback")
def _(t):
    t.equal(t.part("http").split(), ["inactive", "200", "200"])


@case("a key comes as credential, and none is made")
def _(t):
    # 440 is an ACL for its user
    t.true(re.fullmatch(r"uid:0\n1\n(400 thole|440 root|400 root)", t.part("credential")), t.part("credential"))


@case("one that stands still is ended and begun again, and knows its workloads")
def _(t):
    restarts, *names = t.part("watchdog").split()
    t.true(int(restarts) >= 1, "it was begun again")
    t.equal(names, ["first"])


@case("the journal knows fields and unit")
def _(t):
    fields = dict(line.replace('"', "").split(":", 1) for line in t.part("journal").splitlines())
    t.equal((fields["THOLE_PRINCIPAL"], fields["SYSLOG_IDENTIFIER"], fields["_TRANSPORT"]), ("uid:0", "tholed", "journal"))


@case("it ends well, and the socket stays for the next")
def _(t):
    t.equal(t.part("end").split(), ["success", "backends", "thole.sock"])


main(Booted)
