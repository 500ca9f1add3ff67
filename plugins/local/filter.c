/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The SDK's profile, which is an OCI runtime's, made into a program for the kernel.
 */
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "thole-dict.h"
#include "thole-error.h"
#include "thole-json.h"
#include "thole-seccomp.h"

#define CONDITIONS 6

static enum scmp_compare
comparison (const char *word)
{
  if (strcmp (word, "SCMP_CMP_EQ") == 0)
    return SCMP_CMP_EQ;
  return strcmp (word, "SCMP_CMP_NE") == 0 ? SCMP_CMP_NE : SCMP_CMP_MASKED_EQ;
}

static guint
read_conditions (GVariant *rule, struct scmp_arg_cmp *conditions)
{
  g_autoptr(GVariant) list = thole_dict_value (rule, "args", "aa{sv}");
  gsize count = list != NULL ? MIN (g_variant_n_children (list), CONDITIONS) : 0;

  for (gsize i = 0; i < count; i++)
    {
      g_autoptr(GVariant) one = g_variant_get_child_value (list, i);

      conditions[i] = (struct scmp_arg_cmp){
        .arg = (guint) thole_dict_int (one, "index", 0),
        .op = comparison (thole_dict_string (one, "op", "")),
        .datum_a = (scmp_datum_t) thole_dict_int (one, "value", 0),
        .datum_b = (scmp_datum_t) thole_dict_int (one, "valueTwo", 0),
      };
    }
  return (guint) count;
}

/* Calls that this kernel's library does not know are passed over: they are refused as all others. */
static int
add_rule (scmp_filter_ctx filter, GVariant *rule)
{
  g_auto(GStrv) names = thole_dict_strv (rule, "names");
  gboolean allow = strcmp (thole_dict_string (rule, "action", ""), "SCMP_ACT_ALLOW") == 0;
  guint32 action = allow ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO ((guint16) thole_dict_int (rule, "errnoRet", EPERM));
  struct scmp_arg_cmp conditions[CONDITIONS];
  guint count = read_conditions (rule, conditions);

  for (guint i = 0; names[i] != NULL; i++)
    {
      int number = seccomp_syscall_resolve_name (names[i]), error;

      if (number == __NR_SCMP_ERROR)
        continue;
      error = seccomp_rule_add_array (filter, action, number, count, conditions);
      if (error != 0 && error != -EDOM)
        return error;
    }
  return 0;
}

static int
fill (scmp_filter_ctx filter)
{
  g_autofree char *text = thole_seccomp_profile (NULL);
  g_autoptr(GVariant) profile = thole_json_parse (text, strlen (text), NULL);
  g_autoptr(GVariant) rules = thole_dict_value (profile, "syscalls", "aa{sv}");
  /* as a tree: the kernel tries each call of each architecture when a filter is loaded, which is at every start */
  int error = seccomp_attr_set (filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);

#if defined(__x86_64__)
  if (error == 0)
    error = seccomp_arch_add (filter, SCMP_ARCH_X86);
#endif
  for (gsize i = 0; error == 0 && i < g_variant_n_children (rules); i++)
    {
      g_autoptr(GVariant) rule = g_variant_get_child_value (rules, i);

      error = add_rule (filter, rule);
    }
  return error;
}

gboolean
local_filter_write (const char *path, GError **error)
{
  g_autofree char *fresh = g_strconcat (path, ".new", NULL);
  scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ERRNO (EPERM));
  int fd = open (fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int result = filter == NULL || fd < 0 ? -errno : fill (filter);

  if (result == 0)
    result = seccomp_export_bpf (filter, fd);
  if (filter != NULL)
    seccomp_release (filter);
  if (fd >= 0)
    close (fd);
  if (result == 0 && g_rename (fresh, path) < 0)
    result = -errno;
  if (result != 0)
    g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "the filter of system calls, %s: %s", path, g_strerror (-result));
  return result == 0;
}
