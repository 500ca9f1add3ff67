#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tour of libthole: tour.py IMAGE. The daemon is that of THOLE_URL, or the local one."""
import json
import sys

import gi

gi.require_version("Thole", "1")
from gi.repository import GLib, Thole  # noqa: E402


def options(**fields):
    return Thole.variant_from_json(json.dumps(fields))


def on_state(workload, _):
    print("now it is", workload.props.state)
    if workload.props.state == "stopped":
        loop.quit()


loop = GLib.MainLoop()
client = Thole.Client.new_for_url(None, None)

# a list
for workload in client.list_workloads(options(state="running,stopped"), None):
    print("there is", workload.props.name, workload.props.state)

# one more, and what becomes of it: its properties follow the daemon as long as the list lives
workloads = client.follow_workloads()
spec = {"image": sys.argv[1], "command": ["forever"]}
workload = client.create_workload(options(name="tour", spec=spec, wait="running"), None)
print("made", workload.props.id, workload.props.state)
workload.connect("notify::state", on_state)
workloads.connect("notify::current", lambda *_: workload.stop_async(None, None, lambda w, result: w.stop_finish(result)))
loop.run()
print("the list has", len(workloads), "of them")
workload.start(options(wait="running"), None)

# a terminal
session = workload.create_session(options(command=["sh", "-c", "read name; echo hello $name; exit 3"], tty=True), None)
terminal = session.attach(None, None)
terminal.get_output_stream().write_all(b"world\n", None)
output = b""
while piece := terminal.get_input_stream().read_bytes(4096, None).get_data():
    output += piece
terminal.wait(None)
print("it said", b"hello world" in output, "and ended with", terminal.props.exit_code)

# what happened, from a number on
events = client.open_events(Thole.EVENTS_OLDEST, options(subject=workload.props.id))
while (event := events.next(None)).props.data["state"] != "stopping":
    print("event", event.props.seq, event.props.kind, event.props.data["state"])
workload.delete(options(force=True, wait="deleted"), None)
try:
    workload.refresh(None)
except GLib.Error as error:
    print("gone:", error.matches(Thole.ClientError.quark(), Thole.ClientError.NOT_FOUND), error.message)
