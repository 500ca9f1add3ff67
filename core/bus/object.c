/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/object.h"

#include <string.h>

#include "bus/value.h"
#include "bus/wire.h"
#include "operations/seat.h"
#include "operations/tracker.h"
#include "thole-json.h"

/* of backends, which are no records */
static const TholeBusProperty backend_properties[] = {
  { "name", "s", "its name in the configuration" },
  { "driver", "s", "its driver" },
  { "state", "s", "opening, probing, ready, unavailable, unsupported, stuck or closed" },
  { "reason", "s", "why it is not ready" },
  { "capabilities", "as", "what its driver can do" },
  { "config", "a{sv}", "its configuration without secrets" },
  { "facts", "a{sv}", "what the engine says of itself" },
  { "default", "b", "workloads are made there that name none" },
};

static const TholeRecordType *const types[THOLE_BUS_N_KINDS] = {
  [THOLE_BUS_WORKLOAD] = &thole_workload_type,
  [THOLE_BUS_SESSION] = &thole_session_type,
  [THOLE_BUS_OPERATION] = &thole_operation_type,
};

static TholeCollection *
collection (TholeOperations *operations, TholeBusKind kind)
{
  return kind == THOLE_BUS_WORKLOAD  ? operations->workloads
         : kind == THOLE_BUS_SESSION ? operations->sessions
                                     : operations->operations;
}

/* an operation that has ended can be asked by whoever knows it, until it is forgotten */
gboolean
thole_bus_object_listed (TholeBusKind kind, gpointer object)
{
  return kind != THOLE_BUS_OPERATION || ((TholeTracker *) object)->now->state == THOLE_OPERATION_STATE_RUNNING;
}

gpointer
thole_bus_object_next (TholeOperations *operations, TholeBusKind kind, const char *after)
{
  TholeCollection *all;
  guint index;

  if (kind == THOLE_BUS_BACKEND)
    {
      GPtrArray *backends = thole_registry_backends (operations->registry);

      /* in the order of the configuration */
      for (index = 0; after[0] != '\0' && index < backends->len; index++)
        if (strcmp (thole_backend_get_name (backends->pdata[index]), after) == 0)
          return index + 1 < backends->len ? backends->pdata[index + 1] : NULL;
      return after[0] == '\0' && backends->len > 0 ? backends->pdata[0] : NULL;
    }
  if (types[kind] == NULL)
    return NULL;
  all = collection (operations, kind);
  for (index = thole_collection_after (all, after); index < thole_collection_size (all); index++)
    if (thole_bus_object_listed (kind, thole_collection_index (all, index)))
      return thole_collection_index (all, index);
  return NULL;
}

gpointer
thole_bus_object_find (TholeOperations *operations, TholeBusKind kind, const char *id)
{
  if (kind == THOLE_BUS_BACKEND)
    return id[0] != '\0' ? thole_registry_lookup (operations->registry, id) : NULL;
  return types[kind] != NULL ? thole_collection_lookup (collection (operations, kind), id) : NULL;
}

static gpointer
record_of (TholeBusKind kind, gpointer object)
{
  return kind == THOLE_BUS_WORKLOAD  ? (gpointer) ((TholeSubject *) object)->now
         : kind == THOLE_BUS_SESSION ? (gpointer) ((TholeSeat *) object)->now
                                     : (gpointer) ((TholeTracker *) object)->now;
}

const char *
thole_bus_object_id (TholeBusKind kind, gpointer object)
{
  return kind == THOLE_BUS_BACKEND ? thole_backend_get_name (object) : thole_record_id (record_of (kind, object));
}

static const char *
owner_of (TholeBusKind kind, gpointer object)
{
  return kind == THOLE_BUS_WORKLOAD  ? ((TholeSubject *) object)->now->owner
         : kind == THOLE_BUS_SESSION ? ((TholeSeat *) object)->now->owner
                                     : ((TholeTracker *) object)->now->owner;
}

gboolean
thole_bus_object_seen (TholeBusKind kind, gpointer object, const TholePrincipal *principal)
{
  return kind == THOLE_BUS_BACKEND || thole_access_owns (principal, owner_of (kind, object));
}

static GVariant *
properties_of_json (GBytes *bytes)
{
  GVariantBuilder builder;
  gsize length;
  const char *text = g_bytes_get_data (bytes, &length);
  g_autoptr (GVariant) json = thole_json_parse (text, length, NULL);

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; json != NULL && i < G_N_ELEMENTS (backend_properties); i++)
    {
      const TholeBusProperty *property = &backend_properties[i];
      g_autoptr (GVariant) value = g_variant_lookup_value (json, property->name, NULL);
      g_variant_builder_add (&builder, "{sv}", thole_bus_property_name (property->name),
                             property->type[0] == 'a' ? thole_bus_value_as (value, property->type) : thole_bus_value (value));
    }
  return g_variant_builder_end (&builder);
}

GVariant *
thole_bus_object_properties (TholeBusKind kind, gpointer object)
{
  const TholeRecordType *type = types[kind];
  GVariantBuilder builder;
  gpointer record;

  if (kind == THOLE_BUS_BACKEND)
    {
      g_autoptr (GBytes) bytes = thole_backend_json (object);

      return properties_of_json (bytes);
    }
  record = kind == THOLE_BUS_SESSION ? thole_seat_record (object) : thole_record_ref (record_of (kind, object));
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < type->n_fields; i++)
    if (!(type->fields[i].flags & THOLE_FIELD_HIDDEN))
      {
        const TholeField *field = &type->fields[i];

        g_variant_builder_add_value (&builder,
                                     g_variant_new_dict_entry (g_variant_new_string (thole_bus_property_name (field->name)),
                                                               g_variant_new_variant (thole_bus_member (record, field))));
      }
  thole_record_unref (record);
  return g_variant_builder_end (&builder);
}

/* the wire form ------------------------------------------------------------------------------------------------ */

/* what stands before it depends on its place. Returns: where the entry itself begins */
static guint
begin_entry (GByteArray *out)
{
  thole_wire_align (out, 8);
  return out->len;
}

static void
write_entry (GByteArray *out, const char *name, gconstpointer record, const TholeField *field, GVariant *value)
{
  thole_wire_string (out, name);
  if (field != NULL)
    thole_bus_write_member (out, record, field);
  else
    {
      thole_wire_signature (out, g_variant_get_type_string (value));
      thole_wire_value (out, value);
    }
}

/* backends are few */
static void
write_dictionary (GVariant *properties, GByteArray *out, TholeBusWanted wanted, gpointer user_data)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, properties);
  for (guint i = 0; g_variant_iter_loop (&iter, "{&sv}", &name, &value); i++)
    {
      guint before = out->len, begin = begin_entry (out);

      write_entry (out, name, NULL, NULL, value);
      if (wanted != NULL && !wanted (i, out->data + begin, out->len - begin, user_data))
        g_byte_array_set_size (out, before);
    }
}

void
thole_bus_object_write (TholeBusKind kind, gpointer object, GByteArray *out, TholeBusWanted wanted, gpointer user_data)
{
  const TholeRecordType *type = types[kind];
  gpointer record;

  if (type == NULL)
    {
      g_autoptr (GVariant) properties = g_variant_ref_sink (thole_bus_object_properties (kind, object));

      write_dictionary (properties, out, wanted, user_data);
      return;
    }
  record = kind == THOLE_BUS_SESSION ? thole_seat_record (object) : thole_record_ref (record_of (kind, object));
  for (guint i = 0; i < type->n_fields; i++)
    if (!(type->fields[i].flags & THOLE_FIELD_HIDDEN))
      {
        guint before = out->len, begin = begin_entry (out);

        write_entry (out, thole_bus_property_name (type->fields[i].name), record, &type->fields[i], NULL);
        if (wanted != NULL && !wanted (i, out->data + begin, out->len - begin, user_data))
          g_byte_array_set_size (out, before);
      }
  thole_record_unref (record);
}

guint
thole_bus_object_n_properties (TholeBusKind kind)
{
  return types[kind] != NULL ? types[kind]->n_fields : G_N_ELEMENTS (backend_properties);
}

void
thole_bus_each_property (TholeBusKind kind, void (*function) (const TholeBusProperty *property, gpointer user_data),
                         gpointer user_data)
{
  const TholeRecordType *type = types[kind];

  for (guint i = 0; kind == THOLE_BUS_BACKEND && i < G_N_ELEMENTS (backend_properties); i++)
    function (&backend_properties[i], user_data);
  for (guint i = 0; type != NULL && i < type->n_fields; i++)
    if (!(type->fields[i].flags & THOLE_FIELD_HIDDEN))
      {
        const TholeBusProperty property = { type->fields[i].name, thole_bus_field_type (&type->fields[i]), type->fields[i].doc };

        function (&property, user_data);
      }
}

const TholeOperationDef *
thole_bus_kind_read (TholeBusKind kind)
{
  static const TholeOperationId ids[THOLE_BUS_N_KINDS] = {
    [THOLE_BUS_ROOT] = THOLE_OP_ME_GET,          [THOLE_BUS_WORKLOAD] = THOLE_OP_WORKLOAD_GET,
    [THOLE_BUS_SESSION] = THOLE_OP_SESSION_GET,  [THOLE_BUS_BACKEND] = THOLE_OP_BACKEND_GET,
    [THOLE_BUS_OPERATION] = THOLE_OP_OPERATION_GET,
  };

  return &thole_operations[ids[kind]];
}
