/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One question, one answer, with a deadline; as a step of a task of ours.
 */
#pragma once

#include "driver.h"
#include "proto/services.pb-c.h"

#define CTR_CALL_SECONDS 30.0

static inline void
ctr_message_free (ProtobufCMessage *message)
{
  protobuf_c_message_free_unpacked (message, NULL);
}

/* Returns: (transfer full) */
ProtobufCMessage *ctr_message_copy (const ProtobufCMessage *message);

/* What follows a step. @value (transfer none) (nullable): the answer, NULL with @error (transfer none). Runs unless the
 * backend was closed for good; then the task has ended. */
typedef void (*CtrNext) (GTask *task, gpointer value, GError *error);

typedef struct
{
  const char *method;                     /* "Tasks/Get": see call.c */
  const ProtobufCMessage *message;
  const ProtobufCMessageDescriptor *reply; /* NULL = nothing is expected */
  const char *lease;
  double seconds;                         /* 0 = CTR_CALL_SECONDS, < 0 = none */
} CtrCall;

/* Makes @call for @task, whose data begins with a CtrJob, and goes on with @next. The task's cancellable ends it. */
void ctr_call (GTask *task, const CtrCall *call, CtrNext next);

/* Who waits for work that comes to its end without its caller, too: when @task is cancelled, @next gets G_IO_ERROR_CANCELLED from the main
 * loop, and what the work says later is dropped. */
typedef struct _CtrWait CtrWait;

CtrWait *ctr_wait_new     (GTask *task, CtrNext next);
/* Calls the @next of ctr_wait_new() unless that was done; @self is gone then. */
void     ctr_wait_end     (CtrWait *self, gpointer value, GError *error);
/* Has the caller gone? */
gboolean ctr_wait_is_over (const CtrWait *self);

/* Returns a copy of @error from the task. */
void ctr_fail (GTask *task, const GError *error);
gboolean ctr_is (const GError *error, int code);
/* Does @error leave open whether the engine has done it? */
gboolean ctr_is_unsure (const GError *error);

#define ctr_driver_of(task) (((CtrJob *) g_task_get_task_data (task))->driver)
