/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access/rate.h"

#include <string.h>

#define MAX_HELD 16384                 /* names of each kind that are held */
#define SLOTS 61                    /* of a minute, with the one that has just begun */
#define SLOT G_USEC_PER_SEC
#define MAX_NAME 320
#define MEMORY (G_GINT64_CONSTANT (900) * G_USEC_PER_SEC) /* after so long without an attempt wrong ones are forgotten */

typedef struct
{
  char *name;
  GList link;          /* in the order of use */
  gint64 slot;         /* the newest slot, counted from the begin of the clock */
  guint32 spent[SLOTS]; /* of each slot of the last minute, by its number modulo SLOTS */
  guint used;          /* their sum */
} Bucket;

typedef struct
{
  char *name;
  GList link;
  guint wrong;
  gint64 until;        /* µs monotonic: nothing is looked at before */
  gint64 last;
} Guesses;

/* The link of both kinds lies at the same place. */
G_STATIC_ASSERT (G_STRUCT_OFFSET (Bucket, link) == G_STRUCT_OFFSET (Guesses, link));

typedef struct
{
  GHashTable *names;
  GQueue recent;       /* the most recently used first */
} Table;

struct _TholeRates
{
  TholeClock *clock;
  TholeRateLimits limits;
  Table buckets, guesses;
};

/* tables --------------------------------------------------------------------------------------------------- */

static void
entry_free (gpointer data)
{
  g_free (((Bucket *) data)->name);
  g_free (data);
}

static void
table_init (Table *self)
{
  self->names = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  g_queue_init (&self->recent);
}

static void
table_remove (Table *self, gpointer entry)
{
  Bucket *first = entry;

  g_queue_unlink (&self->recent, &first->link);
  g_hash_table_remove (self->names, first->name);
}

/* Returns: the entry called @name, now the most recent one */
static gpointer
table_take (Table *self, const char *name, gsize size)
{
  Bucket *entry = g_hash_table_lookup (self->names, name);

  if (entry != NULL)
    g_queue_unlink (&self->recent, &entry->link);
  else
    {
      if (g_hash_table_size (self->names) >= MAX_HELD)
        table_remove (self, self->recent.tail->data);
      entry = g_malloc0 (size);
      entry->name = g_strdup (name);
      entry->link.data = entry;
      g_hash_table_insert (self->names, entry->name, entry);
    }
  g_queue_push_head_link (&self->recent, &entry->link);
  return entry;
}

TholeRates *
thole_rates_new (TholeClock *clock, const TholeRateLimits *limits)
{
  TholeRates *self = g_new0 (TholeRates, 1);

  self->clock = clock;
  self->limits = *limits;
  table_init (&self->buckets);
  table_init (&self->guesses);
  return self;
}

void
thole_rates_free (TholeRates *self)
{
  g_hash_table_unref (self->buckets.names);
  g_hash_table_unref (self->guesses.names);
  g_free (self);
}

void
thole_rates_limit (TholeRates *self, const TholeRateLimits *limits)
{
  self->limits = *limits;
}

guint
thole_rates_held (TholeRates *self)
{
  return g_hash_table_size (self->buckets.names) + g_hash_table_size (self->guesses.names);
}

/* requests ------------------------------------------------------------------------------------------------- */

/* gives back what was spent more than a minute ago */
static void
bucket_advance (Bucket *self, gint64 now)
{
  gint64 slot = now / SLOT;
  gint64 steps = slot - self->slot;

  for (gint64 i = 1; i <= steps && i <= SLOTS; i++)
    {
      guint32 *old = &self->spent[(self->slot + i) % SLOTS];

      self->used -= *old;
      *old = 0;
    }
  self->slot = slot > self->slot ? slot : self->slot;
}

/* seconds until the oldest (or the newest) of what was spent comes back */
static double
bucket_wait (const Bucket *self, gint64 now, gboolean newest)
{
  for (gint64 i = 0; i < SLOTS; i++)
    {
      gint64 age = newest ? i : SLOTS - 1 - i;

      if (age <= self->slot && self->spent[(self->slot - age) % SLOTS] > 0)
        return (double) ((self->slot - age + SLOTS) * SLOT - now) / G_USEC_PER_SEC;
    }
  return 0;
}

static void
bucket_tell (const Bucket *self, guint limit, gint64 now, TholeRate *rate)
{
  rate->limit = limit;
  rate->remaining = self->used < limit ? limit - self->used : 0;
  rate->reset = bucket_wait (self, now, TRUE);
  rate->retry_after = 0;
}

static gboolean
bucket_refuses (const Bucket *self, guint limit, gint64 now, TholeRate *rate)
{
  if (self->used < limit)
    return FALSE;
  bucket_tell (self, limit, now, rate);
  rate->retry_after = bucket_wait (self, now, FALSE);
  return TRUE;
}

/* one of a /64: whoever has one IPv6 address has all of them */
static void
address_name (const char *address, char name[MAX_NAME])
{
  g_autoptr (GInetAddress) parsed = g_inet_address_new_from_string (address);
  const guint8 *bytes = parsed != NULL ? g_inet_address_to_bytes (parsed) : NULL;

  if (bytes != NULL && g_inet_address_get_family (parsed) == G_SOCKET_FAMILY_IPV6)
    g_snprintf (name, MAX_NAME, "address %02x%02x:%02x%02x:%02x%02x:%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                bytes[5], bytes[6], bytes[7]);
  else
    g_snprintf (name, MAX_NAME, "address %s", address);
}

gboolean
thole_rates_is_local (const TholePrincipal *principal)
{
  return principal->admin && principal->credential != NULL
         && (strcmp (principal->credential, "bootstrap") == 0
             || (strcmp (principal->credential, "peer") == 0 && g_str_has_prefix (principal->name, "uid:")));
}

/* the bucket and its limit that count besides the first: of the user whose key it is */
static guint
second_limit (TholeRates *self, const TholePrincipal *principal, char name[MAX_NAME])
{
  g_snprintf (name, MAX_NAME, "user %s", principal->name);
  return self->limits.user;
}

static guint
first_limit (TholeRates *self, const TholePrincipal *principal, const char *address, char name[MAX_NAME])
{
  if (principal == NULL || principal->anonymous)
    {
      if (address == NULL)
        return 0;
      address_name (address, name);
      return self->limits.address;
    }
  g_snprintf (name, MAX_NAME, "user %s", principal->name);
  if (thole_rates_is_local (principal))
    return self->limits.local;
  if (principal->credential == NULL || !g_str_has_prefix (principal->credential, "key "))
    return self->limits.user;
  g_snprintf (name, MAX_NAME, "%s", principal->credential);
  return self->limits.key;
}

static Bucket *
bucket_of (TholeRates *self, const char *name, gint64 now)
{
  Bucket *bucket = table_take (&self->buckets, name, sizeof *bucket);

  bucket_advance (bucket, now);
  return bucket;
}

static void
bucket_spend (Bucket *self)
{
  self->spent[self->slot % SLOTS]++;
  self->used++;
}

gboolean
thole_rates_request (TholeRates *self, const TholePrincipal *principal, const char *address, TholeRate *rate)
{
  char first_name[MAX_NAME], second_name[MAX_NAME];
  gint64 now = thole_clock_monotonic (self->clock);
  guint limits[2] = { first_limit (self, principal, address, first_name), 0 };
  Bucket *buckets[2] = { NULL, NULL };
  TholeRate other;

  if (principal != NULL && principal->credential != NULL && g_str_has_prefix (principal->credential, "key "))
    limits[1] = second_limit (self, principal, second_name);
  if (limits[0] != 0)
    buckets[0] = bucket_of (self, first_name, now);
  if (limits[1] != 0)
    buckets[1] = bucket_of (self, second_name, now);
  for (guint i = 0; i < 2; i++)
    if (buckets[i] != NULL && bucket_refuses (buckets[i], limits[i], now, rate))
      return TRUE;
  for (guint i = 0; i < 2; i++)
    if (buckets[i] != NULL)
      {
        bucket_spend (buckets[i]);
        bucket_tell (buckets[i], limits[i], now, &other);
        /* the tighter one is told */
        if (i == 0 || buckets[0] == NULL || other.remaining < rate->remaining)
          *rate = other;
      }
  return buckets[0] != NULL || buckets[1] != NULL;
}

/* passwords ------------------------------------------------------------------------------------------------ */

/* who guesses: one place for one account, one place for any, anybody for one account */
typedef enum { PAIR, PLACE, ACCOUNT, N_KINDS } Kind;

static const struct
{
  const char *word;
  guint free;       /* wrong ones that cost nothing */
  guint max;        /* seconds */
} kinds[N_KINDS] = { { "pair", 5, 900 }, { "place", 20, 900 }, { "account", 50, 60 } };

/* Returns: FALSE when this kind does not apply */
static gboolean
guess_name (Kind kind, const char *address, const char *account, char name[MAX_NAME])
{
  char place[MAX_NAME] = "";
  g_autofree char *small = g_ascii_strdown (account, -1);

  if (address != NULL)
    address_name (address, place);
  if (address == NULL && kind == PLACE)
    return FALSE;
  g_snprintf (name, MAX_NAME, "%s %08x %s %.200s", kinds[kind].word, kind == PLACE ? 0 : g_str_hash (small),
              kind == ACCOUNT ? "" : place, kind == PLACE ? "" : small);
  return TRUE;
}

static guint
wait_after (Kind kind, guint wrong)
{
  guint over = wrong >= kinds[kind].free ? wrong - kinds[kind].free : 0;
  guint seconds = over < 16 ? 1u << over : kinds[kind].max;

  return wrong < kinds[kind].free ? 0 : seconds < kinds[kind].max ? seconds : kinds[kind].max;
}

double
thole_rates_attempt (TholeRates *self, const char *address, const char *account)
{
  gint64 now = thole_clock_monotonic (self->clock);
  Guesses *guesses[N_KINDS] = { NULL };
  gint64 until = 0;
  char name[MAX_NAME];

  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      if (!guess_name (kind, address, account, name))
        continue;
      guesses[kind] = table_take (&self->guesses, name, sizeof (Guesses));
      if (now - guesses[kind]->last > MEMORY)
        guesses[kind]->wrong = 0;
      until = guesses[kind]->until > until ? guesses[kind]->until : until;
    }
  if (until > now)
    return (double) (until - now) / G_USEC_PER_SEC;
  for (Kind kind = 0; kind < N_KINDS; kind++)
    if (guesses[kind] != NULL)
      {
        guesses[kind]->wrong++;
        guesses[kind]->last = now;
        guesses[kind]->until = now + (gint64) wait_after (kind, guesses[kind]->wrong) * G_USEC_PER_SEC;
      }
  return 0;
}

void
thole_rates_right (TholeRates *self, const char *address, const char *account)
{
  char name[MAX_NAME];

  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      Guesses *guesses = guess_name (kind, address, account, name) ? g_hash_table_lookup (self->guesses.names, name) : NULL;

      if (guesses == NULL)
        continue;
      /* who knows one password must not wipe out the guesses at others */
      guesses->wrong = kind == PLACE && guesses->wrong > 0 ? guesses->wrong - 1 : 0;
      guesses->until = guesses->last + (guesses->wrong > 0 ? (gint64) wait_after (kind, guesses->wrong) * G_USEC_PER_SEC : 0);
    }
}
