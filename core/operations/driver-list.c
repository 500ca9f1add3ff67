/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/page-reply.h"

#include "thole-dict.h"
#include "thole-json.h"

/* lists that are short and have no ids of ours: one page, in their own order */
static void
reply_all (TholeCall *call, GPtrArray *objects)
{
  GString *json = g_string_new ("{\"items\":[");

  for (guint i = 0; i < objects->len; i++)
    {
      gsize length;
      const char *text = g_bytes_get_data (objects->pdata[i], &length);

      g_string_append (json, i > 0 ? "," : "");
      g_string_append_len (json, text, (gssize) length);
    }
  g_string_append (json, "],\"next_cursor\":null}");
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

void
thole_op_driver_list (TholeCall *call)
{
  g_autoptr (GPtrArray) drivers = thole_registry_drivers (call->operations->registry);

  reply_all (call, drivers);
}

void
thole_op_driver_get (TholeCall *call)
{
  GBytes *driver = thole_registry_driver (call->operations->registry, call->target);

  if (driver != NULL)
    thole_call_return (call, 200, driver);
  else
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no driver %.64s", call->target);
}

void
thole_op_backend_list (TholeCall *call)
{
  GPtrArray *backends = thole_registry_backends (call->operations->registry);
  g_autoptr (GPtrArray) objects = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  for (guint i = 0; i < backends->len; i++)
    g_ptr_array_add (objects, thole_backend_json (backends->pdata[i]));
  reply_all (call, objects);
}

void
thole_op_backend_get (TholeCall *call)
{
  TholeBackend *backend = thole_registry_lookup (call->operations->registry, call->target);

  if (backend != NULL)
    thole_call_return (call, 200, thole_backend_json (backend));
  else
    thole_call_fail (call, THOLE_ERROR_NOT_FOUND, "no backend %.64s is configured", call->target);
}
