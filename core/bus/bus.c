/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/face.h"

#include <string.h>

#include "bus/handover.h"
#include "bus/relay.h"
#include "bus/value.h"
#include "bus/watch.h"
#include "bus/wire.h"

#define HEAD 256 /* bytes of a message beside its body, about */
#define MOST_TURNED 10000 /* calls without a sign of life */
#define FEW 2048                          /* bytes of arguments that count for nothing */
#define MOST_OF_ONE (8 * 1024 * 1024)     /* of the calls of one caller that have no answer */
#define TOO_MANY "too many calls at once"
#define LIMITS_EXCEEDED "org.freedesktop.DBus.Error.LimitsExceeded"
#define UNREAD "too much that was sent is unread: a sign of life (org.freedesktop.DBus.Peer.Ping) is awaited"

/* calls -------------------------------------------------------------------------------------------------------- */

void
thole_bus_call_free (TholeBusCall *call)
{
  if (call->bus != NULL)
    {
      g_hash_table_remove (call->bus->calls, call);
      thole_bus_held_give (call->bus->held, call->holder, call->size);
    }
  if (call->state_free != NULL)
    call->state_free (call->state);
  call->caller->calls--;
  call->caller->held -= call->size;
  thole_bus_caller_unref (call->caller);
  g_clear_pointer (&call->principal, thole_principal_unref);
  g_clear_pointer (&call->peer, thole_principal_unref);
  g_object_unref (call->cancellable);
  g_object_unref (call->message);
  g_free (call->id);
  g_free (call);
}

static gboolean
is_awaited (const TholeBusCall *call)
{
  return call->bus != NULL && !call->caller->gone
         && !(g_dbus_message_get_flags (call->message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
}

static void
send_reply (TholeBusCall *call, GDBusMessage *reply, gsize size)
{
  if (is_awaited (call))
    {
      thole_bus_outlet_push (call->bus->outlet);
      g_dbus_connection_send_message (call->bus->connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
      thole_bus_owe (call->caller, size + HEAD);
    }
  g_object_unref (reply);
  thole_bus_call_free (call);
}

/* FALSE: it was refused */
static gboolean
may_answer (TholeBusCall *call, gsize size)
{
  if (size > THOLE_BUS_MAX_ANSWER)
    thole_bus_fail (call, THOLE_ERROR_TOO_LARGE, "the answer is too long for one message; lists come page by page");
  else if (!thole_bus_may_owe (call->caller, size))
    thole_bus_refuse (call, LIMITS_EXCEEDED, "%s", UNREAD);
  else
    return TRUE;
  return FALSE;
}

void
thole_bus_return (TholeBusCall *call, GVariant *body, GUnixFDList *descriptors)
{
  g_autoptr (GVariant) owned = body != NULL ? g_variant_ref_sink (body) : NULL;
  gsize size = owned != NULL ? g_variant_get_size (owned) : 0;
  GDBusMessage *reply;

  if (!may_answer (call, size))
    return;
  reply = g_dbus_message_new_method_reply (call->message);
  if (owned != NULL)
    g_dbus_message_set_body (reply, owned);
  if (descriptors != NULL)
    g_dbus_message_set_unix_fd_list (reply, descriptors);
  send_reply (call, reply, size);
}

void
thole_bus_return_wire (TholeBusCall *call, const char *signature, const GByteArray *body)
{
  g_autoptr (GByteArray) message = NULL;
  TholeWireHeader header = { .type = G_DBUS_MESSAGE_TYPE_METHOD_RETURN, .destination = call->caller->name, .signature = signature };

  if (!may_answer (call, body->len))
    return;
  if (is_awaited (call))
    {
      header.serial = thole_bus_outlet_serial (call->bus->outlet);
      header.reply_serial = g_dbus_message_get_serial (call->message);
      message = g_byte_array_sized_new (body->len + HEAD);
      thole_wire_header (message, &header, body->len);
      g_byte_array_append (message, body->data, body->len);
      thole_bus_outlet_add (call->bus->outlet, message->data, message->len);
      thole_bus_owe (call->caller, message->len);
    }
  thole_bus_call_free (call);
}

void
thole_bus_refuse (TholeBusCall *call, const char *name, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  send_reply (call, g_dbus_message_new_method_error_literal (call->message, name, text), strlen (text));
}

void
thole_bus_problem (TholeBusCall *call, const TholeProblem *problem)
{
  g_autofree char *name = thole_bus_error_name (problem->code);
  g_autofree char *text = thole_bus_problem_text (problem);

  send_reply (call, g_dbus_message_new_method_error_literal (call->message, name, text), strlen (text));
}

void
thole_bus_fail (TholeBusCall *call, int code, const char *format, ...)
{
  g_autoptr (TholeProblem) problem = NULL;
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  problem = thole_problem_new (code, "%s", text);
  thole_bus_problem (call, problem);
}

/* messages ----------------------------------------------------------------------------------------------------- */

static void
turn_away (TholeBus *self, GDBusMessage *message, const char *name, const char *text)
{
  g_autoptr (GDBusMessage) reply = g_dbus_message_new_method_error_literal (message, name, text);

  if (!(g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED))
    g_dbus_connection_send_message (self->connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

/* who does not read is not even told after a while. @caller: (nullable) */
static void
refuse_call (TholeBus *self, TholeBusCaller *caller, GDBusMessage *message, const char *name, const char *text)
{
  if (caller != NULL && caller->turned++ >= MOST_TURNED)
    {
      /* perhaps it could not be asked for a sign of life before */
      thole_bus_owe (caller, 0);
      return;
    }
  turn_away (self, message, name, text);
  if (caller != NULL)
    thole_bus_owe (caller, HEAD);
}

/* it has lost its arguments on the way */
static void
refuse_giant (TholeBus *self, TholeBusCaller *caller, GDBusMessage *message)
{
  g_autofree char *name = thole_bus_error_name (THOLE_ERROR_TOO_LARGE);
  g_autofree char *text = g_strdup_printf ("The arguments may have %" G_GSIZE_FORMAT " bytes, and %d values", self->options.max_body,
                                           THOLE_BUS_MAX_VALUES);

  refuse_call (self, caller, message, name, text);
}

/* Returns: what it counts */
static gsize
size_of (GDBusMessage *message)
{
  gsize size = g_dbus_message_get_body (message) != NULL ? g_variant_get_size (g_dbus_message_get_body (message)) : 0;

  return size > FEW ? size : 0;
}

/* arguments stay in memory until the call is answered */
static gboolean
has_room (TholeBus *self, const TholeBusCaller *caller, gsize size)
{
  return size == 0 || ((caller->held == 0 || caller->held + size <= MOST_OF_ONE) && thole_bus_held_room (self->held, caller->uid, size));
}

void
thole_bus_begin_call (TholeBus *self, GDBusMessage *message)
{
  const char *sender = g_dbus_message_get_sender (message);
  gsize size = size_of (message);
  TholeBusCaller *caller;
  TholeBusCall *call;

  if (sender == NULL)
    return;
  if (self->draining)
    {
      g_autofree char *name = thole_bus_error_name (THOLE_ERROR_INTERRUPTED);

      turn_away (self, message, name, "the daemon is going down");
      return;
    }
  caller = thole_bus_caller_get (self, sender);
  if (caller == NULL || caller->calls >= THOLE_BUS_MAX_CALLS || !has_room (self, caller, size))
    {
      refuse_call (self, caller, message, LIMITS_EXCEEDED, TOO_MANY);
      return;
    }
  if (!thole_bus_may_call (caller))
    {
      refuse_call (self, caller, message, LIMITS_EXCEEDED, UNREAD);
      return;
    }
  if (thole_bus_relay_cut (message))
    {
      refuse_giant (self, caller, message);
      return;
    }
  call = g_new0 (TholeBusCall, 1);
  call->bus = self;
  call->caller = thole_bus_caller_ref (caller);
  call->message = g_object_ref (message);
  call->cancellable = g_cancellable_new ();
  call->size = size;
  call->holder = caller->uid;
  caller->calls++;
  caller->held += size;
  thole_bus_held_take (self->held, call->holder, size);
  g_hash_table_add (self->calls, call);
  if (caller->known)
    thole_bus_route (call);
  else
    g_queue_push_tail (&caller->waiting, call);
}

void
thole_bus_resume_call (TholeBusCall *call)
{
  uid_t uid = call->caller->uid;

  if (call->bus != NULL && call->size > 0 && uid != call->holder)
    {
      if (!thole_bus_held_room (call->bus->held, uid, call->size))
        {
          thole_bus_refuse (call, LIMITS_EXCEEDED, TOO_MANY);
          return;
        }
      thole_bus_held_give (call->bus->held, call->holder, call->size);
      call->holder = uid;
      thole_bus_held_take (call->bus->held, uid, call->size);
    }
  thole_bus_route (call);
}

/* ---------------------------------------------------------------------------------------------------------------- */

static void
drop_caller (gpointer data)
{
  TholeBusCaller *caller = data;

  thole_bus_owe_nothing (caller);
  caller->bus = NULL;
  thole_bus_caller_unref (caller);
}

TholeBus *
thole_bus_new (const TholeBusOptions *options, TholeBusWhich which, const char *address, GError **error)
{
  TholeBus *self = g_new0 (TholeBus, 1);

  self->options = *options;
  self->operations = options->operations;
  self->methods = g_hash_table_new (g_str_hash, g_str_equal);
  self->callers = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, drop_caller);
  self->calls = g_hash_table_new (NULL, NULL);
  self->streams = g_hash_table_new (NULL, NULL);
  self->held = thole_bus_held_new ();
  for (guint i = 0; i < THOLE_N_OPS; i++)
    if (thole_operations[i].bus != NULL)
      g_hash_table_insert (self->methods, (gpointer) thole_operations[i].bus, (gpointer) &thole_operations[i]);
  self->news = thole_bus_news_new (self);
  self->watchers = thole_bus_watchers_new (self);
  if (thole_bus_link_begin (self, which, address, error))
    return self;
  thole_bus_free (self);
  return NULL;
}

static void
end_streams (TholeBus *self)
{
  GHashTableIter iter;
  gpointer key;

  while (g_hash_table_iter_init (&iter, self->streams), g_hash_table_iter_next (&iter, &key, NULL))
    thole_bus_stream_end (key);
}

void
thole_bus_drain (TholeBus *self)
{
  g_autoptr (GPtrArray) waits = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer key;

  self->draining = TRUE;
  thole_bus_link_drain (self);
  g_hash_table_iter_init (&iter, self->calls);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_ptr_array_add (waits, g_object_ref (((TholeBusCall *) key)->cancellable));
  for (guint i = 0; i < waits->len; i++)
    g_cancellable_cancel (waits->pdata[i]);
}

guint
thole_bus_busy (TholeBus *self)
{
  return g_hash_table_size (self->calls);
}

void
thole_bus_free (TholeBus *self)
{
  GHashTableIter iter;
  gpointer key;

  thole_bus_link_quiet (self);
  end_streams (self);
  g_hash_table_unref (self->streams);
  thole_bus_tree_end (self);
  /* calls that did not end yet still end, later */
  g_hash_table_iter_init (&iter, self->calls);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    ((TholeBusCall *) key)->bus = NULL;
  thole_bus_watchers_free (self->watchers);
  thole_bus_news_free (self->news);
  g_hash_table_unref (self->callers);
  g_hash_table_unref (self->calls);
  g_hash_table_unref (self->methods);
  thole_bus_held_free (self->held);
  thole_bus_link_end (self);
  g_free (self);
}
