/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls that are given up at any moment: what the engine did by then stands in nobody's way. No case is decided by the moment.
 */
#include "cases.h"

#include <string.h>

#define MOMENTS 12
#define STEP_MS 4

static gboolean
cancel_now (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

/* A cancellable that is cancelled a little later with each number. */
static GCancellable *
soon (guint number)
{
  GCancellable *cancellable = g_cancellable_new ();

  g_timeout_add_full (G_PRIORITY_DEFAULT, number * STEP_MS, cancel_now, g_object_ref (cancellable), g_object_unref);
  return cancellable;
}

static void
create_at (Bench *b, guint moment, GVariant *spec)
{
  g_autofree char *id = fresh_id ("given-up");
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GCancellable) cancellable = soon (moment);
  g_autoptr(GAsyncResult) result = AWAIT (b->workload->create_async, b->driver, id, spec, none, cancellable);
  GVariant *made = b->workload->create_finish (b->driver, result, NULL);
  g_autoptr(GError) error = NULL;

  g_clear_pointer (&made, g_variant_unref);
  /* the call is over when its result is let go */
  g_clear_object (&result);
  create_ok (b, id, spec);
  start (b, id, &error);
  g_assert_no_error (error);
  g_assert_true (remove_it (b, id, TRUE, &error));
  g_assert_no_error (error);
}

/* A create that was given up can be repeated, and then starts. */
static void
test_create (Bench *b)
{
  g_autoptr(GVariant) spec = shell_spec ("sleep 60", NULL);

  for (guint i = 0; i < MOMENTS; i++)
    create_at (b, i, spec);
}

/* A command that was given up does not go on unseen. */
static void
test_run (Bench *b)
{
  g_autofree char *id = fresh_id ("given-up-run");
  g_autoptr(GVariant) command = dict ("{'command': <['sleep', '7777']>}");
  g_autoptr(GVariant) none = empty ();
  g_autofree char *count = g_strdup ("");

  run_ok (b, id, "sleep 600", NULL);
  for (guint i = 0; i < 2 * MOMENTS; i++)
    {
      g_autoptr(GCancellable) cancellable = soon (i);
      g_autoptr(GAsyncResult) result = AWAIT (b->exec->run_async, b->driver, id, command, none, cancellable);
      g_autoptr(GError) error = NULL;

      g_assert_null (b->exec->run_finish (b->driver, result, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  for (guint i = 0; i < 50 && strcmp (count, "0\n") != 0; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(GVariant) answer = run (b, id, "ps | grep -c '[s]leep 7777'", &error);

      g_assert_no_error (error);
      g_free (count);
      count = bytes_text (answer, "stdout");
      bench_pause (0.1);
    }
  g_assert_cmpstr (count, ==, "0\n");
}

void
add_cancel_cases (void)
{
  add_case ("given-up/create", test_create);
  add_case ("given-up/run", test_run);
}
