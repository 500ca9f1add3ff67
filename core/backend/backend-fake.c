/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "backend/backend-fake.h"

#include <string.h>

#include "thole-dict.h"

Fake fake;

static TholeDriver *
fake_open (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error)
{
  if (thole_dict_string (config, "wrong", NULL) != NULL)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "wrong is wrong");
      return NULL;
    }
  fake.driver = g_new0 (TholeDriver, 1);
  fake.driver->host = host;
  fake.driver->ops = ops;
  return fake.driver;
}

static void
fake_probe_async (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, NULL, callback, user_data);
  TholeProbe probe = fake.probes[MIN (fake.probed, fake.n_probes - 1)];

  fake.probed++;
  if (fake.deaf)
    g_ptr_array_add (fake.held, g_steal_pointer (&task));
  else
    g_task_return_int (task, probe);
}

static TholeProbe
fake_probe_finish (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error)
{
  gssize probe = g_task_propagate_int (G_TASK (result), NULL);

  if (probe == THOLE_PROBE_READY)
    *facts = g_variant_new_parsed ("{'engine': <'fake'>, 'version': <'7'>}");
  else
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "no engine here");
  return probe;
}

static void
fake_close_async (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = g_task_new (NULL, NULL, callback, user_data);

  g_assert_true (self == fake.driver);
  g_task_return_boolean (task, TRUE);
}

static void
fake_close_finish (TholeDriver *self, GAsyncResult *result)
{
  fake.closed++;
  g_clear_pointer (&fake.driver, g_free);
}

static void
on_cancelled (GCancellable *cancellable, gpointer task)
{
  fake.cancelled++;
  if (g_str_has_prefix (g_task_get_task_data (task), "slow"))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the engine was not asked on");
  else if (g_str_has_prefix (g_task_get_task_data (task), "done"))
    g_task_return_boolean (task, TRUE);
}

/* The word says how the call ends. */
static void
run (const char *word, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  gboolean inside = strcmp (word, "inside") == 0;
  g_autoptr(GTask) task = g_task_new (NULL, NULL, inside ? NULL : callback, user_data);

  g_task_set_task_data (task, g_strdup (word), g_free);
  if (strcmp (word, "slow") == 0 || strcmp (word, "done") == 0 || strcmp (word, "hang") == 0)
    {
      g_signal_connect_object (cancellable, "cancelled", G_CALLBACK (on_cancelled), task, 0);
      g_ptr_array_add (fake.held, g_steal_pointer (&task));
    }
  else if (strcmp (word, "foreign") == 0)
    g_task_return_new_error (task, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "the disk said no");
  else if (strcmp (word, "conflict") == 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_CONFLICT, "port 80 is taken");
  else if (strcmp (word, "inner") == 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_STORAGE, "not for a driver");
  else if (strcmp (word, "newer") == 0)
    g_task_return_new_error (task, THOLE_ERROR, 1000, "a code of later");
  else if (strcmp (word, "away") == 0)
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "connection refused");
  else
    g_task_return_boolean (task, TRUE);
  /* against the rules */
  if (inside)
    callback (NULL, G_ASYNC_RESULT (task), user_data);
}

static void
fake_options_async (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data)
{
  g_string_append_printf (fake.seen, "options=%d", (int) g_variant_n_children (options));
  run ("ok", cancellable, callback, user_data);
}

static void
fake_id_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
               GAsyncReadyCallback callback, gpointer user_data)
{
  g_string_append_printf (fake.seen, "id=%s options=%d", id, (int) g_variant_n_children (options));
  run (id, cancellable, callback, user_data);
}

static void
fake_dict_async (TholeDriver *self, const char *id, GVariant *dict, GVariant *options, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_string_append_printf (fake.seen, "id=%s dict=%s options=%d", id, thole_dict_string (dict, "d", "?"),
                          (int) g_variant_n_children (options));
  run (id, cancellable, callback, user_data);
}

static void
fake_text_async (TholeDriver *self, const char *id, const char *text, GVariant *options, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_string_append_printf (fake.seen, "id=%s text=%s options=%d", id, text, (int) g_variant_n_children (options));
  run (id, cancellable, callback, user_data);
}

static void
fake_tar_async (TholeDriver *self, const char *id, const char *text, GInputStream *tar, GVariant *options,
                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_assert_true (G_IS_INPUT_STREAM (tar));
  g_string_append_printf (fake.seen, "id=%s text=%s tar options=%d", id, text, (int) g_variant_n_children (options));
  run (id, cancellable, callback, user_data);
}

static void
fake_size_async (TholeDriver *self, const char *id, const char *text, guint rows, guint cols, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_string_append_printf (fake.seen, "id=%s text=%s %ux%u", id, text, rows, cols);
  run (id, cancellable, callback, user_data);
}

static void
fake_signal_async (TholeDriver *self, const char *id, const char *text, const char *signal, GVariant *options,
                   GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_string_append_printf (fake.seen, "id=%s text=%s signal=%s options=%d", id, text, signal, (int) g_variant_n_children (options));
  run (id, cancellable, callback, user_data);
}

static gboolean
word_is (GAsyncResult *result, const char *word)
{
  return g_strcmp0 (g_task_get_task_data (G_TASK (result)), word) == 0;
}

static gboolean
fake_nothing_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error) && !word_is (result, "silent");
}

static GVariant *
fake_value_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  if (!fake_nothing_finish (self, result, error))
    return NULL;
  /* a floating one is against the rules, and taken all the same */
  return word_is (result, "wrong") ? g_variant_new_int32 (1) : g_variant_new_parsed ("{'a': <1>}");
}

static GVariant *
fake_values_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  if (!fake_nothing_finish (self, result, error))
    return NULL;
  return g_variant_ref_sink (g_variant_new_parsed ("[{'a': <1>}, {'b': <2>}]"));
}

static GIOStream *
fake_stream_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return fake_nothing_finish (self, result, error) ? thole_stream_new (NULL, NULL) : NULL;
}

static GIOStream *
fake_exec_finish (TholeDriver *self, GAsyncResult *result, char **exec_id, GError **error)
{
  GIOStream *stream = fake_stream_finish (self, result, error);

  if (stream != NULL)
    *exec_id = g_strdup ("e1");
  return stream;
}

static const TholeDriverOps fake_driver = {
  sizeof fake_driver, fake_open, fake_probe_async, fake_probe_finish, fake_close_async, fake_close_finish,
};

#define BOTH(slot, shape, result) .slot##_async = fake_##shape##_async, .slot##_finish = fake_##result##_finish

static const TholeWorkloadOps fake_workload = {
  sizeof fake_workload,
  BOTH (list, options, values), BOTH (inspect, id, value), BOTH (create, dict, value), BOTH (start, id, nothing),
  BOTH (stop, id, nothing), BOTH (kill, text, nothing), BOTH (unpause, id, nothing), BOTH (remove, id, nothing),
  BOTH (update, dict, nothing), BOTH (recover, id, value), BOTH (logs, id, stream), BOTH (stats, id, value),
};
static const TholeExecOps fake_exec = {
  sizeof fake_exec,
  BOTH (run, dict, value), BOTH (open, dict, exec), BOTH (attach, id, stream), BOTH (resize, size, nothing),
  BOTH (signal, signal, nothing),
};
static const TholeAgentOps fake_agent = { sizeof fake_agent, BOTH (install, id, value), BOTH (connect, id, stream) };
static const TholeFilesOps fake_files = { sizeof fake_files, BOTH (get, text, stream), BOTH (put, tar, nothing) };
static const TholeImageOps fake_image = {
  sizeof fake_image, BOTH (list, options, values), BOTH (pull, id, value), BOTH (remove, id, nothing),
};
static const TholeVolumeOps fake_volume = {
  sizeof fake_volume,
  BOTH (list, options, values), BOTH (create, dict, value), BOTH (snapshot, text, value), BOTH (remove, id, nothing),
};
static const TholeInterface fake_interfaces[] = {
  { "workload/1", &fake_workload }, { "exec/1", &fake_exec }, { "agent/1", &fake_agent }, { "files/1", &fake_files },
  { "image/1", &fake_image }, { "volume/1", &fake_volume }, { "dream/9", &fake_volume }, { NULL, NULL },
};
const TholePlugin fake_plugin = {
  sizeof fake_plugin, THOLE_DRIVER_ABI, "fake", "1.2", &fake_driver, fake_interfaces,
};
