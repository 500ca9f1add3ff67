/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How much a caller may ask for. A bucket holds the requests of a minute: one that is spent comes back a minute later, so
 * that in no minute more pass than the limit says. Main thread only; bounded: beyond MAX names those that were quiet for
 * longest are forgotten.
 */
#pragma once

#include "access/identity.h"

/* What a limit says of one request. */
typedef struct
{
  gint64 limit, remaining; /* requests */
  double reset;            /* seconds until all of them are there again */
  double retry_after;      /* seconds; above 0 = refused */
} TholeRate;

/* Requests a minute, 0 = no limit. */
typedef struct
{
  guint key;     /* of one API key */
  guint user;    /* of one user with all its credentials */
  guint address; /* without a good credential, of one address (IPv6: of one /64) */
  guint local;   /* of local administrators and the bootstrap token */
} TholeRateLimits;

typedef struct _TholeRates TholeRates;

/* Returns: (transfer full) */
TholeRates *thole_rates_new     (TholeClock *clock, const TholeRateLimits *limits);
void        thole_rates_free    (TholeRates *self);
/* What was spent stays spent. */
void        thole_rates_limit   (TholeRates *self, const TholeRateLimits *limits);

/* Counts one request. @principal: (nullable): its credential was not good. @address: (nullable): not known. Returns: FALSE
 * when no limit applies. */
gboolean    thole_rates_request (TholeRates *self, const TholePrincipal *principal, const char *address, TholeRate *rate);

/* Passwords: who guesses waits longer and longer. Counts one attempt from @address (nullable) for @account; it is taken for
 * a wrong one until thole_rates_right(). Returns: seconds to wait, 0 = go on. */
double      thole_rates_attempt (TholeRates *self, const char *address, const char *account);
void        thole_rates_right   (TholeRates *self, const char *address, const char *account);

/* How many names are held, for tests. */
guint       thole_rates_held    (TholeRates *self);
/* Is it root, the daemon's own user or the bootstrap token? */
gboolean    thole_rates_is_local (const TholePrincipal *principal);
