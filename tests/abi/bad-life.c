/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Drivers that load and then misbehave: the template, which is right, with one fault each. BAD_... says which; without any it is
 * the template itself.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thole-driver.h"

/* the template brings no entry of its own here */
#undef THOLE_DRIVER_DEFINE
#define THOLE_DRIVER_DEFINE(id_, version_, driver_, interfaces_) \
  G_GNUC_UNUSED static const TholeInterface *const its_interfaces = interfaces_; \
  static const TholeDriverOps *const its_driver = driver_;

#include "../../sdk/template/driver.c"

#if defined BAD_start_crash
static void
bad_start (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  abort ();
}
#elif defined BAD_stop_hang
/* never answers, not even when it is cancelled */
static void
bad_stop (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
}
#elif defined BAD_stop_block
/* keeps the loop for itself */
static void
bad_stop (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  while (TRUE)
    pause ();
}
#elif defined BAD_leak
static void
bad_inspect (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
             gpointer user_data)
{
  char *volatile lost = g_malloc (100);

  memset (lost, 1, 100);
  example_inspect_async (self, id, options, cancellable, callback, user_data);
}
#elif defined BAD_twice_back
static void
bad_inspect (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
             gpointer user_data)
{
  example_inspect_async (self, id, options, cancellable, callback, user_data);
  example_inspect_async (self, id, options, cancellable, callback, user_data);
}
#elif defined BAD_foreign_error
static gboolean
bad_start_finish (TholeDriver *self, GAsyncResult *result, GError **error)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "of another domain");
  return FALSE;
}
#endif

G_MODULE_EXPORT const TholePlugin *thole_driver_entry (void);

const TholePlugin *
thole_driver_entry (void)
{
  static TholeWorkloadOps table;
  static const TholeInterface list[] = { { "workload/1", &table }, { NULL, NULL } };
  static TholePlugin plugin = { .struct_size = sizeof plugin, .abi = THOLE_DRIVER_ABI, .id = "bad", .version = "1.0", .interfaces = list };

  table = workload;
  plugin.driver = its_driver;
#if defined BAD_start_crash
  table.start_async = bad_start;
#elif defined BAD_stop_hang || defined BAD_stop_block
  table.stop_async = bad_stop;
#elif defined BAD_leak || defined BAD_twice_back
  table.inspect_async = bad_inspect;
#elif defined BAD_foreign_error
  table.start_finish = bad_start_finish;
#endif
  return &plugin;
}
