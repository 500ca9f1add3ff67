/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * v5.channel.k8s.io and v4.channel.k8s.io: as `kubectl exec` speaks them. The first byte of a message is a channel; v5 adds a
 * message that closes one, so that standard input can end.
 */
#include "http/codec.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-json.h"

enum
{
  STDIN = 0,
  STDOUT = 1,
  STDERR = 2,
  STATUS = 3,
  RESIZE = 4,
  CLOSE = 255,
};

static void
send_channel (TholeDialog *self, guint8 channel, const guint8 *data, gsize length)
{
  thole_dialog_send (self, FALSE, &channel, 1, data, length);
}

static void
take_resize (TholeDialog *self, const guint8 *data, gsize length)
{
  g_autoptr(GVariant) size = thole_json_parse ((const char *) data, length, NULL);

  /* as Kubernetes does: what is no size is passed over */
  if (size != NULL && g_variant_is_of_type (size, G_VARIANT_TYPE_VARDICT))
    thole_dialog_resize (self, thole_dict_int (size, "Height", 0), thole_dict_int (size, "Width", 0));
}

static void
take_message (TholeDialog *self, gboolean text, const guint8 *data, gsize length)
{
  switch (length > 0 ? data[0] : -1)
    {
    case STDIN:
      if (length > 1)
        thole_dialog_input (self, data + 1, length - 1);
      break;
    case RESIZE:
      take_resize (self, data + 1, length - 1);
      break;
    case CLOSE:
      if (self->codec == &thole_codec_k8s_v5 && length == 2 && data[1] == STDIN)
        thole_dialog_end_of_input (self);
      break;
    default:
      break;
    }
}

static void
resumed (TholeDialog *self, guint64 seq, guint64 taken)
{
  /* its clients may wait for the first message: an API server always begins with this one */
  send_channel (self, STDOUT, NULL, 0);
}

static void
output (TholeDialog *self, TholeChannel channel, guint64 seq, const guint8 *data, gsize length)
{
  send_channel (self, channel == THOLE_CHANNEL_STDERR ? STDERR : STDOUT, data, length);
}

static void
screen (TholeDialog *self, guint64 seq, const guint8 *data, gsize length)
{
  send_channel (self, STDOUT, data, length);
}

static void
exited (TholeDialog *self, int code, int signal, guint64 seq)
{
  g_autofree char *status =
    code == 0 ? g_strdup ("{\"metadata\":{},\"status\":\"Success\"}")
              : g_strdup_printf ("{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with exit code "
                                 "%d\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
                                 "\"message\":\"%d\"}]}}", code, code);

  send_channel (self, STATUS, (const guint8 *) status, strlen (status));
}

static void
refused (TholeDialog *self, const char *code, const char *detail, guint status)
{
  g_autoptr(GString) out = g_string_new ("{\"metadata\":{},\"status\":\"Failure\",\"message\":");

  thole_json_append_string (out, detail != NULL ? detail : code);
  g_string_append_printf (out, ",\"reason\":\"InternalError\",\"code\":%u}", status);
  send_channel (self, STATUS, (const guint8 *) out->str, out->len);
}

#define CODEC(variable, protocol)                                                                                        \
  const TholeCodec variable = {                                                                                          \
    .name = protocol,                                                                                                    \
    .message = take_message,                                                                                             \
    .resumed = resumed,                                                                                                  \
    .output = output,                                                                                                    \
    .screen = screen,                                                                                                    \
    .exited = exited,                                                                                                    \
    .refused = refused,                                                                                                  \
  }

CODEC (thole_codec_k8s_v5, "v5.channel.k8s.io");
CODEC (thole_codec_k8s_v4, "v4.channel.k8s.io");
