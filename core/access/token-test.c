/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: AU-02 AU-03 AU-04 AU-15
 */
#include "access/token.h"

#include <sodium.h>
#include <string.h>

#include "access/permission.h"
#include "thole-error.h"

#define NOW 1800000000
#define KEY "0123456789012345678901234567890123456789"
#define OTHER "abcdefghijabcdefghijabcdefghijabcdefghij"
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

static TholeTokenKeys *
keys (const char *text)
{
  g_autoptr (GError) error = NULL;
  TholeTokenKeys *self = thole_token_keys_new (text, "keys", FALSE, &error);

  g_assert_no_error (error);
  return self;
}

static char *
sign (TholeTokenKeys *self, gint64 issued, gint64 expires)
{
  const char *permissions[] = { "workload.*", "*.read", NULL };
  TholeClaims claims = { .subject = (char *) "us-1", .email = (char *) "a@b.c", .permissions = (char **) permissions,
                         .id = (char *) "0.x", .issued = issued, .expires = expires };

  return thole_token_sign (self, &claims);
}

static gboolean
good (TholeTokenKeys *self, const char *token, gint64 now)
{
  g_auto (TholeClaims) claims = { NULL };

  return thole_token_verify (self, token, now, &claims);
}

/* header and payload as given, signed with @key */
static char *
forge (const char *key, const char *header, const char *payload)
{
  char a[512], b[512], c[128];
  guchar mac[crypto_auth_hmacsha256_BYTES];
  crypto_auth_hmacsha256_state state;
  g_autofree char *head = NULL;

  sodium_bin2base64 (a, sizeof a, (const guchar *) header, strlen (header), VARIANT);
  sodium_bin2base64 (b, sizeof b, (const guchar *) payload, strlen (payload), VARIANT);
  head = g_strconcat (a, ".", b, NULL);
  crypto_auth_hmacsha256_init (&state, (const guchar *) key, strlen (key));
  crypto_auth_hmacsha256_update (&state, (const guchar *) head, strlen (head));
  crypto_auth_hmacsha256_final (&state, mac);
  sodium_bin2base64 (c, sizeof c, mac, sizeof mac, VARIANT);
  return g_strconcat (head, ".", c, NULL);
}

static void
test_claims (void)
{
  TholeTokenKeys *self = keys (KEY);
  g_autofree char *token = sign (self, NOW, NOW + 86400);
  g_auto (TholeClaims) claims = { NULL };

  g_assert_true (thole_token_verify (self, token, NOW, &claims));
  g_assert_cmpstr (claims.subject, ==, "us-1");
  g_assert_cmpstr (claims.email, ==, "a@b.c");
  g_assert_cmpstr (claims.id, ==, "0.x");
  g_assert_cmpint (claims.expires - claims.issued, ==, 86400);
  g_assert_cmpstr (claims.permissions[1], ==, "*.read");
  g_assert_true (good (self, token, NOW + 86399));
  g_assert_false (good (self, token, NOW + 86400));
  /* from the future */
  g_assert_false (good (self, token, NOW - 3600));
  thole_token_keys_free (self);
}

static void
test_rotation (void)
{
  TholeTokenKeys *old = keys (KEY "\n"), *both = keys (OTHER "\n" KEY), *new = keys (OTHER);
  g_autofree char *before = sign (old, NOW, NOW + 60), *after = sign (both, NOW, NOW + 60);

  g_assert_true (good (both, before, NOW));
  g_assert_true (good (both, after, NOW));
  g_assert_false (good (new, before, NOW));
  g_assert_true (good (new, after, NOW));
  g_assert_false (good (old, after, NOW));
  thole_token_keys_free (old);
  thole_token_keys_free (both);
  thole_token_keys_free (new);
}

static void
test_keys (void)
{
  g_autoptr (GError) error = NULL;
  TholeTokenKeys *weak;

  g_assert_null (thole_token_keys_new ("123456789012345678901234", "file", FALSE, &error));
  g_assert_nonnull (strstr (error->message, "file: has a key of less than 25 characters"));
  g_clear_error (&error);
  g_assert_null (thole_token_keys_new ("\n", "file", FALSE, &error));
  g_clear_error (&error);
  g_assert_null (thole_token_keys_new (KEY "\n" KEY "\n" KEY, "file", FALSE, &error));
  weak = thole_token_keys_new ("short", "file", TRUE, NULL);
  g_assert_nonnull (weak);
  g_assert_true (thole_token_keys_weak (weak));
  thole_token_keys_free (weak);
}

static void
test_forged (void)
{
  static const char payload[] = "{\"sub\":\"us-1\",\"jti\":\"0.x\",\"iat\":1800000000,\"exp\":1800000060}";
  static const struct { const char *header, *payload; gboolean good; } cases[] = {
    { "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", payload, TRUE },
    { "{\"alg\":\"HS256\"}", payload, TRUE },
    { "{\"alg\":\"none\"}", payload },
    { "{\"alg\":\"HS512\"}", payload },
    { "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", payload },
    { "{\"alg\":\"hs256\"}", payload },
    { "{\"alg\":[\"HS256\"]}", payload },
    { "{\"alg\":\"HS256\",\"alg\":\"none\"}", payload },
    { "{\"alg\":\"HS256\",\"crit\":[\"x\"]}", payload },
    { "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}", payload },
    { "{}", payload },
    { "[]", payload },
    { "", payload },
    { "{\"alg\":\"HS256\"}", "{}" },
    { "{\"alg\":\"HS256\"}", "" },
    { "{\"alg\":\"HS256\"}", "[1]" },
    { "{\"alg\":\"HS256\"}", "{\"sub\":\"us-1\",\"jti\":\"0.x\",\"exp\":1800000060}" },
    { "{\"alg\":\"HS256\"}", "{\"sub\":\"us-1\",\"jti\":\"0.x\",\"iat\":1800000000}" },
    { "{\"alg\":\"HS256\"}", "{\"sub\":\"us-1\",\"jti\":\"0.x\",\"iat\":1800000000,\"exp\":\"1900000000\"}" },
    { "{\"alg\":\"HS256\"}", "{\"sub\":\"us-1\",\"jti\":\"0.x\",\"iat\":1800003600,\"exp\":1900000000}" },
    { "{\"alg\":\"HS256\"}", "{\"jti\":\"0.x\",\"iat\":1800000000,\"exp\":1800000060}" },
  };
  TholeTokenKeys *self = keys (KEY);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *token = forge (KEY, cases[i].header, cases[i].payload);
      g_autofree char *foreign = forge (OTHER, cases[i].header, cases[i].payload);

      g_assert_cmpint (good (self, token, NOW), ==, cases[i].good);
      g_assert_false (good (self, foreign, NOW));
    }
  thole_token_keys_free (self);
}

/* one character changed, taken out or put in; other parts; noise */
static void
test_mutated (void)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=";
  TholeTokenKeys *self = keys (KEY);
  g_autofree char *token = sign (self, NOW, NOW + 60);
  gsize length = strlen (token);

  for (guint i = 0; i < 10000; i++)
    {
      g_autoptr (GString) changed = g_string_new (token);
      gssize at = g_test_rand_int_range (0, (gint32) length);
      char letter = alphabet[g_test_rand_int_range (0, (gint32) sizeof alphabet - 1)];

      switch (i % 5)
        {
        case 0:
          changed->str[at] = letter;
          break;
        case 1:
          g_string_erase (changed, at, 1);
          break;
        case 2:
          g_string_insert_c (changed, at, letter);
          break;
        case 3:
          g_string_truncate (changed, (gsize) at);
          break;
        default:
          for (gsize j = 0; j < length; j++)
            changed->str[j] = alphabet[g_test_rand_int_range (0, (gint32) sizeof alphabet - 1)];
          break;
        }
      g_assert_true (strcmp (changed->str, token) == 0 || !good (self, changed->str, NOW));
    }
  thole_token_keys_free (self);
}

static void
test_permissions (void)
{
  g_assert_true (thole_permission_valid ("*"));
  g_assert_true (thole_permission_valid ("workload.create"));
  g_assert_true (thole_permission_valid ("workload.*"));
  g_assert_true (thole_permission_valid ("*.read"));
  g_assert_false (thole_permission_valid ("workload"));
  g_assert_false (thole_permission_valid ("workload."));
  g_assert_false (thole_permission_valid (".read"));
  g_assert_false (thole_permission_valid ("Workload.read"));
  g_assert_false (thole_permission_valid ("a.b.c"));
  g_assert_false (thole_permission_valid ("work*.read"));
  g_assert_true (thole_permission_matches ("*", "workload.read"));
  g_assert_true (thole_permission_matches ("workload.*", "workload.read"));
  g_assert_true (thole_permission_matches ("*.read", "workload.read"));
  g_assert_true (thole_permission_matches ("workload.read", "workload.read"));
  g_assert_false (thole_permission_matches ("workload.read", "workload.reader"));
  g_assert_false (thole_permission_matches ("work.read", "workload.read"));
  g_assert_false (thole_permission_matches ("workload.*", "work.read"));
  g_assert_false (thole_permission_matches ("*.read", "workload.create"));
  for (const TholeBuiltinRole *role = thole_builtin_roles; role->name != NULL; role++)
    for (guint i = 0; role->permissions[i] != NULL; i++)
      g_assert_true (thole_permission_valid (role->permissions[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (sodium_init (), >=, 0);
  g_test_add_func ("/token/claims", test_claims);
  g_test_add_func ("/token/rotation", test_rotation);
  g_test_add_func ("/token/keys", test_keys);
  g_test_add_func ("/token/forged", test_forged);
  g_test_add_func ("/token/mutated", test_mutated);
  g_test_add_func ("/token/permissions", test_permissions);
  return g_test_run ();
}
