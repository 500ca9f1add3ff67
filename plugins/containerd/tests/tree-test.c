/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Archives into a folder and out of it, good ones and hostile ones. Needs no engine, and to be nobody special.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thole-error.h"
#include "tree.h"

#define BLOCK 512

/* a folder `root` that is the container's, with `outside` beside it */
typedef struct
{
  char *top, *root;
  int fd;
  GByteArray *tar;
  gsize at;        /* how much of it was read */
  gsize step;      /* at most so much at a time */
  GByteArray *out; /* what was packed */
} Place;

static void
place_set_up (Place *p, gconstpointer data)
{
  g_autofree char *folder = NULL;

  p->top = g_dir_make_tmp ("thole-tree-XXXXXX", NULL);
  p->root = g_build_filename (p->top, "root", NULL);
  folder = g_build_filename (p->root, "room", NULL);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  p->fd = open (p->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  p->tar = g_byte_array_new ();
  p->out = g_byte_array_new ();
  p->step = G_MAXSIZE;
}

static void
remove_all (const char *path)
{
  g_autoptr(GDir) list = g_dir_open (path, 0, NULL);
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      GStatBuf about;

      if (g_lstat (child, &about) == 0 && S_ISDIR (about.st_mode))
        remove_all (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

static void
place_tear_down (Place *p, gconstpointer data)
{
  close (p->fd);
  remove_all (p->top);
  g_byte_array_unref (p->tar);
  g_byte_array_unref (p->out);
  g_free (p->top);
  g_free (p->root);
}

/* archives -------------------------------------------------------------------------------------------- */

static void
seal (char *header)
{
  guint sum = 0;

  memset (header + 148, ' ', 8);
  for (guint i = 0; i < BLOCK; i++)
    sum += (guint8) header[i];
  g_snprintf (header + 148, 8, "%06o", sum);
}

/* @size: what the header says */
static void
add_head (Place *p, char kind, const char *name, const char *link, guint mode, guint64 size)
{
  char header[BLOCK] = { 0 };

  memcpy (header, name, MIN (strlen (name), 100));
  g_snprintf (header + 100, 8, "%07o", mode);
  g_snprintf (header + 108, 8, "%07o", getuid ());
  g_snprintf (header + 116, 8, "%07o", getgid ());
  g_snprintf (header + 124, 12, "%011" G_GINT64_MODIFIER "o", size);
  g_snprintf (header + 136, 12, "%011o", 1500000000);
  header[156] = kind;
  memcpy (header + 157, link, MIN (strlen (link), 100));
  memcpy (header + 257, "ustar\00000", 8);
  seal (header);
  g_byte_array_append (p->tar, (guint8 *) header, BLOCK);
}

static void
add_bytes (Place *p, const char *text, gsize length)
{
  static const guint8 zeros[BLOCK];

  g_byte_array_append (p->tar, (const guint8 *) text, (guint) length);
  if (length % BLOCK != 0)
    g_byte_array_append (p->tar, zeros, (guint) (BLOCK - length % BLOCK));
}

static void
add (Place *p, char kind, const char *name, const char *text)
{
  gboolean file = kind == '0' || kind == 'x' || kind == 'L';

  add_head (p, kind, name, file ? "" : text, kind == '5' ? 0750 : 0640, file ? strlen (text) : 0);
  if (file)
    add_bytes (p, text, strlen (text));
}

static void
add_end (Place *p)
{
  static const guint8 zeros[2 * BLOCK];

  g_byte_array_append (p->tar, zeros, sizeof zeros);
}

static gssize
take (gpointer user_data, void *buffer, gsize size, GError **error)
{
  Place *p = user_data;
  gsize n = MIN (MIN (size, p->tar->len - p->at), p->step);

  memcpy (buffer, p->tar->data + p->at, n);
  p->at += n;
  return (gssize) n;
}

static gboolean
keep (gpointer user_data, const void *data, gsize size, GError **error)
{
  g_byte_array_append (((Place *) user_data)->out, data, (guint) size);
  return TRUE;
}

static void
fill_ok (Place *p, const char *path)
{
  g_autoptr(GError) error = NULL;
  gboolean done;

  p->at = 0;
  done = ctr_tree_fill (p->fd, path, take, p, &error);
  g_assert_no_error (error);
  g_assert_true (done);
  g_assert_cmpuint (p->at, ==, p->tar->len);
  g_byte_array_set_size (p->tar, 0);
}

/* How many things lie in the folder and below it; none of them is unfinished. */
static guint
count_in (const char *path)
{
  g_autoptr(GDir) list = g_dir_open (path, 0, NULL);
  const char *name;
  guint count = 0;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      GStatBuf about;

      g_assert_false (g_str_has_prefix (name, ".thole-"));
      count++;
      if (g_lstat (child, &about) == 0 && S_ISDIR (about.st_mode))
        count += count_in (child);
    }
  return count;
}

static void
fill_fails (Place *p, const char *path, int code)
{
  g_autoptr(GError) error = NULL;

  p->at = 0;
  g_assert_false (ctr_tree_fill (p->fd, path, take, p, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, THOLE_ERROR, code);
  count_in (p->top);
  g_byte_array_set_size (p->tar, 0);
}

static char *
text_of (Place *p, const char *path)
{
  g_autofree char *whole = g_build_filename (p->top, path, NULL);
  char *text = NULL;

  g_file_get_contents (whole, &text, NULL, NULL);
  return text;
}

#define assert_text(p, path, expected)              \
  G_STMT_START                                      \
  {                                                 \
    g_autofree char *text_ = text_of (p, path);     \
    g_assert_cmpstr (text_, ==, expected);          \
  }                                                 \
  G_STMT_END

static struct stat
about (Place *p, const char *path)
{
  g_autofree char *whole = g_build_filename (p->top, path, NULL);
  struct stat about;

  g_assert_cmpint (lstat (whole, &about), ==, 0);
  return about;
}

static void
pack_ok (Place *p, const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(CtrPack) pack = ctr_pack_new (p->fd, path, &error);

  g_assert_no_error (error);
  g_byte_array_set_size (p->out, 0);
  g_assert_true (ctr_pack_run (pack, keep, p, &error));
  g_assert_no_error (error);
}

/* good ones ------------------------------------------------------------------------------------------- */

static void
add_samples (Place *p, const char *long_name)
{
  g_autofree char *record = g_strdup_printf ("path=%s\n", long_name), *pax = NULL;

  pax = g_strdup_printf ("%" G_GSIZE_FORMAT " %s", strlen (record) + 4, record);
  add (p, '5', "./", "");
  add (p, '5', "a/", "");
  add (p, '0', "a/file", "hello\n");
  add (p, '2', "a/link", "file");
  add (p, '1', "a/other", "a/file");
  add (p, '6', "a/pipe", "");
  add (p, 'L', "././@LongLink", long_name);
  add (p, '0', "short", "long");
  add (p, 'x', "pax", pax);
  add (p, '0', "short", "longer");
  add (p, '0', "without/its/folder", "x");
  add (p, '0', "/absolute", "below all the same");
}

static void
test_fill (Place *p, gconstpointer step)
{
  g_autofree char *name = g_strnfill (120, 'n'), *where = g_strconcat ("root/room/", name, NULL);
  struct stat file, folder;

  p->step = GPOINTER_TO_SIZE (step);
  add_samples (p, name);
  add_end (p);
  fill_ok (p, "/room");
  assert_text (p, "root/room/a/file", "hello\n");
  assert_text (p, "root/room/a/link", "hello\n");
  assert_text (p, "root/room/without/its/folder", "x");
  assert_text (p, "root/room/absolute", "below all the same");
  assert_text (p, where, "longer");
  file = about (p, "root/room/a/file");
  g_assert_cmpint (file.st_mode & 07777, ==, 0640);
  g_assert_cmpint (file.st_mtime, ==, 1500000000);
  g_assert_cmpint (file.st_nlink, ==, 2);
  folder = about (p, "root/room/a");
  g_assert_cmpint (folder.st_mode & 07777, ==, 0750);
  g_assert_cmpint (folder.st_mtime, ==, 1500000000);
  g_assert_true (S_ISFIFO (about (p, "root/room/a/pipe").st_mode));
  /* the folder itself stays as it was */
  g_assert_cmpint (about (p, "root/room").st_mode & 07777, ==, 0755);
  /* again over what is there, without an end */
  add_samples (p, name);
  fill_ok (p, "/room");
  g_assert_cmpuint (count_in (p->top), ==, 12);
}

static void
test_replace (Place *p, gconstpointer data)
{
  add (p, '0', "x", "first");
  add (p, '2', "l", "x");
  add (p, '0', "l", "a file now");
  add (p, '5', "d", "");
  add (p, '5', "x", "");
  fill_ok (p, "/room");
  assert_text (p, "root/room/l", "a file now");
  g_assert_true (S_ISDIR (about (p, "root/room/x").st_mode));
  add (p, '0', "d", "a folder gives no place");
  fill_fails (p, "/room", THOLE_ERROR_INVALID);
}

static void
test_round (Place *p, gconstpointer data)
{
  g_autofree char *name = g_strnfill (250, 'n'), *link = g_strnfill (300, 'l'), *content = g_strnfill (200000, 'c');
  g_autoptr(GByteArray) packed = NULL;

  add (p, '5', "tree", "");
  add (p, '0', "tree/empty", "");
  add (p, '0', "tree/big", content);
  add (p, 'L', "@", name);
  add (p, '5', "d", "");
  fill_ok (p, "/room");
  g_assert_cmpint (symlinkat (link, p->fd, "room/tree/long"), ==, 0);
  pack_ok (p, "/room/tree");
  g_assert_cmpstr ((char *) p->out->data, ==, "tree/");
  packed = g_byte_array_ref (p->out);
  g_byte_array_append (p->tar, packed->data, packed->len);
  p->step = 1000;
  fill_ok (p, "/");
  assert_text (p, "root/tree/big", content);
  assert_text (p, "root/tree/empty", "");
  g_assert_cmpint (about (p, "root/tree/long").st_size, ==, 300);
  g_assert_cmpint (about (p, "root/tree").st_mtime, >=, 1500000000);
}

static void
test_pack_one (Place *p, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  add (p, '0', "file", "content");
  add (p, '2', "link", "/room/file");
  fill_ok (p, "/room");
  pack_ok (p, "/room/file");
  g_assert_cmpstr ((char *) p->out->data, ==, "file");
  g_assert_cmpint (memcmp (p->out->data + BLOCK, "content", 8), ==, 0);
  /* the link itself; or, asked for, what is behind it in there */
  pack_ok (p, "/room/link");
  g_assert_cmpint (p->out->data[156], ==, '2');
  pack_ok (p, "/room/link/.");
  g_assert_cmpint (memcmp (p->out->data + BLOCK, "content", 8), ==, 0);
  pack_ok (p, "/");
  g_assert_cmpstr ((char *) p->out->data, ==, "./");
  g_assert_null (ctr_pack_new (p->fd, "/room/none", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (ctr_pack_new (p->fd, "/room/file/none", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
}

typedef struct
{
  Place *place;
  const char *path;
} Shrinking;

static gboolean
keep_and_shrink (gpointer user_data, const void *data, gsize size, GError **error)
{
  Shrinking *self = user_data;

  /* its head has told how long it is */
  if (self->place->out->len > 0)
    g_assert_cmpint (truncate (self->path, 10), ==, 0);
  return keep (self->place, data, size, error);
}

/* What became shorter is filled up, and what comes after it is whole. */
static void
test_shrinks (Place *p, gconstpointer data)
{
  g_autofree char *content = g_strnfill (200000, 'c'), *zeros = g_malloc0 (200000), *path = g_build_filename (p->root, "room", "file", NULL);
  Shrinking shrinking = { p, path };
  g_autoptr(CtrPack) pack = NULL;
  g_autoptr(GError) error = NULL;
  const guint8 *came;

  add (p, '0', "file", content);
  fill_ok (p, "/room");
  pack = ctr_pack_new (p->fd, "/room/file", &error);
  g_assert_no_error (error);
  g_assert_true (ctr_pack_run (pack, keep_and_shrink, &shrinking, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (p->out->len, ==, BLOCK + (200000 + BLOCK - 1) / BLOCK * BLOCK + 2 * BLOCK);
  g_assert_cmpint (strtol ((char *) p->out->data + 124, NULL, 8), ==, 200000);
  came = p->out->data + BLOCK;
  g_assert_cmpint (memcmp (came, content, 10), ==, 0);
  g_assert_cmpint (memcmp (came + 100000, zeros, 100000), ==, 0);
}

static gboolean
is_regular (const char *path)
{
  return g_file_test (path, G_FILE_TEST_IS_REGULAR);
}

static char *
capabilities (void)
{
  g_autofree char *text = NULL;
  const char *line;

  g_assert_true (g_file_get_contents ("/proc/thread-self/status", &text, NULL, NULL));
  line = strstr (text, "CapEff:");
  return g_strndup (line, strcspn (line, "\n"));
}

/* Files without a size, or with another one than they have, have the one of what they say. */
static void
test_made_up (Place *p, gconstpointer data)
{
  const struct { const char *path, *text; } files[] = { { "/proc/sys/kernel/ostype", "Linux\n" }, { "/sys/class/net/lo/mtu", "65536\n" } };
  g_autofree char *before = capabilities (), *after = NULL;
  g_autoptr(GError) error = NULL;

  close (p->fd);
  p->fd = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *text = NULL;

      /* a machine may have another one, or none */
      if (!g_file_get_contents (files[i].path, &text, NULL, NULL) || strcmp (text, files[i].text) != 0)
        continue;
      pack_ok (p, files[i].path);
      g_assert_cmpint (p->out->len, ==, 4 * BLOCK);
      g_assert_cmpint (strtol ((char *) p->out->data + 124, NULL, 8), ==, strlen (files[i].text));
      g_assert_cmpstr ((char *) p->out->data + BLOCK, ==, files[i].text);
    }
  /* of a folder's those that cannot be read are empty */
  if (is_regular ("/sys/class/net/lo/mtu"))
    pack_ok (p, "/sys/class/net/lo/.");
  /* none of those that only the mighty may read, nor what only they are told */
  g_assert_true (!is_regular ("/proc/kmsg") || ctr_pack_new (p->fd, "/proc/kmsg", &error) == NULL);
  g_assert_true (error == NULL || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_DENIED));
  if (is_regular ("/proc/kallsyms"))
    {
      pack_ok (p, "/proc/kallsyms");
      g_assert_true (p->out->len == 3 * BLOCK || g_str_has_prefix ((char *) p->out->data + BLOCK, "0000000000000000 "));
    }
  after = capabilities ();
  g_assert_cmpstr (after, ==, before);
}

/* hostile ones ---------------------------------------------------------------------------------------- */

static void
test_names (Place *p, gconstpointer data)
{
  const char *const bad[] = { "../escaped", "a/../../escaped", "/../escaped", "..", "a/.." };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      add (p, '0', bad[i], "out");
      fill_fails (p, "/room", THOLE_ERROR_INVALID);
    }
  /* neither by another name of a file */
  add (p, '1', "x", "../../outside");
  fill_fails (p, "/room", THOLE_ERROR_INVALID);
  add (p, '1', "x", "/etc/passwd");
  fill_fails (p, "/room", THOLE_ERROR_INVALID);
  add (p, '0', "", "nameless");
  fill_fails (p, "/room", THOLE_ERROR_INVALID);
  g_assert_cmpuint (count_in (p->top), ==, 2);
}

static void
test_links (Place *p, gconstpointer data)
{
  g_autofree char *outside = g_build_filename (p->top, "outside", NULL);
  const char *const bad[] = { "..", "../..", "/", "/etc", outside, "/proc/self/root", "/proc/self/cwd" };

  g_assert_cmpint (g_mkdir (outside, 0755), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      add (p, '2', "way", bad[i]);
      add (p, '0', "way/evil", "out");
      fill_fails (p, "/room", THOLE_ERROR_INVALID);
      add (p, '2', "way", bad[i]);
      add (p, '1', "x", "way/evil");
      fill_fails (p, "/room", THOLE_ERROR_INVALID);
    }
  g_assert_cmpuint (count_in (outside), ==, 0);
  /* one that stays beneath is a way as any other */
  add (p, '5', "real", "");
  add (p, '2', "way", "real");
  add (p, '0', "way/good", "in");
  fill_ok (p, "/room");
  assert_text (p, "root/room/real/good", "in");
  /* in the whole root an absolute one leads where it does for the programs in there */
  add (p, '2', "abs", "/room/real");
  add (p, '0', "abs/more", "in");
  fill_ok (p, "/");
  assert_text (p, "root/room/real/more", "in");
}

static void
test_target (Place *p, gconstpointer data)
{
  g_autofree char *link = g_build_filename (p->root, "out", NULL), *up = g_build_filename (p->root, "up", NULL);
  g_autofree char *file = g_build_filename (p->root, "file", NULL), *secret = g_build_filename (p->top, "secret", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_true (g_file_set_contents (file, "x", -1, NULL) && g_file_set_contents (secret, "secret", -1, NULL));
  g_assert_cmpint (symlink (p->top, link), ==, 0);
  g_assert_cmpint (symlink ("../../../../../..", up), ==, 0);
  add (p, '0', "evil", "out");
  fill_fails (p, "/out", THOLE_ERROR_NOT_FOUND);
  add (p, '0', "evil", "out");
  fill_fails (p, "/none", THOLE_ERROR_NOT_FOUND);
  add (p, '0', "evil", "out");
  fill_fails (p, "/file", THOLE_ERROR_INVALID);
  /* above the root there is the root */
  add (p, '0', "stays", "in");
  fill_ok (p, "/up");
  assert_text (p, "root/stays", "in");
  g_assert_null (ctr_pack_new (p->fd, "/out/secret", &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (ctr_pack_new (p->fd, "/up/secret", &error));
  g_clear_error (&error);
  g_assert_null (ctr_pack_new (p->fd, "/../secret", &error));
}

static void
test_devices (Place *p, gconstpointer data)
{
  for (const char *kind = "34"; *kind != '\0'; kind++)
    {
      add (p, *kind, "device", "");
      fill_fails (p, "/room", THOLE_ERROR_INVALID);
    }
  for (const char *kind = "SVDMAX\xff"; *kind != '\0'; kind++)
    {
      add (p, *kind, "strange", "");
      fill_fails (p, "/room", THOLE_ERROR_INVALID);
    }
}

static void
set_field (Place *p, guint at, const char *bytes, gsize length)
{
  memcpy (p->tar->data + p->tar->len - BLOCK + at, bytes, length);
  seal ((char *) p->tar->data + p->tar->len - BLOCK);
}

static void
test_sizes (Place *p, gconstpointer data)
{
  static const struct { guint at; const char *bytes; gsize length; } bad[] = {
    { 124, "\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12 }, { 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12 },
    { 124, "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", 12 }, { 124, "\x80\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", 12 },
    { 124, "77777777777", 11 }, { 124, "-0000000001", 11 }, { 124, "9", 1 }, { 108, "\xff\xff\xff\xff\xff\xff\xff\xff", 8 },
    { 108, "\x80\x00\x00\x00\xff\xff\xff\xff", 8 }, { 100, "abc", 3 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      add_head (p, '0', "huge", "", 0644, 5);
      set_field (p, bad[i].at, bad[i].bytes, bad[i].length);
      add_bytes (p, "hello", 5);
      fill_fails (p, "/room", THOLE_ERROR_INVALID);
    }
  /* extended headers of any size, and what they may say */
  add_head (p, 'x', "pax", "", 0644, 1 << 30);
  fill_fails (p, "/room", THOLE_ERROR_INVALID);
  for (guint i = 0; i < 9; i++)
    {
      const char *const records[] = { "1\n", "99999 path=x\n", "-5 path=x\n", "12 path=abc", "5 pa\n", "0 a=b\n", "15 size=-100000\n",
                                      "22 GNU.sparse.major=1\n", "11 uid=abc\n" };

      add (p, 'x', "pax", records[i]);
      add (p, '0', "file", "x");
      fill_fails (p, "/room", THOLE_ERROR_INVALID);
    }
  g_assert_cmpuint (count_in (p->top), ==, 2);
}

/* Cut anywhere: a file is whole, or it is not there. */
static void
test_cut (Place *p, gconstpointer data)
{
  g_autofree char *content = g_strnfill (3000, 'c'), *name = g_strnfill (110, 'n');
  g_autoptr(GByteArray) whole = g_byte_array_new ();

  add (p, '0', "first", content);
  add (p, 'L', "@", name);
  add (p, '0', "second", content);
  g_byte_array_append (whole, p->tar->data, p->tar->len);
  for (guint at = 1; at < whole->len; at += 97)
    {
      g_autofree char *first = g_build_filename (p->root, "room", "first", NULL), *second = g_build_filename (p->root, "room", name, NULL);
      g_autofree char *text = NULL, *other = NULL;

      g_unlink (first);
      g_byte_array_set_size (p->tar, 0);
      g_byte_array_append (p->tar, whole->data, at);
      p->at = 0;
      ctr_tree_fill (p->fd, "/room", take, p, NULL);
      if (g_file_get_contents (first, &text, NULL, NULL))
        g_assert_cmpstr (text, ==, content);
      if (g_file_get_contents (second, &other, NULL, NULL))
        g_assert_cmpstr (other, ==, content);
      count_in (p->top);
    }
}

/* The bytes of good archives with some that are wrong: nothing but an answer comes of it. */
static void
test_noise (Place *p, gconstpointer data)
{
  g_autofree char *name = g_strnfill (120, 'n');
  g_autoptr(GByteArray) whole = g_byte_array_new ();
  GRand *random = g_rand_new_with_seed (7);

  add_samples (p, name);
  g_byte_array_append (whole, p->tar->data, p->tar->len);
  for (guint round = 0; round < 2000; round++)
    {
      g_byte_array_set_size (p->tar, 0);
      g_byte_array_append (p->tar, whole->data, whole->len);
      for (guint i = 0; i < 3; i++)
        {
          guint head = (guint) g_rand_int_range (random, 0, (gint) (whole->len / BLOCK)) * BLOCK;

          p->tar->data[head + (guint) g_rand_int_range (random, 0, BLOCK)] = (guint8) g_rand_int (random);
          /* one with a right sum goes further */
          seal ((char *) p->tar->data + head);
        }
      p->at = 0;
      ctr_tree_fill (p->fd, "/room", take, p, NULL);
    }
  g_rand_free (random);
  /* beside the root there is nothing */
  for (guint i = 0; i < 1; i++)
    {
      g_autoptr(GDir) list = g_dir_open (p->top, 0, NULL);

      g_assert_cmpstr (g_dir_read_name (list), ==, "root");
      g_assert_null (g_dir_read_name (list));
    }
}

static void
test_deep (Place *p, gconstpointer data)
{
  g_autoptr(GString) path = g_string_new ("deep");
  g_autoptr(GError) error = NULL;
  g_autoptr(CtrPack) pack = NULL;

  for (guint i = 0; i < 150; i++)
    g_string_append (path, "/d");
  add (p, 'L', "@", path->str);
  add (p, '5', "d", "");
  fill_ok (p, "/room");
  pack = ctr_pack_new (p->fd, "/room/deep", NULL);
  g_assert_false (ctr_pack_run (pack, keep, p, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT);
  g_string_set_size (path, 0);
  for (guint i = 0; i < 3000; i++)
    g_string_append (path, "d/");
  add (p, 'L', "@", path->str);
  add (p, '5', "d", "");
  fill_fails (p, "/room", THOLE_ERROR_INVALID);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function, data) g_test_add ("/tree/" name, Place, data, place_set_up, function, place_tear_down)
  ADD ("fill", test_fill, GSIZE_TO_POINTER (G_MAXSIZE));
  ADD ("fill-byte-by-byte", test_fill, GSIZE_TO_POINTER (1));
  ADD ("replace", test_replace, NULL);
  ADD ("shrinks", test_shrinks, NULL);
  ADD ("made-up", test_made_up, NULL);
  ADD ("round", test_round, NULL);
  ADD ("pack-one", test_pack_one, NULL);
  ADD ("names", test_names, NULL);
  ADD ("links", test_links, NULL);
  ADD ("target", test_target, NULL);
  ADD ("devices", test_devices, NULL);
  ADD ("sizes", test_sizes, NULL);
  ADD ("cut", test_cut, NULL);
  ADD ("noise", test_noise, NULL);
  ADD ("deep", test_deep, NULL);
  return g_test_run ();
}
