# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test cases as functions, results as TAP.

    @case("a name for people", proves="LC-01 API-02")
    def _(t):
        t.equal(1 + 1, 2)

    main(setup)     # setup() gives the object that every case gets; its close() is called at the end

A case fails by raising; it is skipped by raising Skip(reason). Words on the command line pick cases whose name holds one of
them; --list names all.
"""
import re
import signal
import sys
import time
import traceback

CASES = []
HANG = 60  # seconds after which what was waited for is taken not to come, on however busy a machine


class Skip(Exception):
    """The case cannot run here; the text says why."""


class Case:
    def __init__(self, name, proves, run):
        self.name, self.proves, self.run = name, proves, run


def case(name, proves="", each=None):
    """Registers a case; with `each` (a list of values) one case a value, which is its second argument."""
    def register(function):
        if each is None:
            CASES.append(Case(name, proves, function))
        for value in each or []:
            CASES.append(Case(f"{name}: {value}", proves, lambda t, value=value: function(t, value)))
        return function
    return register


class Checks:
    """Assertions that say what was seen. Base of the object that cases get."""

    def true(self, value, what="the condition"):
        if not value:
            raise AssertionError(f"{what} does not hold")

    def equal(self, seen, wanted, what="value"):
        if seen != wanted:
            raise AssertionError(f"{what} is {seen!r:.2000}, wanted {wanted!r:.2000}")

    def among(self, seen, wanted, what="value"):
        if seen not in wanted:
            raise AssertionError(f"{what} is {seen!r:.2000}, wanted one of {wanted!r:.2000}")

    def holds(self, text, part, what="text"):
        if part not in text:
            raise AssertionError(f"{what} lacks {part!r:.500}: {text!r:.2000}")

    def until(self, condition, seconds=HANG, what="the condition", pause=0.05):
        """Waits until condition() is true and gives its value. The time only ends a run in which it never comes: it is never
        less than HANG."""
        seconds = max(seconds, HANG)
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not come within {seconds} s")
            time.sleep(pause)

    def after(self):
        """Called after each case; one that fails here fails."""

    def close(self):
        pass


def tap_text(text):
    return re.sub(r"[#\n]", " ", str(text))


def run_and_clean(entry, subject):
    """The error of the case itself is the one that is told."""
    try:
        entry.run(subject)
    except Exception:
        try:
            subject.after()
        except Exception as error:
            print(f"# afterwards, too: {str(error)[:300]!r}")
        raise
    subject.after()


def run_case(number, entry, subject):
    begin = time.monotonic()
    if entry.proves:
        print(f"# proves: {entry.proves}")
    try:
        run_and_clean(entry, subject)
    except Skip as reason:
        print(f"ok {number} - {tap_text(entry.name)} # SKIP {tap_text(reason)}", flush=True)
        return True
    except Exception as error:
        lines = traceback.format_exc().splitlines()
        for line in lines[-5:-1] + str(error).splitlines()[:60] if isinstance(error, AssertionError) else lines[-14:]:
            print(f"# {line}")
        if error.__context__ is not None:
            print(f"# it came while this was told: {error.__context__!r:.3000}")
        print(f"not ok {number} - {tap_text(entry.name)}", flush=True)
        return False
    print(f"ok {number} - {tap_text(entry.name)}\n# took {time.monotonic() - begin:.2f} s", flush=True)
    return True


def main(setup=Checks):
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    chosen = [entry for entry in CASES if not words or any(word in entry.name for word in words)]
    if "--list" in sys.argv:
        for entry in chosen:
            print(entry.name)
        return
    # a run that is given up still takes down what it has started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"TAP version 13\n1..{len(chosen)}", flush=True)
    try:
        subject = setup()
    except Skip as reason:
        for number, entry in enumerate(chosen, 1):
            print(f"ok {number} - {tap_text(entry.name)} # SKIP {tap_text(reason)}")
        return
    good = True
    try:
        for number, entry in enumerate(chosen, 1):
            good = run_case(number, entry, subject) and good
    finally:
        subject.close()
    sys.exit(0 if good else 1)
