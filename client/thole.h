/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libthole-1: talks to tholed. The only header to include.
 */
#pragma once

#define THOLE_INSIDE
#include "thole-attachment.h"
#include "thole-client-error.h"
#include "thole-client.h"
#include "thole-event-stream.h"
#include "thole-event.h"
#include "thole-exec-result.h"
#include "thole-file.h"
#include "thole-files.h"
#include "thole-lifecycle.h"
#include "thole-list.h"
#include "thole-object.h"
#include "thole-session.h"
#include "thole-variant.h"
#include "thole-workload.h"
#undef THOLE_INSIDE
