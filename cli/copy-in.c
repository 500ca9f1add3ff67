/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy-work.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unpack.h"

typedef enum
{
  THERE_NOTHING,
  THERE_FILE,
  THERE_FOLDER,
} There;

/* what is at the goal */
static gboolean
look (CliCopy *self, There *there, GError **error)
{
  g_autoptr(GString) url = cli_copy_url (self->to, "", NULL);
  g_autoptr(CliReply) reply = NULL;

  cli_query (url, "length", "0");
  reply = cli_client_call (self->cli->client, "GET", url->str, NULL, CLI_ANSWER_TIME, self->cancellable, error);
  if (reply == NULL)
    return FALSE;
  *there = reply->status == 404 ? THERE_NOTHING : cli_copy_is_folder (reply) ? THERE_FOLDER : THERE_FILE;
  return *there != THERE_FILE || cli_reply_check (reply, error);
}

static gboolean
send (CliCopy *self, const char *method, const char *url, gint64 size, GError **error)
{
  g_autoptr(CliReply) reply = cli_client_upload (self->cli->client, method, url, self->source, size,
                                                 self->cancellable, error);

  if (reply != NULL && self->cli->output == CLI_OUTPUT_JSON && reply->body != NULL)
    cli_print_json (reply->body);
  return reply != NULL;
}

static gboolean
send_file (CliCopy *self, int fd, const struct stat *info, GError **error)
{
  g_autoptr(GInputStream) input = g_unix_input_stream_new (fd, TRUE);
  g_autofree char *mode = g_strdup_printf ("%u", S_ISREG (info->st_mode) ? (guint) info->st_mode & 07777 : 0644);
  g_autofree char *name = g_path_get_basename (self->from->path);
  g_autofree char *below = g_build_filename (self->to->path, name, NULL);
  g_autoptr(GString) url = NULL;
  There there = THERE_FOLDER;

  if (!self->to->folder && !look (self, &there, error))
    return FALSE;
  if (there == THERE_FOLDER && strcmp (self->from->path, "-") == 0)
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("%s is a folder: the standard input has no name"), self->to->path);
      return FALSE;
    }
  url = cli_copy_url (self->to, "", there == THERE_FOLDER ? below : NULL);
  cli_query (url, "mode", mode);
  self->total = S_ISREG (info->st_mode) ? info->st_size : -1;
  self->source = cli_source_new (input, self->total, NULL);
  return send (self, "PUT", url->str, self->total, error);
}

/* an archive from the standard input is unpacked as it is */
static gboolean
send_archive (CliCopy *self, GError **error)
{
  g_autoptr(GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr(GString) url = cli_copy_url (self->to, "/extract", NULL);

  self->source = cli_source_new (input, -1, NULL);
  return send (self, "POST", url->str, -1, error);
}

/* tar's own way to give what is in a folder another name above */
static char *
transform (const char *name)
{
  g_autoptr(GString) text = g_string_new ("--transform=s|^\\.|");

  for (; *name != '\0'; name++)
    {
      if (strchr ("\\&|", *name) != NULL)
        g_string_append_c (text, '\\');
      g_string_append_c (text, *name);
    }
  g_string_append (text, "|S");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
send_tar (CliCopy *self, const char *url, const char *name, GError **error)
{
  g_autofree char *change = name != NULL ? transform (name) : NULL;
  const char *const arguments[] = { "tar", "--create", "--file=-", "--format=gnu", "--hard-dereference", "--numeric-owner", "--owner=0", "--group=0",
                                    "--directory", self->from->path, change != NULL ? change : "--", change != NULL ? "--" : ".",
                                    change != NULL ? "." : NULL, NULL };
  g_autoptr(GSubprocess) process = cli_tar_spawn (arguments, G_SUBPROCESS_FLAGS_STDOUT_PIPE, error);
  gboolean sent;

  if (process == NULL)
    return FALSE;
  self->source = cli_source_new (g_subprocess_get_stdout_pipe (process), -1, process);
  sent = send (self, "POST", url, -1, error);
  if (!sent)
    g_subprocess_force_exit (process);
  g_subprocess_wait (process, NULL, NULL);
  return sent;
}

static gboolean
send_folder (CliCopy *self, GError **error)
{
  /* of "." and ".." the name is elsewhere */
  g_autofree char *whole = g_canonicalize_filename (self->from->path, NULL);
  g_autofree char *above = g_path_get_dirname (self->to->path);
  g_autofree char *name = NULL;
  g_autoptr(GString) url = NULL;
  There there;

  if (!look (self, &there, error))
    return FALSE;
  if (there == THERE_FILE)
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("%s is not a folder, so none can take its place"), self->to->path);
      return FALSE;
    }
  if (there == THERE_NOTHING)
    name = g_path_get_basename (self->to->path);
  else if (!self->from->content && strcmp (whole, "/") != 0)
    name = g_path_get_basename (whole);
  url = cli_copy_url (self->to, "/extract", there == THERE_NOTHING ? above : NULL);
  return send_tar (self, url->str, name, error);
}

static gboolean
copy (CliCopy *self, GError **error)
{
  const char *path = self->from->path;
  gboolean standard = strcmp (path, "-") == 0;
  struct stat info;
  int fd;

  if (standard && self->to->folder)
    return send_archive (self, error);
  /* a pipe that nobody writes to must not hold us here */
  fd = standard ? fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0 || fstat (fd, &info) != 0)
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, "%s: %s", path, g_strerror (errno));
      if (fd >= 0)
        close (fd);
      return FALSE;
    }
  if (!S_ISDIR (info.st_mode) || standard)
    {
      /* what was read of the standard input before is not sent */
      if (standard)
        info.st_mode = S_IFIFO;
      return send_file (self, fd, &info, error);
    }
  close (fd);
  return send_folder (self, error);
}

int
cli_copy_in (Cli *cli, const CliSide *from, const CliSide *to, GError **error)
{
  CliCopy self;
  gboolean copied;

  if (!cli_connect (cli, error))
    return CLI_FAILED;
  cli_copy_begin (&self, cli, from, to);
  copied = copy (&self, error);
  return cli_copy_end (&self, copied ? CLI_DONE : CLI_FAILED, error);
}
