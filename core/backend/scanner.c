/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/scanner.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/tables.h"
#include "backend/verdicts.h"

#define MAX_FOLDERS 64
#define MAX_MANIFESTS 256
#define MAX_MANIFEST_BYTES 65536

static void
finding_free (gpointer data)
{
  TholeFinding *finding = data;

  thole_manifest_free (finding->manifest);
  g_clear_error (&finding->fault);
  g_free (finding);
}

/* Of root, of who we are, or of who called sudo: all of them can already do what they like here. */
static gboolean
owner_is_trusted (uid_t owner)
{
  const char *caller = g_getenv ("SUDO_UID");
  guint64 uid;

  if (owner == 0 || owner == getuid () || owner == geteuid ())
    return TRUE;
  return caller != NULL && g_ascii_string_to_unsigned (caller, 10, 1, G_MAXUINT32 - 1, &uid, NULL)
         && owner == (uid_t) uid;
}

static gboolean
check_trust (const char *path, mode_t kind, GError **error)
{
  struct stat file;

  if (lstat (path, &file) != 0)
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_UNTRUSTED, "%s: %s", path, g_strerror (errno));
  else if ((file.st_mode & S_IFMT) != kind)
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_UNTRUSTED, "%s is not a %s, as root demands", path,
                 kind == S_IFDIR ? "folder" : "plain file");
  else if (!owner_is_trusted (file.st_uid))
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_UNTRUSTED,
                 "%s belongs to uid %u, neither to root nor to the caller", path, (guint) file.st_uid);
  else if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_UNTRUSTED,
                 "%s has mode %04o: others than its owner may write it, which root does not trust", path,
                 (guint) (file.st_mode & 07777));
  else
    return TRUE;
  return FALSE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Returns: (transfer full): full paths by name */
static GPtrArray *
list_manifests (const char *folder)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      if (!g_str_has_suffix (name, ".plugin") || name[0] == '.')
        continue;
      if (paths->len == MAX_MANIFESTS)
        {
          g_warning ("%s holds more than %d manifests; the rest is not read", folder, MAX_MANIFESTS);
          break;
        }
      g_ptr_array_add (paths, g_build_filename (folder, name, NULL));
    }
  g_ptr_array_sort (paths, compare_names);
  return paths;
}

static const TholeFinding *
find_id (GPtrArray *findings, const char *id)
{
  for (guint i = 0; i < findings->len; i++)
    {
      const TholeFinding *finding = findings->pdata[i];

      if (strcmp (finding->manifest->id, id) == 0)
        return finding;
    }
  return NULL;
}

static gboolean
check_manifest_file (const char *path, gboolean strict, GError **error)
{
  struct stat file;

  if (strict && !check_trust (path, S_IFREG, error))
    return FALSE;
  if (stat (path, &file) != 0)
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_MANIFEST, "%s: %s", path, g_strerror (errno));
  else if (!S_ISREG (file.st_mode) || file.st_size > MAX_MANIFEST_BYTES)
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_MANIFEST,
                 "%s is not a plain file of at most %d bytes", path, MAX_MANIFEST_BYTES);
  else
    return TRUE;
  return FALSE;
}

/* Everything that can be said without running the driver's code in this process. */
static gboolean
judge (GPtrArray *findings, const TholeManifest *manifest, gboolean strict, TholeVerdicts *verdicts, GError **error)
{
  const TholeFinding *first = find_id (findings, manifest->id);

  if (first != NULL)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_DUPLICATE,
                   "the id \"%s\" of %s is taken by %s", manifest->id, manifest->path, first->manifest->path);
      return FALSE;
    }
  if (manifest->disabled)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_DISABLED, "disabled by %s", manifest->path);
      return FALSE;
    }
  if (strict && !check_trust (manifest->module, S_IFREG, error))
    return FALSE;
  return thole_verdicts_ask (verdicts, manifest->path, manifest->module, error);
}

static void
scan_file (GPtrArray *findings, const char *path, gboolean strict, TholeVerdicts *verdicts)
{
  TholeFinding *finding = g_new0 (TholeFinding, 1);
  g_autoptr(GError) file_fault = NULL;

  if (check_manifest_file (path, strict, &file_fault))
    {
      finding->manifest = thole_manifest_read (path, &finding->fault);
      if (finding->fault == NULL)
        judge (findings, finding->manifest, strict, verdicts, &finding->fault);
    }
  else
    {
      finding->manifest = thole_manifest_unread (path);
      finding->fault = g_steal_pointer (&file_fault);
    }
  g_ptr_array_add (findings, finding);
}

static void
scan_folder (GPtrArray *findings, const char *name, gboolean strict, TholeVerdicts *verdicts)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = g_canonicalize_filename (name, NULL);
  g_autoptr(GPtrArray) paths = NULL;

  if (strict && !check_trust (folder, S_IFDIR, &error))
    {
      g_warning ("drivers are not looked for: %s", error->message);
      return;
    }
  paths = list_manifests (folder);
  for (guint i = 0; i < paths->len && findings->len < MAX_MANIFESTS; i++)
    scan_file (findings, paths->pdata[i], strict, verdicts);
}

GPtrArray *
thole_scan (const TholeScan *scan)
{
  GPtrArray *findings = g_ptr_array_new_with_free_func (finding_free);
  g_autoptr(TholeVerdicts) verdicts
    = thole_verdicts_new (scan->state_dir, scan->check_program, scan->check_timeout);
  /* a set-uid or file-capability start takes no paths from its caller */
  gboolean secure = getauxval (AT_SECURE) != 0;
  g_auto(GStrv) folders = g_strsplit (scan->driver_path != NULL && !secure ? scan->driver_path : "", ":", MAX_FOLDERS);

  if (secure && scan->driver_path != NULL)
    g_warning ("the driver path is ignored: this process runs with more rights than its caller");
  for (char **folder = folders; *folder != NULL; folder++)
    if ((*folder)[0] != '\0')
      scan_folder (findings, *folder, geteuid () == 0, verdicts);
  if (scan->built_in != NULL)
    scan_folder (findings, scan->built_in, FALSE, verdicts);
  return findings;
}

char *
thole_scan_find_check_program (void)
{
  static const char *const places[] = {
    "thole-driver-check", "../sdk/check/thole-driver-check", "../../sdk/check/thole-driver-check",
    "../bin/thole-driver-check", THOLE_BINDIR "/thole-driver-check",
  };
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self != NULL ? g_path_get_dirname (self) : g_strdup ("/");

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_canonicalize_filename (places[i], folder);

      if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer (&path);
    }
  return NULL;
}
