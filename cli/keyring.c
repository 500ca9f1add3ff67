/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keyring.h"

#include <gio/gio.h>
#include <string.h>

#define SERVICE "org.freedesktop.secrets"
#define ROOT "/org/freedesktop/secrets"
#define INTERFACE "org.freedesktop.Secret."
#define PATIENCE 3000 /* ms */

typedef struct
{
  GDBusConnection *bus;
  char *session; /* path */
} Keyring;

static GVariant *
call (Keyring *self, const char *path, const char *interface, const char *method, GVariant *arguments, const char *type)
{
  g_autofree char *full = g_strconcat (INTERFACE, interface, NULL);

  return g_dbus_connection_call_sync (self->bus, SERVICE, path, full, method, arguments, G_VARIANT_TYPE (type),
                                      G_DBUS_CALL_FLAGS_NO_AUTO_START, PATIENCE, NULL, NULL);
}

/* what it says to it does not matter */
static void
tell (Keyring *self, const char *path, const char *interface, const char *method, const char *type)
{
  GVariant *reply = call (self, path, interface, method, NULL, type);

  g_clear_pointer (&reply, g_variant_unref);
}

static void
keyring_close (Keyring *self)
{
  if (self->session != NULL)
    tell (self, self->session, "Session", "Close", "()");
  g_clear_object (&self->bus);
  g_free (self->session);
}

/* @self->bus stays NULL when there is no keyring */
static gboolean
keyring_open (Keyring *self)
{
  g_autoptr(GVariant) reply = NULL;
  g_autoptr(GVariant) output = NULL;

  /* without an address GLib would start a bus */
  if (g_getenv ("DBUS_SESSION_BUS_ADDRESS") != NULL || g_getenv ("XDG_RUNTIME_DIR") != NULL)
    self->bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, NULL);
  if (self->bus == NULL)
    return FALSE;
  g_dbus_connection_set_exit_on_close (self->bus, FALSE);
  reply = call (self, ROOT, "Service", "OpenSession", g_variant_new ("(sv)", "plain", g_variant_new_string ("")), "(vo)");
  if (reply != NULL)
    g_variant_get (reply, "(@vo)", &output, &self->session);
  return reply != NULL;
}

static GVariant *
attributes_of (const char *context)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{ss}"));
  g_variant_builder_add (&builder, "{ss}", "xdg:schema", "org.thole.Token");
  g_variant_builder_add (&builder, "{ss}", "context", context);
  return g_variant_builder_end (&builder);
}

/* Returns: (transfer full): paths of what is there and not locked */
static char **
find_items (Keyring *self, const char *context)
{
  g_autoptr(GVariant) reply = call (self, ROOT, "Service", "SearchItems", g_variant_new ("(@a{ss})", attributes_of (context)), "(aoao)");
  char **items = NULL;

  if (reply != NULL)
    g_variant_get (reply, "(^aoao)", &items, NULL);
  return items != NULL ? items : g_new0 (char *, 1);
}

gboolean
cli_keyring_store (const char *context, const char *secret)
{
  Keyring self = { NULL };
  g_autofree char *label = g_strdup_printf ("Thole: %s", context);
  g_autoptr(GVariant) alias = NULL;
  g_autoptr(GVariant) made = NULL;
  const char *collection = "/", *item = "/", *prompt = "/";
  GVariantBuilder properties;

  if (keyring_open (&self))
    alias = call (&self, ROOT, "Service", "ReadAlias", g_variant_new ("(s)", "default"), "(o)");
  if (alias != NULL)
    g_variant_get (alias, "(&o)", &collection);
  if (strcmp (collection, "/") != 0)
    {
      g_variant_builder_init (&properties, G_VARIANT_TYPE ("a{sv}"));
      g_variant_builder_add (&properties, "{sv}", INTERFACE "Item.Label", g_variant_new_string (label));
      g_variant_builder_add (&properties, "{sv}", INTERFACE "Item.Attributes", attributes_of (context));
      made = call (&self, collection, "Collection", "CreateItem",
                   g_variant_new ("(a{sv}(o@ay@ays)b)", &properties, self.session, g_variant_new_bytestring (""),
                                  g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, secret, strlen (secret), 1), "text/plain", TRUE),
                   "(oo)");
    }
  if (made != NULL)
    g_variant_get (made, "(&o&o)", &item, &prompt);
  keyring_close (&self);
  /* a prompt would be one for a locked keyring */
  return strcmp (item, "/") != 0 && strcmp (prompt, "/") == 0;
}

static char *
read_secret (Keyring *self, const char *item)
{
  g_autoptr(GVariant) reply = call (self, item, "Item", "GetSecret", g_variant_new ("(o)", self->session), "((oayays))");
  g_autoptr(GVariant) value = NULL;
  const char *bytes;
  gsize length;

  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "((o@ay@ays))", NULL, NULL, &value, NULL);
  bytes = g_variant_get_fixed_array (value, &length, 1);
  return g_strndup (bytes, length);
}

char *
cli_keyring_lookup (const char *context)
{
  Keyring self = { NULL };
  g_auto(GStrv) items = keyring_open (&self) ? find_items (&self, context) : NULL;
  char *secret = items != NULL && *items != NULL ? read_secret (&self, *items) : NULL;

  keyring_close (&self);
  return secret;
}

void
cli_keyring_clear (const char *context)
{
  Keyring self = { NULL };
  g_auto(GStrv) items = keyring_open (&self) ? find_items (&self, context) : NULL;

  for (char **item = items; item != NULL && *item != NULL; item++)
    tell (&self, *item, "Item", "Delete", "(o)");
  keyring_close (&self);
}
