/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls a slot by its signature.
 */
#include "backend/tables.h"

#define REST GCancellable *, GAsyncReadyCallback, gpointer
typedef void (*TakesOptions) (TholeDriver *, GVariant *, REST);
typedef void (*TakesText) (TholeDriver *, const char *, GVariant *, REST);
typedef void (*TakesIdDict) (TholeDriver *, const char *, GVariant *, GVariant *, REST);
typedef void (*TakesIdText) (TholeDriver *, const char *, const char *, GVariant *, REST);
typedef void (*TakesIdTextTar) (TholeDriver *, const char *, const char *, GInputStream *, GVariant *, REST);
typedef void (*TakesIdTextSize) (TholeDriver *, const char *, const char *, guint, guint, REST);
typedef void (*TakesIdTextSignal) (TholeDriver *, const char *, const char *, const char *, GVariant *, REST);

typedef gboolean (*GivesNothing) (TholeDriver *, GAsyncResult *, GError **);
typedef GVariant *(*GivesValue) (TholeDriver *, GAsyncResult *, GError **);
typedef GIOStream *(*GivesStream) (TholeDriver *, GAsyncResult *, GError **);
typedef GIOStream *(*GivesStreamAndId) (TholeDriver *, GAsyncResult *, char **, GError **);

void
thole_tables_call (const TholeTables *self, TholeDriver *driver, TholeSlot slot, const TholeSlotArgs *args,
                   GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  const TholeSlotInfo *info = thole_slot_info (slot);
  GCallback start = thole_tables_slot (self, info->start);
  g_autoptr(GVariant) options
    = g_variant_ref_sink (args->options != NULL ? args->options : g_variant_new ("a{sv}", NULL));

  switch (info->takes)
    {
    case THOLE_TAKES_OPTIONS:
      ((TakesOptions) start) (driver, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID:
      ((TakesText) start) (driver, args->id, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_TEXT:
      ((TakesText) start) (driver, args->text, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID_DICT:
      ((TakesIdDict) start) (driver, args->id, args->dict, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID_TEXT:
      ((TakesIdText) start) (driver, args->id, args->text, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID_TEXT_TAR:
      ((TakesIdTextTar) start) (driver, args->id, args->text, args->tar, options, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID_TEXT_SIZE:
      ((TakesIdTextSize) start) (driver, args->id, args->text, args->rows, args->cols, cancellable, callback, user_data);
      break;
    case THOLE_TAKES_ID_TEXT_SIGNAL:
      ((TakesIdTextSignal) start) (driver, args->id, args->text, args->signal, options, cancellable, callback, user_data);
      break;
    }
}

gboolean
thole_tables_finish (const TholeTables *self, TholeDriver *driver, TholeSlot slot, GAsyncResult *result,
                     TholeSlotResult *out, GError **error)
{
  const TholeSlotInfo *info = thole_slot_info (slot);
  GCallback finish = thole_tables_slot (self, info->finish);

  switch (info->gives)
    {
    case THOLE_GIVES_NOTHING:
      return ((GivesNothing) finish) (driver, result, error);
    case THOLE_GIVES_DICT:
    case THOLE_GIVES_DICTS:
      out->value = ((GivesValue) finish) (driver, result, error);
      return out->value != NULL;
    case THOLE_GIVES_STREAM:
      out->stream = ((GivesStream) finish) (driver, result, error);
      return out->stream != NULL;
    case THOLE_GIVES_STREAM_AND_ID:
      out->stream = ((GivesStreamAndId) finish) (driver, result, &out->exec_id, error);
      return out->stream != NULL;
    }
  return FALSE;
}
