/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Dialects: one byte that chooses one, one that chooses a session; then messages, each with a byte of flags and one of length.
 * Texts to the peer are UTF-8, nothing comes after the close, whose reason is JSON that fits, and nothing is kept. */
#include "http/codec.h"

#include <string.h>

#include "http/fake-session.h"
#include "thole-json.h"

#define TURNS 10 /* of the loop, at most, after each message */

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

typedef struct
{
  gsize queued;
  gboolean closed;
} Peer;

static void
on_send (gpointer wire, gboolean text, const guint8 *head, gsize head_length, const guint8 *data, gsize length)
{
  g_autofree char *whole = g_malloc (head_length + length + 1);

  g_assert_false (((Peer *) wire)->closed);
  memcpy (whole, head, head_length);
  if (length > 0)
    memcpy (whole + head_length, data, length);
  g_assert_true (!text || g_utf8_validate_len (whole, head_length + length, NULL));
}

static gsize
on_queued (gpointer wire)
{
  return ((Peer *) wire)->queued;
}

static void
on_read (gpointer wire, gboolean on)
{
}

static void
on_close (gpointer wire, guint code, const char *reason)
{
  Peer *peer = wire;
  g_autoptr(GVariant) value = thole_json_parse (reason, strlen (reason), NULL);

  g_assert_false (peer->closed);
  peer->closed = TRUE;
  g_assert_true (code >= 1000 && code < 5000);
  g_assert_cmpuint (strlen (reason), <=, 123);
  g_assert_nonnull (value);
}

static void
settle (void)
{
  for (guint i = 0; i < TURNS && g_main_context_iteration (NULL, FALSE); i++)
    ;
}

static void
say (TholeDialog *dialog, Peer *peer, guint8 flags, const guint8 *data, gsize length)
{
  gboolean text = (flags & 1) != 0 && g_utf8_validate_len ((const char *) data, length, NULL);

  peer->queued = (flags & 2) != 0 ? 1 << 20 : 0;
  thole_dialog_message (dialog, text, data, length);
  settle ();
  if ((flags & 4) != 0)
    {
      peer->queued = 0;
      thole_dialog_drained (dialog);
    }
  if ((flags & 8) != 0)
    thole_dialog_hurry (dialog);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  static const TholeWire wire = { on_send, on_queued, on_read, on_close };
  static const TholeCodec *const codecs[] = {
    &thole_codec_thole, &thole_codec_tty, &thole_codec_k8s_v5, &thole_codec_k8s_v4, &thole_codec_execbox,
  };
  static const char *const names[] = { "echo", "bytes", "killed", "gap", "stuck", "removed", "flood", "echo" };
  TholeFakeCounts counts = { 0 };
  Peer peer = { 1 << 20, FALSE };
  TholeDialog *dialog;

  if (size < 2)
    return 0;
  dialog = thole_dialog_new (codecs[data[0] % G_N_ELEMENTS (codecs)],
                             thole_fake_session_new (names[data[1] % G_N_ELEMENTS (names)], (data[1] & 8) != 0, &counts),
                             "a title", &wire, &peer);
  dialog->from = (data[1] & 16) != 0 ? THOLE_VIEW_SNAPSHOT : THOLE_VIEW_OLDEST;
  thole_dialog_begin (dialog);
  settle ();
  for (gsize at = 2; at + 2 <= size;)
    {
      gsize length = MIN (data[at + 1], size - at - 2);

      say (dialog, &peer, data[at], data + at + 2, length);
      at += 2 + length;
    }
  thole_dialog_free (dialog);
  settle ();
  g_assert_cmpint (counts.viewers, ==, 0);
  return 0;
}
