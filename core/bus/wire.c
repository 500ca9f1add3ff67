/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/wire.h"

#include <string.h>

#define ENTRY 8   /* alignment of structs and dictionary entries */
#define VERSION 1 /* of the protocol */

enum
{
  FIELD_PATH = 1,
  FIELD_INTERFACE = 2,
  FIELD_MEMBER = 3,
  FIELD_REPLY_SERIAL = 5,
  FIELD_DESTINATION = 6,
  FIELD_SIGNATURE = 8,
};

/* pieces ------------------------------------------------------------------------------------------------------- */

static inline void
put (GByteArray *out, gconstpointer bytes, gsize length)
{
  g_byte_array_append (out, bytes, (guint) length);
}

void
thole_wire_align (GByteArray *out, guint boundary)
{
  static const guint8 nothing[ENTRY] = { 0 };

  put (out, nothing, -out->len & (boundary - 1));
}

void
thole_wire_uint32 (GByteArray *out, guint32 value)
{
  thole_wire_align (out, sizeof value);
  put (out, &value, sizeof value);
}

void
thole_wire_fixed64 (GByteArray *out, gconstpointer value)
{
  thole_wire_align (out, 8);
  put (out, value, 8);
}

void
thole_wire_string (GByteArray *out, const char *text)
{
  gsize length = strlen (text);

  thole_wire_uint32 (out, (guint32) length);
  put (out, text, length + 1);
}

void
thole_wire_signature (GByteArray *out, const char *text)
{
  guint8 length = (guint8) strlen (text);

  put (out, &length, 1);
  put (out, text, length + 1u);
}

gsize
thole_wire_open (GByteArray *out, guint boundary)
{
  gsize open;

  thole_wire_uint32 (out, 0);
  open = out->len - sizeof (guint32);
  thole_wire_align (out, boundary);
  return open;
}

/* what stands between the length and the first element does not count */
void
thole_wire_close (GByteArray *out, gsize open, guint boundary)
{
  gsize first = (open + sizeof (guint32) + boundary - 1) & ~(gsize) (boundary - 1);
  guint32 length = (guint32) (out->len - first);

  memcpy (out->data + open, &length, sizeof length);
}

/* values ------------------------------------------------------------------------------------------------------- */

static guint
boundary_of (const GVariantType *type)
{
  switch (*g_variant_type_peek_string (type))
    {
    case 'n':
    case 'q':
      return 2;
    case 'b':
    case 'i':
    case 'u':
    case 's':
    case 'o':
    case 'a':
      return 4;
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{':
      return 8;
    default:
      return 1;
    }
}

static void
put_children (GByteArray *out, GVariant *value)
{
  gsize n = g_variant_n_children (value);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      thole_wire_value (out, child);
    }
}

static void
put_array (GByteArray *out, GVariant *value)
{
  guint boundary = boundary_of (g_variant_type_element (g_variant_get_type (value)));
  gsize open = thole_wire_open (out, boundary);

  /* numbers have the same bytes in both forms */
  if (strchr ("ynqiuxtd", g_variant_type_peek_string (g_variant_type_element (g_variant_get_type (value)))[0]) != NULL)
    put (out, g_variant_get_data (value), g_variant_get_size (value));
  else
    put_children (out, value);
  thole_wire_close (out, open, boundary);
}

static void
put_variant (GByteArray *out, GVariant *value)
{
  g_autoptr (GVariant) inner = g_variant_get_variant (value);

  thole_wire_signature (out, g_variant_get_type_string (inner));
  thole_wire_value (out, inner);
}

void
thole_wire_value (GByteArray *out, GVariant *value)
{
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BOOLEAN:
      thole_wire_uint32 (out, g_variant_get_boolean (value));
      break;
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
      thole_wire_string (out, g_variant_get_string (value, NULL));
      break;
    case G_VARIANT_CLASS_SIGNATURE:
      thole_wire_signature (out, g_variant_get_string (value, NULL));
      break;
    case G_VARIANT_CLASS_VARIANT:
      put_variant (out, value);
      break;
    case G_VARIANT_CLASS_ARRAY:
      put_array (out, value);
      break;
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
      thole_wire_align (out, ENTRY);
      put_children (out, value);
      break;
    default:
      /* numbers have the same bytes in both forms */
      thole_wire_align (out, boundary_of (g_variant_get_type (value)));
      put (out, g_variant_get_data (value), g_variant_get_size (value));
      break;
    }
}

/* messages ----------------------------------------------------------------------------------------------------- */

static void
put_field (GByteArray *out, guint8 code, const char *type, const char *text)
{
  if (text == NULL)
    return;
  thole_wire_align (out, ENTRY);
  put (out, &code, 1);
  thole_wire_signature (out, type);
  if (type[0] == 'g')
    thole_wire_signature (out, text);
  else
    thole_wire_string (out, text);
}

static void
put_reply_serial (GByteArray *out, guint32 serial)
{
  const guint8 code = FIELD_REPLY_SERIAL;

  if (serial == 0)
    return;
  thole_wire_align (out, ENTRY);
  put (out, &code, 1);
  thole_wire_signature (out, "u");
  thole_wire_uint32 (out, serial);
}

void
thole_wire_header (GByteArray *out, const TholeWireHeader *header, gsize body)
{
  const guint8 first[] = { G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B', header->type, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED, VERSION };
  gsize open;

  put (out, first, sizeof first);
  thole_wire_uint32 (out, (guint32) body);
  thole_wire_uint32 (out, header->serial);
  open = thole_wire_open (out, ENTRY);
  put_field (out, FIELD_PATH, "o", header->path);
  put_field (out, FIELD_INTERFACE, "s", header->interface);
  put_field (out, FIELD_MEMBER, "s", header->member);
  put_reply_serial (out, header->reply_serial);
  put_field (out, FIELD_DESTINATION, "s", header->destination);
  put_field (out, FIELD_SIGNATURE, "g", header->signature);
  thole_wire_close (out, open, ENTRY);
  thole_wire_align (out, ENTRY);
}

void
thole_wire_resize (GByteArray *out, gsize begin, gsize body)
{
  guint32 length = (guint32) body;

  memcpy (out->data + begin + 4, &length, sizeof length);
}
