/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "operations/context.h"

/* Pulls that were under way when the daemon went down are taken up again when their backend is ready. */
void thole_image_pull_resume (TholeOperations *operations);
