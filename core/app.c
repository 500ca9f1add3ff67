/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "app.h"

#include "access/secret-file.h"
#include "app-measure.h"
#include "base/log.h"
#include "http/http.h"
#include "operations/context.h"
#include "operations/secret.h"
#include "schedule/health.h"
#include "schedule/reconcile.h"
#include "store/restore.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_PAUSE (10 * 1000)

struct _TholeApp
{
  TholeAppOptions options;
  TholeConfig *config;
  TholeClock *clock;
  char *state_dir, *runtime_dir;
  TholeIdentity *identity;
  TholeAccounts *accounts;
  TholeRates *rates;
  TholeVault *vault;
  GPtrArray *proxies;    /* of GInetAddressMask */
  TholeTickets *tickets;
  TholeDb *db;
  TholeEventLog *events;
  TholeRegistry *registry;
  TholeOperations *operations;
  TholeHealth *health;
  TholeReconcile *reconcile;
  TholeMetrics *metrics;
  TholeMeasured measured;
  TholeHttp *http;
  char **origins;

  /* shutdown */
  gboolean stopping;
  gboolean http_down;
  gint64 stop_by;        /* µs monotonic */
  GCancellable *cut;
  GSource *timer;
  guint closing;         /* backends that are not closed yet */
  void (*stopped) (gpointer user_data);
  gpointer user_data;
};

/* where things are -------------------------------------------------------------------------------------- */

static char *
default_dir (const char *given, const char *system, const char *user_base)
{
  if (given != NULL)
    return g_canonicalize_filename (given, NULL);
  return getuid () == 0 ? g_strdup (system) : g_build_filename (user_base, "thole", NULL);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *) a, *(const char *const *) b);
}

/* thole.conf and thole.conf.d/ *.conf in the order of their names, as far as they exist */
static char **
default_files (void)
{
  g_autofree char *base = getuid () == 0 ? g_strdup ("/etc/thole") : g_build_filename (g_get_user_config_dir (), "thole", NULL);
  g_autofree char *folder = g_build_filename (base, "thole.conf.d", NULL);
  g_autoptr (GPtrArray) files = g_ptr_array_new ();
  g_autoptr (GPtrArray) parts = g_ptr_array_new ();
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autofree char *first = g_build_filename (base, "thole.conf", NULL);
  const char *name;

  if (g_file_test (first, G_FILE_TEST_EXISTS))
    g_ptr_array_add (files, g_steal_pointer (&first));
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, ".conf"))
      g_ptr_array_add (parts, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (parts, compare_names);
  for (guint i = 0; i < parts->len; i++)
    g_ptr_array_add (files, parts->pdata[i]);
  g_ptr_array_add (files, NULL);
  return (char **) g_ptr_array_steal (files, NULL);
}

TholeApp *
thole_app_new (const TholeAppOptions *options, GError **error)
{
  g_autoptr (GPtrArray) set = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) files = options->config_files != NULL ? g_strdupv (options->config_files) : default_files ();
  const struct { const char *key, *value; } named[] = {
    { "log_level", options->log_level }, { "tls_certificate", options->tls_certificate }, { "tls_key", options->tls_key },
  };
  TholeConfig *config;
  TholeApp *self;

  for (guint i = 0; options->set != NULL && options->set[i] != NULL; i++)
    g_ptr_array_add (set, g_strdup (options->set[i]));
  for (guint i = 0; i < G_N_ELEMENTS (named); i++)
    if (named[i].value != NULL)
      g_ptr_array_add (set, g_strconcat ("daemon.", named[i].key, "=", named[i].value, NULL));
  g_ptr_array_add (set, NULL);
  config = thole_config_load ((const char *const *) files, (const char *const *) set->pdata, TRUE, error);
  if (config == NULL)
    return NULL;
  self = g_new0 (TholeApp, 1);
  self->config = config;
  self->options.listen = g_strdupv (options->listen);
  self->options.restore = options->restore != NULL ? g_canonicalize_filename (options->restore, NULL) : NULL;
  self->options.replace = options->replace;
  self->clock = thole_clock_system ();
  self->state_dir = default_dir (options->state_dir, "/var/lib/thole", g_get_user_state_dir ());
  self->runtime_dir = default_dir (options->runtime_dir, "/run/thole", g_get_user_runtime_dir ());
  self->cut = g_cancellable_new ();
  return self;
}

/* start ------------------------------------------------------------------------------------------------- */

static gboolean
make_folder (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0700) == 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "cannot make the folder %s: %s", path, g_strerror (errno));
  return FALSE;
}

static gint64
microseconds (TholeConfig *config, const char *section, const char *key)
{
  return (gint64) (thole_config_number (config, section, key) * G_USEC_PER_SEC);
}

static gboolean
restore (TholeApp *self, const char *uri, GError **error)
{
  g_autofree char *aside = NULL;

  if (!thole_store_restore (self->options.restore, uri, self->options.replace, self->clock, &aside, error))
    return FALSE;
  g_message ("restored %s%s%s", self->options.restore, aside != NULL ? "; the store before is kept as " : "",
             aside != NULL ? aside : "");
  return TRUE;
}

static gboolean
open_store (TholeApp *self, GError **error)
{
  const char *store = thole_config_string (self->config, "daemon", "store");
  g_autofree char *uri = g_strcmp0 (store, "sqlite:") == 0 ? g_strconcat ("sqlite:", self->state_dir, "/thole.db", NULL)
                                                          : g_strdup (store);
  guchar key[THOLE_AUDIT_HASH];

  if (self->options.restore != NULL && !restore (self, uri, error))
    return FALSE;
  self->db = thole_db_open (uri, self->clock, THOLE_DB_THREADED, error);
  if (self->db == NULL)
    return FALSE;
  if (!thole_secret_file_key (self->state_dir, "audit-key", key, sizeof key, error))
    return FALSE;
  thole_db_set_audit_key (self->db, key);
  self->events = thole_event_log_new (self->db, (guint) thole_config_int (self->config, "events", "ring"));
  thole_event_log_set_keep (self->events, self->clock, thole_config_int (self->config, "events", "keep"),
                            microseconds (self->config, "events", "keep_age"));
  return TRUE;
}

/* the registry names the keys that its drivers refuse; where each was given is what the configuration knows */
static void
name_places (TholeConfig *config, const char *backend, GVariant *keys, GError **error)
{
  g_autofree char *message = g_strdup ((*error)->message);
  GVariantIter iter;
  const char *key;

  g_variant_iter_init (&iter, keys);
  while (g_variant_iter_next (&iter, "{&sv}", &key, NULL))
    {
      g_autofree char *word = g_strdup_printf ("\\bkey %s\\b|\\b%s:", key, key);

      if (g_regex_match_simple (word, message, 0, 0))
        g_prefix_error (error, "%s: ", thole_config_backend_place (config, backend, key));
    }
}

static gboolean
open_backends (TholeApp *self, GError **error)
{
  g_auto (GStrv) names = thole_config_backends (self->config);
  TholeRegistryOptions options = {
    .instance = thole_db_instance (self->db),
    .runtime_dir = self->runtime_dir,
    .state_dir = self->state_dir,
    .driver_path = g_getenv ("THOLE_DRIVER_PATH"),
    .clock = self->clock,
  };

  self->registry = thole_registry_new (&options);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autoptr (GVariant) config = thole_config_backend (self->config, names[i]);

      if (thole_registry_add (self->registry, names[i], config, error) == NULL)
        {
          name_places (self->config, names[i], config, error);
          return FALSE;
        }
    }
  return TRUE;
}

/* (nullable) */
static const char *
agent_path (TholeConfig *config)
{
  const char *given = thole_config_string (config, "daemon", "agent");
  const char *path = given[0] != '\0' ? given : THOLE_AGENT_PATH;

  return strcmp (given, "none") != 0 && g_file_test (path, G_FILE_TEST_IS_EXECUTABLE) ? path : NULL;
}

static gboolean
open_accounts (TholeApp *self, GError **error)
{
  TholeIdentityOptions options = {
    .state_dir = self->state_dir,
    .token_keys = thole_config_string (self->config, "auth", "token_keys"),
    .token_life = microseconds (self->config, "auth", "token_life"),
    .development = strcmp (thole_config_string (self->config, "auth", "mode"), "dev") == 0,
  };

  self->accounts = thole_accounts_new (self->db, self->clock, error);
  if (self->accounts == NULL)
    return FALSE;
  self->vault = thole_vault_new (self->state_dir, error);
  return self->vault != NULL && thole_identity_open (self->identity, self->accounts, self->clock, &options, error);
}

static void
open_rates (TholeApp *self)
{
  TholeRateLimits limits = {
    .key = (guint) thole_config_int (self->config, "limits", "key_rate"),
    .user = (guint) thole_config_int (self->config, "limits", "user_rate"),
    .address = (guint) thole_config_int (self->config, "limits", "address_rate"),
    .local = (guint) thole_config_int (self->config, "limits", "local_rate"),
  };

  self->rates = thole_rates_new (self->clock, &limits);
}

static gboolean
open_operations (TholeApp *self, GError **error)
{
  TholeConfig *config = self->config;
  TholeLimits limits = {
    .queue = (guint) thole_config_int (config, "limits", "queue"),
    .operations = (guint) thole_config_int (config, "limits", "operations"),
    .operation_age = microseconds (config, "limits", "operation_age"),
    .idempotency_age = microseconds (config, "limits", "idempotency_age"),
    .idempotency_keys = (guint) thole_config_int (config, "limits", "idempotency_keys"),
    .workloads = thole_config_int (config, "limits", "workloads"),
    .running = thole_config_int (config, "limits", "running"),
    .owner_cpu = thole_config_number (config, "limits", "cpu"),
    .owner_memory = thole_config_int (config, "limits", "memory"),
    .owner_storage = thole_config_int (config, "limits", "storage"),
    .key_running = thole_config_int (config, "limits", "key_running"),
    .execs = (guint) thole_config_int (config, "limits", "exec"),
    .sessions = (guint) thole_config_int (config, "limits", "sessions"),
    .caller_sessions = (guint) thole_config_int (config, "limits", "caller_sessions"),
    .agent = agent_path (config),
    .provision_timeout = microseconds (config, "workload", "provision_timeout"),
    .orphan_grace = microseconds (config, "reconcile", "orphan_grace"),
    .audit = thole_config_int (config, "audit", "keep"),
    .audit_age = microseconds (config, "audit", "keep_age"),
    .never_destroy = thole_config_bool (config, "reconcile", "never_destroy"),
    .memory = thole_config_int (config, "workload", "memory"),
    .pids = thole_config_int (config, "workload", "pids"),
    .cpu = thole_config_number (config, "workload", "cpu"),
  };

  self->operations = thole_operations_new (self->clock, self->db, self->events, self->registry, &limits, error);
  if (self->operations == NULL)
    return FALSE;
  self->operations->identity = self->identity;
  self->operations->rates = self->rates;
  self->operations->vault = self->vault;
  thole_secrets_renew (self->operations);
  self->health = thole_health_new (self->operations);
  self->reconcile = thole_reconcile_new (self->operations, microseconds (config, "reconcile", "period"));
  return TRUE;
}

/* one sentence for each thing that is not as it should be */
static char **
ready_reasons (gpointer user_data)
{
  TholeApp *self = user_data;
  GPtrArray *backends = thole_registry_backends (self->registry);
  GPtrArray *reasons = g_ptr_array_new ();
  const char *trouble = thole_db_trouble (self->db);

  if (self->stopping)
    g_ptr_array_add (reasons, g_strdup ("the daemon is going down"));
  if (trouble != NULL)
    g_ptr_array_add (reasons, g_strdup_printf ("store: %s", trouble));
  for (guint i = 0; i < backends->len; i++)
    {
      TholeBackend *backend = backends->pdata[i];
      TholeBackendState state = thole_backend_get_state (backend);

      if (state != THOLE_BACKEND_READY)
        g_ptr_array_add (reasons, g_strdup_printf ("backend %s is %s%s%s", thole_backend_get_name (backend),
                                                   thole_backend_state_name (state),
                                                   thole_backend_get_reason (backend)[0] != '\0' ? ": " : "",
                                                   thole_backend_get_reason (backend)));
    }
  g_ptr_array_add (reasons, NULL);
  return (char **) g_ptr_array_free (reasons, FALSE);
}

static gboolean
serve (TholeApp *self, GError **error)
{
  g_auto (GStrv) configured = thole_config_list (self->config, "daemon", "listen");
  g_autofree char *standard = g_strconcat ("unix:", self->runtime_dir, "/thole.sock", NULL);
  char *fallback[] = { standard, NULL };
  char **addresses = self->options.listen != NULL ? self->options.listen : configured[0] != NULL ? configured : fallback;
  TholeHttpOptions options = {
    .clock = self->clock, .identity = self->identity, .metrics = self->metrics, .version = THOLE_VERSION,
    .operations = thole_operations, .n_operations = THOLE_N_OPS,
    .dispatch = thole_operations_dispatch, .dispatch_data = self->operations,
    .ready = ready_reasons, .ready_data = self, .rates = self->rates, .tickets = self->tickets,
  };

  self->proxies = thole_http_proxies (self->config, error);
  if (self->proxies == NULL)
    return FALSE;
  options.trusted_proxies = self->proxies;
  thole_http_options_configure (&options, self->config);
  self->origins = thole_config_list (self->config, "http", "origins");
  options.origins = (const char *const *) self->origins;
  self->http = thole_http_new (&options, error);
  for (guint i = 0; self->http != NULL && addresses[i] != NULL; i++)
    if (!thole_http_listen (self->http, addresses[i], error))
      return FALSE;
  return self->http != NULL;
}

static gboolean
open_all (TholeApp *self, GError **error)
{
  g_autofree char *token = g_build_filename (self->state_dir, "bootstrap-token", NULL);

  if (!make_folder (self->state_dir, error) || !make_folder (self->runtime_dir, error))
    return FALSE;
  self->identity = thole_identity_new (token, error);
  open_rates (self);
  if (self->identity == NULL || !open_store (self, error) || !open_accounts (self, error) || !open_backends (self, error)
      || !open_operations (self, error))
    return FALSE;
  self->tickets = thole_tickets_new (self->clock);
  self->operations->tickets = self->tickets;
  self->metrics = thole_metrics_new ();
  thole_metrics_process (self->metrics);
  self->measured = (TholeMeasured) { self->operations, self->db, self->events, self->registry };
  thole_app_measure (self->metrics, &self->measured);
  return serve (self, error);
}

gboolean
thole_app_start (TholeApp *self, void (*stopped) (gpointer user_data), gpointer user_data, GError **error)
{
  GPtrArray *backends;

  thole_log_setup (thole_config_string (self->config, "daemon", "log_level"));
  self->stopped = stopped;
  self->user_data = user_data;
  if (!open_all (self, error))
    return FALSE;
  backends = thole_registry_backends (self->registry);
  for (guint i = 0; i < backends->len; i++)
    thole_backend_start (backends->pdata[i]);
  return TRUE;
}

char **
thole_app_addresses (TholeApp *self)
{
  return thole_http_addresses (self->http);
}

/* stop: refuse, drain, close; each step waits for the one before ------------------------------------------ */

static gboolean
all_closed (gpointer user_data)
{
  TholeApp *self = user_data;

  thole_source_clear (&self->timer);
  self->stopped (self->user_data);
  return G_SOURCE_REMOVE;
}

static void
backend_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeApp *self = user_data;
  g_autoptr (GError) error = NULL;

  if (!thole_backend_close_finish (THOLE_BACKEND (source), result, &error))
    g_warning ("backend %s: %s", thole_backend_get_name (THOLE_BACKEND (source)), error->message);
  if (--self->closing == 0)
    self->timer = thole_clock_timer (self->clock, 0, all_closed, self);
}

static void
close_backends (TholeApp *self)
{
  GPtrArray *backends = thole_registry_backends (self->registry);

  self->closing = 1;
  for (guint i = 0; i < backends->len; i++)
    {
      self->closing++;
      thole_backend_close_async (backends->pdata[i], backend_closed, self);
    }
  if (--self->closing == 0)
    self->timer = thole_clock_timer (self->clock, 0, all_closed, self);
}

static gboolean
drained (gpointer user_data)
{
  TholeApp *self = user_data;
  guint busy = thole_operations_busy (self->operations);
  guint pending = thole_db_pending (self->db);

  if (self->http_down && busy == 0 && pending == 0)
    {
      thole_source_clear (&self->timer);
      close_backends (self);
      return G_SOURCE_REMOVE;
    }
  if (thole_clock_monotonic (self->clock) < self->stop_by)
    return G_SOURCE_CONTINUE;
  g_warning ("still busy after the time to drain: %s%u operations, %u transactions", self->http_down ? "" : "HTTP requests, ",
             busy, pending);
  thole_source_clear (&self->timer);
  g_cancellable_cancel (self->cut);
  close_backends (self);
  return G_SOURCE_REMOVE;
}

static void
http_down (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeApp *self = user_data;

  thole_http_shutdown_finish (self->http, result, NULL);
  self->http_down = TRUE;
}

void
thole_app_stop (TholeApp *self)
{
  if (self->stopping)
    return;
  self->stopping = TRUE;
  self->stop_by = thole_clock_monotonic (self->clock) + microseconds (self->config, "daemon", "shutdown_timeout");
  g_clear_pointer (&self->health, thole_health_free);
  g_clear_pointer (&self->reconcile, thole_reconcile_free);
  thole_operations_drain (self->operations);
  thole_http_shutdown_async (self->http, self->cut, http_down, self);
  self->timer = thole_clock_timer (self->clock, DRAIN_PAUSE, drained, self);
}

void
thole_app_free (TholeApp *self)
{
  thole_source_clear (&self->timer);
  g_clear_pointer (&self->http, thole_http_free);
  g_clear_pointer (&self->metrics, thole_metrics_free);
  g_clear_pointer (&self->health, thole_health_free);
  g_clear_pointer (&self->reconcile, thole_reconcile_free);
  g_clear_pointer (&self->operations, thole_operations_free);
  g_clear_pointer (&self->registry, thole_registry_free);
  g_clear_pointer (&self->events, thole_event_log_free);
  g_clear_pointer (&self->db, thole_db_close);
  g_clear_pointer (&self->accounts, thole_accounts_free);
  g_clear_pointer (&self->tickets, thole_tickets_free);
  g_clear_pointer (&self->identity, thole_identity_free);
  g_clear_pointer (&self->rates, thole_rates_free);
  g_clear_pointer (&self->vault, thole_vault_free);
  g_clear_pointer (&self->proxies, g_ptr_array_unref);
  g_strfreev (self->origins);
  g_clear_pointer (&self->config, thole_config_free);
  g_clear_object (&self->cut);
  g_strfreev (self->options.listen);
  g_free (self->options.restore);
  g_free (self->state_dir);
  g_free (self->runtime_dir);
  g_free (self);
}
