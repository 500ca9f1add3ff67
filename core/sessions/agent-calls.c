/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sessions/agent-calls.h"

#include <string.h>

#include "sessions/agent-frames.h"
#include "thole-error.h"

#define DEADLINE (30 * G_USEC_PER_SEC)
#define FILL (128 * 1024)
#define MOST 256

typedef struct
{
  TholeAgentCalls *calls;
  TholeAgentCall kind;
  guint32 number;
  GTask *task;
  GByteArray *frame; /* whole; its number stands behind the head */
  gboolean sent;
  GSource *deadline;
  GSource *cancelled;
} Call;

struct _TholeAgentCalls
{
  TholeClock *clock;
  void (*wake) (gpointer user_data);
  gpointer user_data;
  GPtrArray *calls; /* (owned) in their order */
  guint32 last;
  char *failed;     /* why all fail */
};

static void
call_free (gpointer data)
{
  Call *self = data;

  thole_source_clear (&self->deadline);
  thole_source_clear (&self->cancelled);
  g_byte_array_unref (self->frame);
  g_object_unref (self->task);
  g_free (self);
}

/* takes it out of the list; the task is for the caller */
static GTask *
take (Call *self)
{
  GTask *task = g_object_ref (self->task);

  g_ptr_array_remove (self->calls->calls, self);
  return task;
}

static gboolean
on_deadline (gpointer user_data)
{
  g_autoptr(GTask) task = take (user_data);

  g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_TIMEOUT, "The agent did not answer in time");
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr(GTask) task = take (user_data);

  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "The call was cancelled");
  return G_SOURCE_REMOVE;
}

TholeAgentCalls *
thole_agent_calls_new (TholeClock *clock, void (*wake) (gpointer user_data), gpointer user_data)
{
  TholeAgentCalls *self = g_new0 (TholeAgentCalls, 1);

  self->clock = clock;
  self->wake = wake;
  self->user_data = user_data;
  self->calls = g_ptr_array_new_with_free_func (call_free);
  return self;
}

void
thole_agent_calls_free (TholeAgentCalls *self)
{
  g_ptr_array_unref (self->calls);
  g_free (self->failed);
  g_free (self);
}

static GByteArray *
make_frame (guint32 number, TholeAgentCall kind, GVariant *arguments, GError **error)
{
  static const guint8 types[] = {
    [THOLE_AGENT_CALL_OPEN] = THOLE_AGENT_OPEN,     [THOLE_AGENT_CALL_LIST] = THOLE_AGENT_LIST,
    [THOLE_AGENT_CALL_STAT] = THOLE_AGENT_STAT,     [THOLE_AGENT_CALL_SIGNAL] = THOLE_AGENT_SIGNAL,
    [THOLE_AGENT_CALL_RESIZE] = THOLE_AGENT_RESIZE, [THOLE_AGENT_CALL_CLOSE] = THOLE_AGENT_CLOSE,
  };
  g_autoptr(GByteArray) out = g_byte_array_new ();
  guint frame = thole_agent_begin (out, types[kind], 0);

  thole_agent_put (out, number, 4);
  if (arguments != NULL && !thole_agent_encode (out, arguments, error))
    return NULL;
  thole_agent_end (out, frame);
  return g_steal_pointer (&out);
}

static void
watch_cancellable (Call *self)
{
  GCancellable *cancellable = g_task_get_cancellable (self->task);

  if (cancellable == NULL)
    return;
  self->cancelled = g_cancellable_source_new (cancellable);
  g_source_set_callback (self->cancelled, G_SOURCE_FUNC (on_cancelled), self, NULL);
  g_source_attach (self->cancelled, g_main_context_get_thread_default ());
}

void
thole_agent_calls_add (TholeAgentCalls *self, GTask *task, TholeAgentCall kind, GVariant *arguments, gint64 deadline)
{
  g_autoptr(GTask) owned = task;
  g_autoptr(GVariant) dict = arguments != NULL ? g_variant_ref_sink (arguments) : NULL;
  GError *error = NULL;
  GByteArray *frame;
  Call *call;

  if (self->failed != NULL)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "%s", self->failed);
      return;
    }
  if (self->calls->len >= MOST)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_LIMIT, "Too many calls wait for the agent");
      return;
    }
  /* 0 asks for no answer */
  self->last = self->last == G_MAXUINT32 ? 1 : self->last + 1;
  frame = make_frame (self->last, kind, dict, &error);
  if (frame == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  call = g_new0 (Call, 1);
  call->calls = self;
  call->kind = kind;
  call->number = self->last;
  call->task = g_steal_pointer (&owned);
  call->frame = frame;
  call->deadline = thole_clock_timer (self->clock, deadline > 0 ? deadline : DEADLINE, on_deadline, call);
  watch_cancellable (call);
  g_ptr_array_add (self->calls, call);
  self->wake (self->user_data);
}

void
thole_agent_calls_begin (TholeAgentCalls *self)
{
  self->wake (self->user_data);
}

void
thole_agent_calls_reset (TholeAgentCalls *self)
{
  g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->calls->len;)
    {
      Call *call = g_ptr_array_index (self->calls, i);

      /* all but a signal may be sent again */
      if (call->sent && call->kind == THOLE_AGENT_CALL_SIGNAL)
        {
          g_ptr_array_add (unknown, take (call));
          continue;
        }
      call->sent = FALSE;
      i++;
    }
  for (guint i = 0; i < unknown->len; i++)
    g_task_return_new_error (g_ptr_array_index (unknown, i), THOLE_ERROR, THOLE_ERROR_UNAVAILABLE,
                             "The connection to the agent broke before it answered");
}

void
thole_agent_calls_fill (TholeAgentCalls *self, GByteArray *out)
{
  for (guint i = 0; i < self->calls->len && out->len < FILL; i++)
    {
      Call *call = g_ptr_array_index (self->calls, i);

      if (call->sent)
        continue;
      g_byte_array_append (out, call->frame->data, call->frame->len);
      call->sent = TRUE;
    }
}

static GVariant *
read_list (const guint8 *data, gsize length)
{
  g_auto(GVariantBuilder) sessions = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  TholeAgentField field;

  while (thole_agent_next_field (&data, &length, &field))
    if (field.tag == THOLE_AGENT_TAG_SESSION)
      {
        g_autoptr(GVariant) session = thole_agent_decode (field.data, field.length);

        if (session == NULL)
          return NULL;
        g_variant_builder_add_value (&sessions, session);
      }
  g_variant_dict_insert_value (&dict, "sessions", g_variant_builder_end (&sessions));
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static Call *
find (TholeAgentCalls *self, guint32 number)
{
  for (guint i = 0; i < self->calls->len; i++)
    if (((Call *) g_ptr_array_index (self->calls, i))->number == number)
      return g_ptr_array_index (self->calls, i);
  return NULL;
}

gboolean
thole_agent_calls_answer (TholeAgentCalls *self, const guint8 *data, gsize length)
{
  g_autoptr(GTask) task = NULL;
  g_autofree char *text = NULL;
  GVariant *value;
  TholeAgentCall kind;
  guint code;
  Call *call;

  if (length < 6)
    return FALSE;
  call = find (self, (guint32) thole_agent_get (data, 4));
  /* one that was given up */
  if (call == NULL)
    return TRUE;
  kind = call->kind;
  task = take (call);
  code = (guint) thole_agent_get (data + 4, 2);
  if (code == THOLE_AGENT_NOT_FOUND && kind == THOLE_AGENT_CALL_CLOSE)
    code = THOLE_AGENT_OK;
  if (code != THOLE_AGENT_OK)
    {
      text = thole_agent_find_text (data + 6, length - 6, THOLE_AGENT_TAG_TEXT);
      g_task_return_error (task, thole_agent_error (code, text));
      return TRUE;
    }
  value = kind == THOLE_AGENT_CALL_LIST ? read_list (data + 6, length - 6) : thole_agent_decode (data + 6, length - 6);
  if (value != NULL)
    g_task_return_pointer (task, value, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_FAILED, "The agent's answer cannot be read");
  return TRUE;
}

void
thole_agent_calls_fail (TholeAgentCalls *self, const char *why)
{
  if (self->failed == NULL)
    self->failed = g_strdup (why);
  while (self->calls->len > 0)
    {
      g_autoptr(GTask) task = take (g_ptr_array_index (self->calls, 0));

      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "%s", why);
    }
}
