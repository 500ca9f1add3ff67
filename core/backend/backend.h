/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TholeBackend: one configured instance of a driver, and the only face of a driver inside the daemon.
 *
 * An abstract class, so that the core never sees whether the driver runs in this process (TholeBackendModule) or in one
 * of its own (TholeBackendProcess, later). In this one place: missing capabilities become `unsupported`, foreign errors `failed`,
 * every call has a deadline, and a driver that does not answer a cancelled call within 2 s is `stuck`.
 */
#pragma once

#include "base/clock.h"
#include "base/stream.h"

#define THOLE_TYPE_BACKEND (thole_backend_get_type ())
G_DECLARE_DERIVABLE_TYPE (TholeBackend, thole_backend, THOLE, BACKEND, GObject)

typedef enum
{
  THOLE_BACKEND_OPENING,
  THOLE_BACKEND_PROBING,     /* never answered yet */
  THOLE_BACKEND_READY,
  THOLE_BACKEND_UNAVAILABLE, /* probed again with back-off (1 s .. 60 s) */
  THOLE_BACKEND_UNSUPPORTED, /* for good */
  THOLE_BACKEND_STUCK,       /* a call did not come back; no new calls until it does, then it is probed again */
  THOLE_BACKEND_CLOSED,
} TholeBackendState;

/* Every slot of every interface; names ("workload.start") by thole_slot_name(). */
typedef enum
{
  THOLE_SLOT_WORKLOAD_LIST,
  THOLE_SLOT_WORKLOAD_INSPECT,
  THOLE_SLOT_WORKLOAD_CREATE,
  THOLE_SLOT_WORKLOAD_START,
  THOLE_SLOT_WORKLOAD_STOP,
  THOLE_SLOT_WORKLOAD_KILL,
  THOLE_SLOT_WORKLOAD_PAUSE,
  THOLE_SLOT_WORKLOAD_UNPAUSE,
  THOLE_SLOT_WORKLOAD_REMOVE,
  THOLE_SLOT_WORKLOAD_UPDATE,
  THOLE_SLOT_WORKLOAD_RECOVER,
  THOLE_SLOT_WORKLOAD_LOGS,
  THOLE_SLOT_WORKLOAD_STATS,
  THOLE_SLOT_EXEC_RUN,
  THOLE_SLOT_EXEC_OPEN,
  THOLE_SLOT_EXEC_ATTACH,
  THOLE_SLOT_EXEC_RESIZE,
  THOLE_SLOT_EXEC_SIGNAL,
  THOLE_SLOT_AGENT_INSTALL,
  THOLE_SLOT_AGENT_CONNECT,
  THOLE_SLOT_FILES_GET,
  THOLE_SLOT_FILES_PUT,
  THOLE_SLOT_IMAGE_LIST,
  THOLE_SLOT_IMAGE_PULL,
  THOLE_SLOT_IMAGE_REMOVE,
  THOLE_SLOT_VOLUME_LIST,
  THOLE_SLOT_VOLUME_CREATE,
  THOLE_SLOT_VOLUME_SNAPSHOT,
  THOLE_SLOT_VOLUME_REMOVE,
  THOLE_N_SLOTS
} TholeSlot;

/* "workload.start": also the name of the capability */
const char *thole_slot_name (TholeSlot slot);

/* The arguments of a call; each slot takes those that its signature has. All borrowed during the call. */
typedef struct
{
  const char *id;        /* workload or volume id */
  const char *text;      /* signal, path, reference, exec id, snapshot id */
  GVariant *dict;        /* spec, changes, command */
  GVariant *options;     /* (nullable): a{sv} */
  GInputStream *tar;
  guint rows, cols;
  const char *signal;    /* of exec.signal */
  double deadline;       /* seconds, 0 = the slot's own default */
} TholeSlotArgs;

/* What came back; the members that the slot has. */
typedef struct
{
  GVariant *value;       /* transfer full */
  GIOStream *stream;     /* transfer full */
  char *exec_id;         /* transfer full */
} TholeSlotResult;

/* One call of one slot. The callback comes exactly once and never from inside this call. Errors: UNSUPPORTED (message names the
 * capability), UNAVAILABLE (not ready), TIMEOUT (deadline; outcome unknown), G_IO_ERROR_CANCELLED (outcome unknown), the driver's own. */
void        thole_backend_call_async  (TholeBackend *self, TholeSlot slot, const TholeSlotArgs *args,
                                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/* @out (out) (optional): filled on success */
gboolean    thole_backend_call_finish (TholeBackend *self, GAsyncResult *result, TholeSlotResult *out, GError **error);
void        thole_slot_result_clear   (TholeSlotResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TholeSlotResult, thole_slot_result_clear)

const char *thole_backend_get_name    (TholeBackend *self);
const char *thole_backend_get_driver  (TholeBackend *self);
TholeBackendState thole_backend_get_state (TholeBackend *self);
const char *thole_backend_state_name  (TholeBackendState state);
/* "" or why it is not ready */
const char *thole_backend_get_reason  (TholeBackend *self);
/* (nullable): a{sv} from the last probe */
GVariant   *thole_backend_get_facts   (TholeBackend *self);
gboolean    thole_backend_has         (TholeBackend *self, TholeSlot slot);
gboolean    thole_backend_is_default  (TholeBackend *self);
/* Returns: (transfer full): the object of /v1/backends/NAME as JSON: name driver state reason capabilities[] config{} facts{} default */
GBytes     *thole_backend_json        (TholeBackend *self);
/* Calls that have not come back, for shutdown. */
guint       thole_backend_pending     (TholeBackend *self);

/* Signals (main thread):
 *   "state-changed" (TholeBackend *)               also when its facts changed
 *   "event" (TholeBackend *, GVariant *event)      a driver's report, a{sv}, not floating, only while READY; a "resync" comes right
 *                                                  after each change to READY
 */

/* Begins probing. */
void        thole_backend_start       (TholeBackend *self);
/* Probes now instead of after the back-off. */
void        thole_backend_probe_now   (TholeBackend *self);
/* Cancels every call, closes the driver, ends with state CLOSED. */
void        thole_backend_close_async  (TholeBackend *self, GAsyncReadyCallback callback, gpointer user_data);
gboolean    thole_backend_close_finish (TholeBackend *self, GAsyncResult *result, GError **error);
