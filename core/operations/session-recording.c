/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations/room.h"
#include "operations/verb.h"
#include "sessions/cast.h"

void
thole_op_session_recording (TholeCall *call)
{
  TholeSeat *seat = thole_call_seat (call);
  gboolean follow;

  if (seat == NULL)
    return;
  if (seat->recording == NULL)
    {
      thole_call_fail (call, THOLE_ERROR_CONFLICT, "the session is not recorded");
      return;
    }
  /* of one that has ended nothing comes, unless its end is still being written */
  follow = thole_query_boolean (call, "follow") && (thole_seat_is_live (seat) || thole_recording_grows (seat->recording));
  call->reply.type = THOLE_CAST_TYPE;
  thole_call_stream (call, THOLE_REPLY_FILE, thole_recording_read (seat->recording, follow));
}
