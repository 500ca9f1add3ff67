/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy-work.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpack.h"

#define PIECE 65536
#define END 1024 /* zeros at the end of a whole archive */
#define MOST_LINKS 10

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

/* Returns: bytes, 0 = the end, -1 = @error */
static gssize
read_piece (CliCopy *self, GInputStream *input, guint8 *buffer, GError **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  g_input_stream_read_async (input, buffer, PIECE, G_PRIORITY_DEFAULT, self->cancellable, on_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return g_input_stream_read_finish (input, result, error);
}

static gboolean
broke (CliCopy *self, const char *why, GError **error)
{
  g_set_error (error, CLI_ERROR, CLI_UNREACHABLE, _("lost the daemon at %s: %s"), cli_client_url (self->cli->client), why);
  return FALSE;
}

/* zeros at the end, no more than count */
static gsize
count_zeros (gsize before, const guint8 *bytes, gsize length)
{
  gsize n = 0;

  while (n < length && n < END && bytes[length - 1 - n] == 0)
    n++;
  return n == length ? MIN (before + n, END) : n;
}

/* @zeros: (out) (optional) */
static gboolean
pump (CliCopy *self, CliStream *stream, int fd, const char *target, gsize *zeros, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (PIECE);
  g_autoptr(GError) fault = NULL;
  gsize ending = 0;
  gssize got;

  self->total = stream->size;
  while ((got = read_piece (self, stream->input, buffer, &fault)) > 0)
    {
      if (!cli_write (fd, buffer, (gsize) got))
        {
          g_set_error (error, CLI_ERROR, CLI_FAILED, "%s: %s", target, g_strerror (errno));
          return FALSE;
        }
      self->done += (guint64) got;
      ending = count_zeros (ending, buffer, (gsize) got);
    }
  if (got < 0)
    return broke (self, fault->message, error);
  if (stream->size >= 0 && self->done != (guint64) stream->size)
    return broke (self, _("the file is not whole"), error);
  if (zeros != NULL)
    *zeros = ending;
  return TRUE;
}

/* a file ------------------------------------------------------------------------------------------------- */

static mode_t
usual_mode (void)
{
  mode_t mask = umask (0);

  umask (mask);
  return 0666 & ~mask;
}

static gboolean
fail (const char *path, GError **error)
{
  g_set_error (error, CLI_ERROR, CLI_FAILED, "%s: %s", path, g_strerror (errno));
  return FALSE;
}

static gboolean
write_beside (CliCopy *self, CliStream *stream, const char *target, mode_t mode, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (target);
  g_autofree char *beside = g_build_filename (folder, ".tholectl-XXXXXX", NULL);
  int fd = g_mkstemp_full (beside, O_WRONLY | O_CLOEXEC, 0600);
  gboolean whole;

  if (fd < 0)
    return fail (folder, error);
  whole = pump (self, stream, fd, target, NULL, error);
  if (whole && (fchmod (fd, mode) != 0 || fsync (fd) != 0 || rename (beside, target) != 0))
    whole = fail (target, error);
  if (!whole)
    g_unlink (beside);
  close (fd);
  return whole;
}

/* a device, a pipe: there is nothing to be replaced */
static gboolean
write_into (CliCopy *self, CliStream *stream, const char *target, GError **error)
{
  int fd = open (target, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  gboolean written;

  if (fd < 0)
    return fail (target, error);
  written = pump (self, stream, fd, target, NULL, error);
  close (fd);
  return written;
}

static gboolean
take_file (CliCopy *self, CliStream *stream, GError **error)
{
  g_autofree char *name = g_path_get_basename (self->from->path);
  g_autofree char *target = g_strdup (self->to->path), *real = NULL;
  struct stat info = { 0 };
  gboolean exists;

  if (strcmp (target, "-") == 0)
    return pump (self, stream, STDOUT_FILENO, _("standard output"), NULL, error);
  if (self->to->folder || g_file_test (target, G_FILE_TEST_IS_DIR))
    {
      g_free (target);
      target = g_build_filename (self->to->path, name, NULL);
    }
  exists = stat (target, &info) == 0;
  if (exists && S_ISDIR (info.st_mode))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("%s is a folder, so no file can take its place"), target);
      return FALSE;
    }
  if (exists && !S_ISREG (info.st_mode))
    return write_into (self, stream, target, error);
  /* a link stays one: what it leads to is replaced */
  real = exists ? realpath (target, NULL) : NULL;
  return write_beside (self, stream, real != NULL ? real : target, exists ? info.st_mode & 0777 : usual_mode (), error);
}

/* a folder ----------------------------------------------------------------------------------------------- */

/* An engine that failed cuts the archive off, and that looks like a good end: only a connection that can be used once more was in order
 * to its last byte. */
static gboolean
is_whole (CliCopy *self, CliStream *stream, gsize zeros, GError **error)
{
  guint64 connection = stream->connection;
  g_autofree char *path = cli_path ("/v1/workloads/%s", self->from->workload);
  g_autoptr(CliReply) reply = NULL;

  /* it is free again */
  cli_stream_clear (stream);
  if (zeros == END)
    reply = cli_client_call (self->cli->client, "GET", path, NULL, CLI_ANSWER_TIME, self->cancellable, error);
  if (zeros == END && reply == NULL)
    return FALSE;
  return (reply != NULL && reply->connection == connection) || broke (self, _("the folder is not whole"), error);
}

static gboolean
ask_archive (CliCopy *self, const char *path, CliStream *stream, GError **error)
{
  g_autofree char *url = cli_path ("/v1/workloads/%s/files/archive", self->from->workload);
  GVariantDict body;

  g_variant_dict_init (&body, NULL);
  g_variant_dict_insert (&body, "path", "s", path);
  return cli_client_open (self->cli->client, "POST", url, g_variant_dict_end (&body), self->cancellable, stream, NULL, error);
}

/* Returns: (transfer full) (nullable): what was unpacked within @folder */
static CliUnpack *
unpack (CliCopy *self, const char *path, const char *folder, GError **error)
{
  g_auto(CliStream) stream = { 0 };
  g_autoptr(CliUnpack) unpacked = NULL;
  gsize zeros = 0;

  if (!ask_archive (self, path, &stream, error))
    return NULL;
  unpacked = cli_unpack_new (folder, error);
  if (unpacked == NULL || !pump (self, &stream, cli_unpack_fd (unpacked), "tar", &zeros, error)
      || !is_whole (self, &stream, zeros, error) || !cli_unpack_end (unpacked, error))
    return NULL;
  return g_steal_pointer (&unpacked);
}

/* Where the folder goes, and the folder (transfer full) in which it is unpacked before. */
static char *
goal_of (CliCopy *self, char **stage)
{
  g_autofree char *name = g_path_get_basename (self->from->path);
  g_autofree char *whole = g_canonicalize_filename (self->to->path, NULL);

  if (g_file_test (self->to->path, G_FILE_TEST_IS_DIR))
    {
      *stage = g_strdup (self->to->path);
      return self->from->content ? g_strdup (self->to->path) : g_build_filename (self->to->path, name, NULL);
    }
  *stage = g_path_get_dirname (whole);
  return g_steal_pointer (&whole);
}

static gboolean
take_folder (CliCopy *self, GError **error)
{
  g_autofree char *stage = NULL;
  g_autofree char *target = goal_of (self, &stage);
  g_autofree char *path = g_strdup (self->from->path);

  for (guint i = 0; i < MOST_LINKS; i++)
    {
      g_autofree char *name = g_path_get_basename (path);
      g_autofree char *above = g_path_get_dirname (path);
      g_autofree char *link = NULL;
      gboolean root = strcmp (path, "/") == 0;
      g_autoptr(CliUnpack) unpacked = unpack (self, path, stage, error);

      if (unpacked == NULL)
        return FALSE;
      link = root ? NULL : cli_unpack_link (unpacked, name);
      if (link == NULL)
        return cli_unpack_place (unpacked, root ? NULL : name, target, error);
      g_free (path);
      path = g_canonicalize_filename (link, above);
    }
  g_set_error (error, CLI_ERROR, CLI_FAILED, _("%s is a link that leads to too many others"), self->from->path);
  return FALSE;
}

static gboolean
write_archive (CliCopy *self, GError **error)
{
  g_auto(CliStream) stream = { 0 };
  gsize zeros = 0;

  return ask_archive (self, self->from->path, &stream, error)
         && pump (self, &stream, STDOUT_FILENO, _("standard output"), &zeros, error) && is_whole (self, &stream, zeros, error);
}

static gboolean
copy (CliCopy *self, GError **error)
{
  g_autoptr(GString) url = cli_copy_url (self->from, "", NULL);
  g_autoptr(CliReply) refusal = NULL;
  g_autoptr(GError) refused = NULL;
  g_auto(CliStream) stream = { 0 };

  if (!self->from->folder
      && cli_client_open (self->cli->client, "GET", url->str, NULL, self->cancellable, &stream, &refusal, &refused))
    return take_file (self, &stream, error);
  if (refused != NULL && !cli_copy_is_folder (refusal))
    {
      g_propagate_error (error, g_steal_pointer (&refused));
      return FALSE;
    }
  return strcmp (self->to->path, "-") == 0 ? write_archive (self, error) : take_folder (self, error);
}

int
cli_copy_out (Cli *cli, const CliSide *from, const CliSide *to, GError **error)
{
  CliCopy self;
  gboolean copied;

  if (!cli_connect (cli, error))
    return CLI_FAILED;
  cli_copy_begin (&self, cli, from, to);
  copied = copy (&self, error);
  return cli_copy_end (&self, copied ? CLI_DONE : CLI_FAILED, error);
}
