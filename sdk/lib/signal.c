/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of signals, as Linux numbers them for the workloads, which need not be how this machine does.
 */
#include "thole-dict.h"

#include <string.h>

static const char *const names[] = {
  NULL, "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
  "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
  "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
  NULL, NULL, "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+2", "SIGRTMIN+3", "SIGRTMIN+4", "SIGRTMIN+5", "SIGRTMIN+6",
  "SIGRTMIN+7", "SIGRTMIN+8", "SIGRTMIN+9", "SIGRTMIN+10", "SIGRTMIN+11", "SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14",
  "SIGRTMIN+15", "SIGRTMAX-14", "SIGRTMAX-13", "SIGRTMAX-12", "SIGRTMAX-11", "SIGRTMAX-10", "SIGRTMAX-9", "SIGRTMAX-8",
  "SIGRTMAX-7", "SIGRTMAX-6", "SIGRTMAX-5", "SIGRTMAX-4", "SIGRTMAX-3", "SIGRTMAX-2", "SIGRTMAX-1", "SIGRTMAX",
};

int
thole_signal_number (const char *name)
{
  guint64 number;

  if (name == NULL || *name == '\0')
    return 0;
  if (g_ascii_isdigit (*name))
    return g_ascii_string_to_unsigned (name, 10, 1, G_N_ELEMENTS (names) - 1, &number, NULL) ? (int) number : 0;
  for (guint i = 1; i < G_N_ELEMENTS (names); i++)
    if (names[i] != NULL && (strcmp (names[i], name) == 0 || strcmp (names[i] + strlen ("SIG"), name) == 0))
      return (int) i;
  return 0;
}

const char *
thole_signal_name (int number)
{
  return number > 0 && number < (int) G_N_ELEMENTS (names) ? names[number] : NULL;
}
