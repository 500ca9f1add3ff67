/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "leak.h"

#include <malloc.h>

/* caches fill up in some rounds and not in each */
#define ROUNDS 8
/* bytes a turn */
#define SOME 12

/* there when this program was built with them */
extern size_t __sanitizer_get_current_allocated_bytes (void) __attribute__ ((weak));
extern int __lsan_do_recoverable_leak_check (void) __attribute__ ((weak));

gsize
kit_memory (void)
{
  if (__sanitizer_get_current_allocated_bytes != NULL)
    return __sanitizer_get_current_allocated_bytes ();
  return mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
}

gboolean
kit_sanitizer_finds (void)
{
  return __lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check () != 0;
}

gboolean
kit_sanitized (void)
{
  return __sanitizer_get_current_allocated_bytes != NULL;
}

guint
kit_files (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint count = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    count++;
  return count;
}

void
kit_check_leaks (Kit *kit, const char *what, guint turns, KitTurn turn, gpointer data)
{
  gsize before = 0, least = G_MAXSIZE;
  guint files = 0;

  for (guint round = 0; round <= ROUNDS; round++)
    {
      guint calls = kit->calls->len, events = kit->events->len;
      gsize now;

      for (guint i = 0; i < turns; i++)
        if (!turn (kit, data) || kit_failed (kit))
          return;
      kit_turn (kit);
      kit_drop (kit, calls, events);
      now = kit_memory ();
      if (round == 1)
        files = kit_files ();
      if (round > 0 && now < before + turns * SOME && kit_files () <= files)
        return;
      if (round > 0)
        least = MIN (least, now > before ? (now - before) / turns : 0);
      before = now;
    }
  if (kit_files () > files)
    kit_fault (kit, "%s leaves files open: %u more after %u times", what, kit_files () - files, turns * (ROUNDS - 1));
  if (least >= SOME && least < G_MAXSIZE)
    kit_fault (kit, "%s leaks: %" G_GSIZE_FORMAT " bytes or more each time", what, least);
}
