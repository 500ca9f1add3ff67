/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verb.h"

#include <string.h>

#include "thole-dict.h"

/* @reply: (transfer full) (nullable): a daemon that answers nothing has it no longer, but for signals */
static void
take_reply (TholeObject *self, const char *operation, GVariant *reply)
{
  g_autoptr(GVariant) owned = reply;

  if (owned == NULL && strcmp (operation, "session.signal") != 0)
    thole_object_set_gone (self);
  else if (owned != NULL && g_variant_is_of_type (owned, G_VARIANT_TYPE_VARDICT)
           && strcmp (thole_dict_string (owned, "id", ""), thole_object_get_id (self)) == 0)
    thole_object_take (self, owned);
}

static void
take_error (TholeObject *self, GError *fault, GError **error)
{
  if (g_error_matches (fault, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_NOT_FOUND)
      || g_error_matches (fault, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_GONE))
    thole_object_set_gone (self);
  g_propagate_error (error, fault);
}

void
thole_verb_begin (TholeObject *self, gpointer tag, const char *operation, GVariant *options, GCancellable *cancellable,
                  GAsyncReadyCallback callback, gpointer user_data)
{
  thole_client_begin (thole_object_client (self), self, tag, operation, thole_object_get_id (self), options, cancellable, callback,
                      user_data);
}

gboolean
thole_verb_end (TholeObject *self, GAsyncResult *result, gpointer tag, const char *operation, GError **error)
{
  GVariant *reply = NULL;
  GError *fault = NULL;

  if (thole_client_end (self, result, tag, &reply, &fault))
    take_reply (self, operation, reply);
  else
    take_error (self, fault, error);
  return fault == NULL;
}

gboolean
thole_verb_do (TholeObject *self, const char *operation, GVariant *options, GCancellable *cancellable, GError **error)
{
  GVariant *reply = NULL;
  GError *fault = NULL;

  if (thole_client_ask (thole_object_client (self), operation, thole_object_get_id (self), options, cancellable, &reply, &fault))
    take_reply (self, operation, reply);
  else
    take_error (self, fault, error);
  return fault == NULL;
}
