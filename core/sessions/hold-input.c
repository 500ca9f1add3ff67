/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/hold-private.h"

#include <string.h>

#define INPUT_MOST (256 * 1024)
#define END_OF_INPUT 4 /* what ends it at a terminal */

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeHold *self = user_data;
  gboolean good = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);

  g_clear_pointer (&self->record, g_byte_array_unref);
  if (good)
    {
      g_byte_array_remove_range (self->input, 0, (guint) self->writing);
      self->taken += self->writing;
      thole_hold_move (self);
    }
  self->writing = 0;
  if (good)
    thole_hold_write (self);
  else
    thole_hold_deafen (self);
  thole_hold_wake (self);
  thole_hold_unref (self);
}

/* one record after the other */
void
thole_hold_write (TholeHold *self)
{
  static const guint8 end = END_OF_INPUT;

  if (self->record != NULL || self->stream == NULL || self->deaf || (self->input->len == 0 && !self->end_wanted))
    return;
  self->record = g_byte_array_new ();
  self->writing = MIN (self->input->len, THOLE_HOLD_PIECE);
  if (self->writing > 0)
    thole_record_append (self->record, THOLE_RECORD_STDIN, self->input->data, self->writing);
  else
    {
      thole_record_append (self->record, THOLE_RECORD_STDIN, &end, self->options.tty ? 1 : 0);
      self->end_wanted = FALSE;
      /* a pipe that is closed takes nothing any more, a terminal does */
      self->deaf = !self->options.tty;
    }
  g_output_stream_write_all_async (g_io_stream_get_output_stream (self->stream), self->record->data, self->record->len,
                                   G_PRIORITY_DEFAULT, self->cancel, on_written, thole_hold_ref (self));
}

gboolean
thole_hold_input (TholeHold *self, const guint8 *data, gsize length)
{
  if (self->end_wanted && !self->options.tty)
    return TRUE;
  if (self->deaf)
    {
      self->taken += length;
      thole_hold_wake (self);
      return TRUE;
    }
  g_byte_array_append (self->input, data, (guint) length);
  thole_hold_write (self);
  return self->input->len < INPUT_MOST;
}

void
thole_hold_end_of_input (TholeHold *self)
{
  if (self->deaf || (self->options.lasting && !self->options.tty))
    return;
  self->end_wanted = TRUE;
  thole_hold_write (self);
}

void
thole_hold_deafen (TholeHold *self)
{
  self->deaf = TRUE;
  if (self->record != NULL)
    return;
  self->taken += self->input->len;
  g_byte_array_set_size (self->input, 0);
}
