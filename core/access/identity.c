/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thole-error.h"

#define TOKEN_BYTES 32
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define TOKEN_LENGTH (sodium_base64_ENCODED_LEN (TOKEN_BYTES, VARIANT) - 1)

struct _TholeIdentity
{
  guchar digest[crypto_generichash_BYTES];
  TholePrincipal *bootstrap;
};

/* principals -------------------------------------------------------------------------------------------------- */

static TholePrincipal *
principal_new (char *name, gboolean admin)
{
  TholePrincipal *principal = g_new0 (TholePrincipal, 1);

  principal->ref_count = 1;
  principal->name = name;
  principal->admin = admin;
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
  g_free (principal);
}

/* the bootstrap token ----------------------------------------------------------------------------------------- */

static gboolean
fail (const char *file, const char *what, int number, GError **error)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s%s%s", file, what, number != 0 ? ": " : "",
               number != 0 ? g_strerror (number) : "");
  return FALSE;
}

static gboolean
write_all (int fd, const char *text, gsize length)
{
  while (length > 0)
    {
      gssize written = write (fd, text, length);

      if (written < 0 && errno != EINTR)
        return FALSE;
      text += MAX (written, 0);
      length -= (gsize) MAX (written, 0);
    }
  return fsync (fd) == 0;
}

/* Makes it beside its place and links it there, so that nobody ever sees half a token, and of two daemons one wins. */
static gboolean
make_token (const char *file, GError **error)
{
  g_autofree char *draft = g_strconcat (file, ".XXXXXX", NULL);
  guchar bytes[TOKEN_BYTES];
  char text[TOKEN_LENGTH + 1];
  int fd = g_mkstemp_full (draft, O_WRONLY | O_CLOEXEC, 0600), number = 0;

  if (fd < 0)
    return fail (file, "cannot be made", errno, error);
  randombytes_buf (bytes, sizeof bytes);
  sodium_bin2base64 (text, sizeof text, bytes, sizeof bytes, VARIANT);
  sodium_memzero (bytes, sizeof bytes);
  text[TOKEN_LENGTH] = '\n';
  if (!write_all (fd, text, sizeof text) || (link (draft, file) != 0 && errno != EEXIST))
    number = errno;
  sodium_memzero (text, sizeof text);
  close (fd);
  unlink (draft);
  return number == 0 || fail (file, "cannot be made", number, error);
}

/* FALSE with @error unset when there is no file */
static gboolean
read_token (TholeIdentity *self, const char *file, GError **error)
{
  char text[TOKEN_LENGTH + 2];
  guchar bytes[TOKEN_BYTES];
  struct stat status;
  gsize length, decoded;
  gssize got;
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  if (fd < 0)
    return errno == ENOENT ? FALSE : fail (file, "cannot be read", errno, error);
  got = fstat (fd, &status) == 0 ? read (fd, text, sizeof text) : -1;
  close (fd);
  if (got < 0)
    return fail (file, "cannot be read", errno, error);
  if (!S_ISREG (status.st_mode) || (status.st_mode & 077) != 0)
    return fail (file, "must be a file with mode 0600, which nobody else may read", 0, error);
  if (status.st_uid != geteuid () && status.st_uid != 0)
    return fail (file, "belongs to somebody else", 0, error);
  length = (gsize) got - (got > 0 && text[got - 1] == '\n');
  if (length != TOKEN_LENGTH
      || sodium_base642bin (bytes, sizeof bytes, text, length, NULL, &decoded, NULL, VARIANT) != 0 || decoded != TOKEN_BYTES)
    return fail (file, "holds no token; remove it, and the daemon makes a new one", 0, error);
  crypto_generichash (self->digest, sizeof self->digest, (const guchar *) text, TOKEN_LENGTH, NULL, 0);
  sodium_memzero (text, sizeof text);
  sodium_memzero (bytes, sizeof bytes);
  return TRUE;
}

TholeIdentity *
thole_identity_new (const char *token_file, GError **error)
{
  TholeIdentity *self;
  GError *failure = NULL;
  gboolean found;

  if (sodium_init () < 0)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INTERNAL, "no random numbers");
      return NULL;
    }
  self = g_new0 (TholeIdentity, 1);
  self->bootstrap = principal_new (g_strdup ("bootstrap"), TRUE);
  found = read_token (self, token_file, &failure);
  if (!found && failure == NULL && make_token (token_file, &failure))
    found = read_token (self, token_file, &failure);
  if (found)
    return self;
  if (failure == NULL)
    fail (token_file, "vanished", 0, &failure);
  g_propagate_error (error, failure);
  thole_identity_free (self);
  return NULL;
}

void
thole_identity_free (TholeIdentity *self)
{
  thole_principal_unref (self->bootstrap);
  g_free (self);
}

TholePrincipal *
thole_identity_peer (TholeIdentity *self, uid_t uid)
{
  return principal_new (g_strdup_printf ("uid:%u", (guint) uid), uid == 0 || uid == geteuid ());
}

TholePrincipal *
thole_identity_token (TholeIdentity *self, const char *token)
{
  guchar given[crypto_generichash_BYTES];

  /* of equal length whatever was given, so that the time tells nothing */
  crypto_generichash (given, sizeof given, (const guchar *) token, token != NULL ? strlen (token) : 0, NULL, 0);
  return sodium_memcmp (given, self->digest, sizeof given) == 0 ? thole_principal_ref (self->bootstrap) : NULL;
}
