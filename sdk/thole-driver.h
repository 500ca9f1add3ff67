/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * thole-driver.h: everything that a driver plugin may use.
 *
 * A driver is a shared module with exactly one exported symbol, `thole_driver_entry`, made by
 * THOLE_DRIVER_DEFINE. It returns one constant descriptor that lists named interfaces; each interface is a
 * table of functions whose first member is its own size. Tables are only ever appended to (ABI.md), so that an old
 * driver runs in a newer daemon and the reverse.
 *
 * Rules of every slot, once and for all:
 *
 * - Slots come in pairs, `x_async` + `x_finish`; half a pair is refused at load. A pair left NULL means "this
 *   engine cannot do it", and the daemon answers `unsupported` in the driver's place.
 * - The callback is called exactly once, also when cancelled, never from inside the `_async` call, in the
 *   thread-default main context of the call (GTask does all of this; its source object is NULL).
 * - Every slot is called from the main thread. Nothing may block it for more than 50 ms.
 * - Cancelling completes the call promptly (2 s) with %G_IO_ERROR_CANCELLED; the outcome is then unknown.
 * - In-arguments belong to the caller and are valid during the `_async` call. Returned values are transfer full, and no
 *   GVariant that crosses is floating, except into TholeHostOps.event, which sinks it.
 * - `options` is an `a{sv}`, never NULL. Unknown keys are ignored, except that a key that begins with `!` must be
 *   understood or refused with %THOLE_ERROR_UNSUPPORTED.
 * - Errors are of the domain %THOLE_ERROR (or %G_IO_ERROR_CANCELLED), with the engine's own text in the message.
 *
 * The dictionaries that cross, each key with type and unit, are in schema.md.
 */
#pragma once

#include <gio/gio.h>
#include <gmodule.h>

#include "thole-error.h"

#ifndef THOLE_DRIVER_I_KNOW_THE_ABI_MAY_CHANGE
#error "The driver ABI is not frozen before 1.0: define THOLE_DRIVER_I_KNOW_THE_ABI_MAY_CHANGE to go on."
#endif

G_BEGIN_DECLS

/* The calling rules and the descriptor. It is to stay 1; what grows are the tables. */
#define THOLE_DRIVER_ABI 1

/* The revision of the tables that this header describes; only the skew tests set another. */
#ifndef THOLE_MINOR
#define THOLE_MINOR 0
#endif

typedef struct _TholeHost   TholeHost;   /* the daemon's side of one backend; opaque to the driver */
typedef struct _TholeDriver TholeDriver; /* the driver's side of one backend; opaque to the daemon */

/* What the daemon offers to a driver. Valid from `open` until the callback of `close`.
 * Every function is to be called from the main thread. */
typedef struct
{
  gsize struct_size;

  /* Writes one line to the daemon's log, which adds the backend's name. No secrets. */
  void     (*log)       (TholeHost *host, GLogLevelFlags level, const char *message);

  /* Reports what happened at the engine (schema.md, "event"). Sinks @event. Delivery is queued, so this may be
   * called anywhere on the main thread, also inside an `_async` call. */
  void     (*event)     (TholeHost *host, GVariant *event);

  /* Wall clock, µs since the epoch. */
  gint64   (*now)       (TholeHost *host);

  /* Runs @function once after @delay_us on the daemon's clock. Returns (transfer full): destroy and unref it; it
   * keeps no reference to the driver. */
  GSource *(*timer)     (TholeHost *host, guint64 delay_us, GSourceFunc function, gpointer user_data,
                         GDestroyNotify notify);

  /* A credential of this backend, by the name that its configuration gives, from memory.
   * Returns (transfer full) (nullable): NULL when there is none. Never log it. */
  GBytes  *(*secret)    (TholeHost *host, const char *name);
} TholeHostOps;

/* May this slot be called? Both sides ask before using anything newer than the first release. */
#define THOLE_HAS(table, Type, slot) \
  ((table)->struct_size >= G_STRUCT_OFFSET (Type, slot) + sizeof (gpointer) && (table)->slot != NULL)

typedef enum
{
  THOLE_PROBE_READY,      /* the engine answers and is usable; from here on events flow */
  THOLE_PROBE_DEFER,      /* not now; ask again (error says why) */
  THOLE_PROBE_UNSUPPORTED /* never with this engine (error says why) */
} TholeProbe;

/* Mandatory in every driver. */
typedef struct
{
  gsize struct_size;

  /* Makes one backend of @config (schema.md, "config"). Does no I/O. @ops stays valid until `close` has called back.
   * Returns NULL with @error set (THOLE_ERROR_INVALID names every wrong key) for a bad configuration. */
  TholeDriver *(*open)         (TholeHost *host, const TholeHostOps *ops, GVariant *config, GError **error);

  /* Talks to the engine for the first time, and again after the daemon found it unavailable.
   * @facts (out) (transfer full) (nullable): set with READY, schema.md "facts". */
  void         (*probe_async)  (TholeDriver *self, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
  TholeProbe   (*probe_finish) (TholeDriver *self, GAsyncResult *result, GVariant **facts, GError **error);

  /* Ends all activity. Every pending call has been cancelled before; after the callback no host function is
   * called any more. `close_finish` frees @self. */
  void         (*close_async)  (TholeDriver *self, GAsyncReadyCallback callback, gpointer user_data);
  void         (*close_finish) (TholeDriver *self, GAsyncResult *result);
} TholeDriverOps;

/* "workload/1": things that run. `id` is Thole's own id in every slot. */
typedef struct
{
  gsize struct_size;

  /* mandatory. Everything at the engine that carries our label and this backend's instance.
   * Returns `aa{sv}` of "workload" dictionaries. */
  void      (*list_async)     (TholeDriver *self, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*list_finish)    (TholeDriver *self, GAsyncResult *result, GError **error);

  /* mandatory. Returns one "workload" dictionary (a{sv}). Errors: NOT_FOUND. */
  void      (*inspect_async)  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*inspect_finish) (TholeDriver *self, GAsyncResult *result, GError **error);

  /* mandatory. Idempotent by (instance, @id): what exists and is ours is returned with `adopted` = true.
   * @spec is a "spec" dictionary; options: `secrets` a{say}: a name that begins with `/` is a file (mode 0400), any other
   * a variable of the environment; their values are never logged and never in an error. The image is present (image/1) or the
   * engine gets it, now or at the start, with options `credentials` as for `pull`.
   * Returns a{sv}: `engine_id` s, `handle` ay (at most 4 KiB, opaque), `adopted` b.
   * Errors: IMAGE_NOT_FOUND, AUTH, INVALID, CONFLICT (name or port taken), EXISTS (there, but not ours), LIMIT (no room). */
  void      (*create_async)   (TholeDriver *self, const char *id, GVariant *spec, GVariant *options,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*create_finish)  (TholeDriver *self, GAsyncResult *result, GError **error);

  /* mandatory. Returns when it runs; until then its state is `starting`. Starting what runs succeeds. Errors: NOT_FOUND,
   * CONFLICT (port taken), INVALID (no such program), IMAGE_NOT_FOUND and AUTH (got only now), LIMIT (no room). */
  void      (*start_async)    (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  gboolean  (*start_finish)   (TholeDriver *self, GAsyncResult *result, GError **error);

  /* mandatory. Sends options `signal` s, waits `grace` d seconds, then kills. Returns when it has ended.
   * Stopping what does not run succeeds. An engine that fixes the signal at create uses that one. */
  void      (*stop_async)     (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  gboolean  (*stop_finish)    (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Sends @signal ("SIGKILL", "SIGHUP", ...) to the main process. Errors: CONFLICT (does not run), UNSUPPORTED (the engine
   * cannot send this one). */
  void      (*kill_async)     (TholeDriver *self, const char *id, const char *signal, GVariant *options,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  gboolean  (*kill_finish)    (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Freezes and thaws. Pausing what is paused succeeds, and the reverse. */
  void      (*pause_async)    (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  gboolean  (*pause_finish)   (TholeDriver *self, GAsyncResult *result, GError **error);
  void      (*unpause_async)  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  gboolean  (*unpause_finish) (TholeDriver *self, GAsyncResult *result, GError **error);

  /* mandatory. Ends it if it runs (options `force` b) and removes all that create made. Removing what is not there
   * succeeds. Errors: CONFLICT (runs, and no force). */
  void      (*remove_async)   (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  gboolean  (*remove_finish)  (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Changes what can be changed without a new object: @changes has the keys `resources` and `restart` of "spec". What can
   * be changed only by a restart of the program needs options `may_restart` b. Errors: CONFLICT (needs it). */
  void      (*update_async)   (TholeDriver *self, const char *id, GVariant *changes, GVariant *options,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  gboolean  (*update_finish)  (TholeDriver *self, GAsyncResult *result, GError **error);

  /* mandatory. Takes over, after a restart of the daemon, what create made: options `handle` ay. Returns a "workload"
   * dictionary whose `state` is `gone` when it is not there. Never starts anything. */
  void      (*recover_async)  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*recover_finish) (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Returns a stream of log records (thole_log_record_*): options `follow` b, `tail` x (-1 = all), `since` x and `until` x
   * (µs since the epoch, 0 = open), `stdout` b, `stderr` b. Only the input side is used. */
  void       (*logs_async)    (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  GIOStream *(*logs_finish)   (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Returns one sample (a{sv}, schema.md "stats"). The daemon polls. Errors: CONFLICT (does not run). */
  void      (*stats_async)    (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*stats_finish)   (TholeDriver *self, GAsyncResult *result, GError **error);
} TholeWorkloadOps;

/* "exec/1": further processes in a workload that runs. Streams carry records (schema.md, "records"). */
typedef struct
{
  gsize struct_size;

  /* Runs one command to its end. @command is a "command" dictionary with `stdin` ay and `timeout` d (seconds).
   * Returns a{sv}: `exit_code` x, `exit_signal` s, `stdout` ay, `stderr` ay (at most 1 MiB each), `truncated` b.
   * Errors: CONFLICT (does not run), INVALID (no such program), TIMEOUT (it was killed). */
  void       (*run_async)     (TholeDriver *self, const char *id, GVariant *command, GVariant *options,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GVariant  *(*run_finish)    (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Starts one command and gives its streams. @command as above with `tty` b, `rows` u, `cols` u.
   * @exec_id (out) (transfer full): for `resize` and `signal`; at most 256 bytes. */
  void       (*open_async)    (TholeDriver *self, const char *id, GVariant *command, GVariant *options,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GIOStream *(*open_finish)   (TholeDriver *self, GAsyncResult *result, char **exec_id, GError **error);

  /* The same on the main process. */
  void       (*attach_async)  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
  GIOStream *(*attach_finish) (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Sets the size of a terminal; @exec_id "" is the main process. */
  void       (*resize_async)  (TholeDriver *self, const char *id, const char *exec_id, guint rows, guint cols,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  gboolean   (*resize_finish) (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Sends @signal ("SIGTERM", ...) to the process group of what `open` started (@exec_id, or `.` and the `mark` of its command); SIGKILL ends every process that came of it.
   * Also long after its stream has gone, in a later daemon. Errors: NOT_FOUND (no such exec), CONFLICT (has ended), UNSUPPORTED
   * (it cannot be reached and goes on). */
  void       (*signal_async)  (TholeDriver *self, const char *id, const char *exec_id, const char *signal, GVariant *options,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  gboolean   (*signal_finish) (TholeDriver *self, GAsyncResult *result, GError **error);
} TholeExecOps;

/* "agent/1": brings thole-agent into a workload and gives one connection to it. */
typedef struct
{
  gsize struct_size;

  /* Before create: options `binary` s (path on this machine). Returns a{sv} to be merged into the options of create. */
  void       (*install_async)  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
  GVariant  *(*install_finish) (TholeDriver *self, GAsyncResult *result, GError **error);

  /* One connection to the agent of a workload that runs. */
  void       (*connect_async)  (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
  GIOStream *(*connect_finish) (TholeDriver *self, GAsyncResult *result, GError **error);
} TholeAgentOps;

/* "files/1": tar streams in and out of a workload, which need not run. */
typedef struct
{
  gsize struct_size;

  /* A tar stream of @path (a file or a folder; absolute). Only the input side is used. Errors: NOT_FOUND, CONFLICT (does
   * not run, and this engine needs that). */
  void       (*get_async)  (TholeDriver *self, const char *id, const char *path, GVariant *options,
                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GIOStream *(*get_finish) (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Unpacks @tar into the folder @path (absolute, exists). The driver reads @tar to its end. Errors: as `get`. */
  void       (*put_async)  (TholeDriver *self, const char *id, const char *path, GInputStream *tar, GVariant *options,
                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  gboolean   (*put_finish) (TholeDriver *self, GAsyncResult *result, GError **error);
} TholeFilesOps;

/* "image/1": what workloads are made from. */
typedef struct
{
  gsize struct_size;

  /* Returns `aa{sv}` of "image" dictionaries. */
  void      (*list_async)    (TholeDriver *self, GVariant *options, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*list_finish)   (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Gets @reference from its registry. options: `progress` t: a token; when given, events of kind "progress" carry it.
   * `credentials` a{sv} (`username` s, `password` s). Errors: IMAGE_NOT_FOUND, AUTH, UNAVAILABLE. */
  void      (*pull_async)    (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*pull_finish)   (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Removing what is not there succeeds. options `force` b. Errors: CONFLICT (in use). */
  void      (*remove_async)  (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
  gboolean  (*remove_finish) (TholeDriver *self, GAsyncResult *result, GError **error);
} TholeImageOps;

/* "volume/1": storage that outlives a workload. */
typedef struct
{
  gsize struct_size;

  /* Returns `aa{sv}` of "volume" dictionaries, ours only. */
  void      (*list_async)      (TholeDriver *self, GVariant *options, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*list_finish)     (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Idempotent by (instance, @id). @spec: `name` s, `labels` a{ss}, `size` x (bytes, 0 = engine's choice),
   * `backend_options` a{sv} (a region, a storage class). Errors: LIMIT (no room).
   * Returns a "volume" dictionary with `adopted` b. */
  void      (*create_async)    (TholeDriver *self, const char *id, GVariant *spec, GVariant *options,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*create_finish)   (TholeDriver *self, GAsyncResult *result, GError **error);

  /* A copy of @id as it is now, itself a volume with the id @snapshot. */
  void      (*snapshot_async)  (TholeDriver *self, const char *id, const char *snapshot, GVariant *options,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  GVariant *(*snapshot_finish) (TholeDriver *self, GAsyncResult *result, GError **error);

  /* Removing what is not there succeeds. options `force` b. Errors: CONFLICT (in use). */
  void      (*remove_async)    (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
  gboolean  (*remove_finish)   (TholeDriver *self, GAsyncResult *result, GError **error);
} TholeVolumeOps;

/* One named interface of a driver; the list ends with a NULL name. */
typedef struct
{
  const char    *name; /* "workload/1": name and major */
  gconstpointer  ops;  /* the table of that name and major */
} TholeInterface;

/* The descriptor. `static const` in the driver; valid for ever (a module is never unloaded). */
typedef struct
{
  gsize                 struct_size;
  guint32               abi;     /* THOLE_DRIVER_ABI */
  const char           *id;      /* the manifest's Id; a C identifier */
  const char           *version; /* the driver's own */
  const TholeDriverOps *driver;
  const TholeInterface *interfaces;
} TholePlugin;

#ifdef THOLE_BUILTIN
#define THOLE_DRIVER_ENTRY(id) thole_driver_entry_##id
#else
#define THOLE_DRIVER_ENTRY(id) thole_driver_entry
#endif

/* Defines the one exported symbol of a driver. */
#define THOLE_DRIVER_DEFINE(id_, version_, driver_, interfaces_)                  \
  G_MODULE_EXPORT const TholePlugin *THOLE_DRIVER_ENTRY (id_) (void);             \
  const TholePlugin *THOLE_DRIVER_ENTRY (id_) (void)                              \
  {                                                                               \
    static const TholePlugin plugin = {                                           \
      .struct_size = sizeof (TholePlugin), .abi = THOLE_DRIVER_ABI, .id = #id_,   \
      .version = version_, .driver = driver_, .interfaces = interfaces_,          \
    };                                                                            \
    return &plugin;                                                               \
  }

typedef const TholePlugin *(*TholeDriverEntry) (void);

G_END_DECLS
