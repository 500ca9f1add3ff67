/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "agent.h"

#define STRINGS THOLE_AGENT_MAX_STRINGS

/* OPEN while it is read: texts are copied behind each other into Agent.strings */
typedef struct
{
  Agent *agent;
  size_t used;
  SessionPlan session;
  char user[256], folder[4096], term[128];
  uint64_t tty, rows, cols, ring, flow, detached;
  char *argv[STRINGS + 1], *env[STRINGS + 8];
  int n_argv, n_env;
  Account account;
} Opening;

static char *
keep (Opening *self, const char *before, const void *text, size_t length)
{
  size_t prefix = strlen (before);
  char *kept = self->agent->strings + self->used;

  if (length + prefix + 1 > sizeof self->agent->strings - self->used || memchr (text, 0, length) != NULL)
    return NULL;
  memcpy (kept, before, prefix);
  memcpy (kept + prefix, text, length);
  kept[prefix + length] = '\0';
  self->used += prefix + length + 1;
  return kept;
}

static bool
add (Opening *self, char **list, int *count, const Field *field)
{
  char *text = *count < STRINGS ? keep (self, "", field->data, field->length) : NULL;

  if (text == NULL)
    return false;
  list[(*count)++] = text;
  return true;
}

static bool
read_field (Opening *self, const Field *field)
{
  switch (field->tag)
    {
    case THOLE_AGENT_TAG_ID:
      return field_text (field, self->session.id, sizeof self->session.id);
    case THOLE_AGENT_TAG_NAME:
      return field_text (field, self->session.name, sizeof self->session.name);
    case THOLE_AGENT_TAG_ARGUMENT:
      return add (self, self->argv, &self->n_argv, field);
    case THOLE_AGENT_TAG_ENV:
      return field->length > 1 && field->data[0] != '=' && memchr (field->data, '=', field->length) != NULL &&
             add (self, self->env, &self->n_env, field);
    case THOLE_AGENT_TAG_FOLDER:
      return field_text (field, self->folder, sizeof self->folder);
    case THOLE_AGENT_TAG_USER:
      return field_text (field, self->user, sizeof self->user);
    case THOLE_AGENT_TAG_TERM:
      return field_text (field, self->term, sizeof self->term);
    case THOLE_AGENT_TAG_TTY:
      return field_number (field, 1, &self->tty);
    case THOLE_AGENT_TAG_ROWS:
      return field_number (field, UINT16_MAX, &self->rows);
    case THOLE_AGENT_TAG_COLS:
      return field_number (field, UINT16_MAX, &self->cols);
    case THOLE_AGENT_TAG_RING:
      return field_number (field, THOLE_AGENT_MAX_RING, &self->ring);
    case THOLE_AGENT_TAG_FLOW:
      return field_number (field, THOLE_AGENT_FLOW_LOSSLESS, &self->flow);
    case THOLE_AGENT_TAG_DETACHED:
      return field_number (field, THOLE_AGENT_DETACHED_RUN, &self->detached);
    default:
      return true;
    }
}

static bool
read_fields (Opening *self, Fields fields)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  Field field;

  while (fields_next (&fields, &field))
    if (!read_field (self, &field))
      return false;
  return !fields.bad && self->session.id[0] != '\0' &&
         self->session.id[strspn (self->session.id, letters)] == '\0';
}

static bool
has_variable (const Opening *self, const char *text)
{
  size_t name = strcspn (text, "=") + 1;

  for (int i = 0; i < self->n_env; i++)
    if (strncmp (self->env[i], text, name) == 0)
      return true;
  return false;
}

static void
add_variable (Opening *self, const char *name, const char *value)
{
  if (!has_variable (self, name) && self->n_env < STRINGS + 7)
    {
      char *text = keep (self, name, value, strlen (value));

      if (text != NULL)
        self->env[self->n_env++] = text;
    }
}

/* who the user is goes before the agent's own environment, what was asked for before both */
static void
complete_env (Opening *self)
{
  extern char **environ;

  add_variable (self, "HOME=", self->account.home);
  if (self->account.name[0] != '\0')
    {
      add_variable (self, "USER=", self->account.name);
      add_variable (self, "LOGNAME=", self->account.name);
    }
  add_variable (self, "SHELL=", self->account.shell);
  if (self->tty)
    add_variable (self, "TERM=", self->term[0] != '\0' ? self->term : "xterm-256color");
  for (char **own = environ; *own != NULL && self->n_env < STRINGS; own++)
    if (!has_variable (self, *own))
      self->env[self->n_env++] = *own;
  self->env[self->n_env] = NULL;
}

static size_t
ring_size (uint64_t wanted)
{
  size_t size = THOLE_AGENT_MIN_RING;

  if (wanted == 0)
    wanted = THOLE_AGENT_DEFAULT_RING;
  while (size < wanted)
    size *= 2;
  return size;
}

static int
complete (Opening *self)
{
  int code = account_find (self->user[0] != '\0' ? self->user : self->agent->user, &self->account);

  if (code != THOLE_AGENT_OK)
    return code;
  if (self->n_argv == 0)
    self->argv[self->n_argv++] = self->account.shell;
  if (self->argv[0][0] == '\0')
    return THOLE_AGENT_NO_PROGRAM;
  self->argv[self->n_argv] = NULL;
  complete_env (self);
  self->session.ring = ring_size (self->ring);
  self->session.flow = (uint8_t) self->flow;
  self->session.detached = (uint8_t) self->detached;
  self->session.plan = (Plan) {
    .argv = self->argv, .env = self->env, .folder = self->folder[0] != '\0' ? self->folder : self->agent->work_folder,
    .account = &self->account, .tty = self->tty, .rows = self->rows > 0 ? (unsigned) self->rows : 24,
    .cols = self->cols > 0 ? (unsigned) self->cols : 80,
  };
  return THOLE_AGENT_OK;
}

/* a free place, when the rings of all leave room for @ring more */
static Session *
find_place (Agent *self, size_t ring)
{
  Session *place = NULL;
  size_t sum = ring;

  for (unsigned i = 0; i < THOLE_AGENT_MAX_SESSIONS; i++)
    if (self->sessions[i].agent != NULL)
      sum += self->sessions[i].ring.size;
    else if (place == NULL)
      place = &self->sessions[i];
  return sum <= THOLE_AGENT_ALL_RINGS ? place : NULL;
}

static void
answer_existing (Agent *self, uint32_t request, Session *session)
{
  size_t frame;

  if (session->state == THOLE_AGENT_STARTING)
    {
      peer_answer (self, session->open_request, THOLE_AGENT_BUSY, "opened again");
      session->open_request = request;
      return;
    }
  if (request == 0)
    return;
  frame = peer_answer_begin (self, request, THOLE_AGENT_OK);
  wire_field_number (&self->peer.out, THOLE_AGENT_TAG_EXISTED, 1);
  session_describe (session, &self->peer.out);
  wire_end (&self->peer.out, frame);
}

static void
open_new (Agent *self, uint32_t request, Opening *opening)
{
  Session *place;
  int error = 0, code = complete (opening);

  if (code != THOLE_AGENT_OK)
    return peer_answer (self, request, code, code == THOLE_AGENT_NO_USER ? "no such user or group" : "a field is wrong");
  place = find_place (self, opening->session.ring);
  if (place == NULL || self->stopping)
    return peer_answer (self, request, THOLE_AGENT_LIMIT, "too many sessions, or too large rings");
  code = session_start (place, self, &opening->session, &error);
  if (code != THOLE_AGENT_OK)
    return peer_answer (self, request, code, strerror (error));
  place->open_request = request;
}

void
open_serve (Agent *self, uint32_t request, Fields fields)
{
  Opening opening;
  Session *existing;

  memset (&opening, 0, sizeof opening);
  opening.agent = self;
  if (!read_fields (&opening, fields))
    return peer_answer (self, request, THOLE_AGENT_INVALID, "a field of OPEN is wrong");
  existing = agent_find (self, opening.session.id);
  if (existing != NULL)
    answer_existing (self, request, existing);
  else
    open_new (self, request, &opening);
}
