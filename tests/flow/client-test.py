#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libthole-1 over HTTP."""
import client_cases  # noqa: F401
from client_base import Clients, Thole, options, read_all
from memory import FOREVER, IMAGE, case, main


@case("over TCP with a token, and without a good one")
def _(t):
    url = f"http://127.0.0.1:{t.thole.tcp_port}/"
    client = Thole.Client.new_for_url(url, t.thole.bootstrap_token)
    workload = client.create_workload(options(name="tcp", spec={"image": IMAGE, "command": FOREVER}, wait="running"), None)
    session = workload.create_session(options(command=["echo", "hi"], tty=False), None)
    attachment = session.attach(None, None)
    t.equal(read_all(attachment.get_input_stream()), b"hi\n")
    t.refused(Thole.ClientError.UNAUTHENTICATED, Thole.Client.new_for_url(url, "wrong").list_workloads, None, None)
    stranger = Thole.Client.new_for_url(url, "wrong").follow_workloads()
    t.turn(lambda: stranger.props.error is not None, "the list's error")
    t.true(not stranger.props.current and len(stranger) == 0, "an empty list")


main(Clients)
