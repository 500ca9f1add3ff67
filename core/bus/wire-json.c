/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From JSON to the bus. What thole_json_parse() has made is read where it lies: it is GVariant's serialised form of `a{sv}`, `av` and
 * what is in them, and nothing else. A container ends with the ends of its members, each number as wide as the container's size asks.
 */
#include "bus/wire.h"

#include <string.h>

#include "bus/value.h"
#include "thole-json.h"

typedef struct
{
  const guint8 *data;
  gsize size;
} Span;

typedef struct
{
  Span all;
  guint width;   /* of an offset */
  gsize n, i;
  gsize ends;    /* where the offsets begin */
  gsize at;      /* end of the member before */
} Members;

typedef struct
{
  const char *key;  /* (nullable): in a list */
  const char *type; /* of the value */
  Span value;
} Member;

static guint
width_of (gsize size)
{
  return size <= G_MAXUINT8 ? 1 : size <= G_MAXUINT16 ? 2 : size <= G_MAXUINT32 ? 4 : 8;
}

static gsize
read_offset (Span all, gsize at, guint width)
{
  guint64 little = 0;

  memcpy (&little, all.data + at, width);
  return (gsize) GUINT64_FROM_LE (little);
}

static Members
members_of (Span all)
{
  Members self = { .all = all };

  if (all.size == 0)
    return self;
  self.width = width_of (all.size);
  self.ends = read_offset (all, all.size - self.width, self.width);
  self.n = (all.size - self.ends) / self.width;
  return self;
}

/* the type of what is in a variant stands behind it */
static void
open_variant (Span variant, Member *member)
{
  gsize at = variant.size;

  while (variant.data[at - 1] != '\0')
    at--;
  member->type = (const char *) variant.data + at;
  member->value = (Span) { variant.data, at - 1 };
}

/* the type is not ended where it lies */
static gboolean
is (const Member *member, const char *type)
{
  return strncmp (member->type, type, strlen (type)) == 0;
}

static gboolean
next_member (Members *self, gboolean keyed, Member *member)
{
  gsize begin = (self->at + 7) & ~(gsize) 7;
  Span span;

  if (self->i == self->n)
    return FALSE;
  self->at = read_offset (self->all, self->ends + self->i++ * self->width, self->width);
  span = (Span) { self->all.data + begin, self->at - begin };
  member->key = NULL;
  if (keyed)
    {
      guint width = width_of (span.size);
      gsize key_end = (read_offset (span, span.size - width, width) + 7) & ~(gsize) 7;

      member->key = (const char *) span.data;
      span = (Span) { span.data + key_end, span.size - width - key_end };
    }
  open_variant (span, member);
  return TRUE;
}

/* -------------------------------------------------------------------------------------------------------------- */

static void put_dictionary (GByteArray *out, Span span, guint depth);
static void put_list       (GByteArray *out, Span span, const char *type, guint depth);

/* the type that all members have: as and aa{sv} are easier to use than av */
static const char *
list_type (Span span, guint depth)
{
  Members members = members_of (span);
  gsize n = members.n, texts = 0, objects = 0;
  Member member;

  while (next_member (&members, FALSE, &member))
    {
      texts += is (&member, "s");
      objects += depth < THOLE_BUS_MAX_DEPTH && is (&member, "a{");
    }
  return n > 0 && texts == n ? "as" : n > 0 && objects == n ? "aa{sv}" : "av";
}

/* with its type before it, where the bus allows one */
static void
put_container (GByteArray *out, const Member *member, guint depth)
{
  gboolean object = is (member, "a{");
  const char *type = object ? "a{sv}" : list_type (member->value, depth);

  if (depth > THOLE_BUS_MAX_DEPTH)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (
        g_variant_new_from_data (G_VARIANT_TYPE (object ? "a{sv}" : "av"), member->value.data, member->value.size, TRUE, NULL, NULL));
      g_autofree char *text = thole_json_to_string (value);

      thole_wire_signature (out, "s");
      thole_wire_string (out, text);
      return;
    }
  thole_wire_signature (out, type);
  if (object)
    put_dictionary (out, member->value, depth);
  else
    put_list (out, member->value, type, depth);
}

static void
put_variant (GByteArray *out, const Member *member, guint depth)
{
  const char type[2] = { member->type[0], '\0' };

  if (type[0] == 'a')
    {
      put_container (out, member, depth);
      return;
    }
  thole_wire_signature (out, type);
  if (type[0] == 's')
    thole_wire_string (out, (const char *) member->value.data);
  else if (type[0] == 'b')
    thole_wire_uint32 (out, member->value.data[0]);
  else
    thole_wire_fixed64 (out, member->value.data);
}

static void
put_list (GByteArray *out, Span span, const char *type, guint depth)
{
  guint boundary = type[1] == 'v' ? 1 : 4;
  gsize open = thole_wire_open (out, boundary);
  Members members = members_of (span);
  Member member;

  while (next_member (&members, FALSE, &member))
    if (type[1] == 'v' && !is (&member, "("))
      put_variant (out, &member, depth + 1);
    else if (type[1] == 's' && is (&member, "s"))
      thole_wire_string (out, (const char *) member.value.data);
    else if (type[1] == 'a' && is (&member, "a{"))
      put_dictionary (out, member.value, depth + 1);
  thole_wire_close (out, open, boundary);
}

static void
put_dictionary (GByteArray *out, Span span, guint depth)
{
  gsize open = thole_wire_open (out, 8);
  Members members = members_of (span);
  Member member;

  while (next_member (&members, TRUE, &member))
    if (!is (&member, "("))
      {
        thole_wire_align (out, 8);
        thole_wire_string (out, member.key);
        put_variant (out, &member, depth + 1);
      }
  thole_wire_close (out, open, 8);
}

static void
put_texts (GByteArray *out, Span span)
{
  gsize open = thole_wire_open (out, 8);
  Members members = members_of (span);
  Member member;

  while (next_member (&members, TRUE, &member))
    if (is (&member, "s"))
      {
        thole_wire_align (out, 8);
        thole_wire_string (out, member.key);
        thole_wire_string (out, (const char *) member.value.data);
      }
  thole_wire_close (out, open, 8);
}

void
thole_wire_json (GByteArray *out, GVariant *json, const char *type)
{
  gboolean object = json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT);
  gboolean list = json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE ("av"));
  Span span = { 0 };

  if (object == (type[1] == '{') && (object || list))
    span = (Span) { g_variant_get_data (json), g_variant_get_size (json) };
  if (type[1] != '{')
    put_list (out, span, type, 1);
  else if (type[2] == 's' && type[3] == 's')
    put_texts (out, span);
  else
    put_dictionary (out, span, 1);
}

void
thole_wire_object (GByteArray *out, GVariant *json)
{
  Span span = { 0 };

  if (json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT))
    span = (Span) { g_variant_get_data (json), g_variant_get_size (json) };
  put_dictionary (out, span, 0);
}
