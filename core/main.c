/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib-unix.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "app.h"
#include "base/clock.h"
#include "base/notify.h"
#include "base/service.h"

enum { EXIT_DONE = 0, EXIT_NOT_STARTED = 1, EXIT_USAGE = 2 };

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

typedef struct
{
  TholeAppOptions app;
  gboolean check_config, version;
} Options;

typedef struct
{
  GMainLoop *loop;
  TholeApp *app;    /* (nullable): NULL when it has stopped */
} Daemon;

static gboolean
parse (Options *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->app.config_files, "Configuration file, may be repeated", "FILE" },
    { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->app.state_dir, "Where the store is kept", "DIR" },
    { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->app.runtime_dir, "Where sockets are made", "DIR" },
    { "listen", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->app.listen, "Where to serve, may be repeated", "unix:PATH|HOST:PORT" },
    { "tls-certificate", 0, 0, G_OPTION_ARG_FILENAME, &options->app.tls_certificate, "Speak TLS at every HOST:PORT", "FILE" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &options->app.tls_key, "The key of the certificate", "FILE" },
    { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->app.set, "One key of the configuration", "SECTION.KEY=VALUE" },
    { "log-level", 0, 0, G_OPTION_ARG_STRING, &options->app.log_level, "debug, info, warn or error", "LEVEL" },
    { "restore", 0, 0, G_OPTION_ARG_FILENAME, &options->app.restore, "Begin with this back-up as the store", "FILE" },
    { "replace", 0, 0, G_OPTION_ARG_NONE, &options->app.replace, "With --restore: keep a store that is there aside", NULL },
    { "session", 0, 0, G_OPTION_ARG_NONE, &options->app.session_bus, "Serve on the session bus instead of the system bus", NULL },
    { "bus-address", 0, 0, G_OPTION_ARG_STRING, &options->app.bus_address, "Serve on this bus", "ADDRESS" },
    { "no-bus", 0, 0, G_OPTION_ARG_NONE, &options->app.no_bus, "Do not serve D-Bus", NULL },
    { "check-config", 0, 0, G_OPTION_ARG_NONE, &options->check_config, "Check the configuration and end", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version and end", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- run workloads on any engine");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "unexpected argument %s", (*argv)[1]);
      return FALSE;
    }
  if (options->app.session_bus + options->app.no_bus + (options->app.bus_address != NULL) > 1)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "only one of --session, --bus-address and --no-bus");
      return FALSE;
    }
  if (options->app.replace && options->app.restore == NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "--replace without --restore");
      return FALSE;
    }
  return TRUE;
}

static gboolean
on_signal (gpointer user_data)
{
  Daemon *daemon = user_data;

  if (daemon->app == NULL)
    return G_SOURCE_CONTINUE;
  thole_notify ("STOPPING=1");
  thole_app_stop (daemon->app);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_reload (gpointer user_data)
{
  Daemon *daemon = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *begun = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time ());

  if (daemon->app == NULL)
    return G_SOURCE_CONTINUE;
  thole_notify (begun);
  if (!thole_app_reload (daemon->app, &error))
    g_warning ("the configuration stays as it was: %s", error->message);
  thole_notify ("READY=1");
  return G_SOURCE_CONTINUE;
}

/* the addresses, for `systemctl status` */
static void
tell_ready (TholeApp *app)
{
  g_auto (GStrv) addresses = thole_app_addresses (app);
  g_autofree char *list = g_strjoinv (" ", addresses);
  g_autofree char *state = g_strconcat ("READY=1\nSTATUS=serving at ", list, NULL);

  thole_notify (state);
  puts ("ready");
  fflush (stdout);
}

static void
on_stopped (gpointer user_data)
{
  g_main_loop_quit (((Daemon *) user_data)->loop);
}

/* The handlers of signals stay until the process ends: one more that comes while the store is closed must not kill it. */
static int
run (TholeApp *app)
{
  Daemon *daemon = g_new (Daemon, 1);
  g_autoptr (GError) error = NULL;
  GSource *watchdog = NULL;
  gboolean good;

  *daemon = (Daemon) { g_main_loop_new (NULL, FALSE), app };
  g_unix_signal_add (SIGTERM, on_signal, daemon);
  g_unix_signal_add (SIGINT, on_signal, daemon);
  good = thole_app_start (app, on_stopped, daemon, &error);
  if (good)
    {
      g_unix_signal_add (SIGHUP, on_reload, daemon);
      watchdog = thole_watchdog_new (NULL);
      tell_ready (app);
    }
  else
    fprintf (stderr, "tholed: %s\n", error->message);
  g_main_loop_run (daemon->loop);
  daemon->app = NULL;
  thole_source_clear (&watchdog);
  g_clear_pointer (&daemon->loop, g_main_loop_unref);
  return good ? EXIT_DONE : EXIT_NOT_STARTED;
}

static void
options_clear (Options *options)
{
  g_strfreev (options->app.config_files);
  g_strfreev (options->app.listen);
  g_strfreev (options->app.set);
  g_free (options->app.state_dir);
  g_free (options->app.runtime_dir);
  g_free (options->app.log_level);
  g_free (options->app.restore);
  g_free (options->app.bus_address);
  g_free (options->app.tls_certificate);
  g_free (options->app.tls_key);
  g_clear_pointer (&options->app.inherited, g_ptr_array_unref);
}

/* no core file, and nobody else's debugger: passwords, keys and the values of secrets pass through here */
static void
keep_memory_private (void)
{
#ifndef SANITIZED
  /* sanitizers look into the process themselves */
  prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int
main (int argc, char **argv)
{
  Options options = { 0 };
  g_autoptr (GError) error = NULL;
  TholeApp *app;
  int status = EXIT_DONE;

  signal (SIGPIPE, SIG_IGN);
  keep_memory_private ();
  options.app.inherited = thole_inherited_take ();
  if (!parse (&options, &argc, &argv, &error))
    {
      fprintf (stderr, "tholed: %s\n", error->message);
      options_clear (&options);
      return EXIT_USAGE;
    }
  if (options.version)
    {
      puts ("tholed " THOLE_VERSION);
      options_clear (&options);
      return EXIT_DONE;
    }
  app = thole_app_new (&options.app, &error);
  if (app == NULL)
    {
      fprintf (stderr, "tholed: %s\n", error->message);
      status = EXIT_NOT_STARTED;
    }
  else if (!options.check_config)
    status = run (app);
  g_clear_pointer (&app, thole_app_free);
  options_clear (&options);
  return status;
}
