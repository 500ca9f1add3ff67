/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The parts of the driver that need no engine.
 */
#include <string.h>

#include "config.h"
#include "digest.h"
#include "net-ports.h"
#include "reply.h"
#include "spec.h"
#include "thole-seccomp.h"
#include "thole-error.h"

#define INSTANCE "7e577e57-0000-4000-8000-000000000001"
#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static GVariant *
parsed (const char *json)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = thole_json_parse (json, strlen (json), &error);

  g_assert_no_error (error);
  return value;
}

/* configuration --------------------------------------------------------------------------------------- */

static CtrConfig *
config_of (const char *more, GError **error)
{
  g_autofree char *text = g_strdup_printf ("{'instance': <'" INSTANCE "'>, 'state_dir': <'/s'>, 'runtime_dir': <'/r'>%s}", more);
  g_autoptr(GVariant) config = g_variant_ref_sink (g_variant_new_parsed (text));

  return ctr_config_new (config, error);
}

static void
test_config (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(CtrConfig) plain = config_of ("", &error);
  g_autoptr(CtrConfig) own = NULL;
  static const struct { const char *more, *key; } wrong[] = {
    { ", 'address': <'tcp://x'>", "address" }, { ", 'namespace': <'a b'>", "namespace" }, { ", 'log_max_size': <int64 5>", "log_max_size" },
    { ", 'files_idle': <'0'>", "files_idle" },
    { ", 'registry_credentials': <'x'>", "registry_credentials" }, { ", 'logger': <'thole-log'>", "logger" },
    { ", 'archives': <'here'>", "archives" },
  };

  g_assert_no_error (error);
  g_assert_cmpstr (plain->address, ==, "/run/containerd/containerd.sock");
  g_assert_cmpstr (plain->namespace, ==, "thole");
  own = config_of (", 'address': <'unix:///x/y.sock'>, 'registry_credentials': <'a=b, c:5=d'>", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (own->address, ==, "/x/y.sock");
  g_assert_cmpstr (g_hash_table_lookup (own->registries, "c:5"), ==, "d");
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_assert_null (config_of (wrong[i].more, &error));
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, wrong[i].key));
      g_clear_error (&error);
    }
}

static void
test_errors (void)
{
  static const struct { int status; const char *text; int code; } cases[] = {
    { 5, "container \"x\": not found", THOLE_ERROR_NOT_FOUND }, { 6, NULL, THOLE_ERROR_EXISTS }, { 14, "", THOLE_ERROR_UNAVAILABLE },
    { 2, "OCI runtime create failed: exec: \"x\": executable file not found in $PATH: unknown", THOLE_ERROR_INVALID },
    { 2, "write /x: no space left on device", THOLE_ERROR_LIMIT }, { 2, "something else", THOLE_ERROR_FAILED }, { 99, "?", THOLE_ERROR_FAILED },
    { 3, "bad \xff bytes", THOLE_ERROR_INVALID },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = ctr_error_new (cases[i].status, cases[i].text);

      g_assert_error (error, THOLE_ERROR, cases[i].code);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
}

/* images ---------------------------------------------------------------------------------------------- */

static void
test_references (void)
{
  static const struct { const char *reference, *full; } good[] = {
    { "busybox", "docker.io/library/busybox:latest" }, { "busybox:1", "docker.io/library/busybox:1" },
    { "me/it", "docker.io/me/it:latest" }, { "localhost/x", "localhost/x:latest" }, { "h:5000/a/b:c", "h:5000/a/b:c" },
    { "ghcr.io/a@" DIGEST_A, "ghcr.io/a@" DIGEST_A }, { "ghcr.io/a:1@" DIGEST_A, "ghcr.io/a@" DIGEST_A },
    { "archive:of/It.tar", "archive:of/It.tar" }, { "archive:tar", "docker.io/library/archive:tar" },
    { "docker.io/library/archive:1.tar", "docker.io/library/archive:1.tar" },
  };
  static const char *const bad[] = { "Upper/Case:1", ":1", "x/-y:1", "x:.y", "", "/x", "x/", "a//b", "a b", "x:", "x@sha256:12", "../x", "x@", "archive:../x.tar",
                                     "archive:a b.tar", "archive:Of/.tar/" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autofree char *full = ctr_reference_parse (good[i].reference, NULL, NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (full, ==, good[i].full);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (ctr_reference_parse (bad[i], NULL, NULL, NULL, &error));
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
    }
}

#define MANIFEST "{\"config\":{\"digest\":\"" DIGEST_A "\"},\"layers\":[{\"mediaType\":\"m\",\"digest\":\"" DIGEST_A "\",\"size\":7}," \
                 "{\"mediaType\":\"m\",\"digest\":\"" DIGEST_B "\",\"size\":8}]}"

static CtrImage *
image_of (const char *config_json, GError **error)
{
  g_autoptr(GVariant) manifest = parsed (MANIFEST), config = parsed (config_json);

  return ctr_image_new ("x:1", DIGEST_B, manifest, config, error);
}

static void
test_image (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(CtrImage) image = image_of ("{\"rootfs\":{\"diff_ids\":[\"" DIGEST_A "\",\"" DIGEST_B "\"]}}", &error);
  g_autofree char *both = ctr_digest_of (DIGEST_A " " DIGEST_B, strlen (DIGEST_A) * 2 + 1);
  static const char *const bad[] = { "{}", "{\"rootfs\":{\"diff_ids\":[\"" DIGEST_A "\"]}}", "{\"rootfs\":{\"diff_ids\":[\"x\",\"y\"]}}" };

  g_assert_no_error (error);
  g_assert_cmpstr (image->chain, ==, both);
  g_assert_cmpint (image->size, ==, 15);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_null (image_of (bad[i], &error));
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
      g_clear_error (&error);
    }
}

static void
test_index (void)
{
  g_autoptr(GVariant) index = parsed ("{\"manifests\":[{\"digest\":\"" DIGEST_A "\",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}},"
                                      "{\"digest\":\"" DIGEST_B "\",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}");
  g_autofree char *chosen = ctr_index_choose (index, "amd64"), *none = ctr_index_choose (index, "s390x");

  g_assert_true (ctr_is_index (index));
  g_assert_cmpstr (chosen, ==, DIGEST_B);
  g_assert_null (none);
}

/* users ----------------------------------------------------------------------------------------------- */

#define PASSWD "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:w:/srv:/bin/sh\nodd:x:y:z:::\n"
#define GROUPS "root:x:0:\nstaff:x:50:web,other\nmail:x:8:web\n"

static void
test_users (void)
{
  static const struct { const char *user; guint uid, gid, groups; const char *home; } good[] = {
    { "", 0, 0, 0, "/root" }, { "web", 33, 34, 2, "/srv" }, { "33", 33, 34, 2, "/srv" }, { "web:staff", 33, 50, 0, "/srv" },
    { "7:9", 7, 9, 0, "/" }, { "99", 99, 0, 0, "/" }, { "root", 0, 0, 0, "/root" },
  };
  static const char *const bad[] = { "nobody", "web:nogroup", "odd", "-1", "4294967295" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(CtrUser) user = ctr_user_find (good[i].user, PASSWD, GROUPS, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (user->uid, ==, good[i].uid);
      g_assert_cmpuint (user->gid, ==, good[i].gid);
      g_assert_cmpuint (user->groups->len, ==, good[i].groups);
      g_assert_cmpstr (user->home, ==, good[i].home);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (ctr_user_find (bad[i], PASSWD, GROUPS, &error));
      g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
    }
}

/* specifications -------------------------------------------------------------------------------------- */

static GVariant *
spec_of (const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(CtrImage) image = image_of ("{\"config\":{\"Entrypoint\":[\"/entry\"],\"Cmd\":[\"arg\"],\"Env\":[\"A=image\",\"B=b\"]},"
                                        "\"rootfs\":{\"diff_ids\":[\"" DIGEST_A "\",\"" DIGEST_B "\"]}}", NULL);
  g_autoptr(CtrUser) user = ctr_user_find ("web", PASSWD, GROUPS, NULL);
  g_autoptr(GVariant) spec = g_variant_ref_sink (g_variant_new_parsed (text));
  CtrSpecPlace place = { .container = "thole-x", .cgroup = "/c/thole-x", .user = user };
  g_autofree char *json = ctr_spec_make (spec, image, &place, &error);

  g_assert_no_error (error);
  return parsed (json);
}

static char *
member (GVariant *whole, const char *section, const char *key)
{
  g_autoptr(GVariant) dict = thole_dict_value (whole, section, "a{sv}");
  g_autoptr(GVariant) value = g_variant_lookup_value (dict, key, NULL);

  g_assert_nonnull (value);
  return thole_json_to_string (value);
}

static void
test_spec (void)
{
  g_autoptr(GVariant) plain = spec_of ("{'image': <'x'>, 'env': <{'A': 'own \"quoted\"'}>}");
  g_autoptr(GVariant) other = spec_of ("{'image': <'x'>, 'command': <['/other']>, 'network': <'host'>, 'resources': <{'cpu': <1.5>, 'memory': <int64 64>}>}");
  g_autofree char *args = member (plain, "process", "args"), *other_args = member (other, "process", "args");
  g_autofree char *env = member (plain, "process", "env"), *spaces = member (plain, "linux", "namespaces");
  g_autofree char *host = member (other, "linux", "namespaces"), *limits = member (other, "linux", "resources");
  g_autofree char *capabilities = member (plain, "process", "capabilities");

  g_assert_cmpstr (args, ==, "[\"/entry\",\"arg\"]");
  g_assert_cmpstr (other_args, ==, "[\"/other\"]");
  g_assert_nonnull (strstr (env, "\"A=own \\\"quoted\\\"\",\"B=b\""));
  g_assert_nonnull (strstr (spaces, "network"));
  g_assert_null (strstr (host, "network"));
  g_assert_nonnull (strstr (limits, "\"quota\":150000"));
  /* another user than root begins without any */
  g_assert_nonnull (strstr (capabilities, "\"effective\":[]"));
}

static void
test_refusals (void)
{
  static const struct { const char *spec; int code; const char *word; } bad[] = {
    { "{'image': <''>}", THOLE_ERROR_INVALID, "image" },
    { "{'image': <'x'>, 'network': <'mine'>}", THOLE_ERROR_INVALID, "network" },
    { "{'image': <'x'>, 'ports': <[{'container': <int64 80>}]>}", THOLE_ERROR_UNSUPPORTED, "ports" },
    { "{'image': <'x'>, 'mounts': <[{'volume': <'v'>, 'target': <'/v'>}]>}", THOLE_ERROR_INVALID, "mounts" },
    { "{'image': <'x'>, 'mounts': <[{'source': <'/no/such/thing'>, 'target': <'/v'>}]>}", THOLE_ERROR_INVALID, "mounts" },
    { "{'image': <'x'>, 'resources': <{'memory': <int64 -1>}>}", THOLE_ERROR_INVALID, "memory" },
    { "{'image': <'x'>, 'stop': <{'signal': <'SIGNOTHING'>}>}", THOLE_ERROR_INVALID, "SIGNOTHING" },
    { "{'image': <'x'>, 'env': <{'A=B': 'c'}>}", THOLE_ERROR_INVALID, "A=B" },
    { "{'image': <'x'>, 'env': <{'': 'c'}>}", THOLE_ERROR_INVALID, "env" },
    { "{'image': <'x'>, 'privileges': <{'capabilities': <['SYS_FLY']>}>}", THOLE_ERROR_INVALID, "SYS_FLY" },
    { "{'image': <'x'>, 'backend_options': <{'y': <1>}>}", THOLE_ERROR_INVALID, "\"y\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GVariant) spec = g_variant_ref_sink (g_variant_new_parsed (bad[i].spec));
      g_autoptr(GError) error = NULL;

      g_assert_false (ctr_spec_check (spec, FALSE, &error));
      g_assert_error (error, THOLE_ERROR, bad[i].code);
      g_assert_nonnull (strstr (error->message, bad[i].word));
    }
}

static void
test_ports (void)
{
  g_autoptr(GVariant) ports = g_variant_ref_sink (g_variant_new_parsed ("[{'container': <int64 80>}, {'container': <int64 53>, 'protocol': <'udp'>}]"));
  g_autoptr(GVariant) wrong = g_variant_ref_sink (g_variant_new_parsed ("[{'container': <int64 80>, 'address': <'nowhere'>}]"));
  g_autoptr(GArray) held = g_array_new (FALSE, FALSE, sizeof (int)), other = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr(GError) error = NULL;
  g_autoptr(GVariant) given = ctr_ports_take (ports, held, &error), first = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (held->len, ==, 2);
  first = g_variant_get_child_value (given, 0);
  g_assert_cmpint (thole_dict_int (first, "host", 0), >=, 49153);
  /* they are somebody's now */
  g_assert_null (ctr_ports_take (given, other, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_CONFLICT);
  g_assert_cmpuint (other->len, ==, 0);
  g_clear_error (&error);
  ctr_ports_give (held);
  g_assert_null (ctr_ports_take (wrong, other, &error));
  g_assert_error (error, THOLE_ERROR, THOLE_ERROR_INVALID);
}

static void
test_subnets (void)
{
  g_autofree char *one = ctr_subnet_choose ("seed", "no-bridge"), *same = ctr_subnet_choose ("seed", "no-bridge");

  g_assert_cmpstr (one, ==, same);
  g_assert_true (ctr_subnet_valid (one));
  g_assert_false (ctr_subnet_taken (one, "no-bridge"));
  /* loopback's, and what is none */
  g_assert_true (ctr_subnet_taken ("127.5.0.0/16", "no-bridge"));
  g_assert_true (ctr_subnet_taken ("10.1.2.0", "no-bridge"));
  g_assert_false (ctr_subnet_valid ("10.1.2.1/24"));
  g_assert_false (ctr_subnet_valid ("10.1.2.0/31"));
  g_assert_false (ctr_subnet_valid ("10.1.2.0/24/5"));
}

static void
test_seccomp (void)
{
  g_autofree char *plain = thole_seccomp_profile (NULL), *admin = thole_seccomp_profile ((const char *const[]){ "cap_sys_admin", NULL });
  g_autoptr(GVariant) one = parsed (plain), two = parsed (admin);

  g_assert_null (strstr (plain, "\"mount\""));
  g_assert_nonnull (strstr (admin, "\"mount\""));
  g_assert_null (strstr (plain, "\"keyctl\""));
  g_assert_nonnull (strstr (plain, "SCMP_CMP_MASKED_EQ"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/containerd/config", test_config);
  g_test_add_func ("/containerd/errors", test_errors);
  g_test_add_func ("/containerd/references", test_references);
  g_test_add_func ("/containerd/image", test_image);
  g_test_add_func ("/containerd/index", test_index);
  g_test_add_func ("/containerd/users", test_users);
  g_test_add_func ("/containerd/spec", test_spec);
  g_test_add_func ("/containerd/refusals", test_refusals);
  g_test_add_func ("/containerd/ports", test_ports);
  g_test_add_func ("/containerd/subnets", test_subnets);
  g_test_add_func ("/containerd/seccomp", test_seccomp);
  return g_test_run ();
}
