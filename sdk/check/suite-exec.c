/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Commands in a workload that runs: their ends, their input and output, their terminals.
 */
#include <string.h>

#include "stream.h"
#include "suites.h"

static const char *const codes[] = { "0", "1", "2", "42", "127", "255" };
static const gsize sizes[] = { 0, 1, 65535, 65536, 65537, 300000 };

/* FALSE with a fault, or skipped. */
static gboolean
has_program (Kit *kit, const char *name)
{
  g_auto(GStrv) words = kit_settings_program (kit->settings, name, "1");

  if (words == NULL)
    kit_skip (kit, "[check] says that there is no program %s", name);
  return words != NULL;
}

/* Returns: (transfer full) (nullable): the answer of `run` */
static GVariant *
run (Kit *kit, const char *program, const char *argument, const char *more, GBytes *input, KitOutcomes outcomes)
{
  const char *id = has_program (kit, program) ? kit_thing (kit, KIT_RUNNING) : NULL;
  g_autoptr(GVariant) command = kit_command (kit, program, argument, more);
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (command);
  g_autoptr(GVariant) whole = NULL;
  KitCall *call;

  if (input != NULL)
    g_variant_dict_insert_value (&dict, "stdin", g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, input, TRUE));
  whole = g_variant_ref_sink (g_variant_dict_end (&dict));
  if (id == NULL)
    return NULL;
  call = kit_call (kit, THOLE_SLOT_EXEC_RUN, &(TholeSlotArgs) { .id = id, .dict = whole });
  return kit_expect (call, outcomes) ? g_steal_pointer (&call->out.value) : NULL;
}

static void
expect_refusal (Kit *kit, const char *program, const char *more, KitOutcomes outcomes)
{
  GVariant *answer = run (kit, program, "0", more, NULL, outcomes);

  g_clear_pointer (&answer, g_variant_unref);
}

static GBytes *
bytes_of (GVariant *answer, const char *key)
{
  g_autoptr(GVariant) value = thole_dict_value (answer, key, "ay");

  return value != NULL ? g_variant_get_data_as_bytes (value) : g_bytes_new_static ("", 0);
}

static void
check_text (Kit *kit, GVariant *answer, const char *key, const char *expected)
{
  g_autoptr(GBytes) bytes = bytes_of (answer, key);
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  g_autofree char *text = g_strndup (data != NULL ? data : "", length);

  KIT_CHECK (kit, strcmp (text, expected) == 0, "its %s is “%s”, not “%s”", key, text, expected);
}

static void
run_code (Kit *kit, const KitCase *one)
{
  g_autoptr(GVariant) answer = run (kit, "exit", codes[one->row], NULL, NULL, KIT_OK);

  if (answer == NULL)
    return;
  KIT_CHECK (kit, thole_dict_int (answer, "exit_code", -1) == atoi (codes[one->row]), "its exit code is %d, not %s",
             (int) thole_dict_int (answer, "exit_code", -1), codes[one->row]);
  KIT_CHECK (kit, thole_dict_string (answer, "exit_signal", "")[0] == '\0', "it ended by the signal %s",
             thole_dict_string (answer, "exit_signal", ""));
}

static void
run_signal (Kit *kit, const KitCase *one)
{
  g_autoptr(GVariant) answer = run (kit, "signal", "KILL", NULL, NULL, KIT_OK);

  if (answer == NULL)
    return;
  KIT_CHECK (kit, thole_dict_int (answer, "exit_code", -1) == 137, "its exit code is %d, not 137", (int) thole_dict_int (answer, "exit_code", -1));
  KIT_CHECK (kit, strcmp (thole_dict_string (answer, "exit_signal", ""), "SIGKILL") == 0, "it ended by “%s”, not SIGKILL",
             thole_dict_string (answer, "exit_signal", ""));
}

static void
run_output (Kit *kit, const KitCase *one)
{
  g_autoptr(GVariant) answer = run (kit, "speak", NULL, NULL, NULL, KIT_OK);

  if (answer == NULL)
    return;
  check_text (kit, answer, "stdout", "out\n");
  check_text (kit, answer, "stderr", "err\n");
}

static GBytes *
pattern (gsize size)
{
  char *text = g_malloc (size + 1);

  for (gsize i = 0; i < size; i++)
    text[i] = i % 64 == 63 ? '\n' : (char) ('a' + (char) (i % 23));
  return g_bytes_new_take (text, size);
}

static void
run_input (Kit *kit, const KitCase *one)
{
  g_autoptr(GBytes) input = pattern (sizes[one->row]), output = NULL;
  g_autoptr(GVariant) answer = run (kit, "cat", NULL, NULL, input, KIT_OK);

  if (answer == NULL)
    return;
  output = bytes_of (answer, "stdout");
  KIT_CHECK (kit, g_bytes_equal (input, output), "of %" G_GSIZE_FORMAT " bytes of input %" G_GSIZE_FORMAT " come back, or others",
             g_bytes_get_size (input), g_bytes_get_size (output));
}

static void
run_truncated (Kit *kit, const KitCase *one)
{
  g_autoptr(GVariant) answer = run (kit, "flood", "3000000", NULL, NULL, KIT_OK);
  g_autoptr(GBytes) output = NULL;

  if (answer == NULL)
    return;
  output = bytes_of (answer, "stdout");
  KIT_CHECK (kit, g_bytes_get_size (output) == 1024 * 1024, "of much output %" G_GSIZE_FORMAT " bytes are given, not 1 MiB",
             g_bytes_get_size (output));
  KIT_CHECK (kit, thole_dict_boolean (answer, "truncated", FALSE), "it does not say that its output was truncated");
}

static void
run_late (Kit *kit, const KitCase *one)
{
  expect_refusal (kit, "forever", "{'timeout': <1.0>}", KIT_CODE (TIMEOUT));
}

static void
run_env (Kit *kit, const KitCase *one)
{
  g_autoptr(GVariant) answer = run (kit, "env", "WORD", "{'env': <{'WORD': 'oar and thole'}>}", NULL, KIT_OK);

  if (answer != NULL)
    check_text (kit, answer, "stdout", "oar and thole\n");
}

static void
run_refused (Kit *kit, const KitCase *one)
{
  static const char *const bad[] = { "{'command': <['/no/such/program']>}", "{'command': <@as []>}", "{'command': <['']>}" };

  expect_refusal (kit, "exit", bad[one->row], KIT_CODE (INVALID));
}

/* open --------------------------------------------------------------------------------------------------- */

/* Returns: (transfer full) (nullable) */
static GIOStream *
open_one (Kit *kit, const char *program, const char *argument, const char *more, char **exec_id)
{
  const char *id = has_program (kit, program) ? kit_thing (kit, KIT_RUNNING) : NULL;
  g_autoptr(GVariant) command = kit_command (kit, program, argument, more);
  KitCall *call;

  if (id == NULL)
    return NULL;
  call = kit_call (kit, THOLE_SLOT_EXEC_OPEN, &(TholeSlotArgs) { .id = id, .dict = command });
  if (!kit_expect (call, KIT_OK))
    return NULL;
  if (exec_id != NULL)
    *exec_id = g_steal_pointer (&call->out.exec_id);
  return g_steal_pointer (&call->out.stream);
}

static void
open_code (Kit *kit, const KitCase *one)
{
  g_autoptr(GIOStream) stream = open_one (kit, "exit", codes[one->row], NULL, NULL);
  g_auto(KitOutput) output = { 0 };

  if (stream == NULL || !kit_read_records (kit, stream, &output))
    return;
  KIT_CHECK (kit, output.code == atoi (codes[one->row]) && output.signal == 0, "its exit record says %d, signal %u, not %s", output.code,
             output.signal, codes[one->row]);
}

static void
open_signal (Kit *kit, const KitCase *one)
{
  g_autoptr(GIOStream) stream = open_one (kit, "signal", "KILL", NULL, NULL);
  g_auto(KitOutput) output = { 0 };

  if (stream == NULL || !kit_read_records (kit, stream, &output))
    return;
  KIT_CHECK (kit, output.code == 137 && output.signal == 9, "its exit record says %d, signal %u, not 137, signal 9", output.code, output.signal);
}

static void
open_output (Kit *kit, const KitCase *one)
{
  g_autoptr(GIOStream) stream = open_one (kit, "speak", NULL, NULL, NULL);
  g_auto(KitOutput) output = { 0 };

  if (stream == NULL || !kit_read_records (kit, stream, &output))
    return;
  KIT_CHECK (kit, strcmp (output.out->str, "out\n") == 0, "its stdout is “%s”", output.out->str);
  KIT_CHECK (kit, strcmp (output.err->str, "err\n") == 0, "its stderr is “%s”", output.err->str);
}

/* Half-close: the end of input goes to the program, what it says then comes all the same. */
static void
open_input (Kit *kit, const KitCase *one)
{
  g_autoptr(GIOStream) stream = open_one (kit, "cat", NULL, "{'stdin': <true>}", NULL);
  g_autoptr(GBytes) input = pattern (sizes[one->row]);
  g_auto(KitOutput) output = { 0 };
  gsize length;
  const char *data = g_bytes_get_data (input, &length);

  if (stream == NULL || (length > 0 && !kit_send (kit, stream, data, MIN (length, 60000))))
    return;
  /* all in one piece would wait for a reader */
  KIT_CHECK (kit, length <= 60000 || kit_send (kit, stream, data + 60000, MIN (length, 70000) - 60000), "the rest of the input is not taken");
  if (!kit_send (kit, stream, NULL, 0) || !kit_read_records (kit, stream, &output))
    return;
  length = MIN (length, 70000);
  KIT_CHECK (kit, output.out->len == length && memcmp (output.out->str, data, length) == 0,
             "of %" G_GSIZE_FORMAT " bytes of input %" G_GSIZE_FORMAT " come back, or others", length, output.out->len);
  KIT_CHECK (kit, output.code == 0, "it ends with %d after the end of its input", output.code);
}

/* Without `stdin` its input ends at once. */
static void
open_no_input (Kit *kit, const KitCase *one)
{
  g_autoptr(GIOStream) stream = open_one (kit, "cat", NULL, NULL, NULL);
  g_auto(KitOutput) output = { 0 };

  if (stream == NULL || !kit_read_records (kit, stream, &output))
    return;
  KIT_CHECK (kit, output.code == 0 && output.out->len == 0, "it ends with %d and %" G_GSIZE_FORMAT " bytes", output.code, output.out->len);
}

/* Nothing is lost of what nobody read for a while. */
static void
slow_reader (Kit *kit, const KitCase *one)
{
  g_autoptr(GIOStream) stream = open_one (kit, "flood", "4000000", NULL, NULL);
  g_auto(KitOutput) output = { 0 };

  if (stream == NULL)
    return;
  kit_pause (kit, 300);
  if (!kit_read_records (kit, stream, &output))
    return;
  KIT_CHECK (kit, output.out->len >= 4000000 && output.out->len < 4000100, "of 4000000 bytes %" G_GSIZE_FORMAT " came", output.out->len);
  KIT_CHECK (kit, output.code == 0, "it ended with %d", output.code);
}

/* Somebody goes in the middle of it. */
static void
left_early (Kit *kit, const KitCase *one)
{
  for (guint i = 0; i < 3 && !kit_failed (kit); i++)
    {
      g_autoptr(GIOStream) stream = open_one (kit, "flood", "4000000", NULL, NULL);
      g_autoptr(GByteArray) some = NULL;

      if (stream == NULL)
        return;
      if (i > 0)
        some = kit_read (kit, g_io_stream_get_input_stream (stream), 1000 * i);
      if (!kit->lost)
        kit_close_stream (kit, stream);
    }
  if (!kit_failed (kit))
    run_code (kit, &(KitCase) { .row = 0 });
}

static void
many_open (Kit *kit, const KitCase *one)
{
  GIOStream *streams[8] = { NULL };
  g_autoptr(GHashTable) ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (streams) && !kit_failed (kit); i++)
    {
      char *exec_id = NULL;

      streams[i] = open_one (kit, "cat", NULL, "{'stdin': <true>}", &exec_id);
      if (exec_id != NULL && !g_hash_table_add (ids, exec_id))
        kit_fault (kit, "two commands have the same exec id");
    }
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    {
      g_autoptr(GIOStream) stream = streams[i];
      g_autofree char *text = g_strdup_printf ("number %u\n", i);
      g_auto(KitOutput) output = { 0 };

      if (stream == NULL || kit->lost || !kit_send (kit, stream, text, strlen (text)) || !kit_send (kit, stream, NULL, 0)
          || !kit_read_records (kit, stream, &output))
        continue;
      if (strcmp (output.out->str, text) != 0)
        kit_fault (kit, "a command has the output of another");
    }
}

static void
terminal (Kit *kit, const KitCase *one)
{
  g_autoptr(GIOStream) stream
    = open_one (kit, "size", NULL, "{'tty': <true>, 'stdin': <true>, 'rows': <uint32 21>, 'cols': <uint32 61>}", NULL);
  g_auto(KitOutput) output = { 0 };

  if (stream == NULL || !kit_read_records (kit, stream, &output))
    return;
  KIT_CHECK (kit, strstr (output.out->str, "21 61") != NULL, "its terminal says “%s”, not 21 61", output.out->str);
  KIT_CHECK (kit, output.err->len == 0, "a terminal has one stream of output");
}

static void
bad_size (Kit *kit, const KitCase *one)
{
  g_autofree char *exec_id = NULL;
  g_autoptr(GIOStream) stream
    = open_one (kit, "cat", NULL, "{'tty': <true>, 'stdin': <true>, 'rows': <uint32 21>, 'cols': <uint32 61>}", &exec_id);

  if (stream == NULL)
    return;
  kit_expect (kit_call (kit, THOLE_SLOT_EXEC_RESIZE,
                        &(TholeSlotArgs) { .id = kit->things[KIT_RUNNING], .text = exec_id, .rows = one->row, .cols = 80 }), KIT_CODE (INVALID));
}

static void
signalled (Kit *kit, const KitCase *one)
{
  static const char *const signals[] = { "SIGTERM", "SIGKILL" };
  g_autofree char *exec_id = NULL;
  g_autoptr(GIOStream) stream = open_one (kit, "forever", NULL, NULL, &exec_id);
  g_auto(KitOutput) output = { 0 };

  if (stream == NULL)
    return;
  kit_pause (kit, 100);
  if (!kit_expect (kit_call (kit, THOLE_SLOT_EXEC_SIGNAL,
                             &(TholeSlotArgs) { .id = kit->things[KIT_RUNNING], .text = exec_id, .signal = signals[one->row] }), KIT_OK)
      || !kit_read_records (kit, stream, &output))
    return;
  KIT_CHECK (kit, one->row == 0 ? output.code == 0 || output.code == 143 : output.code == 137, "after %s it ends with %d", signals[one->row],
             output.code);
  kit_expect (kit_call (kit, THOLE_SLOT_EXEC_SIGNAL,
                        &(TholeSlotArgs) { .id = kit->things[KIT_RUNNING], .text = exec_id, .signal = "SIGKILL" }),
              KIT_CODE (CONFLICT) | KIT_CODE (NOT_FOUND));
}

static void
attached (Kit *kit, const KitCase *one)
{
  g_autofree char *id = kit_fresh (kit, "attach");
  g_autoptr(GVariant) spec = kit_spec (kit, "greet", NULL, "{'stdin': <true>}");
  g_autoptr(GIOStream) stream = NULL;
  g_auto(KitOutput) output = { 0 };
  KitCall *call;

  if (!has_program (kit, "greet") || !kit_need_image (kit) || !kit_create (kit, id, spec) || !kit_start (kit, id))
    return;
  call = kit_call (kit, THOLE_SLOT_EXEC_ATTACH, &(TholeSlotArgs) { .id = id });
  if (kit_expect (call, KIT_OK))
    {
      stream = g_steal_pointer (&call->out.stream);
      if (kit_send (kit, stream, "some words\n", 11) && kit_read_records (kit, stream, &output))
        {
          if (strstr (output.out->str, "some words\n") == NULL)
            kit_fault (kit, "what came of its input is “%s”", output.out->str);
          if (output.code != 8)
            kit_fault (kit, "its exit record says %d, not 8", output.code);
        }
    }
  kit_remove (kit, id);
}

void
suite_exec (GPtrArray *cases)
{
  const guint64 can_run = KIT_MANAGES | KIT_NEEDS (EXEC_RUN), can_open = KIT_MANAGES | KIT_NEEDS (EXEC_OPEN);
  const struct
  {
    const char *name;
    KitRun run;
    guint64 needs;
    int row;
  } more[] = {
    { "run/signal", run_signal, can_run }, { "run/output", run_output, can_run }, { "run/truncated", run_truncated, can_run },
    { "run/timeout", run_late, can_run }, { "run/env", run_env, can_run }, { "run/no-such-program", run_refused, can_run, 0 },
    { "run/no-command", run_refused, can_run, 1 }, { "run/empty-word", run_refused, can_run, 2 }, { "open/signal", open_signal, can_open },
    { "open/output", open_output, can_open }, { "open/no-input", open_no_input, can_open }, { "open/slow-reader", slow_reader, can_open },
    { "open/left-early", left_early, can_open | can_run }, { "open/many", many_open, can_open }, { "open/terminal", terminal, can_open },
    { "resize/zero-rows", bad_size, can_open | KIT_NEEDS (EXEC_RESIZE), 0 },
    { "resize/too-many-rows", bad_size, can_open | KIT_NEEDS (EXEC_RESIZE), 70000 },
    { "signal/SIGTERM", signalled, can_open | KIT_NEEDS (EXEC_SIGNAL), 0 }, { "signal/SIGKILL", signalled, can_open | KIT_NEEDS (EXEC_SIGNAL), 1 },
    { "attach", attached, KIT_MANAGES | KIT_NEEDS (EXEC_ATTACH) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      kit_add (cases, &(KitCase) { .run = run_code, .row = (int) i, .needs = can_run }, "exec/run/exit-code/%s", codes[i]);
      kit_add (cases, &(KitCase) { .run = open_code, .row = (int) i, .needs = can_open }, "exec/open/exit-code/%s", codes[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      kit_add (cases, &(KitCase) { .run = run_input, .row = (int) i, .needs = can_run }, "exec/run/input/%" G_GSIZE_FORMAT, sizes[i]);
      kit_add (cases, &(KitCase) { .run = open_input, .row = (int) i, .needs = can_open }, "exec/open/input/%" G_GSIZE_FORMAT,
               MIN (sizes[i], 70000));
    }
  for (guint i = 0; i < G_N_ELEMENTS (more); i++)
    kit_add (cases, &(KitCase) { .run = more[i].run, .row = more[i].row, .needs = more[i].needs }, "exec/%s", more[i].name);
}
