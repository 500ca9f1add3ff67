/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/fake.h"

#include <glib/gstdio.h>
#include <string.h>

#include "operations/operation.h"
#include "records.h"
#include "thole-json.h"

#define EVENTS 1000

/* streams ---------------------------------------------------------------------------- */

typedef enum
{
  STREAM_EVENTS,   /* numbered, as many as there are, one each 2 ms after the first 10 */
  STREAM_FLOOD,    /* log records without end */
  STREAM_LOG,      /* four log records */
  STREAM_QUIET,    /* nothing, ever */
  STREAM_FAILING,  /* one item, then an error */
} StreamKind;

typedef struct
{
  TholeStream stream;
  TholeFake *fake;
  StreamKind kind;
  gint64 n;
  GSource *timer;
} FakeStream;

static gboolean
on_timer (gpointer user_data)
{
  FakeStream *self = user_data;

  thole_source_clear (&self->timer);
  if (self->stream.ready != NULL)
    self->stream.ready (self->stream.reader);
  return G_SOURCE_REMOVE;
}

static TholeStreamResult
next_log (FakeStream *self, TholeItem *item)
{
  static const char *const texts[] = { "one\n", "two", " more\n", "\xff\xfe\n" };

  if (self->n == G_N_ELEMENTS (texts))
    return THOLE_STREAM_END;
  item->time = 1700000000123456;
  item->channel = self->n == 3 ? 2 : 1;
  item->data = g_bytes_new_static (texts[self->n], strlen (texts[self->n]));
  self->n++;
  return THOLE_STREAM_ITEM;
}

static TholeStreamResult
next_event (FakeStream *self, TholeItem *item)
{
  g_autofree char *text = NULL;

  if (self->n >= EVENTS)
    return THOLE_STREAM_END;
  /* some come at once, the others one by one */
  if (self->n % 10 == 9 && self->timer == NULL && self->stream.ready != NULL)
    {
      self->timer = thole_clock_timer (thole_clock_system (), 500, on_timer, self);
      self->n++;
      return THOLE_STREAM_WAIT;
    }
  self->n++;
  text = g_strdup_printf ("{\"seq\":%" G_GINT64_FORMAT "}", self->n);
  item->id = self->n;
  item->type = "thing.changed";
  item->data = g_bytes_new (text, strlen (text));
  return THOLE_STREAM_ITEM;
}

static TholeStreamResult
stream_next (TholeStream *stream, TholeItem *item, GError **error)
{
  FakeStream *self = (FakeStream *) stream;
  g_autofree char *block = NULL;

  switch (self->kind)
    {
    case STREAM_EVENTS:
      return next_event (self, item);
    case STREAM_LOG:
      return next_log (self, item);
    case STREAM_FLOOD:
      block = g_malloc (60000);
      memset (block, 'x', 60000);
      block[59999] = '\n';
      item->channel = 1;
      item->data = g_bytes_new_take (g_steal_pointer (&block), 60000);
      return THOLE_STREAM_ITEM;
    case STREAM_FAILING:
      if (self->n++ > 0)
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNAVAILABLE, "the engine went away");
          return THOLE_STREAM_ERROR;
        }
      item->channel = 1;
      item->type = "thing.changed";
      item->data = g_bytes_new_static ("{}", 2);
      return THOLE_STREAM_ITEM;
    case STREAM_QUIET:
    default:
      return THOLE_STREAM_WAIT;
    }
}

static void
stream_close (TholeStream *stream)
{
  FakeStream *self = (FakeStream *) stream;

  thole_source_clear (&self->timer);
  g_atomic_int_inc (&self->fake->closed_streams);
  g_free (self);
}

static void
return_stream (TholeCall *call, TholeReplyKind reply, StreamKind kind)
{
  FakeStream *self = g_new0 (FakeStream, 1);

  self->fake = (TholeFake *) call->operations;
  self->kind = kind;
  if (kind == STREAM_EVENTS)
    self->n = MAX (call->last_event_id, 0);
  self->stream.next = stream_next;
  self->stream.close = stream_close;
  call->reply.status = 200;
  call->reply.kind = reply;
  call->reply.stream = &self->stream;
  call->done (call, call->user_data);
}

/* operations ---------------------------------------------------------------------------- */

static void
return_json (TholeCall *call, guint status, GBytes *body)
{
  call->reply.status = status;
  call->reply.body = body;
  call->done (call, call->user_data);
}

static void
thing_get (TholeCall *call)
{
  TholeFake *fake = (TholeFake *) call->operations;

  if (strcmp (call->target, "missing") == 0)
    {
      call->reply.problem = thole_problem_new (THOLE_ERROR_NOT_FOUND, "No thing `missing`");
      call->done (call, call->user_data);
      return;
    }
  call->reply.etag = g_strdup ("7");
  return_json (call, 200, g_bytes_ref (fake->thing));
}

/* gives back what it was called with */
static void
thing_echo (TholeCall *call)
{
  GString *out = g_string_new ("{\"path\":");

  thole_json_append_string (out, call->path);
  g_string_append (out, ",\"principal\":");
  thole_json_append_string (out, call->principal->name);
  g_string_append (out, ",\"key\":");
  thole_json_append_string (out, call->idempotency_key != NULL ? call->idempotency_key : "");
  g_string_append (out, ",\"if_match\":");
  thole_json_append_string (out, call->if_match != NULL ? call->if_match : "");
  g_string_append (out, ",\"query\":");
  if (call->query != NULL)
    thole_json_append (out, call->query);
  else
    g_string_append (out, "null");
  g_string_append (out, ",\"body\":");
  if (call->body != NULL)
    thole_json_append (out, call->body);
  else
    g_string_append (out, "null");
  g_string_append_c (out, '}');
  call->reply.location = g_strdup ("/v1/things/new");
  call->reply.operation = g_strdup ("op-1");
  return_json (call, 201, g_string_free_to_bytes (out));
}

static gboolean
on_later (gpointer user_data)
{
  TholeCall *call = user_data;

  return_json (call, 200, g_bytes_new_static ("{\"late\":true}", 13));
  return G_SOURCE_REMOVE;
}

static void
thing_later (TholeCall *call)
{
  g_autoptr(GSource) source = g_idle_source_new ();

  g_source_set_callback (source, on_later, call, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  TholeFake *fake = user_data;

  g_atomic_int_inc (&fake->cancelled);
}

static void
thing_hold (TholeCall *call)
{
  TholeFake *fake = (TholeFake *) call->operations;

  g_cancellable_connect (call->cancellable, G_CALLBACK (on_cancelled), fake, NULL);
  g_mutex_lock (&fake->lock);
  g_queue_push_tail (&fake->held, call);
  g_mutex_unlock (&fake->lock);
}

static void
thing_events (TholeCall *call)
{
  TholeFake *fake = (TholeFake *) call->operations;

  fake->last_event_id = call->last_event_id;
  if (call->want & THOLE_WANT_EVENTS)
    return_stream (call, THOLE_REPLY_EVENTS, STREAM_EVENTS);
  else
    return_json (call, 200, g_bytes_new_static ("{\"items\":[]}", 12));
}

static void
thing_logs (TholeCall *call)
{
  static const struct { const char *target; TholeReplyKind reply; StreamKind kind;
  } streams[] = {
    { "flood", THOLE_REPLY_LOG, STREAM_FLOOD },
    { "quiet", THOLE_REPLY_EVENTS, STREAM_QUIET },
    { "failing", THOLE_REPLY_LOG, STREAM_FAILING },
    { "failing-events", THOLE_REPLY_EVENTS, STREAM_FAILING },
  };

  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    if (strcmp (call->target, streams[i].target) == 0)
      {
        return_stream (call, streams[i].reply, streams[i].kind);
        return;
      }
  return_stream (call, THOLE_REPLY_LOG, STREAM_LOG);
}

static void
thing_attach (TholeCall *call)
{
  TholeFake *fake = (TholeFake *) call->operations;

  call->reply.status = 200;
  call->reply.kind = THOLE_REPLY_VIEW;
  if (strcmp (call->target, "missing") == 0)
    call->reply.problem = thole_problem_new (THOLE_ERROR_NOT_FOUND, "No thing `missing`");
  else
    call->reply.view = thole_fake_session_new (call->target, TRUE, &fake->sessions);
  call->done (call, call->user_data);
}

static void
thing_delete (TholeCall *call)
{
  return_json (call, 204, NULL);
}

#define THING(name, method, path, status, kind, handle)                                            \
  {                                                                                                \
    name, "thing.use", "thing", method, path, { status }, &thole_schema_empty,                     \
      &thole_schema_query_none, THOLE_OPERATION_##kind, "A thing", handle                          \
  }

static const TholeOperationDef operations[] = {
  THING ("thing.get", "GET", "/v1/things/{id}", 200, READ, thing_get),
  THING ("thing.create", "POST", "/v1/things", 201, WRITE, thing_echo),
  THING ("thing.update", "PATCH", "/v1/things/{id}", 201, WRITE, thing_echo),
  THING ("thing.delete", "DELETE", "/v1/things/{id}", 204, WRITE, thing_delete),
  THING ("thing.later", "GET", "/v1/things/{id}/later", 200, ENGINE, thing_later),
  THING ("thing.hold", "POST", "/v1/things/{id}/hold", 200, ENGINE, thing_hold),
  THING ("thing.logs", "GET", "/v1/things/{id}/logs", 200, STREAM, thing_logs),
  THING ("thing.attach", "GET", "/v1/things/{id}/attach", 101, STREAM, thing_attach),
  THING ("thing.tty", "GET", "/v1/things/{id}/tty/ws", 101, STREAM, thing_attach),
  THING ("event.list", "GET", "/v1/events", 200, READ, thing_events),
};

static void
dispatch (TholeOperations *data, TholeCall *call)
{
  TholeFake *fake = (TholeFake *) data;

  g_atomic_int_inc (&fake->dispatched);
  call->def->handle (call);
}

/* the server
 * ------------------------------------------------------------------------------------------- */

static char **
get_ready (gpointer user_data)
{
  TholeFake *self = user_data;

  return self->not_ready ? g_strsplit ("the store is not open", "|", 0) : NULL;
}

static gboolean
on_quit (gpointer user_data)
{
  TholeFake *self = user_data;

  g_clear_pointer (&self->http, thole_http_free);
  g_main_loop_quit (self->loop);
  return G_SOURCE_REMOVE;
}

static gpointer
run (gpointer user_data)
{
  TholeFake *self = user_data;

  g_main_context_push_thread_default (self->context);
  g_main_loop_run (self->loop);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static void
start (TholeFake *self, gpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *address = g_strconcat ("unix:", self->path, NULL);
  g_auto(GStrv) addresses = NULL;

  self->http = thole_http_new (&self->options, &error);
  g_assert_no_error (error);
  thole_http_listen (self->http, address, &error);
  g_assert_no_error (error);
  thole_http_listen (self->http, "127.0.0.1:0", &error);
  g_assert_no_error (error);
  addresses = thole_http_addresses (self->http);
  self->port = (guint16) g_ascii_strtoull (strrchr (addresses[1], ':') + 1, NULL, 10);
}

TholeFake *
thole_fake_new (void)
{
  TholeFake *self = g_new0 (TholeFake, 1);
  g_autoptr(GError) error = NULL;
  g_autofree char *token_file = NULL;
  GString *thing = g_string_new ("{\"id\":\"wl-1\",\"text\":\"");

  self->dir = g_dir_make_tmp ("thole-http-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->dir, "thole.sock", NULL);
  token_file = g_build_filename (self->dir, "token", NULL);
  self->metrics = thole_metrics_new ();
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  g_mutex_init (&self->lock);
  while (thing->len < 1000)
    g_string_append (thing, "0123456789");
  g_string_append (thing, "\"}");
  self->thing = g_string_free_to_bytes (thing);
  self->options = (TholeHttpOptions){
    .clock = thole_clock_system (),
    .identity = thole_identity_new (token_file, &error),
    .metrics = self->metrics,
    .version = "1.2.3",
    .operations = operations,
    .n_operations = G_N_ELEMENTS (operations),
    .dispatch = dispatch,
    .dispatch_data = (TholeOperations *) self,
    .ready = get_ready,
    .ready_data = self,
    .max_connections = 1000,
    .max_head = 16384,
    .max_body = 4194304,
    .head_timeout = 10,
    .body_timeout = 30,
    .idle_timeout = 75,
    .heartbeat = 15,
    .max_message = 1048576,
    .ping = 20,
    .tickets = thole_tickets_new (thole_clock_system ()),
  };
  g_assert_no_error (error);
  g_file_get_contents (token_file, &self->token, NULL, &error);
  g_assert_no_error (error);
  g_strstrip (self->token);
  return self;
}

void
thole_fake_start (TholeFake *self)
{
  self->thread = g_thread_new ("server", run, self);
  thole_fake_run (self, start, NULL);
}

typedef struct
{
  TholeFake *fake;
  void (*function) (TholeFake *self, gpointer data);
  gpointer data;
  GMutex lock;
  GCond cond;
  gboolean done;
} Job;

static gboolean
on_job (gpointer user_data)
{
  Job *job = user_data;

  job->function (job->fake, job->data);
  g_mutex_lock (&job->lock);
  job->done = TRUE;
  g_cond_signal (&job->cond);
  g_mutex_unlock (&job->lock);
  return G_SOURCE_REMOVE;
}

void
thole_fake_run (TholeFake *self, void (*function) (TholeFake *self, gpointer data), gpointer data)
{
  Job job = { .fake = self, .function = function, .data = data };
  g_autoptr(GSource) source = g_idle_source_new ();

  g_mutex_init (&job.lock);
  g_cond_init (&job.cond);
  g_source_set_callback (source, on_job, &job, NULL);
  g_source_attach (source, self->context);
  g_mutex_lock (&job.lock);
  while (!job.done)
    g_cond_wait (&job.cond, &job.lock);
  g_mutex_unlock (&job.lock);
  g_mutex_clear (&job.lock);
  g_cond_clear (&job.cond);
}

static void
release (TholeFake *self, gpointer data)
{
  TholeCall *call = g_queue_pop_head (&self->held);

  return_json (call, 200, g_bytes_new_static ("{\"held\":false}", 14));
}

void
thole_fake_release (TholeFake *self)
{
  gboolean found = FALSE;

  for (int i = 0; i < 500 && !found; i++)
    {
      g_mutex_lock (&self->lock);
      found = self->held.length > 0;
      g_mutex_unlock (&self->lock);
      if (!found)
        g_usleep (10000);
    }
  g_assert_true (found);
  thole_fake_run (self, release, NULL);
}

static void
count (TholeFake *self, gpointer data)
{
  thole_http_counts (self->http, data);
}

void
thole_fake_counts (TholeFake *self, TholeHttpCounts *counts)
{
  thole_fake_run (self, count, counts);
}

static void
on_shut (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeFake *self = user_data;

  self->shut_cleanly = thole_http_shutdown_finish (self->http, result, NULL);
  self->shut = TRUE;
}

static void
shut (TholeFake *self, gpointer data)
{
  thole_http_shutdown_async (self->http, NULL, on_shut, self);
}

void
thole_fake_shut (TholeFake *self)
{
  thole_fake_run (self, shut, NULL);
}

void
thole_fake_free (TholeFake *self)
{
  g_autoptr(GSource) quit = g_idle_source_new ();

  g_source_set_callback (quit, on_quit, self, NULL);
  g_source_attach (quit, self->context);
  g_thread_join (self->thread);
  while (self->held.length > 0)
    release (self, NULL);
  g_mutex_clear (&self->lock);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  thole_metrics_free (self->metrics);
  thole_tickets_free (self->options.tickets);
  thole_identity_free (self->options.identity);
  g_bytes_unref (self->thing);
  g_free (self->token);
  {
    g_autofree char *token_file = g_build_filename (self->dir, "token", NULL);

    g_unlink (token_file);
  }
  g_assert_false (g_file_test (self->path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_rmdir (self->dir), ==, 0);
  g_free (self->path);
  g_free (self->dir);
  g_free (self);
}
