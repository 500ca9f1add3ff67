/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "agent/1".
 */
#include "agent.h"

static void
add_mount (GVariantBuilder *list, const char *source, const char *target, gboolean read_only)
{
  g_auto(GVariantDict) one = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&one, "source", "s", source);
  g_variant_dict_insert (&one, "target", "s", target);
  g_variant_dict_insert (&one, "read_only", "b", read_only);
  g_variant_builder_add_value (list, g_variant_dict_end (&one));
}

GVariant *
ctr_agent_mounts (GVariant *agent)
{
  g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  if (agent == NULL)
    return NULL;
  add_mount (&list, thole_dict_string (agent, "binary", ""), CTR_AGENT_PROGRAM, TRUE);
  add_mount (&list, thole_dict_string (agent, "folder", ""), CTR_AGENT_FOLDER, FALSE);
  return g_variant_ref_sink (g_variant_builder_end (&list));
}
