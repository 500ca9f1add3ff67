/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The three forms of a call that an object has for itself and whose answer is the object as it is then.
 */
#pragma once

#include "private.h"

/* Takes what was answered: nothing means that it is gone. */
void     thole_verb_begin (TholeObject *self, gpointer tag, const char *operation, GVariant *options, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);
gboolean thole_verb_end   (TholeObject *self, GAsyncResult *result, gpointer tag, const char *operation, GError **error);
gboolean thole_verb_do    (TholeObject *self, const char *operation, GVariant *options, GCancellable *cancellable, GError **error);

/* Defines NAME_async, NAME_finish and NAME of @Type: they take a dictionary of options. */
#define THOLE_DEFINE_VERB(Type, check, name, operation)                                                              \
  void name##_async (Type *self, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,         \
                     gpointer user_data)                                                                             \
  {                                                                                                                  \
    g_return_if_fail (check (self));                                                                                 \
    thole_verb_begin (THOLE_OBJECT (self), name##_async, operation, options, cancellable, callback, user_data);      \
  }                                                                                                                  \
  gboolean name##_finish (Type *self, GAsyncResult *result, GError **error)                                          \
  {                                                                                                                  \
    g_return_val_if_fail (check (self), FALSE);                                                                      \
    return thole_verb_end (THOLE_OBJECT (self), result, name##_async, operation, error);                             \
  }                                                                                                                  \
  gboolean name (Type *self, GVariant *options, GCancellable *cancellable, GError **error)                           \
  {                                                                                                                  \
    g_return_val_if_fail (check (self), FALSE);                                                                      \
    return thole_verb_do (THOLE_OBJECT (self), operation, options, cancellable, error);                              \
  }

/* The same without options. */
#define THOLE_DEFINE_PLAIN_VERB(Type, check, name, operation)                                                        \
  void name##_async (Type *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)        \
  {                                                                                                                  \
    g_return_if_fail (check (self));                                                                                 \
    thole_verb_begin (THOLE_OBJECT (self), name##_async, operation, NULL, cancellable, callback, user_data);         \
  }                                                                                                                  \
  gboolean name##_finish (Type *self, GAsyncResult *result, GError **error)                                          \
  {                                                                                                                  \
    g_return_val_if_fail (check (self), FALSE);                                                                      \
    return thole_verb_end (THOLE_OBJECT (self), result, name##_async, operation, error);                             \
  }                                                                                                                  \
  gboolean name (Type *self, GCancellable *cancellable, GError **error)                                              \
  {                                                                                                                  \
    g_return_val_if_fail (check (self), FALSE);                                                                      \
    return thole_verb_do (THOLE_OBJECT (self), operation, NULL, cancellable, error);                                 \
  }
