/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One step of the drive: a few calls of the engine, one after another, and one outcome that is stored.
 */
#pragma once

#include "operations/subject.h"

/* intent of a start: the object of the install step is still to be removed */
#define THOLE_INTENT_CLEAR_INSTALL "clear-install"

typedef struct _TholeStep TholeStep;
typedef void (*TholeStepFunc) (TholeStep *step);

struct _TholeStep
{
  TholeSubject *subject;
  TholeBackend *backend;      /* (nullable): only for thole_step_orphaned */
  GCancellable *cancel;
  guint phase;                /* of the step's own */
  GVariant *spec;             /* given to the driver */
  char *text;                 /* of the step's own */
  guint64 token;              /* of the progress of a pull */
  GSource *timer;             /* of the step's own */
  void (*then) (TholeStep *step, TholeSlotResult *result, const GError *error);
  TholeInput input;           /* the outcome */
  char *code, *reason;        /* for its state_reason */
  const char *slot;           /* the call of the engine that matters for its outcome */
  char *answer;               /* and what it answered, NULL = done */
  gint64 called_at, answered_at; /* µs monotonic */
  gint64 since;               /* µs monotonic, of the step's own */
  GVariant *seen;             /* what the engine says of it */
  GVariant *created;          /* what create returned */
};

void thole_step_begin (TholeSubject *subject, TholeBackend *backend, TholeStepFunc run);
/* Calls a slot for the subject; @then comes exactly once. Cancelled with the step. */
void thole_step_call  (TholeStep *step, TholeSlot slot, const TholeSlotArgs *args,
                       void (*then) (TholeStep *step, TholeSlotResult *result, const GError *error));
/* Creates step->spec at the engine, with the secrets that the workload refers to. @options: (nullable) */
void thole_step_create (TholeStep *step, const TholeSlotArgs *args, GVariant *options,
                        void (*then) (TholeStep *step, TholeSlotResult *result, const GError *error));
/* The end: stores the outcome (@input THOLE_N_INPUTS = only what was seen or created). */
void thole_step_done  (TholeStep *step, TholeInput input);
/* The end: inspects first, then stores the outcome with what was seen. */
void thole_step_done_seen (TholeStep *step, TholeInput input);
/* The end: it failed. Decides whether that is an outcome or worth another attempt. */
void thole_step_fail  (TholeStep *step, const GError *error);
/* The end without an outcome; the drive goes on with what is to be done now. */
void thole_step_end   (TholeStep *step);

/* For thole_change_commit(): the end of a step whose outcome is stored, or has to be tried again. */
void thole_step_stored (gpointer step, const GError *error);

/* Notes in @change what the engine was asked for and answered. */
void thole_step_cause  (TholeStep *step, TholeChange *change);

/* The steps. */
void thole_step_look      (TholeStep *step);
void thole_step_provision (TholeStep *step);
void thole_step_install   (TholeStep *step);
void thole_step_start     (TholeStep *step);
void thole_step_stop      (TholeStep *step);
void thole_step_pause     (TholeStep *step);
void thole_step_unpause   (TholeStep *step);
void thole_step_update    (TholeStep *step);
void thole_step_delete    (TholeStep *step);
void thole_step_orphaned  (TholeStep *step); /* its backend is not configured any more */

/* The spec as it goes to the driver: without what is the core's alone, with the daemon's defaults. Returns: (transfer full) */
GVariant *thole_step_spec (TholeSubject *subject, gboolean install);
/* Returns: (transfer full): the id that a volume of @owner has at the engine */
char     *thole_volume_id (const char *owner, const char *name);
/* Returns: (transfer full): the id of the object of the install step */
char     *thole_install_id (TholeSubject *subject);

/* Another attempt after a pause (drive.c). */
void thole_drive_retry (TholeSubject *subject);
