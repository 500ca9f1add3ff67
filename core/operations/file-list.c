/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/file-list.h"

#include "operations/verb.h"

#include <string.h>

/* An archive has all that is below, so a list costs what the folder holds: there is a bound for it. */
#define MOST_BYTES (G_GUINT64_CONSTANT (1) << 30)
#define MOST_NAMES 10000
#define MOST_TEXT (8 << 20)
#define MOST_TIME (300 * G_USEC_PER_SEC)

typedef struct
{
  TholeCall *call;
  GString *json;
  char *prefix; /* of names right in the folder */
  guint n;
} List;

static void
list_free (List *self)
{
  if (self->json != NULL)
    g_string_free (self->json, TRUE);
  g_free (self->prefix);
  g_free (self);
}

/* Returns: (nullable): the name of @entry when it is right in the folder; of all of `/` some engines leave the folder's own name out */
static char *
own_name (const List *self, const TholeTarEntry *entry)
{
  const char *name = entry->name;
  gsize length;

  while (g_str_has_prefix (name, "./") || name[0] == '/')
    name += name[0] == '/' ? 1 : 2;
  if (!g_str_has_prefix (name, self->prefix))
    return NULL;
  name += strlen (self->prefix);
  length = strcspn (name, "/");
  return length > 0 && (name[length] == '\0' || name[length + 1] == '\0') ? g_strndup (name, length) : NULL;
}

/* `NAME/`, or nothing of `/` */
static char *
prefix_of (const TholeTarEntry *folder)
{
  const char *name = folder->name;
  gsize length;

  while (g_str_has_prefix (name, "./") || name[0] == '/')
    name += name[0] == '/' ? 1 : 2;
  length = strlen (name);
  while (length > 0 && name[length - 1] == '/')
    length--;
  if (length == 0 || (length == 1 && name[0] == '.'))
    return g_strdup ("");
  return g_strdup_printf ("%.*s/", (int) length, name);
}

static void
finish (List *self)
{
  g_string_append (self->json, "],\"next_cursor\":null}");
  thole_call_return (self->call, 200, g_string_free_to_bytes (g_steal_pointer (&self->json)));
  list_free (self);
}

static void next (List *self);

static void
took (GObject *source, GAsyncResult *result, gpointer user_data)
{
  List *self = user_data;
  TholeCall *call = self->call;
  TholeFileWork *work = call->state;
  g_autoptr (GError) error = NULL;
  const TholeTarEntry *entry = thole_archive_next_finish (work->archive, result, &error);
  g_autofree char *name = entry != NULL ? own_name (self, entry) : NULL;

  call->operations->calls--;
  if (name != NULL)
    {
      if (self->n++ > 0)
        g_string_append_c (self->json, ',');
      thole_file_append (self->json, entry, name);
    }
  if (error == NULL && entry == NULL)
    {
      finish (self);
      return;
    }
  if (error == NULL && self->n <= MOST_NAMES && self->json->len <= MOST_TEXT)
    {
      next (self);
      return;
    }
  list_free (self);
  if (error != NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_TOO_LARGE))
    thole_call_error (call, error);
  else
    thole_call_fail (call, THOLE_ERROR_TOO_LARGE, "%s holds more than 10000 names, 8 MiB of names or 1 GiB of files, too much to be listed",
                     work->path);
}

static void
next (List *self)
{
  TholeFileWork *work = self->call->state;

  self->call->operations->calls++;
  thole_archive_next_async (work->archive, took, self);
}

static void
found (TholeCall *call, const TholeTarEntry *entry)
{
  TholeFileWork *work = call->state;
  List *self;

  if (entry->kind != THOLE_TAR_FOLDER)
    {
      thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s is not a folder", work->path);
      return;
    }
  thole_archive_bound (work->archive, call->operations->clock, MOST_BYTES, MOST_TIME, call->cancellable);
  self = g_new0 (List, 1);
  self->call = call;
  self->prefix = prefix_of (entry);
  self->json = g_string_new ("{\"items\":[");
  next (self);
}

void
thole_file_list (TholeCall *call)
{
  TholeFileWork *work = thole_file_begin (call, THOLE_SLOT_FILES_GET);

  if (work == NULL)
    return;
  work->follow = TRUE;
  work->found = found;
  thole_file_look (call);
}

void
thole_op_file_list (TholeCall *call)
{
  thole_file_list (call);
}
