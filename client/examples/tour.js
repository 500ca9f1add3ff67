#!/usr/bin/gjs
// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
// A tour of libthole: tour.js IMAGE. The daemon is that of THOLE_URL, or the local one.
imports.gi.versions.Thole = '1';
const { Gio, GLib, Thole } = imports.gi;
const { byteArray } = imports;

for (const [type, ...names] of [
    [Thole.Client, 'list_workloads', 'create_workload'], [Thole.EventStream, 'next'], [Thole.Attachment, 'wait'],
    [Thole.Workload, 'start', 'stop', 'delete', 'refresh', 'create_session'], [Thole.Session, 'attach'],
    [Gio.InputStream, 'read_bytes'], [Gio.OutputStream, 'write_all']])
    names.forEach(name => Gio._promisify(type.prototype, `${name}_async`, `${name}_finish`));

const options = fields => Thole.variant_from_json(JSON.stringify(fields));
const loop = new GLib.MainLoop(null, false);

async function tour(image) {
    const client = Thole.Client.new_for_url(null, null);
    // a list
    for (const workload of await client.list_workloads_async(options({ state: 'running,stopped' }), null))
        print('there is', workload.name, workload.state);
    // one more, and what becomes of it: its properties follow the daemon as long as the list lives
    const workloads = client.follow_workloads();
    const spec = { image, command: ['forever'] };
    const workload = await client.create_workload_async(options({ name: 'tour', spec, wait: 'running' }), null);
    print('made', workload.id, workload.state);
    await new Promise(done => workloads.current ? done() : workloads.connect('notify::current', done));
    const stopped = new Promise(done => workload.connect('notify::state', () => {
        print('now it is', workload.state);
        if (workload.state === 'stopped')
            done();
    }));
    await workload.stop_async(null, null);
    await stopped;
    print('the list has', workloads.get_n_items(), 'of them');
    await workload.start_async(options({ wait: 'running' }), null);
    // a terminal
    const command = ['sh', '-c', 'read name; echo hello $name; exit 3'];
    const session = await workload.create_session_async(options({ command, tty: true }), null);
    const terminal = await session.attach_async(null, null);
    await terminal.get_output_stream().write_all_async('world\n', GLib.PRIORITY_DEFAULT, null);
    let output = '', piece;
    while ((piece = await terminal.get_input_stream().read_bytes_async(4096, GLib.PRIORITY_DEFAULT, null)).get_size() > 0)
        output += byteArray.toString(byteArray.fromGBytes(piece));
    await terminal.wait_async(null);
    print('it said', output.includes('hello world'), 'and ended with', terminal.exit_code);
    // what happened, from a number on
    const events = client.open_events(Thole.EVENTS_OLDEST, options({ subject: workload.id }));
    let event;
    while ((event = await events.next_async(null)).data.deepUnpack().state.unpack() !== 'stopping')
        print('event', event.seq, event.kind, event.data.deepUnpack().state.unpack());
    await workload.delete_async(options({ force: true, wait: 'deleted' }), null);
    await workload.refresh_async(null).catch(error =>
        print('gone:', error.matches(Thole.ClientError, Thole.ClientError.NOT_FOUND), error.message));
}
tour(ARGV[0]).catch(error => logError(error)).finally(() => loop.quit());
loop.run();
