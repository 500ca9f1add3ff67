/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/verb.h"

#include "thole-dict.h"
#include "thole-json.h"

#define PAUSE G_USEC_PER_SEC

/* Appends a sample as the object of the API: RFC 3339 time, the rest as it is. */
static GBytes *
sample_json (GVariant *sample)
{
  char time[THOLE_TIME_LENGTH];
  GVariantDict dict;
  GString *json = g_string_new (NULL);
  g_autoptr (GVariant) whole = NULL;

  g_variant_dict_init (&dict, sample);
  g_variant_dict_insert (&dict, "time", "s", thole_time_format (thole_dict_int (sample, "time", 0), time));
  whole = g_variant_ref_sink (g_variant_dict_end (&dict));
  thole_json_append (json, whole);
  return g_string_free_to_bytes (json);
}

/* one sample a second, asked for only while the reader takes them */
typedef struct
{
  TholeStream stream;
  TholeSubject *subject;
  TholeBackend *backend;
  GCancellable *cancel;
  GSource *timer;
  GVariant *sample;
  GError *error;
  gint64 next_at;     /* µs monotonic */
  gboolean asking, ended, closed;
} StatsStream;

static void
stats_free (StatsStream *self)
{
  thole_source_clear (&self->timer);
  g_clear_pointer (&self->sample, g_variant_unref);
  g_clear_error (&self->error);
  g_object_unref (self->cancel);
  g_object_unref (self->backend);
  thole_subject_unref (self->subject);
  g_free (self);
}

static void
sampled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  StatsStream *self = user_data;
  g_auto (TholeSlotResult) out = { NULL };

  self->asking = FALSE;
  if (!thole_backend_call_finish (self->backend, result, &out, self->error == NULL ? &self->error : NULL))
    self->ended = TRUE;
  if (self->closed)
    {
      stats_free (self);
      return;
    }
  g_clear_pointer (&self->sample, g_variant_unref);
  self->sample = g_steal_pointer (&out.value);
  self->stream.ready (self->stream.reader);
}

static gboolean
ask (gpointer user_data)
{
  StatsStream *self = user_data;
  TholeSlotArgs args = { .id = self->subject->now->id, .deadline = 15 };

  thole_source_clear (&self->timer);
  self->asking = TRUE;
  self->next_at = thole_clock_monotonic (self->subject->operations->clock) + PAUSE;
  thole_backend_call_async (self->backend, THOLE_SLOT_WORKLOAD_STATS, &args, self->cancel, sampled, self);
  return G_SOURCE_REMOVE;
}

static TholeStreamResult
stats_next (TholeStream *stream, TholeItem *item, GError **error)
{
  StatsStream *self = (StatsStream *) stream;
  TholeClock *clock = self->subject->operations->clock;

  if (self->sample != NULL)
    {
      g_autoptr (GVariant) sample = g_steal_pointer (&self->sample);

      *item = (TholeItem) { .type = "stats", .data = sample_json (sample) };
      return THOLE_STREAM_ITEM;
    }
  /* a workload that ended has no further samples: a good end */
  if (self->ended || self->subject->gone || !thole_state_alive (self->subject->now->state))
    return THOLE_STREAM_END;
  if (!self->asking && self->timer == NULL)
    self->timer = thole_clock_timer (clock, MAX (0, self->next_at - thole_clock_monotonic (clock)), ask, self);
  return THOLE_STREAM_WAIT;
}

static void
stats_close (TholeStream *stream)
{
  StatsStream *self = (StatsStream *) stream;

  self->closed = TRUE;
  g_cancellable_cancel (self->cancel);
  if (!self->asking)
    stats_free (self);
}

static void
one_sample (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeCall *call = user_data;
  g_auto (TholeSlotResult) out = { NULL };
  g_autoptr (GError) error = NULL;

  call->operations->calls--;
  if (thole_backend_call_finish (THOLE_BACKEND (source), result, &out, &error))
    thole_call_return (call, 200, sample_json (out.value));
  else
    thole_call_error (call, error);
}

void
thole_op_workload_stats (TholeCall *call)
{
  TholeSubject *subject = thole_call_subject (call);
  TholeBackend *backend;
  StatsStream *stream;

  if (subject == NULL)
    return;
  backend = thole_call_backend (call, thole_subject_backend (subject), subject->now->backend, THOLE_SLOT_WORKLOAD_STATS);
  if (backend == NULL)
    return;
  if (!thole_state_alive (subject->now->state))
    {
      thole_call_problem (call, thole_verb_illegal (subject->now, "stats"));
      return;
    }
  if (!thole_query_boolean (call, "stream"))
    {
      TholeSlotArgs args = { .id = subject->now->id, .deadline = 15 };

      call->operations->calls++;
      thole_backend_call_async (backend, THOLE_SLOT_WORKLOAD_STATS, &args, call->cancellable, one_sample, call);
      return;
    }
  stream = g_new0 (StatsStream, 1);
  stream->stream.next = stats_next;
  stream->stream.close = stats_close;
  stream->subject = thole_subject_ref (subject);
  stream->backend = g_object_ref (backend);
  stream->cancel = g_cancellable_new ();
  thole_call_stream (call, THOLE_REPLY_EVENTS, &stream->stream);
}
