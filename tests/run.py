#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the suites in order, the cheapest first; called by ./run-tests. One line a suite, whole output in build/test-logs.

Every test program speaks TAP (unit tests through GTest), so that cases are counted, not programs.
"""
import collections
import concurrent.futures
import contextlib
import glob
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, "build", "test-logs")
GCC, CLANG, ASAN, FUZZ = (os.path.join(ROOT, name) for name in ("build", "build-clang", "build-asan", "build-fuzz"))
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=0:allocator_may_return_null=1:quarantine_size_mb=8",
              "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
              "LSAN_OPTIONS": "suppressions=" + os.path.join(ROOT, "tests", "lsan.supp") + ":print_suppressions=0",
              "G_DEBUG": "fatal-criticals", "G_SLICE": "always-malloc"}
# suites that run at the same time: one waits for engines, the others count
TOGETHER = ("chaos", "sim", "fuzz")
ASIDE = ("nice", "-n", "10")
# of what is told of one failure
REASON_LINES, REASON_CHARACTERS = 15, 1500
RAISED = re.compile(r'File "|Traceback |.*(ERROR: \w+Sanitizer|runtime error:|CRITICAL|VIOLATION)')
RESULT = re.compile(r"(not )?ok\b\s*\d*\s*-?\s*(.*)")
SECONDS = {"engines": 1200, "flow": 900, "chaos": 900}


class Count:
    def __init__(self):
        self.passed, self.failed, self.skipped, self.notes = 0, 0, 0, []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes

    def fail(self, note):
        self.failed += 1
        self.notes.append(note)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def reason(lines):
    """What a program said of a failure, bounded: where it was raised, its first words and its last."""
    text = [line.strip().removeprefix("#").strip()[:400] for line in lines]
    text = [line for line in text if line and not line.startswith(("proves: ", "took "))]
    raised = [number for number, line in enumerate(text) if RAISED.match(line)]
    text = text[raised[0]:] if raised else text[-REASON_LINES:]
    cut = False
    while len(text) > REASON_LINES or sum(map(len, text)) > REASON_CHARACTERS:
        text.pop(len(text) // 2)
        cut = True
    if cut:
        text.insert(len(text) // 2 + 1, "...")
    return "".join(f"\n        {line}" for line in text)


def said_of(lines, number, since):
    """The lines that belong to a result: those since the one before, else the comments after it."""
    before = [line for line in lines[since:number] if not re.match(r"TAP version|1\.\.\d|# (proves|took|random seed|Start of|End of)", line)]
    return before or list(itertools.takewhile(lambda line: not RESULT.match(line) and re.match(r"\s*#|\s+\S|Bail out", line),
                                              lines[number + 1:]))


def read_tap(name, output, status, errors=""):
    """Counts the cases of one program; one that fails or ends early without saying so counts as a failure, too. `errors` is what
    it said elsewhere."""
    count = Count()
    planned, seen, since = None, 0, 0
    lines = output.splitlines()
    rest = (output + errors).splitlines()[-200:]
    for number, line in enumerate(lines):
        plan = re.match(r"\s*1\.\.(\d+)(.*)", line)
        result = RESULT.match(line)
        if plan and planned is None:
            planned = int(plan[1])
            if planned == 0:
                count.skipped += 1
                count.notes.append(f"skipped: {name}: {plan[2].lstrip(' #')}")
        elif result:
            seen += 1
            text, skip, why = result[2].partition("# SKIP")
            if skip:
                count.skipped += 1
                count.notes.append(f"skipped: {name}: {text.strip()}: {why.strip() or 'no reason given'}")
            elif result[1]:
                count.fail(f"failed: {name}: {result[2]}{reason(said_of(lines, number, since) + errors.splitlines()[-200:])}")
            else:
                count.passed += 1
            since = number + 1
    if planned is None and seen:
        if status != 0 and not count.failed:
            count.fail(f"failed: {name}: it ended with status {status}{reason(rest)}")
    elif planned is None:
        if status == 0:
            count.passed += 1
        else:
            count.fail(f"failed: {name} (status {status}){reason(rest)}")
    elif seen < planned or (status != 0 and not count.failed):
        count.fail(f"failed: {name}: {seen} of {planned} cases, then it ended with status {status}{reason(rest)}")
    return count


def log_path(name):
    os.makedirs(LOGS, exist_ok=True)
    return os.path.join(LOGS, name.replace("/", "-") + ".log")


def run(name, command, environment=None, timeout=600):
    """(status, output) of a command; its output is kept in the logs."""
    with open(log_path(name), "w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=log,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = give_up(process)
            log.write(f"\n# did not end within {timeout} s\n")
        log.flush()
        log.seek(0)
        return status, log.read()


def give_up(process):
    """Asks it to end, so that it takes down what it has started; then makes it end."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return -1


def tap(name, command, environment=None, timeout=600):
    status, output = run(name, command, environment, timeout)
    return read_tap(name, output, status)


def script(path, build=GCC, environment=None, timeout=600):
    name = os.path.relpath(path, os.path.join(ROOT, "tests")).removesuffix(".py")
    return tap(name, ["/usr/bin/python3", path], {"THOLE_BUILD": build, **(environment or {})}, timeout)


def scripts(pattern, build=GCC, environment=None, timeout=600, at_once=1):
    count = Count()
    paths = sorted(glob.glob(os.path.join(ROOT, "tests", pattern)))
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for one in pool.map(lambda path: script(path, build, environment, timeout), paths):
            count.add(one)
    return count


def build(name, folder, options, environment=None):
    """Configures and builds; one case."""
    count = Count()
    steps = [["ninja", "-C", folder]]
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        steps.insert(0, ["meson", "setup", folder, *options])
    for step in steps:
        status, output = run(f"{name}-{os.path.basename(step[0])}", step, environment, 1500)
        if status != 0:
            errors = [line for line in output.splitlines() if re.search(r"error|ERROR|FAILED", line)][:8]
            count.fail(f"failed: {' '.join(step)}:\n    " + "\n    ".join(errors))
            return count
    count.passed += 1
    return count


def meson_tests(folder, environment, name, arguments):
    """Programs that meson knows."""
    status, output = run(f"meson-{name}", ["meson", "test", "-C", folder, "--no-rebuild", *arguments], environment, 1500)
    count = Count()
    results = os.path.join(folder, "meson-logs", "testlog.json")
    if "No tests defined" in output or "No suitable tests" in output:
        return count
    with open(results, encoding="utf-8") as file:
        for line in file:
            test = json.loads(line)
            with open(log_path("meson-" + test["name"]), "w", encoding="utf-8") as log:
                log.write(test.get("stdout", "") + test.get("stderr", ""))
            code = 1 if test["result"] in ("TIMEOUT", "ERROR", "FAIL") and not test.get("returncode") else test.get("returncode", 0)
            count.add(read_tap(test["name"].split(":")[-1].strip(), test.get("stdout", ""), code, test.get("stderr", "")))
    if status != 0 and not count.failed:
        count.fail(f"failed: meson test ended with {status}")
    return count


# suites, in their order ----------------------------------------------------------------------------------

def suite_static(_):
    count = Count()
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "check-*.py")) + glob.glob(os.path.join(ROOT, "tests", "abi", "check-*.py"))):
        if os.path.basename(path) not in BUILT_CHECKS:
            count.add(script(path))
    count.add(tap("features", ["/usr/bin/python3", os.path.join(ROOT, "tests", "collect-features.py"), "--check"]))
    return count


def suite_gcc(_):
    return build("gcc", GCC, [], {"CC": "gcc"})


def suite_clang(_):
    return build("clang", CLANG, [], {"CC": "clang"})


def suite_asan(_):
    return build("asan", ASAN, ["-Db_sanitize=address,undefined", "-Db_lundef=false"], {"CC": "gcc"})


def suite_exports(_):
    count = Count()
    for name in sorted(BUILT_CHECKS):
        path = os.path.join(ROOT, "tests", name)
        if os.path.exists(path):
            count.add(script(path))
    return count


def suite_unit(_):
    return meson_tests(ASAN, SANITIZERS, "unit", ["--no-suite", "static", "--no-suite", "docker", "--no-suite", "containerd", "--no-suite", "service"])


def suite_flow(_):
    # each has folders and a daemon of its own, and mostly waits
    return scripts("flow/*-test.py", ASAN, SANITIZERS, SECONDS["flow"], at_once=2)


def docker_cases():
    if os.getuid() != 0 or not shutil.which("dockerd"):
        return meson_tests(ASAN, SANITIZERS, "docker", ["--suite", "docker"])
    script_path = os.path.join(ROOT, "tests", "dockerd.sh")
    with tempfile.TemporaryDirectory(prefix="thole-engine-") as folder:
        url = f"unix://{folder}/engine/docker.sock"
        status, output = run("driver-engine", [script_path, "start", f"{folder}/engine"])
        try:
            status = status or run("driver-image", [script_path, "image", url, "thole-test:1"])[0]
            given = {"THOLE_TEST_DOCKER": url, "THOLE_TEST_RESTART": f"{script_path} restart {folder}/engine"}
            count = meson_tests(ASAN, {**SANITIZERS, **given}, "docker", ["--suite", "docker"])
            if status == 0:
                count.add(conformance_docker(folder, url))
            if status != 0:
                count.fail(f"failed: no engine: {output[-500:]}")
            return count
        finally:
            run("driver-stop", [script_path, "stop", f"{folder}/engine"])


def containerd_cases():
    """On one that a script starts, and takes down when its input ends."""
    server = os.path.join(ROOT, "tests", "engines", "real_containerd.py")
    with tempfile.TemporaryDirectory(prefix="thole-ctr-") as folder:
        process = subprocess.Popen(["/usr/bin/python3", server, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   env={**os.environ, "THOLE_BUILD": ASAN})
        lines = [process.stdout.readline().rstrip("\n") for _ in range(3)]
        given = dict(line.split("=", 1) for line in lines if line)
        try:
            count = meson_tests(ASAN, {**SANITIZERS, **given}, "containerd", ["--suite", "containerd"])
            if "THOLE_TEST_KEYS" in given:
                count.add(conformance_containerd(given))
            return count
        finally:
            process.communicate()


def conformance(driver, keys=None, check=None):
    """thole-driver-check on one of our drivers; its results are kept for the table of all. On an engine some suites, in the long form all."""
    folder = os.path.join(LOGS, "conformance")
    os.makedirs(folder, exist_ok=True)
    config = os.path.join(ROOT, "tests", "driver", f"{driver}.conf")
    if keys is not None:
        config = os.path.join(folder, f"{driver}.conf")
        with open(config, "w", encoding="utf-8") as file:
            for section, values in ((f"backend {driver}", {"driver": driver, **keys}), ("check", check or {})):
                file.write(f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in values.items()))
    status, output = run(f"conformance-{driver}", [
        os.path.join(ASAN, "sdk", "check", "thole-driver-check"), "--brief", "--json", os.path.join(ASAN, "plugins", f"{driver}.plugin"),
        *(["--config", config] if os.path.exists(config) else []),
        *(["--suite", "load,workload,exec,logs"] if keys is not None and not os.environ.get("THOLE_LONG") else [])], SANITIZERS, 900)
    count = Count()
    begin = output.find('{"driver":')
    try:
        found = json.JSONDecoder().raw_decode(output[max(begin, 0):])[0]
    except json.JSONDecodeError:
        count.fail(f"failed: conformance-{driver}: it ended with {status}: {output[-500:]}")
        return count
    with open(os.path.join(folder, f"{driver}.json"), "w", encoding="utf-8") as file:
        json.dump(found, file)
    count.passed, count.skipped = found["passed"], found["skipped"]
    for each in found["cases"]:
        if each["result"] == "failed":
            count.fail(f"failed: conformance-{driver}: {each['name']}: {each['text']}")
    reasons = collections.Counter(each["text"] for each in found["cases"] if each["result"] == "skipped")
    count.notes += [f"skipped: conformance-{driver}: {number} cases: {reason}" for reason, number in reasons.items()]
    return count


def conformance_docker(folder, url):
    script_path = os.path.join(ROOT, "tests", "dockerd.sh")
    return conformance("docker", {"url": url}, {"image": "thole-test:1", "agent": os.path.join(ASAN, "agent", "thole-agent"),
                                                "restart": f"{script_path} restart {folder}/engine"})


def conformance_containerd(given):
    keys = dict(pair.split("=", 1) for pair in given["THOLE_TEST_KEYS"].split(";"))
    return conformance("containerd", {key: value for key, value in keys.items() if key not in ("state_dir", "runtime_dir")},
                       {"image": given["THOLE_TEST_IMAGE"], "agent": os.path.join(ASAN, "agent", "thole-agent")})


def conformance_local():
    if not shutil.which("bwrap") or not os.path.exists(os.path.join(ASAN, "plugins", "local.so")):
        count = Count()
        count.skipped, count.notes = 1, ["skipped: conformance-local: bwrap is not installed, or the local driver was not built"]
        return count
    group = f"thole-check-{os.getpid()}"
    try:
        return conformance("local", {"runner": os.path.join(ASAN, "agent", "sandbox", "thole-sandbox"), "cgroup_parent": f"/{group}"},
                           {"agent": os.path.join(ASAN, "agent", "thole-agent")})
    finally:
        for folder in [*glob.glob(f"/sys/fs/cgroup/*/{group}"), *glob.glob(f"/sys/fs/cgroup/{group}")]:
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def suite_driver(_):
    """The drivers alone, through their ABI, each on a real engine."""
    shutil.rmtree(os.path.join(LOGS, "conformance"), ignore_errors=True)
    count = conformance("null")
    count.add(conformance("memory"))
    count.add(docker_cases())
    count.add(containerd_cases())
    count.add(conformance_local())
    count.add(tap("conformance", ["/usr/bin/python3", os.path.join(ROOT, "tests", "collect-conformance.py"), "--check",
                                  os.path.join(LOGS, "conformance")]))
    return count


def suite_engines(_):
    return scripts("engines/*-test.py", ASAN, SANITIZERS, SECONDS["engines"], at_once=2)


def suite_chaos(options):
    """The daemon killed at numbered places; on a build of its own."""
    return scripts("chaos/*-test.py", GCC, {"THOLE_LONG": "1" if options["long"] else "0", "G_DEBUG": "fatal-criticals"},
                   SECONDS["chaos"] * (10 if options["long"] else 1))


def suite_sim(options):
    """Whole lives of a daemon and its engine, from seeds; five minutes of fresh ones in the short form, one with sanitizers."""
    run = [*ASIDE, "/usr/bin/python3", os.path.join(ROOT, "tests", "sim", "run")]
    if options["long"]:
        count = tap("sim", [*run, "--operations", "2000000"], {"THOLE_BUILD": GCC}, 4 * 3600)
        count.add(tap("sim-mutations", ["/usr/bin/python3", os.path.join(ROOT, "tests", "sim", "mutations")], None, 3600))
    else:
        count = tap("sim", [*run, "--seconds", "240"], {"THOLE_BUILD": GCC}, 900)
    # a daemon that was cut off leaves its memory behind
    sanitizers = dict(SANITIZERS, ASAN_OPTIONS=SANITIZERS["ASAN_OPTIONS"].replace("detect_leaks=1", "detect_leaks=0"))
    count.add(tap("sim-asan", [*run, "--once", "--fresh", "--steps", "1500", "--seconds", "600" if options["long"] else "60"],
                  {"THOLE_BUILD": ASAN, **sanitizers}, 1500))
    return count


def suite_fuzz(options):
    """Every parser that faces a peer."""
    seconds = 600 if options["long"] else 17
    return tap("fuzz", [*ASIDE, os.path.join(ROOT, "tests", "fuzz", "run"), str(seconds)], None, 10 * seconds + 900)


def suite_plain(_):
    """What a sanitizer would falsify: memory, instructions counted, and what is installed, under a real systemd and outside of the tree."""
    count = scripts("engines/*-memory.py", GCC, {"G_DEBUG": "fatal-criticals"})
    count.add(scripts("flow/*-memory.py", GCC, {"G_DEBUG": "fatal-criticals"}))
    for path in ("data/service-test.py", "data/install-test.py", "data/systemd-test.py", "sdk/template-test.py"):
        count.add(script(os.path.join(ROOT, path)))
    count.add(meson_tests(GCC, {"G_DEBUG": "fatal-criticals"}, "prefix", ["core/prefix"]))
    return count


def suite_web(_):
    """The web console in a headless Chromium."""
    return scripts("web/*-test.py", GCC, {"G_DEBUG": "fatal-criticals"}, 900)


def suite_bench(options):
    return scripts("../bench/smoke.py", GCC, {"THOLE_BENCH": "whole" if options["long"] else "smoke"}, 900)


def suite_quickstart(_):
    return scripts("quickstart-test.py", GCC, None, 900)


BUILT_CHECKS = {"check-exports.py", "check-openapi.py"}
SUITES = {name.removeprefix("suite_"): function for name, function in list(globals().items()) if name.startswith("suite_")}


def rounds(names, long):
    """The suites in their order, those that run together as one; the long form measures, too."""
    for together, group in itertools.groupby(names, lambda name: name in TOGETHER and not long):
        group = list(group)
        yield from [group] if together else [[name] for name in group]


def suite(name, options):
    """What it counted, and how long it took."""
    begin = time.monotonic()
    try:
        count = SUITES[name](options)
    except Exception as error:
        count = Count()
        count.fail(f"failed: {name}: {error!r}")
    return count, time.monotonic() - begin


def main():
    options = {"long": "--long" in sys.argv}
    if options["long"]:
        os.environ["THOLE_LONG"] = "1"
        SECONDS.update(flow=6 * 3600, engines=6 * 3600)
    chosen = [word for word in sys.argv[1:] if not word.startswith("-")] or list(SUITES)
    if "--list" in sys.argv:
        print("\n".join(SUITES))
        return 0
    for word in chosen:
        if word not in SUITES:
            print(f"no such suite: {word}; there are: {' '.join(SUITES)}", file=sys.stderr)
            return 2
    total = Count()
    for names in rounds(chosen, options["long"]):
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            for name, (count, seconds) in zip(names, pool.map(lambda name: suite(name, options), names)):
                print(f"{name:<11} {str(count):<40} {seconds:6.1f} s", flush=True)
                for note in count.notes:
                    print(f"    {note}", flush=True)
                total.add(count)
    # once more together, for a log of which only the end is kept
    for note in total.notes if len(chosen) > 1 else []:
        if note.startswith("failed: "):
            print(note)
    print(f"logs: {os.path.relpath(LOGS, ROOT)}")
    print(total)
    return 1 if total.failed else 0


sys.exit(main())
