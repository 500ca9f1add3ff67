/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "config.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "thole-dict.h"
#include "thole-error.h"

#define INSTANCE_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"
#define LOG_SIZE_MIN (64 * 1024)
#define LOG_SIZE_DEFAULT (256 * 1024 * 1024)
#define SCRATCH_MIN (64 * 1024)
#define SCRATCH_DEFAULT ((gint64) 1024 * 1024 * 1024)
#define ROOTS_MAX 64

void
local_config_free (LocalConfig *self)
{
  g_free (self->instance);
  g_free (self->runtime_dir);
  g_free (self->state_dir);
  g_free (self->runner);
  g_free (self->cgroup_parent);
  g_strfreev (self->roots);
  g_free (self);
}

static void
complain (GString *problems, const char *key, const char *text)
{
  g_string_append_printf (problems, "%s%s: %s", problems->len > 0 ? "; " : "", key, text);
}

/* Who is not root can be nobody else. */
static void
read_user (LocalConfig *self, const char *name, GString *problems)
{
  struct passwd *found;

  self->uid = self->gid = -1;
  if (geteuid () != 0 && name[0] == '\0')
    return;
  found = getpwnam (name[0] != '\0' ? name : "nobody");
  if (found == NULL)
    complain (problems, "run_as", "there is no such user");
  else if (geteuid () != 0 && found->pw_uid != geteuid ())
    complain (problems, "run_as", "only root can start programs as another user");
  else if (geteuid () == 0 && found->pw_uid != 0)
    {
      self->uid = found->pw_uid;
      self->gid = found->pw_gid;
    }
}

static void
read_roots (LocalConfig *self, const char *text, GString *problems)
{
  self->roots = g_strsplit_set (text, ";,", ROOTS_MAX);
  for (guint i = 0; self->roots[i] != NULL; i++)
    if (g_strstrip (self->roots[i])[0] != '/' && self->roots[i][0] != '\0')
      complain (problems, "roots", "must be absolute paths");
}

LocalConfig *
local_config_new (GVariant *config, GError **error)
{
  g_autoptr(LocalConfig) self = g_new0 (LocalConfig, 1);
  g_autoptr(GString) problems = g_string_new (NULL);
  const struct { const char *key, *fallback; char **field; } paths[] = {
    { "runtime_dir", "", &self->runtime_dir },
    { "state_dir", "", &self->state_dir },
    { "runner", THOLE_LIBEXECDIR "/thole-sandbox", &self->runner },
    { "cgroup_parent", "/thole", &self->cgroup_parent },
  };

  self->instance = g_strdup (thole_dict_string (config, "instance", ""));
  if (strlen (self->instance) < 8 || strspn (self->instance, INSTANCE_CHARACTERS) != strlen (self->instance))
    complain (problems, "instance", "must be a uuid");
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      *paths[i].field = g_strdup (thole_dict_string (config, paths[i].key, paths[i].fallback));
      if ((*paths[i].field)[0] != '/')
        complain (problems, paths[i].key, "must be an absolute path");
    }
  read_user (self, thole_dict_string (config, "run_as", ""), problems);
  read_roots (self, thole_dict_string (config, "roots", ""), problems);
  self->scratch = thole_dict_int (config, "scratch", SCRATCH_DEFAULT);
  if (self->scratch < SCRATCH_MIN)
    complain (problems, "scratch", "must be at least 64KiB");
  self->log_max_size = thole_dict_int (config, "log_max_size", LOG_SIZE_DEFAULT);
  if (self->log_max_size < LOG_SIZE_MIN)
    complain (problems, "log_max_size", "must be at least 64KiB");
  if (problems->len > 0)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, problems->str);
      return NULL;
    }
  return g_steal_pointer (&self);
}
