/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Answers that perhaps nobody has read. The bus keeps them for a reader that is slow, on our account: when they pass its limit for one
 * sender (127 MiB on most), it takes nothing more from us, for anybody. So after some bytes a caller is asked for a sign of life,
 * and until that comes, what it may be sent is bounded: alone, with the others of its user, and with all.
 */
#include "bus/face.h"

#include "bus/watch.h"

#define ASK (128 * 1024)                  /* bytes that nobody asks about */
#define ENOUGH (8 * 1024 * 1024)          /* of one caller that calls again */
#define MOST (32 * 1024 * 1024)           /* of one caller: a list of all objects fits */
#define MOST_OF_USER (48 * 1024 * 1024)
#define MOST_OF_ALL (96 * 1024 * 1024)
#define QUESTIONS 64                      /* at the same time: a bus counts calls without an answer, too */

static gsize
owed_by_user (TholeBus *bus, uid_t uid)
{
  GHashTableIter iter;
  gpointer value;
  gsize sum = 0;

  g_hash_table_iter_init (&iter, bus->callers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((TholeBusCaller *) value)->uid == uid)
      sum += ((TholeBusCaller *) value)->owed;
  return sum;
}

gboolean
thole_bus_may_owe (TholeBusCaller *self, gsize size)
{
  TholeBus *bus = self->bus;

  if (bus == NULL || self->owed + size <= ASK)
    return TRUE;
  return self->owed + size <= MOST && bus->owed + size <= MOST_OF_ALL
         && (bus->owed + size <= MOST_OF_USER || owed_by_user (bus, self->uid) + size <= MOST_OF_USER);
}

/* an answer that may not be sent is not made */
gboolean
thole_bus_may_call (TholeBusCaller *self)
{
  return self->owed <= ENOUGH && thole_bus_may_owe (self, 0);
}

static void ask (TholeBusCaller *self);

static void
sign_came (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TholeBusCaller *self = user_data;
  g_autoptr (GError) error = NULL;
  GVariant *answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  gsize asked = self->asked;

  g_clear_pointer (&answer, g_variant_unref);
  self->asked = 0;
  if (self->bus != NULL)
    self->bus->questions--;
  /* a refusal is a sign of life, too, unless it is that of the bus */
  if (self->bus != NULL && !thole_bus_is_silence (error))
    {
      self->turned = 0;
      self->owed -= asked;
      self->bus->owed -= asked;
      if (self->owed > ASK)
        ask (self);
    }
  thole_bus_caller_unref (self);
}

static guint
questions_to (TholeBus *bus, uid_t uid)
{
  GHashTableIter iter;
  gpointer value;
  guint count = 0;

  g_hash_table_iter_init (&iter, bus->callers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    count += ((TholeBusCaller *) value)->uid == uid && ((TholeBusCaller *) value)->asked > 0;
  return count;
}

static void
ask (TholeBusCaller *self)
{
  TholeBus *bus = self->bus;

  if (!thole_bus_room (self->uid, questions_to (bus, self->uid), bus->questions, QUESTIONS))
    return;
  self->asked = self->owed;
  bus->questions++;
  thole_bus_outlet_push (bus->outlet);
  /* without a limit of time: who does not answer is not asked again */
  g_dbus_connection_call (bus->connection, self->name, "/", "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, G_MAXINT, NULL, sign_came, thole_bus_caller_ref (self));
}

void
thole_bus_owe (TholeBusCaller *self, gsize size)
{
  if (self->bus == NULL || self->gone)
    return;
  self->owed += size;
  self->bus->owed += size;
  if (self->asked == 0 && self->owed > ASK)
    ask (self);
}

void
thole_bus_owe_nothing (TholeBusCaller *self)
{
  self->bus->owed -= self->owed;
  self->bus->questions -= self->asked > 0;
  self->owed = 0;
}

gboolean
thole_bus_may_forget (const TholeBusCaller *self)
{
  return self->owed <= ASK && self->asked == 0;
}

/* the bus may say this in place of the one who was asked */
gboolean
thole_bus_is_silence (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED);
}
