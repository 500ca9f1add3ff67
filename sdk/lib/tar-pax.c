/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tar-pax.h"

#include <string.h>

#include "thole-error.h"

#define LENGTH_DIGITS 7  /* of TAR_PAX_MAX */
#define NUMBER_MAX 64    /* bytes */

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself */
enum
{
  IN_LENGTH,
  IN_KEY,
  IN_VALUE,
  AT_NEWLINE,
};

gboolean
tar_refuse (GError **error, const char *why)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "not a good tar archive: %s", why);
  return FALSE;
}

void
tar_said_clear (TarSaid *self)
{
  g_free (self->name);
  g_free (self->link);
  *self = (TarSaid) { 0 };
}

void
tar_pax_begin (TarPax *self, gboolean global)
{
  self->state = IN_LENGTH;
  self->digits = 0;
  self->length = 0;
  self->global = global;
  if (self->value == NULL)
    self->value = g_string_new (NULL);
}

void
tar_pax_clear (TarPax *self)
{
  if (self->value != NULL)
    g_string_free (self->value, TRUE);
  self->value = NULL;
}

gboolean
tar_pax_end (const TarPax *self, GError **error)
{
  return (self->state == IN_LENGTH && self->digits == 0) || tar_refuse (error, "an extended header ends in a record");
}

/* Decimal; of a time also what is before 1970, without its fraction. What is further away than we count is at the end. */
static gboolean
get_decimal (const char *text, gboolean is_time, gint64 *value)
{
  gboolean negative = is_time && *text == '-';
  const char *at = text + negative;
  gint64 sum = 0;

  if (!g_ascii_isdigit (*at))
    return FALSE;
  for (; g_ascii_isdigit (*at); at++)
    sum = sum > (G_MAXINT64 - 9) / 10 ? G_MAXINT64 : sum * 10 + (*at - '0');
  if (is_time && *at == '.')
    for (at++; g_ascii_isdigit (*at); at++)
      continue;
  *value = negative ? -sum : sum;
  return *at == '\0';
}

static gboolean
take_number (const GString *text, gboolean is_time, gint64 *value, gboolean *has, GError **error)
{
  gint64 number = 0;

  /* nothing = what the header itself says holds */
  if (text->len > 0 && (strlen (text->str) != text->len || !get_decimal (text->str, is_time, &number)))
    return tar_refuse (error, "a number in an extended header is wrong");
  *has = text->len > 0;
  *value = is_time ? CLAMP (number, -TAR_TIME_MAX, TAR_TIME_MAX) : number;
  return TRUE;
}

static gboolean
take_text (const GString *text, char **value, GError **error)
{
  if (strlen (text->str) != text->len)
    return tar_refuse (error, "a name has a NUL in it");
  g_free (*value);
  *value = text->len > 0 ? g_strdup (text->str) : NULL;
  return TRUE;
}

static gboolean
is_name (const char *key)
{
  return strcmp (key, "path") == 0 || strcmp (key, "linkpath") == 0;
}

static gboolean
is_number (const char *key)
{
  return strcmp (key, "size") == 0 || strcmp (key, "uid") == 0 || strcmp (key, "gid") == 0 || strcmp (key, "mtime") == 0;
}

static gboolean
take_pair (const TarPax *self, TarSaid *said, GError **error)
{
  const char *key = self->key;

  if (self->global || (!is_name (key) && !is_number (key)))
    return TRUE;
  if (is_name (key))
    return take_text (self->value, key[0] == 'p' ? &said->name : &said->link, error);
  switch (key[0])
    {
    case 's':
      return take_number (self->value, FALSE, &said->size, &said->has_size, error);
    case 'u':
      return take_number (self->value, FALSE, &said->uid, &said->has_uid, error);
    case 'g':
      return take_number (self->value, FALSE, &said->gid, &said->has_gid, error);
    default:
      return take_number (self->value, TRUE, &said->mtime, &said->has_mtime, error);
    }
}

/* @rest: bytes behind this one */
static gboolean
take_length (TarPax *self, guint8 byte, guint64 rest, GError **error)
{
  if (g_ascii_isdigit (byte) && self->digits < LENGTH_DIGITS)
    {
      self->length = self->length * 10 + (gsize) (byte - '0');
      self->digits++;
      return TRUE;
    }
  /* the shortest is "k=\n" */
  if (byte != ' ' || self->digits == 0 || self->length < self->digits + 4 || self->length - self->digits - 1 > rest)
    return tar_refuse (error, "a record of an extended header has a wrong length");
  self->left = self->length - self->digits - 1;
  self->state = IN_KEY;
  self->key_length = 0;
  return TRUE;
}

/* The key is known: may it be, and how long. */
static gboolean
begin_value (TarPax *self, GError **error)
{
  if (self->key_length == 0)
    return tar_refuse (error, "a record of an extended header has no key");
  /* a longer one is none that we know, whatever it begins with */
  self->key[MIN (self->key_length, sizeof self->key - 1)] = '\0';
  if (g_str_has_prefix (self->key, "GNU.sparse."))
    return tar_refuse (error, "files with holes are not taken");
  if (self->key_length >= sizeof self->key)
    self->key[0] = '\0';
  if (self->global && (is_name (self->key) || strcmp (self->key, "size") == 0))
    return tar_refuse (error, "one name or size for all entries");
  if (self->left - 1 > (is_name (self->key) ? THOLE_TAR_NAME_MAX : is_number (self->key) ? NUMBER_MAX : TAR_PAX_MAX))
    return tar_refuse (error, is_name (self->key) ? "a name is too long" : "a number in an extended header is wrong");
  g_string_truncate (self->value, 0);
  self->state = self->left > 1 ? IN_VALUE : AT_NEWLINE;
  return TRUE;
}

static gboolean
take_key (TarPax *self, guint8 byte, GError **error)
{
  self->left--;
  if (byte == '=' && self->left > 0)
    return begin_value (self, error);
  if (byte == '\0' || self->left <= 1)
    return tar_refuse (error, "a record of an extended header has no value");
  if (self->key_length < sizeof self->key - 1)
    self->key[self->key_length] = (char) byte;
  self->key_length = MIN (self->key_length + 1, sizeof self->key);
  return TRUE;
}

/* Returns: how many bytes */
static gsize
take_value (TarPax *self, const guint8 *data, gsize length)
{
  gsize part = MIN (length, self->left - 1);

  if (is_name (self->key) || is_number (self->key))
    g_string_append_len (self->value, (const char *) data, (gssize) part);
  self->left -= part;
  if (self->left == 1)
    self->state = AT_NEWLINE;
  return part;
}

static gboolean
take_newline (TarPax *self, guint8 byte, TarSaid *said, GError **error)
{
  if (byte != '\n')
    return tar_refuse (error, "a record of an extended header has a wrong length");
  self->state = IN_LENGTH;
  self->digits = 0;
  self->length = 0;
  return take_pair (self, said, error);
}

gboolean
tar_pax_feed (TarPax *self, const guint8 *data, gsize length, guint64 after, TarSaid *said, GError **error)
{
  gboolean good = TRUE;

  for (gsize i = 0, part = 1; good && i < length; i += part, part = 1)
    switch (self->state)
      {
      case IN_LENGTH:
        good = take_length (self, data[i], length - i - 1 + after, error);
        break;
      case IN_KEY:
        good = take_key (self, data[i], error);
        break;
      case IN_VALUE:
        part = take_value (self, data + i, length - i);
        break;
      default:
        good = take_newline (self, data[i], said, error);
      }
  return good;
}
