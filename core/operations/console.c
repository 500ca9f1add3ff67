/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/console.h"

#include "operations/idle.h"
#include "operations/room.h"
#include "operations/verb.h"
#include "sessions/desk.h"
#include "sessions/hold.h"
#include "thole-dict.h"

#include <string.h>

#define SCROLLBACK (256 * 1024)
/* of the log that is read to number what it ends with */
#define LOG_MOST (32 * 1024 * 1024)
#define LOG_PIECE 65536
#define LOG_TAIL 1000
/* a log of this length whose first line came so long after the start has lost its beginning */
#define LOG_SHORT 65536
#define LOG_LATE (60 * G_USEC_PER_SEC)
/* how long the log may take; the program may have to wait for it */
#define PATIENCE (5 * G_USEC_PER_SEC)
/* how long what was read from the log and from the program may take to meet */
#define SETTLE (G_USEC_PER_SEC / 20)
/* how long it is held without viewers, and how long these may take to see the end */
#define KEPT (30 * G_USEC_PER_SEC)
#define PARTING (2 * G_USEC_PER_SEC)
#define WRITE_PERMISSION "workload.console"

struct _TholeConsole
{
  guint refs;              /* its list, and calls under way */
  TholeOperations *operations;
  TholeSubject *subject;
  TholeBackend *backend;
  TholeDesk *desk;
  TholeHold *hold;
  GCancellable *cancel;
  GSource *timer;          /* until it settles, is let go, or parts */
  gboolean used;           /* the workload counts as used */
  gboolean gone;
  guint rows, cols;        /* as asked for last */

  /* history */
  GIOStream *logs;         /* (nullable) */
  GByteArray *received;
  guint64 total;
  gint64 first;            /* time of its first line */
  gboolean only_tail;      /* the log is too long, or its beginning is lost */
};

static void read_history (TholeConsole *self);
static void ask_history (TholeConsole *self);

static TholeConsole *
console_ref (TholeConsole *self)
{
  self->refs++;
  self->operations->calls++;
  return self;
}

static void
console_free (TholeConsole *self)
{
  if (--self->refs > 0)
    return;
  thole_subject_unref (self->subject);
  g_object_unref (self->backend);
  g_object_unref (self->cancel);
  g_clear_object (&self->logs);
  g_byte_array_unref (self->received);
  g_free (self);
}

static void
console_unref (TholeConsole *self)
{
  self->operations->calls--;
  console_free (self);
}

static void
set_used (TholeConsole *self, gboolean used)
{
  if (self->used == used)
    return;
  self->used = used;
  if (used)
    thole_idle_hold (self->subject);
  else
    thole_idle_release (self->subject);
}

static void
console_end (TholeConsole *self, TholeViewerEnd end, const char *detail)
{
  if (self->gone)
    return;
  self->gone = TRUE;
  thole_source_clear (&self->timer);
  g_cancellable_cancel (self->cancel);
  g_ptr_array_remove (self->operations->consoles, self);
  thole_desk_free (g_steal_pointer (&self->desk), end, detail);
  thole_hold_free (g_steal_pointer (&self->hold), end, detail);
  set_used (self, FALSE);
  console_free (self);
}

static TholeConsole *
lookup (TholeOperations *operations, const char *workload)
{
  for (guint i = 0; i < operations->consoles->len; i++)
    {
      TholeConsole *self = operations->consoles->pdata[i];

      /* one whose program has ended only waits for its viewers to see that */
      if (strcmp (self->subject->now->id, workload) == 0 && !thole_hold_is_over (self->hold))
        return self;
    }
  return NULL;
}

/* viewers ----------------------------------------------------------------------------------------------------- */

static TholeSession *
on_source (gpointer user_data)
{
  return thole_hold_session (((TholeConsole *) user_data)->hold);
}

static gboolean
on_unused (gpointer user_data)
{
  TholeConsole *self = user_data;

  thole_source_clear (&self->timer);
  console_end (self, THOLE_VIEWER_LOST, "nobody looked");
  return G_SOURCE_REMOVE;
}

static void
let_go_later (TholeConsole *self, gint64 wait)
{
  thole_source_clear (&self->timer);
  self->timer = thole_clock_timer (self->operations->clock, wait, on_unused, self);
}

static void
on_viewers (gpointer user_data, guint viewers, gboolean came)
{
  TholeConsole *self = user_data;

  if (self->operations->draining)
    return;
  set_used (self, viewers > 0);
  if (thole_hold_is_waiting (self->hold))
    return;
  thole_source_clear (&self->timer);
  if (viewers == 0 || thole_hold_is_over (self->hold))
    let_go_later (self, thole_hold_is_over (self->hold) ? PARTING : KEPT);
}

/* the size ------------------------------------------------------------------------------------------------------ */

static void
resized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeConsole *self = user_data;

  if (thole_backend_call_finish (self->backend, result, NULL, NULL) && self->hold != NULL)
    thole_hold_resized (self->hold, self->rows, self->cols);
  console_unref (self);
}

static void
on_resize (gpointer user_data, guint rows, guint cols)
{
  TholeConsole *self = user_data;
  TholeSlotArgs args = { .id = self->subject->now->id, .text = "", .rows = rows, .cols = cols };

  self->rows = rows;
  self->cols = cols;
  thole_backend_call_async (self->backend, THOLE_SLOT_EXEC_RESIZE, &args, NULL, resized, console_ref (self));
}

/* history ------------------------------------------------------------------------------------------------------- */

static gboolean
on_settle (gpointer user_data)
{
  TholeConsole *self = user_data;

  thole_source_clear (&self->timer);
  thole_hold_settle (self->hold);
  on_viewers (self, thole_desk_viewers (self->desk), FALSE);
  return G_SOURCE_REMOVE;
}

static void
number_by_time (TholeConsole *self)
{
  thole_hold_number (self->hold, (guint64) thole_clock_now (self->operations->clock));
}

static gboolean
wants_history (TholeConsole *self)
{
  return !self->gone && thole_hold_is_waiting (self->hold);
}

static gboolean
on_impatient (gpointer user_data)
{
  TholeConsole *self = user_data;

  g_clear_object (&self->logs);
  number_by_time (self);
  return on_settle (self);
}

static void
history_done (TholeConsole *self)
{
  gboolean headless = self->total >= LOG_SHORT && self->first - self->subject->now->started_at > LOG_LATE;

  g_clear_object (&self->logs);
  g_byte_array_set_size (self->received, 0);
  if (!self->only_tail && (headless || self->total > LOG_MOST))
    {
      self->only_tail = TRUE;
      ask_history (self);
      return;
    }
  thole_source_clear (&self->timer);
  self->timer = thole_clock_timer (self->operations->clock, SETTLE, on_settle, self);
}

static void
take_history (TholeConsole *self)
{
  gsize at = 0, length;
  const guint8 *body;
  guint8 channel;
  gint64 time;
  gssize whole;

  while ((whole = thole_log_record_parse (self->received->data + at, self->received->len - at, &channel, &time, &body, &length)) > 0)
    {
      if (self->total == 0)
        self->first = time;
      self->total += length;
      thole_hold_history (self->hold, channel == 2 ? THOLE_CHANNEL_STDERR : THOLE_CHANNEL_STDOUT, body, length);
      at += (gsize) whole;
    }
  if (at > 0)
    g_byte_array_remove_range (self->received, 0, (guint) at);
}

static void
on_history (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeConsole *self = user_data;
  g_autoptr (GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, NULL);
  gsize length = bytes != NULL ? g_bytes_get_size (bytes) : 0;

  if (wants_history (self) && length > 0)
    {
      g_byte_array_append (self->received, g_bytes_get_data (bytes, NULL), (guint) length);
      take_history (self);
    }
  if (wants_history (self) && length > 0 && (self->only_tail || self->total <= LOG_MOST))
    read_history (self);
  else if (wants_history (self))
    history_done (self);
  console_unref (self);
}

static void
read_history (TholeConsole *self)
{
  g_input_stream_read_bytes_async (g_io_stream_get_input_stream (self->logs), LOG_PIECE, G_PRIORITY_DEFAULT, self->cancel, on_history,
                                   console_ref (self));
}

static void
history_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeConsole *self = user_data;
  g_auto (TholeSlotResult) out = { 0 };
  gboolean good = thole_backend_call_finish (self->backend, result, &out, NULL);

  if (wants_history (self))
    {
      /* the same in every daemon, as long as the log is whole */
      if (good && !self->only_tail)
        thole_hold_number (self->hold, (guint64) self->subject->now->created_at);
      else
        number_by_time (self);
      self->total = 0;
    }
  if (wants_history (self) && good)
    {
      self->logs = g_steal_pointer (&out.stream);
      read_history (self);
    }
  else if (wants_history (self))
    history_done (self);
  console_unref (self);
}

static void
ask_history (TholeConsole *self)
{
  g_autoptr (GVariant) options = g_variant_ref_sink (
    g_variant_new_parsed ("{'follow': <false>, 'tail': <%x>, 'since': <int64 0>, 'until': <int64 0>, 'stdout': <true>, 'stderr': <true>}",
                          (gint64) (self->only_tail ? LOG_TAIL : -1)));
  TholeSlotArgs args = { .id = self->subject->now->id, .options = options };

  self->total = 0;
  thole_source_clear (&self->timer);
  self->timer = thole_clock_timer (self->operations->clock, PATIENCE, on_impatient, self);
  thole_backend_call_async (self->backend, THOLE_SLOT_WORKLOAD_LOGS, &args, self->cancel, history_opened, console_ref (self));
}

/* the program ------------------------------------------------------------------------------------------------------ */

static void
on_ended (gpointer user_data, int code, int signal)
{
  TholeConsole *self = user_data;

  if (thole_hold_is_waiting (self->hold))
    {
      thole_source_clear (&self->timer);
      g_cancellable_cancel (self->cancel);
      thole_hold_settle (self->hold);
    }
  let_go_later (self, PARTING);
}

static void
attached (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeConsole *self = user_data;
  g_auto (TholeSlotResult) out = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean good = thole_backend_call_finish (self->backend, result, &out, &error);

  if (!self->gone && !good)
    console_end (self, g_error_matches (error, THOLE_ERROR, THOLE_ERROR_CONFLICT) ? THOLE_VIEWER_WORKLOAD_GONE : THOLE_VIEWER_LOST,
                 error->message);
  else if (!self->gone)
    {
      /* first, so that nothing is missed between the end of the log and this */
      thole_hold_begin (self->hold, g_steal_pointer (&out.stream));
      if (thole_backend_has (self->backend, THOLE_SLOT_WORKLOAD_LOGS))
        ask_history (self);
      else
        {
          number_by_time (self);
          history_done (self);
        }
    }
  console_unref (self);
}

static TholeConsole *
console_new (TholeSubject *subject, TholeBackend *backend)
{
  static const TholeDeskEvents desk_events = { .source = on_source, .viewers = on_viewers };
  static const TholeHoldEvents hold_events = { .ended = on_ended, .resize = on_resize };
  TholeConsole *self = g_new0 (TholeConsole, 1);
  GVariant *spec = thole_subject_spec (subject);
  TholeHoldOptions options = { .scrollback = SCROLLBACK, .rows = 24, .cols = 80, .lines = THOLE_CONSOLE_LINES, .waits = TRUE,
                               .lasting = TRUE };
  TholeSlotArgs args = { .id = subject->now->id };

  options.tty = thole_dict_boolean (spec, "tty", FALSE);
  options.no_input = !thole_dict_boolean (spec, "stdin", FALSE);
  self->refs = 1;
  self->operations = subject->operations;
  self->subject = thole_subject_ref (subject);
  self->backend = g_object_ref (backend);
  self->cancel = g_cancellable_new ();
  self->received = g_byte_array_new ();
  self->hold = thole_hold_new (self->operations->clock, &options, &hold_events, self);
  self->desk = thole_desk_new (self->operations->clock, options.tty, options.rows, options.cols, &desk_events, self);
  g_ptr_array_add (self->operations->consoles, self);
  thole_backend_call_async (backend, THOLE_SLOT_EXEC_ATTACH, &args, self->cancel, attached, console_ref (self));
  return self;
}

/* ------------------------------------------------------------------------------------------------------------------- */

void
thole_console_follow (TholeSubject *subject)
{
  TholeConsole *self = subject->gone || !thole_room_has_programs (subject) ? lookup (subject->operations, subject->now->id) : NULL;

  if (self == NULL)
    return;
  /* its viewers are to see how it ended, which the engine may tell a moment later */
  if (!subject->gone && thole_desk_viewers (self->desk) > 0 && !thole_hold_is_waiting (self->hold))
    let_go_later (self, PARTING);
  else
    console_end (self, THOLE_VIEWER_WORKLOAD_GONE, "the workload does not run any more");
}

guint
thole_console_viewers (TholeOperations *operations, const char *workload)
{
  TholeConsole *self = lookup (operations, workload);

  return self != NULL ? thole_desk_viewers (self->desk) : 0;
}

void
thole_consoles_drain (TholeOperations *operations)
{
  while (operations->consoles->len > 0)
    console_end (operations->consoles->pdata[0], THOLE_VIEWER_RESTARTING, "the daemon goes down: connect again");
}

/* who may read the log may look; to type takes a permission of its own */
void
thole_op_workload_console (TholeCall *call)
{
  TholeSubject *subject = thole_call_subject (call);
  TholeInputRole role = thole_call_input_role (call);
  TholeBackend *backend;
  TholeConsole *self;

  if (subject == NULL || !thole_call_check_from (call, thole_dict_boolean (thole_subject_spec (subject), "tty", FALSE)))
    return;
  backend = thole_call_backend (call, thole_subject_backend (subject), subject->now->backend, THOLE_SLOT_EXEC_ATTACH);
  if (backend == NULL)
    return;
  if (!thole_room_has_programs (subject))
    {
      thole_call_problem (call, thole_verb_illegal (subject->now, "console"));
      return;
    }
  if (!thole_access_decide (call->principal, WRITE_PERMISSION))
    role = THOLE_INPUT_NONE;
  self = lookup (call->operations, subject->now->id);
  if (self == NULL)
    self = console_new (subject, backend);
  thole_call_view (call, thole_desk_session (self->desk, role, thole_query_boolean (call, "take")));
}
