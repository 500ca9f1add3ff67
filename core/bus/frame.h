/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A message as it comes from the bus, before anything is made of it: how long it is, how many values it has. The bus has looked at it,
 * but nothing here relies on that.
 */
#pragma once

#include <glib.h>

#define THOLE_FRAME_FIXED 16     /* bytes that tell how long it is */
#define THOLE_FRAME_NO_BODY 0xff /* a field in its header, with the signature of the body that it had */
#define THOLE_FRAME_NO_DESCRIPTORS 0xfe /* likewise, with the number of descriptors that came with it */

/* @data: THOLE_FRAME_FIXED bytes. Returns FALSE when that is no message. @head: bytes up to the body. */
gboolean thole_frame_measure (const guint8 *data, gsize *head, gsize *body);
/* Are there at most @most values in the body? @data: all of the message, as thole_frame_measure() told. */
gboolean thole_frame_is_small (const guint8 *data, gsize head, gsize body, guint most);
/* Makes it a message without a body. @data: @head bytes. Returns FALSE when its header makes no sense. */
gboolean thole_frame_cut (guint8 *data, gsize head);
/* Makes it a message that came without descriptors. Returns FALSE when its header says of none. */
gboolean thole_frame_cut_descriptors (guint8 *data, gsize head);
