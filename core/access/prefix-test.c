/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Does refusing a credential take longer the more of it is right? No clock is asked: a child looks at each credential, and its
 * parent counts the instructions that it executes, one by one. What shares a beginning of any length with a good one must take a
 * number of them that others, which share nothing, take as well. A comparison that is not careful is found that way.
 *
 * proves: AU-19 AU-26 AU-15
 */
#include "access/identity.h"

#include <glib/gstdio.h>
#include <sodium.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "access/secret-file.h"
#include "store/fixture.h"

#define MAX_PROBES 40
#define MAX_STEPS 2000000

typedef struct
{
  TholeClock clock;
  TholeFixture *store;
  TholeAccounts *accounts;
  TholeIdentity *identity;
  char *key, *token, *bootstrap;
  const char *careless; /* (nullable): is compared with this instead */
} World;

/* it stands still: to read a real one takes now more instructions, now fewer */
static gint64
get_time (TholeClock *clock)
{
  return G_GINT64_CONSTANT (1800000000) * G_USEC_PER_SEC;
}

static void
put (World *world, gpointer record)
{
  TholeEdit *edit = thole_edit_new (world->accounts);
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  const TholeRecordType *type = ((TholeRecord *) record)->type;
  guint before = thole_accounts_count (world->accounts, type);

  thole_edit_add (edit, record);
  thole_edit_commit (edit, NULL, NULL);
  while (thole_accounts_count (world->accounts, type) == before && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (thole_accounts_count (world->accounts, type), ==, before + 1);
  thole_record_unref (record);
}

static TholeUser *
make_user (World *world)
{
  TholeUser *user = thole_record_new (&thole_user_type);

  thole_record_set (&user->id, "us-1");
  thole_record_set (&user->email, "a@example.org");
  thole_record_set (&user->roles, "[\"admin\"]");
  thole_record_set (&user->groups, "[]");
  user->uid = -1;
  put (world, user);
  return thole_accounts_lookup (world->accounts, &thole_user_type, "us-1");
}

static char *
make_key (World *world)
{
  TholeKey *key = thole_record_new (&thole_key_type);
  char *text;

  thole_record_set (&key->id, "ak-1");
  thole_record_set (&key->owner, "us-1");
  thole_record_set (&key->name, "x");
  thole_record_set (&key->scopes, "[]");
  text = thole_identity_make_key (world->identity, key);
  /* its use is not noted while we count */
  key->last_used_at = thole_clock_now (&world->clock);
  put (world, key);
  return text;
}

static void
set_up (World *world, gconstpointer with_users)
{
  TholeIdentityOptions options = { .token_life = G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC };
  g_autofree char *file = NULL;
  gint64 ends;

  world->clock = *thole_clock_system ();
  world->clock.now = get_time;
  world->store = thole_fixture_new (NULL, 0);
  file = g_build_filename (world->store->dir, "bootstrap-token", NULL);
  options.state_dir = world->store->dir;
  world->accounts = thole_accounts_new (world->store->db, &world->clock, NULL);
  world->identity = thole_identity_new (file, NULL);
  g_assert_true (thole_identity_open (world->identity, world->accounts, &world->clock, &options, NULL));
  g_assert_true (g_file_get_contents (file, &world->bootstrap, NULL, NULL));
  g_strchomp (world->bootstrap);
  if (with_users != NULL)
    {
      TholeUser *user = make_user (world);

      world->key = make_key (world);
      world->token = thole_identity_issue (world->identity, user, &ends);
    }
}

static void
tear_down (World *world, gconstpointer data)
{
  thole_identity_free (world->identity);
  thole_accounts_free (world->accounts);
  thole_fixture_free (world->store);
  g_free (world->key);
  g_free (world->token);
  g_free (world->bootstrap);
}

/* as long as @text and of the same letters, equal in the first @kept characters and different in the next */
static char *
variant (const char *text, gsize kept)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  char *out = g_strdup (text);

  for (gsize i = kept; out[i] != '\0'; i++)
    do
      out[i] = letters[g_test_rand_int_range (0, 64)];
    while (i == kept && out[i] == text[i]);
  /* of the last one of 43 only four bits count */
  if (kept < strlen (text))
    out[strlen (text) - 1] = text[strlen (text) - 1] == 'A' || kept + 1 < strlen (text) ? 'Q' : 'A';
  return out;
}

/* a comparison that stops at the first difference, as it must not be, is seen */
static G_GNUC_NO_INLINE gboolean
look_careless (const char *text, const char *good)
{
  gsize i = 0;

  while (text[i] != '\0' && text[i] == good[i])
    i++;
  return text[i] == good[i];
}

static G_GNUC_NO_INLINE gboolean
look (World *world, const char *text)
{
  g_autoptr (TholePrincipal) principal = NULL;

  if (world->careless != NULL)
    return look_careless (text, world->careless);
  principal = thole_identity_token (world->identity, text);
  return principal != NULL;
}

/* in the child: stops before and after each */
static G_GNUC_NORETURN void
look_at_all (World *world, char **texts, guint n)
{
  char place[1024]; /* one for all: how texts are aligned counts, too */
  gboolean let_in = FALSE;

  /* what is found out at a first use is found out */
  for (guint i = 0; i < n; i++)
    let_in |= look (world, texts[i]);
  if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) != 0)
    _exit (77);
  for (guint i = 0; i < n; i++)
    {
      g_strlcpy (place, texts[i], sizeof place);
      raise (SIGUSR1);
      let_in |= look (world, place);
      raise (SIGUSR2);
    }
  _exit (let_in);
}

/* Returns: FALSE when nobody may count here */
static gboolean
count_all (World *world, char **texts, guint n, guint *counts)
{
  pid_t child = fork ();
  guint done = 0, steps = 0;
  gboolean counting = FALSE;
  int status;

  if (child == 0)
    look_at_all (world, texts, n);
  while (waitpid (child, &status, 0) == child && WIFSTOPPED (status))
    {
      steps = WSTOPSIG (status) == SIGUSR1 ? 0 : steps + 1;
      if (WSTOPSIG (status) == SIGUSR1)
        counting = TRUE;
      else if (WSTOPSIG (status) == SIGUSR2)
        {
          g_assert_cmpuint (done, <, n);
          counts[done++] = steps;
          counting = FALSE;
        }
      g_assert_cmpuint (steps, <, MAX_STEPS);
      if (ptrace (counting ? PTRACE_SINGLESTEP : PTRACE_CONT, child, NULL, NULL) != 0)
        break;
    }
  if (!WIFEXITED (status) || WEXITSTATUS (status) == 77)
    return FALSE;
  /* 1: one of them was let in */
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  return done == n;
}

static gboolean
any_among (const guint *some, guint n_some, const guint *controls, guint n_controls)
{
  for (guint i = 0; i < n_some; i++)
    for (guint j = 0; j < n_controls; j++)
      if (some[i] == controls[j])
        return TRUE;
  return FALSE;
}

/* Returns: how many beginnings take a number of instructions that nothing else takes. @from: where what is secret begins.
 * @each: so many of one length; above 1 where it is chance how many buckets of a hash table are looked at */
static guint
count_told (World *world, const char *good, gsize from, guint n_controls, guint each)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  static const guint lengths[] = { 1, 8, 21, 42 };
  guint counts[MAX_PROBES], told = 0;

  for (guint i = 0; i < n_controls; i++)
    g_ptr_array_add (texts, variant (good, from));
  for (guint i = 0; i < each * G_N_ELEMENTS (lengths); i++)
    g_ptr_array_add (texts, variant (good, from + lengths[i / each]));
  g_assert_cmpuint (texts->len, <=, MAX_PROBES);
  if (!count_all (world, (char **) texts->pdata, texts->len, counts))
    {
      g_test_skip ("instructions cannot be counted here");
      return G_MAXUINT;
    }
  for (guint i = n_controls; i < texts->len; i += each)
    told += !any_among (&counts[i], each, counts, n_controls);
  g_test_message ("%u instructions for a wrong one; %u of %u beginnings are told apart", counts[0], told, (guint) G_N_ELEMENTS (lengths));
  return told;
}

static void
check (World *world, const char *good, gsize from, guint n_controls, guint each)
{
  guint told = count_told (world, good, from, n_controls, each);

  g_assert_true (told == 0 || told == G_MAXUINT);
  /* what they were compared with is good; not before, for then it would be remembered */
  g_assert_true (look (world, good));
}

static void
test_key (World *world, gconstpointer data)
{
  check (world, world->key, strlen ("thole_"), 6, 3);
}

static void
test_token (World *world, gconstpointer data)
{
  check (world, world->token, (gsize) (strrchr (world->token, '.') + 1 - world->token), 2, 1);
}

static void
test_bootstrap (World *world, gconstpointer data)
{
  check (world, world->bootstrap, 0, 3, 1);
}

static void
test_careless (World *world, gconstpointer data)
{
  guint told;

  world->careless = world->bootstrap;
  told = count_told (world, world->bootstrap, 0, 3, 1);
  g_assert_cmpuint (told, >=, 4); /* or nothing could be counted */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#ifdef __SANITIZE_ADDRESS__
  g_print ("1..0 # SKIP a sanitizer executes instructions of its own\n");
  return 0;
#endif
  g_test_add ("/prefix/key", World, "users", set_up, test_key, tear_down);
  g_test_add ("/prefix/token", World, "users", set_up, test_token, tear_down);
  g_test_add ("/prefix/bootstrap", World, NULL, set_up, test_bootstrap, tear_down);
  g_test_add ("/prefix/careless", World, NULL, set_up, test_careless, tear_down);
  return g_test_run ();
}
