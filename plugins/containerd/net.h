/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Networks of containers: a bridge with addresses from one subnet, and ports of the machine. The namespace is made by the runtime with the
 * task and filled before that starts; what was given out is written down beside the container until it is given back.
 */
#pragma once

#include "call.h"

typedef struct _CtrNets CtrNets;

CtrNets *ctr_nets_new  (void);
void     ctr_nets_free (CtrNets *self);

/* Is a workload of @spec on the bridge? */
gboolean ctr_net_is_bridged (const CtrConfig *config, GVariant *spec);
/* At the create: writes down what its starts are to ask for. */
gboolean ctr_net_plan  (TholeDriver *driver, const char *container, GVariant *spec, GError **error);

/* An address and its ports for the task whose process is @pid; nothing for one that is not on the bridge. Errors: CONFLICT (a port is
 * taken), UNSUPPORTED, FAILED. After a failure nothing is left.
 * Both come to their end though the task is cancelled, one after the other for each container; of one that was cancelled nothing is left. */
void     ctr_net_up    (GTask *task, const char *container, guint pid, CtrNext next);
/* Gives it back. Nothing to give back is fine. What cannot be given back stays written down. */
void     ctr_net_down  (GTask *task, const char *container, CtrNext next);
/* Into a "workload": `addresses`, `ports`; none of one that does not run. */
void     ctr_net_show  (TholeDriver *driver, const char *container, gboolean runs, GVariantDict *out);

/* Reads what is written down; in the background gives back what belonged to tasks that have ended meanwhile. */
void     ctr_net_sweep (TholeDriver *driver);
