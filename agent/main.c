/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * thole-agent: holds terminals and attached programs inside a workload, so that they outlive everything between them and who
 * looks at them. PROTOCOL.md says how it is spoken to.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "bridge.h"

static int
usage (void)
{
  dprintf (2, "usage: thole-agent hold --dir DIR [--user USER] [--idle SECONDS] [--foreground]\n"
              "       thole-agent bridge --dir DIR [--user USER]\n"
              "       thole-agent version\n");
  return 2;
}

static bool
read_options (int argc, char **argv, HoldOptions *options)
{
  for (int i = 2; i < argc; i++)
    {
      const char *value = i + 1 < argc ? argv[i + 1] : NULL;

      if (strcmp (argv[i], "--foreground") == 0)
        {
          options->foreground = true;
          continue;
        }
      if (value == NULL)
        return false;
      if (strcmp (argv[i], "--dir") == 0)
        options->folder = value;
      else if (strcmp (argv[i], "--user") == 0)
        options->user = value;
      else if (strcmp (argv[i], "--idle") == 0)
        options->idle_after = strtoul (value, NULL, 10) * 1000;
      else
        return false;
      i++;
    }
  return options->folder != NULL && strlen (options->user) < 256;
}

int
main (int argc, char **argv)
{
  HoldOptions options = { .user = "" };

  /* descriptors 0 to 2 must be something, else the first that is opened takes their place */
  for (int fd = 0; fd < 3; fd++)
    if (fcntl (fd, F_GETFD) < 0 && open ("/dev/null", O_RDWR) != fd)
      return 1;
  if (argc == 2 && strcmp (argv[1], "version") == 0)
    {
      printf ("thole-agent %s, protocol %d, %s\n", THOLE_VERSION, THOLE_AGENT_PROTOCOL_MAX, agent_architecture ());
      return 0;
    }
  if (argc < 2 || !read_options (argc, argv, &options))
    return usage ();
  if (strcmp (argv[1], "hold") == 0)
    return hold (&options);
  return strcmp (argv[1], "bridge") == 0 ? bridge (&options) : usage ();
}
