/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Event sources that one place keeps and ends.
 */
#pragma once

#include <glib.h>

/* @place takes @source over, which calls @function in this thread's context. */
static inline void
thole_source_set (GSource **place, GSource *source, GSourceFunc function, gpointer user_data)
{
  g_source_set_callback (source, function, user_data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  *place = source;
}

static inline void
thole_source_clear (GSource **place)
{
  if (*place != NULL)
    g_source_destroy (*place);
  g_clear_pointer (place, g_source_unref);
}
