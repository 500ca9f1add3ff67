/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "thole-json.h"

/* a driver that has ended its process so often is not tried further */
#define MAX_DEATHS 8

typedef struct
{
  const KitSettings *settings;
  GPtrArray *cases;
  KitVerdict *verdicts;
  KitBoard *board;
  char *instance, *folder;
  char *version, *engine;
  gboolean json;
  guint told, deaths;
  GString *rest;   /* of a line of the child that is not whole yet */
} Run;

/* telling ------------------------------------------------------------------------------------------------ */

static void
tell_tap (const KitCase *one, const KitVerdict *verdict, guint number)
{
  static const char *const words[] = { "ok", "not ok", "ok", "not ok" };

  printf ("%s %u - %s", words[verdict->result], number, one->name);
  if (verdict->result == KIT_SKIPPED)
    printf (" # SKIP %s", verdict->text);
  putchar ('\n');
  if (verdict->result == KIT_FAILED)
    printf ("# %s\n", verdict->text);
  if (verdict->note[0] != '\0')
    printf ("# %s\n", verdict->note);
  fflush (stdout);
}

/* Those that are known, in their order. */
static void
tell (Run *self)
{
  for (; self->told < self->cases->len && self->verdicts[self->told].result != KIT_UNKNOWN; self->told++)
    if (!self->json)
      tell_tap (self->cases->pdata[self->told], &self->verdicts[self->told], self->told + 1);
}

static void
judge (Run *self, guint index, KitResult result, const char *text, const char *note)
{
  KitVerdict *verdict;

  if (index >= self->cases->len)
    return;
  verdict = &self->verdicts[index];
  g_free (verdict->text);
  g_free (verdict->note);
  *verdict = (KitVerdict) { result, g_strdup (text), g_strdup (note) };
}

static void
take_line (Run *self, const char *line)
{
  g_auto(GStrv) cells = g_strsplit (line, "\t", 4);
  guint n = g_strv_length (cells);

  if (n == 2 && strcmp (cells[0], "=version") == 0)
    {
      g_free (self->version);
      self->version = g_strdup (cells[1]);
    }
  else if (n == 2 && strcmp (cells[0], "=engine") == 0)
    {
      g_free (self->engine);
      self->engine = g_strdup (cells[1]);
    }
  else if (n == 4)
    judge (self, (guint) g_ascii_strtoull (cells[0], NULL, 10),
           strcmp (cells[1], "passed") == 0 ? KIT_PASSED : strcmp (cells[1], "skipped") == 0 ? KIT_SKIPPED : KIT_FAILED,
           cells[2], cells[3]);
}

static void
take_text (Run *self, const char *text, gsize length)
{
  const char *end;

  g_string_append_len (self->rest, text, (gssize) length);
  while ((end = strchr (self->rest->str, '\n')) != NULL)
    {
      g_autofree char *line = g_strndup (self->rest->str, (gsize) (end - self->rest->str));

      g_string_erase (self->rest, 0, (gssize) strlen (line) + 1);
      take_line (self, line);
      tell (self);
    }
}

/* the child ---------------------------------------------------------------------------------------------- */

static double
patience (Run *self)
{
  return self->settings->deadline + 5;
}

/* Reads until the child ends. TRUE when it had to be ended, for its loop stood still. */
static gboolean
listen_to (Run *self, pid_t pid, int from)
{
  gint64 since = g_get_monotonic_time ();
  guint beats = 0;

  while (TRUE)
    {
      struct pollfd one = { .fd = from, .events = POLLIN };
      char text[4096];
      gssize n = 0;

      if (poll (&one, 1, 200) > 0)
        {
          n = read (from, text, sizeof text);
          if (n <= 0)
            return FALSE;
          take_text (self, text, (gsize) n);
        }
      if (n > 0 || beats != self->board->beats)
        since = g_get_monotonic_time ();
      beats = self->board->beats;
      if ((double) (g_get_monotonic_time () - since) / G_USEC_PER_SEC > patience (self))
        {
          kill (pid, SIGKILL);
          return TRUE;
        }
    }
}

static void
be_child (Run *self, guint from, int out)
{
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);

  /* who waits for it may be ended from outside */
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  /* what a driver prints is not TAP */
  dup2 (null, STDOUT_FILENO);
  if (fcntl (STDIN_FILENO, F_GETFD) < 0)
    dup2 (null, STDIN_FILENO);
  setrlimit (RLIMIT_CORE, &(struct rlimit) { 0, 0 });
  if (from < self->cases->len)
    kit_child_run (self->settings, self->cases, from, self->board, self->instance, self->folder, out);
  else
    kit_child_sweep (self->settings, self->board, self->instance, self->folder);
  _exit (0);
}

static char *
describe_end (Run *self, int status, gboolean stood)
{
  const char *slot = self->board->slot[0] != '\0' ? self->board->slot : "load";

  if (stood)
    return g_strdup_printf ("the driver does not give the loop back in %s (waited for %g s)", slot, patience (self));
  if (WIFSIGNALED (status))
    return g_strdup_printf ("the driver crashed with signal %d (%s) in %s", WTERMSIG (status), strsignal (WTERMSIG (status)), slot);
  return g_strdup_printf ("the driver ended the process with code %d in %s", WEXITSTATUS (status), slot);
}

/* Returns: the case to go on with */
static guint
run_child (Run *self, guint from)
{
  int pipe_ends[2], status = 0;
  gboolean stood;
  guint next = from;
  pid_t pid;

  if (pipe (pipe_ends) != 0)
    g_error ("no pipe: %s", g_strerror (errno));
  fcntl (pipe_ends[0], F_SETFD, FD_CLOEXEC);
  fcntl (pipe_ends[1], F_SETFD, FD_CLOEXEC);
  self->board->at = (int) from;
  self->board->slot[0] = '\0';
  g_string_truncate (self->rest, 0);
  fflush (NULL);
  pid = fork ();
  if (pid == 0)
    {
      close (pipe_ends[0]);
      be_child (self, from, pipe_ends[1]);
    }
  close (pipe_ends[1]);
  stood = pid < 0 || listen_to (self, pid, pipe_ends[0]);
  close (pipe_ends[0]);
  if (pid > 0)
    waitpid (pid, &status, 0);
  while (next < self->cases->len && self->verdicts[next].result != KIT_UNKNOWN)
    next++;
  if (next >= self->cases->len || from >= self->cases->len)
    return self->cases->len;
  /* one that gave up by itself has said why, in its last case */
  self->deaths++;
  if (!stood && WIFEXITED (status) && WEXITSTATUS (status) == 0 && next > from)
    return next;
  {
    g_autofree char *text = describe_end (self, status, stood);

    judge (self, next, KIT_FAILED, text, "");
    tell (self);
  }
  return next + 1;
}

static void
give_up (Run *self, guint from)
{
  for (guint i = from; i < self->cases->len; i++)
    judge (self, i, KIT_FAILED, "not tried: the driver had ended or blocked its process too often", "");
  tell (self);
}

/* all ---------------------------------------------------------------------------------------------------- */

static void
tell_json (Run *self, const guint counts[])
{
  static const char *const words[] = { "passed", "failed", "skipped" };
  g_autoptr(GString) out = g_string_new ("{\"driver\":");

  thole_json_append_string (out, self->settings->manifest->id);
  g_string_append (out, ",\"version\":");
  thole_json_append_string (out, self->version != NULL ? self->version : "");
  g_string_append (out, ",\"engine\":");
  thole_json_append_string (out, self->engine != NULL ? self->engine : "");
  g_string_append_printf (out, ",\"passed\":%u,\"failed\":%u,\"skipped\":%u,\"cases\":[", counts[KIT_PASSED], counts[KIT_FAILED],
                          counts[KIT_SKIPPED]);
  for (guint i = 0; i < self->cases->len; i++)
    {
      const KitVerdict *verdict = &self->verdicts[i];

      g_string_append (out, i > 0 ? ",\n{\"name\":" : "\n{\"name\":");
      thole_json_append_string (out, ((KitCase *) self->cases->pdata[i])->name);
      g_string_append_printf (out, ",\"result\":\"%s\",\"text\":", words[verdict->result]);
      thole_json_append_string (out, verdict->text);
      g_string_append (out, ",\"note\":");
      thole_json_append_string (out, verdict->note);
      g_string_append_c (out, '}');
    }
  printf ("%s]}\n", out->str);
}

static void
remove_tree (const char *path)
{
  g_autoptr(GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      remove_tree (inner);
    }
  g_remove (path);
}

static void
make_folders (Run *self)
{
  g_autofree char *runtime = NULL, *state = NULL;

  self->folder = g_dir_make_tmp ("thole-check-XXXXXX", NULL);
  if (self->folder == NULL)
    g_error ("no folder for the driver can be made in %s", g_get_tmp_dir ());
  /* what a driver gives to others of it may be reached by them; its own two folders stay its own */
  g_chmod (self->folder, 0755);
  runtime = g_build_filename (self->folder, "run", NULL);
  state = g_build_filename (self->folder, "state", NULL);
  g_mkdir (runtime, 0700);
  g_mkdir (state, 0700);
}

static void
run_children (Run *self)
{
  guint next = 0;

  while (next < self->cases->len && self->deaths < MAX_DEATHS)
    next = run_child (self, next);
  if (next < self->cases->len)
    give_up (self, next);
  if (self->deaths > 0)
    run_child (self, self->cases->len);
}

gboolean
kit_run_all (const KitSettings *settings, GPtrArray *cases, gboolean json)
{
  Run self = { .settings = settings, .cases = cases, .json = json, .rest = g_string_new (NULL) };
  guint counts[3] = { 0 };

  self.board = mmap (NULL, sizeof *self.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (self.board == MAP_FAILED)
    g_error ("no memory");
  self.instance = g_uuid_string_random ();
  self.verdicts = g_new0 (KitVerdict, cases->len);
  for (guint i = 0; i < cases->len; i++)
    self.verdicts[i] = (KitVerdict) { KIT_UNKNOWN, g_strdup (""), g_strdup ("") };
  make_folders (&self);
  if (!json)
    printf ("TAP version 13\n1..%u\n", cases->len);
  run_children (&self);
  for (guint i = 0; i < cases->len; i++)
    counts[self.verdicts[i].result]++;
  if (json)
    tell_json (&self, counts);
  else
    printf ("%u passed, %u failed, %u skipped\n", counts[KIT_PASSED], counts[KIT_FAILED], counts[KIT_SKIPPED]);
  for (guint i = 0; i < cases->len; i++)
    {
      g_free (self.verdicts[i].text);
      g_free (self.verdicts[i].note);
    }
  remove_tree (self.folder);
  g_free (self.verdicts);
  g_free (self.instance);
  g_free (self.folder);
  g_free (self.version);
  g_free (self.engine);
  g_string_free (self.rest, TRUE);
  munmap (self.board, sizeof *self.board);
  return counts[KIT_FAILED] == 0;
}
