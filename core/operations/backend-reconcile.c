/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/compare.h"
#include "operations/verb.h"

static void
compared (gpointer user_data, GString *differences, const GError *error)
{
  TholeCall *call = user_data;
  GString *json;

  if (error != NULL)
    {
      thole_call_error (call, error);
      return;
    }
  json = g_string_new (NULL);
  g_string_append_printf (json, "{\"dry_run\":%s,\"differences\":%s}", thole_query_boolean (call, "dry_run") ? "true" : "false",
                          differences->str);
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

void
thole_op_backend_reconcile (TholeCall *call)
{
  TholeBackend *backend = thole_call_backend (call, thole_registry_lookup (call->operations->registry, call->target), call->target,
                                              THOLE_SLOT_WORKLOAD_LIST);

  if (backend != NULL)
    thole_compare (call->operations, backend, thole_query_boolean (call, "dry_run"), compared, call);
}
