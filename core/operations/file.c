/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/file.h"

#include "files/path.h"
#include "operations/idle.h"
#include "operations/verb.h"
#include "thole-dict.h"
#include "thole-json.h"

#include <string.h>

#define MOST_LINKS 40
#define MOST_LOOKS 400 /* at folders that a link leads through */
#define LOOK_BYTES (1 << 20) /* of an archive before its first entry */
#define LOOK_TIME (60 * G_USEC_PER_SEC)
#define PUT_DEADLINE 3600

static void
work_free (gpointer data)
{
  TholeFileWork *self = data;

  thole_idle_release (self->subject);
  thole_subject_unref (self->subject);
  g_object_unref (self->backend);
  g_clear_pointer (&self->archive, thole_archive_unref);
  if (self->berths != NULL)
    {
      thole_berths_leave (self->berths, self->uploader);
      thole_berths_unref (self->berths);
    }
  g_free (self->uploader);
  g_free (self->path);
  g_free (self->rest);
  g_free (self);
}

static char *
path_of (TholeCall *call)
{
  GVariant *from = call->def->body->n_fields > 0 ? call->body : call->query;
  g_autoptr (TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "the request has wrong fields");
  char *path = thole_file_path (from != NULL ? thole_dict_string (from, "path", "") : "", "/path", problem);

  if (path == NULL)
    thole_call_problem (call, g_steal_pointer (&problem));
  return path;
}

TholeFileWork *
thole_file_begin (TholeCall *call, TholeSlot slot)
{
  TholeSubject *subject = thole_call_subject (call);
  TholeBackend *backend;
  TholeFileWork *self;
  char *path;

  if (subject == NULL)
    return NULL;
  if (subject->now->engine_id[0] == '\0')
    {
      thole_call_problem (call, thole_verb_illegal (subject->now, call->def->name));
      return NULL;
    }
  backend = thole_call_backend (call, thole_subject_backend (subject), subject->now->backend, slot);
  path = backend != NULL ? path_of (call) : NULL;
  if (path == NULL)
    return NULL;
  self = g_new0 (TholeFileWork, 1);
  self->subject = thole_subject_ref (subject);
  thole_idle_hold (subject);
  self->backend = g_object_ref (backend);
  self->path = path;
  call->state = self;
  call->state_free = work_free;
  return self;
}

/* what is there ---------------------------------------------------------------------------------------- */

void
thole_file_forget (TholeCall *call)
{
  TholeFileWork *self = call->state;

  g_clear_pointer (&self->archive, thole_archive_unref);
}

static void ask (TholeCall *call);

static gboolean
more_to_walk (const TholeFileWork *self)
{
  return self->rest != NULL && self->rest[0] != '\0';
}

/* An engine follows the links above what it is asked for, and we cannot see them in its answer. So a way with `..` in it is walked
 * folder by folder: what is before `..` may be such a link, and then the folder above is another one. */
static void
walk (TholeCall *call)
{
  TholeFileWork *self = call->state;
  gboolean may = ++self->looks <= MOST_LOOKS;

  self->walked = thole_file_climbs (self->rest);
  do
    {
      char *path = may ? thole_file_step (self->path, &self->rest) : NULL;

      if (path == NULL || !g_utf8_validate (path, -1, NULL))
        {
          g_free (path);
          thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s is a link that cannot be followed", self->path);
          return;
        }
      g_free (self->path);
      self->path = path;
    }
  while (!self->walked && more_to_walk (self));
  ask (call);
}

static void
follow (TholeCall *call, const TholeTarEntry *entry)
{
  TholeFileWork *self = call->state;
  /* what was walked has no links: of a target in the same folder only the rest is new */
  g_autofree char *name = NULL, *folder = thole_file_split (self->path, &name);
  gboolean known = self->walked && entry->link[0] != '/';
  g_autofree char *rest = g_strdup_printf ("%s/%s/%s", known || entry->link[0] == '/' ? "" : folder, entry->link,
                                           self->rest != NULL ? self->rest : "");

  if (++self->links > MOST_LINKS || strlen (rest) > 2 * THOLE_FILE_PATH_MAX)
    {
      thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s is a link that cannot be followed", self->path);
      return;
    }
  thole_file_forget (call);
  g_free (self->path);
  self->path = known ? g_steal_pointer (&folder) : g_strdup ("/");
  g_free (self->rest);
  self->rest = g_steal_pointer (&rest);
  walk (call);
}

static void
looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  TholeFileWork *self = call->state;
  g_autoptr (GError) error = NULL;
  const TholeTarEntry *entry = thole_archive_next_finish (self->archive, result, &error);

  call->operations->calls--;
  if (error != NULL)
    thole_call_error (call, error);
  else if (entry == NULL)
    thole_call_fail (call, THOLE_ERROR_FAILED, "the engine gave an empty archive");
  else if (entry->kind == THOLE_TAR_LINK && (self->follow || more_to_walk (self)))
    follow (call, entry);
  else if (more_to_walk (self) && entry->kind != THOLE_TAR_FOLDER)
    thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s is not a folder", self->path);
  else if (more_to_walk (self))
    {
      thole_file_forget (call);
      walk (call);
    }
  else
    self->found (call, entry);
}

static void
opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  TholeFileWork *self = call->state;
  g_auto (TholeSlotResult) out = { NULL };
  g_autoptr (GError) error = NULL;

  call->operations->calls--;
  if (thole_backend_call_finish (self->backend, result, &out, &error))
    {
      self->archive = thole_archive_new (g_steal_pointer (&out.stream));
      thole_archive_bound (self->archive, call->operations->clock, LOOK_BYTES, LOOK_TIME, call->cancellable);
      call->operations->calls++;
      thole_archive_next_async (self->archive, looked, call);
    }
  else if (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND) && self->missing != NULL
           && !more_to_walk (self))
    self->missing (call);
  else
    thole_call_error (call, error);
}

static void
ask (TholeCall *call)
{
  TholeFileWork *self = call->state;
  TholeSlotArgs args = { .id = self->subject->now->id, .text = self->path };

  call->operations->calls++;
  thole_backend_call_async (self->backend, THOLE_SLOT_FILES_GET, &args, call->cancellable, opened, call);
}

void
thole_file_look (TholeCall *call)
{
  ask (call);
}

/* what is put there ------------------------------------------------------------------------------------ */

typedef struct
{
  TholeCall *call;
  void (*then) (TholeCall *call);
} Put;

static void
put (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Put *self = user_data;
  TholeCall *call = self->call;
  TholeFileWork *work = call->state;
  g_autoptr (GError) error = NULL;

  call->operations->calls--;
  if (thole_backend_call_finish (work->backend, result, NULL, &error))
    self->then (call);
  else
    thole_call_error (call, error);
}

void
thole_file_put (TholeCall *call, const char *folder, GInputStream *archive, void (*then) (TholeCall *call))
{
  TholeFileWork *work = call->state;
  TholeSlotArgs args = { .id = work->subject->now->id, .text = folder, .tar = archive, .deadline = PUT_DEADLINE };
  Put *self = g_new (Put, 1);

  *self = (Put) { call, then };
  call->operations->calls++;
  /* all of it is here: whoever leaves now does not leave half of it in the workload */
  thole_backend_call_async (work->backend, THOLE_SLOT_FILES_PUT, &args, NULL, put, self);
}

/* what is told of it ----------------------------------------------------------------------------------- */

static const char *
kind_name (TholeTarKind kind)
{
  switch (kind)
    {
    case THOLE_TAR_FILE:
    case THOLE_TAR_HARD_LINK:
      return "file";
    case THOLE_TAR_FOLDER:
      return "folder";
    case THOLE_TAR_LINK:
      return "link";
    case THOLE_TAR_OTHER:
    default:
      return "other";
    }
}

/* bytes that are no text come as KEY_base64 */
static void
append_bytes (GString *json, const char *key, const char *bytes)
{
  g_string_append_printf (json, "\"%s", key);
  if (g_utf8_validate (bytes, -1, NULL))
    {
      g_string_append (json, "\":");
      thole_json_append_string (json, bytes);
    }
  else
    {
      g_autofree char *text = g_base64_encode ((const guchar *) bytes, strlen (bytes));

      g_string_append_printf (json, "_base64\":\"%s\"", text);
    }
}

void
thole_file_append (GString *json, const TholeTarEntry *entry, const char *name)
{
  char time[THOLE_TIME_LENGTH];

  g_string_append_c (json, '{');
  append_bytes (json, "name", name != NULL ? name : entry->name);
  g_string_append_printf (json, ",\"type\":\"%s\",\"size\":", kind_name (entry->kind));
  /* of a further name of one file an archive does not tell it */
  if (entry->kind == THOLE_TAR_HARD_LINK)
    g_string_append (json, "null");
  else
    g_string_append_printf (json, "%" G_GUINT64_FORMAT, entry->size);
  g_string_append_printf (json, ",\"mode\":%u,\"uid\":%" G_GINT64_FORMAT ",\"gid\":%" G_GINT64_FORMAT ",\"modified\":\"%s\"", entry->mode,
                          entry->uid, entry->gid, thole_time_format (CLAMP (entry->mtime, 0, 253402300799) * G_USEC_PER_SEC, time));
  if (entry->kind == THOLE_TAR_LINK)
    {
      g_string_append_c (json, ',');
      append_bytes (json, "target", entry->link);
    }
  g_string_append_c (json, '}');
}
