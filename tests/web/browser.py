# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A headless Chromium that looks at the web console of a daemon of one's own. With THOLE_PICTURES=FOLDER it keeps pictures."""
import os
import shutil
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "flow"))

from memory import FOREVER, Kept, Memory, Skip, case, main, patient, script  # noqa: E402,F401

try:
    from selenium import webdriver
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = Keys = None

NAMED = {"button", "link", "textbox", "searchbox", "checkbox", "combobox", "tab", "switch", "menuitem"}
# what a browser says of a daemon that is away
EXPECTED = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE",
            "WebSocket connection to", "the server responded with a status of 404",
            # so a page learns that nobody is signed in
            "/v1/me - Failed to load resource: the server responded with a status of 401")


def chromium(folder, size=(1280, 800)):
    if webdriver is None or not shutil.which("chromium") or not shutil.which("chromedriver"):
        raise Skip("chromium, chromium-driver and python3-selenium are needed")
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--lang=en-US",
                 "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--force-color-profile=srgb",
                 f"--user-data-dir={folder}/profile", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.chrome.service.Service(shutil.which("chromedriver"), log_path=f"{folder}/chromedriver.log")
    driver = webdriver.Chrome(service=service, options=options)
    driver.set_page_load_timeout(60)
    return driver


class Page:
    """What a person does and sees."""

    def __init__(self, test, driver):
        self.t, self.driver = test, driver
        self.seconds = 60 * patient()

    def close(self):
        self.driver.quit()

    def open(self, address=""):
        self.driver.get(f"http://127.0.0.1:{self.t.thole.tcp_port}/{address}")

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        """The element, once it is there and to be seen."""
        return self.until(lambda: next((e for e in self.all(selector) if e.is_displayed()), None), selector)

    def until(self, condition, what):
        def again():
            try:
                return condition()
            except (StaleElementReferenceException, NoSuchElementException):
                return None
        try:
            return self.t.until(again, self.seconds, what)
        except AssertionError as error:
            self.picture("failed")
            raise AssertionError(f"{error}; the page: {self.text('body')[:1500]!r}; the browser: {self.complaints()}") from None

    def text(self, selector="main"):
        found = self.all(selector)
        return found[0].text if found else ""

    def see(self, text, selector="main"):
        self.until(lambda: text in self.text(selector), f"{text!r} in {selector}")

    def button(self, text, selector="body"):
        """The button or link with this name, as a screen reader says it."""
        def find():
            return next((e for e in self.all(f"{selector} button, {selector} a") if e.is_displayed()
                         and text in (e.text, e.get_attribute("aria-label"))), None)
        return self.until(find, f"the button {text!r}")

    def press(self, text, selector="body"):
        self.button(text, selector).click()

    def type(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def script(self, text, *values):
        return self.driver.execute_script(text, *values)

    def prefer(self, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def picture(self, name):
        folder = os.environ.get("THOLE_PICTURES")
        if folder:
            os.makedirs(folder, exist_ok=True)
            self.driver.save_screenshot(os.path.join(folder, f"{name}.png"))

    def complaints(self):
        """Errors of scripts and breaches of the policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and not any(word in entry["message"] for word in EXPECTED)]

    def tree(self):
        """[(role, name)] of everything that assistive technology is told of."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        return [(node.get("role", {}).get("value"), node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")]

    def check_names(self, where):
        """Every control has a name, and the page its landmarks."""
        tree = self.tree()
        nameless = [role for role, name in tree if role in NAMED and not name.strip()]
        self.t.equal(nameless, [], f"controls without a name on {where}")
        self.t.true(any(role == "main" for role, _ in tree), f"the main landmark on {where}")
        self.t.true(any(role == "heading" for role, _ in tree), f"a heading on {where}")

    def sign_in(self):
        self.open()
        self.press("Token")
        self.one("input[name=token]").send_keys(self.t.thole.bootstrap_token, Keys.ENTER)
        self.see("Workloads")
        self.until(lambda: self.text(".live") == "Live", "the live mark")


class Looking:
    """Added to a case object: `page` is a signed-in browser."""

    def begin(self):
        self.folder_of_browser = tempfile.mkdtemp(prefix="thole-browser-")
        try:
            self.page = Page(self, chromium(self.folder_of_browser))
        except BaseException:
            super().close()
            raise
        self.page.sign_in()

    def after(self):
        super().after()
        self.equal(self.page.complaints(), [], "what the browser complains of")

    def close(self):
        try:
            self.page.close()
        finally:
            shutil.rmtree(self.folder_of_browser, ignore_errors=True)
            super().close()
