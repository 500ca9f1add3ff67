/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "app-measure.h"

#include "state/workload-state.h"

static const TholeMetricDef workloads = {
  "thole_workloads", THOLE_METRIC_GAUGE, NULL, "Workloads by state", { "state", NULL }, NULL, 0,
};
static const TholeMetricDef backends = {
  "thole_backend_ready", THOLE_METRIC_GAUGE, NULL, "1 when the backend can be used", { "backend", "driver" }, NULL, 0,
};
static const TholeMetricDef transactions = {
  "thole_store_transactions", THOLE_METRIC_GAUGE, NULL, "Transactions committed since the start", { NULL }, NULL, 0,
};
static const TholeMetricDef groups = {
  "thole_store_groups", THOLE_METRIC_GAUGE, NULL, "Groups of transactions committed together since the start", { NULL }, NULL, 0,
};
static const TholeMetricDef failures = {
  "thole_store_failures", THOLE_METRIC_GAUGE, NULL, "Transactions that failed since the start", { NULL }, NULL, 0,
};
static const TholeMetricDef newest = {
  "thole_event_newest", THOLE_METRIC_GAUGE, NULL, "Number of the newest event", { NULL }, NULL, 0,
};
static const TholeMetricDef readers = {
  "thole_event_readers", THOLE_METRIC_GAUGE, NULL, "Readers that follow events", { NULL }, NULL, 0,
};

static const TholeMetricDef hashed = {
  "thole_password_hashes", THOLE_METRIC_GAUGE, NULL, "Passwords hashed since the start; each costs 64 MiB for a moment", { NULL }, NULL, 0,
};

static void
set (TholeMetrics *metrics, const TholeMetricDef *def, double value)
{
  thole_metric_set (thole_metrics_get (metrics, def, NULL, NULL), value);
}

static void
collect (TholeMetrics *metrics, gpointer user_data)
{
  TholeMeasured *self = user_data;
  GPtrArray *all = thole_registry_backends (self->registry);
  guint counts[THOLE_WORKLOAD_N_STATE];
  TholeDbCounters counters;

  thole_operations_count (self->operations, counts);
  for (int state = 0; state < THOLE_WORKLOAD_N_STATE; state++)
    thole_metric_set (thole_metrics_get (metrics, &workloads, thole_state_name (state), NULL), counts[state]);
  for (guint i = 0; i < all->len; i++)
    {
      TholeBackend *backend = all->pdata[i];

      thole_metric_set (thole_metrics_get (metrics, &backends, thole_backend_get_name (backend), thole_backend_get_driver (backend)),
                        thole_backend_get_state (backend) == THOLE_BACKEND_READY);
    }
  thole_db_counters (self->db, &counters);
  set (metrics, &transactions, (double) counters.transactions);
  set (metrics, &groups, (double) counters.groups);
  set (metrics, &failures, (double) counters.failures);
  set (metrics, &newest, (double) thole_event_log_newest (self->events));
  set (metrics, &hashed, thole_passwords_hashed (thole_accounts_passwords (thole_identity_accounts (self->operations->identity))));
  set (metrics, &readers, thole_event_log_readers (self->events));
}

void
thole_app_measure (TholeMetrics *metrics, TholeMeasured *measured)
{
  thole_metrics_collector (metrics, collect, measured);
}
