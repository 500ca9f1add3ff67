/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A tour of libthole: tour IMAGE. The daemon is that of THOLE_URL, or the local one.
 *
 *     cc tour.c -o tour $(pkg-config --cflags --libs thole-1)
 */
#include <string.h>
#include <thole.h>

static GMainLoop *loop;

/* Options as JSON are shorter than a GVariant is built. */
static GVariant *
options (const char *json)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = thole_variant_from_json (json, &error);

  if (value == NULL)
    g_error ("%s", error->message);
  return value;
}

static void
list (TholeClient *client, GError **error)
{
  g_autoptr(GVariant) filter = options ("{\"state\":\"running,stopped\"}");
  g_autoptr(GPtrArray) workloads = thole_client_list_workloads (client, filter, NULL, error);

  for (guint i = 0; workloads != NULL && i < workloads->len; i++)
    g_print ("there is %s %s\n", thole_object_get_name (workloads->pdata[i]), thole_object_get_state (workloads->pdata[i]));
}

static void
on_state (TholeObject *workload, GParamSpec *spec, gpointer user_data)
{
  g_print ("now it is %s\n", thole_object_get_state (workload));
  if (strcmp (thole_object_get_state (workload), "stopped") == 0)
    g_main_loop_quit (loop);
}

static void
on_stopped (GObject *workload, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GError) error = NULL;

  if (!thole_workload_stop_finish (THOLE_WORKLOAD (workload), result, &error))
    g_error ("%s", error->message);
}

static void
on_current (TholeList *workloads, GParamSpec *spec, gpointer workload)
{
  thole_workload_stop_async (workload, NULL, NULL, on_stopped, NULL);
}

/* Its properties follow the daemon as long as the list lives. */
static void
follow (TholeClient *client, TholeWorkload *workload)
{
  g_autoptr(TholeList) workloads = thole_client_follow_workloads (client);

  loop = g_main_loop_new (NULL, FALSE);
  g_signal_connect (workload, "notify::state", G_CALLBACK (on_state), NULL);
  g_signal_connect (workloads, "notify::current", G_CALLBACK (on_current), workload);
  g_main_loop_run (loop);
  g_signal_handlers_disconnect_by_func (workload, on_state, NULL);
  g_print ("the list has %u of them\n", g_list_model_get_n_items (G_LIST_MODEL (workloads)));
  g_main_loop_unref (loop);
}

static gboolean
attach (TholeWorkload *workload, GError **error)
{
  g_autoptr(GVariant) command = options ("{\"command\":[\"sh\",\"-c\",\"read name; echo hello $name; exit 3\"],\"tty\":true}");
  g_autoptr(TholeSession) session = thole_workload_create_session (workload, command, NULL, error);
  g_autoptr(TholeAttachment) terminal = session != NULL ? thole_session_attach (session, NULL, NULL, error) : NULL;
  g_autoptr(GString) output = g_string_new (NULL);
  char piece[4096];
  gssize got;

  if (terminal == NULL
      || !g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (terminal)), "world\n", 6, NULL, NULL, error))
    return FALSE;
  while ((got = g_input_stream_read (g_io_stream_get_input_stream (G_IO_STREAM (terminal)), piece, sizeof piece, NULL, error)) > 0)
    g_string_append_len (output, piece, got);
  if (got < 0 || !thole_attachment_wait (terminal, NULL, error))
    return FALSE;
  g_print ("it said %s and ended with %d\n", strstr (output->str, "hello world") != NULL ? "so" : "nothing",
           thole_attachment_get_exit_code (terminal));
  return TRUE;
}

static gboolean
read_events (TholeClient *client, TholeWorkload *workload, GError **error)
{
  g_autofree char *subject = g_strdup_printf ("{\"subject\":\"%s\"}", thole_object_get_id (THOLE_OBJECT (workload)));
  g_autoptr(GVariant) filter = options (subject);
  g_autoptr(TholeEventStream) events = thole_client_open_events (client, THOLE_EVENTS_OLDEST, filter);
  const char *state = "";

  while (strcmp (state, "stopping") != 0)
    {
      g_autoptr(TholeEvent) event = thole_event_stream_next (events, NULL, error);

      if (event == NULL)
        return FALSE;
      state = "";
      g_variant_lookup (thole_event_get_data (event), "state", "&s", &state);
      g_print ("event %" G_GINT64_FORMAT " %s %s\n", thole_event_get_seq (event), thole_event_get_kind (event), state);
      state = g_intern_string (state);
    }
  return TRUE;
}

static gboolean
tour (const char *image, GError **error)
{
  g_autofree char *json = g_strdup_printf ("{\"name\":\"tour\",\"wait\":\"running\",\"spec\":{\"image\":\"%s\",\"command\":[\"forever\"]}}",
                                           image);
  g_autoptr(GVariant) request = options (json), running = options ("{\"wait\":\"running\"}");
  g_autoptr(GVariant) by_force = options ("{\"force\":true,\"wait\":\"deleted\"}");
  g_autoptr(TholeClient) client = thole_client_new_for_url (NULL, NULL, error);
  g_autoptr(TholeWorkload) workload = NULL;
  g_autoptr(GError) gone = NULL;

  if (client == NULL)
    return FALSE;
  list (client, error);
  workload = thole_client_create_workload (client, request, NULL, error);
  if (workload == NULL)
    return FALSE;
  g_print ("made %s %s\n", thole_object_get_id (THOLE_OBJECT (workload)), thole_object_get_state (THOLE_OBJECT (workload)));
  follow (client, workload);
  if (!thole_workload_start (workload, running, NULL, error) || !attach (workload, error) || !read_events (client, workload, error)
      || !thole_workload_delete (workload, by_force, NULL, error))
    return FALSE;
  if (thole_workload_refresh (workload, NULL, &gone))
    return FALSE;
  g_print ("gone: %s %s\n", g_error_matches (gone, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_NOT_FOUND) ? "true" : "false", gone->message);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr(GError) error = NULL;

  if (argc != 2)
    g_printerr ("usage: tour IMAGE\n");
  else if (!tour (argv[1], &error))
    g_printerr ("tour: %s\n", error != NULL ? error->message : "what was deleted is still there");
  else
    return 0;
  return 1;
}
