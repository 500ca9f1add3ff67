/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Archives of images, good ones and broken ones. Needs no engine, and to be nobody special.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "digest.h"
#include "thole-error.h"
#include "thole-tar.h"

#define LAYER "the bytes of a layer"
#define CONFIG "{\"architecture\":\"amd64\"}"
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

/* a folder `in` of archives, within one that is nobody's business */
typedef struct
{
  char *top, *folder, *layer; /* the layer's digest */
  GByteArray *tar;
  GMainLoop *loop;
  GAsyncResult *result;
  GCancellable *cancellable;
} Place;

static void
place_set_up (Place *p, gconstpointer data)
{
  p->top = g_dir_make_tmp ("thole-archive-XXXXXX", NULL);
  p->folder = g_build_filename (p->top, "in", NULL);
  p->layer = ctr_digest_of (LAYER, strlen (LAYER));
  p->tar = g_byte_array_new ();
  p->loop = g_main_loop_new (NULL, FALSE);
  p->cancellable = g_cancellable_new ();
  g_assert_cmpint (g_mkdir (p->folder, 0700), ==, 0);
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
  remove_all (p->top);
  g_byte_array_unref (p->tar);
  g_main_loop_unref (p->loop);
  g_clear_object (&p->result);
  g_object_unref (p->cancellable);
  g_free (p->layer);
  g_free (p->folder);
  g_free (p->top);
}

static void
add (Place *p, const char *name, const char *text)
{
  thole_tar_append_file (p->tar, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = name, .mode = 0644, .size = strlen (text) }, text);
}

/* under the name that its digest gives it. Returns: (transfer full): that digest */
static char *
add_blob (Place *p, const char *text)
{
  char *digest = ctr_digest_of (text, strlen (text));
  g_autofree char *name = g_strconcat ("blobs/sha256/", digest + 7, NULL);

  add (p, name, text);
  return digest;
}

static char *
manifest_of (const char *config, const char *layer, gsize size)
{
  return g_strdup_printf ("{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":1},\"layers\":[{\"mediaType\":\"x\",\"digest\":\"%s\",\"size\":%"
                          G_GSIZE_FORMAT "}]}", config, layer, size);
}

static char *
index_of (const char *digest)
{
  return g_strdup_printf ("{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:%064d\",\"platform\":{\"architecture\":\"mips64\",\"os\":\"linux\"}},"
                          "{\"digest\":\"%s\",\"size\":1}]}", 0, digest);
}

/* an OCI layout, whose index leads over @nested more of them to the manifest */
static void
add_layout (Place *p, guint nested, gsize size)
{
  g_autofree char *config = add_blob (p, CONFIG), *layer = add_blob (p, LAYER), *manifest = manifest_of (config, layer, size);
  g_autofree char *digest = add_blob (p, manifest), *index = NULL;

  add (p, "oci-layout", LAYOUT);
  for (guint i = 0; i < nested; i++)
    {
      g_autofree char *one = index_of (digest);

      g_free (digest);
      digest = add_blob (p, one);
    }
  index = index_of (digest);
  add (p, "index.json", index);
}

static void
put (Place *p, const char *name)
{
  g_autofree char *path = g_build_filename (p->folder, name, NULL);

  thole_tar_append_end (p->tar);
  g_assert_true (g_file_set_contents (path, (const char *) p->tar->data, p->tar->len, NULL));
  g_byte_array_set_size (p->tar, 0);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Place *p = user_data;

  g_set_object (&p->result, result);
  g_main_loop_quit (p->loop);
}

static CtrArchive *
open_archive (Place *p, const char *name, GError **error)
{
  ctr_archive_open_async (p->folder, name, "amd64", p->cancellable, on_done, p);
  g_main_loop_run (p->loop);
  return ctr_archive_open_finish (p->result, error);
}

static void
assert_refused (Place *p, const char *name, int code, const char *words)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(CtrArchive) archive = open_archive (p, name, &error);

  g_assert_null (archive);
  g_assert_error (error, THOLE_ERROR, code);
  g_assert_nonnull (strstr (error->message, words));
}

static void
assert_layer (Place *p, CtrArchive *archive)
{
  char text[64] = { 0 };
  gsize have = 0;

  for (gssize n = 1; n > 0; have += (gsize) n)
    {
      g_autoptr(GError) error = NULL;

      /* a few at a time */
      ctr_archive_read_async (archive, p->layer, (gint64) have, text + have, MIN (7, sizeof text - have), NULL, on_done, p);
      g_main_loop_run (p->loop);
      n = ctr_archive_read_finish (p->result, &error);
      g_assert_no_error (error);
      if (n == 0)
        break;
    }
  g_assert_cmpstr (text, ==, LAYER);
}

static void
test_layout (Place *p, gconstpointer data)
{
  for (guint nested = 0; nested < 2; nested++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(CtrArchive) archive = NULL;

      add_layout (p, nested, strlen (LAYER));
      put (p, "good.tar");
      archive = open_archive (p, "good.tar", &error);
      g_assert_no_error (error);
      g_assert_cmpstr (ctr_archive_type (archive), ==, "application/vnd.oci.image.manifest.v1+json");
      g_assert_cmpmem (g_bytes_get_data (ctr_archive_config (archive), NULL), g_bytes_get_size (ctr_archive_config (archive)), CONFIG, strlen (CONFIG));
      assert_layer (p, archive);
    }
  add_layout (p, 2, strlen (LAYER));
  put (p, "deep.tar");
  assert_refused (p, "deep.tar", THOLE_ERROR_INVALID, "within each other");
}

static void
test_layout_broken (Place *p, gconstpointer data)
{
  g_autofree char *config = ctr_digest_of (CONFIG, strlen (CONFIG)), *manifest = manifest_of (config, p->layer, strlen (LAYER));
  g_autofree char *digest = ctr_digest_of (manifest, strlen (manifest)), *name = g_strconcat ("blobs/sha256/", digest + 7, NULL);
  g_autofree char *index = index_of (digest);

  add_layout (p, 0, strlen (LAYER) + 1);
  put (p, "size.tar");
  assert_refused (p, "size.tar", THOLE_ERROR_INVALID, "another size");
  add (p, "oci-layout", LAYOUT);
  add (p, "index.json", index);
  add (p, name, CONFIG);
  put (p, "digest.tar");
  assert_refused (p, "digest.tar", THOLE_ERROR_INVALID, "another digest");
  add (p, "oci-layout", LAYOUT);
  add (p, "index.json", index);
  put (p, "missing.tar");
  assert_refused (p, "missing.tar", THOLE_ERROR_INVALID, "missing");
  add (p, "oci-layout", "{\"imageLayoutVersion\":\"2\"}");
  put (p, "version.tar");
  assert_refused (p, "version.tar", THOLE_ERROR_INVALID, "version");
  add (p, "oci-layout", LAYOUT);
  add (p, "index.json", "{\"manifests\":[]}");
  put (p, "empty.tar");
  assert_refused (p, "empty.tar", THOLE_ERROR_IMAGE_NOT_FOUND, "linux/amd64");
  add (p, "oci-layout", LAYOUT);
  add (p, "index.json", "[1,2");
  put (p, "json.tar");
  assert_refused (p, "json.tar", THOLE_ERROR_INVALID, "not what it should be");
}

static void
test_saved (Place *p, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(CtrArchive) archive = NULL;
  g_autofree char *text = NULL;

  add (p, "manifest.json", "[{\"Config\":\"c.json\",\"RepoTags\":null,\"Layers\":[\"./a/layer.tar\",\"a/layer.tar\"]}]");
  add (p, "c.json", CONFIG);
  add (p, "a/layer.tar", LAYER);
  put (p, "saved.tar");
  archive = open_archive (p, "saved.tar", &error);
  g_assert_no_error (error);
  text = g_strndup (g_bytes_get_data (ctr_archive_manifest (archive), NULL), g_bytes_get_size (ctr_archive_manifest (archive)));
  g_assert_nonnull (strstr (text, p->layer));
  g_assert_nonnull (strstr (text, "\"size\":20},{"));
  assert_layer (p, archive);
  add (p, "manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[\"b/layer.tar\"]}]");
  add (p, "c.json", CONFIG);
  put (p, "lacks.tar");
  assert_refused (p, "lacks.tar", THOLE_ERROR_INVALID, "a layer is missing");
  add (p, "manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[]}]");
  add (p, "c.json", "{\"architecture\":\"mips64\"}");
  put (p, "mips.tar");
  assert_refused (p, "mips.tar", THOLE_ERROR_IMAGE_NOT_FOUND, "linux/amd64");
  add (p, "manifest.json", "[]");
  put (p, "none.tar");
  assert_refused (p, "none.tar", THOLE_ERROR_INVALID, "no image");
}

/* links as older engines write them, relative to where they stand; and ones that go around in circles */
static void
test_links (Place *p, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(CtrArchive) archive = NULL;
  static const struct { const char *name, *target; } links[] = { { "b/layer.tar", "../a/layer.tar" }, { "c", "d" }, { "d", "c" } };

  add (p, "manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[\"b/layer.tar\"]}]");
  add (p, "c.json", CONFIG);
  add (p, "a/layer.tar", LAYER);
  for (guint i = 0; i < G_N_ELEMENTS (links); i++)
    {
      guint8 *head;
      guint sum = 0;

      add (p, links[i].name, "");
      head = p->tar->data + p->tar->len - 512;
      head[156] = '2';
      memcpy (head + 157, links[i].target, strlen (links[i].target));
      memset (head + 148, ' ', 8);
      for (guint at = 0; at < 512; at++)
        sum += head[at];
      g_snprintf ((char *) head + 148, 8, "%06o", sum);
    }
  put (p, "links.tar");
  archive = open_archive (p, "links.tar", &error);
  g_assert_no_error (error);
  assert_layer (p, archive);
  add (p, "manifest.json", "[{\"Config\":\"c\",\"Layers\":[]}]");
  add (p, "c", "");
  put (p, "no-config.tar");
  assert_refused (p, "no-config.tar", THOLE_ERROR_INVALID, "not what it should be");
}

static void
test_names (Place *p, gconstpointer data)
{
  g_autofree char *outside = g_build_filename (p->top, "outside.tar", NULL), *link = g_build_filename (p->folder, "link.tar", NULL);
  g_autofree char *folder = g_build_filename (p->folder, "folder.tar", NULL), *pipe = g_build_filename (p->folder, "pipe.tar", NULL);

  add_layout (p, 0, strlen (LAYER));
  put (p, "../outside.tar");
  g_assert_cmpint (symlink ("../outside.tar", link), ==, 0);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  assert_refused (p, "../outside.tar", THOLE_ERROR_INVALID, "out of the folder");
  assert_refused (p, outside, THOLE_ERROR_INVALID, "out of the folder");
  assert_refused (p, "link.tar", THOLE_ERROR_INVALID, "link.tar");
  assert_refused (p, "folder.tar", THOLE_ERROR_INVALID, "no file");
  assert_refused (p, "pipe.tar", THOLE_ERROR_INVALID, "no file");
  assert_refused (p, "nowhere.tar", THOLE_ERROR_IMAGE_NOT_FOUND, "nowhere.tar");
  assert_refused (p, "nowhere/x.tar", THOLE_ERROR_IMAGE_NOT_FOUND, "x.tar");
}

/* wherever it is cut off, it is refused or whole */
static void
test_cut (Place *p, gconstpointer data)
{
  g_autofree char *path = g_build_filename (p->folder, "cut.tar", NULL);
  GStatBuf about;
  gboolean whole = TRUE;

  add_layout (p, 1, strlen (LAYER));
  put (p, "cut.tar");
  g_assert_cmpint (g_stat (path, &about), ==, 0);
  for (goffset size = about.st_size - 1; size >= 0; size -= 100)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(CtrArchive) archive = NULL;

      g_assert_cmpint (truncate (path, size), ==, 0);
      archive = open_archive (p, "cut.tar", &error);
      g_assert_true ((archive != NULL) == (error == NULL));
      g_assert_true (archive == NULL || whole);
      whole = archive != NULL;
      if (error != NULL)
        g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
    }
  g_assert_false (whole);
}

static void
test_cancelled (Place *p, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(CtrArchive) archive = NULL;

  add_layout (p, 0, strlen (LAYER));
  put (p, "good.tar");
  g_cancellable_cancel (p->cancellable);
  archive = open_archive (p, "good.tar", &error);
  g_assert_null (archive);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/archive/layout", Place, NULL, place_set_up, test_layout, place_tear_down);
  g_test_add ("/archive/layout-broken", Place, NULL, place_set_up, test_layout_broken, place_tear_down);
  g_test_add ("/archive/saved", Place, NULL, place_set_up, test_saved, place_tear_down);
  g_test_add ("/archive/links", Place, NULL, place_set_up, test_links, place_tear_down);
  g_test_add ("/archive/names", Place, NULL, place_set_up, test_names, place_tear_down);
  g_test_add ("/archive/cut", Place, NULL, place_set_up, test_cut, place_tear_down);
  g_test_add ("/archive/cancelled", Place, NULL, place_set_up, test_cancelled, place_tear_down);
  return g_test_run ();
}
