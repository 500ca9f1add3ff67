/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the library know of each other.
 */
#pragma once

#include "thole.h"
#include "transport.h"

/* One property of an object, read from the field of the same name with `_` for `-`. @type: G_TYPE_STRING, INT, INT64, BOOLEAN,
 * VARIANT, STRV or DATE_TIME. @fallback: of a number. */
typedef struct
{
  const char *name;
  GType type;
  int fallback;
  const char *blurb;
} TholeProperty;

TholeClientError thole_client_error_from_word (const char *word, TholeClientError fallback);

/* objects: a class installs its properties from 100 on */
void          thole_object_class_install (GObjectClass *class, const TholeProperty *properties, guint n_properties);
TholeClient  *thole_object_client        (TholeObject *self);
/* Takes @fields unless they are older than what it has. */
void          thole_object_take          (TholeObject *self, GVariant *fields);
/* The same for a few fields that an event with a newer `revision` tells; that of the object stays. */
void          thole_object_hint          (TholeObject *self, const char *const *names, GVariant *fields);
void          thole_object_set_gone      (TholeObject *self);
const char   *thole_object_string        (TholeObject *self, const char *name);
gint64        thole_object_integer       (TholeObject *self, const char *name, gint64 fallback);
gboolean      thole_object_boolean       (TholeObject *self, const char *name);
GDateTime    *thole_object_time          (TholeObject *self, const char *name);

/* calls: the tag of the task is the function that began it; @options may float */
void          thole_client_begin  (TholeClient *self, gpointer source, gpointer tag, const char *operation, const char *target,
                                   GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
gboolean      thole_client_end    (gpointer source, GAsyncResult *result, gpointer tag, GVariant **reply, GError **error);
gboolean      thole_client_ask    (TholeClient *self, const char *operation, const char *target, GVariant *options,
                                   GCancellable *cancellable, GVariant **reply, GError **error);
TholeTransport *thole_client_transport (TholeClient *self);
/* The context of a thread that serves attachments, whoever waits in the others. */
GMainContext *thole_client_worker  (TholeClient *self);

/* The object of such fields: the one that there is, or a new one. @type: of TholeObject. Returns: (transfer full) */
gpointer      thole_client_object  (TholeClient *self, GType type, GVariant *fields);
/* Returns: (transfer none) (nullable) */
TholeObject  *thole_client_known   (TholeClient *self, const char *id);
void          thole_client_forget  (TholeClient *self, TholeObject *object);
/* Answers as objects; NULL with @error set when the answer has another form. Both take @reply. */
gpointer      thole_client_single  (TholeClient *self, GType type, GVariant *reply, GError **error);
GPtrArray    *thole_client_several (TholeClient *self, GType type, GVariant *reply, GError **error);

TholeEvent       *thole_event_new        (GVariant *fields);
TholeEventStream *thole_event_stream_new (TholeClient *client, gint64 after, GVariant *options);
/* Is subscribed when it is done. */
void              thole_event_stream_open_async  (TholeEventStream *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                                  gpointer user_data);
gboolean          thole_event_stream_open_finish (TholeEventStream *self, GAsyncResult *result, GError **error);
TholeExecResult  *thole_exec_result_new  (GVariant *fields);
TholeFile        *thole_file_new         (GVariant *fields);
TholeList        *thole_list_new         (TholeClient *client, GType type);
TholeAttachment  *thole_attachment_new   (TholeClient *client, const char *session, GVariant *options, GError **error);
/* @options with what an attachment has to know of @self. Returns: (transfer full) */
GVariant         *thole_session_describe (TholeSession *self, GVariant *options);
/* Takes @session away with its program's end, which @cancellable (nullable) brings about from now on. */
void             thole_attachment_own    (TholeAttachment *self, TholeSession *session, GCancellable *cancellable);
/* Ends when it has begun. */
void              thole_attachment_begin_async  (TholeAttachment *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                                 gpointer user_data);
gboolean          thole_attachment_begin_finish (TholeAttachment *self, GAsyncResult *result, GError **error);
gboolean          thole_attachment_begin        (TholeAttachment *self, GCancellable *cancellable, GError **error);

/* @options with one more entry, or in place of one of that name. Returns: (transfer full) */
GVariant         *thole_options_with     (GVariant *options, const char *name, GVariant *value);
