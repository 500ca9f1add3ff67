/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verb.h"

THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_start, "workload.start")
THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_stop, "workload.stop")
THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_restart, "workload.restart")
THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_kill, "workload.kill")
THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_pause, "workload.pause")
THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_unpause, "workload.unpause")
THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_suspend, "workload.suspend")
THOLE_DEFINE_VERB (TholeWorkload, THOLE_IS_WORKLOAD, thole_workload_unsuspend, "workload.unsuspend")
