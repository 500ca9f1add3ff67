/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The D-Bus face: a name on a bus, an object for each workload, session, backend and operation, and every operation of
 * operations.list that has a D-Bus name. Decides nothing about objects: it makes a TholeCall of a message and a reply of what
 * the call became. Objects are not exported one by one: every call below /org/thole/Thole1 comes to one place and is answered
 * from the records in memory, so ten thousand of them cost nothing until somebody asks. Runs in the main context that was the
 * thread-default one when it was made.
 */
#pragma once

#include "access/rate.h"
#include "operations/context.h"

typedef struct _TholeBus TholeBus;

typedef struct
{
  TholeClock *clock;
  TholeIdentity *identity;
  TholeRates *rates;           /* (nullable) */
  TholeOperations *operations;
  const char *version;         /* of the daemon */
  gsize max_body;              /* bytes of the arguments of one call */
} TholeBusOptions;

typedef enum
{
  THOLE_BUS_OF_SYSTEM,
  THOLE_BUS_OF_SESSION,
  THOLE_BUS_AT_ADDRESS,
} TholeBusWhich;

/* Connects and takes the name org.thole.Thole1. Everything in @options stays valid until thole_bus_free().
 * @address: of THOLE_BUS_AT_ADDRESS. Returns: (transfer full) */
TholeBus *thole_bus_new   (const TholeBusOptions *options, TholeBusWhich which, const char *address, GError **error);
/* Gives the name back, ends what waits; what runs comes to its end. */
void      thole_bus_drain (TholeBus *self);
/* Calls that have no answer yet. */
guint     thole_bus_busy  (TholeBus *self);
void      thole_bus_free  (TholeBus *self);
