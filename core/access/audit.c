/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/audit.h"

#include <glib.h>

void
thole_audit (const char *principal, const char *operation, const char *target, const char *result, const char *request_id)
{
  g_log_structured ("audit", G_LOG_LEVEL_INFO, "THOLE_PRINCIPAL", principal, "THOLE_OPERATION", operation, "THOLE_TARGET", target,
                    "THOLE_RESULT", result, "THOLE_REQUEST", request_id, "MESSAGE", "%s %s", operation, result);
}
