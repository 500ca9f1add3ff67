/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What backends report: an engine that comes or goes, an object that changed, a list to compare with.
 */
#pragma once

#include "operations/context.h"

/* Listens to every backend of the registry. To be called once, before they are started. */
void thole_reports_listen (TholeOperations *operations);
void thole_reports_ignore (TholeOperations *operations);
