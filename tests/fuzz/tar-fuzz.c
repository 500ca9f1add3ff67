/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a tar archive: in one part and in many the same comes of it, what was read can be written and read again. */
#include "thole-tar.h"

#include <string.h>

#include "../../sdk/lib/tar-header.h"

#define BLOCK THOLE_TAR_BLOCK

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

typedef struct
{
  guint64 left;
  GString *seen;    /* of each entry what was said */
  gboolean strange; /* one is of a kind that nobody can write */
} Reading;

static void
check_entry (Reading *self, const TholeTarEntry *entry, GByteArray *again)
{
  gboolean link = entry->kind == THOLE_TAR_LINK || entry->kind == THOLE_TAR_HARD_LINK;
  gboolean bare = entry->kind == THOLE_TAR_FOLDER && entry->name[0] != '\0' && !g_str_has_suffix (entry->name, "/");

  g_assert_nonnull (entry->name);
  g_assert_true (link == (entry->link != NULL));
  g_assert_true (strlen (entry->name) <= THOLE_TAR_NAME_MAX && (!link || strlen (entry->link) <= THOLE_TAR_NAME_MAX));
  g_assert_true (entry->uid >= 0 && entry->gid >= 0 && entry->mode <= 07777);
  g_assert_true (entry->size == 0 || entry->kind == THOLE_TAR_FILE || entry->kind == THOLE_TAR_OTHER);
  g_assert_cmpuint (self->left, ==, 0);
  self->left = entry->size;
  self->strange |= entry->kind == THOLE_TAR_OTHER;
  g_string_append_printf (self->seen, "%c %s%s -> %s %o %" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %u,%u %u,%u\n",
                          entry->kind, entry->name, bare ? "/" : "", link ? entry->link : "", entry->mode, entry->uid, entry->gid,
                          entry->size, entry->mtime, entry->major, entry->minor, entry->name_flags, entry->link_flags);
  if (again != NULL)
    thole_tar_append_entry (again, entry);
}

/* Returns: what was said last */
static TholeTarEvent
feed (TholeTar *tar, const guint8 *data, gsize size, Reading *self, GByteArray *again)
{
  const guint8 *end = data + size, *piece = NULL;
  g_autoptr(GError) error = NULL;
  gsize length = 0;
  TholeTarEvent event;

  do
    {
      event = thole_tar_parse (tar, &data, &size, &piece, &length, &error);
      g_assert_true (data + size == end);
      if (event == THOLE_TAR_ENTRY)
        check_entry (self, thole_tar_entry (tar), again);
      if (event == THOLE_TAR_DATA)
        {
          g_assert_true (length > 0 && length <= self->left && piece + length == data);
          self->left -= length;
        }
      if (event == THOLE_TAR_ENTRY || event == THOLE_TAR_DATA)
        g_assert_cmpuint (thole_tar_left (tar), ==, self->left);
    }
  while (event == THOLE_TAR_ENTRY || event == THOLE_TAR_DATA);
  g_assert_true ((event == THOLE_TAR_BAD) == (error != NULL));
  return event;
}

/* @step: bytes at a time. Returns: (transfer full): all that was seen */
static char *
read_all (const guint8 *data, gsize size, gsize step, TholeTarEvent *event, TholeTarState *state, gboolean *strange, GByteArray *again)
{
  g_autoptr(TholeTar) tar = thole_tar_new ();
  Reading self = { .seen = g_string_new (NULL) };
  gsize at = 0;

  do
    {
      gsize part = MIN (step, size - at);

      *event = feed (tar, data + at, part, &self, again);
      at += part;
    }
  while (at < size && *event == THOLE_TAR_MORE);
  *state = thole_tar_state (tar);
  *strange = self.strange;
  g_assert_true ((*event == THOLE_TAR_END) == (*state == THOLE_TAR_WHOLE));
  return g_string_free (self.seen, FALSE);
}

/* what is read of what was written for each entry, its content left out */
static void
check_again (const GByteArray *again, const char *seen)
{
  g_autoptr(TholeTar) tar = thole_tar_new ();
  Reading self = { .seen = g_string_new (NULL) };
  const guint8 *at = again->data, *piece;
  gsize left = again->len, length;

  while (left > 0 && thole_tar_parse (tar, &at, &left, &piece, &length, NULL) == THOLE_TAR_ENTRY)
    {
      check_entry (&self, thole_tar_entry (tar), NULL);
      thole_tar_skip (tar, thole_tar_left (tar));
      self.left = 0;
      /* nor does padding follow */
      thole_tar_free (g_steal_pointer (&tar));
      tar = thole_tar_new ();
    }
  g_assert_cmpuint (left, ==, 0);
  g_assert_cmpstr (self.seen->str, ==, seen);
  g_string_free (self.seen, TRUE);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr(GByteArray) archive = g_byte_array_new (), again = g_byte_array_new ();
  g_autofree char *whole = NULL, *parts = NULL;
  TholeTarEvent event, same;
  TholeTarState state, same_state;
  gboolean strange;
  gsize step;

  if (size < 2)
    return 0;
  step = (gsize) data[0] * 3 + 1;
  g_byte_array_append (archive, data + 1, (guint) size - 1);
  /* with a right sum it goes further */
  for (guint at = 0; at + BLOCK <= archive->len; at += BLOCK)
    if (memcmp (archive->data + at + AT_MAGIC, "ustar", 5) == 0)
      g_snprintf ((char *) archive->data + at + AT_CHECKSUM, 8, "%06o", (guint) tar_checksum (archive->data + at));
  whole = read_all (archive->data, archive->len, archive->len, &event, &state, &strange, again);
  parts = read_all (archive->data, archive->len, step, &same, &same_state, &strange, NULL);
  g_assert_cmpstr (parts, ==, whole);
  g_assert_true (event == same && state == same_state);
  if (!strange)
    check_again (again, whole);
  return 0;
}
