/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One numbered record of a change. Immutable but for the number, which COMMIT gives.
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  gint ref_count;
  gint64 seq;        /* 0 until committed; dense, from 1 */
  gint64 time;       /* µs since the epoch */
  char *type;        /* "workload.state" */
  char *subject;     /* id of the object */
  char *owner;       /* of the object: who may see it */
  char *actor;       /* who did it: a principal, "policy", "engine" or "daemon" */
  char *data;        /* a JSON object */
  GBytes *json;      /* rendered at the first use; main thread only */
} TholeEvent;

/* @data: (transfer full): JSON object text. Returns: (transfer full) */
TholeEvent *thole_event_new   (gint64 time, const char *type, const char *subject, const char *owner,
                               const char *actor, char *data);
TholeEvent *thole_event_ref   (TholeEvent *event);
void        thole_event_unref (TholeEvent *event);
/* Returns: (transfer none): {"seq","time","type","subject","actor","data"} */
GBytes     *thole_event_json  (TholeEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeEvent, thole_event_unref)
