/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For tests: a client that writes what it is told and reads what comes, however wrong.
 */
#pragma once

#include "http/fake.h"

typedef struct
{
  guint status;   /* 0: the connection ended without an answer */
  char *head;     /* with the status line */
  char *body;     /* without the framing of chunks */
  gsize length;
  gboolean whole; /* the body came to its proper end */
} FakeAnswer;

int         fake_connect  (TholeFake *fake, gboolean local);
void        fake_send     (int fd, const char *text, gssize length);
/* Reads one answer; @rest (nullable) keeps what came after it for the next call. */
FakeAnswer *fake_read     (int fd, gboolean no_body, GString *rest);
void        fake_answer_free (FakeAnswer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeAnswer, fake_answer_free)

/* One request on a connection of its own over TCP with the token. @extra (nullable): header lines.
 */
FakeAnswer *fake_request (TholeFake *fake, const char *method, const char *target,
                          const char *extra, const char *body);
/* Sends @text and reads an answer, over TCP; {T} in it becomes the token. */
FakeAnswer *fake_raw      (TholeFake *fake, gboolean local, const char *text, gssize length);
/* Returns: (transfer full) (nullable): the value of a header */
char       *fake_header   (const FakeAnswer *answer, const char *name);
/* seconds, for what is to come: so long only a fault takes */
#define FAKE_PATIENCE 60

/* Waits until the server has closed; FALSE after @seconds. */
gboolean    fake_is_closed (int fd, double seconds);
/* Waits until *@counter is at least @value. */
void        fake_await    (gint *counter, gint value);
