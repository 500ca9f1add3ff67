/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/turn.h"

typedef struct
{
  GSource source;
  gboolean *due;
} Turn;

static gboolean
turn_prepare (GSource *source, int *timeout)
{
  *timeout = -1;
  return *((Turn *) source)->due;
}

static gboolean
turn_check (GSource *source)
{
  return *((Turn *) source)->due;
}

static gboolean
turn_dispatch (GSource *source, GSourceFunc function, gpointer user_data)
{
  /* what came before it in this turn may have done it already */
  if (*((Turn *) source)->due)
    {
      *((Turn *) source)->due = FALSE;
      function (user_data);
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs turn_functions = { .prepare = turn_prepare, .check = turn_check, .dispatch = turn_dispatch };

GSource *
thole_turn_source (gboolean *due, GSourceFunc function, gpointer user_data)
{
  GSource *source = g_source_new (&turn_functions, sizeof (Turn));

  ((Turn *) source)->due = due;
  g_source_set_static_name (source, "thole-turn");
  g_source_set_callback (source, function, user_data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}
