/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/seat-hold.h"

#include "operations/room.h"
#include "thole-dict.h"

#include <signal.h>
#include <string.h>

#define LOOK_PAUSE (G_USEC_PER_SEC / 20)
#define GRACE (2 * G_USEC_PER_SEC)
/* how long the engine may take to tell of an end */
#define PATIENCE (10 * G_USEC_PER_SEC)
/* how long its viewers may take to see the end */
#define PARTING (2 * G_USEC_PER_SEC)
#define REAP_BASE G_USEC_PER_SEC
#define REAP_CAP (30 * G_USEC_PER_SEC)

/* a call of the backend for a seat */
typedef struct
{
  TholeSeat *seat;
  TholeBackend *backend;
  TholeSeatDone done;
  gpointer user_data;
} Asked;

/* (nullable) */
static TholeBackend *
backend_of (TholeSeat *self)
{
  TholeSubject *subject = thole_room_subject (self->room);

  return subject != NULL ? thole_subject_backend (subject) : NULL;
}

static Asked *
asked_new (TholeSeat *seat, TholeBackend *backend, TholeSeatDone done, gpointer user_data)
{
  Asked *self = g_new0 (Asked, 1);

  self->seat = thole_seat_ref (seat);
  self->backend = g_object_ref (backend);
  self->done = done;
  self->user_data = user_data;
  seat->operations->calls++;
  return self;
}

static void
asked_end (Asked *self, const GError *error)
{
  self->seat->operations->calls--;
  if (self->done != NULL)
    self->done (self->user_data, error);
  thole_seat_unref (self->seat);
  g_object_unref (self->backend);
  g_free (self);
}

static void
refuse (TholeSeatDone done, gpointer user_data)
{
  g_autoptr (GError) error = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the session cannot be reached now");

  if (done != NULL)
    done (user_data, error);
}

static void
answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asked *asked = user_data;
  g_autoptr (GError) error = NULL;

  thole_backend_call_finish (asked->backend, result, NULL, &error);
  asked_end (asked, error);
}

static const char *
exec_of (TholeSeat *self)
{
  return self->exec != NULL ? self->exec : self->now->exec;
}

static void
send_signal (TholeSeat *self, int signal, TholeSeatDone done, gpointer user_data)
{
  TholeBackend *backend = backend_of (self);
  TholeSlotArgs args = { .id = self->now->workload, .text = exec_of (self), .signal = thole_signal_name (signal) };

  if (backend == NULL)
    refuse (done, user_data);
  else
    thole_backend_call_async (backend, THOLE_SLOT_EXEC_SIGNAL, &args, NULL, answered, asked_new (self, backend, done, user_data));
}

/* the program ---------------------------------------------------------------------------------------------------- */

static gboolean
edit_gone (TholeSeat *self, TholeSessionRecord *next, gpointer user_data)
{
  if (next->exec[0] == '\0')
    return FALSE;
  thole_record_set (&next->exec, "");
  return TRUE;
}

/* nothing of it runs any more */
static void
store_gone (TholeSeat *self)
{
  TholeSeatChange change = { .edit = edit_gone, .event = "session.updated", .actor = "daemon", .insist = TRUE };

  if (!self->gone && !self->operations->draining)
    thole_seat_change (self, &change);
}

static void
on_ended (gpointer user_data, int code, int signal)
{
  TholeSeat *self = user_data;
  g_autofree char *reason = NULL;

  if (self->operations->draining)
    return;
  if (code < 0)
    reason = g_strdup ("lost: the way to its program broke, and the daemon holds it");
  else if (signal > 0)
    reason = g_strdup_printf ("signalled: %s", thole_signal_name (signal));
  else
    reason = g_strdup_printf ("exited: code %d", code);
  if (code >= 0)
    g_clear_pointer (&self->exec, g_free);
  thole_seat_end (self, "engine", reason, code, signal, THOLE_VIEWER_ENDED);
  if (code >= 0)
    store_gone (self);
  else
    thole_seat_reap (self);
}

static void
on_resize (gpointer user_data, guint rows, guint cols)
{
  thole_seat_resize (user_data, rows, cols, NULL, NULL);
}

static void
on_signal (gpointer user_data, int signal)
{
  thole_seat_signal (user_data, signal, NULL, NULL);
}

static void
on_moved (gpointer user_data)
{
  thole_seat_touch (user_data);
}

static void
take_stream (TholeSeat *self, TholeSlotResult *out)
{
  static const TholeHoldEvents events = { .ended = on_ended, .resize = on_resize, .signal = on_signal, .moved = on_moved };
  const TholeHoldOptions options = {
    .tty = self->now->tty,
    .lossless = self->now->flow == THOLE_SESSION_FLOW_LOSSLESS,
    .scrollback = (gsize) self->now->scrollback,
    .rows = (guint) self->now->rows,
    .cols = (guint) self->now->cols,
  };

  self->hold = thole_hold_new (self->operations->clock, &options, &events, self);
  self->stream = g_steal_pointer (&out->stream);
  self->exec = g_steal_pointer (&out->exec_id);
  thole_seat_listen (self);
}

/* it was started for a session that has ended meanwhile */
static void
on_unwanted_killed (gpointer user_data, const GError *error)
{
  Asked *asked = user_data;
  TholeSeat *self = asked->seat;
  g_autoptr (GError) why = g_error_new_literal (THOLE_ERROR, THOLE_ERROR_CONFLICT, "the workload stopped meanwhile");

  if (error != NULL && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND)
      && !g_error_matches (error, THOLE_ERROR, THOLE_ERROR_CONFLICT))
    g_log_structured ("thole", G_LOG_LEVEL_WARNING, "MESSAGE", "%s: its program may be left in %s: %s", self->now->id,
                      self->now->workload, error->message);
  thole_seat_drop (self, THOLE_VIEWER_WORKLOAD_GONE, why->message);
  asked_end (asked, why);
}

static void
opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asked *asked = user_data;
  TholeSeat *self = asked->seat;
  g_auto (TholeSlotResult) out = { 0 };
  g_autoptr (GError) error = NULL;

  if (thole_backend_call_finish (asked->backend, result, &out, &error))
    take_stream (self, &out);
  if (self->hold != NULL && !thole_seat_is_live (self))
    send_signal (self, SIGKILL, on_unwanted_killed, asked);
  else
    asked_end (asked, error);
}

static GVariant *
command_of (TholeSeat *self, GVariant *arguments)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_auto (GStrv) command = thole_dict_strv (arguments, "command");
  g_autoptr (GVariant) env = thole_dict_value (arguments, "env", "a{ss}");
  g_autoptr (GVariantBuilder) all = g_variant_builder_new (G_VARIANT_TYPE ("a{ss}"));
  const char *name, *value;
  gboolean term = FALSE;
  GVariantIter iter;

  if (env != NULL)
    g_variant_iter_init (&iter, env);
  while (env != NULL && g_variant_iter_next (&iter, "{&s&s}", &name, &value))
    {
      g_variant_builder_add (all, "{ss}", name, value);
      term |= strcmp (name, "TERM") == 0;
    }
  if (self->now->tty && !term)
    g_variant_builder_add (all, "{ss}", "TERM", self->now->term);
  /* whose shell it is nobody can be asked here */
  if (command == NULL || command[0] == NULL)
    {
      g_strfreev (command);
      command = g_strsplit ("/bin/sh", " ", -1);
    }
  g_variant_dict_insert (&dict, "command", "^as", command);
  g_variant_dict_insert_value (&dict, "env", g_variant_builder_end (all));
  g_variant_dict_insert (&dict, "working_dir", "s", thole_dict_string (arguments, "working_dir", ""));
  g_variant_dict_insert (&dict, "user", "s", thole_dict_string (arguments, "user", ""));
  g_variant_dict_insert (&dict, "tty", "b", self->now->tty);
  g_variant_dict_insert (&dict, "stdin", "b", TRUE);
  if (self->now->exec[0] == '.')
    g_variant_dict_insert (&dict, "mark", "s", self->now->exec + 1);
  g_variant_dict_insert (&dict, "rows", "u", (guint) self->now->rows);
  g_variant_dict_insert (&dict, "cols", "u", (guint) self->now->cols);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

void
thole_seat_open (TholeSeat *self, GVariant *arguments, TholeSeatDone done, gpointer user_data)
{
  TholeBackend *backend = backend_of (self);
  g_autoptr (GVariant) command = command_of (self, arguments);
  TholeSlotArgs args = { .id = self->now->workload, .dict = command };

  if (backend == NULL)
    refuse (done, user_data);
  else
    thole_backend_call_async (backend, THOLE_SLOT_EXEC_OPEN, &args, NULL, opened, asked_new (self, backend, done, user_data));
}

void
thole_seat_run (TholeSeat *self)
{
  if (self->hold != NULL && self->stream != NULL)
    thole_hold_begin (self->hold, g_steal_pointer (&self->stream));
}

static void
resized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Asked *asked = user_data;
  TholeSeat *self = asked->seat;
  g_autoptr (GError) error = NULL;

  if (thole_backend_call_finish (asked->backend, result, NULL, &error) && self->hold != NULL)
    thole_hold_resized (self->hold, self->resize_rows, self->resize_cols);
  asked_end (asked, error);
}

void
thole_seat_resize (TholeSeat *self, guint rows, guint cols, TholeSeatDone done, gpointer user_data)
{
  TholeBackend *backend = backend_of (self);
  TholeSlotArgs args = { .id = self->now->workload, .text = exec_of (self), .rows = rows, .cols = cols };

  if (backend == NULL || self->hold == NULL)
    {
      refuse (done, user_data);
      return;
    }
  self->resize_rows = rows;
  self->resize_cols = cols;
  thole_backend_call_async (backend, THOLE_SLOT_EXEC_RESIZE, &args, NULL, resized, asked_new (self, backend, done, user_data));
}

void
thole_seat_signal (TholeSeat *self, int signal, TholeSeatDone done, gpointer user_data)
{
  if (self->hold == NULL || thole_signal_name (signal) == NULL)
    refuse (done, user_data);
  else
    send_signal (self, signal, done, user_data);
}

void
thole_seat_drop (TholeSeat *self, TholeViewerEnd end, const char *detail)
{
  TholeHold *hold = g_steal_pointer (&self->hold);

  thole_source_clear (&self->parting);
  g_clear_object (&self->stream);
  g_clear_pointer (&self->exec, g_free);
  if (hold == NULL)
    return;
  self->output = (gint64) thole_hold_output (hold);
  thole_hold_free (hold, end, detail);
}

static gboolean
on_parted (gpointer user_data)
{
  static const char detail[] = "the workload does not run any more";
  TholeSeat *self = user_data;

  thole_source_clear (&self->parting);
  thole_desk_end (self->desk, THOLE_VIEWER_WORKLOAD_GONE, detail);
  thole_seat_drop (self, THOLE_VIEWER_WORKLOAD_GONE, detail);
  return G_SOURCE_REMOVE;
}

void
thole_seat_part (TholeSeat *self, const char *reason)
{
  gboolean runs = self->hold != NULL && self->stream == NULL;

  if (self->parting != NULL)
    return;
  thole_seat_end (self, "daemon", reason, -1, 0, runs ? THOLE_VIEWER_ENDED : THOLE_VIEWER_WORKLOAD_GONE);
  if (!runs)
    {
      thole_seat_drop (self, THOLE_VIEWER_WORKLOAD_GONE, reason);
      return;
    }
  thole_hold_part (self->hold, THOLE_VIEWER_WORKLOAD_GONE, reason);
  self->parting = thole_clock_timer (self->operations->clock, PARTING, on_parted, self);
}

/* its end -------------------------------------------------------------------------------------------------------- */

typedef struct
{
  TholeSeat *seat;
  TholeSeatDone done;
  gpointer user_data;
  GSource *look;
  gint64 began;       /* µs monotonic */
  gboolean killed;    /* SIGKILL was sent */
  GError *error;      /* (nullable): why it could not be */
} Killing;

static gboolean on_look (gpointer user_data);

static gboolean
workload_runs (TholeSeat *self)
{
  TholeSubject *subject = thole_room_subject (self->room);

  return subject != NULL && thole_room_has_programs (subject);
}

gboolean
thole_seat_lingers (TholeSeat *self)
{
  if (self->now->durability != THOLE_SESSION_DURABILITY_DAEMON || !workload_runs (self))
    return FALSE;
  return self->hold != NULL ? !thole_hold_is_over (self->hold) || exec_of (self)[0] != '\0' : self->now->exec[0] != '\0';
}

static void
kill_end (Killing *self)
{
  self->done (self->user_data, self->error);
  thole_seat_unref (self->seat);
  g_clear_error (&self->error);
  g_free (self);
}

static void
look_later (Killing *self)
{
  self->look = thole_clock_timer (self->seat->operations->clock, LOOK_PAUSE, on_look, self);
}

static gboolean
is_over (TholeSeat *self)
{
  return !workload_runs (self) || (self->hold != NULL && thole_hold_is_over (self->hold));
}

static void
on_killed (gpointer user_data, const GError *error)
{
  Killing *self = user_data;
  gboolean gone = error != NULL && (g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND)
                                    || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_CONFLICT));

  self->killed = TRUE;
  if (error != NULL && !gone)
    self->error = g_error_copy (error);
  /* without its stream nobody tells of the end */
  if (error != NULL || self->seat->hold == NULL)
    kill_end (self);
  else
    look_later (self);
}

static void
on_asked_to_leave (gpointer user_data, const GError *error)
{
  Killing *self = user_data;

  if (error == NULL)
    look_later (self);
  else
    send_signal (self->seat, SIGKILL, on_killed, self);
}

static gboolean
on_look (gpointer user_data)
{
  Killing *self = user_data;
  gint64 time = thole_clock_monotonic (self->seat->operations->clock) - self->began;

  thole_source_clear (&self->look);
  if (is_over (self->seat) || self->seat->operations->draining || (self->killed && time >= PATIENCE))
    kill_end (self);
  else if (!self->killed && time >= GRACE)
    send_signal (self->seat, SIGKILL, on_killed, self);
  else
    look_later (self);
  return G_SOURCE_REMOVE;
}

void
thole_seat_kill (TholeSeat *self, TholeSeatDone done, gpointer user_data)
{
  Killing *killing = g_new0 (Killing, 1);

  killing->seat = thole_seat_ref (self);
  killing->done = done;
  killing->user_data = user_data;
  killing->began = thole_clock_monotonic (self->operations->clock);
  if (self->hold != NULL)
    send_signal (self, SIGHUP, on_asked_to_leave, killing);
  else
    send_signal (self, SIGKILL, on_killed, killing);
}

/* what is left over ---------------------------------------------------------------------------------------------- */

static gboolean on_reap (gpointer user_data);

static void
reap_later (TholeSeat *self)
{
  if (self->reaper == NULL && !self->gone && !self->operations->draining)
    self->reaper = thole_clock_timer (self->operations->clock,
                                      thole_backoff (self->operations->clock, REAP_BASE, REAP_CAP, MIN (self->reaps++, 8)), on_reap, self);
}

static void
reaped (gpointer user_data, const GError *error)
{
  TholeSeat *self = user_data;
  /* of one that was being started only its mark is known, which says nothing to some engines */
  gboolean known = error == NULL || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_NOT_FOUND)
                   || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_CONFLICT)
                   || (self->now->exec[0] == '.' && g_error_matches (error, THOLE_ERROR, THOLE_ERROR_INVALID));

  if (known || g_error_matches (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED))
    {
      if (!known)
        g_log_structured ("thole", G_LOG_LEVEL_WARNING, "MESSAGE", "%s: its program may be left in %s: %s", self->now->id,
                          self->now->workload, error->message);
      store_gone (self);
    }
  else
    reap_later (self);
  thole_seat_unref (self);
}

static gboolean
on_reap (gpointer user_data)
{
  TholeSeat *self = user_data;

  thole_source_clear (&self->reaper);
  if (!workload_runs (self))
    store_gone (self);
  else
    send_signal (self, SIGKILL, reaped, thole_seat_ref (self));
  return G_SOURCE_REMOVE;
}

void
thole_seat_reap (TholeSeat *self)
{
  if (exec_of (self)[0] != '\0')
    reap_later (self);
}

/* on its own ----------------------------------------------------------------------------------------------------- */

static void
killed_alone (gpointer user_data, const GError *error)
{
  TholeSeat *self = user_data;

  if (!self->gone)
    thole_seat_drop (self, THOLE_VIEWER_REMOVED, "its program was ended");
  if (error == NULL)
    store_gone (self);
  else
    thole_seat_reap (self);
  thole_seat_unref (self);
}

void
thole_seat_kill_alone (TholeSeat *self)
{
  thole_seat_kill (self, killed_alone, thole_seat_ref (self));
}
