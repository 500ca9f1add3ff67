/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages of sdk/thole-sandbox-protocol.h on a socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "thole-sandbox-protocol.h"

typedef struct
{
  TholeSandboxHead head;
  char payload[THOLE_SANDBOX_MESSAGE - sizeof (TholeSandboxHead)];
  size_t length;                    /* of the payload */
  int fds[THOLE_SANDBOX_FDS];       /* who receives them owns them */
  int n_fds;
  bool too_many;                    /* of them came */
  pid_t sender;                     /* by the kernel's word, where the socket is told to ask for it; else 0 */
} Message;

/* A head without a payload. */
TholeSandboxHead message_head (unsigned type, uint32_t number, int32_t value, uint32_t extra);
/* False with errno when it could not be sent whole. */
bool message_send (int socket, const TholeSandboxHead *head, const void *payload, size_t length, const int *fds, int n_fds);
/* 1 = there is one; 0 = not now; -1 = the other end has gone, or said what is no message. */
int  message_receive (int socket, Message *message);
/* Closes what is left of its descriptors. */
void message_drop_fds (Message *message);

/* The strings of an OPEN. */
typedef struct
{
  const char *folder;
  char *arguments[THOLE_SANDBOX_STRINGS + 1], *variables[THOLE_SANDBOX_STRINGS + 1];
  unsigned n_arguments, n_variables;
} OpenWords;

/* They point into @payload. False when it is not what it should be. */
bool message_read_open (char *payload, size_t length, OpenWords *words);
