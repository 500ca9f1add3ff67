/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/idle.h"
#include "operations/verb.h"

#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

/* how much longer than the command itself the engine may take to say that it ended, seconds */
#define SLACK 15
#define LONGEST 86400

typedef struct
{
  TholeSubject *subject;
  TholeBackend *backend;
  gint64 began;  /* µs monotonic */
} Exec;

static void
exec_free (gpointer data)
{
  Exec *self = data;

  thole_idle_release (self->subject);
  thole_subject_unref (self->subject);
  g_object_unref (self->backend);
  g_free (self);
}

/* output that is not UTF-8 comes as NAME_base64 */
static void
append_output (GString *json, GVariant *result, const char *name)
{
  g_autoptr (GVariant) value = thole_dict_value (result, name, "ay");
  gsize length = 0;
  const char *bytes = value != NULL ? g_variant_get_fixed_array (value, &length, 1) : "";

  g_string_append_printf (json, ",\"%s", name);
  /* an empty array has no address */
  if (length == 0)
    bytes = "";
  if (g_utf8_validate_len (bytes, length, NULL) && memchr (bytes, 0, length) == NULL)
    {
      g_string_append (json, "\":");
      thole_json_append_string_len (json, bytes, length);
    }
  else
    {
      g_autofree char *text = g_base64_encode ((const guchar *) bytes, length);

      g_string_append_printf (json, "_base64\":\"%s\"", text);
    }
}

static void
ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  Exec *self = call->state;
  g_auto (TholeSlotResult) out = { NULL };
  g_autoptr (GError) error = NULL;
  const char *signal;
  GString *json;

  call->operations->execs--;
  if (!thole_backend_call_finish (self->backend, result, &out, &error))
    {
      thole_call_error (call, error);
      return;
    }
  signal = thole_dict_string (out.value, "exit_signal", "");
  json = g_string_new (NULL);
  g_string_append_printf (json, "{\"exit_code\":%" G_GINT64_FORMAT ",\"signal\":", thole_dict_int (out.value, "exit_code", -1));
  if (signal[0] != '\0')
    thole_json_append_string (json, signal);
  else
    g_string_append (json, "null");
  append_output (json, out.value, "stdout");
  append_output (json, out.value, "stderr");
  g_string_append_printf (json, ",\"truncated\":%s,\"duration\":", thole_dict_boolean (out.value, "truncated", FALSE) ? "true" : "false");
  thole_json_append_double (json, (double) (thole_clock_monotonic (call->operations->clock) - self->began) / G_USEC_PER_SEC);
  g_string_append_c (json, '}');
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

static GVariant *
command_of (TholeCall *call)
{
  const char *base64 = thole_dict_string (call->body, "stdin_base64", "");
  const char *text = thole_dict_string (call->body, "stdin", "");
  g_auto (GStrv) command = thole_dict_strv (call->body, "command");
  g_autoptr (GVariant) env = thole_dict_value (call->body, "env", "a{ss}");
  g_autofree guchar *decoded = NULL;
  gsize length = strlen (text);
  GVariantDict dict;

  if (base64[0] != '\0')
    decoded = g_base64_decode (base64, &length);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "command", "^as", command);
  if (env != NULL)
    g_variant_dict_insert_value (&dict, "env", env);
  g_variant_dict_insert (&dict, "working_dir", "s", thole_dict_string (call->body, "working_dir", ""));
  g_variant_dict_insert (&dict, "user", "s", thole_dict_string (call->body, "user", ""));
  g_variant_dict_insert (&dict, "timeout", "d", thole_dict_double (call->body, "timeout", 60));
  g_variant_dict_insert_value (&dict, "stdin", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, decoded != NULL ? (gconstpointer) decoded : text,
                                                                          length, 1));
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static gboolean
may_exec (TholeCall *call, TholeSubject *subject)
{
  if (subject->now->state != THOLE_WORKLOAD_STATE_RUNNING)
    thole_call_problem (call, thole_verb_illegal (subject->now, "exec"));
  else if (call->operations->execs >= call->operations->limits.execs)
    thole_call_fail (call, THOLE_ERROR_BUSY, "%u commands run already", call->operations->execs);
  else if (thole_dict_string (call->body, "stdin", "")[0] != '\0' && thole_dict_string (call->body, "stdin_base64", "")[0] != '\0')
    {
      TholeProblem *problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");

      thole_problem_add (problem, "/stdin", "exclusive", "either stdin or stdin_base64");
      thole_call_problem (call, problem);
    }
  else
    return TRUE;
  return FALSE;
}

static void
run (TholeCall *call)
{
  Exec *self = call->state;
  g_autoptr (GVariant) command = command_of (call);
  double timeout = thole_dict_double (call->body, "timeout", 60);
  TholeSlotArgs args = { .id = self->subject->now->id, .dict = command, .deadline = (timeout > 0 ? timeout : LONGEST) + SLACK };

  self->began = thole_clock_monotonic (call->operations->clock);
  call->operations->execs++;
  thole_backend_call_async (self->backend, THOLE_SLOT_EXEC_RUN, &args, call->cancellable, ended, call);
}

/* with a key the command is remembered before it runs, so that it never runs twice */
static void
remembered (gpointer user_data, const GError *error)
{
  TholeCall *call = user_data;

  if (error != NULL)
    {
      thole_call_error (call, error);
      return;
    }
  thole_idempotency_stored (call);
  run (call);
}

void
thole_op_workload_exec (TholeCall *call)
{
  TholeSubject *subject = thole_call_subject (call);
  TholeBackend *backend;
  Exec *self;

  if (subject == NULL)
    return;
  backend = thole_call_backend (call, thole_subject_backend (subject), subject->now->backend, THOLE_SLOT_EXEC_RUN);
  if (backend == NULL || !may_exec (call, subject))
    return;
  self = g_new0 (Exec, 1);
  self->subject = thole_subject_ref (subject);
  thole_idle_hold (subject);
  self->backend = g_object_ref (backend);
  call->state = self;
  call->state_free = exec_free;
  if (call->key == NULL)
    run (call);
  else
    {
      TholeTxn *txn = thole_txn_new ();

      thole_idempotency_remember (call, txn, subject->now->id, "");
      thole_db_commit (call->operations->db, txn, remembered, call);
    }
}
