/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include <string.h>

#include "thole-dict.h"

/* Its properties are read from the fields that the daemon told: there is no second copy that could differ. */
typedef struct
{
  TholeClient *client;
  GVariant *fields; /* a{sv}, serialized: its texts stay where they are */
  gint64 hinted;    /* revision of which an event told something */
  gboolean gone;
} TholeObjectPrivate;

enum { PROP_CLIENT = 1, PROP_FIELDS, PROP_GONE, FIRST_FIELD = 100 };

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (TholeObject, thole_object, G_TYPE_OBJECT)

#define PRIVATE(self) ((TholeObjectPrivate *) thole_object_get_instance_private (THOLE_OBJECT (self)))

static G_DEFINE_QUARK (thole-object-field, field)

/* fields ------------------------------------------------------------------------------------------------ */

const char *
thole_object_string (TholeObject *self, const char *name)
{
  return thole_dict_string (PRIVATE (self)->fields, name, NULL);
}

gint64
thole_object_integer (TholeObject *self, const char *name, gint64 fallback)
{
  return thole_dict_int (PRIVATE (self)->fields, name, fallback);
}

gboolean
thole_object_boolean (TholeObject *self, const char *name)
{
  return thole_dict_boolean (PRIVATE (self)->fields, name, FALSE);
}

GDateTime *
thole_object_time (TholeObject *self, const char *name)
{
  const char *text = thole_object_string (self, name);

  return text != NULL ? g_date_time_new_from_iso8601 (text, NULL) : NULL;
}

GVariant *
thole_object_get_field (TholeObject *self, const char *name)
{
  g_autoptr(GVariant) value = NULL;

  g_return_val_if_fail (THOLE_IS_OBJECT (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);
  value = g_variant_lookup_value (PRIVATE (self)->fields, name, NULL);
  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_UNIT))
    return NULL;
  return g_steal_pointer (&value);
}

/* properties -------------------------------------------------------------------------------------------- */

static GParamSpec *
make_spec (const TholeProperty *property)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  const char *name = property->name;

  switch (property->type)
    {
    case G_TYPE_STRING:
      return g_param_spec_string (name, NULL, property->blurb, NULL, flags);
    case G_TYPE_INT:
      return g_param_spec_int (name, NULL, property->blurb, G_MININT, G_MAXINT, property->fallback, flags);
    case G_TYPE_INT64:
      return g_param_spec_int64 (name, NULL, property->blurb, G_MININT64, G_MAXINT64, property->fallback, flags);
    case G_TYPE_BOOLEAN:
      return g_param_spec_boolean (name, NULL, property->blurb, FALSE, flags);
    case G_TYPE_VARIANT:
      return g_param_spec_variant (name, NULL, property->blurb, G_VARIANT_TYPE_ANY, NULL, flags);
    default:
      return g_param_spec_boxed (name, NULL, property->blurb, property->type, flags);
    }
}

static void
get_field (TholeObject *self, const char *field, GValue *value, GParamSpec *spec)
{
  GVariant *fields = PRIVATE (self)->fields;

  if (G_VALUE_HOLDS_STRING (value))
    g_value_set_string (value, thole_object_string (self, field));
  else if (G_VALUE_HOLDS_INT (value))
    g_value_set_int (value, (int) thole_object_integer (self, field, G_PARAM_SPEC_INT (spec)->default_value));
  else if (G_VALUE_HOLDS_INT64 (value))
    g_value_set_int64 (value, thole_object_integer (self, field, G_PARAM_SPEC_INT64 (spec)->default_value));
  else if (G_VALUE_HOLDS_BOOLEAN (value))
    g_value_set_boolean (value, thole_object_boolean (self, field));
  else if (G_VALUE_HOLDS_VARIANT (value))
    g_value_take_variant (value, thole_object_get_field (self, field));
  else if (G_VALUE_HOLDS (value, G_TYPE_DATE_TIME))
    g_value_take_boxed (value, thole_object_time (self, field));
  else
    g_value_take_boxed (value, thole_dict_strv (fields, field));
}

static void
thole_object_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  TholeObjectPrivate *self = PRIVATE (object);
  const char *field = g_param_spec_get_qdata (spec, field_quark ());

  if (field != NULL)
    get_field (THOLE_OBJECT (object), field, value, spec);
  else if (id == PROP_CLIENT)
    g_value_set_object (value, self->client);
  else if (id == PROP_FIELDS)
    g_value_set_variant (value, self->fields);
  else if (id == PROP_GONE)
    g_value_set_boolean (value, self->gone);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

void
thole_object_class_install (GObjectClass *class, const TholeProperty *properties, guint n_properties)
{
  /* it is not inherited */
  class->get_property = thole_object_get_property;
  for (guint i = 0; i < n_properties; i++)
    {
      GParamSpec *spec = make_spec (&properties[i]);
      char *field = g_strdup (properties[i].name);

      g_strdelimit (field, "-", '_');
      g_param_spec_set_qdata_full (spec, field_quark (), field, g_free);
      g_object_class_install_property (class, FIRST_FIELD + i, spec);
    }
}

/* a{sv} as one piece of memory. @fields: (nullable). Returns: (transfer full) */
static GVariant *
settled (GVariant *fields)
{
  if (fields == NULL)
    fields = g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
  g_variant_ref_sink (fields);
  g_variant_get_data (fields);
  return fields;
}

static void
thole_object_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  TholeObjectPrivate *self = PRIVATE (object);

  if (id == PROP_CLIENT)
    self->client = g_value_dup_object (value);
  else if (id == PROP_FIELDS)
    self->fields = settled (g_value_get_variant (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

/* changes ----------------------------------------------------------------------------------------------- */

static gboolean
differs (GVariant *before, GVariant *after, const char *field)
{
  g_autoptr(GVariant) left = g_variant_lookup_value (before, field, NULL);
  g_autoptr(GVariant) right = g_variant_lookup_value (after, field, NULL);

  if (left == NULL || right == NULL)
    return left != right;
  return !g_variant_equal (left, right);
}

static void
replace (TholeObject *object, GVariant *fields)
{
  TholeObjectPrivate *self = PRIVATE (object);
  g_autoptr(GVariant) before = g_steal_pointer (&self->fields);
  g_autofree GParamSpec **specs = NULL;
  guint n_specs;

  self->fields = settled (fields);
  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_specs);
  g_object_freeze_notify (G_OBJECT (object));
  for (guint i = 0; i < n_specs; i++)
    {
      const char *field = g_param_spec_get_qdata (specs[i], field_quark ());

      if (field != NULL && differs (before, self->fields, field))
        g_object_notify_by_pspec (G_OBJECT (object), specs[i]);
    }
  g_object_notify (G_OBJECT (object), "fields");
  g_object_thaw_notify (G_OBJECT (object));
}

void
thole_object_take (TholeObject *self, GVariant *fields)
{
  gint64 revision = thole_dict_int (fields, "revision", 0);

  if (revision < MAX (thole_object_get_revision (self), PRIVATE (self)->hinted) || g_variant_equal (PRIVATE (self)->fields, fields))
    return;
  replace (self, fields);
}

void
thole_object_hint (TholeObject *self, const char *const *names, GVariant *fields)
{
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (PRIVATE (self)->fields);
  gint64 revision = thole_dict_int (fields, "revision", 0);
  gboolean changed = FALSE;

  if (revision <= MAX (thole_object_get_revision (self), PRIVATE (self)->hinted))
    return;
  PRIVATE (self)->hinted = revision;
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autoptr(GVariant) value = g_variant_lookup_value (fields, names[i], NULL);

      if (value == NULL || !differs (PRIVATE (self)->fields, fields, names[i]))
        continue;
      g_variant_dict_insert_value (&dict, names[i], value);
      changed = TRUE;
    }
  if (changed)
    replace (self, g_variant_dict_end (&dict));
}

void
thole_object_set_gone (TholeObject *self)
{
  if (PRIVATE (self)->gone)
    return;
  PRIVATE (self)->gone = TRUE;
  g_object_notify (G_OBJECT (self), "gone");
}

/* getters ----------------------------------------------------------------------------------------------- */

TholeClient *
thole_object_client (TholeObject *self)
{
  return PRIVATE (self)->client;
}

const char *
thole_object_get_id (TholeObject *self)
{
  g_return_val_if_fail (THOLE_IS_OBJECT (self), NULL);
  return thole_dict_string (PRIVATE (self)->fields, "id", "");
}

const char *
thole_object_get_name (TholeObject *self)
{
  g_return_val_if_fail (THOLE_IS_OBJECT (self), NULL);
  return thole_object_string (self, "name");
}

const char *
thole_object_get_owner (TholeObject *self)
{
  g_return_val_if_fail (THOLE_IS_OBJECT (self), NULL);
  return thole_object_string (self, "owner");
}

const char *
thole_object_get_state (TholeObject *self)
{
  g_return_val_if_fail (THOLE_IS_OBJECT (self), NULL);
  return thole_object_string (self, "state");
}

gint64
thole_object_get_revision (TholeObject *self)
{
  g_return_val_if_fail (THOLE_IS_OBJECT (self), 0);
  return thole_object_integer (self, "revision", 0);
}

gboolean
thole_object_get_gone (TholeObject *self)
{
  g_return_val_if_fail (THOLE_IS_OBJECT (self), FALSE);
  return PRIVATE (self)->gone;
}

GVariant *
thole_object_get_fields (TholeObject *self)
{
  g_return_val_if_fail (THOLE_IS_OBJECT (self), NULL);
  return PRIVATE (self)->fields;
}

GDateTime *
thole_object_get_created_at (TholeObject *self)
{
  g_return_val_if_fail (THOLE_IS_OBJECT (self), NULL);
  return thole_object_time (self, "created_at");
}

GDateTime *
thole_object_get_updated_at (TholeObject *self)
{
  g_return_val_if_fail (THOLE_IS_OBJECT (self), NULL);
  return thole_object_time (self, "updated_at");
}

/* the class --------------------------------------------------------------------------------------------- */

static void
thole_object_dispose (GObject *object)
{
  TholeObjectPrivate *self = PRIVATE (object);

  if (self->client != NULL)
    thole_client_forget (self->client, THOLE_OBJECT (object));
  G_OBJECT_CLASS (thole_object_parent_class)->dispose (object);
}

static void
thole_object_finalize (GObject *object)
{
  TholeObjectPrivate *self = PRIVATE (object);

  g_clear_object (&self->client);
  g_clear_pointer (&self->fields, g_variant_unref);
  G_OBJECT_CLASS (thole_object_parent_class)->finalize (object);
}

static void
thole_object_class_init (TholeObjectClass *class)
{
  const TholeProperty properties[] = {
    { "id", G_TYPE_STRING, 0, "Identity, never used again" },
    { "name", G_TYPE_STRING, 0, "Name" },
    { "owner", G_TYPE_STRING, 0, "Who it belongs to" },
    { "state", G_TYPE_STRING, 0, "What is true now" },
    { "revision", G_TYPE_INT64, 0, "Counts all changes" },
    { "created-at", G_TYPE_DATE_TIME, 0, "Creation" },
    { "updated-at", G_TYPE_DATE_TIME, 0, "Last change" },
  };
  const GParamFlags made = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GObjectClass *object = G_OBJECT_CLASS (class);

  object->get_property = thole_object_get_property;
  object->set_property = thole_object_set_property;
  object->dispose = thole_object_dispose;
  object->finalize = thole_object_finalize;
  g_object_class_install_property (object, PROP_CLIENT,
                                   g_param_spec_object ("client", NULL, "The way to its daemon", THOLE_TYPE_CLIENT, made));
  g_object_class_install_property (object, PROP_FIELDS, g_param_spec_variant ("fields", NULL, "All fields as the daemon tells them",
                                                                              G_VARIANT_TYPE_VARDICT, NULL, made));
  g_object_class_install_property (object, PROP_GONE, g_param_spec_boolean ("gone", NULL, "The daemon has it no longer", FALSE,
                                                                            G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  thole_object_class_install (object, properties, G_N_ELEMENTS (properties));
}

static void
thole_object_init (TholeObject *self)
{
}
