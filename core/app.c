/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "app.h"

#include "access/audit-export.h"
#include "access/secret-file.h"
#include "app-measure.h"
#include "app-settings.h"
#include "base/log.h"
#include "base/service.h"
#include "bus/bus.h"
#include "http/http.h"
#include "operations/context.h"
#include "operations/secret.h"
#include "operations/strangers.h"
#include "operations/trail.h"
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
  char *state_dir, *runtime_dir, *recordings;
  TholeIdentity *identity;
  TholeAccounts *accounts;
  TholeRates *rates;
  TholeVault *vault;
  GPtrArray *proxies;    /* of GInetAddressMask */
  TholeTickets *tickets;
  TholeDb *db;
  TholeAuditExport *audit_export; /* (nullable) */
  char *audit_found;     /* (nullable): what is not as it should be */
  TholeEventLog *events;
  TholeRegistry *registry;
  TholeOperations *operations;
  TholeHealth *health;
  TholeReconcile *reconcile;
  TholeMetrics *metrics;
  TholeMeasured measured;
  TholeHttp *http;
  TholeBus *bus;         /* (nullable) */
  char **origins;
  char *tls[3];          /* (nullable): credentials of the service: certificate, key, authority of clients */
  TholeLog *log;

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

static void
copy_options (TholeAppOptions *copy, const TholeAppOptions *options)
{
  *copy = (TholeAppOptions) {
    .config_files = g_strdupv (options->config_files),
    .set = g_strdupv (options->set),
    .listen = g_strdupv (options->listen),
    .log_level = g_strdup (options->log_level),
    .tls_certificate = g_strdup (options->tls_certificate),
    .tls_key = g_strdup (options->tls_key),
    .restore = options->restore != NULL ? g_canonicalize_filename (options->restore, NULL) : NULL,
    .replace = options->replace,
    .bus_address = g_strdup (options->bus_address),
    .session_bus = options->session_bus,
    .no_bus = options->no_bus,
    .inherited = options->inherited != NULL ? g_ptr_array_ref (options->inherited) : NULL,
  };
}

static void
clear_options (TholeAppOptions *options)
{
  g_strfreev (options->config_files);
  g_strfreev (options->set);
  g_strfreev (options->listen);
  g_free (options->log_level);
  g_free (options->tls_certificate);
  g_free (options->tls_key);
  g_free (options->restore);
  g_free (options->bus_address);
  g_clear_pointer (&options->inherited, g_ptr_array_unref);
}

TholeApp *
thole_app_new (const TholeAppOptions *options, GError **error)
{
  TholeConfig *config = thole_app_load_config (options, error);
  TholeApp *self;

  if (config == NULL)
    return NULL;
  self = g_new0 (TholeApp, 1);
  self->config = config;
  copy_options (&self->options, options);
  self->clock = thole_clock_system ();
  self->state_dir = thole_app_folder (options->state_dir, "STATE", "/var/lib/thole", g_get_user_state_dir ());
  self->runtime_dir = thole_app_folder (options->runtime_dir, "RUNTIME", "/run/thole", g_get_user_runtime_dir ());
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
open_audit (TholeApp *self, GError **error)
{
  const char *to = thole_config_string (self->config, "audit", "export");
  g_autofree char *head = g_build_filename (self->state_dir, "audit-head", NULL);

  if (!thole_db_set_audit_head (self->db, head, self->options.restore != NULL, &self->audit_found, error))
    return FALSE;
  if (strcmp (to, "none") == 0)
    return TRUE;
  self->audit_export = thole_audit_export_new (strcmp (to, "journal") == 0 ? THOLE_AUDIT_TO_JOURNAL : THOLE_AUDIT_TO_SYSLOG,
                                               thole_config_string (self->config, "audit", "export_socket"), self->clock);
  thole_db_set_auditor (self->db, thole_audit_export_row, self->audit_export);
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
  if (!open_audit (self, error))
    return FALSE;
  self->events = thole_event_log_new (self->db, (guint) thole_config_int (self->config, "events", "ring"));
  thole_event_log_set_keep (self->events, self->clock, thole_config_int (self->config, "events", "keep"),
                            thole_app_microseconds (self->config, "events", "keep_age"));
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
    .token_life = thole_app_microseconds (self->config, "auth", "token_life"),
    .development = strcmp (thole_config_string (self->config, "auth", "mode"), "dev") == 0,
  };

  self->accounts = thole_accounts_new (self->db, self->clock, error);
  if (self->accounts == NULL)
    return FALSE;
  self->vault = thole_vault_new (self->state_dir, error);
  return self->vault != NULL && thole_identity_open (self->identity, self->accounts, self->clock, &options, error);
}

static gboolean
open_operations (TholeApp *self, GError **error)
{
  TholeConfig *config = self->config;
  TholeLimits limits = thole_app_limits (config);

  limits.agent = agent_path (config);
  limits.recordings = self->recordings;
  limits.uploads = self->state_dir;
  self->operations = thole_operations_new (self->clock, self->db, self->events, self->registry, &limits, error);
  if (self->operations == NULL)
    return FALSE;
  self->operations->identity = self->identity;
  thole_identity_let_helpers (self->identity, thole_helper_find, self->operations);
  self->operations->rates = self->rates;
  self->operations->vault = self->vault;
  thole_secrets_renew (self->operations);
  if (self->audit_found != NULL)
    thole_trail_found (self->operations, self->audit_found);
  self->health = thole_health_new (self->operations);
  self->reconcile = thole_reconcile_new (self->operations, thole_app_microseconds (config, "reconcile", "period"));
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

/* the addresses that @self is to serve, but those that the service manager has opened for it */
static gboolean
listen_all (TholeApp *self, GError **error)
{
  g_auto (GStrv) configured = thole_config_list (self->config, "daemon", "listen");
  g_autofree char *standard = g_strconcat ("unix:", self->runtime_dir, "/thole.sock", NULL);
  char *fallback[] = { standard, NULL }, *none[] = { NULL };
  GPtrArray *inherited = self->options.inherited;
  guint n_inherited = inherited != NULL ? inherited->len : 0;
  char **wanted = self->options.listen != NULL ? self->options.listen : configured[0] != NULL ? configured
                  : n_inherited > 0 ? none : fallback;
  g_auto (GStrv) served = NULL;

  for (guint i = 0; i < n_inherited; i++)
    {
      TholeInherited *one = inherited->pdata[i];

      if (!thole_http_adopt (self->http, one->fd, one->name, error))
        return FALSE;
      one->fd = -1;
    }
  served = thole_http_addresses (self->http);
  for (guint i = 0; wanted[i] != NULL; i++)
    {
      g_autofree char *numeric =
        g_str_has_prefix (wanted[i], "localhost:") ? g_strconcat ("127.0.0.1", wanted[i] + strlen ("localhost"), NULL) : NULL;

      if (!g_strv_contains ((const char *const *) served, numeric != NULL ? numeric : wanted[i]) &&
          !thole_http_listen (self->http, wanted[i], error))
        return FALSE;
    }
  return TRUE;
}

/* what [http] says; what it points to is kept in @self until the next time */
static gboolean
configure_http (TholeApp *self, TholeHttpOptions *options, GError **error)
{
  static const char *const names[] = { "tls-certificate", "tls-key", "tls-client-authority" };
  const char **files[] = { &options->tls_certificate, &options->tls_key, &options->tls_client_authority };
  g_autoptr (GPtrArray) proxies = thole_http_proxies (self->config, error);
  g_auto (GStrv) origins = proxies != NULL ? thole_http_origins (self->config, error) : NULL;

  if (origins == NULL)
    return FALSE;
  thole_http_options_configure (options, self->config);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      if (self->tls[i] == NULL)
        self->tls[i] = thole_credential (names[i]);
      if (*files[i] == NULL)
        *files[i] = self->tls[i];
    }
  options->trusted_proxies = g_steal_pointer (&proxies);
  options->origins = (const char *const *) g_steal_pointer (&origins);
  return TRUE;
}

/* after the last use of what they were before */
static void
keep_http (TholeApp *self, const TholeHttpOptions *options)
{
  g_clear_pointer (&self->proxies, g_ptr_array_unref);
  g_strfreev (self->origins);
  self->proxies = options->trusted_proxies;
  self->origins = (char **) options->origins;
}

static gboolean
serve (TholeApp *self, GError **error)
{
  TholeHttpOptions options = {
    .clock = self->clock, .identity = self->identity, .metrics = self->metrics, .version = THOLE_VERSION,
    .operations = thole_operations, .n_operations = THOLE_N_OPS,
    .dispatch = thole_operations_dispatch, .dispatch_data = self->operations, .stranger = thole_strangers_note,
    .ready = ready_reasons, .ready_data = self, .rates = self->rates, .tickets = self->tickets,
  };

  if (!configure_http (self, &options, error))
    return FALSE;
  keep_http (self, &options);
  self->http = thole_http_new (&options, error);
  return self->http != NULL && listen_all (self, error);
}

/* a bus that was asked for must be there; that of the system need not */
static gboolean
serve_bus (TholeApp *self, GError **error)
{
  const TholeBusOptions options = {
    .clock = self->clock, .identity = self->identity, .rates = self->rates, .operations = self->operations,
    .version = THOLE_VERSION, .max_body = (gsize) thole_config_int (self->config, "http", "max_body"),
  };
  TholeBusWhich which = self->options.bus_address != NULL ? THOLE_BUS_AT_ADDRESS
                        : self->options.session_bus       ? THOLE_BUS_OF_SESSION
                                                          : THOLE_BUS_OF_SYSTEM;
  g_autoptr (GError) reason = NULL;

  if (self->options.no_bus)
    return TRUE;
  self->bus = thole_bus_new (&options, which, self->options.bus_address, &reason);
  if (self->bus == NULL && which != THOLE_BUS_OF_SYSTEM)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&reason), "D-Bus: ");
      return FALSE;
    }
  if (self->bus == NULL)
    g_message ("not on the system bus: %s", reason->message);
  return TRUE;
}

static gboolean
open_all (TholeApp *self, GError **error)
{
  g_autofree char *token = thole_secret_file_place (self->state_dir, "bootstrap-token");
  TholeRateLimits rates;

  self->recordings = g_build_filename (self->state_dir, "recordings", NULL);
  if (!make_folder (self->state_dir, error) || !make_folder (self->runtime_dir, error) || !make_folder (self->recordings, error))
    return FALSE;
  self->identity = thole_identity_new (token, error);
  rates = thole_app_rates (self->config);
  self->rates = thole_rates_new (self->clock, &rates);
  if (self->identity == NULL || !open_store (self, error) || !open_accounts (self, error) || !open_backends (self, error)
      || !open_operations (self, error))
    return FALSE;
  self->tickets = thole_tickets_new (self->clock);
  self->operations->tickets = self->tickets;
  self->metrics = thole_metrics_new ();
  thole_metrics_process (self->metrics);
  self->measured = (TholeMeasured) { self->operations, self->db, self->events, self->registry };
  thole_app_measure (self->metrics, &self->measured);
  return serve (self, error) && serve_bus (self, error);
}

/* closing ------------------------------------------------------------------------------------------------ */

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
  GPtrArray *backends = self->registry != NULL ? thole_registry_backends (self->registry) : NULL;

  self->closing = 1;
  for (guint i = 0; backends != NULL && i < backends->len; i++)
    {
      self->closing++;
      thole_backend_close_async (backends->pdata[i], backend_closed, self);
    }
  if (--self->closing == 0)
    self->timer = thole_clock_timer (self->clock, 0, all_closed, self);
}

/* the start as a whole ------------------------------------------------------------------------------------ */

/* a start that failed: what is open of it is closed as in a stop */
static void
abandon (TholeApp *self)
{
  self->stopping = TRUE;
  g_clear_pointer (&self->bus, thole_bus_free);
  g_clear_pointer (&self->http, thole_http_free);
  close_backends (self);
}

gboolean
thole_app_start (TholeApp *self, void (*stopped) (gpointer user_data), gpointer user_data, GError **error)
{
  GPtrArray *backends;

  self->log = thole_log_setup (thole_config_string (self->config, "daemon", "log_level"));
  self->stopped = stopped;
  self->user_data = user_data;
  if (!open_all (self, error))
    {
      abandon (self);
      return FALSE;
    }
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

/* reload ------------------------------------------------------------------------------------------------ */

static void
apply (TholeApp *self, const TholeHttpOptions *http)
{
  TholeConfig *config = self->config;
  TholeRateLimits rates = thole_app_rates (config);
  TholeLimits limits = thole_app_limits (config);

  thole_log_set_level (self->log, thole_config_string (config, "daemon", "log_level"));
  thole_http_reconfigure (self->http, http);
  keep_http (self, http);
  thole_rates_limit (self->rates, &rates);
  limits.agent = self->operations->limits.agent;
  limits.recordings = self->operations->limits.recordings;
  limits.uploads = self->operations->limits.uploads;
  self->operations->limits = limits;
  thole_event_log_set_keep (self->events, self->clock, thole_config_int (config, "events", "keep"),
                            thole_app_microseconds (config, "events", "keep_age"));
}

gboolean
thole_app_reload (TholeApp *self, GError **error)
{
  TholeConfig *fresh = self->stopping ? NULL : thole_app_load_config (&self->options, error);
  g_autoptr (GPtrArray) proxies = fresh != NULL ? thole_http_proxies (fresh, error) : NULL;
  g_auto (GStrv) origins = proxies != NULL ? thole_http_origins (fresh, error) : NULL;
  g_auto (GStrv) taken = NULL;
  g_auto (GStrv) later = NULL;
  g_autofree char *now = NULL, *wait = NULL;
  TholeHttpOptions http = { 0 };

  if (origins == NULL)
    {
      g_clear_pointer (&fresh, thole_config_free);
      return self->stopping;
    }
  later = thole_config_take (self->config, fresh, &taken);
  thole_config_free (fresh);
  if (!configure_http (self, &http, error))
    return FALSE;
  apply (self, &http);
  now = g_strjoinv (", ", taken);
  wait = g_strjoinv (", ", later);
  g_message ("the configuration was read again%s%s", now[0] != '\0' ? "; changed: " : ", nothing to change", now);
  if (wait[0] != '\0')
    g_warning ("changed in the configuration, but only a restart takes it over: %s", wait);
  return TRUE;
}

/* stop: refuse, drain, close; each step waits for the one before ------------------------------------------ */

static gboolean
drained (gpointer user_data)
{
  TholeApp *self = user_data;
  guint busy = thole_operations_busy (self->operations);
  guint pending = thole_db_pending (self->db);
  guint calls = self->bus != NULL ? thole_bus_busy (self->bus) : 0;

  if (self->http_down && calls == 0 && busy == 0 && pending == 0)
    {
      thole_source_clear (&self->timer);
      close_backends (self);
      return G_SOURCE_REMOVE;
    }
  if (thole_clock_monotonic (self->clock) < self->stop_by)
    return G_SOURCE_CONTINUE;
  g_warning ("still busy after the time to drain: %s%s%u operations, %u transactions", self->http_down ? "" : "HTTP requests, ",
             calls > 0 ? "D-Bus calls, " : "", busy, pending);
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
  self->stop_by = thole_clock_monotonic (self->clock) + thole_app_microseconds (self->config, "daemon", "shutdown_timeout");
  g_clear_pointer (&self->health, thole_health_free);
  g_clear_pointer (&self->reconcile, thole_reconcile_free);
  thole_operations_drain (self->operations);
  if (self->bus != NULL)
    thole_bus_drain (self->bus);
  thole_http_shutdown_async (self->http, self->cut, http_down, self);
  self->timer = thole_clock_timer (self->clock, DRAIN_PAUSE, drained, self);
}

void
thole_app_free (TholeApp *self)
{
  thole_source_clear (&self->timer);
  g_clear_pointer (&self->bus, thole_bus_free);
  g_clear_pointer (&self->http, thole_http_free);
  g_clear_pointer (&self->metrics, thole_metrics_free);
  g_clear_pointer (&self->health, thole_health_free);
  g_clear_pointer (&self->reconcile, thole_reconcile_free);
  g_clear_pointer (&self->operations, thole_operations_free);
  g_clear_pointer (&self->registry, thole_registry_free);
  g_clear_pointer (&self->events, thole_event_log_free);
  g_clear_pointer (&self->db, thole_db_close);
  g_clear_pointer (&self->audit_export, thole_audit_export_free);
  g_free (self->audit_found);
  g_clear_pointer (&self->accounts, thole_accounts_free);
  g_clear_pointer (&self->tickets, thole_tickets_free);
  g_clear_pointer (&self->identity, thole_identity_free);
  g_clear_pointer (&self->rates, thole_rates_free);
  g_clear_pointer (&self->vault, thole_vault_free);
  g_clear_pointer (&self->proxies, g_ptr_array_unref);
  g_strfreev (self->origins);
  g_clear_pointer (&self->config, thole_config_free);
  g_clear_object (&self->cut);
  for (guint i = 0; i < G_N_ELEMENTS (self->tls); i++)
    g_free (self->tls[i]);
  clear_options (&self->options);
  g_free (self->state_dir);
  g_free (self->runtime_dir);
  g_free (self->recordings);
  g_free (self);
}
