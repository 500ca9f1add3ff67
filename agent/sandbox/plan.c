/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thole-sandbox-protocol.h"

static char *
read_whole (const char *path, size_t *length)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  struct stat place;
  char *bytes = NULL;
  size_t done = 0;
  ssize_t n = 1;

  if (fd < 0)
    return NULL;
  if (fstat (fd, &place) == 0 && place.st_size > 0 && place.st_size <= THOLE_SANDBOX_PLAN_BYTES)
    bytes = malloc ((size_t) place.st_size);
  while (bytes != NULL && n > 0 && done < (size_t) place.st_size)
    {
      n = read (fd, bytes + done, (size_t) place.st_size - done);
      done += n > 0 ? (size_t) n : 0;
    }
  close (fd);
  if (bytes != NULL && done > 0 && bytes[done - 1] == '\0')
    {
      *length = done;
      return bytes;
    }
  free (bytes);
  errno = EINVAL;
  return NULL;
}

/* A list of the plan: KEY, where its values go, and how many may. */
typedef struct
{
  const char *key;
  const char **list;
  int *count;
  int most;
} List;

typedef enum
{
  NO_LIST,
  ADDED,
  FULL
} Added;

static Added
add_to_list (const List *lists, const char *entry, const char *value)
{
  for (const List *at = lists; at->key != NULL; at++)
    {
      size_t length = strlen (at->key);

      if (strncmp (entry, at->key, length) != 0 || entry[length] != '=')
        continue;
      if (*at->count + 1 >= at->most)
        return FULL;
      at->list[(*at->count)++] = value;
      return ADDED;
    }
  return NO_LIST;
}

static bool
is (const char *entry, const char *key)
{
  return strncmp (entry, key, strlen (key)) == 0;
}

static void
take_single (SandboxPlan *plan, const char *entry, const char *value)
{
  if (is (entry, "folder="))
    plan->folder = value;
  else if (is (entry, "seccomp="))
    plan->seccomp = value;
  else if (is (entry, "oom="))
    plan->oom = value;
  else if (is (entry, "uid="))
    plan->uid = strtol (value, NULL, 10);
  else if (is (entry, "gid="))
    plan->gid = strtol (value, NULL, 10);
  else if (is (entry, "log_max="))
    plan->log_max = strtoll (value, NULL, 10);
  else if (is (entry, "tty="))
    plan->tty = value[0] == '1';
  else if (is (entry, "input="))
    plan->input = value[0] == '1';
}

/* False when there is no room: what is last matters most, so none is left out. */
static bool
take (SandboxPlan *plan, const List *lists, const char *entry)
{
  const char *value = strchr (entry, '=');
  Added added;

  if (value == NULL)
    return true;
  /* words of bwrap keep their letter, which says how they are to be taken */
  if (is (entry, "b=") || is (entry, "f=") || is (entry, "m=") || is (entry, "d="))
    {
      if (plan->n_engine + 1 >= PLAN_STRINGS)
        return false;
      plan->engine[plan->n_engine++] = entry;
      return true;
    }
  added = add_to_list (lists, entry, value + 1);
  if (added == NO_LIST)
    take_single (plan, entry, value + 1);
  return added != FULL;
}

bool
plan_read (SandboxPlan *plan, const char *path)
{
  const List lists[] = {
    { "cgroup", plan->groups, &plan->n_groups, PLAN_GROUPS },
    { "set", plan->settings, &plan->n_settings, 2 * PLAN_GROUPS },
    { "arg", plan->arguments, &plan->n_arguments, PLAN_STRINGS },
    { "env", plan->variables, &plan->n_variables, PLAN_STRINGS },
    { "rlimit", plan->limits, &plan->n_limits, PLAN_LIMITS },
    { NULL, NULL, NULL, 0 },
  };
  size_t length;

  plan->uid = plan->gid = -1;
  plan->folder = "";
  plan->bytes = read_whole (path, &length);
  if (plan->bytes == NULL)
    return false;
  for (char *at = plan->bytes; at < plan->bytes + length; at += strlen (at) + 1)
    if (!take (plan, lists, at))
      {
        errno = E2BIG;
        return false;
      }
  errno = EINVAL;
  return plan->n_engine > 0 && plan->n_arguments > 0;
}
