/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/identity.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "access/secret-file.h"
#include "thole-error.h"

#define TOKEN_BYTES 32
#define TOKEN_LENGTH (sodium_base64_ENCODED_LEN (TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING) - 1)
#define BOOTSTRAP "bootstrap"
#define DEVELOPMENT "dev"
#define PEER "peer"
#define KEY_PREFIX "thole_"
#define HELPER_PREFIX "thw_"
#define KEY_HINT 12             /* characters that are shown of a key */
#define DIGEST crypto_generichash_BYTES
#define MAX_KNOWN 4096          /* credentials that are remembered as good */
#define MAX_REVOKED 100000      /* tokens that are remembered as taken back */
#define USE_PAUSE (60 * G_USEC_PER_SEC)

#define MARK crypto_shorthash_siphashx24_BYTES

/* a credential that was found good, by a short keyed hash: nobody without the key can make another text have it */
typedef struct
{
  guchar mark[MARK];
  TholePrincipal *principal;
  gint64 noted_at;
} Known;

struct _TholeIdentity
{
  guchar digest[DIGEST];   /* of the bootstrap token */
  TholePrincipal *bootstrap, *anonymous;
  TholeAccounts *accounts; /* (nullable): borrowed as is @clock */
  TholeClock *clock;
  TholeTokenKeys *keys;
  guchar key_secret[crypto_generichash_KEYBYTES];
  guchar mark_secret[crypto_shorthash_siphashx24_KEYBYTES];
  char *setup;             /* (nullable): the set-up token */
  gint64 token_life;
  GHashTable *known;       /* of Known */
  TholeHelperFunc find_helper; /* (nullable) */
  gpointer helper_data;
  guint changes;           /* of the accounts */
};

/* principals -------------------------------------------------------------------------------------------------- */

static TholePrincipal *
principal_new (char *name, gboolean admin, char *credential)
{
  TholePrincipal *principal = g_new0 (TholePrincipal, 1);

  principal->ref_count = 1;
  principal->name = name;
  principal->admin = admin;
  principal->credential = credential;
  return principal;
}

TholePrincipal *
thole_principal_ref (TholePrincipal *principal)
{
  g_atomic_int_inc (&principal->ref_count);
  return principal;
}

void
thole_principal_unref (TholePrincipal *principal)
{
  if (!g_atomic_int_dec_and_test (&principal->ref_count))
    return;
  g_free (principal->name);
  g_strfreev (principal->grants);
  g_strfreev (principal->scopes);
  g_clear_pointer (&principal->mates, g_hash_table_unref);
  g_free (principal->credential);
  g_free (principal->session);
  g_free (principal->workload);
  g_free (principal);
}

static void
append_names (GPtrArray *names, const char *const *more)
{
  for (guint i = 0; more != NULL && more[i] != NULL; i++)
    g_ptr_array_add (names, g_strdup (more[i]));
}

TholePrincipal *
thole_principal_granted (const TholePrincipal *principal, const char *const *permissions)
{
  TholePrincipal *copy = principal_new (g_strdup (principal->name), principal->admin, g_strdup (principal->credential));
  GPtrArray *grants = g_ptr_array_new ();

  append_names (grants, (const char *const *) principal->grants);
  append_names (grants, permissions);
  g_ptr_array_add (grants, NULL);
  copy->grants = (char **) g_ptr_array_free (grants, FALSE);
  copy->scopes = g_strdupv (principal->scopes);
  copy->mates = principal->mates != NULL ? g_hash_table_ref (principal->mates) : NULL;
  copy->uid = principal->uid;
  copy->expires_at = principal->expires_at;
  copy->workload = g_strdup (principal->workload);
  return copy;
}

static gboolean
equal_names (char **a, char **b)
{
  return a == NULL || b == NULL ? a == b : g_strv_equal ((const char *const *) a, (const char *const *) b);
}

static gboolean
equal_mates (GHashTable *a, GHashTable *b)
{
  GHashTableIter iter;
  gpointer key;

  if (a == NULL || b == NULL || g_hash_table_size (a) != g_hash_table_size (b))
    return a == b;
  g_hash_table_iter_init (&iter, a);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (!g_hash_table_contains (b, key))
      return FALSE;
  return TRUE;
}

gboolean
thole_principal_equal (const TholePrincipal *a, const TholePrincipal *b)
{
  return strcmp (a->name, b->name) == 0 && a->admin == b->admin && equal_names (a->grants, b->grants)
         && equal_names (a->scopes, b->scopes) && equal_mates (a->mates, b->mates);
}

static TholePrincipal *
principal_of (TholeIdentity *self, TholeUser *user, char *credential)
{
  TholePrincipal *principal = principal_new (g_strdup (user->id), FALSE, credential);

  principal->grants = thole_accounts_grants (self->accounts, user);
  principal->mates = thole_accounts_mates (self->accounts, user);
  principal->admin = g_strv_contains ((const char *const *) principal->grants, "*");
  return principal;
}

/* what was found good ----------------------------------------------------------------------------------------- */

static guint
known_hash (gconstpointer data)
{
  guint hash;

  memcpy (&hash, ((const Known *) data)->mark, sizeof hash);
  return hash;
}

static gboolean
known_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (((const Known *) a)->mark, ((const Known *) b)->mark, MARK) == 0;
}

static void
known_free (gpointer data)
{
  Known *known = data;

  thole_principal_unref (known->principal);
  g_free (known);
}

/* the accounts have changed: nothing is taken for granted any more */
static void
forget_known (gpointer user_data)
{
  TholeIdentity *self = user_data;

  self->changes++;
  g_hash_table_remove_all (self->known);
  if (thole_accounts_count (self->accounts, &thole_user_type) > 0)
    g_clear_pointer (&self->setup, thole_secret_free);
}

/* making ------------------------------------------------------------------------------------------------------ */

static char *
make_token (void)
{
  g_autofree char *token = thole_secret_random (TOKEN_BYTES);

  return g_strconcat (token, "\n", NULL);
}

static gboolean
read_bootstrap (TholeIdentity *self, const char *file, GError **error)
{
  char *text = thole_secret_file_have (file, make_token, error);
  guchar bytes[TOKEN_BYTES];
  gsize decoded = 0;
  gboolean good;

  if (text == NULL)
    return FALSE;
  if (g_str_has_suffix (text, "\n"))
    text[strlen (text) - 1] = '\0';
  good = strlen (text) == TOKEN_LENGTH
         && sodium_base642bin (bytes, sizeof bytes, text, TOKEN_LENGTH, NULL, &decoded, NULL,
                               sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0
         && decoded == TOKEN_BYTES;
  if (good)
    crypto_generichash (self->digest, sizeof self->digest, (const guchar *) text, TOKEN_LENGTH, NULL, 0);
  else
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: holds no token; remove it, and the daemon makes a new one", file);
  sodium_memzero (bytes, sizeof bytes);
  thole_secret_free (text);
  return good;
}

TholeIdentity *
thole_identity_new (const char *token_file, GError **error)
{
  TholeIdentity *self;

  if (sodium_init () < 0)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INTERNAL, "no random numbers");
      return NULL;
    }
  self = g_new0 (TholeIdentity, 1);
  self->bootstrap = principal_new (g_strdup (BOOTSTRAP), TRUE, g_strdup (BOOTSTRAP));
  self->anonymous = principal_new (g_strdup ("anonymous"), FALSE, NULL);
  self->anonymous->anonymous = TRUE;
  randombytes_buf (self->mark_secret, sizeof self->mark_secret);
  self->known = g_hash_table_new_full (known_hash, known_equal, known_free, NULL);
  if (read_bootstrap (self, token_file, error))
    return self;
  thole_identity_free (self);
  return NULL;
}

static gboolean
read_token_keys (TholeIdentity *self, const TholeIdentityOptions *options, GError **error)
{
  gboolean given = options->token_keys != NULL && options->token_keys[0] != '\0';
  g_autofree char *file = given ? g_strdup (options->token_keys) : thole_secret_file_place (options->state_dir, "token-keys");
  char *text = thole_secret_file_have (file, make_token, error);

  if (text == NULL)
    return FALSE;
  self->keys = thole_token_keys_new (text, file, options->development, error);
  thole_secret_free (text);
  if (self->keys != NULL && thole_token_keys_weak (self->keys))
    g_warning ("%s: the key has less than %d characters", file, THOLE_TOKEN_GOOD_KEY);
  return self->keys != NULL;
}

static gboolean
read_key_secret (TholeIdentity *self, const char *state_dir, GError **error)
{
  g_autofree char *file = thole_secret_file_place (state_dir, "api-key-secret");
  char *text = thole_secret_file_have (file, make_token, error);

  if (text == NULL)
    return FALSE;
  g_strchomp (text);
  if (strlen (text) < TOKEN_LENGTH)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: holds no key; without the right one no API key is good", file);
      thole_secret_free (text);
      return FALSE;
    }
  crypto_generichash (self->key_secret, sizeof self->key_secret, (const guchar *) text, strlen (text), NULL, 0);
  thole_secret_free (text);
  return TRUE;
}

gboolean
thole_identity_open (TholeIdentity *self, TholeAccounts *accounts, TholeClock *clock, const TholeIdentityOptions *options,
                     GError **error)
{
  if (!read_token_keys (self, options, error) || !read_key_secret (self, options->state_dir, error))
    return FALSE;
  self->accounts = accounts;
  self->clock = clock;
  self->token_life = options->token_life;
  thole_accounts_listen (accounts, forget_known, self);
  if (thole_accounts_count (accounts, &thole_user_type) > 0)
    return TRUE;
  self->setup = thole_secret_random (TOKEN_BYTES);
  g_message ("there is no user yet; make the first one, an administrator, with the set-up token %s", self->setup);
  return TRUE;
}

void
thole_identity_free (TholeIdentity *self)
{
  thole_principal_unref (self->bootstrap);
  thole_principal_unref (self->anonymous);
  g_hash_table_unref (self->known);
  g_clear_pointer (&self->keys, thole_token_keys_free);
  g_clear_pointer (&self->setup, thole_secret_free);
  sodium_memzero (self->key_secret, sizeof self->key_secret);
  g_free (self);
}

TholeAccounts *
thole_identity_accounts (TholeIdentity *self)
{
  return self->accounts;
}

guint
thole_identity_changes (TholeIdentity *self)
{
  return self->changes;
}

/* telling who it is ------------------------------------------------------------------------------------------- */

TholePrincipal *
thole_identity_peer (TholeIdentity *self, uid_t uid)
{
  gboolean admin = uid == 0 || uid == geteuid ();
  TholeUser *user = !admin && self->accounts != NULL ? thole_accounts_by_uid (self->accounts, uid) : NULL;

  TholePrincipal *principal;

  if (user != NULL && !user->disabled)
    principal = principal_of (self, user, g_strdup (PEER));
  else
    principal = principal_new (g_strdup_printf ("uid:%u", (guint) uid), admin, g_strdup (PEER));
  principal->uid = uid;
  return principal;
}

TholePrincipal *
thole_identity_anonymous (TholeIdentity *self)
{
  return thole_principal_ref (self->anonymous);
}

static void
digest_key (TholeIdentity *self, const char *text, char out[2 * DIGEST + 1])
{
  guchar digest[DIGEST];

  crypto_generichash (digest, sizeof digest, (const guchar *) text, strlen (text), self->key_secret, sizeof self->key_secret);
  sodium_bin2hex (out, 2 * DIGEST + 1, digest, sizeof digest);
}

static TholePrincipal *
of_key (TholeIdentity *self, TholeKey *key)
{
  TholeUser *user = key != NULL ? thole_accounts_lookup (self->accounts, &thole_user_type, key->owner) : NULL;
  TholePrincipal *principal;

  if (user == NULL || user->disabled || (key->expires_at != 0 && key->expires_at <= thole_clock_now (self->clock)))
    return NULL;
  principal = principal_of (self, user, g_strconcat ("key ", key->id, NULL));
  principal->expires_at = key->expires_at;
  principal->scopes = thole_names_from_json (key->scopes);
  if (principal->scopes[0] == NULL)
    g_clear_pointer (&principal->scopes, g_strfreev);
  else
    principal->admin = FALSE;
  return principal;
}

/* only its keyed hash is looked up, so that the time tells nothing about what is stored */
static TholePrincipal *
find_key (TholeIdentity *self, const char *text)
{
  char digest[2 * DIGEST + 1];

  digest_key (self, text, digest);
  return of_key (self, thole_accounts_by_digest (self->accounts, digest));
}

static TholeKey *
key_of (TholeIdentity *self, const TholePrincipal *principal)
{
  gboolean by_key = principal->credential != NULL && g_str_has_prefix (principal->credential, "key ");

  return by_key ? thole_accounts_lookup (self->accounts, &thole_key_type, principal->credential + strlen ("key ")) : NULL;
}

/* of a user, told by the begin of a jti */
static gint64
epoch_of (const char *id)
{
  return g_ascii_strtoll (id, NULL, 10);
}

/* whom a signed token stands for at this moment */
static TholePrincipal *
of_session (TholeIdentity *self, const char *subject, const char *key, const char *id, gboolean cookie, gint64 expires_at)
{
  TholeUser *user = thole_accounts_lookup (self->accounts, &thole_user_type, subject);
  TholePrincipal *principal = NULL;

  if (thole_accounts_lookup (self->accounts, &thole_revoked_type, id) != NULL)
    return NULL;
  if (user != NULL && (user->disabled || epoch_of (id) != user->epoch))
    return NULL;
  if (user != NULL && key != NULL)
    principal = of_key (self, thole_accounts_lookup (self->accounts, &thole_key_type, key));
  else if (user != NULL)
    principal = principal_of (self, user, g_strconcat (cookie ? "cookie " : "token ", id, NULL));
  else if (cookie && strcmp (subject, BOOTSTRAP) == 0 && thole_accounts_count (self->accounts, &thole_user_type) == 0)
    principal = principal_new (g_strdup (BOOTSTRAP), TRUE, g_strdup (BOOTSTRAP));
  if (principal == NULL)
    return NULL;
  principal->session = g_strdup (id);
  principal->cookie = cookie;
  if (principal->expires_at == 0 || expires_at < principal->expires_at)
    principal->expires_at = expires_at;
  return principal;
}

static TholePrincipal *
find_token (TholeIdentity *self, const char *text)
{
  g_auto (TholeClaims) claims = { NULL };

  if (!thole_token_verify (self->keys, text, thole_clock_now (self->clock) / G_USEC_PER_SEC, &claims))
    return NULL;
  return of_session (self, claims.subject, claims.key, claims.id, claims.cookie, claims.expires * G_USEC_PER_SEC);
}

/* the use of a key is noted, once a minute at most */
static void
note_use (TholeIdentity *self, Known *known, gint64 now)
{
  TholeKey *key = key_of (self, known->principal);
  TholeKey *next;
  TholeEdit *edit;

  if (key == NULL || now - known->noted_at < USE_PAUSE)
    return;
  known->noted_at = now;
  if (now - key->last_used_at < USE_PAUSE)
    return;
  next = thole_record_copy (key);
  next->last_used_at = now;
  edit = thole_edit_new (self->accounts);
  thole_edit_replace (edit, next);
  thole_edit_quiet (edit);
  thole_edit_commit (edit, NULL, NULL);
  thole_record_unref (next);
}

static TholePrincipal *
find_stored (TholeIdentity *self, const char *token, const Known *wanted)
{
  Known *known = g_hash_table_lookup (self->known, wanted);
  gint64 now = thole_clock_now (self->clock);
  TholePrincipal *principal;

  if (known != NULL && known->principal->expires_at != 0 && known->principal->expires_at <= now)
    {
      g_hash_table_remove (self->known, known);
      return NULL;
    }
  if (known == NULL)
    {
      principal = g_str_has_prefix (token, KEY_PREFIX) ? find_key (self, token) : find_token (self, token);
      if (principal == NULL)
        return NULL;
      if (g_hash_table_size (self->known) >= MAX_KNOWN)
        g_hash_table_remove_all (self->known);
      known = g_new0 (Known, 1);
      memcpy (known->mark, wanted->mark, MARK);
      known->principal = principal;
      g_hash_table_add (self->known, known);
    }
  principal = thole_principal_ref (known->principal);
  note_use (self, known, now);
  return principal;
}

/* each credential has one place where it is good */
static TholePrincipal *
find_for (TholeIdentity *self, const char *token, gboolean cookie)
{
  Known wanted = { .principal = NULL };
  TholePrincipal *principal;

  crypto_shorthash_siphashx24 (wanted.mark, (const guchar *) token, strlen (token), self->mark_secret);
  principal = find_stored (self, token, &wanted);

  if (principal != NULL && principal->cookie != cookie)
    g_clear_pointer (&principal, thole_principal_unref);
  return principal;
}

/* programs inside workloads --------------------------------------------------------------------------------------- */

void
thole_identity_let_helpers (TholeIdentity *self, TholeHelperFunc find, gpointer user_data)
{
  self->find_helper = find;
  self->helper_data = user_data;
}

char *
thole_identity_helper_token (TholeIdentity *self, const char *workload, gint64 epoch)
{
  g_autofree char *text = g_strdup_printf ("workload %s %" G_GINT64_FORMAT, workload, epoch);
  char digest[2 * DIGEST + 1];
  char *token;

  digest_key (self, text, digest);
  token = g_strconcat (HELPER_PREFIX, workload, "_", digest, NULL);
  sodium_memzero (digest, sizeof digest);
  return token;
}

static TholePrincipal *
find_helper (TholeIdentity *self, const char *token)
{
  const char *id = token + strlen (HELPER_PREFIX), *end = strrchr (id, '_');
  g_autofree char *workload = end != NULL ? g_strndup (id, (gsize) (end - id)) : g_strdup ("");
  gint64 epoch = -1;
  gboolean found = self->accounts != NULL && self->find_helper != NULL && self->find_helper (self->helper_data, workload, &epoch);
  /* also of one that is not there, so that the time does not tell which ones are */
  char *wanted = thole_identity_helper_token (self, workload, epoch);
  gboolean good = strlen (token) == strlen (wanted) && sodium_memcmp (token, wanted, strlen (wanted)) == 0 && found;
  TholePrincipal *principal;

  thole_secret_free (wanted);
  if (!good)
    return NULL;
  principal = principal_new (g_strconcat ("workload:", workload, NULL), FALSE, g_strdup ("workload"));
  principal->workload = g_steal_pointer (&workload);
  return principal;
}

TholePrincipal *
thole_identity_token (TholeIdentity *self, const char *token)
{
  guchar given[DIGEST];

  if (token != NULL && g_str_has_prefix (token, HELPER_PREFIX))
    return find_helper (self, token);
  if (self->accounts != NULL && thole_accounts_count (self->accounts, &thole_user_type) > 0)
    return token != NULL ? find_for (self, token, FALSE) : NULL;
  /* of equal length whatever was given, so that the time tells nothing */
  crypto_generichash (given, sizeof given, (const guchar *) token, token != NULL ? strlen (token) : 0, NULL, 0);
  return sodium_memcmp (given, self->digest, sizeof given) == 0 ? thole_principal_ref (self->bootstrap) : NULL;
}

TholePrincipal *
thole_identity_cookie (TholeIdentity *self, const char *token)
{
  return self->accounts != NULL ? find_for (self, token, TRUE) : NULL;
}

TholePrincipal *
thole_identity_named (TholeIdentity *self, const char *name)
{
  TholeUser *user = self->accounts != NULL ? thole_accounts_user (self->accounts, name) : NULL;

  return user != NULL && !user->disabled ? principal_of (self, user, g_strdup (DEVELOPMENT)) : NULL;
}

TholePrincipal *
thole_identity_of_user (TholeIdentity *self, TholeUser *user)
{
  return principal_of (self, user, g_strdup ("password"));
}

TholePrincipal *
thole_identity_renew (TholeIdentity *self, TholePrincipal *principal)
{
  TholeUser *user;
  gint64 epoch;

  if (principal->workload != NULL)
    return self->find_helper (self->helper_data, principal->workload, &epoch) ? thole_principal_ref (principal) : NULL;
  if (principal->expires_at != 0 && principal->expires_at <= thole_clock_now (self->clock))
    return NULL;
  if (self->accounts == NULL || principal->credential == NULL)
    return thole_principal_ref (principal);
  if (principal->session != NULL)
    return of_session (self, principal->name, g_str_has_prefix (principal->credential, "key ") ? principal->credential + 4 : NULL,
                       principal->session, principal->cookie, principal->expires_at);
  if (g_str_has_prefix (principal->credential, "key "))
    return of_key (self, key_of (self, principal));
  if (strcmp (principal->credential, BOOTSTRAP) == 0)
    return thole_accounts_count (self->accounts, &thole_user_type) == 0 ? thole_principal_ref (principal) : NULL;
  user = thole_accounts_lookup (self->accounts, &thole_user_type, principal->name);
  if (user == NULL ? !g_str_has_prefix (principal->name, "uid:") : user->disabled)
    return NULL;
  /* a uid may have become somebody's, or nobody's */
  if (strcmp (principal->credential, PEER) == 0)
    return thole_identity_peer (self, principal->uid);
  return user != NULL ? principal_of (self, user, g_strdup (principal->credential)) : NULL;
}

/* giving out and taking back ---------------------------------------------------------------------------------- */

gboolean
thole_identity_is_setup (TholeIdentity *self, const char *token)
{
  guchar given[DIGEST], wanted[DIGEST];
  const char *setup = self->setup != NULL ? self->setup : "";

  crypto_generichash (given, sizeof given, (const guchar *) token, strlen (token), NULL, 0);
  crypto_generichash (wanted, sizeof wanted, (const guchar *) setup, strlen (setup), NULL, 0);
  return sodium_memcmp (given, wanted, sizeof given) == 0 && self->setup != NULL;
}

char *
thole_identity_issue (TholeIdentity *self, TholeUser *user, gint64 *expires_at)
{
  gint64 now = thole_clock_now (self->clock) / G_USEC_PER_SEC;
  g_autofree char *random = thole_secret_random (16);
  g_auto (TholeClaims) claims = { .subject = g_strdup (user->id), .email = g_strdup (user->email),
                                  .permissions = thole_accounts_grants (self->accounts, user), .issued = now,
                                  .expires = now + self->token_life / G_USEC_PER_SEC };

  claims.id = g_strdup_printf ("%" G_GINT64_FORMAT ".%s", user->epoch, random);
  *expires_at = claims.expires * G_USEC_PER_SEC;
  return thole_token_sign (self->keys, &claims);
}

/* when a new sign-in of this kind ends, in seconds */
static gint64
new_end (TholeIdentity *self, TholeKey *key, gint64 now)
{
  gint64 end = now + self->token_life / G_USEC_PER_SEC;

  return key != NULL && key->expires_at != 0 ? MIN (end, key->expires_at / G_USEC_PER_SEC) : end;
}

char *
thole_identity_issue_cookie (TholeIdentity *self, const TholePrincipal *principal, gboolean renew, gint64 *expires_at)
{
  TholeUser *user = thole_accounts_lookup (self->accounts, &thole_user_type, principal->name);
  TholeKey *key = key_of (self, principal);
  gboolean same = principal->session != NULL && !renew;
  gint64 now = thole_clock_now (self->clock) / G_USEC_PER_SEC;
  g_autofree char *random = thole_secret_random (16);
  g_auto (TholeClaims) claims = { .issued = now, .cookie = TRUE };

  /* its key or its epoch may have ended since it was looked at: what it said of itself is no more */
  if (g_str_has_prefix (principal->credential != NULL ? principal->credential : "", "key ") && key == NULL)
    return NULL;
  if (user != NULL && principal->session != NULL && epoch_of (principal->session) != user->epoch)
    return NULL;
  /* a peer is who it is by its socket, which no browser has; a name that was only said must not outlive the request */
  if (principal->credential == NULL || strcmp (principal->credential, PEER) == 0 || strcmp (principal->credential, DEVELOPMENT) == 0
      || (user == NULL && strcmp (principal->credential, BOOTSTRAP) != 0))
    return NULL;
  claims.subject = g_strdup (principal->name);
  claims.email = g_strdup (user != NULL ? user->email : "");
  claims.key = key != NULL ? g_strdup (key->id) : NULL;
  claims.id = same ? g_strdup (principal->session)
                   : g_strdup_printf ("%" G_GINT64_FORMAT ".%s", user != NULL ? user->epoch : 0, random);
  claims.expires = same ? principal->expires_at / G_USEC_PER_SEC : new_end (self, key, now);
  *expires_at = claims.expires * G_USEC_PER_SEC;
  return thole_token_sign (self->keys, &claims);
}

char *
thole_identity_csrf (TholeIdentity *self, const TholePrincipal *principal)
{
  g_autofree char *text = principal->cookie ? g_strconcat ("csrf ", principal->session, NULL) : NULL;
  char digest[2 * DIGEST + 1];

  if (text == NULL)
    return NULL;
  digest_key (self, text, digest);
  return g_strdup (digest);
}

gboolean
thole_identity_is_csrf (TholeIdentity *self, const TholePrincipal *principal, const char *text, gsize length)
{
  g_autofree char *wanted = thole_identity_csrf (self, principal);

  return wanted != NULL && length == strlen (wanted) && sodium_memcmp (text, wanted, length) == 0;
}

gboolean
thole_identity_revoke (TholeIdentity *self, TholePrincipal *principal, TholeEdit *edit)
{
  TholeUser *user = thole_accounts_lookup (self->accounts, &thole_user_type, principal->name);
  TholeRevoked *revoked;

  if (principal->session == NULL)
    return FALSE;
  if (thole_accounts_count (self->accounts, &thole_revoked_type) >= MAX_REVOKED)
    {
      /* no more are remembered: then all tokens of this user end */
      TholeUser *next;

      if (user == NULL)
        return FALSE;
      next = thole_record_copy (user);
      next->epoch++;
      thole_edit_replace (edit, next);
      thole_record_unref (next);
      return TRUE;
    }
  revoked = thole_record_new (&thole_revoked_type);
  thole_record_set (&revoked->id, principal->session);
  thole_record_set (&revoked->owner, principal->name);
  revoked->expires_at = principal->expires_at;
  thole_edit_add (edit, revoked);
  thole_record_unref (revoked);
  return TRUE;
}

char *
thole_identity_make_key (TholeIdentity *self, TholeKey *key)
{
  g_autofree char *random = thole_secret_random (TOKEN_BYTES);
  char *text = g_strconcat (KEY_PREFIX, random, NULL);
  g_autofree char *hint = g_strndup (text, KEY_HINT);
  char digest[2 * DIGEST + 1];

  digest_key (self, text, digest);
  thole_record_set (&key->digest, digest);
  thole_record_set (&key->hint, hint);
  return text;
}
