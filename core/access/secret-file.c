/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/secret-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/service.h"
#include "thole-error.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define MAX_RANDOM 64
#define MIN_KEY 32      /* characters */

static gboolean
fail (const char *file, const char *what, int number, GError **error)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s%s%s", file, what, number != 0 ? ": " : "",
               number != 0 ? g_strerror (number) : "");
  return FALSE;
}

void
thole_secret_free (char *text)
{
  if (text != NULL)
    sodium_memzero (text, strlen (text));
  g_free (text);
}

char *
thole_secret_random (gsize bytes)
{
  guchar random[MAX_RANDOM];
  gsize size = sodium_base64_ENCODED_LEN (bytes, VARIANT);
  char *text = g_malloc (size);

  g_return_val_if_fail (bytes <= sizeof random, NULL);
  randombytes_buf (random, bytes);
  sodium_bin2base64 (text, size, random, bytes, VARIANT);
  sodium_memzero (random, sizeof random);
  return text;
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

gboolean
thole_secret_file_make (const char *file, const char *text, GError **error)
{
  g_autofree char *draft = g_strconcat (file, ".XXXXXX", NULL);
  int fd = g_mkstemp_full (draft, O_WRONLY | O_CLOEXEC, 0600), number = 0;

  if (fd < 0)
    return fail (file, "cannot be made", errno, error);
  if (!write_all (fd, text, strlen (text)) || (link (draft, file) != 0 && errno != EEXIST))
    number = errno;
  close (fd);
  unlink (draft);
  return number == 0 || fail (file, "cannot be made", number, error);
}

char *
thole_secret_file_read (const char *file, GError **error)
{
  char text[THOLE_SECRET_FILE_MAX + 1];
  struct stat status;
  char *copy = NULL;
  mode_t others = thole_credential_is (file) ? 037 : 077;
  gssize got;
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  if (fd < 0)
    {
      if (errno != ENOENT)
        fail (file, "cannot be read", errno, error);
      return NULL;
    }
  got = fstat (fd, &status) == 0 ? read (fd, text, sizeof text) : -1;
  if (got < 0)
    fail (file, "cannot be read", errno, error);
  else if (!S_ISREG (status.st_mode) || (status.st_mode & others) != 0)
    fail (file, "must be a file with mode 0600, which nobody else may read", 0, error);
  else if (status.st_uid != geteuid () && status.st_uid != 0)
    fail (file, "belongs to somebody else", 0, error);
  else if ((gsize) got == sizeof text)
    fail (file, "is too large", 0, error);
  else
    copy = g_strndup (text, (gsize) got);
  close (fd);
  sodium_memzero (text, sizeof text);
  return copy;
}

char *
thole_secret_file_have (const char *file, char *(*make) (void), GError **error)
{
  GError *failure = NULL;
  char *text = thole_secret_file_read (file, &failure);

  if (text == NULL && failure == NULL)
    {
      char *made = make ();

      if (thole_secret_file_make (file, made, &failure))
        text = thole_secret_file_read (file, &failure);
      thole_secret_free (made);
    }
  if (text == NULL && failure == NULL)
    fail (file, "vanished", 0, &failure);
  if (failure != NULL)
    g_propagate_error (error, failure);
  return text;
}

static char *
make_key (void)
{
  g_autofree char *key = thole_secret_random (32);

  return g_strconcat (key, "\n", NULL);
}

char *
thole_secret_file_place (const char *folder, const char *name)
{
  char *credential = thole_credential (name);

  return credential != NULL ? credential : g_build_filename (folder, name, NULL);
}

gboolean
thole_secret_file_key (const char *folder, const char *name, guchar *key, gsize size, GError **error)
{
  g_autofree char *file = thole_secret_file_place (folder, name);
  char *text = thole_secret_file_have (file, make_key, error);
  gboolean good;

  if (text == NULL)
    return FALSE;
  g_strchomp (text);
  good = strlen (text) >= MIN_KEY;
  if (good)
    crypto_generichash (key, size, (const guchar *) text, strlen (text), NULL, 0);
  else
    fail (file, "holds no key", 0, error);
  thole_secret_free (text);
  return good;
}
