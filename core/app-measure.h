/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "metrics/registry.h"
#include "operations/context.h"

/* Adds the figures of workloads, store, events and backends to /metrics. All stay valid as long as @metrics. */
typedef struct
{
  TholeOperations *operations;
  TholeDb *db;
  TholeEventLog *events;
  TholeRegistry *registry;
} TholeMeasured;

void thole_app_measure (TholeMetrics *metrics, TholeMeasured *measured);
