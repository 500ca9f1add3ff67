/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "reply.h"

#include <string.h>

#include "thole-error.h"

#define ANY (-1)

/* The first line whose status and text fit decides. */
static const struct
{
  int status;
  const char *text;
  int code;
} meanings[] = {
  { ANY, "no space left on device", THOLE_ERROR_LIMIT },
  { ANY, "cannot allocate memory", THOLE_ERROR_LIMIT },
  { 2, "executable file not found", THOLE_ERROR_INVALID },
  { 2, "exec format error", THOLE_ERROR_INVALID },
  { 2, "permission denied: unknown", THOLE_ERROR_INVALID },
  { 2, "no such file or directory: unknown", THOLE_ERROR_INVALID },
  { 2, "is a directory: unknown", THOLE_ERROR_INVALID },
  { 2, "not a directory: unknown", THOLE_ERROR_INVALID },
  { 2, "process already finished", THOLE_ERROR_CONFLICT },
  { 2, "container not running", THOLE_ERROR_CONFLICT },
  { 2, "cannot exec in a stopped", THOLE_ERROR_CONFLICT },
  { 2, "cannot exec in a paused", THOLE_ERROR_CONFLICT },
  { 2, "address already in use", THOLE_ERROR_CONFLICT },
  { 3, "", THOLE_ERROR_INVALID },
  { 4, "", THOLE_ERROR_TIMEOUT },
  { 5, "", THOLE_ERROR_NOT_FOUND },
  { 6, "", THOLE_ERROR_EXISTS },
  { 7, "", THOLE_ERROR_DENIED },
  { 8, "", THOLE_ERROR_LIMIT },
  { 9, "", THOLE_ERROR_CONFLICT },
  { 12, "", THOLE_ERROR_UNSUPPORTED },
  { 14, "", THOLE_ERROR_UNAVAILABLE },
  { 16, "", THOLE_ERROR_AUTH },
};

GError *
ctr_error_new (int status, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text != NULL && text[0] != '\0' ? text : "the engine failed", -1);
  int code = THOLE_ERROR_FAILED;

  for (guint i = 0; i < G_N_ELEMENTS (meanings); i++)
    if ((meanings[i].status == ANY || meanings[i].status == status) && strstr (valid, meanings[i].text) != NULL)
      {
        code = meanings[i].code;
        break;
      }
  return g_error_new_literal (THOLE_ERROR, code, valid);
}
