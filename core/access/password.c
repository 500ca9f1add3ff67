/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/password.h"

#include <sodium.h>
#include <string.h>

#include "access/secret-file.h"
#include "thole-error.h"

#define MAX_WAITING 32
#define OPERATIONS crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE
#define MEMORY crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE

/* of a password that nobody has kept, with the same cost as those of users: for names that nobody has */
static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$CvmDbSMi32tW3h8BUWdc8w$M0eIo/OZ7ChDW5nsKG53Png8oPek2JtKCh8vAvhRi8c";

struct _TholePasswords
{
  GThreadPool *pool;
  gint waiting; /* atomic: pushed and not begun */
  gint hashed;  /* atomic */
};

typedef struct
{
  char *password;
  char *hash;    /* (nullable) */
  gboolean verify;
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;

  thole_secret_free (job->password);
  g_free (job->hash);
  g_free (job);
}

static void
work (gpointer data, gpointer user_data)
{
  g_autoptr (GTask) task = data;
  Job *job = g_task_get_task_data (task);
  TholePasswords *self = user_data;
  char made[crypto_pwhash_STRBYTES];

  g_atomic_int_dec_and_test (&self->waiting);
  g_atomic_int_inc (&self->hashed);
  if (job->verify)
    {
      const char *hash = job->hash != NULL ? job->hash : nobody;
      gboolean right = crypto_pwhash_str_verify (hash, job->password, strlen (job->password)) == 0;

      g_task_return_boolean (task, right && job->hash != NULL);
    }
  else if (crypto_pwhash_str_alg (made, job->password, strlen (job->password), OPERATIONS, MEMORY, crypto_pwhash_ALG_ARGON2ID13) == 0)
    g_task_return_pointer (task, g_strdup (made), g_free);
  else
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_OVERLOADED, "not enough memory to hash a password");
}

guint
thole_passwords_hashed (TholePasswords *self)
{
  return (guint) g_atomic_int_get (&self->hashed);
}

const char *
thole_passwords_nobody (void)
{
  return nobody;
}

TholePasswords *
thole_passwords_new (void)
{
  TholePasswords *self = g_new0 (TholePasswords, 1);

  self->pool = g_thread_pool_new (work, self, 1, FALSE, NULL);
  return self;
}

void
thole_passwords_free (TholePasswords *self)
{
  g_thread_pool_free (self->pool, FALSE, TRUE);
  g_free (self);
}

static void
push (TholePasswords *self, const char *password, const char *hash, gboolean verify, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  Job *job = g_new0 (Job, 1);

  job->password = g_strdup (password);
  job->hash = g_strdup (hash);
  job->verify = verify;
  g_task_set_task_data (task, job, job_free);
  if (g_atomic_int_get (&self->waiting) < MAX_WAITING)
    {
      g_atomic_int_inc (&self->waiting);
      g_thread_pool_push (self->pool, task, NULL);
      return;
    }
  g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_OVERLOADED, "too many passwords wait to be checked");
  g_object_unref (task);
}

void
thole_passwords_hash_async (TholePasswords *self, const char *password, GAsyncReadyCallback callback, gpointer user_data)
{
  push (self, password, NULL, FALSE, callback, user_data);
}

char *
thole_passwords_hash_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
thole_passwords_verify_async (TholePasswords *self, const char *password, const char *hash, GAsyncReadyCallback callback,
                              gpointer user_data)
{
  push (self, password, hash, TRUE, callback, user_data);
}

gboolean
thole_passwords_verify_finish (GAsyncResult *result, gboolean *right, GError **error)
{
  g_autoptr (GError) fault = NULL;
  gboolean answer = g_task_propagate_boolean (G_TASK (result), &fault);

  if (fault != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&fault));
      return FALSE;
    }
  *right = answer;
  return TRUE;
}
