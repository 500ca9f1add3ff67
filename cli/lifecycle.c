/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifecycle.h"

#include <string.h>

#include "thole-dict.h"
#include "wait.h"

static gboolean
act (Cli *self, const char *name, const char *verb, GVariant *body, const char *goal, GError **error)
{
  g_autofree char *base = cli_path ("/v1/workloads/%s/", name);
  g_autoptr(GString) path = g_string_new (base);
  g_autoptr(CliReply) reply = NULL;
  const char *state, *wait = cli_arguments_get (self->arguments, "wait");
  double time;

  g_string_append (path, verb);
  if (!cli_wait_query (self, path, goal, ",error,crashed", &time, error))
    return FALSE;
  reply = cli_client_ask (self->client, "POST", path->str, body, time, NULL, error);
  if (reply == NULL)
    return FALSE;
  state = reply->body != NULL ? thole_dict_string (reply->body, "state", "") : "";
  if (wait != NULL && !cli_state_among (*wait != '\0' ? wait : goal, state))
    {
      g_set_error (error, CLI_ERROR, CLI_FAILED, _("it is %s: %s"), state,
                   reply->body != NULL ? thole_dict_string (reply->body, "state_reason", "") : "");
      return FALSE;
    }
  cli_print_done (self, reply->body, name);
  return TRUE;
}

int
cli_lifecycle (Cli *self, const char *verb, GVariant *body, const char *goal, GError **error)
{
  g_autoptr(GVariant) owned = body != NULL ? g_variant_ref_sink (body) : NULL;
  GPtrArray *words = self->arguments->words;
  int code = CLI_DONE;

  if (!cli_connect (self, error))
    return CLI_FAILED;
  for (guint i = 0; i < words->len; i++)
    {
      const char *name = g_ptr_array_index (words, i);
      g_autoptr(GError) fault = NULL;
      int failed;

      if (act (self, name, verb, owned, goal, &fault))
        continue;
      failed = cli_complain (words->len > 1 ? name : NULL, fault);
      if (code == CLI_DONE)
        code = failed;
    }
  return code;
}

GVariant *
cli_lifecycle_stop_body (Cli *self, GError **error)
{
  const char *signal = cli_arguments_get (self->arguments, "signal");
  double grace;
  GVariantDict dict;

  if (!cli_arguments_duration (self->arguments, "grace", 86400, -1, &grace, error))
    return NULL;
  g_variant_dict_init (&dict, NULL);
  if (signal != NULL)
    g_variant_dict_insert (&dict, "signal", "s", signal);
  if (grace >= 0)
    g_variant_dict_insert (&dict, "grace", "d", grace);
  return g_variant_dict_end (&dict);
}
