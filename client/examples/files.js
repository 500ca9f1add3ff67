#!/usr/bin/gjs
// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
// Files and programs of a workload: files.js IMAGE. The daemon is that of THOLE_URL, or the local one.
imports.gi.versions.Thole = '1';
const { Gio, GLib, Thole } = imports.gi;
const { byteArray } = imports;

for (const [type, ...names] of [
    [Thole.Client, 'create_workload'], [Thole.Attachment, 'wait'], [Gio.InputStream, 'read_bytes'], [Gio.OutputStream, 'write_all'],
    [Thole.Workload, 'read_file', 'write_file', 'write_file_bytes', 'list_files', 'make_folder', 'archive_files', 'extract_files',
        'spawn', 'delete']])
    names.forEach(name => Gio._promisify(type.prototype, `${name}_async`, `${name}_finish`));

const options = fields => Thole.variant_from_json(JSON.stringify(fields));
const loop = new GLib.MainLoop(null, false);

async function text(stream) {
    let all = '';
    for (let piece; (piece = await stream.read_bytes_async(65536, 0, null)).get_size() > 0;)
        all += byteArray.toString(byteArray.fromGBytes(piece));
    return all.trim();
}

async function tour(image, myself) {
    const client = Thole.Client.new_for_url(null, null);
    const spec = { image, command: ['forever'] };
    const workload = await client.create_workload_async(options({ spec, wait: 'running' }), null);
    // bytes go in, a file as they are needed
    await workload.make_folder_async('/data', null, null);
    const greeting = new GLib.Bytes(byteArray.fromString('hello\n'));
    const made = await workload.write_file_bytes_async('/data/greeting', greeting, options({ mode: 0o600 }), null);
    print('wrote', made.name, made.size);
    const size = myself.query_info('standard::size', 0, null).get_size();
    await workload.write_file_async('/data/myself', myself.read(null), null, null);
    // and out
    print('read', await text(await workload.read_file_async('/data/greeting', null, null)));
    const files = await workload.list_files_async('/data', null, null);
    print('listed', files.map(file => file.name).sort().join(', '), files.find(file => file.name === 'myself').size === size);
    await workload.read_file_async('/data/none', null, null).catch(error =>
        print('not there:', error.matches(Thole.ClientError, Thole.ClientError.NOT_FOUND)));
    // a folder from here to there, nothing of it held
    await workload.make_folder_async('/copy', null, null);
    await workload.extract_files_async('/copy', await workload.archive_files_async('/data', null, null), null, null);
    print('copied', (await workload.list_files_async('/copy/data', null, null)).length);
    // a program with streams
    const program = await workload.spawn_async(['sh', '-c', 'tr a-z A-Z; echo done >&2; exit 3'], null, null);
    await program.get_output_stream().write_all_async(byteArray.fromString('shout\n'), 0, null);
    program.end_input();
    print('it said', await text(program.get_input_stream()), await text(program.error_stream));
    await program.wait_async(null);
    print('and ended with', program.exit_code);
    await workload.delete_async(options({ force: true, wait: 'deleted' }), null);
}

tour(ARGV[0], Gio.File.new_for_path(imports.system.programInvocationName))
    .catch(error => printerr(error.message)).finally(() => loop.quit());
loop.run();
