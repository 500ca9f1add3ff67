/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "context.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyring.h"
#include "password.h"

#define GROUP "context "
#define MAX_NAME 64

CliContext *
cli_context_new (const char *name, const char *url, const char *authority)
{
  CliContext *self = g_new0 (CliContext, 1);

  self->name = g_strdup (name);
  self->url = g_strdup (url);
  self->authority = authority != NULL && *authority != '\0' ? g_canonicalize_filename (authority, NULL) : NULL;
  return self;
}

void
cli_context_free (CliContext *self)
{
  g_free (self->name);
  g_free (self->url);
  g_free (self->authority);
  g_free (self->credential);
  g_free (self);
}

gboolean
cli_context_valid (const char *name, GError **error)
{
  gboolean valid = g_ascii_isalnum (*name) && strlen (name) <= MAX_NAME;

  for (const char *c = name; *c != '\0'; c++)
    valid = valid && (g_ascii_isalnum (*c) || strchr (".-_", *c) != NULL);
  if (!valid)
    g_set_error (error, CLI_ERROR, CLI_USAGE, _("“%s” is not a name for a context: letters, digits, and .-_ within it"), name);
  return valid;
}

/* the file -------------------------------------------------------------------------------------------------- */

static char *
file_path (void)
{
  return g_build_filename (g_get_user_config_dir (), "thole", "contexts", NULL);
}

/* Returns: (transfer full): empty when there is no file */
static GKeyFile *
read_file (GError **error)
{
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autofree char *path = file_path ();
  g_autoptr(GError) wrong = NULL;

  if (g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &wrong) || g_error_matches (wrong, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return g_steal_pointer (&file);
  g_set_error (error, CLI_ERROR, CLI_USAGE, "%s: %s", path, wrong->message);
  return NULL;
}

/* whole or not at all, and for nobody else; @folder is made */
static gboolean
write_private (const char *path, const char *text, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr(GError) wrong = NULL;

  if (g_mkdir_with_parents (folder, 0700) != 0)
    g_set_error_literal (&wrong, G_FILE_ERROR, 0, g_strerror (errno));
  else if (g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &wrong))
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_FAILED, "%s: %s", path, wrong->message);
  return FALSE;
}

static gboolean
write_file (GKeyFile *file, GError **error)
{
  g_autofree char *path = file_path ();
  g_autofree char *text = g_key_file_to_data (file, NULL, NULL);

  return write_private (path, text, error);
}

static char *
current_of (GKeyFile *file)
{
  return g_key_file_get_string (file, "contexts", "current", NULL);
}

static void
set_or_remove (GKeyFile *file, const char *group, const char *key, const char *value)
{
  if (value != NULL)
    g_key_file_set_string (file, group, key, value);
  else
    g_key_file_remove_key (file, group, key, NULL);
}

CliContext *
cli_context_load (const char *name, GError **error)
{
  g_autoptr(GKeyFile) file = read_file (error);
  g_autofree char *current = file != NULL && name == NULL ? current_of (file) : NULL;
  const char *wanted = name != NULL ? name : current;
  g_autofree char *group = g_strconcat (GROUP, wanted, NULL);
  g_autoptr(CliContext) self = NULL;

  if (file == NULL || wanted == NULL || !cli_context_valid (wanted, error))
    return NULL;
  self = g_new0 (CliContext, 1);
  self->name = g_strdup (wanted);
  self->url = g_key_file_get_string (file, group, "url", NULL);
  self->authority = g_key_file_get_string (file, group, "authority", NULL);
  self->credential = g_key_file_get_string (file, group, "credential", NULL);
  if (self->url != NULL)
    return g_steal_pointer (&self);
  g_set_error (error, CLI_ERROR, CLI_NOT_FOUND, _("there is no context “%s”"), wanted);
  return NULL;
}

char **
cli_context_names (GError **error)
{
  g_autoptr(GKeyFile) file = read_file (error);
  g_auto(GStrv) groups = file != NULL ? g_key_file_get_groups (file, NULL) : NULL;
  g_autoptr(GPtrArray) names = g_ptr_array_new ();

  if (file == NULL)
    return NULL;
  for (char **group = groups; *group != NULL; group++)
    if (g_str_has_prefix (*group, GROUP))
      g_ptr_array_add (names, g_strdup (*group + strlen (GROUP)));
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_steal (names, NULL);
}

char *
cli_context_current (void)
{
  g_autoptr(GKeyFile) file = read_file (NULL);

  return file != NULL ? current_of (file) : NULL;
}

gboolean
cli_context_save (const CliContext *self, GError **error)
{
  g_autoptr(GKeyFile) file = read_file (error);
  g_autofree char *group = g_strconcat (GROUP, self->name, NULL);

  if (file == NULL)
    return FALSE;
  g_key_file_set_string (file, group, "url", self->url);
  set_or_remove (file, group, "authority", self->authority);
  set_or_remove (file, group, "credential", self->credential);
  return write_file (file, error);
}

gboolean
cli_context_use (const char *name, GError **error)
{
  g_autoptr(CliContext) context = cli_context_load (name, error);
  g_autoptr(GKeyFile) file = context != NULL ? read_file (error) : NULL;

  if (file == NULL)
    return FALSE;
  g_key_file_set_string (file, "contexts", "current", name);
  return write_file (file, error);
}

gboolean
cli_context_remove (CliContext *self, GError **error)
{
  g_autoptr(GKeyFile) file = read_file (error);
  g_autofree char *group = g_strconcat (GROUP, self->name, NULL);
  g_autofree char *current = file != NULL ? current_of (file) : NULL;

  if (file == NULL)
    return FALSE;
  cli_context_forget (self);
  g_key_file_remove_group (file, group, NULL);
  if (g_strcmp0 (current, self->name) == 0)
    g_key_file_remove_key (file, "contexts", "current", NULL);
  return write_file (file, error);
}

/* tokens ---------------------------------------------------------------------------------------------------- */

static char *
token_path (const CliContext *self)
{
  return g_build_filename (g_get_user_state_dir (), "thole", "tokens", self->name, NULL);
}

gboolean
cli_context_keep (CliContext *self, const char *token, GError **error)
{
  g_autofree char *path = token_path (self);
  gboolean keyring = cli_keyring_store (self->name, token);

  if (!keyring && !write_private (path, token, error))
    return FALSE;
  if (keyring)
    g_unlink (path);
  g_free (self->credential);
  self->credential = g_strdup (keyring ? "keyring" : "file");
  return TRUE;
}

void
cli_context_forget (CliContext *self)
{
  g_autofree char *path = token_path (self);

  if (g_strcmp0 (self->credential, "keyring") == 0)
    cli_keyring_clear (self->name);
  g_unlink (path);
  g_clear_pointer (&self->credential, g_free);
}

static char *
read_token_file (const CliContext *self, GError **error)
{
  g_autofree char *path = token_path (self);
  g_autoptr(GError) wrong = NULL;
  char *text = NULL;
  struct stat status;

  if (stat (path, &status) == 0 && (status.st_mode & 077) != 0)
    g_set_error (error, CLI_ERROR, CLI_USAGE, _("%s can be read by others: it is not used"), path);
  else if (g_file_get_contents (path, &text, NULL, &wrong))
    return g_strstrip (text);
  else
    g_set_error (error, CLI_ERROR, CLI_USAGE, "%s: %s", path, wrong->message);
  return NULL;
}

char *
cli_context_token (const CliContext *self, GError **error)
{
  char *token;

  if (self->credential == NULL)
    return NULL;
  if (strcmp (self->credential, "keyring") != 0)
    return read_token_file (self, error);
  token = cli_keyring_lookup (self->name);
  if (token == NULL)
    g_set_error (error, CLI_ERROR, CLI_DENIED, _("the keyring does not give the token of the context “%s”"), self->name);
  return token;
}
