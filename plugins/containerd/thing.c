/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "thing.h"

#include <stdlib.h>
#include <string.h>

#include "health.h"
#include "net.h"

#define NAME_MAX_ID 60 /* the engine allows 76 in all */

/* Letters and digits, with single separators between them. */
static gboolean
is_engine_name (const char *text)
{
  gboolean separated = TRUE;

  for (const char *at = text; *at != '\0'; at++)
    {
      gboolean separator = strchr ("_.-", *at) != NULL;

      if ((separator && separated) || (!separator && !g_ascii_isalnum (*at)))
        return FALSE;
      separated = separator;
    }
  return !separated;
}

char *
ctr_thing_name (const char *instance, const char *id)
{
  g_autofree char *digest = NULL;

  if (is_engine_name (id) && strlen (id) <= NAME_MAX_ID)
    return g_strdup_printf ("thole-%.8s-%s", instance, id);
  digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, id, -1);
  return g_strdup_printf ("thole-%.8s-hash-%.40s", instance, digest);
}

const char *
ctr_label (Ctr__Label *const *labels, gsize n, const char *key)
{
  for (gsize i = 0; i < n; i++)
    if (strcmp (labels[i]->key, key) == 0)
      return labels[i]->value;
  return "";
}

static const char *
label_of (const Ctr__Container *container, const char *key)
{
  return ctr_label (container->labels, container->n_labels, key);
}

gint64
ctr_time_of (const Ctr__Timestamp *time)
{
  /* Go's zero time is the year 1 */
  return time != NULL && time->seconds > 0 ? time->seconds * G_USEC_PER_SEC + time->nanos / 1000 : 0;
}

/* whose it is ----------------------------------------------------------------------------------------- */

gboolean
ctr_thing_is_ours (TholeDriver *driver, const char *container)
{
  g_autofree char *prefix = g_strdup_printf ("thole-%.8s-", driver->config->instance);

  return g_str_has_prefix (container, prefix);
}

void
ctr_thing_note (TholeDriver *driver, const Ctr__Container *container)
{
  const char *role = label_of (container, CTR_LABEL_ROLE);
  CtrName *name;

  if (g_hash_table_contains (driver->names, container->id))
    return;
  name = g_new0 (CtrName, 1);
  name->id = g_strdup (label_of (container, CTR_LABEL_ID));
  name->role = g_strdup (role[0] != '\0' ? role : "main");
  g_hash_table_insert (driver->names, g_strdup (container->id), name);
}

void
ctr_thing_forget (TholeDriver *driver, const char *container)
{
  g_hash_table_remove (driver->names, container);
  g_hash_table_remove (driver->oom, container);
  g_hash_table_remove (driver->ends, container);
}

void
ctr_thing_tell (TholeDriver *driver, const char *container, const char *action)
{
  const CtrName *name = g_hash_table_lookup (driver->names, container);
  g_auto(GVariantDict) event = G_VARIANT_DICT_INIT (NULL);

  /* of one that nobody asked for there is nothing to tell */
  if (name == NULL)
    return;
  g_variant_dict_insert (&event, "kind", "s", "workload");
  g_variant_dict_insert (&event, "id", "s", name->id);
  g_variant_dict_insert (&event, "action", "s", action);
  g_variant_dict_insert (&event, "role", "s", name->role);
  ctr_event (driver, g_variant_dict_end (&event));
}

/* find ------------------------------------------------------------------------------------------------ */

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
  char *id;
  int foreign;    /* the error for one that is not ours */
} Find;

static void
find_clear (gpointer data)
{
  Find *self = data;

  g_object_unref (self->outer);
  g_free (self->id);
}

static void
on_container (GTask *task, gpointer value, GError *error)
{
  Find *self = g_task_get_task_data (task);
  Ctr__ContainerMessage *reply = value;
  Ctr__Container *container = reply != NULL ? reply->container : NULL;
  g_autoptr(GError) own = NULL;

  if (error != NULL)
    own = g_error_copy (error);
  else if (container == NULL || strcmp (label_of (container, CTR_LABEL_INSTANCE), self->job.driver->config->instance) != 0
           || strcmp (label_of (container, CTR_LABEL_ID), self->id) != 0)
    own = g_error_new (THOLE_ERROR, self->foreign, "the container of %s is not ours", self->id);
  else
    ctr_thing_note (self->job.driver, container);
  self->next (self->outer, own == NULL ? container : NULL, own);
  g_task_return_boolean (task, TRUE);
}

static void
find (GTask *task, const char *id, int foreign, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  g_autoptr(GTask) inner = ctr_job_new (driver, sizeof (Find), find_clear, NULL, g_task_get_cancellable (task), NULL, NULL);
  Find *self = g_task_get_task_data (inner);
  g_autofree char *name = ctr_thing_name (driver->config->instance, id);
  Ctr__ContainerId request = CTR__CONTAINER_ID__INIT;
  CtrCall call = { .method = "Containers/Get", .message = &request.base, .reply = &ctr__container_message__descriptor };

  self->outer = g_object_ref (task);
  self->next = next;
  self->id = g_strdup (id);
  self->foreign = foreign;
  request.id = name;
  ctr_call (inner, &call, on_container);
}

void
ctr_thing_find (GTask *task, const char *id, CtrNext next)
{
  find (task, id, THOLE_ERROR_NOT_FOUND, next);
}

void
ctr_thing_find_any (GTask *task, const char *id, CtrNext next)
{
  find (task, id, THOLE_ERROR_EXISTS, next);
}

void
ctr_task_get (GTask *task, const char *container, CtrNext next)
{
  Ctr__TaskId request = CTR__TASK_ID__INIT;
  CtrCall call = { .method = "Tasks/Get", .message = &request.base, .reply = &ctr__task_got__descriptor };

  request.container_id = (char *) container;
  ctr_call (task, &call, next);
}

void
ctr_thing_label (GTask *task, const char *container, const char *const *pairs, CtrNext next)
{
  Ctr__Container changed = CTR__CONTAINER__INIT;
  Ctr__FieldMask mask = CTR__FIELD_MASK__INIT;
  Ctr__ContainerMessage request = CTR__CONTAINER_MESSAGE__INIT;
  CtrCall call = { .method = "Containers/Update", .message = &request.base };
  g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; pairs[i] != NULL; i += 2)
    {
      Ctr__Label *label = g_new (Ctr__Label, 1);

      ctr__label__init (label);
      label->key = (char *) pairs[i];
      label->value = (char *) pairs[i + 1];
      g_ptr_array_add (labels, label);
      g_ptr_array_add (paths, g_strconcat ("labels.", pairs[i], NULL));
    }
  changed.id = (char *) container;
  changed.labels = (Ctr__Label **) labels->pdata;
  changed.n_labels = labels->len;
  mask.paths = (char **) paths->pdata;
  mask.n_paths = paths->len;
  request.container = &changed;
  request.update_mask = &mask;
  ctr_call (task, &call, next);
}

/* show ------------------------------------------------------------------------------------------------ */

static const char *
state_of (const Ctr__Container *container, const Ctr__Process *process)
{
  if (process != NULL && process->status == CTR_TASK_RUNNING)
    return "running";
  if (process != NULL && (process->status == CTR_TASK_PAUSED || process->status == CTR_TASK_PAUSING))
    return "paused";
  if (process != NULL && process->status == CTR_TASK_CREATED)
    return "starting";
  return label_of (container, CTR_LABEL_STARTED)[0] != '\0' ? "exited" : "created";
}

static void
put_end (GVariantDict *out, const Ctr__Container *container)
{
  const char *ended = label_of (container, CTR_LABEL_ENDED);
  gint64 code = ended[0] != '\0' ? g_ascii_strtoll (label_of (container, CTR_LABEL_CODE), NULL, 10) : 255;
  const char *signal = code > 128 && code <= 128 + 64 ? thole_signal_name ((int) code - 128) : NULL;
  gboolean oom = label_of (container, CTR_LABEL_OOM)[0] != '\0' && code != 0;

  g_variant_dict_insert (out, "exit_code", "x", code);
  g_variant_dict_insert (out, "exit_signal", "s", signal != NULL ? signal : "");
  g_variant_dict_insert (out, "oom", "b", oom);
  if (ended[0] == '\0')
    g_variant_dict_insert (out, "reason", "s", "its end was not seen");
  else if (oom)
    g_variant_dict_insert (out, "reason", "s", "out of memory");
  g_variant_dict_insert (out, "finished_at", "x", (gint64) g_ascii_strtoll (ended, NULL, 10));
}

GVariant *
ctr_thing_show (TholeDriver *driver, const Ctr__Container *container, const Ctr__Process *process)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  const char *role = label_of (container, CTR_LABEL_ROLE);
  const char *state = state_of (container, process);

  g_variant_dict_insert (&out, "id", "s", label_of (container, CTR_LABEL_ID));
  g_variant_dict_insert (&out, "instance", "s", label_of (container, CTR_LABEL_INSTANCE));
  g_variant_dict_insert (&out, "role", "s", role[0] != '\0' ? role : "main");
  g_variant_dict_insert (&out, "engine_id", "s", container->id);
  g_variant_dict_insert (&out, "state", "s", state);
  ctr_net_show (driver, container->id, strcmp (state, "running") == 0 || strcmp (state, "paused") == 0, &out);
  g_variant_dict_insert (&out, "health", "s", ctr_health_of (driver, container->id));
  if (strcmp (state, "exited") == 0)
    put_end (&out, container);
  else if (strcmp (state, "created") == 0)
    g_variant_dict_insert (&out, "reason", "s", label_of (container, CTR_LABEL_REASON));
  g_variant_dict_insert (&out, "started_at", "x",
                         (gint64) g_ascii_strtoll (label_of (container, CTR_LABEL_STARTED), NULL, 10));
  g_variant_dict_insert (&out, "pid", "x", (gint64) (process != NULL && process->status != CTR_TASK_STOPPED ? process->pid : 0));
  g_variant_dict_insert (&out, "image", "s", container->image);
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

GVariant *
ctr_thing_gone (TholeDriver *driver, const char *id)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&out, "id", "s", id);
  g_variant_dict_insert (&out, "instance", "s", driver->config->instance);
  g_variant_dict_insert (&out, "engine_id", "s", "");
  g_variant_dict_insert (&out, "state", "s", "gone");
  return g_variant_ref_sink (g_variant_dict_end (&out));
}
