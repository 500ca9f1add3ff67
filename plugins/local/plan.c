/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"
#include "etc.h"
#include "place.h"
#include "seal.h"
#include "spec-check.h"
#include "thole-sandbox-protocol.h"
#include "user.h"

#define PATH_VALUE "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CPU_PERIOD 100000
/* bwrap and the first process */
#define OWN_PIDS 2
#define SHM_SIZE (64 * 1024 * 1024)
#define FILES_MAX 1024
/* bytes: for limits that are changed later, and for the seal */
#define RESERVE 98304
#define LIMITS_END "limits=done"

typedef struct
{
  TholeDriver *driver;
  const char *id;
  GVariant *spec;
  GByteArray *out;
  GHashTable *files;
  GPtrArray *mounts;   /* their places */
  LocalUser *user;
  const char *root;    /* of a root file system, NULL = the machine's /usr */
  guint n_files;
} Plan;

static void
add (GByteArray *out, const char *key, const char *value)
{
  g_byte_array_append (out, (const guint8 *) key, (guint) strlen (key));
  g_byte_array_append (out, (const guint8 *) "=", 1);
  g_byte_array_append (out, (const guint8 *) value, (guint) strlen (value) + 1);
}

static void G_GNUC_PRINTF (3, 4)
add_format (GByteArray *out, const char *key, const char *format, ...)
{
  g_autofree char *value = NULL;
  va_list arguments;

  va_start (arguments, format);
  value = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  add (out, key, value);
}

static void G_GNUC_NULL_TERMINATED
words (Plan *self, const char *first, ...)
{
  va_list list;

  va_start (list, first);
  for (const char *word = first; word != NULL; word = va_arg (list, const char *))
    add (self->out, "b", word);
  va_end (list);
}

/* limits ---------------------------------------------------------------------------------------------- */

static void
set_group (Plan *self, LocalGroup group, const char *file, const char *value)
{
  g_autofree char *name = local_box_name (self->driver, self->id);
  g_autofree char *path = local_groups_path (&self->driver->groups, group, name, file);

  if (path != NULL)
    add_format (self->out, "set", "%s=%s", path, value);
}

static void
set_number (Plan *self, LocalGroup group, const char *file, gint64 number)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, number);

  set_group (self, group, file, text);
}

/* Entering a group of version 1 waits for the kernel, some 10 ms at every start. So what a limit of the user bounds as well has one only
 * beside others. */
static gboolean
is_pids_group (const LocalGroups *groups, gint64 memory, gint64 pids, double cpu)
{
  return pids > 0 && groups->parents[LOCAL_GROUP_PIDS] != NULL
         && (groups->unified || !groups->counted || (memory > 0 && groups->parents[LOCAL_GROUP_MEMORY] != NULL)
             || (cpu > 0 && groups->parents[LOCAL_GROUP_CPU] != NULL));
}

static void
limit_groups (Plan *self, gint64 memory, gint64 pids, double cpu)
{
  gboolean unified = self->driver->groups.unified;
  g_autofree char *name = local_box_name (self->driver, self->id);
  g_autofree char *swap = local_groups_path (&self->driver->groups, LOCAL_GROUP_MEMORY, "..", "memory.memsw.limit_in_bytes");
  gint64 quota = MAX ((gint64) (cpu * CPU_PERIOD), 1000);
  gboolean wanted[LOCAL_GROUPS] = { memory > 0, pids > 0, cpu > 0, cpu > 0 };

  for (guint i = 0; i < LOCAL_GROUPS; i++)
    {
      g_autofree char *path = local_groups_path (&self->driver->groups, i, name, NULL);

      /* each costs time at the start: only those that limit something */
      if (path != NULL && (unified ? i == 0 && (memory > 0 || pids > 0 || cpu > 0) : wanted[i]))
        add (self->out, "cgroup", path);
    }
  if (memory > 0)
    set_number (self, LOCAL_GROUP_MEMORY, unified ? "memory.max" : "memory.limit_in_bytes", memory);
  if (memory > 0 && unified)
    set_number (self, LOCAL_GROUP_MEMORY, "memory.swap.max", 0);
  else if (memory > 0 && swap != NULL && g_file_test (swap, G_FILE_TEST_EXISTS))
    set_number (self, LOCAL_GROUP_MEMORY, "memory.memsw.limit_in_bytes", memory);
  if (pids > 0)
    set_number (self, LOCAL_GROUP_PIDS, "pids.max", pids + OWN_PIDS);
  if (cpu > 0 && unified)
    {
      g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT " %d", quota, CPU_PERIOD);

      set_group (self, LOCAL_GROUP_CPU, "cpu.max", text);
    }
  else if (cpu > 0)
    {
      set_number (self, LOCAL_GROUP_CPU, "cpu.cfs_period_us", CPU_PERIOD);
      set_number (self, LOCAL_GROUP_CPU, "cpu.cfs_quota_us", quota);
    }
}

static void
add_limits (Plan *self, GVariant *resources)
{
  const LocalGroups *groups = &self->driver->groups;
  g_autofree char *name = local_box_name (self->driver, self->id);
  g_autofree char *oom = local_groups_path (groups, LOCAL_GROUP_MEMORY, name, groups->unified ? "memory.events" : "memory.oom_control");
  gint64 memory = resources != NULL ? thole_dict_int (resources, "memory", 0) : 0;
  gint64 pids = resources != NULL ? thole_dict_int (resources, "pids", 0) : 0;
  double cpu = resources != NULL ? thole_dict_double (resources, "cpu", 0) : 0;
  gboolean counted = pids > 0 && !is_pids_group (groups, memory, pids, cpu);

  add (self->out, "sealed", "1");
  limit_groups (self, memory, counted ? 0 : pids, cpu);
  if (oom != NULL && memory > 0)
    add (self->out, "oom", oom);
  if (memory > 0 && groups->parents[LOCAL_GROUP_MEMORY] == NULL)
    add_format (self->out, "rlimit", "%d:%" G_GINT64_FORMAT, RLIMIT_AS, memory);
  if (counted)
    add_format (self->out, "rlimit", "%d:%" G_GINT64_FORMAT, RLIMIT_NPROC, pids + 1);
  add_format (self->out, "rlimit", "%d:0", RLIMIT_CORE);
  add (self->out, "limits", "done");
}

GByteArray *
local_plan_limit (TholeDriver *driver, const char *id, const char *plan, gsize length, GVariant *resources)
{
  Plan self = { .driver = driver, .id = id, .out = g_byte_array_new () };
  const char *rest = memmem (plan, length, LIMITS_END, sizeof LIMITS_END);

  add_limits (&self, resources);
  if (rest != NULL)
    {
      rest += sizeof LIMITS_END;
      g_byte_array_append (self.out, (const guint8 *) rest, (guint) (local_seal_begins (plan, length) - (gsize) (rest - plan)));
    }
  local_seal_add (self.out, NULL);
  return self.out;
}

/* the file system ------------------------------------------------------------------------------------- */

static void
bind (Plan *self, gboolean writable, const char *source, const char *target)
{
  words (self, writable ? "--bind" : "--ro-bind", NULL);
  add (self->out, "f", source);
  words (self, target, NULL);
}

/* @source: without links, and none is followed when it is opened, for who may write in there could have put one. */
static void
bind_straight (Plan *self, gboolean writable, const char *source, const char *target)
{
  words (self, writable ? "--bind" : "--ro-bind", NULL);
  add (self->out, "m", source);
  words (self, target, NULL);
}

/* A folder or a link of the root, as it is there. */
static void
show (Plan *self, const char *root, const char *name)
{
  g_autofree char *source = g_build_filename (root, name, NULL), *target = g_build_filename ("/", name, NULL), *link = NULL;
  struct stat place;

  if (lstat (source, &place) < 0)
    return;
  link = S_ISLNK (place.st_mode) ? g_file_read_link (source, NULL) : NULL;
  if (link != NULL)
    words (self, "--symlink", link, target, NULL);
  else
    bind_straight (self, FALSE, source, target);
}

/* What programs look up, out of the copy that etc.c made: one place, and links to it, for each place would cost time at every start. */
static void
show_etc (Plan *self)
{
  g_autofree char *copy = g_build_filename (self->driver->config->state_dir, LOCAL_ETC, NULL);

  bind (self, FALSE, copy, LOCAL_ETC_INSIDE);
  for (guint i = 0; local_etc_names[i] != NULL; i++)
    {
      g_autofree char *source = g_build_filename (LOCAL_ETC_INSIDE, local_etc_names[i], NULL);
      g_autofree char *target = g_build_filename ("/etc", local_etc_names[i], NULL), *there = g_build_filename (copy, local_etc_names[i], NULL);

      if (access (there, F_OK) == 0)
        words (self, "--symlink", source, target, NULL);
    }
  /* it may change while it runs */
  if (strcmp (thole_dict_string (self->spec, "network", "default"), "host") == 0 && access ("/etc/resolv.conf", R_OK) == 0)
    bind (self, FALSE, "/etc/resolv.conf", "/etc/resolv.conf");
}

/* Takes over @bytes. */
static void
put_file (Plan *self, const char *target, GBytes *bytes, guint mode)
{
  g_autofree char *name = g_strdup_printf ("file-%u", self->n_files++), *path = local_box_path (self->driver, self->id, name);
  g_autofree char *perms = g_strdup_printf ("%04o", mode & 0777);

  g_hash_table_insert (self->files, g_steal_pointer (&name), bytes);
  words (self, "--perms", perms, "--file", NULL);
  add (self->out, "d", path);
  words (self, target, NULL);
}

static void
put_text (Plan *self, const char *target, char *text)
{
  put_file (self, target, g_bytes_new_take (text, strlen (text)), 0644);
}

static const char *
host_name (Plan *self)
{
  const char *name = thole_dict_string (self->spec, "hostname", "");

  return name[0] != '\0' ? name : "sandbox";
}

static void
put_etc (Plan *self)
{
  const LocalUser *user = self->user;

  put_text (self, "/etc/passwd", g_strdup_printf ("%s%s:x:%u:%u:%s:%s:/bin/sh\n%s", user->uid != 0 ? "root:x:0:0:root:/root:/bin/sh\n" : "",
                                                  user->name, user->uid, user->gid, user->name, user->home,
                                                  user->uid != 65534 ? "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n" : ""));
  put_text (self, "/etc/group", g_strdup_printf ("%s%s:x:%u:\n%s", user->gid != 0 ? "root:x:0:\n" : "", user->gid != 0 ? user->name : "root",
                                                 user->gid, user->gid != 65534 ? "nogroup:x:65534:\n" : ""));
  put_text (self, "/etc/hostname", g_strdup_printf ("%s\n", host_name (self)));
  put_text (self, "/etc/hosts", g_strdup_printf ("127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n", host_name (self)));
}

/* From the machine: /usr with the links to it. Of a given root: all but what every sandbox has of its own. */
static gboolean
put_root (Plan *self, GError **error)
{
  static const char *const parts[] = { "usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32" };
  static const char *const own[] = { "proc", "dev", "sys", "run", "tmp", "home", ".thole", NULL };
  g_autoptr(GDir) list = NULL;
  const char *name;

  if (self->root == NULL)
    {
      for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
        show (self, "/", parts[i]);
      show_etc (self);
      put_etc (self);
      return TRUE;
    }
  list = g_dir_open (self->root, 0, error);
  if (list == NULL)
    {
      g_prefix_error (error, "image: ");
      return FALSE;
    }
  while ((name = g_dir_read_name (list)) != NULL)
    if (!g_strv_contains (own, name))
      show (self, self->root, name);
  return TRUE;
}

/* One file system in memory is all that can be written to, so one size bounds it. */
static void
put_scratch (Plan *self, GVariant *resources)
{
  gint64 disk = resources != NULL ? thole_dict_int (resources, "disk", 0) : 0;
  g_autofree char *size = g_strdup_printf ("%" G_GINT64_FORMAT, disk > 0 ? disk : self->driver->config->scratch);
  g_autofree char *shm = g_strdup_printf ("%d", SHM_SIZE);

  words (self, "--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", shm, "--tmpfs", "/dev/shm", "--remount-ro", "/dev", NULL);
  words (self, "--size", size, "--tmpfs", LOCAL_SCRATCH, "--dir", self->user->home, "--perms", "1777", "--dir", LOCAL_SCRATCH "/tmp", NULL);
  words (self, "--symlink", "home/tmp", "/tmp", "--dir", "/run", NULL);
  if (self->root == NULL)
    words (self, "--dir", "/var", "--symlink", "../home/tmp", "/var/tmp", NULL);
}

static gboolean
put_mounts (Plan *self, GError **error)
{
  g_autoptr(GVariant) list = thole_dict_value (self->spec, "mounts", "aa{sv}");

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);
      const char *source = thole_dict_string (one, "source", ""), *target = thole_dict_string (one, "target", "");
      g_autofree char *place = NULL, *real = source[0] == '/' ? realpath (source, NULL) : NULL;

      if (real == NULL)
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "mounts: there is no \"%s\" on this machine", source);
          return FALSE;
        }
      place = local_place_of_mount ("mounts", target, self->root, self->mounts, error);
      if (place == NULL)
        return FALSE;
      bind_straight (self, !thole_dict_boolean (one, "read_only", FALSE), real, place);
      g_ptr_array_add (self->mounts, g_steal_pointer (&place));
    }
  return TRUE;
}

/* Of the spec: anywhere that is in memory. Takes over @bytes. */
static gboolean
put_given (Plan *self, const char *path, GBytes *bytes, guint mode, GError **error)
{
  g_autoptr(GBytes) own = bytes;
  g_autofree char *place = local_place_of_file ("files", path, self->root, self->mounts, error);

  if (self->n_files >= FILES_MAX)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_LIMIT, "files: a sandbox has at most %d", FILES_MAX);
      return FALSE;
    }
  if (place != NULL)
    put_file (self, place, g_steal_pointer (&own), mode);
  return place != NULL;
}

static gboolean
put_files (Plan *self, GError **error)
{
  g_autoptr(GVariant) list = thole_dict_value (self->spec, "files", "aa{sv}");

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i), content = thole_dict_value (one, "content", "ay");
      gsize length = 0;
      const void *data = content != NULL ? g_variant_get_fixed_array (content, &length, 1) : NULL;

      if (!put_given (self, thole_dict_string (one, "path", ""), g_bytes_new (data, length), (guint) thole_dict_int (one, "mode", 0644), error))
        return FALSE;
    }
  return TRUE;
}

/* the program ----------------------------------------------------------------------------------------- */

static void
put_namespaces (Plan *self)
{
  g_autofree char *uid = g_strdup_printf ("%u", self->user->uid), *gid = g_strdup_printf ("%u", self->user->gid);

  words (self, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try", "--uid", uid, "--gid", gid,
         "--hostname", host_name (self), NULL);
  if (strcmp (thole_dict_string (self->spec, "network", "default"), "host") != 0)
    words (self, "--unshare-net", NULL);
}

static void
put_variable (Plan *self, const char *name, const char *value)
{
  add_format (self->out, "env", "%s=%s", name, value);
}

static void
put_environment (Plan *self)
{
  g_autoptr(GVariant) env = thole_dict_value (self->spec, "env", "a{ss}");
  const struct { const char *name, *value; } base[] = {
    { "PATH", PATH_VALUE }, { "HOME", self->user->home }, { "USER", self->user->name }, { "LOGNAME", self->user->name }, { "LANG", "C.UTF-8" },
    { "TERM", thole_dict_boolean (self->spec, "tty", FALSE) ? "xterm-256color" : NULL },
  };
  GVariantIter iter;
  const char *name, *value;

  for (guint i = 0; i < G_N_ELEMENTS (base); i++)
    if (base[i].value != NULL && (env == NULL || !g_variant_lookup (env, base[i].name, "&s", &value)))
      put_variable (self, base[i].name, base[i].value);
  if (env != NULL)
    g_variant_iter_init (&iter, env);
  while (env != NULL && g_variant_iter_next (&iter, "{&s&s}", &name, &value))
    put_variable (self, name, value);
}

/* Variables, and files with a whole path as their name. */
static gboolean
put_secrets (Plan *self, GVariant *secrets, GError **error)
{
  gsize count = secrets != NULL ? g_variant_n_children (secrets) : 0;

  for (gsize i = 0; i < count; i++)
    {
      g_autoptr(GVariant) secret = NULL;
      g_autofree char *text = NULL;
      const char *name, *data;
      gsize length;

      g_variant_get_child (secrets, i, "{&s@ay}", &name, &secret);
      data = g_variant_get_fixed_array (secret, &length, 1);
      text = g_strndup (data != NULL ? data : "", length);
      if (name[0] != '/')
        put_variable (self, name, text);
      else if (!put_given (self, name, g_bytes_new (data, length), 0400, error))
        return FALSE;
    }
  return TRUE;
}

static void
put_command (Plan *self)
{
  g_auto(GStrv) command = thole_dict_strv (self->spec, "command"), args = thole_dict_strv (self->spec, "args");

  for (guint i = 0; command[i] != NULL; i++)
    add (self->out, "arg", command[i]);
  for (guint i = 0; args[i] != NULL; i++)
    add (self->out, "arg", args[i]);
  add (self->out, "folder", thole_dict_string (self->spec, "working_dir", ""));
  add (self->out, "tty", thole_dict_boolean (self->spec, "tty", FALSE) ? "1" : "0");
  add (self->out, "input", thole_dict_boolean (self->spec, "stdin", FALSE) ? "1" : "0");
}

static void
put_own (Plan *self, const char *agent)
{
  const LocalConfig *config = self->driver->config;
  g_autofree char *filter = g_build_filename (config->state_dir, "filter", NULL);

  add_format (self->out, "log_max", "%" G_GINT64_FORMAT, config->log_max_size);
  add_format (self->out, "uid", "%" G_GINT64_FORMAT, config->uid);
  add_format (self->out, "gid", "%" G_GINT64_FORMAT, config->gid);
  add (self->out, "seccomp", filter);
  bind (self, FALSE, config->runner, THOLE_SANDBOX_INIT);
  if (agent[0] != '\0')
    {
      bind (self, FALSE, agent, LOCAL_AGENT_PROGRAM);
      /* of its own, so that whatever stands there has a bound */
      words (self, "--perms", "0700", "--size", "1048576", "--tmpfs", LOCAL_AGENT_FOLDER, NULL);
    }
  words (self, "--remount-ro", "/", "--cap-drop", "ALL", "--new-session", "--die-with-parent", "--as-pid-1", "--clearenv", NULL);
}

/* What the supervisor can take: beyond it a start could only fail. */
static gboolean
check_size (GByteArray *plan, GError **error)
{
  gsize strings = sizeof (TholeSandboxHead) + sizeof (TholeSandboxOpen), words = 0, arguments = 0, variables = 0;

  for (const char *at = (const char *) plan->data; at < (const char *) plan->data + plan->len; at += strlen (at) + 1)
    {
      gboolean argument = g_str_has_prefix (at, "arg="), variable = g_str_has_prefix (at, "env=");

      words += at[0] != '\0' && at[1] == '=' && strchr ("bfmd", at[0]) != NULL;
      arguments += argument;
      variables += variable;
      if (argument || variable || g_str_has_prefix (at, "folder="))
        strings += strlen (strchr (at, '=') + 1) + 1;
    }
  if (strings <= THOLE_SANDBOX_MESSAGE && arguments <= THOLE_SANDBOX_STRINGS && variables <= THOLE_SANDBOX_STRINGS
      && words <= THOLE_SANDBOX_PLAN_WORDS && plan->len <= THOLE_SANDBOX_PLAN_BYTES - RESERVE)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "command, env: they are longer than the %d bytes or %d words that a sandbox can be given",
               THOLE_SANDBOX_MESSAGE, THOLE_SANDBOX_STRINGS);
  return FALSE;
}

GByteArray *
local_plan_make (TholeDriver *driver, const char *id, GVariant *spec, GVariant *secrets, const char *agent, GHashTable *files, GError **error)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  g_autofree char *root = local_spec_root (driver, thole_dict_string (spec, "image", ""), NULL), *passwd = NULL;
  g_autofree char *path = g_build_filename (root != NULL ? root : "/", "etc/passwd", NULL);
  g_autoptr(GVariant) resources = thole_dict_value (spec, "resources", "a{sv}");
  g_autoptr(GPtrArray) mounts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(LocalUser) user = NULL;
  Plan self = { .driver = driver, .id = id, .spec = spec, .out = out, .files = files, .mounts = mounts, .root = root };

  g_file_get_contents (path, &passwd, NULL, NULL);
  user = local_user_find (thole_dict_string (spec, "user", ""), passwd != NULL ? passwd : "", error);
  if (user == NULL)
    return NULL;
  self.user = user;
  add_limits (&self, resources);
  put_namespaces (&self);
  if (!put_root (&self, error))
    return NULL;
  put_scratch (&self, resources);
  if (!put_mounts (&self, error) || !put_files (&self, error))
    return NULL;
  put_environment (&self);
  if (!put_secrets (&self, secrets, error))
    return NULL;
  put_own (&self, agent);
  put_command (&self);
  return check_size (out, error) ? g_steal_pointer (&out) : NULL;
}
