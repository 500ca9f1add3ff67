/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host.h"

#include <string.h>

#define PATIENCE (3600 * SECOND)

const TholePlugin *thole_driver_entry_memory (void);

/* the clock */

typedef struct
{
  GSource source;
  gint64 due;
} Timer;

static gint64 now_of_test = START;
static GPtrArray *timers; /* of Timer, borrowed */

gint64
clock_now (void)
{
  return now_of_test;
}

void
clock_set (gint64 now)
{
  now_of_test = now;
}

static gboolean
timer_prepare (GSource *source, int *timeout)
{
  *timeout = -1;
  return ((Timer *) source)->due <= now_of_test;
}

static gboolean
timer_check (GSource *source)
{
  return ((Timer *) source)->due <= now_of_test;
}

static gboolean
timer_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

static void
timer_finalize (GSource *source)
{
  g_ptr_array_remove (timers, source);
}

static GSourceFuncs timer_funcs = { timer_prepare, timer_check, timer_dispatch, timer_finalize, NULL, NULL };

static gint64
next_timer (void)
{
  gint64 next = G_MAXINT64;

  for (guint i = 0; timers != NULL && i < timers->len; i++)
    {
      Timer *timer = timers->pdata[i];

      if (!g_source_is_destroyed (&timer->source))
        next = MIN (next, timer->due);
    }
  return next;
}

void
settle (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

void
clock_pass (gint64 delay)
{
  gint64 until = now_of_test + delay;
  gint64 next;

  settle ();
  while ((next = next_timer ()) <= until)
    {
      now_of_test = MAX (now_of_test, next);
      settle ();
    }
  now_of_test = until;
  settle ();
}

/* the host */

static void
host_log (TholeHost *host, GLogLevelFlags level, const char *message)
{
}

static void
host_event (TholeHost *host, GVariant *event)
{
  Host *self = (Host *) host;

  g_ptr_array_add (self->events, g_variant_ref_sink (event));
}

static gint64
host_now (TholeHost *host)
{
  return now_of_test;
}

static GSource *
host_timer (TholeHost *host, guint64 delay, GSourceFunc function, gpointer user_data, GDestroyNotify notify)
{
  GSource *source = g_source_new (&timer_funcs, sizeof (Timer));

  if (timers == NULL)
    timers = g_ptr_array_new ();
  ((Timer *) source)->due = now_of_test + (gint64) delay;
  g_ptr_array_add (timers, source);
  g_source_set_callback (source, function, user_data, notify);
  g_source_attach (source, NULL);
  return source;
}

static GBytes *
host_secret (TholeHost *host, const char *name)
{
  return NULL;
}

static gconstpointer
find_interface (const TholePlugin *plugin, const char *name)
{
  for (const TholeInterface *at = plugin->interfaces; at->name != NULL; at++)
    if (strcmp (at->name, name) == 0)
      return at->ops;
  return NULL;
}

static GVariant *
config_of (const char *key, va_list args)
{
  GVariantDict config;

  g_variant_dict_init (&config, NULL);
  g_variant_dict_insert (&config, "instance", "s", "instance-1");
  g_variant_dict_insert (&config, "name", "s", "memory");
  g_variant_dict_insert (&config, "runtime_dir", "s", "/nonexistent");
  g_variant_dict_insert (&config, "state_dir", "s", "/nonexistent");
  for (; key != NULL; key = va_arg (args, const char *))
    g_variant_dict_insert (&config, key, "s", va_arg (args, const char *));
  return g_variant_ref_sink (g_variant_dict_end (&config));
}

static Host *
host_make (const char *key, va_list args)
{
  const TholePlugin *plugin = thole_driver_entry_memory ();
  g_autoptr (GVariant) config = config_of (key, args);
  g_autoptr (GError) error = NULL;
  Host *self = g_new0 (Host, 1);

  self->ops = (TholeHostOps){ sizeof (TholeHostOps), host_log, host_event, host_now, host_timer, host_secret };
  self->api = plugin->driver;
  self->workload = find_interface (plugin, "workload/1");
  self->exec = find_interface (plugin, "exec/1");
  self->agent = find_interface (plugin, "agent/1");
  self->files = find_interface (plugin, "files/1");
  self->image = find_interface (plugin, "image/1");
  self->volume = find_interface (plugin, "volume/1");
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  self->driver = self->api->open ((TholeHost *) self, &self->ops, config, &error);
  g_assert_no_error (error);
  return self;
}

Host *
host_open (const char *key, ...)
{
  va_list args;
  Host *self;

  va_start (args, key);
  self = host_make (key, args);
  va_end (args);
  return self;
}

Host *
host_new (const char *key, ...)
{
  g_autoptr (GError) error = NULL;
  va_list args;
  Host *self;

  va_start (args, key);
  self = host_make (key, args);
  va_end (args);
  g_assert_cmpint (host_probe (self, NULL, &error), ==, THOLE_PROBE_READY);
  g_assert_no_error (error);
  return self;
}

TholeProbe
host_probe (Host *self, GVariant **facts, GError **error)
{
  Answer answer = { NULL };
  g_autoptr (GVariant) value = NULL;
  TholeProbe probe;

  self->api->probe_async (self->driver, NULL, answer_take, &answer);
  answer_wait (&answer);
  probe = self->api->probe_finish (self->driver, answer.result, &value, error);
  answer_clear (&answer);
  if (facts != NULL)
    *facts = g_steal_pointer (&value);
  return probe;
}

void
host_free (Host *self)
{
  Answer answer = { NULL };

  self->api->close_async (self->driver, answer_take, &answer);
  answer_wait (&answer);
  self->api->close_finish (self->driver, answer.result);
  answer_clear (&answer);
  g_ptr_array_unref (self->events);
  g_free (self);
}

guint
host_count (Host *self, const char *kind_or_action)
{
  guint count = 0;

  for (guint i = 0; i < self->events->len; i++)
    count += strcmp (thole_dict_string (self->events->pdata[i], "kind", ""), kind_or_action) == 0
             || strcmp (thole_dict_string (self->events->pdata[i], "action", ""), kind_or_action) == 0;
  return count;
}

void
host_forget_events (Host *self)
{
  g_ptr_array_set_size (self->events, 0);
}

/* answers */

void
answer_take (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  g_assert_null (source);
  g_assert_null (answer->result);
  answer->result = g_object_ref (result);
}

void
answer_wait (Answer *answer)
{
  gint64 until = now_of_test + PATIENCE;

  g_assert_null (answer->result);
  while (answer->result == NULL && now_of_test < until)
    {
      settle ();
      if (answer->result == NULL)
        clock_pass (MAX (MIN (next_timer (), until) - now_of_test, 0));
    }
  g_assert_nonnull (answer->result);
}

void
answer_clear (Answer *answer)
{
  g_clear_object (&answer->result);
}

static GPtrArray *kept;

GVariant *
dict (const char *text)
{
  GVariant *value = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);

  g_assert_nonnull (value);
  if (kept == NULL)
    kept = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_ptr_array_add (kept, value);
  if (kept->len > 100)
    g_ptr_array_remove_range (kept, 0, 50);
  return value;
}

GVariant *
no_options (void)
{
  return dict ("{}");
}

#define CALL_ID(table, slot)                                                                       \
  Answer answer = { NULL };                                                                        \
  self->table->slot##_async (self->driver, id, no_options (), NULL, answer_take, &answer);         \
  answer_wait (&answer)

#define FINISH(type, table, slot)                                                                  \
  type value = self->table->slot##_finish (self->driver, answer.result, error);                    \
  answer_clear (&answer);                                                                          \
  return value

GVariant *
call_list (Host *self, GError **error)
{
  Answer answer = { NULL };

  self->workload->list_async (self->driver, no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  FINISH (GVariant *, workload, list);
}

GVariant *
call_inspect (Host *self, const char *id, GError **error)
{
  CALL_ID (workload, inspect);
  GVariant *value = self->workload->inspect_finish (self->driver, answer.result, error);

  g_assert_true (value == NULL || g_variant_is_normal_form (value));
  answer_clear (&answer);
  return value;
}

GVariant *
call_create (Host *self, const char *id, const char *spec, GError **error)
{
  Answer answer = { NULL };

  self->workload->create_async (self->driver, id, dict (spec), no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  FINISH (GVariant *, workload, create);
}

gboolean
call_start (Host *self, const char *id, GError **error)
{
  CALL_ID (workload, start);
  FINISH (gboolean, workload, start);
}

gboolean
call_stop (Host *self, const char *id, const char *options, GError **error)
{
  Answer answer = { NULL };

  self->workload->stop_async (self->driver, id, dict (options), NULL, answer_take, &answer);
  answer_wait (&answer);
  FINISH (gboolean, workload, stop);
}

gboolean
call_kill (Host *self, const char *id, const char *signal, GError **error)
{
  Answer answer = { NULL };

  self->workload->kill_async (self->driver, id, signal, no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  FINISH (gboolean, workload, kill);
}

gboolean
call_pause (Host *self, const char *id, GError **error)
{
  CALL_ID (workload, pause);
  FINISH (gboolean, workload, pause);
}

gboolean
call_unpause (Host *self, const char *id, GError **error)
{
  CALL_ID (workload, unpause);
  FINISH (gboolean, workload, unpause);
}

gboolean
call_remove (Host *self, const char *id, gboolean force, GError **error)
{
  Answer answer = { NULL };

  self->workload->remove_async (self->driver, id, dict (force ? "{'force': <true>}" : "{}"), NULL, answer_take,
                                &answer);
  answer_wait (&answer);
  FINISH (gboolean, workload, remove);
}

GVariant *
call_recover (Host *self, const char *id, GError **error)
{
  CALL_ID (workload, recover);
  FINISH (GVariant *, workload, recover);
}

GVariant *
call_stats (Host *self, const char *id, GError **error)
{
  CALL_ID (workload, stats);
  FINISH (GVariant *, workload, stats);
}

GIOStream *
call_logs (Host *self, const char *id, const char *options, GError **error)
{
  Answer answer = { NULL };

  self->workload->logs_async (self->driver, id, dict (options), NULL, answer_take, &answer);
  answer_wait (&answer);
  FINISH (GIOStream *, workload, logs);
}

GVariant *
call_run (Host *self, const char *id, const char *command, GError **error)
{
  Answer answer = { NULL };

  self->exec->run_async (self->driver, id, dict (command), no_options (), NULL, answer_take, &answer);
  answer_wait (&answer);
  FINISH (GVariant *, exec, run);
}

GVariant *
call_pull (Host *self, const char *reference, const char *options, GError **error)
{
  Answer answer = { NULL };

  self->image->pull_async (self->driver, reference, dict (options), NULL, answer_take, &answer);
  answer_wait (&answer);
  FINISH (GVariant *, image, pull);
}

void
run_program (Host *self, const char *id, const char *words)
{
  g_autofree char *spec = g_strdup_printf ("{'name': <'%s'>, 'command': <@as %s>}", id, words);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) created = call_create (self, id, spec, &error);

  g_assert_no_error (error);
  g_assert_nonnull (created);
  call_start (self, id, &error);
  g_assert_no_error (error);
}

char *
control (Host *self, const char *words)
{
  g_autofree char *command = g_strdup_printf ("{'command': <@as %s>}", words);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = call_run (self, "control", command, &error);
  g_autoptr (GVariant) out = NULL;

  g_assert_no_error (error);
  out = thole_dict_value (result, "stdout", "ay");
  return g_strndup (g_variant_get_data (out) != NULL ? g_variant_get_data (out) : "", g_variant_get_size (out));
}

char *
state_of (Host *self, const char *id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = call_inspect (self, id, &error);
  const char *state;

  if (value == NULL)
    return g_strdup (thole_error_word (error->code));
  state = thole_dict_string (value, "state", "");
  if (strcmp (state, "exited") != 0)
    return g_strdup (state);
  return g_strdup_printf ("exited %d%s%s%s", (int) thole_dict_int (value, "exit_code", -1),
                          *thole_dict_string (value, "exit_signal", "") != '\0' ? " " : "",
                          thole_dict_string (value, "exit_signal", ""),
                          thole_dict_boolean (value, "oom", FALSE) ? " oom" : "");
}

/* streams */

GByteArray *
read_bytes (GInputStream *stream)
{
  GByteArray *all = g_byte_array_new ();
  guint8 part[5000];

  for (;;)
    {
      g_autoptr (GError) error = NULL;
      gssize length = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (stream), part, sizeof part,
                                                                NULL, &error);

      if (length <= 0)
        return all;
      g_byte_array_append (all, part, (guint) length);
    }
}

char *
read_logs (GIOStream *stream)
{
  g_autoptr (GByteArray) bytes = read_bytes (g_io_stream_get_input_stream (stream));
  GString *text = g_string_new ("");
  gsize at = 0;
  guint8 channel;
  gint64 time;
  const guint8 *body;
  gsize body_length;
  gssize whole;

  while (at < bytes->len && (whole = thole_log_record_parse (bytes->data + at, bytes->len - at, &channel, &time, &body, &body_length)) > 0)
    {
      g_string_append_printf (text, "%u %.*s", channel, (int) body_length, (const char *) body);
      at += (gsize) whole;
    }
  g_assert_cmpuint (at, ==, bytes->len);
  return g_string_free (text, FALSE);
}

char *
read_session (GIOStream *stream)
{
  g_autoptr (GByteArray) bytes = read_bytes (g_io_stream_get_input_stream (stream));
  GString *text = g_string_new ("");
  gsize at = 0;
  TholeRecordKind kind;
  const guint8 *body;
  gsize body_length;
  gssize whole;

  while (at < bytes->len && (whole = thole_record_parse (bytes->data + at, bytes->len - at, &kind, &body, &body_length)) > 0)
    {
      gint32 code;
      guint8 signal;

      if (kind != THOLE_RECORD_EXIT)
        g_string_append_printf (text, "%s[%.*s]", kind == THOLE_RECORD_STDOUT ? "out" : "err", (int) body_length,
                                (const char *) body);
      else if (thole_record_parse_exit (body, body_length, &code, &signal))
        g_string_append_printf (text, "exit[%d %u]", code, signal);
      at += (gsize) whole;
    }
  g_assert_cmpuint (at, ==, bytes->len);
  return g_string_free (text, FALSE);
}

void
write_input (GIOStream *stream, const char *text)
{
  g_autoptr (GByteArray) record = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  thole_record_append (record, THOLE_RECORD_STDIN, text, strlen (text));
  g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (stream)),
                                              record->data, record->len, NULL, &error);
  g_assert_no_error (error);
}
