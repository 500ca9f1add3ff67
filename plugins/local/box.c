/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "thole-sandbox-protocol.h"

#define WORD "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
#define LOST_CODE 255

/* names ----------------------------------------------------------------------------------------------- */

char *
local_box_name (TholeDriver *driver, const char *id)
{
  g_autofree char *hash = NULL;

  if (id[0] != '\0' && strlen (id) <= 64 && strspn (id, WORD) == strlen (id))
    return g_strdup_printf ("%.8s-%s", driver->config->instance, id);
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, id, -1);
  return g_strdup_printf ("%.8s-%s", driver->config->instance, hash);
}

char *
local_box_path (TholeDriver *driver, const char *id, const char *part)
{
  g_autofree char *name = local_box_name (driver, id);

  return g_build_filename (driver->config->state_dir, "boxes", name, part, NULL);
}

/* reading --------------------------------------------------------------------------------------------- */

static GVariant *
read_record (TholeDriver *driver, const char *folder)
{
  g_autofree char *path = g_build_filename (folder, LOCAL_BOX_RECORD, NULL), *text = NULL;
  g_autoptr(GVariant) record = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, NULL))
    return NULL;
  record = thole_json_parse (text, length, NULL);
  if (record == NULL || !g_variant_is_of_type (record, G_VARIANT_TYPE_VARDICT)
      || strcmp (thole_dict_string (record, "instance", ""), driver->config->instance) != 0)
    return NULL;
  return g_steal_pointer (&record);
}

GVariant *
local_box_record (TholeDriver *driver, const char *id, GError **error)
{
  g_autofree char *folder = local_box_path (driver, id, NULL);
  GVariant *record = read_record (driver, folder);

  if (record == NULL)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "there is no sandbox %s", id);
  return record;
}

GPtrArray *
local_box_list (TholeDriver *driver)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_autofree char *folder = g_build_filename (driver->config->state_dir, "boxes", NULL);
  g_autoptr(GDir) names = g_dir_open (folder, 0, NULL);
  const char *name;

  while (names != NULL && (name = g_dir_read_name (names)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      GVariant *record = name[0] != '.' ? read_record (driver, path) : NULL;

      if (record != NULL)
        g_ptr_array_add (list, record);
    }
  return list;
}

gboolean
local_box_is_locked (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  gboolean held = fd >= 0 && flock (fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

  if (fd >= 0)
    close (fd);
  return held;
}

gboolean
local_box_runs (TholeDriver *driver, const char *id)
{
  g_autofree char *path = local_box_path (driver, id, THOLE_SANDBOX_LOCK);

  return local_box_is_locked (path);
}

static gint64
number_of (char **lines, const char *key)
{
  gsize length = strlen (key);

  for (guint i = 0; lines[i] != NULL; i++)
    if (strncmp (lines[i], key, length) == 0 && lines[i][length] == '=')
      return g_ascii_strtoll (lines[i] + length + 1, NULL, 10);
  return 0;
}

/* @text (nullable): of its state; @held: is it supervised? */
static LocalPhase
phase_of (const char *text, gboolean held, gboolean *lost)
{
  if (text == NULL)
    return held ? LOCAL_STARTING : LOCAL_CREATED;
  if (g_str_has_prefix (text, "phase=exited") && (g_str_has_suffix (text, "\noom=0\n") || g_str_has_suffix (text, "\noom=1\n")))
    return LOCAL_EXITED;
  if (g_str_has_prefix (text, "phase=running") || g_str_has_prefix (text, "phase=paused"))
    {
      *lost = !held;
      return !held ? LOCAL_EXITED : text[6] == 'r' ? LOCAL_RUNNING : LOCAL_PAUSED;
    }
  /* the machine went off before its words reached the disk */
  *lost = !held;
  return held ? LOCAL_STARTING : LOCAL_EXITED;
}

void
local_box_state (TholeDriver *driver, const char *id, LocalState *state)
{
  g_autofree char *path = local_box_path (driver, id, THOLE_SANDBOX_STATE), *text = NULL;
  g_autofree char *path_before = local_box_path (driver, id, THOLE_SANDBOX_STATE_BEFORE), *before = NULL;
  g_auto(GStrv) lines = NULL, lines_before = NULL;
  /* asked first: what is written before the end is found below */
  gboolean held = local_box_runs (driver, id);

  *state = (LocalState){ .phase = LOCAL_CREATED };
  /* twice: one may become the other in between */
  for (guint i = 0; i < 2 && text == NULL && before == NULL; i++)
    if (!g_file_get_contents (path, &text, NULL, NULL))
      g_file_get_contents (path_before, &before, NULL, NULL);
  lines = g_strsplit (text != NULL ? text : "", "\n", 64);
  lines_before = g_strsplit (before != NULL ? before : "", "\n", 64);
  state->phase = phase_of (text, held, &state->lost);
  state->pid = number_of (lines, "pid");
  state->started = number_of (lines, "started");
  state->before = number_of (lines_before, "started");
  state->finished = number_of (lines, "finished");
  state->code = state->lost ? LOST_CODE : number_of (lines, "code");
  state->signal = (int) number_of (lines, "signal");
  state->oom = number_of (lines, "oom") != 0;
}

GVariant *
local_box_show (TholeDriver *driver, GVariant *record)
{
  static const char *const words[] = { "created", "starting", "running", "paused", "exited" };
  const char *id = thole_dict_string (record, "id", "");
  g_autofree char *name = local_box_name (driver, id);
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  LocalState state;

  local_box_state (driver, id, &state);
  g_variant_dict_insert (&out, "id", "s", id);
  g_variant_dict_insert (&out, "instance", "s", driver->config->instance);
  g_variant_dict_insert (&out, "role", "s", thole_dict_string (record, "role", "main"));
  g_variant_dict_insert (&out, "engine_id", "s", name);
  g_variant_dict_insert (&out, "image", "s", thole_dict_string (record, "image", ""));
  g_variant_dict_insert (&out, "state", "s", words[state.phase]);
  g_variant_dict_insert (&out, "started_at", "x", state.started);
  if (state.phase == LOCAL_RUNNING || state.phase == LOCAL_PAUSED)
    g_variant_dict_insert (&out, "pid", "x", state.pid);
  if (state.phase == LOCAL_EXITED)
    {
      const char *signal = state.signal > 0 ? thole_signal_name (state.signal) : NULL;

      g_variant_dict_insert (&out, "exit_code", "x", state.code);
      g_variant_dict_insert (&out, "exit_signal", "s", signal != NULL ? signal : "");
      g_variant_dict_insert (&out, "oom", "b", state.oom);
      g_variant_dict_insert (&out, "finished_at", "x", state.finished);
      if (state.lost)
        g_variant_dict_insert (&out, "reason", "s", "its supervisor ended, and nobody saw how the program did");
    }
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

/* news ------------------------------------------------------------------------------------------------ */

void
local_box_tell (TholeDriver *driver, const char *id, const char *role, const char *action)
{
  g_autoptr(GVariant) record = role == NULL ? local_box_record (driver, id, NULL) : NULL;
  g_auto(GVariantDict) event = G_VARIANT_DICT_INIT (NULL);

  if (role == NULL)
    role = record != NULL ? thole_dict_string (record, "role", "main") : "main";
  g_variant_dict_insert (&event, "kind", "s", "workload");
  g_variant_dict_insert (&event, "id", "s", id);
  g_variant_dict_insert (&event, "action", "s", action);
  g_variant_dict_insert (&event, "role", "s", role);
  thole_host_event (driver->host, driver->ops, g_variant_dict_end (&event));
}
