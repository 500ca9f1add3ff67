/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Output that is kept: how much of it, since when, of which stream, while it comes.
 */
#include <string.h>

#include "stream.h"
#include "suites.h"

static gboolean
may_try (Kit *kit, const char *program)
{
  g_auto(GStrv) words = kit_settings_program (kit->settings, program, "1");

  if (words == NULL)
    kit_skip (kit, "[check] says that there is no program %s", program);
  else if (kit->facts != NULL && !thole_dict_boolean (kit->facts, "logs_kept", TRUE))
    kit_skip (kit, "the engine keeps no output");
  return words != NULL && kit->skip == NULL && kit_need_image (kit);
}

/* @options: (transfer full), may float. Returns: (transfer full) (nullable) */
static GIOStream *
open_log (Kit *kit, const char *id, GVariant *options)
{
  g_autoptr(GVariant) own = g_variant_take_ref (options);
  KitCall *call = kit_call (kit, THOLE_SLOT_WORKLOAD_LOGS, &(TholeSlotArgs) { .id = id, .options = own });

  return kit_expect (call, KIT_OK) ? g_steal_pointer (&call->out.stream) : NULL;
}

/* Runs @program to its end. Returns: (transfer full) (nullable): its id */
static char *
run_out (Kit *kit, const char *program, const char *argument)
{
  g_autofree char *id = NULL;
  g_autoptr(GVariant) ended = NULL;

  if (!may_try (kit, program) || (id = kit_run (kit, program, argument, NULL)) == NULL)
    return NULL;
  ended = kit_wait_state (kit, id, "exited");
  return ended != NULL ? g_steal_pointer (&id) : NULL;
}

static char *
text_of (GPtrArray *records, guint mask)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; records != NULL && i < records->len; i++)
    {
      const KitLogRecord *record = records->pdata[i];

      if ((mask >> record->stream & 1) != 0)
        g_string_append (text, record->text);
    }
  return g_string_free (text, FALSE);
}

static char *
numbers (guint from, guint to)
{
  GString *text = g_string_new (NULL);

  for (guint i = from; i <= to; i++)
    g_string_append_printf (text, "%u\n", i);
  return g_string_free (text, FALSE);
}

static void
tail (Kit *kit, const KitCase *one)
{
  g_autofree char *id = run_out (kit, "count", "100"), *text = NULL, *expected = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GPtrArray) records = NULL;

  if (id == NULL)
    return;
  stream = open_log (kit, id, g_variant_new_parsed ("{'tail': <%x>, 'stdout': <true>, 'stderr': <true>}", (gint64) one->row));
  records = stream != NULL ? kit_read_log (kit, stream) : NULL;
  kit_remove (kit, id);
  text = text_of (records, 6);
  expected = one->row < 0 || one->row >= 100 ? numbers (1, 100) : numbers ((guint) (101 - one->row), 100);
  KIT_CHECK (kit, records == NULL || strcmp (text, expected) == 0, "with tail %d it gives “%.40s…”, %u bytes and not %u", one->row, text,
             (guint) strlen (text), (guint) strlen (expected));
}

static void
streams (Kit *kit, const KitCase *one)
{
  static const struct
  {
    const char *options, *expected;
  } wanted[] = {
    { "{'stdout': <true>, 'stderr': <false>}", "out\n" },
    { "{'stdout': <false>, 'stderr': <true>}", "err\n" },
  };
  g_autofree char *id = NULL, *text = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GPtrArray) records = NULL;

  if (kit->facts != NULL && !thole_dict_boolean (kit->facts, "logs_split", TRUE))
    {
      kit_skip (kit, "the engine cannot tell stdout and stderr apart");
      return;
    }
  if ((id = run_out (kit, "speak", NULL)) == NULL)
    return;
  stream = open_log (kit, id, kit_dict (wanted[one->row].options));
  records = stream != NULL ? kit_read_log (kit, stream) : NULL;
  kit_remove (kit, id);
  text = text_of (records, 6);
  KIT_CHECK (kit, records == NULL || strcmp (text, wanted[one->row].expected) == 0, "it gives “%s”, not “%s”", text, wanted[one->row].expected);
}

static void
times (Kit *kit, const KitCase *one)
{
  g_autofree char *id = run_out (kit, "count", "20");
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GPtrArray) records = NULL;
  gint64 last = 0;

  if (id == NULL)
    return;
  stream = open_log (kit, id, kit_dict ("{'tail': <int64 -1>, 'stdout': <true>, 'stderr': <true>}"));
  records = stream != NULL ? kit_read_log (kit, stream) : NULL;
  kit_remove (kit, id);
  for (guint i = 0; records != NULL && i < records->len; i++)
    {
      const KitLogRecord *record = records->pdata[i];

      KIT_CHECK (kit, record->time >= last, "its records go back in time");
      KIT_CHECK (kit, ABS (record->time - g_get_real_time ()) < 3600 * (gint64) G_USEC_PER_SEC, "a record has a time that is not of this hour");
      last = record->time;
    }
}

/* far ago, 0: all; to come, 1: nothing; until long ago, 2: nothing */
static void
since (Kit *kit, const KitCase *one)
{
  g_autofree char *id = run_out (kit, "count", "10"), *text = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GPtrArray) records = NULL;
  gint64 hour = 3600 * (gint64) G_USEC_PER_SEC, now = g_get_real_time ();

  if (id == NULL)
    return;
  stream = open_log (kit, id, g_variant_new_parsed ("{'tail': <int64 -1>, 'stdout': <true>, 'stderr': <true>, %s: <%x>}",
                                                    one->row < 2 ? "since" : "until", one->row == 1 ? now + hour : now - hour));
  records = stream != NULL ? kit_read_log (kit, stream) : NULL;
  kit_remove (kit, id);
  text = text_of (records, 6);
  KIT_CHECK (kit, records == NULL || (strlen (text) > 0) == (one->row == 0), "it gives %u bytes", (guint) strlen (text));
}

static void
not_yet (Kit *kit, const KitCase *one)
{
  const char *id = may_try (kit, "forever") ? kit_thing (kit, KIT_CREATED) : NULL;
  g_autoptr(GIOStream) stream = id != NULL ? open_log (kit, id, kit_dict ("{'tail': <int64 -1>}")) : NULL;
  g_autoptr(GPtrArray) records = stream != NULL ? kit_read_log (kit, stream) : NULL;

  KIT_CHECK (kit, records == NULL || records->len == 0, "what never ran has output");
}

/* Begun while it runs, a stream goes on to its end. */
static void
follow_to_end (Kit *kit, const KitCase *one)
{
  g_autofree char *id = NULL, *text = NULL, *expected = numbers (1, 200);
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GPtrArray) records = NULL;

  if (!may_try (kit, "count") || (id = kit_run (kit, "count", "200", NULL)) == NULL)
    return;
  stream = open_log (kit, id, kit_dict ("{'follow': <true>, 'tail': <int64 -1>, 'stdout': <true>, 'stderr': <true>}"));
  records = stream != NULL ? kit_read_log (kit, stream) : NULL;
  kit_remove (kit, id);
  text = text_of (records, 6);
  KIT_CHECK (kit, records == NULL || strcmp (text, expected) == 0, "it gives %u bytes, not %u", (guint) strlen (text), (guint) strlen (expected));
}

/* What comes, comes while it runs; who goes does not stop it. */
static void
follow_and_leave (Kit *kit, const KitCase *one)
{
  g_autofree char *id = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GByteArray) bytes = NULL;
  g_autoptr(GVariant) now = NULL;

  if (!may_try (kit, "tick") || (id = kit_run (kit, "tick", NULL, NULL)) == NULL)
    return;
  stream = open_log (kit, id, kit_dict ("{'follow': <true>, 'tail': <int64 -1>, 'stdout': <true>, 'stderr': <true>}"));
  if (stream != NULL)
    bytes = kit_read (kit, g_io_stream_get_input_stream (stream), 3 * THOLE_LOG_RECORD_HEADER);
  if (!kit->lost && stream != NULL)
    kit_close_stream (kit, stream);
  now = kit_inspect (kit, id);
  kit_remove (kit, id);
  KIT_CHECK (kit, bytes == NULL || bytes->len >= 3 * THOLE_LOG_RECORD_HEADER, "the stream ended though the program runs");
  KIT_CHECK (kit, now == NULL || strcmp (thole_dict_string (now, "state", ""), "running") == 0, "it ended when its reader went");
}

static void
much (Kit *kit, const KitCase *one)
{
  g_autofree char *id = run_out (kit, "flood", "200000"), *text = NULL;
  g_autoptr(GIOStream) stream = NULL;
  g_autoptr(GPtrArray) records = NULL;

  if (id == NULL)
    return;
  stream = open_log (kit, id, kit_dict ("{'tail': <int64 -1>, 'stdout': <true>, 'stderr': <true>}"));
  records = stream != NULL ? kit_read_log (kit, stream) : NULL;
  kit_remove (kit, id);
  text = text_of (records, 6);
  KIT_CHECK (kit, records == NULL || (strlen (text) >= 200000 && strlen (text) < 200100), "of 200000 bytes %u are kept", (guint) strlen (text));
}

void
suite_logs (GPtrArray *cases)
{
  static const int tails[] = { -1, 0, 1, 5, 99, 100, 1000 };
  static const struct
  {
    const char *name;
    KitRun run;
    int row;
  } more[] = {
    { "stdout", streams, 0 }, { "stderr", streams, 1 }, { "times", times }, { "since-an-hour", since, 0 }, { "since-later", since, 1 },
    { "until-earlier", since, 2 }, { "never-started", not_yet }, { "follow-to-end", follow_to_end }, { "follow-and-leave", follow_and_leave },
    { "much", much },
  };
  const guint64 needs = KIT_MANAGES | KIT_NEEDS (WORKLOAD_LOGS);

  for (guint i = 0; i < G_N_ELEMENTS (tails); i++)
    kit_add (cases, &(KitCase) { .run = tail, .row = tails[i], .needs = needs }, "logs/tail/%d", tails[i]);
  for (guint i = 0; i < G_N_ELEMENTS (more); i++)
    kit_add (cases, &(KitCase) { .run = more[i].run, .row = more[i].row, .needs = needs }, "logs/%s", more[i].name);
}
