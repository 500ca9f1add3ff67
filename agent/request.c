/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "agent.h"

#define GRACE 2000
#define MOST_GRACE 60000

typedef struct
{
  char id[THOLE_AGENT_MAX_ID + 1];
  uint64_t rows, cols, signal, grace;
} Request;

static bool
read_request (Fields fields, Request *request)
{
  Field field;
  bool good = true;

  *request = (Request) { .grace = GRACE };
  while (good && fields_next (&fields, &field))
    {
      if (field.tag == THOLE_AGENT_TAG_ID)
        good = field_text (&field, request->id, sizeof request->id);
      else if (field.tag == THOLE_AGENT_TAG_ROWS)
        good = field_number (&field, UINT16_MAX, &request->rows);
      else if (field.tag == THOLE_AGENT_TAG_COLS)
        good = field_number (&field, UINT16_MAX, &request->cols);
      else if (field.tag == THOLE_AGENT_TAG_SIGNAL)
        good = field_number (&field, 64, &request->signal);
      else if (field.tag == THOLE_AGENT_TAG_GRACE)
        good = field_number (&field, MOST_GRACE, &request->grace);
    }
  return good && !fields.bad;
}

static void
list (Agent *self, uint32_t number)
{
  Buffer *out = &self->peer.out;
  size_t frame = peer_answer_begin (self, number, THOLE_AGENT_OK);

  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    {
      size_t field = out->length;

      if (self->sessions[i].agent == NULL)
        continue;
      wire_field (out, THOLE_AGENT_TAG_SESSION, NULL, 0);
      session_describe (&self->sessions[i], out);
      if (!out->overflow)
        wire_set (out->data + field + 2, out->length - field - 4, 2);
    }
  wire_end (out, frame);
}

static void
stat_session (Agent *self, uint32_t number, const Session *session)
{
  size_t frame = peer_answer_begin (self, number, THOLE_AGENT_OK);

  session_describe (session, &self->peer.out);
  wire_end (&self->peer.out, frame);
}

static void
close_session (Agent *self, uint32_t number, Session *session, uint64_t grace)
{
  peer_answer (self, session->close_request, THOLE_AGENT_BUSY, "closed again");
  session->close_request = number;
  session_close (session, grace);
}

static void
serve_session (Agent *self, uint8_t type, uint32_t number, const Request *request)
{
  Session *session = agent_find (self, request->id);

  if (session == NULL)
    peer_answer (self, number, THOLE_AGENT_NOT_FOUND, "no such session");
  else if (type == THOLE_AGENT_STAT)
    stat_session (self, number, session);
  else if (type == THOLE_AGENT_SIGNAL)
    peer_answer (self, number, session_signal (session, (int) request->signal), "");
  else if (type == THOLE_AGENT_RESIZE)
    peer_answer (self, number, session_resize (session, (unsigned) request->rows, (unsigned) request->cols), "");
  else
    close_session (self, number, session, request->grace);
}

bool
request_serve (Agent *self, uint8_t type, const uint8_t *data, size_t length)
{
  Fields fields;
  Request request;
  uint32_t number;

  /* a type that a later version has */
  if (type < THOLE_AGENT_OPEN || type > THOLE_AGENT_CLOSE)
    return type != THOLE_AGENT_HELLO;
  if (length < 4)
    return false;
  number = (uint32_t) wire_get (data, 4);
  /* a question that wants no answer */
  if (number == 0 && (type == THOLE_AGENT_LIST || type == THOLE_AGENT_STAT))
    return true;
  fields = (Fields) { data + 4, data + length, false };
  if (type == THOLE_AGENT_OPEN)
    open_serve (self, number, fields);
  else if (!read_request (fields, &request))
    peer_answer (self, number, THOLE_AGENT_INVALID, "a field is wrong");
  else if (type == THOLE_AGENT_LIST)
    list (self, number);
  else
    serve_session (self, type, number, &request);
  return true;
}
