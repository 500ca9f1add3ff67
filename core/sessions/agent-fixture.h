/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For tests: a real thole-agent in a folder of its own, ways to it that break, and a viewer that checks what it gets.
 */
#pragma once

#include "sessions/agent-link.h"

typedef struct
{
  char *folder;
  GSubprocess *agent;
  TholeAgentLink *link;
} TholeAgentFixture;

/* Starts an agent and a link to it. @way: (nullable): of another way than its socket; its user data is the folder */
TholeAgentFixture *thole_agent_fixture_new    (TholeAgentWay *(*way) (const char *folder));
void               thole_agent_fixture_free   (TholeAgentFixture *self);
char              *thole_agent_fixture_socket (const char *folder);
/* Waits for the answer. Returns: (transfer full) (nullable): NULL with @error */
GVariant          *thole_agent_fixture_call   (TholeAgentFixture *self, TholeAgentCall call, GVariant *arguments, GError **error);
/* Opens a session by @json-like GVariant text ("{'id': <'a'>}"); must succeed. */
GVariant          *thole_agent_fixture_open   (TholeAgentFixture *self, const char *text);
/* Runs the main context until @*flag; fails after 120 s. */
void               thole_agent_fixture_await  (const gboolean *flag);
void               thole_agent_fixture_run_for (double seconds);
/* Resident bytes of a process, 0 = this one. */
gsize              thole_agent_fixture_memory (int pid);

/* A way through a thread that passes bytes on and cuts after a random number of them (up to @most, either direction), losing what it
 * holds; @cuts counts down to 0, then it cuts no more. */
TholeAgentWay     *thole_agent_way_cutting    (const char *path, guint32 seed, guint most, gint *cuts);
/* `thole-agent bridge` as a child; @pid: (out) of the last one. */
TholeAgentWay     *thole_agent_way_bridge     (const char *folder, int *pid);

/* What a viewer saw; it checks that numbers have no holes. */
typedef struct
{
  TholeViewer *viewer;
  gboolean resumed, exited, closed;
  guint64 begin, seq, taken, lost, gaps;
  GString *text[3];        /* of each channel, while shorter than 1 MiB */
  GChecksum *checksum;     /* of all output */
  gboolean grants;         /* gives back what it got */
  int code, signal;
  guint rows, cols;
  guint64 exit_seq;
  TholeViewerEnd end;
  char *detail;
  gboolean changed;        /* set by each event */
  /* called after each event (nullable) */
  void (*each) (gpointer user_data);
  gpointer user_data;
} TholeAgentSeen;

TholeAgentSeen *thole_agent_seen_new  (TholeAgentFixture *fixture, const char *id, gboolean tty, TholeViewFrom from, guint64 seq,
                                       gsize grant);
void            thole_agent_seen_free (TholeAgentSeen *self);
/* Waits until stdout has @text. */
void            thole_agent_seen_text (TholeAgentSeen *self, const char *text);
