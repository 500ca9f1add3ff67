#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libthole-1 over HTTP."""
import os
import socket
import threading

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


class Between:
    """A socket before the daemon's, whose connections can be broken; `passed` is what came back through it."""

    def __init__(self, path, goal):
        self.path, self.goal, self.passed, self.links = path, goal, b"", []
        self.open()

    def open(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def serve(self, listener):
        while True:
            try:
                link = listener.accept()[0]
            except OSError:
                return
            other = socket.socket(socket.AF_UNIX)
            other.connect(self.goal)
            self.links += [link, other]
            threading.Thread(target=self.pump, args=(link, other, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(other, link, True), daemon=True).start()

    def pump(self, source, goal, back):
        try:
            while data := source.recv(65536):
                goal.sendall(data)
                self.passed += data if back else b""
        except OSError:
            pass

    def cut(self):
        """Nobody comes through any more; what has passed is still read."""
        os.remove(self.path)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for link in self.links:
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@case("a stream of new events whose connection breaks before the first of them loses none", proves="row:116")
def _(t):
    first = t.made(name="new-ones")
    begin = t.thole.events(None)[-1]["seq"]
    between = Between(os.path.join(t.thole.directory, "between.sock"), t.thole.path)
    events = Thole.Client.new_for_url("unix:" + between.path, None).open_events(Thole.EVENTS_NEW, None)
    results = []
    events.next_async(None, lambda e, result: results.append(e.next_finish(result)))
    t.turn(lambda: f"id: {begin}\n\n".encode() in between.passed, "the begin")
    between.cut()
    t.thole.patch(f"/v1/workloads/{first.props.id}", {"labels": {"n": "1"}}).expect(200)
    t.turn(lambda: events.props.cursor == begin, "the begin at the client")
    between.open()
    t.turn(lambda: results, "the event")
    t.equal(results[0].props.seq, begin + 1)
    between.cut()


main(Clients)
