/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Archives of ours, of GNU tar and of Python, given in parts of any size, and those that are wrong. */
#include "thole-tar.h"

#include <glib/gstdio.h>
#include <string.h>

#include "tar-header.h"
#include "thole-error.h"

#define BLOCK THOLE_TAR_BLOCK
#define DATE 1500000000

/* reading ----------------------------------------------------------------------------------------------- */

static void
describe (GString *out, const TholeTarEntry *entry)
{
  g_string_append_printf (out, "%c %s", entry->kind, entry->name);
  if (entry->link != NULL)
    g_string_append_printf (out, " -> %s", entry->link);
  g_string_append_printf (out, " %o %" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " [", entry->mode, entry->uid,
                          entry->gid, entry->size, entry->mtime);
}

/* Returns: what the last call said */
static TholeTarEvent
feed (TholeTar *tar, const guint8 *data, gsize length, GString *out, gsize *rest, GError **error)
{
  const guint8 *end = data + length, *piece = NULL;
  gsize piece_length = 0;
  TholeTarEvent event;

  do
    {
      event = thole_tar_parse (tar, &data, &length, &piece, &piece_length, error);
      g_assert_true (data + length == end);
      if (event == THOLE_TAR_ENTRY)
        describe (out, thole_tar_entry (tar));
      if (event == THOLE_TAR_DATA)
        {
          g_assert_cmpuint (piece_length, >, 0);
          g_string_append_len (out, (const char *) piece, (gssize) piece_length);
        }
      if ((event == THOLE_TAR_ENTRY || event == THOLE_TAR_DATA) && thole_tar_left (tar) == 0)
        g_string_append (out, "]\n");
    }
  while (event == THOLE_TAR_ENTRY || event == THOLE_TAR_DATA);
  *rest = length;
  return event;
}

/* Returns: (transfer full): all that is in @data, which is good and has its end */
static char *
list (const guint8 *data, gsize length)
{
  g_autoptr(TholeTar) tar = thole_tar_new ();
  g_autoptr(GString) out = g_string_new (NULL);
  g_autoptr(GError) error = NULL;
  TholeTarEvent event;
  gsize rest;

  event = feed (tar, data, length, out, &rest, &error);
  g_assert_no_error (error);
  g_assert_cmpint (event, ==, THOLE_TAR_END);
  g_assert_cmpint (thole_tar_state (tar), ==, THOLE_TAR_WHOLE);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static char *
list_split (const guint8 *data, gsize length, gsize at)
{
  g_autoptr(TholeTar) tar = thole_tar_new ();
  g_autoptr(GString) out = g_string_new (NULL);
  g_autoptr(GError) error = NULL;
  gsize rest;

  if (feed (tar, data, at, out, &rest, &error) == THOLE_TAR_MORE)
    {
      g_assert_cmpuint (rest, ==, 0);
      g_assert_cmpint (thole_tar_state (tar), !=, THOLE_TAR_WHOLE);
      g_assert_cmpint (feed (tar, data + at, length - at, out, &rest, &error), ==, THOLE_TAR_END);
    }
  g_assert_no_error (error);
  g_assert_cmpint (thole_tar_state (tar), ==, THOLE_TAR_WHOLE);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* The same comes of it in whatever parts. */
static void
check_parts (const guint8 *data, gsize length, const char *expected)
{
  g_autoptr(TholeTar) tar = thole_tar_new ();
  g_autoptr(GString) out = g_string_new (NULL);
  gsize rest;

  for (gsize i = 0; i < length && thole_tar_state (tar) != THOLE_TAR_WHOLE; i++)
    g_assert_cmpint (feed (tar, data + i, 1, out, &rest, NULL), !=, THOLE_TAR_BAD);
  g_assert_cmpstr (out->str, ==, expected);
  for (gsize at = 0; at <= length; at++)
    {
      g_autofree char *text = list_split (data, length, at);

      g_assert_cmpstr (text, ==, expected);
    }
}

/* Cut anywhere, it is never whole, and only where an entry ends nothing lacks but the end. */
static void
check_cut (const guint8 *data, gsize length, guint ends)
{
  guint unended = 0;

  for (gsize at = 0; at < length; at++)
    {
      g_autoptr(TholeTar) tar = thole_tar_new ();
      g_autoptr(GString) out = g_string_new (NULL);
      TholeTarState state;
      gsize rest;

      if (feed (tar, data, at, out, &rest, NULL) == THOLE_TAR_END)
        break;
      state = thole_tar_state (tar);
      g_assert_cmpint (state, !=, THOLE_TAR_WHOLE);
      g_assert_true (state == THOLE_TAR_CUT || at % BLOCK == 0);
      unended += state == THOLE_TAR_UNENDED;
    }
  g_assert_cmpuint (unended, ==, ends);
}

static void
refused (const guint8 *data, gsize length, const char *why)
{
  g_autoptr(TholeTar) tar = thole_tar_new ();
  g_autoptr(GString) out = g_string_new (NULL);
  g_autoptr(GError) error = NULL, again = NULL;
  gsize rest;

  g_assert_cmpint (feed (tar, data, length, out, &rest, &error), ==, THOLE_TAR_BAD);
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
  if (strstr (error->message, why) == NULL)
    g_error ("\"%s\" was expected, and this was said: %s", why, error->message);
  g_assert_cmpint (feed (tar, data, length, out, &rest, &again), ==, THOLE_TAR_BAD);
  g_assert_nonnull (again);
  g_assert_cmpint (thole_tar_state (tar), ==, THOLE_TAR_CUT);
}

/* ours -------------------------------------------------------------------------------------------------- */

static void
test_round (void)
{
  g_autoptr(GByteArray) archive = g_byte_array_new ();
  g_autofree char *name = g_strnfill (101, 'n'), *link = g_strnfill (300, 'l'), *exact = g_strnfill (100, 'e'), *text = NULL, *expected = NULL;
  const TholeTarEntry entries[] = {
    { .kind = THOLE_TAR_FOLDER, .name = "a", .mode = 01777, .mtime = DATE },
    { .kind = THOLE_TAR_FILE, .name = "a/b", .mode = 0640, .uid = 1, .gid = 2, .size = 5, .mtime = 3 },
    { .kind = THOLE_TAR_FILE, .name = exact, .uid = G_GINT64_CONSTANT (4294967294), .gid = 07777777, .mtime = -1 },
    { .kind = THOLE_TAR_FILE, .name = name, .mode = 04755, .gid = 010000000, .mtime = G_GINT64_CONSTANT (1) << 40 },
    { .kind = THOLE_TAR_LINK, .name = name, .link = link, .mode = 0777, .size = 9 },
    { .kind = THOLE_TAR_HARD_LINK, .name = "h", .link = exact },
    { .kind = THOLE_TAR_PIPE, .name = "p" },
    { .kind = THOLE_TAR_FILE, .name = "end", .size = 600 },
  };
  guint8 content[600];

  memset (content, '5', sizeof content);
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    thole_tar_append_file (archive, &entries[i], content);
  thole_tar_append_end (archive);
  g_assert_cmpuint (archive->len % BLOCK, ==, 0);
  expected = g_strdup_printf ("d a/ 1777 0:0 0 1500000000 []\nf a/b 640 1:2 5 3 [55555]\nf %s 0 4294967294:2097151 0 -1 []\n"
                              "f %s 4755 0:2097152 0 1099511627776 []\nl %s -> %s 777 0:0 0 0 []\nh h -> %s 0 0:0 0 0 []\n"
                              "p p 0 0:0 0 0 []\nf end 0 0:0 600 0 [%.600s]\n", exact, name, name, link, exact, (const char *) content);
  text = list (archive->data, archive->len);
  g_assert_cmpstr (text, ==, expected);
  check_parts (archive->data, archive->len, expected);
  /* before each entry; and with one of the two blocks */
  check_cut (archive->data, archive->len, G_N_ELEMENTS (entries) + 2);
}

static void
test_devices (void)
{
  g_autoptr(GByteArray) archive = g_byte_array_new ();
  g_autoptr(TholeTar) tar = thole_tar_new ();
  const TholeTarEntry device = { .kind = THOLE_TAR_BLOCK_DEVICE, .name = "d", .major = 259, .minor = 3000000 };
  const guint8 *piece, *data;
  gsize piece_length, length = BLOCK;

  thole_tar_append_entry (archive, &device);
  data = archive->data;
  g_assert_cmpint (thole_tar_parse (tar, &data, &length, &piece, &piece_length, NULL), ==, THOLE_TAR_ENTRY);
  g_assert_cmpint (thole_tar_entry (tar)->kind, ==, THOLE_TAR_BLOCK_DEVICE);
  g_assert_cmpuint (thole_tar_entry (tar)->major, ==, 259);
  g_assert_cmpuint (thole_tar_entry (tar)->minor, ==, 3000000);
}

/* What has gone over a content in a file gives what comes behind it, however much of the content was looked at. */
static void
test_skip (void)
{
  g_autofree char *content = g_strnfill (5000, 'c');
  g_autoptr(GByteArray) archive = g_byte_array_new ();

  thole_tar_append_file (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = "a", .size = 5000 }, content);
  thole_tar_append_file (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = "b", .size = 1 }, content);
  thole_tar_append_end (archive);
  for (gsize at = BLOCK; at <= BLOCK + 5000; at++)
    {
      g_autoptr(TholeTar) tar = thole_tar_new ();
      g_autoptr(GString) out = g_string_new (NULL);
      guint64 left;
      gsize rest;

      g_assert_cmpint (feed (tar, archive->data, at, out, &rest, NULL), ==, THOLE_TAR_MORE);
      left = thole_tar_left (tar);
      g_assert_cmpuint (left, ==, BLOCK + 5000 - at);
      thole_tar_skip (tar, left);
      g_string_truncate (out, 0);
      g_assert_cmpint (feed (tar, archive->data + at + left, archive->len - at - (gsize) left, out, &rest, NULL), ==, THOLE_TAR_END);
      g_assert_cmpstr (out->str, ==, "f b 0 0:0 1 0 [c]\n");
    }
}

static void
test_names (void)
{
  const struct { const char *name; guint flags; } cases[] = {
    { "a", 0 }, { "./a", 0 }, { "a/..b/...", 0 }, { "", THOLE_TAR_NAME_EMPTY }, { "/a", THOLE_TAR_NAME_ABSOLUTE },
    { "..", THOLE_TAR_NAME_CLIMBS }, { "../a", THOLE_TAR_NAME_CLIMBS }, { "a/..", THOLE_TAR_NAME_CLIMBS },
    { "a//../b", THOLE_TAR_NAME_CLIMBS }, { "//../b", THOLE_TAR_NAME_ABSOLUTE | THOLE_TAR_NAME_CLIMBS }, { "a../b", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GByteArray) archive = g_byte_array_new ();
      g_autoptr(TholeTar) tar = thole_tar_new ();
      const TholeTarEntry entry = { .kind = THOLE_TAR_HARD_LINK, .name = cases[i].name, .link = cases[i].name };
      const guint8 *piece, *data;
      gsize piece_length, length = BLOCK;

      thole_tar_append_entry (archive, &entry);
      data = archive->data;
      g_assert_cmpint (thole_tar_parse (tar, &data, &length, &piece, &piece_length, NULL), ==, THOLE_TAR_ENTRY);
      g_assert_cmpuint (thole_tar_entry (tar)->name_flags, ==, cases[i].flags);
      g_assert_cmpuint (thole_tar_entry (tar)->link_flags, ==, cases[i].flags);
    }
}

/* others' ----------------------------------------------------------------------------------------------- */

typedef struct
{
  char *top, *archive, *folder, *file, *link; /* names of 90 bytes each */
} Place;

static void
place_set_up (Place *p, gconstpointer data)
{
  p->top = g_dir_make_tmp ("thole-tar-XXXXXX", NULL);
  p->archive = g_build_filename (p->top, "archive", NULL);
  p->folder = g_strnfill (90, 'd');
  p->file = g_strnfill (90, 'f');
  p->link = g_strnfill (90, 'l');
}

static void
run (const char *const *words)
{
  g_autoptr(GError) error = NULL;
  int status = 0;

  g_assert_true (g_spawn_sync (NULL, (char **) words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error));
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, NULL));
}

static void
place_tear_down (Place *p, gconstpointer data)
{
  run ((const char *const[]){ "rm", "-rf", p->top, NULL });
  g_free (p->top);
  g_free (p->archive);
  g_free (p->folder);
  g_free (p->file);
  g_free (p->link);
}

static gboolean
lacks (const char *program)
{
  g_autofree char *path = g_find_program_in_path (program);

  if (path == NULL)
    g_test_skip (program);
  return path == NULL;
}

static GByteArray *
archive_of (Place *p)
{
  char *text = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (p->archive, &text, &length, NULL));
  return g_byte_array_new_take ((guint8 *) text, length);
}

static void
make_tree (Place *p)
{
  g_autofree char *a = g_build_filename (p->top, "a", NULL), *folder = g_build_filename (a, p->folder, NULL);
  g_autofree char *file = g_build_filename (folder, p->file, NULL), *other = g_build_filename (a, "other", NULL), *base = g_build_filename (a, "base", NULL);
  g_autofree char *link = g_build_filename (a, "link", NULL), *pipe = g_build_filename (a, "pipe", NULL);
  g_autofree char *content = g_strnfill (700, 'c');

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_cmpint (g_chmod (a, 0750) | g_chmod (folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (file, content, 700, NULL));
  g_assert_true (g_file_set_contents (base, "b", 1, NULL));
  g_assert_cmpint (g_chmod (file, 0604) | g_chmod (base, 0640), ==, 0);
  run ((const char *const[]){ "ln", base, other, NULL });
  run ((const char *const[]){ "ln", "-s", p->link, link, NULL });
  run ((const char *const[]){ "mkfifo", "-m", "0600", pipe, NULL });
}

static void
test_gnu (Place *p, gconstpointer data)
{
  const char *format = data;
  gboolean small = strcmp (format, "--format=ustar") == 0 || strcmp (format, "--format=v7") == 0, old = strcmp (format, "--format=v7") == 0;
  const char *owner = small ? "--owner=some:1234" : "--owner=some:3000000", *when = small ? "--mtime=@1500000000.5" : "--mtime=@-86400";
  g_autofree char *expected = NULL, *text = NULL, *tail = g_strdup_printf ("%d:5678", small ? 1234 : 3000000);
  g_autofree char *content = g_strnfill (700, 'c');
  const char *time = small ? "1500000000" : "-86400";
  g_autoptr(GByteArray) archive = NULL;

  if (lacks ("tar"))
    return;
  /* what has no room for it has no such names */
  if (old)
    p->folder[20] = p->file[20] = p->link[20] = '\0';
  make_tree (p);
  run ((const char *const[]){ "tar", format, "-b1", "--sort=name", owner, "--group=some:5678", when, "-C", p->top, "-cf", p->archive,
                              old ? "--exclude=pipe" : "--exclude=none", "a", NULL });
  archive = archive_of (p);
  text = list (archive->data, archive->len);
  expected = g_strdup_printf ("d a/ 750 %s 0 %s []\nf a/base 640 %s 1 %s [b]\nd a/%s/ 755 %s 0 %s []\nf a/%s/%s 604 %s 700 %s [%s]\n"
                              "l a/link -> %s 777 %s 0 %s []\nh a/other -> a/base 640 %s 0 %s []\n%s%s%s%s%s", tail, time, tail, time, p->folder,
                              tail, time, p->folder, p->file, tail, time, content, p->link, tail, time, tail, time, old ? "" : "p a/pipe 600 ",
                              old ? "" : tail, old ? "" : " 0 ", old ? "" : time, old ? "" : " []\n");
  g_assert_cmpstr (text, ==, expected);
  check_parts (archive->data, archive->len, expected);
  check_cut (archive->data, archive->len, old ? 8 : 9);
}

/* What content has does not stand in them as it is. */
static void
test_holes (Place *p, gconstpointer format)
{
  g_autofree char *path = g_build_filename (p->top, "holes", NULL);
  g_autoptr(GByteArray) archive = NULL;

  if (lacks ("tar"))
    return;
  run ((const char *const[]){ "truncate", "-s", "1M", path, NULL });
  run ((const char *const[]){ "tar", format, "-b1", "-S", "--hole-detection=raw", "-C", p->top, "-cf", p->archive, "holes", NULL });
  archive = archive_of (p);
  refused (archive->data, archive->len, "holes");
}

static void
test_python (Place *p, gconstpointer data)
{
  const char *format = data;
  const char *script
    = "import io, sys, tarfile\n"
      "form = getattr(tarfile, sys.argv[2])\n"
      "small = form == tarfile.USTAR_FORMAT\n"
      "pax = dict(comment='to all', mtime='1') if form == tarfile.PAX_FORMAT else {}\n"
      "with tarfile.open(sys.argv[1], 'w', format=form, pax_headers=pax) as tar:\n"
      "    for size in 0, 1, 511, 512, 513:\n"
      "        info = tarfile.TarInfo('x' * 90 + '/' + 'y' * (90 if small else 300))\n"
      "        info.size, info.mode, info.mtime = size, 0o640, 7 if small else -7.5 if pax else -7\n"
      "        info.uid = info.gid = 2097151 if small else 4294967294\n"
      "        info.pax_headers = {'SCHILY.xattr.user.a': 'b\\0=\\n' * 20000} if pax else {}\n"
      "        tar.addfile(info, io.BytesIO(b'z' * size))\n"
      "    info = tarfile.TarInfo('link')\n"
      "    info.type, info.linkname = tarfile.SYMTYPE, 't' * (100 if small else 101)\n"
      "    tar.addfile(info)\n";
  gboolean small = strcmp (format, "USTAR_FORMAT") == 0;
  g_autofree char *x = g_strnfill (90, 'x'), *y = g_strnfill (small ? 90 : 300, 'y'), *link = g_strnfill (small ? 100 : 101, 't'), *text = NULL;
  g_autoptr(GString) expected = g_string_new (NULL);
  g_autoptr(GByteArray) archive = NULL;

  if (lacks ("python3"))
    return;
  run ((const char *const[]){ "python3", "-c", script, p->archive, format, NULL });
  archive = archive_of (p);
  for (guint i = 0; i < 5; i++)
    {
      guint size = (const guint[]){ 0, 1, 511, 512, 513 }[i];
      g_autofree char *content = g_strnfill (size, 'z');

      g_string_append_printf (expected, "f %s/%s 640 %s %u %s [%s]\n", x, y, small ? "2097151:2097151" : "4294967294:4294967294", size,
                              small ? "7" : "-7", content);
    }
  g_string_append_printf (expected, "l link -> %s 644 0:0 0 0 []\n", link);
  text = list (archive->data, archive->len);
  g_assert_cmpstr (text, ==, expected->str);
  /* the records of pax make it long: not at every byte of it */
  if (strcmp (format, "PAX_FORMAT") != 0)
    check_parts (archive->data, archive->len, expected->str);
  else
    for (gsize at = 0; at < archive->len; at += at < 8 * BLOCK ? 1 : 4001)
      {
        g_autofree char *again = list_split (archive->data, archive->len, at);

        g_assert_cmpstr (again, ==, expected->str);
      }
}

/* wrong ones -------------------------------------------------------------------------------------------- */

static void
seal (guint8 *header)
{
  g_snprintf ((char *) header + AT_CHECKSUM, 8, "%06o", (guint) tar_checksum (header));
}

/* One header, whose fields are then made wrong. */
static GByteArray *
header_of (char type, guint64 size)
{
  GByteArray *archive = g_byte_array_new ();

  thole_tar_append_entry (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = "n", .size = size });
  archive->data[AT_TYPE] = (guint8) type;
  seal (archive->data);
  return archive;
}

static void
test_headers (void)
{
  static const struct { guint at; const char *bytes; guint length; const char *why; } bad[] = {
    { AT_NAME, "x", 1, "checksum" },
    { AT_CHECKSUM, "xxxxxxxx", 8, "checksum" },
    { AT_SIZE, "9", 1, "number" },
    { AT_SIZE, "-0000000001", 11, "number" },
    { AT_SIZE, "\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "size" },
    { AT_SIZE, "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", 12, "size" },
    { AT_SIZE, "\x80\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00", 12, "size" },
    { AT_SIZE, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "size" },
    { AT_UID, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "owner" },
    { AT_GID, "\xc0\x00\x00\x00\x00\x00\x00\x00", 8, "owner" },
    { AT_GID, "\x80\x00\x00\x00\xff\xff\xff\xff", 8, "owner" },
    { AT_MODE, "abc", 3, "number" },
    { AT_MTIME, "12:00", 5, "number" },
    { AT_TYPE, "S", 1, "holes" },
    { AT_TYPE, "M", 1, "volume" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GByteArray) archive = header_of ('0', 5);

      memcpy (archive->data + bad[i].at, bad[i].bytes, bad[i].length);
      if (i > 1)
        seal (archive->data);
      refused (archive->data, BLOCK, bad[i].why);
    }
}

static void
test_large (void)
{
  g_autoptr(GByteArray) archive = header_of ('0', G_GUINT64_CONSTANT (1) << 62);
  g_autoptr(TholeTar) tar = thole_tar_new ();
  g_autoptr(GString) out = g_string_new (NULL);
  gsize rest;

  /* the far end of time, too */
  memset (archive->data + AT_MTIME, 0xff, 12);
  archive->data[AT_MTIME + 3] = 0;
  seal (archive->data);
  g_assert_cmpint (feed (tar, archive->data, BLOCK, out, &rest, NULL), ==, THOLE_TAR_MORE);
  g_assert_cmpstr (out->str, ==, "f n 0 0:0 4611686018427387904 -36028797018963968 [");
  g_assert_cmpuint (thole_tar_left (tar), ==, G_GUINT64_CONSTANT (1) << 62);
}

static void
add_bytes (GByteArray *archive, const char *text, gsize length)
{
  g_byte_array_append (archive, (const guint8 *) text, (guint) length);
  thole_tar_append_padding (archive, length);
}

static GByteArray *
special_of (char type, const char *text, gsize length)
{
  GByteArray *archive = header_of (type, length);

  add_bytes (archive, text, length);
  thole_tar_append_entry (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = "n" });
  thole_tar_append_end (archive);
  return archive;
}

static void
test_pax (void)
{
  static const struct { const char *records, *entry; } good[] = {
    { "", "f n" }, { "9 path=a\n", "f a" }, { "9 path=a\n9 path=b\n", "f b" }, { "9 path=a\n8 path=\n", "f n" }, { "5 a=\n", "f n" },
    { "0009 a==\n", "f n" }, { "33 a.long.key.that.nobody.knows=\n", "f n" }, { "11 gid=123\n", "f n 0 0:123" }, { "8 uid=9\n", "f n 0 9:0" },
    { "12 mtime=-2\n", "f n 0 0:0 0 -2 " }, { "14 mtime=7.98\n", "f n 0 0:0 0 7 " },
    { "33 mtime=99999999999999999999999\n", "f n 0 0:0 0 36028797018963968 " },
  };
  static const struct { const char *records, *why; } bad[] = {
    { "1\n", "length" }, { "99999 path=x\n", "length" }, { "-5 path=x\n", "length" }, { "12 path=abc", "length" }, { "5 pa\n", "value" },
    { "0 a=b\n", "length" }, { "6 a=b", "length" }, { "5 a=b\n", "length" }, { "7 a=b\n", "length" }, { "5 =b\n", "no key" },
    { "3 a", "length" }, { "12", "in a record" }, { " 6 a=b\n", "length" }, { "99999999 a=b\n", "length" }, { "16 size=-100000\n", "number" },
    { "11 uid=abc\n", "number" }, { "10 gid=1.\n", "number" }, { "13 mtime=1e5\n", "number" }, { "27 uid=9223372036854775807\n", "owner" },
    { "29 size=99999999999999999999\n", "size" }, { "22 GNU.sparse.major=1\n", "holes" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr(GByteArray) archive = special_of ('x', good[i].records, strlen (good[i].records));
      g_autofree char *text = list (archive->data, archive->len);

      if (!g_str_has_prefix (text, good[i].entry))
        g_error ("%s gives %s", good[i].records, text);
      check_parts (archive->data, archive->len, text);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GByteArray) archive = special_of ('x', bad[i].records, strlen (bad[i].records));

      refused (archive->data, archive->len, bad[i].why);
    }
}

static void
test_specials (void)
{
  g_autofree char *longest = g_strnfill (THOLE_TAR_NAME_MAX + 1, 'n'), *record = g_strdup_printf ("65548 path=%s\n", longest);
  g_autofree char *text = NULL, *link = NULL;
  g_autoptr(GByteArray) good = NULL, with_nul = special_of ('L', "a\0b", 3), in_path = special_of ('x', "11 path=a\0\n", 11);
  g_autoptr(GByteArray) long_path = special_of ('x', record, strlen (record)), long_name = special_of ('L', longest, THOLE_TAR_NAME_MAX + 1);
  g_autoptr(GByteArray) global = special_of ('g', "9 path=a\n", 9), harmless = special_of ('g', "8 uid=7\n13 comment=a\n", 21);
  g_autoptr(GByteArray) alone = header_of ('K', 2), huge = header_of ('x', 1 << 30), longer = header_of ('L', THOLE_TAR_NAME_MAX + 2);
  g_autoptr(GByteArray) folder = header_of ('0', 3);

  refused (with_nul->data, with_nul->len, "NUL");
  refused (in_path->data, in_path->len, "NUL");
  refused (long_path->data, long_path->len, "too long");
  refused (long_name->data, long_name->len, "too long");
  refused (longer->data, longer->len, "too long");
  refused (huge->data, huge->len, "too large");
  refused (global->data, global->len, "all entries");
  text = list (harmless->data, harmless->len);
  g_assert_cmpstr (text, ==, "f n 0 0:0 0 0 []\n");
  add_bytes (alone, "a", 2);
  thole_tar_append_end (alone);
  refused (alone->data, alone->len, "between");
  memcpy (folder->data, "n/", 3);
  seal (folder->data);
  refused (folder->data, folder->len, "folder with a content");
  longest[THOLE_TAR_NAME_MAX] = '\0';
  good = special_of ('L', longest, THOLE_TAR_NAME_MAX + 1);
  link = list (good->data, good->len);
  g_assert_cmpuint (strlen (link), ==, THOLE_TAR_NAME_MAX + strlen ("f  0 0:0 0 0 []\n"));
}

static void
test_zeros (void)
{
  g_autoptr(GByteArray) archive = g_byte_array_new (), behind = g_byte_array_new ();
  g_autoptr(TholeTar) tar = thole_tar_new ();
  g_autoptr(GString) out = g_string_new (NULL);
  gsize rest;

  g_assert_cmpint (thole_tar_state (tar), ==, THOLE_TAR_UNENDED);
  thole_tar_append_padding (archive, 1);
  g_byte_array_append (archive, (const guint8 *) "", 1);
  g_assert_cmpuint (archive->len, ==, BLOCK);
  thole_tar_append_entry (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = "n" });
  refused (archive->data, archive->len, "single block");
  /* what follows the end is left where it is */
  thole_tar_append_end (behind);
  g_byte_array_append (behind, (const guint8 *) "rest", 4);
  g_assert_cmpint (feed (tar, behind->data, behind->len, out, &rest, NULL), ==, THOLE_TAR_END);
  g_assert_cmpuint (rest, ==, 4);
  g_assert_cmpint (feed (tar, behind->data, behind->len, out, &rest, NULL), ==, THOLE_TAR_END);
  g_assert_cmpuint (rest, ==, behind->len);
}

int
main (int argc, char **argv)
{
  static const char *const formats[] = { "--format=v7", "--format=oldgnu", "--format=gnu", "--format=ustar", "--format=posix" };
  static const char *const pythons[] = { "USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT" };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tar/round", test_round);
  g_test_add_func ("/tar/devices", test_devices);
  g_test_add_func ("/tar/skip", test_skip);
  g_test_add_func ("/tar/names", test_names);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autofree char *path = g_strconcat ("/tar/gnu/", formats[i] + strlen ("--format="), NULL);

      g_test_add (path, Place, formats[i], place_set_up, test_gnu, place_tear_down);
    }
  for (guint i = 0; i < G_N_ELEMENTS (pythons); i++)
    {
      g_autofree char *path = g_strconcat ("/tar/python/", pythons[i], NULL);

      g_test_add (path, Place, pythons[i], place_set_up, test_python, place_tear_down);
    }
  g_test_add ("/tar/holes/gnu", Place, "--format=gnu", place_set_up, test_holes, place_tear_down);
  g_test_add ("/tar/holes/posix", Place, "--format=posix", place_set_up, test_holes, place_tear_down);
  g_test_add_func ("/tar/headers", test_headers);
  g_test_add_func ("/tar/large", test_large);
  g_test_add_func ("/tar/pax", test_pax);
  g_test_add_func ("/tar/specials", test_specials);
  g_test_add_func ("/tar/zeros", test_zeros);
  return g_test_run ();
}
