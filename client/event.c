/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include "thole-dict.h"

struct _TholeEvent
{
  GObject parent;
  GVariant *fields; /* (nullable): a{sv}, serialized */
  GVariant *data;
};

enum { PROP_SEQ = 1, PROP_KIND, PROP_SUBJECT, PROP_ACTOR, PROP_TIME, PROP_DATA };

G_DEFINE_TYPE (TholeEvent, thole_event, G_TYPE_OBJECT)

TholeEvent *
thole_event_new (GVariant *fields)
{
  TholeEvent *self = g_object_new (THOLE_TYPE_EVENT, NULL);

  self->fields = g_variant_ref (fields);
  g_variant_get_data (self->fields);
  g_variant_unref (self->data);
  self->data = thole_dict_value (self->fields, "data", "a{sv}");
  if (self->data == NULL)
    self->data = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
  return self;
}

static const char *
text (TholeEvent *self, const char *name)
{
  g_return_val_if_fail (THOLE_IS_EVENT (self), "");
  return self->fields != NULL ? thole_dict_string (self->fields, name, "") : "";
}

gint64
thole_event_get_seq (TholeEvent *self)
{
  g_return_val_if_fail (THOLE_IS_EVENT (self), 0);
  return self->fields != NULL ? thole_dict_int (self->fields, "seq", 0) : 0;
}

const char *
thole_event_get_kind (TholeEvent *self)
{
  return text (self, "type");
}

const char *
thole_event_get_subject (TholeEvent *self)
{
  return text (self, "subject");
}

const char *
thole_event_get_actor (TholeEvent *self)
{
  return text (self, "actor");
}

GDateTime *
thole_event_get_time (TholeEvent *self)
{
  return g_date_time_new_from_iso8601 (text (self, "time"), NULL);
}

GVariant *
thole_event_get_data (TholeEvent *self)
{
  g_return_val_if_fail (THOLE_IS_EVENT (self), NULL);
  return self->data;
}

static void
thole_event_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  TholeEvent *self = THOLE_EVENT (object);

  switch (id)
    {
    case PROP_SEQ:
      g_value_set_int64 (value, thole_event_get_seq (self));
      break;
    case PROP_KIND:
      g_value_set_string (value, thole_event_get_kind (self));
      break;
    case PROP_SUBJECT:
      g_value_set_string (value, thole_event_get_subject (self));
      break;
    case PROP_ACTOR:
      g_value_set_string (value, thole_event_get_actor (self));
      break;
    case PROP_TIME:
      g_value_take_boxed (value, thole_event_get_time (self));
      break;
    case PROP_DATA:
      g_value_set_variant (value, self->data);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
thole_event_finalize (GObject *object)
{
  TholeEvent *self = THOLE_EVENT (object);

  g_clear_pointer (&self->fields, g_variant_unref);
  g_variant_unref (self->data);
  G_OBJECT_CLASS (thole_event_parent_class)->finalize (object);
}

static void
thole_event_class_init (TholeEventClass *class)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass *object = G_OBJECT_CLASS (class);

  object->get_property = thole_event_get_property;
  object->finalize = thole_event_finalize;
  g_object_class_install_property (object, PROP_SEQ, g_param_spec_int64 ("seq", NULL, "Number", 0, G_MAXINT64, 0, flags));
  g_object_class_install_property (object, PROP_KIND, g_param_spec_string ("kind", NULL, "What happened", "", flags));
  g_object_class_install_property (object, PROP_SUBJECT, g_param_spec_string ("subject", NULL, "Id of the object", "", flags));
  g_object_class_install_property (object, PROP_ACTOR, g_param_spec_string ("actor", NULL, "Who did it", "", flags));
  g_object_class_install_property (object, PROP_TIME, g_param_spec_boxed ("time", NULL, "When", G_TYPE_DATE_TIME, flags));
  g_object_class_install_property (object, PROP_DATA, g_param_spec_variant ("data", NULL, "More about it", G_VARIANT_TYPE_VARDICT,
                                                                            NULL, flags));
}

static void
thole_event_init (TholeEvent *self)
{
  self->data = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}
