/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/vault.h"

#include <sodium.h>
#include <string.h>

#include "access/secret-file.h"
#include "thole-error.h"

#define KEY crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define MIN_KEY 32 /* characters */
#define MAX_KEYS 2

/* lies in memory that is locked and left out of core files */
struct _TholeVault
{
  guint n_keys;
  guchar keys[MAX_KEYS][KEY];
};

static char *
make_key (void)
{
  g_autofree char *key = thole_secret_random (KEY);

  return g_strconcat (key, "\n", NULL);
}

static gboolean
take_keys (TholeVault *self, char *text, const char *file, GError **error)
{
  char *rest = NULL;

  for (char *line = strtok_r (text, "\n", &rest); line != NULL; line = strtok_r (NULL, "\n", &rest))
    {
      if (strlen (line) < MIN_KEY || self->n_keys == MAX_KEYS)
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: wanted are one or two lines of at least %d characters", file,
                       MIN_KEY);
          return FALSE;
        }
      crypto_generichash (self->keys[self->n_keys++], KEY, (const guchar *) line, strlen (line), NULL, 0);
    }
  if (self->n_keys == 0)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: holds no key", file);
  return self->n_keys > 0;
}

TholeVault *
thole_vault_new (const char *state_dir, GError **error)
{
  g_autofree char *file = thole_secret_file_place (state_dir, "secret-key");
  TholeVault *self;
  gboolean good;
  char *text;

  text = thole_secret_file_have (file, make_key, error);
  if (text == NULL)
    return NULL;
  self = sodium_malloc (sizeof *self);
  if (self != NULL)
    memset (self, 0, sizeof *self);
  else
    g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INTERNAL, "no memory for keys");
  good = self != NULL && take_keys (self, text, file, error);
  thole_secret_free (text);
  if (!good)
    g_clear_pointer (&self, thole_vault_free);
  return self;
}

void
thole_vault_free (TholeVault *self)
{
  sodium_free (self);
}

char *
thole_vault_seal (TholeVault *self, const char *context, const char *text)
{
  gsize length = strlen (text), size = sodium_base64_ENCODED_LEN (NONCE + length + TAG, VARIANT);
  g_autofree guchar *bytes = g_malloc (NONCE + length + TAG);
  char *sealed = g_malloc (size);

  randombytes_buf (bytes, NONCE);
  crypto_aead_xchacha20poly1305_ietf_encrypt (bytes + NONCE, NULL, (const guchar *) text, length, (const guchar *) context,
                                              strlen (context), NULL, bytes, self->keys[0]);
  sodium_bin2base64 (sealed, size, bytes, NONCE + length + TAG, VARIANT);
  return sealed;
}

char *
thole_vault_open (TholeVault *self, const char *context, const char *sealed, gboolean *stale)
{
  gsize size = strlen (sealed), length = 0;
  g_autofree guchar *bytes = g_malloc (size + 1);
  char *text;

  if (sodium_base642bin (bytes, size, sealed, size, NULL, &length, NULL, VARIANT) != 0 || length < NONCE + TAG)
    return NULL;
  text = g_malloc0 (length - NONCE - TAG + 1);
  for (guint i = 0; i < self->n_keys; i++)
    if (crypto_aead_xchacha20poly1305_ietf_decrypt ((guchar *) text, NULL, NULL, bytes + NONCE, length - NONCE,
                                                    (const guchar *) context, strlen (context), bytes, self->keys[i]) == 0)
      {
        if (stale != NULL)
          *stale = i > 0;
        return text;
      }
  g_free (text);
  return NULL;
}
