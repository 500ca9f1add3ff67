/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "spec.h"

#include <string.h>
#include <unistd.h>

#include "thole-seccomp.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CPU_PERIOD 100000
#define DEFAULT_SHM (64 * 1024 * 1024)

static const char *const default_capabilities[] = {
  "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID",
};

/* masked: what tells about the machine or is known to be dangerous in the kernel's own file systems */
#define MASKED "\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\",\"/proc/sched_debug\"," \
               "\"/proc/scsi\",\"/proc/timer_list\",\"/proc/timer_stats\",\"/sys/firmware\",\"/sys/devices/virtual/powercap\""
#define READ_ONLY "\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\""

/* pieces of JSON -------------------------------------------------------------------------------------- */

static void
put_key (GString *out, const char *key)
{
  if (out->len > 0 && strchr ("{[,:", out->str[out->len - 1]) == NULL)
    g_string_append_c (out, ',');
  thole_json_append_string (out, key);
  g_string_append_c (out, ':');
}

static void
put_string (GString *out, const char *key, const char *value)
{
  put_key (out, key);
  thole_json_append_string (out, value);
}

void
ctr_json_strings (GString *out, const char *const *list)
{
  g_string_append_c (out, '[');
  for (guint i = 0; list[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      thole_json_append_string (out, list[i]);
    }
  g_string_append_c (out, ']');
}

static void
put_mount (GString *out, const char *target, const char *type, const char *source, const char *const *options)
{
  if (out->str[out->len - 1] != '[')
    g_string_append_c (out, ',');
  g_string_append_c (out, '{');
  put_string (out, "destination", target);
  put_string (out, "type", type);
  put_string (out, "source", source);
  put_key (out, "options");
  ctr_json_strings (out, options);
  g_string_append_c (out, '}');
}

/* pieces of a spec ------------------------------------------------------------------------------------ */

static GVariant *
options_of (GVariant *spec)
{
  GVariant *options = thole_dict_value (spec, "backend_options", "a{sv}");

  return options != NULL ? options : g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}

/* the process ----------------------------------------------------------------------------------------- */

static void
set_env (GHashTable *table, GPtrArray *order, const char *name, const char *value)
{
  if (!g_hash_table_contains (table, name))
    g_ptr_array_add (order, g_strdup (name));
  g_hash_table_insert (table, g_strdup (name), g_strdup (value));
}

static void
set_env_list (GHashTable *table, GPtrArray *order, const char *const *list)
{
  for (guint i = 0; list[i] != NULL; i++)
    {
      const char *equals = strchr (list[i], '=');
      g_autofree char *name = equals != NULL ? g_strndup (list[i], equals - list[i]) : NULL;

      if (name != NULL)
        set_env (table, order, name, equals + 1);
    }
}

static void
set_env_dict (GHashTable *table, GPtrArray *order, GVariant *dict)
{
  GVariantIter iter;
  const char *name, *value;

  if (dict == NULL)
    return;
  g_variant_iter_init (&iter, dict);
  while (g_variant_iter_next (&iter, "{&s&s}", &name, &value))
    set_env (table, order, name, value);
}

static void
set_env_secrets (GHashTable *table, GPtrArray *order, GVariant *secrets)
{
  GVariantIter iter;
  const char *name;
  GVariant *bytes;

  if (secrets == NULL)
    return;
  g_variant_iter_init (&iter, secrets);
  while (g_variant_iter_next (&iter, "{&s@ay}", &name, &bytes))
    {
      gsize length;
      const char *data = g_variant_get_fixed_array (bytes, &length, 1);
      g_autofree char *value = g_strndup (data, length);

      if (name[0] != '/')
        set_env (table, order, name, value);
      g_variant_unref (bytes);
    }
}

static void
put_env (GString *out, GHashTable *table, GPtrArray *order)
{
  put_key (out, "env");
  g_string_append_c (out, '[');
  for (guint i = 0; i < order->len; i++)
    {
      const char *name = g_ptr_array_index (order, i);
      g_autofree char *pair = g_strdup_printf ("%s=%s", name, (char *) g_hash_table_lookup (table, name));

      if (i > 0)
        g_string_append_c (out, ',');
      thole_json_append_string (out, pair);
    }
  g_string_append_c (out, ']');
}

static void
put_user (GString *out, const CtrUser *user)
{
  put_key (out, "user");
  g_string_append_printf (out, "{\"uid\":%u,\"gid\":%u,\"additionalGids\":[", user->uid, user->gid);
  for (guint i = 0; i < user->groups->len; i++)
    g_string_append_printf (out, "%s%u", i > 0 ? "," : "", g_array_index (user->groups, guint32, i));
  g_string_append (out, "]}");
}

static char **
arguments_of (GVariant *spec, GVariant *settings)
{
  g_auto(GStrv) command = thole_dict_strv (spec, "command"), args = thole_dict_strv (spec, "args");
  g_auto(GStrv) entry = thole_dict_strv (settings, "Entrypoint"), cmd = thole_dict_strv (settings, "Cmd");
  char **head = command[0] != NULL ? command : entry;
  /* another program has no use for the image's arguments */
  char **tail = args[0] != NULL || command[0] != NULL ? args : cmd;
  g_autoptr(GStrvBuilder) all = g_strv_builder_new ();

  g_strv_builder_addv (all, (const char **) head);
  g_strv_builder_addv (all, (const char **) tail);
  return g_strv_builder_end (all);
}

static char **
capabilities_of (GVariant *spec, gboolean all)
{
  g_autoptr(GVariant) privileges = thole_dict_value (spec, "privileges", "a{sv}");
  g_auto(GStrv) added = privileges != NULL ? thole_dict_strv (privileges, "capabilities") : g_new0 (char *, 1);
  g_autoptr(GStrvBuilder) list = g_strv_builder_new ();

  for (guint i = 0; all && i < G_N_ELEMENTS (default_capabilities); i++)
    g_strv_builder_add (list, default_capabilities[i]);
  for (guint i = 0; added[i] != NULL; i++)
    {
      g_autofree char *upper = g_ascii_strup (added[i], -1);
      g_autofree char *full = g_str_has_prefix (upper, "CAP_") ? g_strdup (upper) : g_strconcat ("CAP_", upper, NULL);

      if (!all || !g_strv_contains (default_capabilities, full))
        g_strv_builder_add (list, full);
    }
  return g_strv_builder_end (list);
}

static void
put_capabilities (GString *out, GVariant *spec, const CtrUser *user)
{
  g_auto(GStrv) all = capabilities_of (spec, TRUE);
  static const char *const sets[] = { "bounding", "permitted", "effective" };
  static const char *const none[] = { NULL };

  put_key (out, "capabilities");
  g_string_append_c (out, '{');
  for (guint i = 0; i < G_N_ELEMENTS (sets); i++)
    {
      put_key (out, sets[i]);
      /* another user than root has none to begin with */
      ctr_json_strings (out, i == 0 || user->uid == 0 ? (const char *const *) all : none);
    }
  g_string_append_c (out, '}');
}

static gboolean
put_process (GString *out, GVariant *spec, const CtrImage *image, const CtrSpecPlace *place, GError **error)
{
  g_autoptr(GVariant) settings = ctr_image_settings (image), env = thole_dict_value (spec, "env", "a{ss}");
  g_autoptr(GVariant) privileges = thole_dict_value (spec, "privileges", "a{sv}");
  g_auto(GStrv) arguments = arguments_of (spec, settings), image_env = thole_dict_strv (settings, "Env");
  g_autoptr(GHashTable) table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr(GPtrArray) order = g_ptr_array_new_with_free_func (g_free);
  const char *folder = thole_dict_string (spec, "working_dir", "");
  gboolean tty = thole_dict_boolean (spec, "tty", FALSE);

  if (arguments[0] == NULL)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "command: neither the image nor the request has one");
      return FALSE;
    }
  folder = folder[0] != '\0' ? folder : thole_dict_string (settings, "WorkingDir", "");
  set_env (table, order, "PATH", DEFAULT_PATH);
  set_env (table, order, "HOME", place->user->home);
  if (tty)
    set_env (table, order, "TERM", "xterm");
  set_env_list (table, order, (const char *const *) image_env);
  set_env_dict (table, order, env);
  set_env_secrets (table, order, place->secrets);
  put_key (out, "process");
  g_string_append_c (out, '{');
  put_key (out, "terminal");
  g_string_append (out, tty ? "true" : "false");
  put_user (out, place->user);
  put_key (out, "args");
  ctr_json_strings (out, (const char *const *) arguments);
  put_env (out, table, order);
  put_string (out, "cwd", folder[0] == '/' ? folder : "/");
  put_capabilities (out, spec, place->user);
  put_key (out, "noNewPrivileges");
  g_string_append (out, privileges == NULL || thole_dict_boolean (privileges, "no_new_privileges", TRUE) ? "true" : "false");
  g_string_append_c (out, '}');
  return TRUE;
}

/* one more process */
char *
ctr_spec_process (GVariant *base, GVariant *command, const CtrUser *user, GError **error)
{
  g_auto(GStrv) arguments = thole_dict_strv (command, "command"), base_env = thole_dict_strv (base, "env");
  g_autoptr(GVariant) env = thole_dict_value (command, "env", "a{ss}");
  g_autoptr(GVariant) capabilities = thole_dict_value (base, "capabilities", "a{sv}");
  g_autoptr(GHashTable) table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr(GPtrArray) order = g_ptr_array_new_with_free_func (g_free);
  const char *folder = thole_dict_string (command, "working_dir", "");
  gboolean tty = thole_dict_boolean (command, "tty", FALSE);
  g_autoptr(GString) out = g_string_new ("{");

  if (arguments[0] == NULL)
    {
      g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_INVALID, "command: it is empty");
      return NULL;
    }
  set_env_list (table, order, (const char *const *) base_env);
  if (user != NULL)
    set_env (table, order, "HOME", user->home);
  if (tty)
    set_env (table, order, "TERM", "xterm");
  set_env_dict (table, order, env);
  put_key (out, "terminal");
  g_string_append (out, tty ? "true" : "false");
  if (tty && thole_dict_int (command, "rows", 0) > 0 && thole_dict_int (command, "cols", 0) > 0)
    g_string_append_printf (out, ",\"consoleSize\":{\"height\":%" G_GINT64_FORMAT ",\"width\":%" G_GINT64_FORMAT "}",
                            thole_dict_int (command, "rows", 0), thole_dict_int (command, "cols", 0));
  if (user != NULL)
    put_user (out, user);
  else
    {
      g_autoptr(GVariant) same = thole_dict_value (base, "user", "a{sv}");

      put_key (out, "user");
      thole_json_append (out, same);
    }
  put_key (out, "args");
  ctr_json_strings (out, (const char *const *) arguments);
  put_env (out, table, order);
  put_string (out, "cwd", folder[0] == '/' ? folder : thole_dict_string (base, "cwd", "/"));
  if (capabilities != NULL)
    {
      put_key (out, "capabilities");
      thole_json_append (out, capabilities);
    }
  put_key (out, "noNewPrivileges");
  g_string_append (out, thole_dict_boolean (base, "noNewPrivileges", TRUE) ? "true" : "false");
  g_string_append_c (out, '}');
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* mounts ---------------------------------------------------------------------------------------------- */

static void
put_bind (GString *out, const char *source, const char *target, gboolean read_only)
{
  put_mount (out, target, "bind", source, (const char *const[]){ "rbind", "rprivate", read_only ? "ro" : "rw", NULL });
}

static void
put_binds (GString *out, GVariant *mounts)
{
  for (gsize i = 0; mounts != NULL && i < g_variant_n_children (mounts); i++)
    {
      g_autoptr(GVariant) mount = g_variant_get_child_value (mounts, i);

      put_bind (out, thole_dict_string (mount, "source", "/"), thole_dict_string (mount, "target", "/"),
                thole_dict_boolean (mount, "read_only", FALSE));
    }
}

static void
put_etc (GString *out, const char *folder)
{
  static const char *const names[] = { "hosts", "hostname", "resolv.conf" };

  for (guint i = 0; folder != NULL && i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *source = g_build_filename (folder, names[i], NULL), *target = g_build_filename ("/etc", names[i], NULL);

      put_bind (out, source, target, FALSE);
    }
}

static void
put_tmpfs (GString *out, GVariant *options)
{
  g_autoptr(GVariant) tmpfs = thole_dict_value (options, "tmpfs", "a{ss}");
  GVariantIter iter;
  const char *target, *words;

  if (tmpfs == NULL)
    return;
  g_variant_iter_init (&iter, tmpfs);
  while (g_variant_iter_next (&iter, "{&s&s}", &target, &words))
    {
      g_auto(GStrv) list = g_strsplit (words[0] != '\0' ? words : "nosuid,nodev", ",", 32);

      put_mount (out, target, "tmpfs", "tmpfs", (const char *const *) list);
    }
}

static void
put_mounts (GString *out, GVariant *spec, const CtrSpecPlace *place)
{
  g_autoptr(GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}"), options = options_of (spec);
  g_autofree char *shm = g_strdup_printf ("size=%" G_GINT64_FORMAT, MAX (thole_dict_int (options, "shm_size", DEFAULT_SHM), 4096));

  put_key (out, "mounts");
  g_string_append_c (out, '[');
  put_mount (out, "/proc", "proc", "proc", (const char *const[]){ "nosuid", "noexec", "nodev", NULL });
  put_mount (out, "/dev", "tmpfs", "tmpfs", (const char *const[]){ "nosuid", "strictatime", "mode=755", "size=65536k", NULL });
  put_mount (out, "/dev/pts", "devpts", "devpts",
             (const char *const[]){ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5", NULL });
  put_mount (out, "/dev/shm", "tmpfs", "shm", (const char *const[]){ "nosuid", "noexec", "nodev", "mode=1777", shm, NULL });
  put_mount (out, "/dev/mqueue", "mqueue", "mqueue", (const char *const[]){ "nosuid", "noexec", "nodev", NULL });
  put_mount (out, "/sys", "sysfs", "sysfs", (const char *const[]){ "nosuid", "noexec", "nodev", "ro", NULL });
  put_mount (out, "/sys/fs/cgroup", "cgroup", "cgroup",
             (const char *const[]){ "nosuid", "noexec", "nodev", "relatime", "ro", NULL });
  put_etc (out, place->etc_folder);
  put_tmpfs (out, options);
  put_binds (out, mounts);
  put_binds (out, place->agent_mounts);
  g_string_append_c (out, ']');
}

/* limits ---------------------------------------------------------------------------------------------- */

/* Can memory and swap be bounded together? */
static gboolean
has_swap_limit (void)
{
  return access ("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0
         || access ("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK) == 0;
}

char *
ctr_spec_resources (GVariant *resources)
{
  GString *out = g_string_new ("{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]");
  double cpu = resources != NULL ? thole_dict_double (resources, "cpu", 0) : 0;
  gint64 memory = resources != NULL ? thole_dict_int (resources, "memory", 0) : 0;
  gint64 pids = resources != NULL ? thole_dict_int (resources, "pids", 0) : 0;

  /* -1 takes an old limit away */
  g_string_append_printf (out, ",\"cpu\":{\"period\":%d,\"quota\":%" G_GINT64_FORMAT "}", CPU_PERIOD,
                          cpu > 0 ? MAX ((gint64) (cpu * CPU_PERIOD), 1000) : -1);
  g_string_append_printf (out, ",\"memory\":{\"limit\":%" G_GINT64_FORMAT, memory > 0 ? memory : -1);
  if (has_swap_limit ())
    g_string_append_printf (out, ",\"swap\":%" G_GINT64_FORMAT, memory > 0 ? memory : -1);
  g_string_append_printf (out, "},\"pids\":{\"limit\":%" G_GINT64_FORMAT "}}", pids > 0 ? pids : -1);
  return g_string_free (out, FALSE);
}

static void
put_sysctls (GString *out, GVariant *spec)
{
  g_autoptr(GVariant) options = options_of (spec);
  g_autoptr(GVariant) sysctls = thole_dict_value (options, "sysctls", "a{ss}");

  if (sysctls == NULL)
    return;
  put_key (out, "sysctl");
  thole_json_append (out, sysctls);
}

static void
put_linux (GString *out, GVariant *spec, const CtrSpecPlace *place)
{
  g_autoptr(GVariant) resources = thole_dict_value (spec, "resources", "a{sv}");
  g_autofree char *limits = ctr_spec_resources (resources);
  g_auto(GStrv) added = capabilities_of (spec, FALSE);
  g_autofree char *seccomp = thole_seccomp_profile ((const char *const *) added);
  gboolean host = strcmp (thole_dict_string (spec, "network", ""), "host") == 0;

  put_key (out, "linux");
  g_string_append (out, "{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}");
  if (!host)
    g_string_append (out, ",{\"type\":\"network\"}");
  if (access ("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
    g_string_append (out, ",{\"type\":\"cgroup\"}");
  g_string_append (out, "],\"maskedPaths\":[" MASKED "],\"readonlyPaths\":[" READ_ONLY "]");
  put_string (out, "cgroupsPath", place->cgroup);
  put_key (out, "resources");
  g_string_append (out, limits);
  put_key (out, "seccomp");
  g_string_append (out, seccomp);
  put_sysctls (out, spec);
  g_string_append_c (out, '}');
}

char *
ctr_spec_make (GVariant *spec, const CtrImage *image, const CtrSpecPlace *place, GError **error)
{
  g_autoptr(GVariant) privileges = thole_dict_value (spec, "privileges", "a{sv}");
  gboolean read_only = privileges != NULL && thole_dict_boolean (privileges, "read_only_root", FALSE);
  const char *hostname = thole_dict_string (spec, "hostname", "");
  g_autoptr(GString) out = g_string_new ("{\"ociVersion\":\"1.0.2\"");

  if (!put_process (out, spec, image, place, error))
    return NULL;
  g_string_append_printf (out, ",\"root\":{\"path\":\"rootfs\",\"readonly\":%s}", read_only ? "true" : "false");
  put_string (out, "hostname", hostname[0] != '\0' ? hostname : place->container + MAX ((int) strlen (place->container) - 12, 0));
  put_mounts (out, spec, place);
  if (place->hook != NULL)
    g_string_append_printf (out, ",\"hooks\":{\"createRuntime\":%s}", place->hook);
  put_linux (out, spec, place);
  g_string_append_c (out, '}');
  return g_string_free (g_steal_pointer (&out), FALSE);
}
