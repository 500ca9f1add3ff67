/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Asking polkit, which is on the same bus. One that is not there consents to nothing.
 */
#include "bus/face.h"

#define PATIENCE (10 * 1000)            /* ms for an answer without a person */
#define PERSON_PATIENCE (5 * 60 * 1000) /* and with one, who may have to type a password */
#define ABSENT_PAUSE (10 * G_USEC_PER_SEC)
#define CONSENT_LIFE (5 * G_USEC_PER_SEC)
#define ALLOW_INTERACTION 1u

typedef struct
{
  TholeBusCall *call;
  const char *action;
  void (*answered) (TholeBusCall *call, gboolean good);
} Question;

static void
note_absence (TholeBus *bus, const GError *error)
{
  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    bus->no_polkit_until = thole_clock_monotonic (bus->options.clock) + ABSENT_PAUSE;
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_info ("polkit: %s", error->message);
}

static void
told (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Question *question = user_data;
  TholeBusCall *call = question->call;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  gboolean good = FALSE;

  if (answer != NULL)
    g_variant_get (answer, "((bba{ss}))", &good, NULL, NULL);
  else if (call->bus != NULL)
    note_absence (call->bus, error);
  if (good && call->bus != NULL)
    {
      gint64 *until = g_new (gint64, 1);

      *until = thole_clock_monotonic (call->bus->options.clock) + CONSENT_LIFE;
      g_hash_table_replace (call->caller->verdicts, (gpointer) question->action, until);
    }
  question->answered (call, good);
}

void
thole_bus_polkit_ask (TholeBusCall *call, const char *action, void (*answered) (TholeBusCall *call, gboolean good))
{
  TholeBus *bus = call->bus;
  gint64 now = thole_clock_monotonic (bus->options.clock);
  gint64 *until = g_hash_table_lookup (call->caller->verdicts, action);
  gboolean person = (g_dbus_message_get_flags (call->message) & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0;
  g_autofree char *name = g_strconcat (THOLE_BUS_ACTION, action, NULL);
  GVariantBuilder subject, details;
  Question *question;

  if (now < bus->no_polkit_until || (until != NULL && now < *until))
    {
      answered (call, now >= bus->no_polkit_until);
      return;
    }
  g_variant_builder_init (&subject, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&subject, "{sv}", "name", g_variant_new_string (call->caller->name));
  g_variant_builder_init (&details, G_VARIANT_TYPE ("a{ss}"));
  question = g_new (Question, 1);
  *question = (Question) { call, action, answered };
  g_dbus_connection_call (bus->connection, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                          "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization",
                          g_variant_new ("((sa{sv})sa{ss}us)", "system-bus-name", &subject, name, &details,
                                         person ? ALLOW_INTERACTION : 0, ""),
                          G_VARIANT_TYPE ("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE, person ? PERSON_PATIENCE : PATIENCE,
                          call->cancellable, told, question);
}
