/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells the service manager (sd_notify(3)): "READY=1". Nothing happens when there is none. */
void thole_notify (const char *state);
