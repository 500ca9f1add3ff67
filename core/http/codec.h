/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One viewer of a session that speaks one dialect over some wire of messages. A codec only translates: messages of the peer into
 * calls of the viewer, events of the viewer into messages. dialog.c does what all have in common: it begins the viewer, grants
 * output as fast as the wire drains, holds the peer when the program does not take its input, and tells each end.
 */
#pragma once

#include "sessions/viewer.h"

typedef struct _TholeDialog TholeDialog;

/* A dialect. Events that are NULL are passed over. */
typedef struct
{
  const char *name;    /* the WebSocket sub-protocol */
  gboolean waits;      /* the viewer begins with a message of the peer, else at once */
  void (*message) (TholeDialog *self, gboolean text, const guint8 *data, gsize length);
  void (*resumed) (TholeDialog *self, guint64 seq, guint64 taken);
  void (*output)  (TholeDialog *self, TholeChannel channel, guint64 seq, const guint8 *data, gsize length);
  void (*screen)  (TholeDialog *self, guint64 seq, const guint8 *data, gsize length);
  void (*gap)     (TholeDialog *self, guint64 from, guint64 to);
  /* without it the mark is a line of output */
  void (*skipped) (TholeDialog *self, guint64 from, guint64 to, guint64 lines);
  void (*taken)   (TholeDialog *self, guint64 taken);
  void (*control) (TholeDialog *self, gboolean held);
  void (*resized) (TholeDialog *self, guint rows, guint cols);
  void (*exited)  (TholeDialog *self, int code, int signal, guint64 seq);
  /* why it ends, before the wire is closed; not after exited() */
  void (*refused) (TholeDialog *self, const char *code, const char *detail, guint status);
} TholeCodec;

extern const TholeCodec thole_codec_thole, thole_codec_tty, thole_codec_k8s_v5, thole_codec_k8s_v4, thole_codec_execbox;

/* What carries the messages. A function of it never calls back. */
typedef struct
{
  void  (*send)   (gpointer wire, gboolean text, const guint8 *head, gsize head_length, const guint8 *data, gsize length);
  gsize (*queued) (gpointer wire);
  void  (*read)   (gpointer wire, gboolean on);
  void  (*close)  (gpointer wire, guint code, const char *reason);
} TholeWire;

struct _TholeDialog
{
  const TholeCodec *codec;
  const TholeWire *wire;
  gpointer wire_data;
  TholeSession *session;
  TholeViewFrom from;    /* where output begins unless the peer says it */
  guint64 seq;
  char *title;           /* of a terminal's window */

  TholeViewer *viewer;   /* (nullable) */
  gsize owed;            /* output bytes that came and are not granted again */
  gboolean paused;       /* the peer asked for silence */
  gboolean blocked;      /* the program does not take input */
  gboolean exited, closed;
  gboolean resumed;      /* the peer was told where input goes on */
  gboolean early;        /* it typed before that */
  int exit_code, exit_signal;

  /* of the codec */
  gboolean binary;
  gboolean input_ended;
  guint8 carry[3][4];    /* by channel: the beginning of a character whose rest has not come */
  guint8 carried[3];
  GByteArray *partial;   /* (nullable) */
};

/* The codec that the sub-protocol @name asks for. Returns: (nullable) */
const TholeCodec *thole_codec_find (const char *name, gsize length);

/* @session: (transfer full) (nullable): NULL when it is to be refused. @title: of a terminal's window.
 * Returns: (transfer full) */
TholeDialog *thole_dialog_new     (const TholeCodec *codec, TholeSession *session, const char *title, const TholeWire *wire,
                                   gpointer wire_data);
/* No call of the wire any more. */
void         thole_dialog_free    (TholeDialog *self);
/* Begins the viewer of a codec that does not wait. */
void         thole_dialog_begin   (TholeDialog *self);
void         thole_dialog_message (TholeDialog *self, gboolean text, const guint8 *data, gsize length);
/* The wire's queue became short. */
void         thole_dialog_drained (TholeDialog *self);
/* Ends it without a viewer. */
void         thole_dialog_refuse  (TholeDialog *self, guint code, const char *word, const char *detail);
/* The daemon goes down. */
void         thole_dialog_hurry   (TholeDialog *self);

/* for codecs */
void thole_dialog_view     (TholeDialog *self, TholeViewFrom from, guint64 seq);
void thole_dialog_send     (TholeDialog *self, gboolean text, const guint8 *head, gsize head_length, const guint8 *data,
                            gsize length);
void thole_dialog_send_text (TholeDialog *self, const GString *text);
void thole_dialog_input    (TholeDialog *self, const guint8 *data, gsize length);
void thole_dialog_end_of_input (TholeDialog *self);
void thole_dialog_resize   (TholeDialog *self, gint64 rows, gint64 cols);
void thole_dialog_pause    (TholeDialog *self, gboolean on);
/* The peer sent what it may not. */
void thole_dialog_protest  (TholeDialog *self, const char *detail);
/* Bytes of @channel with what is carried over, without the beginning of a character at their end, which is carried on (all of it
 * with @last). Returns: (nullable) (transfer full): NULL when there is nothing */
GBytes *thole_dialog_characters (TholeDialog *self, TholeChannel channel, const guint8 *data, gsize length, gboolean last);
/* Appends "NAME":"text", or "NAME_base64" when it is not UTF-8. */
void thole_dialog_append_data (GString *out, const char *name, const guint8 *data, gsize length);
/* Appends a signal's name in quotes, or null. */
void thole_dialog_append_signal (GString *out, int signal);

/* Close codes. A reason is JSON of at most 123 bytes, {"code":WORD,"detail":...}, whose detail is cut where it must be. */
guint thole_close_code     (TholeViewerEnd end);
const char *thole_close_word (TholeViewerEnd end);
char *thole_close_reason   (const char *word, const char *detail);
