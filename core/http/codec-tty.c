/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * tty: as ttyd 1.7 and its page speak it. The first byte of a message is its kind, whether the frame says text or binary. The
 * client begins with JSON, which holds its size; it was let in before, so its AuthToken says nothing to us.
 */
#include "http/codec.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

enum
{
  CLIENT_INPUT = '0',
  CLIENT_RESIZE = '1',
  CLIENT_PAUSE = '2',
  CLIENT_RESUME = '3',
  CLIENT_HELLO = '{',
  SERVER_OUTPUT = '0',
  SERVER_TITLE = '1',
  SERVER_PREFERENCES = '2',
};

static void
send_kind (TholeDialog *self, guint8 kind, const guint8 *data, gsize length)
{
  thole_dialog_send (self, FALSE, &kind, 1, data, length);
}

/* Returns: FALSE when it is no JSON object; sizes that make no sense are passed over later */
static gboolean
read_size (const guint8 *data, gsize length, gint64 *rows, gint64 *cols)
{
  g_autoptr(GVariant) size = thole_json_parse ((const char *) data, length, NULL);

  if (size == NULL || !g_variant_is_of_type (size, G_VARIANT_TYPE_VARDICT))
    return FALSE;
  *rows = thole_dict_int (size, "rows", 0);
  *cols = thole_dict_int (size, "columns", 0);
  return TRUE;
}

static void
take_resize (TholeDialog *self, const guint8 *data, gsize length)
{
  gint64 rows, cols;

  if (read_size (data, length, &rows, &cols))
    thole_dialog_resize (self, rows, cols);
  else
    thole_dialog_protest (self, "a resize must be a JSON object");
}

static void
take_hello (TholeDialog *self, const guint8 *data, gsize length)
{
  gint64 rows, cols;

  if (self->viewer != NULL)
    return;
  if (!read_size (data, length, &rows, &cols))
    {
      thole_dialog_protest (self, "the first message must be a JSON object");
      return;
    }
  /* the title and the preferences come before any output */
  send_kind (self, SERVER_TITLE, (const guint8 *) self->title, strlen (self->title));
  send_kind (self, SERVER_PREFERENCES, (const guint8 *) "{}", 2);
  thole_dialog_view (self, self->from, self->seq);
  thole_dialog_resize (self, rows, cols);
}

static void
take_message (TholeDialog *self, gboolean text, const guint8 *data, gsize length)
{
  switch (length > 0 ? data[0] : 0)
    {
    case CLIENT_INPUT:
      thole_dialog_input (self, data + 1, length - 1);
      break;
    case CLIENT_RESIZE:
      take_resize (self, data + 1, length - 1);
      break;
    case CLIENT_PAUSE:
      thole_dialog_pause (self, TRUE);
      break;
    case CLIENT_RESUME:
      thole_dialog_pause (self, FALSE);
      break;
    case CLIENT_HELLO:
      take_hello (self, data, length);
      break;
    default:
      /* as ttyd does: a kind that it does not know is passed over */
      break;
    }
}

static void
output (TholeDialog *self, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  send_kind (self, SERVER_OUTPUT, data, length);
}

static void
screen (TholeDialog *self, guint64 seq, const guint8 *data, gsize length)
{
  send_kind (self, SERVER_OUTPUT, data, length);
}

const TholeCodec thole_codec_tty = {
  .name = "tty",
  .waits = TRUE,
  .message = take_message,
  .output = output,
  .screen = screen,
};
