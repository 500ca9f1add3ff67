/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Drivers that must be refused, each for one reason: BAD_... says which.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thole-driver.h"

#if defined BAD_crash || defined BAD_hang || defined BAD_exits || defined BAD_noisy
__attribute__ ((constructor)) static void
misbehave (void)
{
#if defined BAD_crash
  abort ();
#elif defined BAD_hang
  pause ();
#elif defined BAD_exits
  _exit (7);
#else
  /* more than a pipe holds, to the one who looks first; this driver is good all the same */
  for (int i = 0; i < 20000 && strcmp (program_invocation_short_name, "thole-driver-check") == 0; i++)
    puts ("here I am, see how I am loaded");
  fflush (stdout);
#endif
}
#endif

static TholeDriver *
bad_open (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error)
{
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "never opened");
  return NULL;
}

static void
bad_start (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
           gpointer user_data)
{
}

static gboolean
bad_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return FALSE;
}

static void
bad_probe (TholeDriver *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
}

static TholeProbe
bad_probe_finish (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error)
{
  return THOLE_PROBE_DEFER;
}

static void
bad_close (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data)
{
}

static void
bad_close_finish (TholeDriver *self, GAsyncResult *result)
{
}

static void
bad_list (TholeDriver *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
          gpointer user_data)
{
}

static GVariant *
bad_list_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  return NULL;
}

static const TholeDriverOps driver = {
  .struct_size = sizeof driver,
#ifndef BAD_no_open
  .open = bad_open,
#endif
  .probe_async = bad_probe,
  .probe_finish = bad_probe_finish,
  .close_async = bad_close,
  .close_finish = bad_close_finish,
};

static const TholeWorkloadOps workload = {
#if defined BAD_short_table
  .struct_size = 64,
#elif defined BAD_odd_table
  .struct_size = sizeof workload + 3,
#else
  .struct_size = sizeof workload,
#endif
#ifndef BAD_no_list
  .list_async = bad_list,
  .list_finish = bad_list_finish,
#endif
#ifdef BAD_half_pair
  .pause_async = bad_start,
#endif
#ifdef BAD_partial
  .start_async = bad_start,
  .start_finish = bad_finish,
#endif
};

static const TholeInterface interfaces[] = {
#if defined BAD_unknown
  { "dream/1", &workload },
#elif defined BAD_no_table
  { "workload/1", NULL },
#else
  { "workload/1", &workload },
#endif
#ifdef BAD_twice
  { "workload/1", &workload },
#endif
  { NULL, NULL },
};

#ifdef BAD_no_symbol
#define ENTRY another_entry
#else
#define ENTRY thole_driver_entry
#endif

G_MODULE_EXPORT const TholePlugin *ENTRY (void);

const TholePlugin *
ENTRY (void)
{
  static const TholePlugin plugin = {
#ifdef BAD_short_plugin
    .struct_size = 16,
#else
    .struct_size = sizeof (TholePlugin),
#endif
#ifdef BAD_abi
    .abi = 9,
#else
    .abi = THOLE_DRIVER_ABI,
#endif
#ifdef BAD_id
    .id = "other",
#else
    .id = "bad",
#endif
#ifndef BAD_no_version
    .version = "1.0",
#endif
    .driver = &driver,
    .interfaces = interfaces,
  };

  /* keeps the parts that some kinds do not use */
  (void) bad_start;
  (void) bad_finish;
  (void) bad_list;
  (void) bad_list_finish;
  (void) bad_open;
  (void) &workload;
#ifdef BAD_no_plugin
  return (void) plugin, NULL;
#else
  return &plugin;
#endif
}
