/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the cases against a real engine share.
 */
#pragma once

#include "bench.h"

#define INSTANCE "7e577e57-0000-4000-8000-000000000001"

typedef void (*Case) (Bench *b);

/* Each program with these cases has its own: "docker", and the names of cases that do not hold there, ended by NULL. */
extern const char engine_name[];
extern const char *const engine_lacks[];

/* Registers a case; each runs with a driver of its own, that was probed, and leaves nothing behind. */
void      add_case (const char *name, Case function);

void      add_workload_cases (void);
void      add_log_cases (void);
void      add_exec_cases (void);
void      add_cancel_cases (void);
void      add_file_cases (void);
void      add_mounted_cases (void);
void      add_network_cases (void);
void      add_image_cases (void);
void      add_volume_cases (void);
void      add_event_cases (void);
void      add_tls_cases (void);
void      add_agent_cases (void);

const char *test_image (void);

GVariant *empty (void);                          /* a{sv} without members */
GVariant *dict (const char *text, ...);          /* g_variant_new_parsed, not floating */
char     *fresh_id (const char *word);
/* A spec that runs a shell script. @more (nullable): an a{sv} whose keys win. All transfer full. */
GVariant *shell_spec (const char *script, GVariant *more);

GVariant *create (Bench *b, const char *id, GVariant *spec, GError **error);
void      create_ok (Bench *b, const char *id, GVariant *spec);
gboolean  start (Bench *b, const char *id, GError **error);
void      run_ok (Bench *b, const char *id, const char *script, GVariant *more); /* create and start */
GVariant *inspect (Bench *b, const char *id, GError **error);
/* Waits for it, then returns the inspection. */
GVariant *wait_state (Bench *b, const char *id, const char *state);
gboolean  stop (Bench *b, const char *id, double grace, GError **error);
gboolean  remove_it (Bench *b, const char *id, gboolean force, GError **error);
/* The text of one stream (0 = both) of the log. */
char     *log_text (Bench *b, const char *id, GVariant *options, guint8 stream);
/* Runs a command to its end; the dictionary of exec/1 run. */
GVariant *run (Bench *b, const char *id, const char *script, GError **error);
char     *bytes_text (GVariant *dict, const char *key); /* an `ay` as text */
