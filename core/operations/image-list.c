/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/verb.h"

#include "thole-dict.h"
#include "thole-json.h"

/* an image of the driver as the object of the API: RFC 3339 time, the backend beside it */
static void
append_image (GString *json, GVariant *image, const char *backend)
{
  gint64 created = thole_dict_int (image, "created_at", 0);
  char time[THOLE_TIME_LENGTH];
  g_autoptr (GVariant) whole = NULL;
  GVariantDict dict;

  g_variant_dict_init (&dict, image);
  g_variant_dict_insert (&dict, "backend", "s", backend);
  g_variant_dict_remove (&dict, "created_at");
  if (created != 0)
    g_variant_dict_insert (&dict, "created_at", "s", thole_time_format (created, time));
  whole = g_variant_ref_sink (g_variant_dict_end (&dict));
  thole_json_append (json, whole);
}

static void
listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  TholeBackend *backend = THOLE_BACKEND (source);
  g_auto (TholeSlotResult) out = { NULL };
  g_autoptr (GError) error = NULL;
  GString *json;

  call->operations->calls--;
  if (!thole_backend_call_finish (backend, result, &out, &error))
    {
      thole_call_error (call, error);
      return;
    }
  json = g_string_new ("{\"items\":[");
  for (gsize i = 0; i < g_variant_n_children (out.value); i++)
    {
      g_autoptr (GVariant) image = g_variant_get_child_value (out.value, i);

      g_string_append (json, i > 0 ? "," : "");
      append_image (json, image, thole_backend_get_name (backend));
    }
  g_string_append (json, "],\"next_cursor\":null}");
  thole_call_return (call, 200, g_string_free_to_bytes (json));
}

void
thole_op_image_list (TholeCall *call)
{
  const char *name = thole_query_string (call, "backend");
  TholeBackend *backend = thole_call_backend (call, thole_registry_lookup (call->operations->registry, name), name, THOLE_SLOT_IMAGE_LIST);
  TholeSlotArgs args = { .deadline = 30 };

  if (backend == NULL)
    return;
  call->operations->calls++;
  thole_backend_call_async (backend, THOLE_SLOT_IMAGE_LIST, &args, call->cancellable, listed, call);
}

static void
removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  g_autoptr (GError) error = NULL;

  call->operations->calls--;
  if (thole_backend_call_finish (THOLE_BACKEND (source), result, NULL, &error))
    thole_call_return (call, 204, NULL);
  else
    thole_call_error (call, error);
}

void
thole_op_image_remove (TholeCall *call)
{
  const char *name = thole_query_string (call, "backend");
  TholeBackend *backend = thole_call_backend (call, thole_registry_lookup (call->operations->registry, name), name, THOLE_SLOT_IMAGE_REMOVE);
  g_autoptr (GVariant) options = NULL;
  TholeSlotArgs args = { .text = thole_query_string (call, "image"), .deadline = 60 };
  GVariantDict dict;

  if (backend == NULL)
    return;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "force", "b", thole_query_boolean (call, "force"));
  options = args.options = g_variant_ref_sink (g_variant_dict_end (&dict));
  call->operations->calls++;
  thole_backend_call_async (backend, THOLE_SLOT_IMAGE_REMOVE, &args, NULL, removed, call);
}
