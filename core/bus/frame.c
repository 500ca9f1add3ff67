/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/frame.h"

#include <string.h>

#define ENTRY 8             /* alignment of structs, and of a body */
#define MOST_HEADER (1u << 26)
#define MOST_BODY (1u << 27)
#define MOST_DEPTH 64
#define SIGNATURE 8         /* the fields */
#define N_DESCRIPTORS 9
#define LENGTH_OF_BODY 4    /* where it stands */
#define LENGTH_OF_HEADER 12

/* Goes over values; what it does not understand ends it. */
typedef struct
{
  const guint8 *data;
  gsize length, at;
  gboolean swapped;
  guint left;               /* values that may come */
  guint depth;
} Walk;

static gboolean walk_value (Walk *self, const char **type);

static guint32
read_uint32 (const guint8 *data, gboolean swapped)
{
  guint32 value;

  memcpy (&value, data, sizeof value);
  return swapped ? GUINT32_SWAP_LE_BE (value) : value;
}

static gboolean
is_swapped (const guint8 *data)
{
  return data[0] != (G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B');
}

static gboolean
skip (Walk *self, gsize bytes)
{
  if (bytes > self->length - self->at)
    return FALSE;
  self->at += bytes;
  return TRUE;
}

static gboolean
align (Walk *self, gsize boundary)
{
  return skip (self, -self->at & (boundary - 1));
}

static gboolean
skip_number (Walk *self, gsize size)
{
  return align (self, size) && skip (self, size);
}

static gboolean
walk_length (Walk *self, guint32 *length)
{
  if (!skip_number (self, sizeof *length))
    return FALSE;
  *length = read_uint32 (self->data + self->at - sizeof *length, self->swapped);
  return TRUE;
}

static gboolean
walk_text (Walk *self)
{
  guint32 length;

  return walk_length (self, &length) && skip (self, (gsize) length + 1);
}

/* Returns: (nullable): the text of a signature, which ends with NUL inside of the message */
static const char *
walk_signature (Walk *self)
{
  gsize length = self->at < self->length ? self->data[self->at] : 0;
  gsize begin = self->at + 1;

  return skip (self, length + 2) && self->data[begin + length] == '\0' ? (const char *) self->data + begin : NULL;
}

static gboolean
walk_variant (Walk *self)
{
  const char *type = walk_signature (self);

  return type != NULL && walk_value (self, &type) && *type == '\0';
}

static gsize
boundary_of (char type)
{
  return strchr ("xtd({", type) != NULL ? 8 : strchr ("biuhsoa", type) != NULL ? 4 : strchr ("nq", type) != NULL ? 2 : 1;
}

static gboolean
walk_array (Walk *self, const char **type)
{
  const char *element = *type, *past;
  guint32 length;
  gsize end;

  if (!g_variant_type_string_scan (element, NULL, &past))
    return FALSE;
  if (!walk_length (self, &length) || !align (self, boundary_of (element[0])) || length > self->length - self->at)
    return FALSE;
  end = self->at + length;
  /* bytes are not made into values one by one */
  if (element[0] == 'y')
    self->at = end;
  while (self->at < end)
    {
      *type = element;
      if (!walk_value (self, type))
        return FALSE;
    }
  *type = past;
  return self->at == end;
}

static gboolean
walk_struct (Walk *self, const char **type)
{
  gboolean good = align (self, ENTRY);

  while (good && **type != ')' && **type != '}')
    good = walk_value (self, type);
  if (good)
    (*type)++;
  return good;
}

static gboolean
walk_inside (Walk *self, char kind, const char **type)
{
  gboolean good;

  if (self->depth == MOST_DEPTH)
    return FALSE;
  self->depth++;
  good = kind == 'a' ? walk_array (self, type) : kind == 'v' ? walk_variant (self) : walk_struct (self, type);
  self->depth--;
  return good;
}

static gboolean
walk_value (Walk *self, const char **type)
{
  char kind = *(*type)++;

  if (self->left == 0)
    return FALSE;
  self->left--;
  switch (kind)
    {
    case 'y':
      return skip (self, 1);
    case 'n':
    case 'q':
    case 'b':
    case 'i':
    case 'u':
    case 'h':
    case 'x':
    case 't':
    case 'd':
      return skip_number (self, boundary_of (kind));
    case 's':
    case 'o':
      return walk_text (self);
    case 'g':
      return walk_signature (self) != NULL;
    case 'a':
    case 'v':
    case '(':
    case '{':
      return walk_inside (self, kind, type);
    default:
      return FALSE;
    }
}

/* ---------------------------------------------------------------------------------------------------------------- */

gboolean
thole_frame_measure (const guint8 *data, gsize *head, gsize *body)
{
  guint32 fields, length;

  if (data[0] != 'l' && data[0] != 'B')
    return FALSE;
  fields = read_uint32 (data + LENGTH_OF_HEADER, is_swapped (data));
  length = read_uint32 (data + LENGTH_OF_BODY, is_swapped (data));
  if (fields > MOST_HEADER || length > MOST_BODY)
    return FALSE;
  *head = (THOLE_FRAME_FIXED + (gsize) fields + ENTRY - 1) & ~(gsize) (ENTRY - 1);
  *body = length;
  return TRUE;
}

/* Returns: where the code of the field is, 0 = there is none. @found (out): at its value */
static gsize
find_field (const guint8 *data, gsize head, guint8 field, const char *kind, Walk *found)
{
  Walk walk = { .data = data, .length = head, .at = THOLE_FRAME_FIXED, .swapped = is_swapped (data), .left = 256 };
  gsize end = THOLE_FRAME_FIXED + (gsize) read_uint32 (data + LENGTH_OF_HEADER, walk.swapped);

  while (walk.at < end && align (&walk, ENTRY) && walk.at < end)
    {
      gsize code = walk.at;
      const char *type;

      if (!skip (&walk, 1) || (type = walk_signature (&walk)) == NULL)
        return 0;
      if (data[code] == field && strcmp (type, kind) == 0)
        {
          *found = walk;
          return code;
        }
      if (!walk_value (&walk, &type))
        return 0;
    }
  return 0;
}

/* @signature: its text */
static gsize
find_signature (const guint8 *data, gsize head, const char **signature)
{
  Walk walk;
  gsize code = find_field (data, head, SIGNATURE, "g", &walk);

  return code != 0 && (*signature = walk_signature (&walk)) != NULL ? code : 0;
}

gboolean
thole_frame_is_small (const guint8 *data, gsize head, gsize body, guint most)
{
  Walk walk = { .data = data + head, .length = body, .swapped = is_swapped (data), .left = most };
  const char *signature;

  if (find_signature (data, head, &signature) == 0)
    return FALSE;
  while (*signature != '\0')
    if (!walk_value (&walk, &signature))
      return FALSE;
  return TRUE;
}

gboolean
thole_frame_cut (guint8 *data, gsize head)
{
  const char *signature;
  gsize code = find_signature (data, head, &signature);

  if (code == 0)
    return FALSE;
  data[code] = THOLE_FRAME_NO_BODY;
  memset (data + LENGTH_OF_BODY, 0, sizeof (guint32));
  return TRUE;
}

gboolean
thole_frame_cut_descriptors (guint8 *data, gsize head)
{
  Walk walk;
  gsize code = find_field (data, head, N_DESCRIPTORS, "u", &walk);

  if (code == 0)
    return FALSE;
  data[code] = THOLE_FRAME_NO_DESCRIPTORS;
  return TRUE;
}
