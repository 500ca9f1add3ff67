/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a workload is made of: values that cannot be, values that must work.
 */
#include <string.h>

#include "suites.h"

#define BAD (KIT_CODE (INVALID) | KIT_LACKING)

static const struct
{
  const char *name, *keys;
  KitOutcomes outcomes;
  gboolean always;
} bad[] = {
  { "port-0", "{'ports': <[{'container': <int64 0>}]>}", BAD },
  { "port-too-large", "{'ports': <[{'container': <int64 70000>}]>}", BAD },
  { "port-negative", "{'ports': <[{'container': <int64 -1>}]>}", BAD },
  { "host-port-too-large", "{'ports': <[{'container': <int64 80>, 'host': <int64 70000>}]>}", BAD },
  { "protocol-unknown", "{'ports': <[{'container': <int64 80>, 'protocol': <'icmp'>}]>}", BAD },
  { "mount-relative", "{'mounts': <[{'target': <'relative'>, 'source': <'/tmp'>}]>}", BAD },
  { "mount-without-source", "{'mounts': <[{'target': <'/a'>}]>}", BAD },
  { "mount-without-target", "{'mounts': <[{'source': <'/tmp'>}]>}", BAD },
  { "mount-two-sources", "{'mounts': <[{'target': <'/a'>, 'source': <'/tmp'>, 'volume': <'v'>}]>}", BAD | KIT_CODE (NOT_FOUND) },
  { "file-outside", "{'files': <[{'path': <'../etc/passwd'>, 'content': <b'x'>}]>}", BAD },
  { "file-outside-inner", "{'files': <[{'path': <'/etc/../../x'>, 'content': <b'x'>}]>}", BAD },
  { "file-relative", "{'files': <[{'path': <'x'>, 'content': <b'x'>}]>}", BAD },
  { "memory-negative", "{'resources': <{'memory': <int64 -1>}>}", BAD },
  { "cpu-negative", "{'resources': <{'cpu': <-1.0>}>}", BAD },
  { "pids-negative", "{'resources': <{'pids': <int64 -5>}>}", BAD },
  { "stop-signal-unknown", "{'stop': <{'signal': <'SIGNONSENSE'>}>}", BAD },
  { "backend-option-unknown", "{'backend_options': <{'an_unknown_option': <1>}>}", BAD, TRUE },
  { "env-name-with-equals", "{'env': <{'A=B': 'c'}>}", BAD },
  { "env-name-empty", "{'env': <{'': 'c'}>}", BAD },
  { "capability-unknown", "{'privileges': <{'capabilities': <['NO_SUCH_CAPABILITY']>}>}", BAD },
  { "capability-malformed", "{'privileges': <{'capabilities': <['NET;ADMIN']>}>}", BAD },
  { "network-unknown", "{'network': <'no such network'>}", BAD },
  { "command-missing", "{'command': <['/bin/no-such-program']>}", BAD },
};

/* Engines that lack one of these say so; then it is not asked further. */
static const struct
{
  const char *name, *keys, *program, *argument, *expected;
} good[] = {
  { "env", "{'env': <{'WORD': 'oar'}>}", "env", "WORD", "oar\n" },
  { "env-empty-value", "{'env': <{'WORD': ''}>}", "env", "WORD", "\n" },
  { "env-with-lines", "{'env': <{'WORD': 'one\\ntwo'}>}", "env", "WORD", "one\ntwo\n" },
  { "env-utf8", "{'env': <{'WORD': 'Dolle ⚓'}>}", "env", "WORD", "Dolle ⚓\n" },
  { "file", "{'files': <[{'path': <'/check.txt'>, 'content': <b'kept'>}]>}", "print", "/check.txt", "kept" },
  { "file-below-new-folder", "{'files': <[{'path': <'/a/b/check.txt'>, 'content': <b'kept'>}]>}", "print", "/a/b/check.txt", "kept" },
  { "file-empty", "{'files': <[{'path': <'/check.txt'>, 'content': <@ay []>}]>}", "print", "/check.txt", "" },
  { "working-dir", "{'working_dir': <'/tmp'>}" },
  { "user", "{'user': <'65534'>}" },
  { "user-and-group", "{'user': <'65534:65534'>}" },
  { "hostname", "{'hostname': <'check'>}" },
  { "terminal", "{'tty': <true>}" },
  { "input", "{'stdin': <true>}" },
  { "memory", "{'resources': <{'memory': <int64 134217728>}>}" },
  { "cpu", "{'resources': <{'cpu': <0.5>}>}" },
  { "pids", "{'resources': <{'pids': <int64 64>}>}" },
  { "no-limits", "{'resources': <{'cpu': <0.0>, 'memory': <int64 0>, 'pids': <int64 0>, 'disk': <int64 0>}>}" },
  { "labels", "{'labels': <{'a': 'b', 'a.b/c': ''}>}" },
  { "stop-signal", "{'stop': <{'signal': <'SIGINT'>, 'grace': <1.0>}>}" },
  { "capability", "{'privileges': <{'capabilities': <['NET_RAW']>}>}" },
  { "privileges-may-grow", "{'privileges': <{'no_new_privileges': <false>}>}" },
  { "restart", "{'restart': <{'policy': <'never'>}>}" },
  { "role-install", "{'role': <'install'>}" },
  { "unknown-key", "{'a_key_of_another_release': <'of no use'>}" },
};

static void
refuse (Kit *kit, const KitCase *one)
{
  g_auto(GStrv) words = kit_settings_program (kit->settings, "exit", "0");
  g_autofree char *id = kit_fresh (kit, "bad");
  g_autoptr(GVariant) spec = kit_spec (kit, "forever", NULL, bad[one->row].keys);
  KitCall *call;

  /* what has no meaning for an engine is not judged by it */
  if (words == NULL && !bad[one->row].always)
    kit_skip (kit, "[check] says that there is no program exit: the engine runs nothing");
  if (kit->skip != NULL || !kit_need_image (kit))
    return;
  /* some of it is seen only at the start */
  call = kit_call (kit, THOLE_SLOT_WORKLOAD_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec });
  if (kit_outcome (call) == KIT_OK)
    call = kit_call (kit, THOLE_SLOT_WORKLOAD_START, &(TholeSlotArgs) { .id = id });
  kit_expect (call, bad[one->row].outcomes);
  kit_remove (kit, id);
}

static void
check_output (Kit *kit, const char *id, int row)
{
  g_autoptr(GVariant) command = kit_command (kit, good[row].program, good[row].argument, NULL), bytes = NULL;
  KitCall *call = kit_call (kit, THOLE_SLOT_EXEC_RUN, &(TholeSlotArgs) { .id = id, .dict = command });
  g_autofree char *text = NULL;
  gsize length = 0;
  const char *data = "";

  if (!kit_expect (call, KIT_OK))
    return;
  bytes = thole_dict_value (call->out.value, "stdout", "ay");
  if (bytes != NULL)
    data = g_variant_get_fixed_array (bytes, &length, 1);
  text = g_strndup (data != NULL ? data : "", length);
  KIT_CHECK (kit, strcmp (text, good[row].expected) == 0, "%s %s prints “%s”, not “%s”", good[row].program, good[row].argument, text,
             good[row].expected);
}

static void
accept (Kit *kit, const KitCase *one)
{
  const char *program = good[one->row].program;
  g_auto(GStrv) words = program != NULL ? kit_settings_program (kit->settings, program, "") : NULL;
  g_autofree char *id = kit_fresh (kit, "good");
  g_autoptr(GVariant) spec = kit_spec (kit, "forever", NULL, good[one->row].keys);
  KitCall *call;

  if (!kit_need_image (kit))
    return;
  call = kit_call (kit, THOLE_SLOT_WORKLOAD_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec });
  if (kit_outcome (call) == KIT_LACKING)
    kit_skip (kit, "the driver says: %s", call->error->message);
  else if (kit_expect (call, KIT_OK) && kit_start (kit, id) && words != NULL && kit_has (kit, THOLE_SLOT_EXEC_RUN))
    check_output (kit, id, one->row);
  kit_remove (kit, id);
}

static void
no_image (Kit *kit, const KitCase *one)
{
  g_autofree char *id = kit_fresh (kit, "bad");
  g_autofree char *host = g_strndup (kit->settings->image, strcspn (kit->settings->image, "/"));
  g_autofree char *image = strchr (kit->settings->image, '/') != NULL ? g_strconcat (host, "/thole-no-such-image:1", NULL)
                                                                      : g_strdup ("thole-no-such-image:1");
  g_autofree char *keys = g_strdup_printf ("{'image': <'%s'>}", image);
  g_autoptr(GVariant) spec = kit_spec (kit, "forever", NULL, keys);

  kit_expect (kit_call (kit, THOLE_SLOT_WORKLOAD_CREATE, &(TholeSlotArgs) { .id = id, .dict = spec }), KIT_CODE (IMAGE_NOT_FOUND));
  kit_remove (kit, id);
}

void
suite_spec (GPtrArray *cases)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    kit_add (cases, &(KitCase) { .run = refuse, .row = (int) i, .needs = KIT_MANAGES }, "spec/refused/%s", bad[i].name);
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    kit_add (cases, &(KitCase) { .run = accept, .row = (int) i, .needs = KIT_MANAGES }, "spec/accepted/%s", good[i].name);
  kit_add (cases, &(KitCase) { .run = no_image, .needs = KIT_MANAGES | KIT_NEEDS (IMAGE_LIST) }, "spec/refused/image-missing");
}
