/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include "image.h"

/* Sees that the layers of @image lie as snapshots of the backend's snapshotter, and that they stay as long as the image does. */
void ctr_unpack (GTask *task, CtrImage *image, const char *lease, CtrNext next);
