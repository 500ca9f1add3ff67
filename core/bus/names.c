/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/names.h"

#include <string.h>

static const struct
{
  const char *interface, *node, *resource;
} kinds[THOLE_BUS_N_KINDS] = {
  [THOLE_BUS_ROOT] = { "Root", "", "" },
  [THOLE_BUS_WORKLOAD] = { "Workload", "workload", "/v1/workloads/" },
  [THOLE_BUS_SESSION] = { "Session", "session", "/v1/sessions/" },
  [THOLE_BUS_BACKEND] = { "Backend", "backend", "/v1/backends/" },
  [THOLE_BUS_OPERATION] = { "Operation", "operation", "/v1/operations/" },
};

const char *
thole_bus_kind_interface (TholeBusKind kind)
{
  return kinds[kind].interface;
}

const char *
thole_bus_kind_node (TholeBusKind kind)
{
  return kinds[kind].node;
}

const char *
thole_bus_kind_resource (TholeBusKind kind)
{
  return kinds[kind].resource;
}

TholeBusKind
thole_bus_kind_parse (const char *interface)
{
  static const char prefix[] = THOLE_BUS_NAME ".";
  TholeBusKind kind = 0;

  if (!g_str_has_prefix (interface, prefix))
    return THOLE_BUS_N_KINDS;
  while (kind < THOLE_BUS_N_KINDS && strcmp (kinds[kind].interface, interface + sizeof prefix - 1) != 0)
    kind++;
  return kind;
}

TholeBusKind
thole_bus_kind_of (const TholeOperationDef *def)
{
  for (TholeBusKind kind = THOLE_BUS_ROOT + 1; def->target != NULL && kind < THOLE_BUS_N_KINDS; kind++)
    if (strcmp (kinds[kind].node, def->target) == 0)
      return kind;
  return THOLE_BUS_ROOT;
}

char *
thole_bus_camel (const char *name)
{
  GString *out = g_string_new (NULL);
  gboolean begin = TRUE;

  for (; *name != '\0'; name++)
    {
      if (*name != '_' && *name != '-')
        g_string_append_c (out, begin ? g_ascii_toupper (*name) : *name);
      begin = *name == '_' || *name == '-';
    }
  return g_string_free (out, FALSE);
}

const char *
thole_bus_property_name (const char *name)
{
  char buffer[64];
  gsize length = 0;
  gboolean begin = TRUE;

  for (; *name != '\0' && length < sizeof buffer - 1; name++)
    {
      if (*name != '_')
        buffer[length++] = begin ? g_ascii_toupper (*name) : *name;
      begin = *name == '_';
    }
  buffer[length] = '\0';
  return g_intern_string (buffer);
}

char *
thole_bus_error_name (int code)
{
  g_autofree char *word = thole_bus_camel (thole_error_word (code));

  return g_strconcat (THOLE_BUS_NAME ".Error.", word, NULL);
}

/* no id and no name has an underscore, so that this can be turned back */
char *
thole_bus_path (TholeBusKind kind, const char *id)
{
  g_autofree char *element = g_strdelimit (g_strdup (id), "-", '_');

  return g_strconcat (THOLE_BUS_PATH "/", kinds[kind].node, "/", element, NULL);
}

char *
thole_bus_path_of (const char *location)
{
  for (TholeBusKind kind = THOLE_BUS_ROOT + 1; location != NULL && kind < THOLE_BUS_N_KINDS; kind++)
    {
      const char *resource = kinds[kind].resource;

      if (g_str_has_prefix (location, resource) && strchr (location + strlen (resource), '/') == NULL)
        return thole_bus_path (kind, location + strlen (resource));
    }
  return g_strdup ("/");
}

gboolean
thole_bus_path_parse (const char *path, TholeBusKind *kind, char **id)
{
  const char *rest = path + strlen (THOLE_BUS_PATH);
  const char *slash;

  if (*rest == '\0')
    {
      *kind = THOLE_BUS_ROOT;
      *id = NULL;
      return TRUE;
    }
  slash = strchrnul (++rest, '/');
  if (*slash == '/' && strchr (slash + 1, '/') != NULL)
    return FALSE;
  for (TholeBusKind i = THOLE_BUS_ROOT + 1; i < THOLE_BUS_N_KINDS; i++)
    if (strlen (kinds[i].node) == (gsize) (slash - rest) && strncmp (kinds[i].node, rest, (gsize) (slash - rest)) == 0)
      {
        *kind = i;
        *id = *slash == '/' ? g_strdelimit (g_strdup (slash + 1), "_", '-') : NULL;
        return TRUE;
      }
  return FALSE;
}
