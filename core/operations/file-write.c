/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/file.h"

#include "files/input.h"
#include "files/path.h"
#include "files/spool.h"
#include "operations/verb.h"
#include "thole-dict.h"

#include <string.h>

/* the folder that is unpacked into, and the name there: missing folders are made of the names of an archive */
static char *
split (const char *path, gboolean parents, char **name)
{
  if (!parents)
    return thole_file_split (path, name);
  *name = g_strdup (path + 1);
  return g_strdup ("/");
}

static TholeTarEntry
entry_of (TholeCall *call, GVariant *options, TholeTarKind kind)
{
  return (TholeTarEntry) {
    .kind = kind,
    .mode = (guint) thole_dict_int (options, "mode", 0),
    .uid = thole_dict_int (options, "uid", 0),
    .gid = thole_dict_int (options, "gid", 0),
    .mtime = thole_clock_now (call->operations->clock) / G_USEC_PER_SEC,
  };
}

static void
answer (TholeCall *call, guint status, TholeTarEntry *entry)
{
  TholeFileWork *work = call->state;
  g_autofree char *name = g_path_get_basename (work->path);
  GString *json = g_string_new (NULL);

  thole_file_append (json, entry, name);
  thole_call_return (call, status, g_string_free_to_bytes (json));
}

/* the upload -------------------------------------------------------------------------------------------- */

/* until the engine has it, for so long there is its file */
static gboolean
take_berth (TholeCall *call)
{
  TholeFileWork *work = call->state;
  TholeBerths *berths = call->operations->berths;

  if (!thole_berths_take (berths, call->principal->name, call->principal->admin))
    return FALSE;
  work->berths = thole_berths_ref (berths);
  work->uploader = g_strdup (call->principal->name);
  return TRUE;
}

static gboolean
may_upload (TholeCall *call)
{
  gint64 most = call->operations->limits.upload;

  if (call->input == NULL)
    thole_call_fail (call, THOLE_ERROR_MALFORMED, "there is nothing to be read: the bytes are missing");
  else if (call->input_size > most)
    thole_call_fail (call, THOLE_ERROR_TOO_LARGE, "An upload may have %" G_GINT64_FORMAT " bytes", most);
  else if (!take_berth (call))
    thole_call_fail (call, THOLE_ERROR_BUSY, "too many uploads are on their way already");
  else
    return TRUE;
  return FALSE;
}

static void
upload (TholeCall *call, gboolean is_tar, GAsyncReadyCallback callback)
{
  const TholeLimits *limits = &call->operations->limits;
  const TholeSpoolBounds bounds = {
    .folder = limits->uploads, .most = (guint64) limits->upload, .told = call->input_size, .reserve = (guint64) limits->disk_reserve,
    .patience = limits->upload_patience, .clock = call->operations->clock, .is_tar = is_tar,
  };

  call->operations->calls++;
  thole_spool_async (&bounds, g_steal_pointer (&call->input), callback, call);
}

/* Returns: (nullable): NULL = the call was answered */
static TholeSpool *
uploaded (TholeCall *call, GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;
  TholeSpool *spool = thole_spool_finish (result, &error);

  call->operations->calls--;
  if (spool == NULL)
    thole_call_error (call, error);
  return spool;
}

/* a file ------------------------------------------------------------------------------------------------- */

static void
answer_written (TholeCall *call)
{
  TholeFileWork *work = call->state;
  TholeTarEntry entry = entry_of (call, call->query, THOLE_TAR_FILE);

  entry.size = work->size;
  answer (call, work->exists ? 200 : 201, &entry);
}

static void
file_uploaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  TholeFileWork *work = call->state;
  g_autoptr (TholeSpool) spool = uploaded (call, result);
  TholeTarEntry entry = entry_of (call, call->query, THOLE_TAR_FILE);
  g_autoptr (GInputStream) archive = NULL;
  g_autofree char *name = NULL, *folder = NULL;

  if (spool == NULL)
    return;
  folder = split (work->path, thole_query_boolean (call, "parents"), &name);
  entry.name = name;
  entry.size = work->size = spool->size;
  archive = thole_tar_input_entry (&entry, spool->fd);
  spool->fd = -1;
  thole_file_put (call, folder, archive, answer_written);
}

static void
nothing_there (TholeCall *call)
{
  upload (call, FALSE, file_uploaded);
}

static void
file_there (TholeCall *call, const TholeTarEntry *entry)
{
  TholeFileWork *work = call->state;

  work->exists = entry->kind == THOLE_TAR_FILE || entry->kind == THOLE_TAR_HARD_LINK;
  thole_file_forget (call);
  if (work->exists)
    upload (call, FALSE, file_uploaded);
  else
    thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s is there and is not a file", work->path);
}

void
thole_op_file_write (TholeCall *call)
{
  TholeFileWork *work = thole_file_begin (call, THOLE_SLOT_FILES_PUT);

  if (work == NULL || !may_upload (call))
    return;
  work->follow = TRUE;
  work->found = file_there;
  work->missing = nothing_there;
  thole_file_look (call);
}

/* a folder ----------------------------------------------------------------------------------------------- */

static void
answer_made (TholeCall *call)
{
  TholeTarEntry entry = entry_of (call, call->body, THOLE_TAR_FOLDER);

  answer (call, 201, &entry);
}

static void
make_folder (TholeCall *call)
{
  TholeFileWork *work = call->state;
  TholeTarEntry entry = entry_of (call, call->body, THOLE_TAR_FOLDER);
  g_autoptr (GInputStream) archive = NULL;
  g_autofree char *name = NULL;
  g_autofree char *folder = split (work->path, thole_dict_boolean (call->body, "parents", FALSE), &name);

  entry.name = name;
  archive = thole_tar_input_entry (&entry, -1);
  thole_file_put (call, folder, archive, answer_made);
}

static void
folder_there (TholeCall *call, const TholeTarEntry *entry)
{
  TholeFileWork *work = call->state;

  thole_call_fail (call, THOLE_ERROR_EXISTS, "%s is there already", work->path);
}

void
thole_op_file_mkdir (TholeCall *call)
{
  TholeFileWork *work = thole_file_begin (call, THOLE_SLOT_FILES_PUT);

  if (work == NULL)
    return;
  work->found = folder_there;
  work->missing = make_folder;
  thole_file_look (call);
}

/* an archive --------------------------------------------------------------------------------------------- */

static void
answer_extracted (TholeCall *call)
{
  thole_call_return (call, 204, NULL);
}

static void
archive_uploaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  TholeFileWork *work = call->state;
  g_autoptr (TholeSpool) spool = uploaded (call, result);
  g_autoptr (GInputStream) archive = NULL;

  if (spool == NULL)
    return;
  archive = thole_tar_input_whole (spool->fd, spool->size);
  spool->fd = -1;
  thole_file_put (call, work->path, archive, answer_extracted);
}

static void
target_there (TholeCall *call, const TholeTarEntry *entry)
{
  TholeFileWork *work = call->state;
  gboolean folder = entry->kind == THOLE_TAR_FOLDER;

  thole_file_forget (call);
  if (folder)
    upload (call, TRUE, archive_uploaded);
  else
    thole_call_fail (call, THOLE_ERROR_CONFLICT, "%s is not a folder", work->path);
}

void
thole_op_file_extract (TholeCall *call)
{
  TholeFileWork *work = thole_file_begin (call, THOLE_SLOT_FILES_PUT);

  if (work == NULL || !may_upload (call))
    return;
  work->follow = TRUE;
  work->found = target_there;
  thole_file_look (call);
}
