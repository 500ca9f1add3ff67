/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "account.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "thole-agent-protocol.h"

#define LINE 8192
#define COLUMNS 7

typedef struct
{
  int fd;
  char chunk[4096];
  size_t at, length;
  char line[LINE];
} Lines;

static bool
lines_open (Lines *self, const char *path)
{
  self->at = self->length = 0;
  self->fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  return self->fd >= 0;
}

static bool
next_byte (Lines *self, char *byte)
{
  if (self->at == self->length)
    {
      ssize_t length = read (self->fd, self->chunk, sizeof self->chunk);

      if (length <= 0)
        return false;
      self->at = 0;
      self->length = (size_t) length;
    }
  *byte = self->chunk[self->at++];
  return true;
}

/* a line that does not fit is passed over */
static bool
lines_next (Lines *self)
{
  size_t length = 0;
  char byte;

  while (next_byte (self, &byte))
    {
      if (byte != '\n')
        {
          if (length < LINE)
            self->line[length] = byte;
          length++;
          continue;
        }
      if (length < LINE)
        {
          self->line[length] = '\0';
          return true;
        }
      length = 0;
    }
  if (length == 0 || length >= LINE)
    return false;
  self->line[length] = '\0';
  return true;
}

static int
split (char *line, char *columns[COLUMNS])
{
  int count = 0;

  while (count < COLUMNS)
    {
      char *colon = strchr (line, ':');

      columns[count++] = line;
      if (colon == NULL)
        break;
      *colon = '\0';
      line = colon + 1;
    }
  return count;
}

static bool
number (const char *text, uint32_t *value)
{
  uint64_t sum = 0;

  if (*text == '\0' || strlen (text) > 10)
    return false;
  for (; *text != '\0'; text++)
    {
      if (*text < '0' || *text > '9')
        return false;
      sum = sum * 10 + (uint64_t) (*text - '0');
    }
  /* the highest means "leave it" to the kernel */
  if (sum >= UINT32_MAX)
    return false;
  *value = (uint32_t) sum;
  return true;
}

static bool
copy (char *to, size_t size, const char *text)
{
  if (strlen (text) >= size)
    return false;
  strcpy (to, text);
  return true;
}

static bool
find_user (const char *name, Account *account)
{
  uint32_t wanted = 0, uid, gid;
  bool by_number = number (name, &wanted), found = false;
  char *columns[COLUMNS];
  Lines lines;

  if (!lines_open (&lines, "/etc/passwd"))
    return false;
  while (!found && lines_next (&lines))
    {
      if (split (lines.line, columns) < 7 || !number (columns[2], &uid) || !number (columns[3], &gid))
        continue;
      if (strcmp (columns[0], name) != 0 && !(by_number && uid == wanted))
        continue;
      account->uid = uid;
      account->gid = gid;
      found = copy (account->name, sizeof account->name, columns[0]) &&
              copy (account->home, sizeof account->home, columns[5]) &&
              copy (account->shell, sizeof account->shell, columns[6]);
    }
  close (lines.fd);
  return found;
}

static bool
find_group (const char *name, uint32_t *gid)
{
  char *columns[COLUMNS];
  bool found = false;
  uint32_t value;
  Lines lines;

  if (lines_open (&lines, "/etc/group"))
    {
      while (!found && lines_next (&lines))
        if (split (lines.line, columns) >= 3 && strcmp (columns[0], name) == 0 && number (columns[2], &value))
          {
            *gid = value;
            found = true;
          }
      close (lines.fd);
    }
  return found || number (name, gid);
}

static bool
has_member (const char *members, const char *name)
{
  size_t length = strlen (name);

  for (const char *at = members; at != NULL; at = strchr (at, ','))
    {
      at += *at == ',';
      if (strncmp (at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
        return true;
    }
  return false;
}

static void
find_groups (Account *account)
{
  char *columns[COLUMNS];
  uint32_t gid;
  Lines lines;

  account->groups[account->n_groups++] = account->gid;
  if (account->name[0] == '\0' || !lines_open (&lines, "/etc/group"))
    return;
  while (account->n_groups < ACCOUNT_GROUPS && lines_next (&lines))
    if (split (lines.line, columns) >= 4 && number (columns[2], &gid) && gid != account->gid &&
        has_member (columns[3], account->name))
      account->groups[account->n_groups++] = gid;
  close (lines.fd);
}

int
account_find (const char *spec, Account *account)
{
  char own[16], name[128];
  const char *group;

  if (*spec == '\0')
    {
      snprintf (own, sizeof own, "%u", (unsigned) geteuid ());
      spec = own;
    }
  group = strchr (spec, ':');
  memset (account, 0, sizeof *account);
  if (strlen (spec) >= sizeof name || spec[0] == ':' || (group != NULL && group[1] == '\0'))
    return THOLE_AGENT_INVALID;
  strcpy (name, spec);
  if (group != NULL)
    name[group - spec] = '\0';
  if (!find_user (name, account))
    {
      /* a number needs no entry: engines allow that */
      memset (account, 0, sizeof *account);
      if (!number (name, &account->uid))
        return THOLE_AGENT_NO_USER;
    }
  if (spec == own)
    account->gid = getegid ();
  if (account->home[0] == '\0')
    strcpy (account->home, "/");
  if (account->shell[0] == '\0')
    strcpy (account->shell, "/bin/sh");
  if (group != NULL && !find_group (group + 1, &account->gid))
    return THOLE_AGENT_NO_USER;
  find_groups (account);
  return THOLE_AGENT_OK;
}
