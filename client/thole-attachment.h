/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session that one is attached to; made by thole_session_attach().
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * THOLE_TYPE_ATTACHMENT:
 *
 * The type of #TholeAttachment.
 *
 * Since: 1.0
 */
#define THOLE_TYPE_ATTACHMENT (thole_attachment_get_type ())
G_DECLARE_FINAL_TYPE (TholeAttachment, thole_attachment, THOLE, ATTACHMENT, GIOStream)

/**
 * TholeAttachment:
 *
 * The input and output of a session. The streams go on when the connection breaks: output at the byte where it broke, and
 * input that the program had not taken is sent again. The input stream ends when the session does, or when the daemon
 * cannot be reached for too long; thole_attachment_wait() tells which. Over D-Bus the daemon tells nobody that control went to
 * somebody else, and gives the output that is still held in place of a screen.
 *
 * Since: 1.0
 */

/**
 * TholeAttachment::gap:
 * @self: the attachment
 * @from: the number of the first byte that is lost
 * @to: the number of the first byte that is not
 *
 * Output was lost: it came faster than it was read, and is no longer kept where the program runs.
 *
 * Since: 1.0
 */

/**
 * TholeAttachment:error-stream:
 *
 * What comes on standard error; nothing in a terminal.
 *
 * Since: 1.0
 */

/**
 * thole_attachment_get_error_stream:
 * @self: a #TholeAttachment
 *
 * See #TholeAttachment:error-stream.
 *
 * Returns: (transfer none): what comes on standard error; nothing in a terminal
 *
 * Since: 1.0
 */
GInputStream *thole_attachment_get_error_stream (TholeAttachment *self);

/**
 * TholeAttachment:position:
 *
 * Output bytes of the session up to which all has arrived.
 *
 * Since: 1.0
 */

/**
 * thole_attachment_get_position:
 * @self: a #TholeAttachment
 *
 * See #TholeAttachment:position.
 *
 * Returns: output bytes of the session up to which all has arrived
 *
 * Since: 1.0
 */
guint64 thole_attachment_get_position (TholeAttachment *self);

/**
 * TholeAttachment:connected:
 *
 * Whether the daemon is there at present.
 *
 * Since: 1.0
 */

/**
 * thole_attachment_get_connected:
 * @self: a #TholeAttachment
 *
 * See #TholeAttachment:connected.
 *
 * Returns: whether the daemon is there at present
 *
 * Since: 1.0
 */
gboolean thole_attachment_get_connected (TholeAttachment *self);

/**
 * TholeAttachment:control:
 *
 * Whether what is written counts: else somebody else types.
 *
 * Since: 1.0
 */

/**
 * thole_attachment_get_control:
 * @self: a #TholeAttachment
 *
 * See #TholeAttachment:control.
 *
 * Returns: whether what is written counts: else somebody else types
 *
 * Since: 1.0
 */
gboolean thole_attachment_get_control (TholeAttachment *self);

/**
 * TholeAttachment:exit-code:
 *
 * The exit code, -1 before the end and after a signal.
 *
 * Since: 1.0
 */

/**
 * thole_attachment_get_exit_code:
 * @self: a #TholeAttachment
 *
 * See #TholeAttachment:exit-code.
 *
 * Returns: the exit code, -1 before the end and after a signal
 *
 * Since: 1.0
 */
int thole_attachment_get_exit_code (TholeAttachment *self);

/**
 * TholeAttachment:exit-signal:
 *
 * The signal that ended the program, 0 = none.
 *
 * Since: 1.0
 */

/**
 * thole_attachment_get_exit_signal:
 * @self: a #TholeAttachment
 *
 * See #TholeAttachment:exit-signal.
 *
 * Returns: the signal that ended the program, 0 = none
 *
 * Since: 1.0
 */
int thole_attachment_get_exit_signal (TholeAttachment *self);

/**
 * thole_attachment_resize:
 * @self: a #TholeAttachment
 * @rows: lines
 * @cols: columns
 *
 * Sets the size of the terminal, now and whenever control comes back.
 *
 * Since: 1.0
 */
void thole_attachment_resize (TholeAttachment *self, guint rows, guint cols);

/**
 * thole_attachment_send_signal:
 * @self: a #TholeAttachment
 * @name: `SIGINT`
 *
 * Sends a signal to the program.
 *
 * Since: 1.0
 */
void thole_attachment_send_signal (TholeAttachment *self, const char *name);

/**
 * thole_attachment_take_control:
 * @self: a #TholeAttachment
 *
 * Takes control from whoever has it.
 *
 * Since: 1.0
 */
void thole_attachment_take_control (TholeAttachment *self);

/**
 * thole_attachment_end_input:
 * @self: a #TholeAttachment
 *
 * Ends the program's standard input after all that was written.
 *
 * Since: 1.0
 */
void thole_attachment_end_input (TholeAttachment *self);

/**
 * thole_attachment_wait_async:
 * @self: a #TholeAttachment
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Waits for the end. Output that is not read holds it up.
 *
 * Since: 1.0
 */
void thole_attachment_wait_async (TholeAttachment *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                  gpointer user_data);

/**
 * thole_attachment_wait_finish:
 * @self: a #TholeAttachment
 * @result: the result
 * @error:
 *
 * Ends thole_attachment_wait_async().
 *
 * Returns: %TRUE when the program ended; %FALSE with @error set when something else ended the attachment
 *
 * Since: 1.0
 */
gboolean thole_attachment_wait_finish (TholeAttachment *self, GAsyncResult *result, GError **error);

/**
 * thole_attachment_wait:
 * @self: a #TholeAttachment
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Waits for the end. Output that is not read holds it up.
 *
 * Blocks; see thole_attachment_wait_async().
 *
 * Returns: %TRUE when the program ended; %FALSE with @error set when something else ended the attachment
 *
 * Since: 1.0
 */
gboolean thole_attachment_wait (TholeAttachment *self, GCancellable *cancellable, GError **error);

G_END_DECLS
