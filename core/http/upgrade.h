/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a request for a WebSocket must hold. Pure.
 */
#pragma once

#include "base/problem.h"
#include "http/codec.h"
#include "http/strict.h"

typedef struct
{
  const TholeCodec *codec;
  char accept[32];     /* value of Sec-WebSocket-Accept */
  gboolean offered;    /* the client named sub-protocols, so the chosen one is told */
} TholeUpgrade;

/* @origins: (nullable): origins that may, beside the one of the request's own Host; "*" = any. @fallback: (nullable): the codec of a
 * client that names none. Returns: (transfer full) (nullable): NULL with @upgrade filled, or why not. */
TholeProblem *thole_upgrade_check (const TholeHead *head, const char *method, const char *const *origins,
                                   const TholeCodec *fallback, TholeUpgrade *upgrade);
