#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Terminals of the web console in a headless Chromium, at real programs under a real agent."""
import os
import re

from browser import FOREVER, ROOT, Kept, Keys, Looking, case, main  # noqa: F401
from daemon import BUILD

AGENT = os.path.join(BUILD, "agent", "thole-agent")
SCREEN = """
const rows = document.querySelectorAll(".xterm-rows > div");
return Array.from(rows, row => row.textContent.replace(/\\u00a0/g, " ").trimEnd()).join("\\n");
"""


class Terminals(Looking, Kept):
    BACKEND = {"agent": "true"}
    SETTINGS = {"daemon.agent": AGENT}

    def __init__(self):
        super().__init__()
        self.begin()

    def go(self, workload, session=None):
        self.page.open(f"#/workloads/{workload['id']}/terminal" + (f"/{session['id']}" if session else ""))

    def open(self, name, *command, **body):
        """A workload with one session, on the page."""
        workload = self.run(FOREVER, name=name)
        command = command or ("/bin/sh", "-c", "PS1='> ' exec sh -i")
        session = self.thole.post(f"/v1/workloads/{workload['id']}/sessions", {"command": list(command), **body}).expect(201).json
        self.go(workload, session)
        self.connected()
        return workload, session

    def connected(self):
        self.page.until(lambda: self.page.text(".link-state") == "Connected", "the terminal is connected")

    def screen(self):
        return self.page.script(SCREEN)

    def shows(self, text):
        self.page.until(lambda: text in self.screen(), f"{text!r} on the screen")

    def show(self, session):
        return self.thole.get(f"/v1/sessions/{session['id']}").expect(200).json


@case("open a terminal, type, see the output, end it", proves="TE-05")
def _(t):
    workload = t.run(FOREVER, name="shell")
    t.go(workload)
    t.page.see("No terminal is open")
    t.page.check_names("the page without a terminal")
    t.page.press("New terminal")
    t.connected()
    t.page.type("echo typed-$((40+2))", Keys.ENTER)
    t.shows("typed-42")
    t.page.check_names("the terminal")
    t.page.picture("terminal-light")
    t.page.prefer("dark")
    t.page.until(lambda: t.page.script("return document.documentElement.dataset.theme") == "dark", "dark")
    t.page.picture("terminal-dark")
    t.page.prefer("light")
    t.page.type("exit 3", Keys.ENTER)
    t.page.see("has ended with 3")
    t.page.picture("terminal-ended")


@case("the terminal is as large as its place, and follows the window", proves="TE-09")
def _(t):
    _, session = t.open("size")
    t.until(lambda: t.show(session)["cols"] > 100, 20, "the size of the page")
    before = t.show(session)
    t.page.type("stty size", Keys.ENTER)
    t.shows(f"{before['rows']} {before['cols']}")
    t.page.driver.set_window_size(900, 700)
    t.until(lambda: t.show(session)["cols"] < before["cols"], 20, "the new size")
    after = t.show(session)
    t.page.type("stty size", Keys.ENTER)
    t.shows(f"{after['rows']} {after['cols']}")
    t.page.driver.set_window_size(1280, 800)
    t.until(lambda: t.show(session)["cols"] == before["cols"], 20, "the size that it had")


@case("a reload shows the same screen", proves="TE-04 TE-34")
def _(t):
    t.open("reload")
    t.shows(">")
    t.page.type(r"printf '\033[2J\033[H\033[31mred\033[0m\n\033[7mturned\033[0m\n'; echo last-$((1+1))", Keys.ENTER)
    t.shows("last-2")
    before = t.screen()
    t.page.picture("before-reload")
    t.page.driver.refresh()
    t.connected()
    t.shows("last-2")
    t.page.picture("after-reload")
    t.equal(t.screen(), before)
    t.page.type("echo again-$((2+1))", Keys.ENTER)
    t.shows("again-3")


@case("the daemon is killed and begins anew: typing goes on, nothing is lost or doubled", proves="TE-04 TE-15 TE-25")
def _(t):
    t.open("killed")
    t.page.type("echo before-$((0+1))", Keys.ENTER)
    t.shows("before-1")
    for number in (2, 3):
        t.thole.kill()
        t.page.until(lambda: t.page.text(".link-state") != "Connected", "the page knows")
        t.page.type(f"echo while-$(({number}+0))", Keys.ENTER)
        t.page.picture(f"killed-{number}")
        t.thole.start()
        t.connected()
        t.shows(f"while-{number}\n")
        t.page.type(f"echo after-$(({number}+0))", Keys.ENTER)
        t.shows(f"after-{number}\n")
    t.till_ready()
    lines = [line for line in t.screen().splitlines() if line and not line.startswith(">")]
    t.equal(lines, ["before-1", "while-2", "after-2", "while-3", "after-3"])
    t.page.picture("after-kills")
    t.page.complaints()


@case("a counter runs on over kills of the daemon: every number once", proves="TE-15 TE-25")
def _(t):
    t.open("counter", "/bin/sh", "-c", "read x; i=0; while [ $i -lt 400 ]; do i=$((i+1)); printf 'n%s ' $i; sleep 0.01; done; read x")
    t.page.type(Keys.ENTER)
    t.shows("n20")
    t.thole.kill()
    t.thole.start()
    t.connected()
    t.thole.stop()
    t.thole.start()
    t.shows("n400")
    numbers = re.findall(r"n(\d+)", t.screen().replace("\n", ""))
    t.equal(numbers, [str(number) for number in range(1, 401)])
    t.till_ready()
    t.page.complaints()


@case("two pages: one types and the other watches, until it takes control")
def _(t):
    workload, _ = t.open("two")
    t.page.type("echo first", Keys.ENTER)
    t.shows("first")
    driver = t.page.driver
    mine = driver.current_window_handle
    driver.switch_to.new_window("window")
    try:
        # the cookie of the first one is good here, too
        t.go(workload)
        t.shows("first")
        t.page.see("you watch", ".sessions")
        t.page.check_names("the terminal that is watched")
        t.page.picture("watching")
        t.page.press("Take control")
        t.connected()
        t.page.type("echo second-$((1+1))", Keys.ENTER)
        t.shows("second-2")
        driver.switch_to.window(driver.window_handles[0])
        t.shows("second-2")
        t.page.see("you watch", ".sessions")
        driver.switch_to.window(driver.window_handles[1])
        driver.close()
    finally:
        driver.switch_to.window(mine)


@case("the keyboard gets into the terminal and out of it again")
def _(t):
    t.open("keys")
    t.shows(">")
    t.equal(t.page.script("return document.activeElement.getAttribute('aria-label')"), "Terminal")
    t.page.type("echo ta", Keys.TAB, "b", Keys.ENTER)
    t.shows("ta")
    t.equal(t.page.script("return document.activeElement.getAttribute('aria-label')"), "Terminal", "Tab belongs to the program")
    t.page.type(Keys.SHIFT, Keys.F6, Keys.NULL)
    t.page.until(lambda: t.page.script("return document.activeElement.id") == "reader", "the focus is out")
    t.page.type(Keys.SPACE)
    t.page.until(lambda: ("list", "") in t.page.tree() or t.page.all(".xterm-accessibility"), "the screen as text for a screen reader")
    t.page.type(Keys.SPACE)


@case("the workload stops: the page says so")
def _(t):
    workload, _ = t.open("stopped")
    t.shows(">")
    t.verb(workload, "stop", wait="stopped")
    t.page.until(lambda: "stopped" in t.page.text(".sessions") or "ended" in t.page.text(".sessions"), "the end")
    t.page.picture("workload-stopped")
    t.page.complaints()


main(Terminals)
