#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files and programs of a workload: files.py IMAGE. The daemon is that of THOLE_URL, or the local one."""
import json
import sys

import gi

gi.require_version("Thole", "1")
from gi.repository import Gio, GLib, Thole  # noqa: E402


def options(**fields):
    return Thole.variant_from_json(json.dumps(fields))


def pieces(stream):
    while piece := stream.read_bytes(65536, None).get_data():
        yield piece


client = Thole.Client.new_for_url(None, None)
request = {"spec": {"image": sys.argv[1], "command": ["forever"]}, "wait": "running"}
workload = client.create_workload(options(**request), None)

# bytes go in, a file as they are needed
workload.make_folder("/data", None, None)
made = workload.write_file_bytes("/data/greeting", GLib.Bytes.new(b"hello\n"), options(mode=0o600), None)
print("wrote", made.props.name, made.props.size)
with open(__file__, "rb") as file:
    size = len(file.read())
content = Gio.File.new_for_path(__file__).read(None)
workload.write_file("/data/myself", content, None, None)

# and out
print("read", b"".join(pieces(workload.read_file("/data/greeting", None, None))).decode().strip())
files = {file.props.name: file for file in workload.list_files("/data", None, None)}
print("listed", ", ".join(sorted(files)), files["myself"].props.size == size)
try:
    workload.read_file("/data/none", None, None)
except GLib.Error as error:
    print("not there:", error.matches(Thole.ClientError.quark(), Thole.ClientError.NOT_FOUND))

# a folder from here to there, nothing of it held
workload.make_folder("/copy", None, None)
workload.extract_files("/copy", workload.archive_files("/data", None, None), None, None)
print("copied", len(workload.list_files("/copy/data", None, None)))

# a program with streams
program = workload.spawn(["sh", "-c", "tr a-z A-Z; echo done >&2; exit 3"], None, None)
program.get_output_stream().write_all(b"shout\n", None)
program.end_input()
print("it said", b"".join(pieces(program.get_input_stream())).decode().strip(),
      b"".join(pieces(program.props.error_stream)).decode().strip())
program.wait(None)
print("and ended with", program.props.exit_code)
workload.delete(options(force=True, wait="deleted"), None)
