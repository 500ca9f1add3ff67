/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A minimal host with a virtual clock, and calls of slots that wait for their answer.
 */
#pragma once

#include "thole-dict.h"
#include "thole-driver.h"

#define SECOND ((gint64) G_USEC_PER_SEC)
#define START (SECOND * 1800000000)

typedef struct
{
  TholeHostOps ops;
  TholeDriver *driver;
  const TholeDriverOps *api;
  const TholeWorkloadOps *workload;
  const TholeExecOps *exec;
  const TholeAgentOps *agent;
  const TholeFilesOps *files;
  const TholeImageOps *image;
  const TholeVolumeOps *volume;
  GPtrArray *events;      /* of GVariant */
} Host;

/* an answer that has come or is still to come */
typedef struct
{
  GAsyncResult *result;   /* NULL = not yet */
} Answer;

/* one clock for all hosts of a test */
gint64    clock_now   (void);
void      clock_set   (gint64 now);
/* Runs all that is due within the next @delay µs, in order. */
void      clock_pass  (gint64 delay);
/* Runs what is due now. */
void      settle      (void);

/* @keys: pairs of configuration key and value, NULL-terminated; opened and probed */
Host     *host_new    (const char *key, ...);
/* not probed */
Host     *host_open   (const char *key, ...);
TholeProbe host_probe (Host *self, GVariant **facts, GError **error);
void      host_free   (Host *self);
/* Counts events of a kind or of an action; forgets all with host_forget_events(). */
guint     host_count  (Host *self, const char *kind_or_action);
void      host_forget_events (Host *self);

void      answer_take  (GObject *source, GAsyncResult *result, gpointer user_data);
/* Lets the clock go on until it has come, at most an hour. */
void      answer_wait  (Answer *answer);
void      answer_clear (Answer *answer);

GVariant *no_options   (void); /* not floating, static */
/* Parses a GVariant text; it lives for the next 50 of these. */
GVariant *dict         (const char *text);

GVariant *call_list    (Host *self, GError **error);
GVariant *call_inspect (Host *self, const char *id, GError **error);
GVariant *call_create  (Host *self, const char *id, const char *spec, GError **error);
gboolean  call_start   (Host *self, const char *id, GError **error);
gboolean  call_stop    (Host *self, const char *id, const char *options, GError **error);
gboolean  call_kill    (Host *self, const char *id, const char *signal, GError **error);
gboolean  call_pause   (Host *self, const char *id, GError **error);
gboolean  call_unpause (Host *self, const char *id, GError **error);
gboolean  call_remove  (Host *self, const char *id, gboolean force, GError **error);
GVariant *call_recover (Host *self, const char *id, GError **error);
GVariant *call_stats   (Host *self, const char *id, GError **error);
GIOStream *call_logs   (Host *self, const char *id, const char *options, GError **error);
GVariant *call_run     (Host *self, const char *id, const char *command, GError **error);
GVariant *call_pull    (Host *self, const char *reference, const char *options, GError **error);

/* Makes and starts one with this program, as GVariant text of `as`; asserts that it worked. */
void      run_program  (Host *self, const char *id, const char *words);
/* Orders to the engine; asserts that it worked. Returns: (transfer full): what it said */
char     *control      (Host *self, const char *words);
/* The state of a workload. Returns: (transfer full): "running", "exited 3", "exited 137 SIGKILL oom" */
char     *state_of     (Host *self, const char *id);
#define assert_state(host, id, expected) \
  G_STMT_START { g_autofree char *state_ = state_of (host, id); g_assert_cmpstr (state_, ==, expected); } G_STMT_END

/* Reads to the end (or as far as it comes without waiting). Returns: (transfer full): log text, "1 line\n2 line\n" */
char     *read_logs    (GIOStream *stream);
/* Reads what is there of a session, as "out[...]err[...]exit[code signal]". */
char     *read_session (GIOStream *stream);
void      write_input  (GIOStream *stream, const char *text);
GByteArray *read_bytes (GInputStream *stream);

void add_workload_tests (void);
void add_logs_tests (void);
void add_exec_tests (void);
void add_files_tests (void);
void add_goods_tests (void);
void add_faults_tests (void);
void add_lasting_tests (void);
void add_agent_tests (void);
