/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "child.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "leak.h"
#include "stall.h"

/* ms; a driver may hold the loop for 50, a machine may be slow, and sanitizers are */
#define NOTED 50
#define WRONG 500

/* Criticals are the driver's, and a fault. */
static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  Kit *kit = user_data;

  for (gsize i = 0; i < n_fields && (level & G_LOG_LEVEL_CRITICAL) != 0; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      kit_fault (kit, "a critical: %s", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

static void
write_all (int out, const char *text, gsize length)
{
  while (length > 0)
    {
      gssize n = write (out, text, length);

      if (n <= 0)
        _exit (3);
      text += n;
      length -= (gsize) n;
    }
}

static void G_GNUC_PRINTF (2, 3)
send_line (int out, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  write_all (out, text, strlen (text));
}

static char *
one_line (const char *text)
{
  char *line = g_utf8_make_valid (text, -1);

  return g_strdelimit (line, "\t\r\n", ' ');
}

static void
send_verdict (Kit *kit, int out, guint index)
{
  const char *word = kit_failed (kit) ? "failed" : kit->skip != NULL ? "skipped" : "passed";
  g_autofree char *text = one_line (kit_failed (kit) ? kit->faults->str : kit->skip != NULL ? kit->skip : "");
  g_autofree char *note = one_line (kit->notes->str);

  send_line (out, "%u\t%s\t%s\t%s\n", index, word, text, note);
}

static void
judge_stall (Kit *kit)
{
  KitStall stall = kit_stall_take ();

  if (stall.busy > (kit_sanitized () ? 4 * WRONG : WRONG))
    kit_fault (kit, "the loop was held for %.0f ms of processor time at %s", stall.busy, kit->board->slot);
  else if (stall.busy > NOTED)
    kit_note (kit, "the loop was held for %.0f ms of processor time at %s", stall.busy, kit->board->slot);
  if (stall.asleep > WRONG)
    kit_fault (kit, "the loop slept for %.0f ms at %s: something blocks", stall.asleep, kit->board->slot);
  else if (stall.asleep > NOTED)
    kit_note (kit, "the loop slept for about %.0f ms at %s", stall.asleep, kit->board->slot);
}

/* Who closes what it never opened closes the first ones, and all that is started later lacks them. */
static void
judge_first (Kit *kit)
{
  for (int fd = 0; fd < 3; fd++)
    if (fcntl (fd, F_GETFD) < 0)
      {
        kit_fault (kit, "descriptor %d, which is not the driver's, was closed", fd);
        dup2 (kit->null, fd);
      }
}

/* FALSE when it is skipped. */
static gboolean
may_run (Kit *kit, const KitCase *one)
{
  for (guint i = 0; i < THOLE_N_SLOTS; i++)
    if ((one->needs & ((guint64) 1 << i)) != 0 && !kit_has (kit, i))
      {
        kit_skip (kit, "the driver has no %s", thole_slot_name (i));
        return FALSE;
      }
  if (one->needs != 0 && kit_has (kit, THOLE_SLOT_IMAGE_LIST) && kit->settings->image[0] == '\0' && (one->needs & KIT_MANAGES) != 0)
    {
      kit_skip (kit, "the driver has images, and [check] names none");
      return FALSE;
    }
  return TRUE;
}

static void
run_case (Kit *kit, const KitCase *one, int out, guint index)
{
  g_string_truncate (kit->faults, 0);
  g_string_truncate (kit->notes, 0);
  g_clear_pointer (&kit->skip, g_free);
  kit->board->at = (int) index;
  if (may_run (kit, one))
    {
      if (one->closed && kit->driver != NULL)
        {
          kit_sweep (kit);
          kit_close (kit);
        }
      if (one->closed || kit->driver != NULL || kit_open (kit))
        one->run (kit, one);
      kit_turn (kit);
      judge_stall (kit);
      judge_first (kit);
      kit_forget (kit);
    }
  send_verdict (kit, out, index);
}

static Kit *
kit_new (const KitSettings *settings, KitBoard *board, const char *instance, const char *folder)
{
  Kit *kit = g_new0 (Kit, 1);

  kit->settings = settings;
  kit->board = board;
  kit->instance = g_strdup (instance);
  kit->folder = g_strdup (folder);
  kit->null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  kit->events = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  kit->calls = g_ptr_array_new ();
  kit->faults = g_string_new (NULL);
  kit->notes = g_string_new (NULL);
  /* names of one child are not those of the one before it */
  kit->made = (guint) getpid () % 1000 * 1000;
  g_log_set_writer_func (write_log, kit, NULL);
  kit_stall_watch (&board->beats);
  kit->tables = thole_loader_open_manifest (settings->manifest, NULL);
  return kit;
}

static void
send_facts (Kit *kit, int out)
{
  send_line (out, "=version\t%s\n", kit->tables->version);
  if (kit->facts != NULL)
    send_line (out, "=engine\t%s %s\n", thole_dict_string (kit->facts, "engine", "?"), thole_dict_string (kit->facts, "version", "?"));
}

void
kit_child_run (const KitSettings *settings, GPtrArray *cases, guint from, KitBoard *board, const char *instance,
               const char *folder, int out)
{
  Kit *kit = kit_new (settings, board, instance, folder);

  for (guint i = from; i < cases->len && !kit->lost; i++)
    {
      const KitCase *one = cases->pdata[i];

      if (kit->tables != NULL || one->bare)
        run_case (kit, one, out, i);
      else
        send_line (out, "%u\tskipped\tthe driver was refused\t\n", i);
      if (i + 1 == cases->len && kit->tables != NULL)
        send_facts (kit, out);
    }
}

void
kit_child_sweep (const KitSettings *settings, KitBoard *board, const char *instance, const char *folder)
{
  Kit *kit = kit_new (settings, board, instance, folder);

  if (kit->tables != NULL && kit_open (kit))
    {
      kit_sweep (kit);
      kit_close (kit);
    }
}
