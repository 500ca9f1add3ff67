/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The little that drivers share: reading dictionaries and framing records (schema.md).
 */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Readers of an a{sv}: a key that is missing or of another type gives @fallback. Integers of any width are taken
 * by _int, and integers as well as doubles by _double. Strings live as long as @dict. */
const char *thole_dict_string  (GVariant *dict, const char *key, const char *fallback);
gint64      thole_dict_int     (GVariant *dict, const char *key, gint64 fallback);
double      thole_dict_double  (GVariant *dict, const char *key, double fallback);
gboolean    thole_dict_boolean (GVariant *dict, const char *key, gboolean fallback);

/* Returns: (transfer full) (nullable): the value of @key when it has the type @type ("as", "a{sv}", ...). An `av` is
 * converted when every member fits ("as", "aa{sv}"), and so is an a{sv} into a{ss}, so that parsed JSON reads the same. */
GVariant   *thole_dict_value   (GVariant *dict, const char *key, const char *type);

/* Returns: (transfer full): like thole_dict_value() with "as"; an empty list when missing */
char      **thole_dict_strv    (GVariant *dict, const char *key);

/* @options: fails with THOLE_ERROR_UNSUPPORTED when it has a key that begins with `!` and is not in @understood
 * (nullable, NULL-terminated). */
gboolean    thole_options_check (GVariant *options, const char *const *understood, GError **error);

/* Session records: u8 kind, u32be length, bytes. */
typedef enum
{
  THOLE_RECORD_STDIN = 0,
  THOLE_RECORD_STDOUT = 1,
  THOLE_RECORD_STDERR = 2,
  THOLE_RECORD_EXIT = 3,
} TholeRecordKind;

#define THOLE_RECORD_MAX 65536
#define THOLE_RECORD_HEADER 5
#define THOLE_LOG_RECORD_HEADER 13

/* Appends records of at most THOLE_RECORD_MAX bytes; an empty @data gives one empty record. */
void     thole_record_append      (GByteArray *out, TholeRecordKind kind, gconstpointer data, gsize length);
void     thole_record_append_exit (GByteArray *out, gint32 code, guint8 signal);

/* Reads one record at the head of @data. Returns its whole length, 0 when more bytes are needed, -1 when it is
 * not a record (kind or length out of range). @body points into @data. */
gssize   thole_record_parse       (const guint8 *data, gsize length, TholeRecordKind *kind,
                                   const guint8 **body, gsize *body_length);
gboolean thole_record_parse_exit  (const guint8 *body, gsize length, gint32 *code, guint8 *signal);

/* Takes apart what is written to a session, records of kind THOLE_RECORD_STDIN, in whatever pieces they come. All zero to begin. */
typedef struct
{
  guint8   header[THOLE_RECORD_HEADER]; /* of the present record, as far as it came */
  guint    have;                        /* bytes of it */
  gsize    left;                        /* bytes of the present record's body still to come: the caller takes and counts them off */
  gboolean ended;                       /* out: a record without a body came, which ends the program's input */
  gboolean refuses;                     /* in: the program takes no input */
} TholeRecordInput;

/* Takes headers off the head of @data until a body begins (@self->left > 0) or nothing is left. Adds to *@taken how many bytes they
 * had. Errors: INVALID (not an input record), CONFLICT (a body where @self->ended or ->refuses); it is of no more use then. */
gboolean thole_record_input_take  (TholeRecordInput *self, const guint8 *data, gsize length, gsize *taken, GError **error);

void     thole_log_record_append  (GByteArray *out, guint8 stream, gint64 time, gconstpointer data, gsize length);
gssize   thole_log_record_parse   (const guint8 *data, gsize length, guint8 *stream, gint64 *time,
                                   const guint8 **body, gsize *body_length);

/* "SIGKILL" <-> 9; also takes "KILL", "9" and "SIGRTMIN+3". 0 / NULL when unknown. */
int         thole_signal_number (const char *name);
const char *thole_signal_name   (int number);

/* RFC 3339 <-> µs since the epoch. The formatted text is UTC with milliseconds ("2026-11-21T08:00:00.000Z"), in a
 * buffer of at least THOLE_TIME_LENGTH bytes. Parsing takes up to nanoseconds and any offset; 0 when it is not a time,
 * and for the year 1, which Go's programs write when they have none. */
#define THOLE_TIME_LENGTH 32
const char *thole_time_format (gint64 time, char *buffer);
gint64      thole_time_parse  (const char *text);

/* A task of a driver slot: source object NULL, check-cancellable FALSE (a finished success stays one). */
GTask *thole_task_new (GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/* A GIOStream of two halves (transfer none), either of which may be NULL (then it is an empty or a refusing one); closes
 * both, without a thread. */
GIOStream *thole_stream_new (GInputStream *input, GOutputStream *output);

/* Connects to the unix socket @path, which may be longer than such a socket's own path; a symbolic link at its end is not
 * followed. Errors: of G_IO_ERROR.
 * Returns: (transfer full) */
void       thole_unix_connect_async  (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
                                      gpointer user_data);
GIOStream *thole_unix_connect_finish (GAsyncResult *result, GError **error);

/* Sends @signal to the group of the process @pid; of a terminal those of its keys to the group in front, and SIGKILL to every process
 * that came of it. Only to processes of this machine whose control group has the name @group, the engine's name of a container, in its
 * path. FALSE: it is none, or we may not. */
gboolean   thole_process_signal   (pid_t pid, const char *group, int signal);
/* SIGKILL to every process of such a group. Returns: how many there were */
guint      thole_process_kill_all (const char *group);

G_END_DECLS
