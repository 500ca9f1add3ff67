/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/token.h"

#include <sodium.h>
#include <string.h>

#include "access/secret-file.h"
#include "thole-dict.h"
#include "thole-error.h"
#include "thole-json.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define MAX_KEYS 2
#define SKEW 10 /* seconds that another clock of ours may be ahead */
#define MAC crypto_auth_hmacsha256_BYTES
#define COOKIE "cookie"

static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

struct _TholeTokenKeys
{
  char *keys[MAX_KEYS];
  guint n_keys;
};

void
thole_claims_clear (TholeClaims *claims)
{
  g_free (claims->subject);
  g_free (claims->email);
  g_free (claims->id);
  g_free (claims->key);
  g_strfreev (claims->permissions);
}

TholeTokenKeys *
thole_token_keys_new (const char *text, const char *file, gboolean weak, GError **error)
{
  TholeTokenKeys *self = g_new0 (TholeTokenKeys, 1);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  const char *fault = NULL;

  for (guint i = 0; lines[i] != NULL && fault == NULL; i++)
    {
      g_strstrip (lines[i]);
      if (lines[i][0] == '\0')
        continue;
      if (self->n_keys == MAX_KEYS)
        fault = "holds more than two keys";
      else if (strlen (lines[i]) < THOLE_TOKEN_MIN_KEY && !weak)
        fault = "has a key of less than 25 characters";
      else
        self->keys[self->n_keys++] = g_strdup (lines[i]);
    }
  if (fault == NULL && self->n_keys == 0)
    fault = "holds no key";
  for (guint i = 0; lines[i] != NULL; i++)
    sodium_memzero (lines[i], strlen (lines[i]));
  if (fault == NULL)
    return self;
  thole_token_keys_free (self);
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", file, fault);
  return NULL;
}

void
thole_token_keys_free (TholeTokenKeys *self)
{
  for (guint i = 0; i < self->n_keys; i++)
    thole_secret_free (self->keys[i]);
  g_free (self);
}

gboolean
thole_token_keys_weak (TholeTokenKeys *self)
{
  return strlen (self->keys[0]) < THOLE_TOKEN_GOOD_KEY;
}

static void
authenticate (const char *key, const char *text, gsize length, guchar mac[MAC])
{
  crypto_auth_hmacsha256_state state;

  crypto_auth_hmacsha256_init (&state, (const guchar *) key, strlen (key));
  crypto_auth_hmacsha256_update (&state, (const guchar *) text, length);
  crypto_auth_hmacsha256_final (&state, mac);
  sodium_memzero (&state, sizeof state);
}

static void
append_encoded (GString *out, const void *bytes, gsize length)
{
  gsize size = sodium_base64_ENCODED_LEN (length, VARIANT);
  g_autofree char *text = g_malloc (size);

  g_string_append (out, sodium_bin2base64 (text, size, bytes, length, VARIANT));
}

char *
thole_token_sign (TholeTokenKeys *self, const TholeClaims *claims)
{
  g_autoptr (GString) payload = g_string_new ("{\"sub\":");
  GString *out = g_string_new (NULL);
  guchar mac[MAC];

  thole_json_append_string (payload, claims->subject);
  g_string_append (payload, ",\"email\":");
  thole_json_append_string (payload, claims->email);
  g_string_append (payload, ",\"permissions\":[");
  for (guint i = 0; claims->permissions != NULL && claims->permissions[i] != NULL; i++)
    {
      g_string_append (payload, i > 0 ? "," : "");
      thole_json_append_string (payload, claims->permissions[i]);
    }
  g_string_append (payload, "],\"jti\":");
  thole_json_append_string (payload, claims->id);
  if (claims->key != NULL)
    {
      g_string_append (payload, ",\"key\":");
      thole_json_append_string (payload, claims->key);
    }
  g_string_append (payload, claims->cookie ? ",\"use\":\"" COOKIE "\"" : "");
  g_string_append_printf (payload, ",\"iat\":%" G_GINT64_FORMAT ",\"exp\":%" G_GINT64_FORMAT "}", claims->issued,
                          claims->expires);
  append_encoded (out, header, strlen (header));
  g_string_append_c (out, '.');
  append_encoded (out, payload->str, payload->len);
  authenticate (self->keys[0], out->str, out->len, mac);
  g_string_append_c (out, '.');
  append_encoded (out, mac, sizeof mac);
  return g_string_free (out, FALSE);
}

/* Returns: (transfer full) (nullable): what one part holds */
static GVariant *
read_part (const char *text, gsize length)
{
  g_autofree guchar *bytes = g_malloc (length + 1);
  gsize size;
  GVariant *value;

  if (sodium_base642bin (bytes, length + 1, text, length, NULL, &size, NULL, VARIANT) != 0)
    return NULL;
  value = thole_json_parse ((const char *) bytes, size, NULL);
  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
    return value;
  g_clear_pointer (&value, g_variant_unref);
  return NULL;
}

static gboolean
header_is_good (const char *text, gsize length)
{
  g_autoptr (GVariant) value = read_part (text, length);
  gboolean typed;

  if (value == NULL || strcmp (thole_dict_string (value, "alg", ""), "HS256") != 0)
    return FALSE;
  typed = strcmp (thole_dict_string (value, "typ", ""), "JWT") == 0;
  /* nothing else can be asked of us: no `crit`, no `kid`, no `jwk` */
  return g_variant_n_children (value) == (typed ? 2 : 1);
}

static gboolean
mac_is_good (TholeTokenKeys *self, const char *token, gsize length, const char *text)
{
  guchar given[MAC], wanted[MAC];
  gsize size;
  gboolean good = FALSE;

  if (sodium_base642bin (given, sizeof given, text, strlen (text), NULL, &size, NULL, VARIANT) != 0 || size != MAC)
    return FALSE;
  for (guint i = 0; i < self->n_keys; i++)
    {
      authenticate (self->keys[i], token, length, wanted);
      good |= sodium_memcmp (given, wanted, MAC) == 0;
    }
  sodium_memzero (wanted, sizeof wanted);
  return good;
}

static gboolean
read_claims (GVariant *payload, gint64 now, TholeClaims *claims)
{
  const char *subject = thole_dict_string (payload, "sub", ""), *id = thole_dict_string (payload, "jti", "");
  const char *use = thole_dict_string (payload, "use", ""), *key = thole_dict_string (payload, "key", NULL);
  gint64 issued = thole_dict_int (payload, "iat", G_MAXINT64), expires = thole_dict_int (payload, "exp", 0);

  if (subject[0] == '\0' || id[0] == '\0' || strlen (id) > 128 || issued > now + SKEW || expires <= now
      || (use[0] != '\0' && strcmp (use, COOKIE) != 0))
    return FALSE;
  *claims = (TholeClaims) { .subject = g_strdup (subject), .id = g_strdup (id), .key = g_strdup (key),
                            .cookie = use[0] != '\0', .issued = issued, .expires = expires,
                            .email = g_strdup (thole_dict_string (payload, "email", "")),
                            .permissions = thole_dict_strv (payload, "permissions") };
  return TRUE;
}

gboolean
thole_token_verify (TholeTokenKeys *self, const char *token, gint64 now, TholeClaims *claims)
{
  const char *first = strchr (token, '.'), *second = first != NULL ? strchr (first + 1, '.') : NULL;
  g_autoptr (GVariant) payload = NULL;

  if (second == NULL || strlen (token) > THOLE_TOKEN_MAX)
    return FALSE;
  if (!mac_is_good (self, token, (gsize) (second - token), second + 1) || !header_is_good (token, (gsize) (first - token)))
    return FALSE;
  payload = read_part (first + 1, (gsize) (second - first - 1));
  return payload != NULL && read_claims (payload, now, claims);
}
