/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/account.h"

void
thole_op_user_list (TholeCall *call)
{
  thole_account_page (call, &thole_user_type, NULL);
}

void
thole_op_user_get (TholeCall *call)
{
  TholeUser *user = thole_call_user (call);

  if (user == NULL)
    return;
  call->reply.etag = g_strdup_printf ("%" G_GINT64_FORMAT, user->revision);
  thole_call_return (call, 200, g_bytes_ref (thole_record_json (user)));
}
