/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spec.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "thole-dict.h"
#include "thole-json.h"
#include "units.h"

#define MAX_FILE (16 * 1024 * 1024)
#define MAX_TTL 315360000.0

static gboolean
usage (GError **error, const char *option, const char *value, const char *expected)
{
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("--%s: “%s” is not %s"), option, value, expected);
  return FALSE;
}

/* --json ------------------------------------------------------------------------------------------------ */

static char *
read_file (const char *path, gsize *length, GError **error)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  g_autoptr(GError) fault = NULL;
  g_autofree char *text = NULL;
  guint8 piece[16384];
  gssize got;

  if (strcmp (path, "-") != 0)
    {
      if (g_file_get_contents (path, &text, length, &fault))
        return g_steal_pointer (&text);
      g_set_error (error, CLI_ERROR, CLI_USAGE, "--json: %s", fault->message);
      return NULL;
    }
  while ((got = read (STDIN_FILENO, piece, sizeof piece)) > 0 && bytes->len < MAX_FILE)
    g_byte_array_append (bytes, piece, (guint) got);
  *length = bytes->len;
  g_byte_array_append (bytes, (const guint8 *) "", 1);
  return (char *) g_byte_array_steal (bytes, NULL);
}

/* the file holds a whole body (with the member `spec`) or only a spec */
static gboolean
read_json (CliArguments *arguments, GVariantDict *body, GVariantDict *spec, GError **error)
{
  const char *path = cli_arguments_get (arguments, "json");
  g_autofree char *text = NULL;
  g_autoptr(GVariant) value = NULL, inner = NULL;
  g_autoptr(GError) fault = NULL;
  gsize length = 0;

  if (path == NULL)
    {
      g_variant_dict_init (body, NULL);
      g_variant_dict_init (spec, NULL);
      return TRUE;
    }
  text = read_file (path, &length, error);
  if (text == NULL)
    return FALSE;
  value = thole_json_parse (text, length, &fault);
  if (value == NULL || !g_variant_is_of_type (value, G_VARIANT_TYPE_VARDICT))
    {
      g_set_error (error, CLI_ERROR, CLI_USAGE, "--json: %s: %s", path,
                   fault != NULL ? fault->message : _("it is not a JSON object"));
      return FALSE;
    }
  inner = g_variant_lookup_value (value, "spec", G_VARIANT_TYPE_VARDICT);
  g_variant_dict_init (body, inner != NULL ? value : NULL);
  g_variant_dict_init (spec, inner != NULL ? inner : value);
  return TRUE;
}

/* dictionaries ------------------------------------------------------------------------------------------ */

static void
insert_dict (GVariantDict *into, const char *key, GVariantDict *dict)
{
  g_variant_dict_insert_value (into, key, g_variant_dict_end (dict));
}

static void
open_dict (GVariantDict *from, const char *key, GVariantDict *dict)
{
  g_autoptr(GVariant) held = g_variant_dict_lookup_value (from, key, G_VARIANT_TYPE_VARDICT);

  g_variant_dict_init (dict, held);
}

static void
set_string (CliArguments *arguments, GVariantDict *dict, const char *option, const char *key)
{
  const char *value = cli_arguments_get (arguments, option);

  if (value != NULL)
    g_variant_dict_insert (dict, key, "s", value);
}

static void
set_flag (CliArguments *arguments, GVariantDict *dict, const char *option, const char *key)
{
  if (cli_arguments_has (arguments, option))
    g_variant_dict_insert (dict, key, "b", TRUE);
}

/* appends to the list that a --json file may have begun */
static void
append_to_list (GVariantDict *into, const char *key, GPtrArray *members)
{
  g_autoptr(GVariant) held = g_variant_dict_lookup_value (into, key, G_VARIANT_TYPE ("av"));
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (gsize i = 0; held != NULL && i < g_variant_n_children (held); i++)
    {
      g_autoptr(GVariant) child = g_variant_get_child_value (held, i);
      g_variant_builder_add_value (&builder, child);
    }
  for (guint i = 0; i < members->len; i++)
    g_variant_builder_add (&builder, "v", g_ptr_array_index (members, i));
  g_variant_dict_insert_value (into, key, g_variant_builder_end (&builder));
}

/* the options ------------------------------------------------------------------------------------------- */

/* "KEY=VALUE"; without a value the one of our environment (@environment) or "" */
static gboolean
set_pairs (CliArguments *arguments, GVariantDict *into, const char *option, const char *key, gboolean environment,
           GError **error)
{
  GPtrArray *pairs = cli_arguments_all (arguments, option);
  GVariantDict dict;

  if (pairs->len == 0)
    return TRUE;
  open_dict (into, key, &dict);
  for (guint i = 0; i < pairs->len; i++)
    {
      const char *pair = g_ptr_array_index (pairs, i), *equals = strchr (pair, '=');
      g_autofree char *name = equals != NULL ? g_strndup (pair, (gsize) (equals - pair)) : g_strdup (pair);
      const char *value = equals != NULL ? equals + 1 : environment ? g_getenv (name) : "";

      if (*name == '\0')
        {
          g_variant_dict_clear (&dict);
          return usage (error, option, pair, "NAME=VALUE");
        }
      if (value != NULL && g_utf8_validate (value, -1, NULL))
        g_variant_dict_insert (&dict, name, "s", value);
    }
  insert_dict (into, key, &dict);
  return TRUE;
}

static gboolean
parse_port_number (const char *text, guint64 min, gint64 *value)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, min, 65535, &number, NULL))
    return FALSE;
  *value = (gint64) number;
  return TRUE;
}

/* [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]; an IPv6 address stands in brackets */
static GVariant *
parse_port (const char *text, GError **error)
{
  g_auto(GStrv) halves = g_strsplit (text, "/", 2);
  const char *protocol = halves[0] != NULL && halves[1] != NULL ? halves[1] : "tcp";
  const char *ports = halves[0] != NULL ? halves[0] : "";
  g_autofree char *address = NULL;
  g_auto(GStrv) numbers = NULL;
  gint64 host = 0, container = 0;
  guint count;
  GVariantDict dict;
  gboolean good;

  if (*ports == '[' && strchr (ports, ']') != NULL)
    {
      const char *end = strchr (ports, ']');
      address = g_strndup (ports + 1, (gsize) (end - ports - 1));
      ports = end[1] == ':' ? end + 2 : "";
    }
  numbers = g_strsplit (ports, ":", 4);
  count = g_strv_length (numbers);
  if (count == 3 && address == NULL)
    address = g_strdup (numbers[0]);
  good = count >= 1 && count <= 3 && (count < 3 || numbers[0] != NULL);
  good = good && parse_port_number (numbers[count - 1], 1, &container);
  good = good && (count == 1 || *numbers[count - 2] == '\0' || parse_port_number (numbers[count - 2], 0, &host));
  good = good && (count < 3 || g_strcmp0 (address, numbers[0]) == 0);
  good = good && (strcmp (protocol, "tcp") == 0 || strcmp (protocol, "udp") == 0 || strcmp (protocol, "sctp") == 0);
  if (!good)
    {
      usage (error, "publish", text, "[[ADDRESS:]HOST:]CONTAINER[/tcp|udp|sctp]");
      return NULL;
    }
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "container", "x", container);
  g_variant_dict_insert (&dict, "host", "x", host);
  g_variant_dict_insert (&dict, "protocol", "s", protocol);
  if (address != NULL && *address != '\0')
    g_variant_dict_insert (&dict, "address", "s", address);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/* SOURCE:TARGET[:ro|rw]; a source with a slash or a dot in front is a path of the machine, else a volume */
static GVariant *
parse_mount (const char *text, GError **error)
{
  g_auto(GStrv) parts = g_strsplit (text, ":", 4);
  guint count = g_strv_length (parts);
  GVariantDict dict;

  if (count < 2 || count > 3 || *parts[0] == '\0' || *parts[1] != '/'
      || (count == 3 && strcmp (parts[2], "ro") != 0 && strcmp (parts[2], "rw") != 0))
    {
      usage (error, "volume", text, "SOURCE:/TARGET[:ro]");
      return NULL;
    }
  g_variant_dict_init (&dict, NULL);
  if (*parts[0] == '/' || *parts[0] == '.')
    {
      g_autofree char *path = g_canonicalize_filename (parts[0], NULL);
      g_variant_dict_insert (&dict, "source", "s", path);
    }
  else
    {
      g_variant_dict_insert (&dict, "volume", "s", parts[0]);
    }
  g_variant_dict_insert (&dict, "target", "s", parts[1]);
  if (count == 3 && strcmp (parts[2], "ro") == 0)
    g_variant_dict_insert (&dict, "read_only", "b", TRUE);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static gboolean
set_list (CliArguments *arguments, GVariantDict *spec, const char *option, const char *key,
          GVariant *(*parse) (const char *, GError **), GError **error)
{
  GPtrArray *texts = cli_arguments_all (arguments, option);
  g_autoptr(GPtrArray) members = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  for (guint i = 0; i < texts->len; i++)
    {
      GVariant *member = parse (g_ptr_array_index (texts, i), error);

      if (member == NULL)
        return FALSE;
      g_ptr_array_add (members, member);
    }
  if (members->len > 0)
    append_to_list (spec, key, members);
  return TRUE;
}

static gboolean
set_resources (CliArguments *arguments, GVariantDict *spec, GError **error)
{
  const char *memory = cli_arguments_get (arguments, "memory"), *cpu = cli_arguments_get (arguments, "cpu");
  gint64 bytes = memory != NULL ? cli_size_parse (memory) : 0, pids;
  char *end = NULL;
  double cores = cpu != NULL ? g_ascii_strtod (cpu, &end) : 0;
  GVariantDict dict;

  if (bytes < 0)
    return usage (error, "memory", memory, _("a size (512m, 1.5GiB)"));
  if (cpu != NULL && (end == cpu || *end != '\0' || !(cores >= 0 && cores <= 1024)))
    return usage (error, "cpu", cpu, _("a number of cores (0.5)"));
  if (!cli_arguments_int (arguments, "pids", 0, 4194304, -1, &pids, error))
    return FALSE;
  if (memory == NULL && cpu == NULL && pids < 0)
    return TRUE;
  open_dict (spec, "resources", &dict);
  if (memory != NULL)
    g_variant_dict_insert (&dict, "memory", "x", bytes);
  if (cpu != NULL)
    g_variant_dict_insert (&dict, "cpu", "d", cores);
  if (pids >= 0)
    g_variant_dict_insert (&dict, "pids", "x", pids);
  insert_dict (spec, "resources", &dict);
  return TRUE;
}

/* never, on-failure[:RETRIES], always[:RETRIES] */
static gboolean
set_restart (CliArguments *arguments, GVariantDict *spec, GError **error)
{
  const char *text = cli_arguments_get (arguments, "restart");
  static const char *const policies[] = { "never", "on-failure", "always", NULL };
  g_auto(GStrv) parts = NULL;
  guint64 retries = 0;
  GVariantDict dict;

  if (text == NULL)
    return TRUE;
  parts = g_strsplit (text, ":", 2);
  if (parts[0] == NULL || !g_strv_contains (policies, parts[0])
      || (parts[1] != NULL && !g_ascii_string_to_unsigned (parts[1], 10, 0, 1000000, &retries, NULL)))
    return usage (error, "restart", text, "never, on-failure[:N], always[:N]");
  open_dict (spec, "restart", &dict);
  g_variant_dict_insert (&dict, "policy", "s", parts[0]);
  if (parts[1] != NULL)
    g_variant_dict_insert (&dict, "max_retries", "x", (gint64) retries);
  insert_dict (spec, "restart", &dict);
  return TRUE;
}

static void
set_words (CliArguments *arguments, GVariantDict *spec)
{
  /* after `--` there is only a program: a sandbox has no image */
  const char *image = arguments->bare ? NULL : cli_arguments_word (arguments, 0), *entrypoint = cli_arguments_get (arguments, "entrypoint");
  GPtrArray *words = arguments->words;
  guint first = arguments->bare ? 0 : 1;

  if (image != NULL)
    g_variant_dict_insert (spec, "image", "s", image);
  if (words->len > first)
    g_variant_dict_insert_value (spec, "args", g_variant_new_strv ((const char *const *) words->pdata + first, words->len - first));
  if (entrypoint != NULL)
    g_variant_dict_insert_value (spec, "command", g_variant_new_strv (&entrypoint, 1));
}

static gboolean
set_spec (CliArguments *arguments, GVariantDict *spec, GError **error)
{
  double ttl, idle;

  set_words (arguments, spec);
  set_string (arguments, spec, "workdir", "working_dir");
  set_string (arguments, spec, "user", "user");
  set_string (arguments, spec, "hostname", "hostname");
  set_string (arguments, spec, "network", "network");
  set_string (arguments, spec, "pull", "pull");
  set_flag (arguments, spec, "tty", "tty");
  set_flag (arguments, spec, "stdin", "stdin");
  if (!cli_arguments_duration (arguments, "ttl", MAX_TTL, -1, &ttl, error)
      || !cli_arguments_duration (arguments, "idle-timeout", MAX_TTL, -1, &idle, error))
    return FALSE;
  if (ttl >= 0)
    g_variant_dict_insert (spec, "ttl", "d", ttl);
  if (idle >= 0)
    g_variant_dict_insert (spec, "idle_timeout", "d", idle);
  return set_pairs (arguments, spec, "env", "env", TRUE, error)
         && set_list (arguments, spec, "publish", "ports", parse_port, error)
         && set_list (arguments, spec, "volume", "mounts", parse_mount, error)
         && set_resources (arguments, spec, error) && set_restart (arguments, spec, error);
}

GVariant *
cli_spec_body (CliArguments *arguments, GError **error)
{
  g_auto(GVariantDict) body = { 0 }, spec = { 0 };

  if (!read_json (arguments, &body, &spec, error))
    return NULL;
  set_string (arguments, &body, "name", "name");
  set_string (arguments, &body, "backend", "backend");
  if (cli_arguments_has (arguments, "no-start"))
    g_variant_dict_insert (&body, "start", "b", FALSE);
  if (cli_arguments_has (arguments, "start"))
    g_variant_dict_insert (&body, "start", "b", TRUE);
  if (!set_pairs (arguments, &body, "label", "labels", FALSE, error) || !set_spec (arguments, &spec, error))
    return NULL;
  insert_dict (&body, "spec", &spec);
  return g_variant_ref_sink (g_variant_dict_end (&body));
}
