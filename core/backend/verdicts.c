/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/verdicts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/tables.h"

#define FILE_NAME "driver-verdicts"
/* version of the daemon, then path -> (time in ns, size, code of TholeLoadError or -1, sentence) */
#define FILE_TYPE "(sa{s(xxis)})"
#define GOOD -1
#define MAX_FILE 1048576
#define MAX_ANSWER 1024
#define DEFAULT_TIMEOUT 10

typedef struct
{
  gint64 time, size;
  int code;
  char *sentence;
} Verdict;

struct _TholeVerdicts
{
  char *file;
  char *program;
  gint64 timeout;     /* µs */
  GHashTable *known;  /* path -> Verdict */
  gboolean changed;
};

static void
verdict_free (gpointer data)
{
  Verdict *verdict = data;

  g_free (verdict->sentence);
  g_free (verdict);
}

static void
remember (TholeVerdicts *self, const char *module, const struct stat *file, int code, const char *sentence)
{
  Verdict *verdict = g_new0 (Verdict, 1);

  verdict->time = (gint64) file->st_mtim.tv_sec * 1000000000 + file->st_mtim.tv_nsec;
  verdict->size = file->st_size;
  verdict->code = code;
  verdict->sentence = g_strdup (sentence);
  g_hash_table_replace (self->known, g_strdup (module), verdict);
  self->changed = TRUE;
}

/* Only a file of this very version counts: the rules of loading may have changed. */
static void
read_file (TholeVerdicts *self)
{
  g_autofree char *text = NULL;
  gsize length;
  g_autoptr(GVariant) all = NULL;
  g_autoptr(GVariantIter) iter = NULL;
  const char *version, *path;
  Verdict read;

  if (!g_file_get_contents (self->file, &text, &length, NULL) || length > MAX_FILE)
    return;
  all = g_variant_parse (G_VARIANT_TYPE (FILE_TYPE), text, text + length, NULL, NULL);
  if (all == NULL)
    return;
  g_variant_get (all, "(&sa{s(xxis)})", &version, &iter);
  if (strcmp (version, THOLE_VERSION) != 0)
    return;
  while (g_variant_iter_next (iter, "{&s(xxis)}", &path, &read.time, &read.size, &read.code, &read.sentence))
    g_hash_table_replace (self->known, g_strdup (path), g_memdup2 (&read, sizeof read));
}

static void
write_file (TholeVerdicts *self)
{
  GVariantBuilder builder;
  GHashTableIter iter;
  gpointer path, value;
  g_autoptr(GVariant) all = NULL;
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{s(xxis)}"));
  g_hash_table_iter_init (&iter, self->known);
  while (g_hash_table_iter_next (&iter, &path, &value))
    {
      Verdict *verdict = value;

      /* what is no longer installed is forgotten */
      if (access (path, F_OK) == 0)
        g_variant_builder_add (&builder, "{s(xxis)}", path, verdict->time, verdict->size, verdict->code,
                               verdict->sentence);
    }
  all = g_variant_ref_sink (g_variant_new ("(sa{s(xxis)})", THOLE_VERSION, &builder));
  text = g_variant_print (all, TRUE);
  if (!g_file_set_contents_full (self->file, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
    g_warning ("cannot remember the verdicts on drivers: %s", error->message);
}

TholeVerdicts *
thole_verdicts_new (const char *state_dir, const char *program, guint timeout)
{
  TholeVerdicts *self = g_new0 (TholeVerdicts, 1);

  self->file = g_build_filename (state_dir, FILE_NAME, NULL);
  self->program = g_strdup (program);
  self->timeout = (timeout == 0 ? DEFAULT_TIMEOUT : timeout) * G_USEC_PER_SEC;
  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, verdict_free);
  read_file (self);
  return self;
}

void
thole_verdicts_free (TholeVerdicts *self)
{
  if (self->changed)
    write_file (self);
  g_free (self->file);
  g_free (self->program);
  g_hash_table_unref (self->known);
  g_free (self);
}

/* What the child says, up to a bound; the rest is read and dropped so that it does not block. FALSE when time is up. */
static gboolean
listen_to (int descriptor, gint64 deadline, GString *answer)
{
  char buffer[512];
  gssize count = 1;

  while (count > 0)
    {
      struct pollfd poll_fd = { .fd = descriptor, .events = POLLIN };
      gint64 left = (deadline - g_get_monotonic_time ()) / 1000;

      if (left <= 0 || poll (&poll_fd, 1, (int) MIN (left, 1000)) < 0)
        return FALSE;
      if (poll_fd.revents == 0)
        continue;
      count = read (descriptor, buffer, sizeof buffer);
      if (count > 0 && answer->len < MAX_ANSWER)
        g_string_append_len (answer, buffer, MIN (count, (gssize) (MAX_ANSWER - answer->len)));
    }
  return TRUE;
}

/* FALSE when it did not end by itself in time; it is gone afterwards in any case. Its output has ended mostly because it has, so
 * there is little to wait for. */
static gboolean
wait_for (GPid pid, gint64 deadline, gboolean patient, int *status)
{
  while (patient && g_get_monotonic_time () < deadline)
    {
      if (waitpid (pid, status, WNOHANG) == pid)
        return TRUE;
      g_usleep (1000);
    }
  kill (pid, SIGKILL);
  while (waitpid (pid, status, 0) < 0 && errno == EINTR)
    ;
  return FALSE;
}

static gboolean
judge (TholeVerdicts *self, gboolean ended, int status, const GString *answer, GError **error)
{
  if (!ended)
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_HUNG,
                 "its first opening did not end within %" G_GINT64_FORMAT " s",
                 self->timeout / G_USEC_PER_SEC);
  else if (WIFSIGNALED (status))
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_CRASHED,
                 "its first opening crashed with signal %d (%s)", WTERMSIG (status), strsignal (WTERMSIG (status)));
  else if (WEXITSTATUS (status) == 0)
    return TRUE;
  else if (g_str_has_prefix (answer->str, "refused: "))
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_REJECTED, "%s", answer->str + strlen ("refused: "));
  else
    g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_CRASHED,
                 "its first opening ended with code %d instead of an answer", WEXITSTATUS (status));
  return FALSE;
}

static gboolean
run_check (TholeVerdicts *self, const char *manifest, GError **error)
{
  const char *argv[] = { self->program, "--load-only", manifest, NULL };
  gint64 deadline = g_get_monotonic_time () + self->timeout;
  g_autoptr(GString) answer = g_string_new (NULL);
  g_autoptr(GError) reason = NULL;
  gboolean ended;
  int output, status = 0;
  GPid pid;

  if (self->program == NULL)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_CHECK,
                   "it is not known yet, and thole-driver-check was not found to open it first");
      return FALSE;
    }
  if (!g_spawn_async_with_pipes (NULL, (char **) argv, NULL,
                                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &pid,
                                 NULL, &output, NULL, &reason))
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_CHECK,
                   "it is not known yet, and %s cannot be run: %s", self->program, reason->message);
      return FALSE;
    }
  ended = wait_for (pid, deadline, listen_to (output, deadline, answer), &status);
  close (output);
  g_spawn_close_pid (pid);
  /* one line, fit for a log */
  g_strdelimit (answer->str, "\r\n", '\0');
  return judge (self, ended, status, answer, error);
}

gboolean
thole_verdicts_ask (TholeVerdicts *self, const char *manifest, const char *module, GError **error)
{
  Verdict *verdict = g_hash_table_lookup (self->known, module);
  g_autoptr(GError) refusal = NULL;
  struct stat file;

  if (stat (module, &file) != 0)
    {
      g_set_error (error, THOLE_LOAD_ERROR, THOLE_LOAD_OPEN, "its module %s: %s", module, g_strerror (errno));
      return FALSE;
    }
  if (verdict != NULL && verdict->size == file.st_size
      && verdict->time == (gint64) file.st_mtim.tv_sec * 1000000000 + file.st_mtim.tv_nsec)
    {
      if (verdict->code == GOOD)
        return TRUE;
      g_set_error (error, THOLE_LOAD_ERROR, verdict->code, "%s (remembered; a changed file is tried again)",
                   verdict->sentence);
      return FALSE;
    }
  if (run_check (self, manifest, &refusal))
    {
      remember (self, module, &file, GOOD, "");
      return TRUE;
    }
  if (g_error_matches (refusal, THOLE_LOAD_ERROR, THOLE_LOAD_CRASHED)
      || g_error_matches (refusal, THOLE_LOAD_ERROR, THOLE_LOAD_HUNG))
    remember (self, module, &file, refusal->code, refusal->message);
  g_propagate_error (error, g_steal_pointer (&refusal));
  return FALSE;
}
