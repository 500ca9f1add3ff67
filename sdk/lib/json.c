/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reader of JSON. It writes GVariant's serialised form straight into one buffer: no tree, no allocation per
 * value. What that form looks like is in GLib's GVariant specification; here only three containers are needed: `a{sv}`, `av`
 * and the variants in them. All of them are aligned to 8, so every value begins at a multiple of 8.
 */
#include "thole-json.h"
#include "thole-error.h"

#include <math.h>
#include <stdlib.h>

#include "json-text.h"

typedef struct
{
  const char *text;  /* in the input, for the place of an error */
  gsize at, length;  /* in the output */
} Key;

typedef struct
{
  gboolean object;
  gsize begin;       /* of the container, in the output */
  gsize member;      /* of the present member, in the output */
  gsize key_end;     /* end of its key, counted from the member */
  guint first_end;   /* of this container in `ends` */
  guint first_key;   /* of this container in `keys` */
} Frame;

typedef struct
{
  const char *text, *p, *end;
  guint8 *out;
  gsize used, size;
  GArray *ends;      /* gsize: where the members of open containers end, counted from their container */
  GArray *keys;      /* Key: of the open objects */
  Frame frames[THOLE_JSON_MAX_DEPTH];
  guint depth;
  GError **error;
} Parser;

static gboolean
fail (Parser *self, const char *at, const char *what)
{
  g_set_error (self->error, THOLE_ERROR, THOLE_ERROR_MALFORMED, "%s at byte %" G_GSIZE_FORMAT, what,
               (gsize) (at - self->text));
  return FALSE;
}

/* output -------------------------------------------------------------------------------------------------- */

static inline void
reserve (Parser *self, gsize more)
{
  if (G_LIKELY (self->size - self->used >= more))
    return;
  self->size = MAX (self->size * 2, self->used + more);
  self->out = g_realloc (self->out, self->size);
}

static inline void
put (Parser *self, gconstpointer bytes, gsize length)
{
  reserve (self, length);
  memcpy (self->out + self->used, bytes, length);
  self->used += length;
}

static inline void
put_byte (Parser *self, guint8 byte)
{
  reserve (self, 1);
  self->out[self->used++] = byte;
}

static inline void
align (Parser *self)
{
  gsize more = -self->used & 7;

  reserve (self, more);
  memset (self->out + self->used, 0, more);
  self->used += more;
}

/* bytes of one framing offset in a container of @body bytes with @count offsets */
static inline gsize
offset_size (gsize body, gsize count)
{
  if (body + count <= G_MAXUINT8)
    return 1;
  if (body + 2 * count <= G_MAXUINT16)
    return 2;
  return body + 4 * count <= G_MAXUINT32 ? 4 : 8;
}

static inline void
put_offset (Parser *self, gsize offset, gsize size)
{
  guint64 little = GUINT64_TO_LE ((guint64) offset);

  put (self, &little, size);
}

/* text ---------------------------------------------------------------------------------------------------- */

static inline void
skip_space (Parser *self)
{
  while (self->p < self->end && (*self->p == ' ' || *self->p == '\n' || *self->p == '\t' || *self->p == '\r'))
    self->p++;
}

/* four hexadecimal digits; -1 when they are not there */
static int
parse_hex4 (Parser *self)
{
  int value = 0;

  if (self->end - self->p < 4)
    return -1;
  for (guint i = 0; i < 4; i++)
    {
      int digit = g_ascii_xdigit_value (self->p[i]);

      if (digit < 0)
        return -1;
      value = value * 16 + digit;
    }
  self->p += 4;
  return value;
}

/* after `\u` */
static gboolean
parse_unicode (Parser *self)
{
  const char *at = self->p - 2;
  int high = parse_hex4 (self), low;
  gunichar c = (gunichar) high;
  char utf8[6];

  if (high < 0)
    return fail (self, at, "bad escape");
  if (high == 0)
    return fail (self, at, "NUL in a string");
  if (high >= 0xdc00 && high <= 0xdfff)
    return fail (self, at, "lone surrogate");
  if (high >= 0xd800 && high <= 0xdbff)
    {
      if (self->end - self->p < 2 || self->p[0] != '\\' || self->p[1] != 'u')
        return fail (self, at, "lone surrogate");
      self->p += 2;
      low = parse_hex4 (self);
      if (low < 0xdc00 || low > 0xdfff)
        return fail (self, at, "lone surrogate");
      c = 0x10000 + (((gunichar) high - 0xd800) << 10) + ((gunichar) low - 0xdc00);
    }
  put (self, utf8, (gsize) g_unichar_to_utf8 (c, utf8));
  return TRUE;
}

static gboolean
parse_escape (Parser *self)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *found;

  if (self->end - self->p < 2)
    return fail (self, self->p, "string without end");
  self->p += 2;
  if (self->p[-1] == 'u')
    return parse_unicode (self);
  found = self->p[-1] != '\0' ? strchr (from, self->p[-1]) : NULL;
  if (found == NULL)
    return fail (self, self->p - 2, "bad escape");
  put_byte (self, (guint8) to[found - from]);
  return TRUE;
}

/* At the opening quote. Writes the string and its NUL. */
static gboolean
parse_string (Parser *self)
{
  const char *begin = self->p++;

  while (self->p < self->end)
    {
      gsize run = json_plain_run (self->p, self->end);

      put (self, self->p, run);
      self->p += run;
      if (self->p == self->end)
        break;
      if (*self->p == '"')
        {
          put_byte (self, 0);
          self->p++;
          return TRUE;
        }
      if (*self->p == '\\')
        {
          if (!parse_escape (self))
            return FALSE;
          continue;
        }
      if ((guchar) *self->p < 0x20)
        return fail (self, self->p, "control character in a string");
      run = json_utf8_length (self->p, self->end);
      if (run == 0)
        return fail (self, self->p, "bad UTF-8");
      put (self, self->p, run);
      self->p += run;
    }
  return fail (self, begin, "string without end");
}

/* numbers ------------------------------------------------------------------------------------------------- */

static gboolean
put_integer (Parser *self, const char *begin, gboolean negative, guint64 value, const char **type)
{
  if (negative && value > (guint64) G_MAXINT64 + 1)
    return fail (self, begin, "integer out of range");
  if (negative)
    value = -value;
  *type = negative || value <= G_MAXINT64 ? "x" : "t";
  put (self, &value, 8);
  return TRUE;
}

static gboolean
put_double (Parser *self, const char *begin, const char **type)
{
  gsize length = (gsize) (self->p - begin);
  char local[64];
  g_autofree char *large = length < sizeof local ? NULL : g_strndup (begin, length);
  const char *text = large;
  double value;

  if (large == NULL)
    {
      memcpy (local, begin, length);
      local[length] = '\0';
      text = local;
    }
  value = g_ascii_strtod (text, NULL);
  if (!isfinite (value))
    return fail (self, begin, "number out of range");
  *type = "d";
  put (self, &value, 8);
  return TRUE;
}

static gboolean
skip_digits (Parser *self)
{
  const char *begin = self->p;

  while (self->p < self->end && g_ascii_isdigit (*self->p))
    self->p++;
  return self->p > begin;
}

static gboolean
parse_number (Parser *self, const char **type)
{
  const char *begin = self->p;
  gboolean negative = *self->p == '-', exact = TRUE, overflow = FALSE;
  guint64 value = 0;

  self->p += negative;
  if (self->p < self->end && *self->p == '0')
    self->p++;
  else
    for (const char *first = self->p;; self->p++)
      {
        if (self->p == self->end || !g_ascii_isdigit (*self->p))
          {
            if (self->p == first)
              return fail (self, begin, "bad number");
            break;
          }
        overflow |= value > (G_MAXUINT64 - (guint64) (*self->p - '0')) / 10;
        value = value * 10 + (guint64) (*self->p - '0');
      }
  if (self->p < self->end && *self->p == '.')
    {
      exact = FALSE;
      self->p++;
      if (!skip_digits (self))
        return fail (self, begin, "bad number");
    }
  if (self->p < self->end && (*self->p == 'e' || *self->p == 'E'))
    {
      exact = FALSE;
      self->p++;
      if (self->p < self->end && (*self->p == '+' || *self->p == '-'))
        self->p++;
      if (!skip_digits (self))
        return fail (self, begin, "bad number");
    }
  if (self->p < self->end && g_ascii_isalnum (*self->p))
    return fail (self, begin, "bad number");
  if (!exact)
    return put_double (self, begin, type);
  if (overflow)
    return fail (self, begin, "integer out of range");
  return put_integer (self, begin, negative, value, type);
}

/* containers ---------------------------------------------------------------------------------------------- */

static gboolean
open_container (Parser *self, gboolean object)
{
  if (self->depth == THOLE_JSON_MAX_DEPTH)
    return fail (self, self->p, "nested too deep");
  self->frames[self->depth++] = (Frame) {
    .object = object, .begin = self->used, .first_end = self->ends->len, .first_key = self->keys->len,
  };
  self->p++;
  return TRUE;
}

static int
compare_keys (gconstpointer a, gconstpointer b, gpointer out)
{
  const Key *one = a, *other = b;

  if (one->length != other->length)
    return one->length < other->length ? -1 : 1;
  return memcmp ((guint8 *) out + one->at, (guint8 *) out + other->at, one->length);
}

/* By sorting, so that no choice of keys makes it slow. */
static gboolean
check_keys (Parser *self, Frame *frame)
{
  guint count = self->keys->len - frame->first_key;

  if (count > 1)
    {
      Key *keys = &g_array_index (self->keys, Key, frame->first_key);

      g_qsort_with_data (keys, (int) count, sizeof (Key), compare_keys, self->out);
      for (guint i = 1; i < count; i++)
        if (compare_keys (&keys[i - 1], &keys[i], self->out) == 0)
          return fail (self, MAX (keys[i - 1].text, keys[i].text), "duplicate key");
    }
  g_array_set_size (self->keys, frame->first_key);
  return TRUE;
}

static gboolean
close_container (Parser *self, const char **type)
{
  Frame *frame = &self->frames[self->depth - 1];
  guint count = self->ends->len - frame->first_end;
  gsize size = offset_size (self->used - frame->begin, count);

  if (frame->object && !check_keys (self, frame))
    return FALSE;
  for (guint i = 0; i < count; i++)
    put_offset (self, g_array_index (self->ends, gsize, frame->first_end + i), size);
  g_array_set_size (self->ends, frame->first_end);
  self->depth--;
  self->p++;
  *type = frame->object ? "a{sv}" : "av";
  return TRUE;
}

/* Writes the key and leaves the reader before the value. */
static gboolean
begin_member (Parser *self, Frame *frame)
{
  align (self);
  frame->member = self->used;
  if (frame->object)
    {
      Key key = { self->p, self->used, 0 };

      if (self->p == self->end || *self->p != '"')
        return fail (self, self->p, "expected a key");
      if (!parse_string (self))
        return FALSE;
      key.length = self->used - key.at;
      g_array_append_val (self->keys, key);
      frame->key_end = key.length;
      skip_space (self);
      if (self->p == self->end || *self->p != ':')
        return fail (self, self->p, "expected ':'");
      self->p++;
      skip_space (self);
      align (self);
    }
  return TRUE;
}

/* The value of a member is written: makes it a variant and, in an object, an entry. */
static void
end_member (Parser *self, Frame *frame, const char *type)
{
  gsize end;

  put_byte (self, 0);
  put (self, type, strlen (type));
  if (frame->object)
    put_offset (self, frame->key_end, offset_size (self->used - frame->member, 1));
  end = self->used - frame->begin;
  g_array_append_val (self->ends, end);
}

static gboolean
parse_word (Parser *self, const char *word, guint8 byte)
{
  gsize length = strlen (word);

  if ((gsize) (self->end - self->p) < length || memcmp (self->p, word, length) != 0)
    return fail (self, self->p, "expected a value");
  self->p += length;
  put_byte (self, byte);
  return TRUE;
}

/* Reads one value that is no container, or opens one: then @type is NULL. */
static gboolean
parse_value (Parser *self, const char **type)
{
  *type = NULL;
  if (self->p == self->end)
    return fail (self, self->p, "unexpected end");
  switch (*self->p)
    {
    case '{':
    case '[':
      return open_container (self, *self->p == '{');
    case '"':
      *type = "s";
      return parse_string (self);
    case 't':
      *type = "b";
      return parse_word (self, "true", 1);
    case 'f':
      *type = "b";
      return parse_word (self, "false", 0);
    case 'n':
      *type = "()";
      return parse_word (self, "null", 0);
    case '-':
    case '0' ... '9':
      return parse_number (self, type);
    default:
      return fail (self, self->p, "expected a value");
    }
}

/* A value is complete: closes what it ends, until another value is due or all is read (then @type is its type). */
static gboolean
after_value (Parser *self, const char **type)
{
  while (self->depth > 0)
    {
      Frame *frame = &self->frames[self->depth - 1];
      char close = frame->object ? '}' : ']';

      skip_space (self);
      if (*type != NULL)
        {
          end_member (self, frame, *type);
          if (self->p < self->end && *self->p == ',')
            {
              self->p++;
              skip_space (self);
              *type = NULL;
              return begin_member (self, frame);
            }
        }
      else if (self->p == self->end || *self->p != close)
        return begin_member (self, frame);
      if (self->p == self->end || *self->p != close)
        return fail (self, self->p, frame->object ? "expected ',' or '}'" : "expected ',' or ']'");
      if (!close_container (self, type))
        return FALSE;
    }
  return TRUE;
}

static gboolean
parse_text (Parser *self, const char **type)
{
  skip_space (self);
  do
    {
      if (!parse_value (self, type) || !after_value (self, type))
        return FALSE;
    }
  while (self->depth > 0);
  skip_space (self);
  if (self->p < self->end)
    return fail (self, self->p, "text after the value");
  return TRUE;
}

GVariant *
thole_json_parse (const char *text, gsize length, GError **error)
{
  g_autoptr(GArray) ends = g_array_new (FALSE, FALSE, sizeof (gsize));
  g_autoptr(GArray) keys = g_array_new (FALSE, FALSE, sizeof (Key));
  g_autoptr(GBytes) bytes = NULL;
  const char *type = NULL;
  Parser parser = {
    .text = text, .p = text, .end = text + length, .ends = ends, .keys = keys, .error = error,
    .size = MAX (length * 2, 64),
  };

  parser.out = g_malloc (parser.size);
  if (!parse_text (&parser, &type))
    {
      g_free (parser.out);
      return NULL;
    }
  if (parser.used < parser.size / 2)
    parser.out = g_realloc (parser.out, MAX (parser.used, 1));
  bytes = g_bytes_new_take (parser.out, parser.used);
  return g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (type), bytes, TRUE));
}
