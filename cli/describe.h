/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A whole object for people: a line a field, nested ones indented, what is empty left out.
 */
#pragma once

#include <glib.h>

void cli_describe (GVariant *object);
