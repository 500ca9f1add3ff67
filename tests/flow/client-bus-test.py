#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""libthole-1 over D-Bus, on a bus of its own: the same cases as over HTTP."""
import client_cases
from client_base import OnBus, Thole, options
from memory import case, main


@case("what is not there over D-Bus, a bus that is not there, an address that is none")
def _(t):
    t.holds(t.refused(Thole.ClientError.UNSUPPORTED, t.client.call, "auth.login", None, options(email="x", password="y"), None), "D-Bus")
    t.refused(Thole.ClientError.UNREACHABLE, Thole.Client.new_for_url("dbus:unix:path=/nowhere/bus", None).list_workloads, None, None)
    for url in ("dbus:", "dbus:nowhere", "dbus:unix"):
        t.holds(t.refused(Thole.ClientError.INVALID, Thole.Client.new_for_url, url, None), url)
    t.refused(Thole.ClientError.NOT_FOUND, t.client.get_workload, "a/../b", None)


@case("a list and events go on after the bus was away, without loss", proves="row:116")
def _(t):
    first = t.made(name="one")
    begin = t.thole.events(None)[-1]["seq"]
    model = t.client.follow_workloads()
    client_cases.as_listed(t, model)
    currents = []
    model.connect("notify::current", lambda m, _: currents.append(m.props.current))
    events = t.client.open_events(begin, options(type="workload.*"))
    first.stop(options(wait="stopped"), None)
    seen = [events.next(None)]
    t.bus.stop()
    t.turn(lambda: currents == [False], "that the daemon cannot be reached")
    for number in range(5):
        t.thole.create({"image": "demo"}, name=f"away-{number}")
    t.bus.start()
    client_cases.as_listed(t, model)
    t.equal(currents, [False, True])
    first.start(options(wait="running"), None)
    stored = [event["seq"] for event in t.thole.events(begin) if event["type"].startswith("workload.")]
    while seen[-1].props.seq < stored[-1]:
        seen.append(events.next(None))
    t.equal([event.props.seq for event in seen], stored)


@case("a stream of new events whose connection breaks before the first of them loses none", proves="row:116")
def _(t):
    first = t.made(name="new-ones")
    begin = t.thole.events(None)[-1]["seq"]
    events = t.client.open_events(Thole.EVENTS_NEW, None)
    t.equal(events.props.cursor, Thole.EVENTS_NEW)
    results = []
    events.next_async(None, lambda e, result: results.append(e.next_finish(result)))
    t.turn(lambda: events.props.connected, "the connection")
    t.equal(events.props.cursor, begin)
    t.bus.stop()
    t.thole.patch(f"/v1/workloads/{first.props.id}", {"labels": {"n": "1"}}).expect(200)
    t.bus.start()
    t.turn(lambda: results, "the event")
    t.equal(results[0].props.seq, begin + 1)


main(OnBus)
