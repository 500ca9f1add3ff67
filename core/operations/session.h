/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sessions: programs inside workloads that people attach to, and the console of the main process.
 *
 * A face that attaches somebody dispatches `session.attach` (target: id or name of a session) or `workload.console` (target: a
 * workload) as any other call. Permission, ownership (others' objects do not exist: not_found), existence and the query are
 * decided there, before anything is upgraded; a refusal is a problem like any other. The answer is THOLE_REPLY_VIEW: the face
 * takes `reply.view` and calls thole_session_view() once, for the one who attaches; then it may unref it.
 *
 * The query of both:
 *   from   where output begins, thole_view_from_parse(); a dialect that resumes by itself overrides it
 *   input  `lease` (default): who has control types, the others watch; `shared`: types beside whoever has control; `none`: only watches
 *   take   take control at once from whoever has it
 *
 * A console takes input, sizes and `take` of whoever may `workload.console`, others only watch; it knows no signals (workload.kill), and the
 * end of a viewer's input does not end that of the program.
 *
 * Control: the first viewer with `lease` has it. When it leaves, the one who is there longest gets it; when it has not typed
 * for 30 s, whoever types next has it. Input, resize and signal of a viewer without control are ignored.
 *
 * The viewer that thole_session_view() gives is the face's own; it keeps everything alive that it needs. It is closed with
 * THOLE_VIEWER_RESTARTING when the daemon goes down, with THOLE_VIEWER_WORKLOAD_GONE when the workload stops or restarts, with
 * THOLE_VIEWER_REMOVED when the session is deleted, and with THOLE_VIEWER_ENDED after exited().
 */
#pragma once

#include "operations/operation.h"
