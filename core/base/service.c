/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/service.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/notify.h"

#define FIRST 3          /* descriptors are handed over from here on */
#define MAX_INHERITED 64
#define MAX_WATCHDOG (G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC)

/* TRUE when @variable is not set, or names this process */
static gboolean
is_for_us (const char *variable, gboolean must)
{
  const char *text = g_getenv (variable);
  guint64 pid = 0;

  if (text == NULL)
    return !must;
  return g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT, &pid, NULL) && pid == (guint64) getpid ();
}

static void
inherited_free (gpointer data)
{
  TholeInherited *self = data;

  if (self->fd >= 0)
    close (self->fd);
  g_free (self->name);
  g_free (self);
}

GPtrArray *
thole_inherited_take (void)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (inherited_free);
  const char *text = g_getenv ("LISTEN_FDS"), *listed = g_getenv ("LISTEN_FDNAMES");
  g_auto (GStrv) names = g_strsplit (listed != NULL ? listed : "", ":", MAX_INHERITED + 1);
  guint n_names = g_strv_length (names);
  guint64 count = 0;

  if (text == NULL || !is_for_us ("LISTEN_PID", TRUE) ||
      !g_ascii_string_to_unsigned (text, 10, 0, MAX_INHERITED, &count, NULL))
    count = 0;
  for (guint i = 0; i < count; i++)
    {
      TholeInherited *one = g_new0 (TholeInherited, 1);

      one->fd = FIRST + (int) i;
      one->name = g_strdup (i < n_names && names[i][0] != '\0' ? names[i] : "unknown");
      fcntl (one->fd, F_SETFD, FD_CLOEXEC);
      g_ptr_array_add (all, one);
    }
  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  return all;
}

char *
thole_credential (const char *name)
{
  const char *folder = g_getenv ("CREDENTIALS_DIRECTORY");
  g_autofree char *file = folder != NULL && folder[0] == '/' ? g_build_filename (folder, name, NULL) : NULL;

  return file != NULL && g_file_test (file, G_FILE_TEST_EXISTS) ? g_steal_pointer (&file) : NULL;
}

gboolean
thole_credential_is (const char *file)
{
  const char *folder = g_getenv ("CREDENTIALS_DIRECTORY");
  g_autofree char *parent = g_path_get_dirname (file);

  return folder != NULL && folder[0] == '/' && strcmp (parent, folder) == 0;
}

char *
thole_service_folder (const char *kind)
{
  g_autofree char *variable = g_strconcat (kind, "_DIRECTORY", NULL);
  const char *listed = g_getenv (variable);
  const char *end = listed != NULL ? strchrnul (listed, ':') : NULL;

  /* the first of several is the one that bears the service's name */
  return listed != NULL && listed[0] == '/' ? g_strndup (listed, (gsize) (end - listed)) : NULL;
}

static gboolean
on_alive (gpointer user_data)
{
  thole_notify ("WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

GSource *
thole_watchdog_new (GMainContext *context)
{
  const char *text = g_getenv ("WATCHDOG_USEC");
  guint64 period = 0;
  GSource *source;

  if (text == NULL || !is_for_us ("WATCHDOG_PID", FALSE) ||
      !g_ascii_string_to_unsigned (text, 10, 1, MAX_WATCHDOG, &period, NULL))
    return NULL;
  source = g_timeout_source_new ((guint) MAX (period / 2 / 1000, 1));
  /* a loop that is busy with work but turns is alive */
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, on_alive, NULL, NULL);
  g_source_attach (source, context);
  return source;
}
