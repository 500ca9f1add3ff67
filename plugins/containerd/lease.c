/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "lease.h"

#define LIFE (24 * 3600 * G_TIME_SPAN_SECOND)

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
} Make;

static void
make_clear (gpointer data)
{
  g_object_unref (((Make *) data)->outer);
}

static void
on_made (GTask *task, gpointer value, GError *error)
{
  Make *self = g_task_get_task_data (task);

  self->next (self->outer, NULL, ctr_is (error, THOLE_ERROR_EXISTS) ? NULL : error);
  g_task_return_boolean (task, TRUE);
}

void
ctr_lease_make (GTask *task, const char *name, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  g_autoptr(GTask) inner = ctr_job_new (driver, sizeof (Make), make_clear, NULL, g_task_get_cancellable (task), NULL, NULL);
  Make *self = g_task_get_task_data (inner);
  char expiry[THOLE_TIME_LENGTH];
  Ctr__Label label = CTR__LABEL__INIT;
  Ctr__Label *labels[] = { &label };
  Ctr__LeaseCreate request = CTR__LEASE_CREATE__INIT;
  CtrCall call = { .method = "Leases/Create", .message = &request.base };

  self->outer = g_object_ref (task);
  self->next = next;
  label.key = (char *) "containerd.io/gc.expire";
  label.value = (char *) thole_time_format (ctr_now (driver) + LIFE, expiry);
  request.id = (char *) name;
  request.labels = labels;
  request.n_labels = 1;
  ctr_call (inner, &call, on_made);
}

static void
on_dropped (GTask *task, gpointer value, GError *error)
{
  if (error != NULL && !ctr_is (error, THOLE_ERROR_NOT_FOUND))
    ctr_log (ctr_driver_of (task), G_LOG_LEVEL_INFO, "a lease stays behind for a day: %s", error->message);
  g_task_return_boolean (task, TRUE);
}

void
ctr_lease_drop (TholeDriver *driver, const char *name)
{
  g_autoptr(GTask) task = ctr_job_new (driver, sizeof (CtrJob), NULL, NULL, NULL, NULL, NULL);
  Ctr__LeaseDelete request = CTR__LEASE_DELETE__INIT;
  CtrCall call = { .method = "Leases/Delete", .message = &request.base };

  request.id = (char *) name;
  ctr_call (task, &call, on_dropped);
}
