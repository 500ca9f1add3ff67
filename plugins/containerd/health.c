/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "health.h"

#include <glib/gstdio.h>
#include <string.h>

#include "exec.h"
#include "place.h"
#include "thing.h"

#define PLAN "health"
#define CONDITION "condition"
#define DEFAULT_INTERVAL 30.0
#define DEFAULT_TIMEOUT 30.0
#define DEFAULT_RETRIES 3

static const char *const conditions[] = { "starting", "healthy", "unhealthy", NULL };
enum { STARTING, HEALTHY, UNHEALTHY };

/* What is under way has its own GCancellable, by which it is told that nobody wants to know any more. */
struct _CtrHealth
{
  TholeDriver *driver; /* not owned */
  char *container, *id;
  GVariant *command;   /* "command" */
  double interval;
  gint64 patience;     /* µs, until when failures do not count */
  guint retries, failures;
  guint condition;
  GSource *timer;
  GCancellable *cancellable;
};

void
ctr_health_free (gpointer health)
{
  CtrHealth *self = health;

  thole_timer_clear (&self->timer);
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_variant_unref (self->command);
  g_free (self->container);
  g_free (self->id);
  g_free (self);
}

static void
set_condition (CtrHealth *self, guint condition)
{
  g_autofree char *path = ctr_place_path (self->driver, self->container, CONDITION);

  if (condition == self->condition)
    return;
  self->condition = condition;
  g_file_set_contents_full (path, conditions[condition], -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
  ctr_thing_tell (self->driver, self->container, "health");
}

static void
judge (CtrHealth *self, gboolean good)
{
  if (good)
    {
      self->failures = 0;
      set_condition (self, HEALTHY);
    }
  else if ((self->condition != STARTING || ctr_now (self->driver) >= self->patience) && ++self->failures >= self->retries)
    set_condition (self, UNHEALTHY);
}

static gboolean check (gpointer user_data);

static void
on_checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(GCancellable) cancellable = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) ended = thole_finish_value (NULL, result, &error);
  CtrHealth *self;

  if (g_cancellable_is_cancelled (cancellable))
    return;
  self = g_object_get_data (G_OBJECT (cancellable), "thole-health");
  /* while it is paused, or the engine is away, nothing is said about its health */
  if (ended != NULL || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_TIMEOUT) || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_INVALID))
    judge (self, ended != NULL && thole_dict_int (ended, "exit_code", -1) == 0);
  self->timer = ctr_timer (self->driver, self->interval, check, self);
}

static gboolean
check (gpointer user_data)
{
  CtrHealth *self = user_data;
  g_autoptr(GVariant) options = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));

  thole_timer_clear (&self->timer);
  ctr_run_async (self->driver, self->id, self->command, options, self->cancellable, on_checked, g_object_ref (self->cancellable));
  return G_SOURCE_REMOVE;
}

gboolean
ctr_health_plan (TholeDriver *driver, const char *container, GVariant *spec, GError **error)
{
  g_autofree char *path = ctr_place_path (driver, container, PLAN), *text = NULL;
  g_autoptr(GVariant) health = thole_dict_value (spec, "health", "a{sv}");
  g_auto(GStrv) command = health != NULL ? thole_dict_strv (health, "command") : NULL;
  g_autoptr(GError) wrong = NULL;

  if (command == NULL || command[0] == NULL)
    return TRUE;
  text = thole_json_to_string (health);
  if (g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &wrong))
    return TRUE;
  g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_FAILED, wrong->message);
  return FALSE;
}

static double
positive (GVariant *plan, const char *key, double fallback)
{
  double value = thole_dict_double (plan, key, 0);

  return value > 0 ? value : fallback;
}

static guint
read_condition (TholeDriver *driver, const char *container)
{
  g_autofree char *path = ctr_place_path (driver, container, CONDITION), *text = NULL;

  for (guint i = 0; g_file_get_contents (path, &text, NULL, NULL) && conditions[i] != NULL; i++)
    {
      if (strcmp (conditions[i], text) == 0)
        return i;
      g_clear_pointer (&text, g_free);
    }
  return STARTING;
}

static GVariant *
command_of (GVariant *plan)
{
  g_auto(GStrv) words = thole_dict_strv (plan, "command");
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert_value (&dict, "command", g_variant_new_strv ((const char *const *) words, -1));
  g_variant_dict_insert (&dict, "timeout", "d", positive (plan, "timeout", DEFAULT_TIMEOUT));
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

void
ctr_health_begin (TholeDriver *driver, const char *container, gboolean again)
{
  g_autofree char *path = ctr_place_path (driver, container, PLAN), *text = NULL;
  g_autoptr(GVariant) plan = g_file_get_contents (path, &text, NULL, NULL) ? thole_json_parse (text, strlen (text), NULL) : NULL;
  CtrHealth *self;

  if (plan == NULL || !g_variant_is_of_type (plan, G_VARIANT_TYPE_VARDICT) || (again && g_hash_table_contains (driver->health, container)))
    return;
  self = g_new0 (CtrHealth, 1);
  self->driver = driver;
  self->container = g_strdup (container);
  self->id = ctr_place_id (driver, container);
  self->command = command_of (plan);
  self->interval = positive (plan, "interval", DEFAULT_INTERVAL);
  self->retries = (guint) positive (plan, "retries", DEFAULT_RETRIES);
  self->patience = ctr_now (driver) + (gint64) (positive (plan, "start_period", 0) * G_USEC_PER_SEC);
  self->condition = again ? read_condition (driver, container) : STARTING;
  self->cancellable = g_cancellable_new ();
  g_object_set_data (G_OBJECT (self->cancellable), "thole-health", self);
  self->timer = ctr_timer (driver, self->interval, check, self);
  g_hash_table_insert (driver->health, g_strdup (container), self);
}

void
ctr_health_end (TholeDriver *driver, const char *container)
{
  g_autofree char *path = ctr_place_path (driver, container, CONDITION);

  if (g_hash_table_remove (driver->health, container))
    g_unlink (path);
}

const char *
ctr_health_of (TholeDriver *driver, const char *container)
{
  const CtrHealth *self = g_hash_table_lookup (driver->health, container);

  return self != NULL ? conditions[self->condition] : "none";
}

/* after a restart of the daemon ----------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  char *container;
} Look;

static void
look_clear (gpointer data)
{
  g_free (((Look *) data)->container);
}

static void
on_task (GTask *task, gpointer value, GError *error)
{
  Look *self = g_task_get_task_data (task);
  Ctr__TaskGot *got = value;
  int status = got != NULL && got->process != NULL ? got->process->status : CTR_TASK_STOPPED;

  if (status == CTR_TASK_RUNNING || status == CTR_TASK_PAUSED || status == CTR_TASK_PAUSING)
    ctr_health_begin (self->job.driver, self->container, TRUE);
  g_task_return_boolean (task, TRUE);
}

void
ctr_health_sweep (TholeDriver *driver)
{
  g_autofree char *folder = g_build_filename (driver->config->state_dir, "containers", NULL);
  g_autoptr(GDir) list = g_dir_open (folder, 0, NULL);
  const char *name;

  while (list != NULL && (name = g_dir_read_name (list)) != NULL)
    {
      g_autofree char *path = ctr_place_path (driver, name, PLAN);
      g_autoptr(GTask) task = NULL;

      if (!ctr_thing_is_ours (driver, name) || g_hash_table_contains (driver->health, name) || !g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      task = ctr_job_new (driver, sizeof (Look), look_clear, NULL, NULL, NULL, NULL);
      ((Look *) g_task_get_task_data (task))->container = g_strdup (name);
      ctr_task_get (task, name, on_task);
    }
}
