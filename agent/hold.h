/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct
{
  const char *folder;   /* where its socket is; made with mode 0700 when it is not there */
  const char *user;     /* who sessions run as unless told otherwise; "" = who the agent is */
  uint64_t idle_after;  /* ms without a session and without a connection after which it ends, 0 = never */
  bool foreground;
} HoldOptions;

/* Holds sessions until it is told to stop. In the background it returns when its socket listens, also when that is the socket of
 * another one. Returns a status for exit(). */
int hold (const HoldOptions *options);
/* Returns a connection to whoever holds in @folder, or -1 with errno. */
int hold_connect (const char *folder);
