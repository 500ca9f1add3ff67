#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs with streams by libthole-1: one daemon, each case over HTTP and over D-Bus."""
import hashlib
import random

from client_base import FACES, Faces, Gio, GLib, Thole, is_cancelled, options, read_all
from memory import case, main


def sessions(t, workload):
    return t.thole.listed(f"/v1/workloads/{workload.props.id}/sessions")


def gathered(stream, into):
    """Reads a stream to its end, as the main context runs; `None` is its end."""
    def more(source, result):
        piece = source.read_bytes_finish(result).get_data()
        into.append(piece or None)
        if piece:
            source.read_bytes_async(65536, 0, None, more)
    stream.read_bytes_async(65536, 0, None, more)
    return into


def error_of(call, *arguments):
    try:
        call(*arguments)
    except GLib.Error as error:
        return error
    raise AssertionError("it did not fail")


@case("a program has input, output and errors as streams, an exit code, and no session is left", each=FACES)
def _(t, face):
    workload = t.workload(face)
    for form in ("async", "blocking"):
        command = ["sh", "-c", 'echo "$WHO" >&2; pwd; cat; exit 7']
        wanted = options(env={"WHO": "me"}, working_dir="/tmp")
        if form == "async":
            program = t.done(workload.spawn_async, workload.spawn_finish, command, wanted)
        else:
            program = workload.spawn(command, wanted, None)
        program.get_output_stream().write_all(b"of its input", None)
        program.end_input()
        t.equal((read_all(program.get_input_stream()), read_all(program.props.error_stream)), (b"/tmp\nof its input", b"me\n"))
        if form == "async":
            t.true(t.done(program.wait_async, program.wait_finish), "its end")
        else:
            t.true(program.wait(None), "its end")
        t.equal((program.props.exit_code, program.props.exit_signal), (7, 0))
        t.turn(lambda: sessions(t, workload) == [], "that its session is gone")
    t.equal(workload.spawn(["sh", "-c", "kill -9 $$"], None, None).wait(None), True)


@case("4 MiB go through a program byte for byte both ways", each=FACES)
def _(t, face):
    workload = t.workload(face)
    data = random.Random(2).randbytes(4 << 20)
    program = workload.spawn(["cat"], None, None)
    output, sent = gathered(program.get_input_stream(), []), []
    program.get_output_stream().write_all_async(data, 0, None, lambda w, result: sent.append(w.write_all_finish(result)))
    t.turn(lambda: sent, "that all is written", 60)
    program.end_input()
    t.turn(lambda: output and output[-1] is None, "the end", 60)
    t.equal(hashlib.sha256(b"".join(output[:-1])).digest(), hashlib.sha256(data).digest(), "its output")
    t.true(program.wait(None), "its end")


@case("a cancel ends the program: while it runs, while its output waits for a reader, before it began", each=FACES)
def _(t, face):
    workload = t.workload(face)
    for command in (["sleep", "1000"], ["sh", "-c", "while :; do echo more and more; done"]):
        for form in ("async", "blocking"):
            cancel = Gio.Cancellable()
            program = workload.spawn(command, None, cancel)
            t.equal([s["state"] for s in sessions(t, workload)], ["running"])
            if command[0] == "sh":
                t.true(program.get_input_stream().read_bytes(5, None).get_data(), "some output")
                if face == "HTTP":
                    t.turn(lambda: sessions(t, workload)[0]["viewers"] == 0, "that its connection is let go of meanwhile")
            cancel.cancel()
            if form == "async":
                error = error_of(t.done, program.wait_async, program.wait_finish)
            else:
                error = error_of(program.wait, None)
            t.true(is_cancelled(error), f"{error}")
            t.turn(lambda: sessions(t, workload) == [], "that its session is gone")
            read_all(program.get_input_stream())
    cancel = Gio.Cancellable()
    cancel.cancel()
    t.true(is_cancelled(error_of(workload.spawn, ["sleep", "1000"], None, cancel)), "its refusal")
    # on its way: whether it has begun or not, nothing is left of it
    cancel, results = Gio.Cancellable(), []
    workload.spawn_async(["sleep", "1000"], None, cancel, lambda w, result: results.append(result))
    cancel.cancel()
    t.turn(lambda: results, "its end")
    t.true(is_cancelled(error_of(workload.spawn_finish, results[0])), "its refusal")
    t.turn(lambda: sessions(t, workload) == [], "that nothing is left")


@case("a cancel while the daemon is away ends the program when it is back", each=FACES)
def _(t, face):
    workload, cancel = t.workload(face), Gio.Cancellable()
    program = workload.spawn(["sleep", "1000"], None, cancel)
    t.turn(lambda: program.props.connected, "the connection")
    t.thole.kill()
    t.turn(lambda: not program.props.connected, "that the daemon is away")
    cancel.cancel()
    t.thole.start()
    t.till_ready()
    t.true(is_cancelled(error_of(t.done, program.wait_async, program.wait_finish)), "its end")
    t.turn(lambda: sessions(t, workload) == [], "that its session is gone")


FLOOD = 3 << 20


def flood(t, workload, face, after, cancel=None, **wanted):
    """A program with more output than is held, of which only the first bytes were read."""
    command = ["sh", "-c", f"head -c {FLOOD} /dev/zero; echo; {after}"]
    program = workload.spawn(command, options(**wanted) if wanted else None, cancel)
    t.equal(program.get_input_stream().read_bytes(1, None).get_data(), bytes(1))
    if face == "HTTP":
        t.turn(lambda: sessions(t, workload)[0]["viewers"] == 0, "that its connection is let go of meanwhile")
    return program


@case("who is attached and does not read for longer than stop_after is not taken for gone, and loses nothing")
def _(t):
    workload = t.workload("HTTP")
    program = flood(t, workload, "HTTP", "echo whole", stop_after=9)
    id = sessions(t, workload)[0]["id"]
    # one each three seconds
    for _ in range(4):
        before = sessions(t, workload)[0]["revision"]
        t.turn(lambda: sessions(t, workload)[0]["revision"] > before + 1, "that it is looked after", 30)
        t.true(program.props.connected, "its state")
    t.equal([(s["id"], s["state"]) for s in sessions(t, workload)], [(id, "running")])
    output = bytes(1) + read_all(program.get_input_stream())
    t.equal((len(output), output[FLOOD:]), (FLOOD + 7, b"\nwhole\n"))
    t.true(program.wait(None), "its end")
    t.equal(program.props.exit_code, 0)


@case("a signal comes to a program whose output nobody reads", each=FACES)
def _(t, face):
    workload = t.workload(face)
    program = flood(t, workload, face, "sleep 1000")
    program.send_signal("SIGKILL")
    t.turn(lambda: sessions(t, workload)[0]["state"] == "ended", "its end")
    read_all(program.get_input_stream())
    t.true(program.wait(None), "its end")
    t.equal(program.props.exit_signal, 9)
    t.turn(lambda: sessions(t, workload) == [], "that its session is gone")


@case("a cancel comes through behind more signals than are kept while nobody reads", each=FACES)
def _(t, face):
    workload, cancel = t.workload(face), Gio.Cancellable()
    program = flood(t, workload, face, "sleep 1000", cancel)
    for _ in range(20):
        program.send_signal("SIGCONT")
    cancel.cancel()
    t.true(is_cancelled(error_of(t.done, program.wait_async, program.wait_finish)), "its end")
    t.turn(lambda: sessions(t, workload) == [], "that its session is gone")


@case("refused alike over both faces: wrong options, a workload that is gone, no right", each=FACES)
def _(t, face):
    workload = t.workload(face)
    seen = []
    for command, given in ((["sleep"], options(stop_after="x")), (["sleep"], options(color="red")), (["sleep"], GLib.Variant("s", "x"))):
        for form in ("async", "blocking"):
            if form == "async":
                error = error_of(t.done, workload.spawn_async, workload.spawn_finish, command, given)
            else:
                error = error_of(workload.spawn, command, given, None)
            t.true(error.matches(Thole.ClientError.quark(), error.code), error.message)
            seen.append((error.code, error.message))
    t.kept = getattr(t, "kept", seen)
    t.equal(seen, t.kept)
    t.refused(Thole.ClientError.FORBIDDEN, t.stranger(face).get_workload(workload.props.id, None).spawn, ["id"], None, None)
    workload.delete(options(force=True, wait="deleted"), None)
    t.refused(Thole.ClientError.NOT_FOUND, workload.spawn, ["id"], None, None)


main(Faces)
