/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wait.h"

#include <string.h>

#include "interrupt.h"
#include "thole-dict.h"

#define LONG_POLL 20
#define SHOWN_POLL 0.25
#define MAX_WAIT 3600

gboolean
cli_state_among (const char *states, const char *state)
{
  g_auto(GStrv) words = g_strsplit (states, ",", -1);

  return g_strv_contains ((const char *const *) words, state);
}

gboolean
cli_wait_query (Cli *self, GString *path, const char *goal, const char *others, double *time, GError **error)
{
  g_autofree char *all = NULL;
  const char *states = cli_arguments_get (self->arguments, "wait");
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  double timeout;

  if (!cli_arguments_duration (self->arguments, "timeout", MAX_WAIT, 60, &timeout, error))
    return FALSE;
  if (states == NULL && cli_arguments_has (self->arguments, "timeout"))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("--timeout needs --wait"));
      return FALSE;
    }
  *time = CLI_ANSWER_TIME;
  if (states == NULL)
    return TRUE;
  all = g_strconcat (*states != '\0' ? states : goal, others, NULL);
  cli_query (path, "wait", all);
  cli_query (path, "timeout", g_ascii_dtostr (text, sizeof text, timeout));
  *time += timeout;
  return TRUE;
}

/* may it be asked again? @lost: when the daemon went away, 0 = it is there */
static gboolean
is_patient (const GError *fault, gint64 *lost, GCancellable *cancellable)
{
  gint64 now = g_get_monotonic_time ();

  if (!g_error_matches (fault, CLI_ERROR, CLI_UNREACHABLE))
    return FALSE;
  if (*lost == 0)
    *lost = now;
  if (now - *lost > CLI_PATIENCE * G_USEC_PER_SEC)
    return FALSE;
  cli_sleep (0.3, cancellable);
  return TRUE;
}

static GVariant *
ask_object (Cli *self, const char *path, double time, gboolean *again, GCancellable *cancellable, GError **error)
{
  g_autoptr(CliReply) reply = cli_client_call (self->client, "GET", path, NULL, time, cancellable, error);

  if (reply == NULL)
    return NULL;
  *again = reply->status == 504;
  if (*again || !cli_reply_check (reply, error))
    return NULL;
  if (reply->body != NULL && g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT))
    return g_steal_pointer (&reply->body);
  g_set_error (error, CLI_ERROR, CLI_FAILED, _("the daemon's answer is not an object"));
  return NULL;
}

static void
show_operation (Cli *self, const char *id, CliProgress *progress, GCancellable *cancellable)
{
  g_autofree char *path = cli_path ("/v1/operations/%s", id);
  g_autoptr(CliReply) reply = cli_client_ask (self->client, "GET", path, NULL, CLI_ANSWER_TIME, cancellable, NULL);

  if (reply != NULL && reply->body != NULL && g_variant_is_of_type (reply->body, G_VARIANT_TYPE_VARDICT)
      && strcmp (thole_dict_string (reply->body, "state", ""), "running") == 0)
    cli_progress_show (progress, reply->body);
}

GVariant *
cli_wait_state (Cli *self, const char *id, const char *states, double timeout, const char *operation,
                CliProgress *progress, GCancellable *cancellable, GError **error)
{
  gint64 begin = g_get_monotonic_time (), lost = 0;
  gboolean shown = operation != NULL && progress != NULL && cli_progress_is_bar (progress);

  while (TRUE)
    {
      g_autofree char *base = cli_path ("/v1/workloads/%s", id);
      g_autoptr(GString) path = g_string_new (base);
      g_autoptr(GVariant) object = NULL;
      g_autoptr(GError) fault = NULL;
      double passed = (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC;
      double step = shown ? SHOWN_POLL : LONG_POLL;
      gboolean again = FALSE;
      char text[G_ASCII_DTOSTR_BUF_SIZE];

      if (timeout >= 0)
        step = MIN (step, MAX (timeout - passed, 0));
      cli_query (path, "wait", states);
      cli_query (path, "timeout", g_ascii_formatd (text, sizeof text, "%.3f", step));
      object = ask_object (self, path->str, step + CLI_ANSWER_TIME, &again, cancellable, &fault);
      if (object != NULL && cli_state_among (states, thole_dict_string (object, "state", "")))
        return g_steal_pointer (&object);
      if (fault == NULL)
        lost = 0;
      else if (!is_patient (fault, &lost, cancellable))
        return g_propagate_error (error, g_steal_pointer (&fault)), NULL;
      /* an answer before its time would make this loop a busy one */
      if (object != NULL)
        cli_sleep (0.2, cancellable);
      if (timeout >= 0 && (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC >= timeout)
        {
          g_set_error (error, CLI_ERROR, CLI_FAILED,
                       ngettext ("it did not reach the state %s in %.0f second", "it did not reach the state %s in %.0f seconds",
                                 (gulong) timeout),
                       states, timeout);
          return NULL;
        }
      if (shown)
        show_operation (self, operation, progress, cancellable);
    }
}

GVariant *
cli_wait_operation (Cli *self, const char *id, CliProgress *progress, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = cli_path ("/v1/operations/%s", id);
  double pause = 0.05;
  gint64 lost = 0;

  while (TRUE)
    {
      g_autoptr(GError) fault = NULL;
      gboolean again = FALSE;
      g_autoptr(GVariant) object = ask_object (self, path, CLI_ANSWER_TIME, &again, cancellable, &fault);

      if (object != NULL && strcmp (thole_dict_string (object, "state", ""), "running") != 0)
        return g_steal_pointer (&object);
      if (object != NULL)
        {
          lost = 0;
          cli_progress_show (progress, object);
        }
      else if (fault != NULL && !is_patient (fault, &lost, cancellable))
        {
          g_propagate_error (error, g_steal_pointer (&fault));
          return NULL;
        }
      cli_sleep (pause, cancellable);
      pause = MIN (pause * 1.5, SHOWN_POLL);
    }
}
