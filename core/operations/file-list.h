/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is in a folder.
 */
#pragma once

#include "operations/file.h"

void thole_file_list (TholeCall *call);
