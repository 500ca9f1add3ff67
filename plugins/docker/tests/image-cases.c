/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "cases.h"

#include <string.h>

#include "registry.h"

#define TOKEN 77

static GVariant *
pull (Bench *b, const char *reference, GVariant *options, GCancellable *cancellable, GError **error)
{
  g_autoptr(GAsyncResult) result = AWAIT (b->image->pull_async, b->driver, reference, options, cancellable);

  return b->image->pull_finish (b->driver, result, error);
}

static gboolean
remove_image (Bench *b, const char *reference, GError **error)
{
  g_autoptr(GVariant) force = dict ("{'force': <true>}");
  g_autoptr(GAsyncResult) result = AWAIT (b->image->remove_async, b->driver, reference, force, NULL);

  return b->image->remove_finish (b->driver, result, error);
}

static gboolean
is_listed (Bench *b, const char *reference)
{
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GAsyncResult) result = AWAIT (b->image->list_async, b->driver, none, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) list = b->image->list_finish (b->driver, result, &error);
  gboolean found = FALSE;

  g_assert_no_error (error);
  for (gsize i = 0; i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);
      g_auto(GStrv) references = thole_dict_strv (one, "references");

      found |= g_strv_contains ((const char *const *) references, reference);
    }
  return found;
}

static void
test_list (Bench *b)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (is_listed (b, test_image ()));
  g_assert_true (remove_image (b, "thole-no-such-image:1", &error));
  g_assert_no_error (error);
}

static void
test_bad_reference (Bench *b)
{
  const char *bad[] = { "", "a b", "/x", "x/", "a//b", "a:", "@sha256:x", "../x", "a?b=c", "a#b", "a%2fb" };
  g_autoptr(GVariant) none = empty ();

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (pull (b, bad[i], none, NULL, &error));
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
    }
}

/* A registry, or a skip. */
static Registry *
need_registry (gboolean locked)
{
  Registry *registry = registry_start (locked);

  if (registry == NULL)
    g_test_skip ("docker-registry and the docker client are needed");
  return registry;
}

static void
test_pull (Bench *b)
{
  Registry *registry = need_registry (FALSE);
  g_autoptr(GVariant) options = dict ("{'progress': <uint64 77>}");
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) image = NULL;
  g_auto(GStrv) references = NULL;
  g_autofree char *name = NULL;
  gint64 last = 0, total = 0;
  guint reports = 0;

  if (registry == NULL)
    return;
  registry_push (registry, "thole/big:7", 3);
  name = registry_name (registry, "thole/big:7", TRUE);
  image = pull (b, name, options, NULL, &error);
  g_assert_no_error (error);
  references = thole_dict_strv (image, "references");
  g_assert_true (g_strv_contains ((const char *const *) references, name));
  g_assert_cmpint (thole_dict_int (image, "size", 0), >=, 3 * 1024 * 1024);
  g_assert_cmpstr (thole_dict_string (image, "architecture", ""), !=, "");
  g_assert_true (is_listed (b, name));
  for (guint i = 0; i < b->events->len; i++)
    {
      GVariant *event = b->events->pdata[i];

      if (strcmp (thole_dict_string (event, "kind", ""), "progress") != 0)
        continue;
      g_assert_cmpint (thole_dict_int (event, "token", 0), ==, TOKEN);
      g_assert_cmpstr (thole_dict_string (event, "unit", ""), ==, "bytes");
      g_assert_cmpint (thole_dict_int (event, "done", -1), >=, last);
      last = thole_dict_int (event, "done", -1);
      total = thole_dict_int (event, "total", -1);
      g_assert_cmpint (last, <=, total);
      reports++;
    }
  g_test_message ("%u reports, %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " bytes", reports, last, total);
  g_assert_cmpint (reports, >, 3);
  g_assert_cmpint (total, >=, 3 * 1024 * 1024);
  g_assert_cmpint (last, ==, total);
  g_assert_true (remove_image (b, name, &error));
  g_assert_false (is_listed (b, name));
  registry_stop (registry);
}

static gboolean
cancel_later (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

static void
test_cancel (Bench *b)
{
  Registry *registry = need_registry (FALSE);
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  g_autofree char *name = NULL;

  if (registry == NULL)
    return;
  registry_push (registry, "thole/long:1", 8);
  name = registry_name (registry, "thole/long:1", TRUE);
  g_timeout_add (1000, cancel_later, cancellable);
  g_assert_null (pull (b, name, none, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  /* and the engine does not go on with it */
  bench_pause (8);
  g_assert_false (is_listed (b, name));
  registry_stop (registry);
}

static void
test_missing (Bench *b)
{
  Registry *registry = need_registry (FALSE);
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GError) error = NULL;
  g_autofree char *repository = NULL;
  g_autofree char *tag = NULL;

  if (registry == NULL)
    return;
  registry_push (registry, "thole/small:1", 1);
  repository = registry_name (registry, "thole/nothing:1", FALSE);
  tag = registry_name (registry, "thole/small:2", FALSE);
  g_assert_null (pull (b, repository, none, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (pull (b, tag, none, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_IMAGE_NOT_FOUND);
  g_clear_error (&error);
  registry_stop (registry);
  g_assert_null (pull (b, tag, none, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE);
}

static void
test_credentials (Bench *b)
{
  Registry *registry = need_registry (TRUE);
  g_autoptr(GVariant) none = empty ();
  g_autoptr(GVariant) wrong = dict ("{'credentials': <{'username': <'tester'>, 'password': <'wrong'>}>}");
  g_autoptr(GVariant) right = dict ("{'credentials': <{'username': <'tester'>, 'password': <'secret'>}>}");
  g_autoptr(GVariant) given = NULL;
  g_autoptr(GVariant) configured = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *name = NULL;
  g_autofree char *entry = NULL;
  Bench *other;

  if (registry == NULL)
    return;
  registry_push (registry, "thole/secret:1", 1);
  name = registry_name (registry, "thole/secret:1", FALSE);
  g_assert_null (pull (b, name, none, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_AUTH);
  g_clear_error (&error);
  g_assert_null (pull (b, name, wrong, NULL, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_AUTH);
  g_assert_null (strstr (error->message, "wrong\""));
  g_clear_error (&error);
  given = pull (b, name, right, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (remove_image (b, name, &error));
  /* the backend's own, by the name of a secret */
  entry = g_strdup_printf ("%s=registry-secret", registry_address (registry));
  other = bench_open (NULL, INSTANCE, "registry_credentials", entry, NULL);
  g_assert_cmpint (bench_probe (other, NULL, &error), ==, THOLE_PROBE_READY);
  configured = pull (other, name, none, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (remove_image (other, name, &error));
  bench_close (other);
  registry_stop (registry);
}

void
add_image_cases (void)
{
  add_case ("image/list", test_list);
  add_case ("image/bad-reference", test_bad_reference);
  add_case ("image/pull", test_pull);
  add_case ("image/cancel", test_cancel);
  add_case ("image/missing", test_missing);
  add_case ("image/credentials", test_credentials);
}
