/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Signed tokens (RFC 7519) with one algorithm: HS256. What says another one is not read further.
 */
#pragma once

#include <gio/gio.h>

#define THOLE_TOKEN_MIN_KEY 25    /* characters of a key */
#define THOLE_TOKEN_GOOD_KEY 32
#define THOLE_TOKEN_MAX 8192      /* characters of a token */

typedef struct
{
  char *subject;        /* sub: id of the user */
  char *email;
  char **permissions;   /* what the roles gave when it was made, for the reader; what counts are the roles now */
  char *id;             /* jti */
  char *key;            /* (nullable): the API key that it stands for */
  gboolean cookie;      /* use: only a cookie may hold it; otherwise only a header */
  gint64 issued;        /* iat, seconds since the epoch */
  gint64 expires;       /* exp */
} TholeClaims;

void     thole_claims_clear (TholeClaims *claims);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TholeClaims, thole_claims_clear)

/* The keys: the first signs, all of them verify, so that a key can be replaced while tokens of the one before live. */
typedef struct _TholeTokenKeys TholeTokenKeys;

/* @text: a key a line, at most two. A key under THOLE_TOKEN_MIN_KEY characters is an error that names @file, unless @weak.
 * Returns: (transfer full) */
TholeTokenKeys *thole_token_keys_new  (const char *text, const char *file, gboolean weak, GError **error);
void            thole_token_keys_free (TholeTokenKeys *self);
/* Is the key that signs worth a warning? */
gboolean        thole_token_keys_weak (TholeTokenKeys *self);

/* Returns: (transfer full) */
char           *thole_token_sign   (TholeTokenKeys *self, const TholeClaims *claims);
/* Is @token one of ours, and does it live at @now (seconds since the epoch)? @claims is to be cleared when it returns TRUE. */
gboolean        thole_token_verify (TholeTokenKeys *self, const char *token, gint64 now, TholeClaims *claims);
