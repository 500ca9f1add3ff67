/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include <string.h>

#include "thole-dict.h"

struct _TholeFile
{
  GObject parent;
  char *name;    /* what is no text in it was replaced */
  GBytes *bytes; /* the name as it is */
  char *kind, *target;
  gint64 size, uid, gid;
  guint mode;
  GDateTime *modified; /* (nullable) */
};

enum { PROP_NAME = 1, PROP_KIND, PROP_SIZE, PROP_MODE, PROP_UID, PROP_GID, PROP_MODIFIED_AT, PROP_TARGET };

G_DEFINE_TYPE (TholeFile, thole_file, G_TYPE_OBJECT)

/* bytes that are not UTF-8 come as base64. Returns: (transfer full) (nullable) */
static GBytes *
read_bytes (GVariant *fields, const char *plain, const char *encoded)
{
  const char *text = thole_dict_string (fields, plain, NULL), *base64 = thole_dict_string (fields, encoded, NULL);
  gsize length;
  guchar *data;

  if (text != NULL)
    return g_bytes_new (text, strlen (text));
  if (base64 == NULL)
    return NULL;
  data = g_base64_decode (base64, &length);
  return g_bytes_new_take (data, length);
}

static char *
text_of (GBytes *bytes)
{
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);

  return g_utf8_make_valid (data != NULL ? data : "", (gssize) length);
}

TholeFile *
thole_file_new (GVariant *fields)
{
  TholeFile *self = g_object_new (THOLE_TYPE_FILE, NULL);
  const char *modified = thole_dict_string (fields, "modified", NULL);
  g_autoptr(GBytes) target = read_bytes (fields, "target", "target_base64");

  self->bytes = read_bytes (fields, "name", "name_base64");
  if (self->bytes == NULL)
    self->bytes = g_bytes_new (NULL, 0);
  self->name = text_of (self->bytes);
  self->target = target != NULL ? text_of (target) : NULL;
  self->kind = g_strdup (thole_dict_string (fields, "type", "other"));
  self->size = thole_dict_int (fields, "size", -1);
  self->mode = (guint) thole_dict_int (fields, "mode", 0);
  self->uid = thole_dict_int (fields, "uid", 0);
  self->gid = thole_dict_int (fields, "gid", 0);
  self->modified = modified != NULL ? g_date_time_new_from_iso8601 (modified, NULL) : NULL;
  return self;
}

const char *
thole_file_get_name (TholeFile *self)
{
  g_return_val_if_fail (THOLE_IS_FILE (self), NULL);
  return self->name;
}

GBytes *
thole_file_get_name_bytes (TholeFile *self)
{
  g_return_val_if_fail (THOLE_IS_FILE (self), NULL);
  return self->bytes;
}

const char *
thole_file_get_kind (TholeFile *self)
{
  g_return_val_if_fail (THOLE_IS_FILE (self), NULL);
  return self->kind;
}

gint64
thole_file_get_size (TholeFile *self)
{
  g_return_val_if_fail (THOLE_IS_FILE (self), -1);
  return self->size;
}

guint
thole_file_get_mode (TholeFile *self)
{
  g_return_val_if_fail (THOLE_IS_FILE (self), 0);
  return self->mode;
}

gint64
thole_file_get_uid (TholeFile *self)
{
  g_return_val_if_fail (THOLE_IS_FILE (self), 0);
  return self->uid;
}

gint64
thole_file_get_gid (TholeFile *self)
{
  g_return_val_if_fail (THOLE_IS_FILE (self), 0);
  return self->gid;
}

GDateTime *
thole_file_get_modified_at (TholeFile *self)
{
  g_return_val_if_fail (THOLE_IS_FILE (self), NULL);
  return self->modified != NULL ? g_date_time_ref (self->modified) : NULL;
}

const char *
thole_file_get_target (TholeFile *self)
{
  g_return_val_if_fail (THOLE_IS_FILE (self), NULL);
  return self->target;
}

static void
thole_file_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  TholeFile *self = THOLE_FILE (object);

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_KIND:
      g_value_set_string (value, self->kind);
      break;
    case PROP_SIZE:
      g_value_set_int64 (value, self->size);
      break;
    case PROP_MODE:
      g_value_set_uint (value, self->mode);
      break;
    case PROP_UID:
      g_value_set_int64 (value, self->uid);
      break;
    case PROP_GID:
      g_value_set_int64 (value, self->gid);
      break;
    case PROP_MODIFIED_AT:
      g_value_set_boxed (value, self->modified);
      break;
    case PROP_TARGET:
      g_value_set_string (value, self->target);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
thole_file_finalize (GObject *object)
{
  TholeFile *self = THOLE_FILE (object);

  g_free (self->name);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_free (self->kind);
  g_free (self->target);
  g_clear_pointer (&self->modified, g_date_time_unref);
  G_OBJECT_CLASS (thole_file_parent_class)->finalize (object);
}

static void
thole_file_class_init (TholeFileClass *class)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass *object = G_OBJECT_CLASS (class);

  object->get_property = thole_file_get_property;
  object->finalize = thole_file_finalize;
  g_object_class_install_property (object, PROP_NAME, g_param_spec_string ("name", NULL, "Name", NULL, flags));
  g_object_class_install_property (object, PROP_KIND, g_param_spec_string ("kind", NULL, "What it is", NULL, flags));
  g_object_class_install_property (object, PROP_SIZE, g_param_spec_int64 ("size", NULL, "Bytes, -1 = not known", -1, G_MAXINT64, -1, flags));
  g_object_class_install_property (object, PROP_MODE, g_param_spec_uint ("mode", NULL, "Permission bits", 0, G_MAXUINT, 0, flags));
  g_object_class_install_property (object, PROP_UID, g_param_spec_int64 ("uid", NULL, "User", G_MININT64, G_MAXINT64, 0, flags));
  g_object_class_install_property (object, PROP_GID, g_param_spec_int64 ("gid", NULL, "Group", G_MININT64, G_MAXINT64, 0, flags));
  g_object_class_install_property (object, PROP_MODIFIED_AT, g_param_spec_boxed ("modified-at", NULL, "When its content changed last",
                                                                                 G_TYPE_DATE_TIME, flags));
  g_object_class_install_property (object, PROP_TARGET, g_param_spec_string ("target", NULL, "Where a link leads", NULL, flags));
}

static void
thole_file_init (TholeFile *self)
{
}
