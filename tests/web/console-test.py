#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The web console in a headless Chromium, with the memory driver."""
import json

from browser import FOREVER, Kept, Keys, Looking, case, main, script


class Console(Looking, Kept):
    def __init__(self):
        super().__init__()
        self.begin()

    def row(self, name):
        """The text of a workload's row; empty when there is none."""
        return next((row.text for row in self.page.all("tbody tr") if row.text.startswith(name)), "")

    def home(self):
        self.page.open("#/")
        self.page.one(".count")


@case("the daemon serves the console with a policy, and only what is in it")
def _(t):
    anybody = t.thole.tcp(token=None)
    page = anybody.get("/", {"Accept": "text/html,*/*;q=0.8"}).expect(200)
    t.holds(page.headers["content-type"], "text/html")
    t.holds(page.headers["content-security-policy"], "script-src 'self'")
    t.holds(page.headers["content-security-policy"], "frame-ancestors 'none'")
    t.equal((page.headers["x-content-type-options"], page.headers["x-frame-options"]), ("nosniff", "DENY"))
    t.equal(page.headers["vary"], "Accept")
    t.true("<script>" not in page.text and "onload=" not in page.text, "no inline script")
    t.equal(anybody.get("/").expect(200).json["name"], "thole")
    module = anybody.get("/assets/js/app.js").expect(200)
    t.holds(module.headers["content-type"], "text/javascript")
    again = anybody.get("/assets/js/app.js", {"If-None-Match": module.headers["etag"]}).expect(304)
    t.equal((again.body, again.headers["etag"]), (b"", module.headers["etag"]))
    t.equal(len(anybody.request("HEAD", "/assets/js/app.js").expect(200).body), 0)
    anybody.post("/assets/js/app.js", {}).expect(405)
    for path in ("/assets/", "/assets/js/../../etc/passwd", "/assets/js/missing.js", "/assets/embed.py", "/index.html"):
        anybody.get(path).expect(401, 404)


@case("a wrong token is refused on the page, a right one lets in")
def _(t):
    t.page.press("Sign out")
    t.page.see("Sign in to Thole")
    t.page.driver.refresh()
    t.page.see("Sign in to Thole")
    t.page.check_names("the sign-in page")
    t.page.picture("sign-in")
    t.page.press("Token")
    t.page.one("input[name=token]").send_keys("thole_wrong", Keys.ENTER)
    t.page.see("credential is not valid")
    t.page.complaints()
    t.page.sign_in()


@case("a user signs in with e-mail address and password")
def _(t):
    made = t.thole.post("/v1/users", {"email": "ada@example.org", "password": "correct horse battery", "roles": ["admin"]})
    made.expect(201)
    t.page.press("Sign out")
    t.page.see("Sign in to Thole")
    t.page.one("input[name=email]").send_keys("ada@example.org")
    t.page.one("input[name=password]").send_keys("wrong", Keys.ENTER)
    t.page.see("password is wrong")
    t.page.complaints()
    t.page.one("input[name=password]").clear()
    t.page.one("input[name=password]").send_keys("correct horse battery", Keys.ENTER)
    t.page.see("Workloads")
    t.page.see("ada@example.org", ".bar")
    t.page.picture("signed-in")
    t.page.driver.refresh()
    t.page.see("Workloads")
    t.page.see("ada@example.org", ".bar")


@case("no script can read what lets the browser in; what changes something carries a token of the page", proves="AU-30")
def _(t):
    t.home()
    kept = t.page.script("return [document.cookie, JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage})]")
    t.equal(kept, ["", "{}", "{}"])
    cookies = [cookie for cookie in t.page.driver.get_cookies() if cookie["name"] == "thole"]
    t.equal([(cookie["httpOnly"], cookie["sameSite"], cookie["path"]) for cookie in cookies], [(True, "Strict", "/")])
    answer = t.page.script("return fetch('/v1/auth/logout', {method: 'POST'}).then(answer => answer.status)")
    t.equal(answer, 403, "without the token")
    t.page.complaints()


@case("a sign-in that another tab has renewed goes on here", proves="AU-30")
def _(t):
    t.home()
    workload = t.run(FOREVER, name="tabs")
    t.page.until(lambda: "running" in t.row("tabs"), "the row")
    renew = "const me = await (await fetch('/v1/me')).json(); return (await fetch('/v1/auth/refresh', {method: 'POST', body: '{}'," \
            " headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token}})).status"
    t.equal(t.page.script(f"return (async () => {{ {renew} }})()"), 200)
    t.page.press("Stop tabs")
    t.page.until(lambda: "stopped" in t.row("tabs"), "it is stopped")
    t.equal(t.get(workload)["state"], "stopped")
    t.page.complaints()


@case("a sign-in that was taken back leads to the sign-in page, and so does one's own end", proves="AU-17 AU-30")
def _(t):
    t.home()
    user = next(one for one in t.thole.listed("/v1/users") if one["email"] == "ada@example.org")
    t.thole.patch(f"/v1/users/{user['id']}", {"disabled": True}).expect(200)
    t.page.driver.refresh()
    t.page.see("Sign in to Thole")
    t.thole.patch(f"/v1/users/{user['id']}", {"disabled": False}).expect(200)
    t.page.one("input[name=email]").send_keys("ada@example.org")
    t.page.one("input[name=password]").send_keys("correct horse battery", Keys.ENTER)
    t.page.see("ada@example.org", ".bar")
    t.page.complaints()


@case("the list changes live, and what is gone leaves it", proves="NP-01")
def _(t):
    t.home()
    workload = t.run(FOREVER, name="alpha")
    t.page.until(lambda: "running" in t.row("alpha"), "the running row")
    t.verb(workload, "stop", wait="stopped")
    t.page.until(lambda: "stopped" in t.row("alpha"), "the stopped row")
    t.page.see("alpha is stopped", "#spoken")
    t.thole.remove(workload)
    t.page.until(lambda: t.row("alpha") == "", "the row is gone")


@case("start, stop, restart and remove from the list")
def _(t):
    t.home()
    workload = t.run(FOREVER, name="beta")
    t.page.press("Stop beta")
    t.page.until(lambda: "stopped" in t.row("beta"), "it is stopped")
    t.page.press("Start beta")
    t.page.until(lambda: "running" in t.row("beta"), "it runs")
    before = t.get(workload)["started_at"]
    t.page.press("Restart beta")
    t.until(lambda: t.get(workload)["started_at"] != before and t.get(workload)["state"] == "running", 20, "it was restarted")
    t.page.press("Remove beta")
    t.page.see("cannot be undone", "dialog")
    t.page.picture("remove")
    t.page.press("Cancel", "dialog")
    t.equal(t.get(workload)["desired_state"], "running")
    t.page.press("Remove beta")
    t.page.press("Remove", "dialog")
    t.page.until(lambda: t.row("beta") == "", "the row is gone")


@case("the list goes on after a restart of the daemon", proves="NP-01")
def _(t):
    t.home()
    t.thole.stop()
    t.page.until(lambda: t.page.text(".live") != "Live", "the page knows")
    t.thole.start()
    t.till_ready()
    t.run(FOREVER, name="gamma")
    t.page.until(lambda: "running" in t.row("gamma"), "the new row")
    t.page.complaints()


@case("the list is filtered by words and by state")
def _(t):
    t.home()
    t.run(FOREVER, name="one", labels={"app": "web"})
    t.run(["exit", "3"], name="two")
    t.page.until(lambda: t.row("one") and "crashed" in t.row("two"), "both rows")
    t.page.one("input[type=search]").send_keys("app=web")
    t.page.until(lambda: t.row("one") and not t.row("two"), "only one")
    t.page.one("input[type=search]").clear()
    t.page.one("input[type=search]").send_keys("nothing")
    t.page.see("No workload matches")
    t.page.driver.refresh()
    t.page.until(lambda: t.row("one") and t.row("two"), "both rows again")


@case("logs follow, tell the streams apart and lose nothing by a restart of the daemon")
def _(t):
    workload = t.run(script("print hello", "error trouble", "sleep 3", "print later", "forever"), name="talker")
    t.page.open(f"#/workloads/{workload['id']}/logs")
    t.page.see("hello", ".log")
    t.page.see("trouble", "[data-stream=stderr]")
    t.thole.kill()
    t.page.see("Interrupted", ".logs")
    t.thole.start()
    t.page.see("later", ".log")
    t.page.check_names("the logs")
    t.page.picture("logs")
    lines = t.page.text(".log").splitlines()
    t.equal(lines, ["hello", "trouble", "later"])


@case("details tell why")
def _(t):
    workload = t.run(["exit", "3"], name="broken")
    t.page.open(f"#/workloads/{workload['id']}/details")
    t.page.see("asked for")
    t.page.see(workload["id"])
    t.page.check_names("the details")
    t.page.picture("details")


@case("everything is reached by keyboard alone")
def _(t):
    workload = t.run(FOREVER, name="keys")
    t.home()
    t.page.until(lambda: "running" in t.row("keys"), "the row")
    t.page.driver.refresh()
    t.page.until(lambda: "running" in t.row("keys"), "the row again")
    seen = []
    for _ in range(20):
        t.page.type(Keys.TAB)
        seen.append(t.page.script("const e = document.activeElement; return e.getAttribute('aria-label') || e.textContent || e.id"))
        outline = t.page.script("return getComputedStyle(document.activeElement).outlineStyle")
        t.true(outline != "none" or t.page.script("return document.activeElement === document.body"), f"the focus on {seen[-1]!r} is seen")
        if seen[-1] == "Stop keys":
            break
    for name in ("Thole", "Appearance", "Sign out", "Filter by name, image or label", "keys", "Stop keys"):
        t.true(name in seen, f"{name!r} among {seen}")
    t.page.type(Keys.ENTER)
    t.page.until(lambda: "stopped" in t.row("keys"), "it is stopped")
    t.equal(t.page.script("return document.activeElement.getAttribute('aria-label')"), "Stop keys", "the focus")
    t.equal(t.get(workload)["state"], "stopped")
    t.page.check_names("the list")


@case("dark and light follow the system, and the switch overrules it")
def _(t):
    background = "return getComputedStyle(document.body).backgroundColor"
    for name, words in (("api", FOREVER), ("database", FOREVER), ("nightly", ["exit", "3"]), ("proxy", FOREVER)):
        t.run(words, name=name)
    t.verb(t.thole.get("/v1/workloads/proxy").json, "stop", wait="stopped")
    t.home()
    t.page.until(lambda: "stopped" in t.row("proxy"), "the rows")
    colours = {}
    for scheme in ("light", "dark"):
        t.page.prefer(scheme)
        t.page.until(lambda scheme=scheme: t.page.script("return document.documentElement.dataset.theme") == scheme, scheme)
        colours[scheme] = t.page.script(background)
        t.page.picture(f"list-{scheme}")
    t.true(colours["light"] != colours["dark"], json.dumps(colours))
    t.page.one("#theme").send_keys("Light")
    t.page.until(lambda: t.page.script(background) == colours["light"], "the switch")
    t.page.one("#theme").send_keys("System")
    t.page.prefer("light")


main(Console)
