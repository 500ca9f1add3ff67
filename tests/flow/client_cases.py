# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cases of libthole-1 as scripts use it, by introspection, against a real daemon; and the tours of client/examples in C, Python,
JavaScript. The same ones run over HTTP (client-test.py) and over D-Bus (client-bus-test.py)."""
import hashlib
import os
import random
import shutil
import subprocess
import time

from client_base import BUILD, EXAMPLES, PLAIN, Gio, GLib, Thole, options, read_all
from memory import FOREVER, IMAGE, Skip, case, parallel, patient, script


# the tours --------------------------------------------------------------------------------------------------

def tour(t, build, *command):
    environment = {**os.environ, "THOLE_URL": t.url(), "GI_TYPELIB_PATH": os.path.join(build, "client"),
                   "LD_LIBRARY_PATH": os.path.join(build, "client") + ":" + os.path.join(build, "sdk"), "G_DEBUG": "fatal-criticals"}
    result = subprocess.run([*command, IMAGE], capture_output=True, text=True, timeout=60 * patient(), check=False, env=environment)
    t.equal((result.returncode, result.stderr), (0, ""), "its end")
    lines = result.stdout.splitlines()
    for wanted in ("made wl-", "now it is stopping", "now it is stopped", "the list has", "hello" if "it said hello" in lines else "it said",
                   " and ended with 3", " workload.created provisioning", " workload.state running", "gone: true no workload"):
        t.true(any(wanted.lower() in line.lower() for line in lines), f"{wanted!r} in {lines}")
    numbers = [int(line.split()[1]) for line in lines if line.startswith("event ")]
    t.true(len(numbers) >= 3 and numbers == sorted(set(numbers)), f"its events: {numbers}")


@case("the tour in C", proves="row:116")
def _(t):
    tour(t, BUILD, os.path.join(BUILD, "client", "tour"))


@case("the tour in Python has at most 60 lines and runs", proves="row:116")
def _(t):
    path = os.path.join(EXAMPLES, "tour.py")
    with open(path, encoding="utf-8") as file:
        t.true(len(file.readlines()) <= 60, "its length")
    tour(t, PLAIN, "/usr/bin/python3", path)


@case("the tour in JavaScript has at most 60 lines and runs", proves="row:116")
def _(t):
    path = os.path.join(EXAMPLES, "tour.js")
    with open(path, encoding="utf-8") as file:
        t.true(len(file.readlines()) <= 60, "its length")
    if not shutil.which("gjs"):
        raise Skip("gjs is not installed")
    tour(t, PLAIN, "gjs", path)


# calls ------------------------------------------------------------------------------------------------------

@case("each verb, the form that blocks and the one that does not")
def _(t):
    workload = t.made(name="verbs")
    t.equal((workload.props.name, workload.props.state, workload.props.exit_code), ("verbs", "running", -1))
    for verb, state in (("stop", "stopped"), ("start", "running"), ("pause", "paused"), ("unpause", "running"),
                        ("restart", "running"), ("suspend", "suspended"), ("unsuspend", "stopped")):
        getattr(workload, verb)(options(wait=state), None)
        t.equal(workload.props.state, state, verb)
    for verb, state in (("start", "running"), ("pause", "paused"), ("unpause", "running"), ("stop", "stopped"),
                        ("suspend", "suspended"), ("unsuspend", "stopped"), ("start", "running"), ("restart", "running")):
        t.done(getattr(workload, verb + "_async"), getattr(workload, verb + "_finish"), options(wait=state))
        t.equal(workload.props.state, state, verb + "_async")
    workload.update(options(labels={"a": "b"}, name="other"), None)
    t.equal((workload.props.name, workload.props.labels.unpack()), ("other", {"a": "b"}))
    workload.kill(options(wait="crashed,stopped"), None)
    t.equal((workload.props.exit_code, workload.props.exit_signal), (137, "SIGKILL"))
    t.true(workload.props.started_at.to_unix() <= workload.props.stopped_at.to_unix(), "its times")
    t.equal(workload.get_field("spec")["command"], FOREVER)
    t.true(t.client.get_workload(workload.props.id, None) is workload, "the same object")
    t.true(t.client.list_workloads(None, None)[0] is workload, "the same object, listed")
    workload.delete(options(force=True, wait="deleted"), None)
    t.true(workload.props.gone, "that it is gone")


@case("a command's result: exit code, signal, both outputs, bytes that are not text")
def _(t):
    workload = t.made()
    result = workload.exec(script("print out", "error err", "exit 4"), None, None)
    t.equal((result.props.exit_code, result.props.output.get_data(), result.props.error_output.get_data(), result.props.truncated),
            (4, b"out\n", b"err\n", False))
    result = t.done(workload.exec_async, workload.exec_finish, ["cat"], Thole.variant_from_json('{"stdin_base64":"AP8B"}'))
    t.equal(result.props.output.get_data(), b"\x00\xff\x01")
    t.equal(workload.exec(["signal", "SIGKILL"], None, None).props.exit_signal, "SIGKILL")


@case("logs, whole and followed")
def _(t):
    workload = t.made(script("print one 3", "forever"))
    stream = workload.open_logs(None, None)
    t.equal(read_all(stream), b"one\none\none\n")
    stream = t.done(workload.open_logs_async, workload.open_logs_finish, options(follow=True, tail=1))
    t.equal(stream.read_bytes(100, None).get_data(), b"one\n")
    workload.stop(options(wait="stopped"), None)
    t.equal(read_all(stream), b"")
    t.refused(Thole.ClientError.INVALID, workload.open_logs, options(tail="x"), None)


@case("any operation by its name; lists are read to their end")
def _(t):
    for number in range(5):
        t.made(name=f"w{number}", start=False, wait="stopped")
    t.equal([item["name"] for item in t.client.call("workload.list", None, None, None)], [f"w{number}" for number in range(5)])
    page = t.client.call("workload.list", None, options(limit=2), None)
    t.equal((len(page["items"]), page["next_cursor"] is not None), (2, True))
    t.equal([w.props.name for w in t.client.list_workloads(options(limit=2), None)], ["w0", "w1"])
    t.equal(t.client.call("backend.get", "memory", None, None)["driver"], "memory")
    reply = t.done(t.client.call_async, t.client.call_finish, "image.pull", None, options(image="other"))
    t.equal(reply["type"], "image.pull")
    t.holds(t.refused(Thole.ClientError.UNSUPPORTED, t.client.call, "image.eat", None, None, None), "image.eat")
    t.holds(t.refused(Thole.ClientError.INVALID, t.client.call, "workload.get", None, None, None), "needs an object")
    t.holds(t.refused(Thole.ClientError.INVALID, t.client.call, "workload.list", None, GLib.Variant("s", "x"), None), "a{sv}")


@case("errors: the daemon's code and text, every wrong field; nobody there; a wrong URL")
def _(t):
    t.holds(t.refused(Thole.ClientError.NOT_FOUND, t.client.get_workload, "none", None), "no workload none")
    text = t.refused(Thole.ClientError.INVALID, t.client.create_workload, options(name="A B", spec={"image": IMAGE, "xx": 1}), None)
    t.true("/name" in text and "/spec/xx" in text, text)
    workload = t.made()
    workload.stop(options(wait="stopped"), None)
    t.holds(t.refused(Thole.ClientError.ILLEGAL_TRANSITION, workload.pause, None, None), "stopped")
    t.refused(Thole.ClientError.TIMEOUT, workload.start, options(wait="paused", timeout=0.1), None)
    t.refused(Thole.ClientError.MALFORMED, Thole.variant_from_json, "{")
    for url in ("", "ftp://x", "unix:", "http://"):
        t.holds(t.refused(Thole.ClientError.INVALID, Thole.Client.new_for_url, url, None), url)
    nobody = Thole.Client.new_for_url("unix:/nowhere/thole.sock", None)
    t.holds(t.refused(Thole.ClientError.UNREACHABLE, nobody.list_workloads, None, None), "/nowhere/thole.sock")


@case("a call that is cancelled ends at once")
def _(t):
    workload, cancel, results = t.made(), Gio.Cancellable(), []
    workload.start_async(options(wait="paused", timeout=60), cancel, lambda w, result: results.append(result))
    events = t.client.open_events(Thole.EVENTS_NEW, None)
    events.next_async(cancel, lambda e, result: results.append(result))
    session = workload.create_session(options(command=["cat"], tty=False), None)
    attachment = session.attach(None, None)
    attachment.wait_async(cancel, lambda a, result: results.append(result))
    GLib.timeout_add(50, lambda: cancel.cancel())
    t.turn(lambda: len(results) == 3, "their ends")
    for finish, source in ((workload.start_finish, Thole.Workload), (events.next_finish, Thole.EventStream),
                           (attachment.wait_finish, Thole.Attachment)):
        result = [r for r in results if isinstance(r.get_source_object(), source)][0]
        try:
            finish(result)
            raise AssertionError("it was not cancelled")
        except GLib.Error as error:
            t.true(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED), error.message)


# following --------------------------------------------------------------------------------------------------

def forget(t):
    """So much happens that what was before is no longer kept."""
    begin = t.thole.events(None)[-1]["seq"]
    end = time.monotonic() + 60 * patient()
    while t.thole.get(f"/v1/events?after={begin}").status != 410:
        t.true(time.monotonic() < end, "that earlier events are forgotten")
        parallel(8, lambda _: t.thole.remove(t.run(["exit"], wait=None)))


def as_listed(t, model):
    t.turn(lambda: model.props.current, "that it is current")
    wanted = {w["id"]: (w["state"], w["name"], w["revision"]) for w in t.thole.listed("/v1/workloads")}
    t.turn(lambda: {w.props.id: (w.props.state, w.props.name, w.props.revision) for w in model} == wanted,
           "what the daemon has: " + str(wanted))
    t.equal([w.props.id for w in model], sorted(wanted))


@case("a list follows what others make, change and delete")
def _(t):
    model, changes = t.client.follow_workloads(), []
    model.connect("items-changed", lambda _, *change: changes.append(change))
    t.equal(model.get_item_type(), Thole.Workload.__gtype__)
    as_listed(t, model)
    first = t.run(FOREVER, name="first")
    as_listed(t, model)
    item, states = model[0], []
    item.connect("notify::state", lambda w, _: states.append(w.props.state))
    t.equal(item, model.find(first["id"]))
    t.verb(first, "stop", wait="stopped")
    t.thole.patch(f"/v1/workloads/{first['id']}", {"name": "renamed"}).expect(200)
    others = [t.run(FOREVER) for _ in range(10)]
    as_listed(t, model)
    t.equal((states, item.props.name), (["stopping", "stopped"], "renamed"))
    for workload in [first, *others[::2]]:
        t.thole.remove(workload)
    as_listed(t, model)
    t.true(item.props.gone and model.find(first["id"]) is None, "that it is gone")
    length = 0
    for _, removed, added in changes:
        length += added - removed
    t.equal(length, len(model), "items by changes")


@case("a list comes back after the daemon was killed, and after its events were forgotten")
def _(t):
    workloads = [t.run(FOREVER, name=f"w{number}") for number in range(3)]
    model = t.client.follow_workloads()
    as_listed(t, model)
    currents = []
    model.connect("notify::current", lambda m, _: currents.append(m.props.current))
    t.thole.kill()
    t.turn(lambda: currents == [False], "that the daemon is away")
    t.thole.start()
    t.till_ready()
    t.thole.remove(workloads[0])
    as_listed(t, model)
    t.equal(currents, [False, True])
    # nobody looks while more happens than is kept
    cursor = t.thole.events(None)[-1]["seq"]
    forget(t)
    t.thole.remove(workloads[2])
    t.refused(Thole.ClientError.GONE, t.client.open_events(cursor, None).next, None)
    t.true(t.client.open_events(Thole.EVENTS_OLDEST, None).next(None).props.seq > cursor, "the oldest")
    as_listed(t, model)


@case("events from a number on, each once, over a restart")
def _(t):
    first = t.made(name="one")
    begin = t.thole.events(None)[-1]["seq"]
    events = t.client.open_events(begin, options(type="workload.*"))
    for _ in range(3):
        first.stop(options(wait="stopped"), None)
        first.start(options(wait="running"), None)
    seen = [events.next(None) for _ in range(5)]
    t.again()
    seen.append(events.next(None))
    first.stop(options(wait="stopped"), None)
    while (seen[-1].props.data["state"], seen[-1].props.seq) != ("stopped", events.props.cursor) or len(seen) < 14:
        seen.append(t.done(events.next_async, events.next_finish))
    stored = [e for e in t.thole.events(begin) if e["type"].startswith("workload.")]
    t.equal([e.props.seq for e in seen], [e["seq"] for e in stored][:len(seen)])
    t.equal([(e.props.kind, e.props.subject, e.props.actor) for e in seen],
            [(e["type"], e["subject"], e["actor"]) for e in stored][:len(seen)])


# sessions ---------------------------------------------------------------------------------------------------

@case("attached over pipes: any bytes both ways, errors apart, the end of input, the exit code")
def _(t):
    data = random.Random(1).randbytes(1 << 20)
    workload = t.made()
    session = workload.create_session(options(command=["sh", "-c", "tee /dev/stderr; exit 5"], tty=False), None)
    attachment = session.attach(None, None)
    errors = []
    attachment.get_error_stream().read_bytes_async(1, 0, None, lambda s, result: errors.append(s.read_bytes_finish(result).get_data()))
    writer = attachment.get_output_stream()
    got, sent = [], []

    def more(stream, result):
        piece = stream.read_bytes_finish(result).get_data()
        got.append(piece)
        if piece:
            stream.read_bytes_async(65536, 0, None, more)

    def drain(stream, result):
        piece = stream.read_bytes_finish(result).get_data()
        errors.append(piece)
        if piece:
            stream.read_bytes_async(65536, 0, None, drain)
    t.turn(lambda: writer.write_all(b"", None) is not None, "the writer")
    writer.write_all_async(data, 0, None, lambda w, result: sent.append(w.write_all_finish(result)))
    attachment.get_input_stream().read_bytes_async(65536, 0, None, more)
    t.turn(lambda: errors, "an error")
    attachment.get_error_stream().read_bytes_async(65536, 0, None, drain)
    t.turn(lambda: sent, "that all is written", 60)
    attachment.end_input()
    t.turn(lambda: got and not got[-1] and not errors[-1], "the end", 60)
    t.equal(hashlib.sha256(b"".join(got)).digest(), hashlib.sha256(data).digest(), "its output")
    t.equal(hashlib.sha256(b"".join(errors)).digest(), hashlib.sha256(data).digest(), "its errors")
    attachment.wait(None)
    t.equal((attachment.props.exit_code, attachment.props.exit_signal), (5, 0))


@case("attached over a daemon that is killed: output goes on at the byte, input is neither lost nor repeated")
def _(t):
    workload = t.made()
    count = "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo $i; sleep 0.002; done"
    output = workload.create_session(options(command=["sh", "-c", count], tty=False), None).attach(None, None)
    echo = workload.create_session(options(command=["cat"], tty=False), None).attach(None, None)
    seen = output.get_input_stream().read_bytes(100, None).get_data()
    echo.get_output_stream().write_all(b"before ", None)
    states = []
    output.connect("notify::connected", lambda a, _: states.append(a.props.connected))
    t.turn(lambda: states == [True], "that it is connected")
    t.thole.kill()
    t.turn(lambda: states[-1] is False, "that the daemon is away")
    echo.get_output_stream().write_all(b"meanwhile ", None)
    t.thole.start()
    t.till_ready()
    t.turn(lambda: states[-1], "that the daemon is back")
    echo.get_output_stream().write_all(b"after", None)
    echo.end_input()
    t.equal(read_all(echo.get_input_stream()), b"before meanwhile after")
    seen += read_all(output.get_input_stream())
    t.equal(seen.split(), [str(i).encode() for i in range(1, 501)])
    output.wait(None)
    t.equal(output.props.exit_code, 0)


@case("a reader that stops costs the library little, and misses nothing of a program that waits for it")
def _(t):
    workload = t.made()
    flood = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo line number $i of this flood of many lines; done"
    session = workload.create_session(options(command=["sh", "-c", flood], tty=False, flow="lossless", scrollback=65536), None)
    with open("/proc/self/statm", encoding="ascii") as file:
        before = int(file.read().split()[1]) * 4096
    attachment = session.attach(None, None)
    first = attachment.get_input_stream().read_bytes(10, None).get_data()
    position = -1
    while attachment.props.position != position:
        position = attachment.props.position
        time.sleep(0.3 * patient())
    with open("/proc/self/statm", encoding="ascii") as file:
        grown = int(file.read().split()[1]) * 4096 - before
    t.true(grown < 16 << 20, f"it grew by {grown} bytes")
    lines = (first + read_all(attachment.get_input_stream())).decode().splitlines()
    t.equal((len(lines), lines[0], lines[-1]),
            (100000, "line number 1 of this flood of many lines", "line number 100000 of this flood of many lines"))


@case("what the program does not take is held to a bound, and all of it arrives when it does")
def _(t):
    workload = t.made()
    command = ["sh", "-c", "trap 'exec wc -c' USR1; echo up; while :; do sleep 0.05; done"]
    session = workload.create_session(options(command=command, tty=False), None)
    attachment = session.attach(None, None)
    t.equal(attachment.get_input_stream().read_bytes(3, None).get_data(), b"up\n")
    writer, taken, quiet = attachment.get_output_stream(), 0, 0
    # until nothing was taken for a while, or far more than may be
    while quiet < 10 and taken < 8 << 20:
        try:
            taken += writer.write_nonblocking(b"x" * 65536, None)
            quiet = 0
        except GLib.Error as error:
            t.true(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.WOULD_BLOCK), str(error))
            quiet += 1
            time.sleep(0.05)
    t.true(taken <= 2 << 20, f"{taken} bytes were taken for a program that reads nothing")
    session.signal(options(signal="SIGUSR1"), None)
    attachment.end_input()
    t.equal(int(read_all(attachment.get_input_stream())), taken)


@case("two at one terminal: one types, the other takes over; the size follows; a signal ends it")
def _(t):
    workload = t.made()
    session = workload.create_session(options(command=["sh"], env={"PS1": "ready:"}, rows=24, cols=80), None)
    first = session.attach(None, None)
    controls = []
    first.connect("notify::control", lambda a, _: controls.append(a.props.control))
    t.turn(lambda: controls, "the first's control")
    second = session.attach(None, None)
    second.take_control()
    t.until(lambda: second.props.control, 20, "the second's control")
    if t.TELLS_CONTROL:
        t.turn(lambda: controls[-1] is False, "that the first knows")
    second.resize(40, 120)
    t.until(lambda: (session.refresh(None), session.props.rows, session.props.cols)[1:] == (40, 120), 20, "the size")
    second.get_output_stream().write_all(b"exec sleep 100\n", None)
    t.until(lambda: b"exec sleep" in second.get_input_stream().read_bytes(4096, None).get_data(), 20, "its echo")
    first.close(None)
    t.until(lambda: (session.refresh(None), session.props.viewers)[1] == 1, 20, "that one left")
    session.signal(options(signal="SIGKILL"), None)
    t.done(second.wait_async, second.wait_finish)
    t.equal((second.props.exit_code, second.props.exit_signal), (-1, 9))


@case("a session that is deleted, a daemon that does not come back: the attachment says why")
def _(t):
    workload = t.made()
    session = workload.create_session(options(command=["cat"], tty=False, name="one"), None)
    t.equal([s.props.name for s in workload.list_sessions(None, None)], ["one"])
    model = t.client.follow_sessions()
    t.turn(lambda: model.props.current and len(model) == 1, "the list of sessions")
    attachment = session.attach(None, None)
    session.delete(None, None)
    t.equal(read_all(attachment.get_input_stream()), b"")
    attachment.wait(None)
    t.true(attachment.props.exit_signal > 0, "that a signal ended it")
    t.true(session.props.gone, "that it is gone")
    t.turn(lambda: len(model) == 0, "an empty list")
    t.refused(Thole.ClientError.NOT_FOUND, session.attach, None, None)
    other = workload.create_session(options(command=["cat"], tty=False), None)
    attachment = other.attach(options(patience=0.2), None)
    t.thole.kill()
    t.refused(Thole.ClientError.UNREACHABLE, attachment.wait, None)
    t.thole.start()
    t.till_ready()
