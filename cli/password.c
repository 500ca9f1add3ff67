/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "password.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_C 3

void
cli_secret_free (char *text)
{
  if (text != NULL)
    explicit_bzero (text, strlen (text));
  g_free (text);
}

char *
cli_stdin_secret (GError **error)
{
  char *text = g_malloc (CLI_SECRET_MAX + 2);
  gsize length = 0;
  gssize n = 1;

  while (length <= CLI_SECRET_MAX && (n = read (STDIN_FILENO, text + length, CLI_SECRET_MAX + 1 - length)) > 0)
    length += (gsize) n;
  text[length] = '\0';
  /* what an echo or an editor puts at the end */
  if (length > 0 && text[length - 1] == '\n')
    text[--length] = '\0';
  if (n >= 0 && length > 0 && length <= CLI_SECRET_MAX && g_utf8_validate_len (text, length, NULL))
    return text;
  cli_secret_free (text);
  g_set_error (error, CLI_ERROR, CLI_USAGE, _("standard input does not hold a value: UTF-8, 1 to %d bytes"), CLI_SECRET_MAX);
  return NULL;
}

/* Ctrl-C and the like wait until the terminal is as it was */
static void
hold_signals (sigset_t *before)
{
  sigset_t held;

  sigemptyset (&held);
  for (const int *signal = (const int[]) { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, 0 }; *signal != 0; signal++)
    sigaddset (&held, *signal);
  sigprocmask (SIG_BLOCK, &held, before);
}

static gboolean
write_all (int fd, const char *text)
{
  return write (fd, text, strlen (text)) == (gssize) strlen (text);
}

/* Returns: (transfer full): a line; @ended: by Ctrl-C or Ctrl-D */
static char *
read_line (int fd, gboolean *ended)
{
  char *line = g_malloc (CLI_SECRET_MAX + 1);
  gsize length = 0;
  char c = 0;

  *ended = FALSE;
  while (c != '\n' && length < CLI_SECRET_MAX && !*ended)
    {
      gssize n = read (fd, &c, 1);

      if (n < 0 && errno == EINTR)
        continue;
      *ended = n <= 0 || c == CTRL_C;
      if (!*ended && c != '\n')
        line[length++] = c;
    }
  line[length] = '\0';
  return line;
}

static char *
ask (const char *prompt, gboolean echo, GError **error)
{
  int fd = open ("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  struct termios before, quiet;
  gboolean ended = FALSE;
  sigset_t signals;
  char *line;

  if (fd < 0 || tcgetattr (fd, &before) != 0)
    {
      if (fd >= 0)
        close (fd);
      g_set_error (error, CLI_ERROR, CLI_USAGE, _("there is no terminal to ask on: give it on standard input"));
      return NULL;
    }
  quiet = before;
  if (!echo)
    quiet.c_lflag &= (tcflag_t) ~(ECHO | ECHONL);
  /* Ctrl-C comes as a character that ends the line, so that the echo is never left off */
  quiet.c_lflag &= (tcflag_t) ~ISIG;
  quiet.c_cc[VEOL] = CTRL_C;
  hold_signals (&signals);
  tcsetattr (fd, TCSAFLUSH, &quiet);
  write_all (fd, prompt);
  line = read_line (fd, &ended);
  tcsetattr (fd, TCSAFLUSH, &before);
  if (!echo || ended)
    write_all (fd, "\n");
  sigprocmask (SIG_SETMASK, &signals, NULL);
  close (fd);
  if (!ended && *line != '\0' && g_utf8_validate (line, -1, NULL))
    return line;
  cli_secret_free (line);
  g_set_error (error, CLI_ERROR, CLI_FAILED, ended ? _("interrupted") : _("nothing was typed"));
  return NULL;
}

char *
cli_ask_secret (const char *prompt, GError **error)
{
  return ask (prompt, FALSE, error);
}

char *
cli_ask (const char *prompt, GError **error)
{
  return ask (prompt, TRUE, error);
}

char *
cli_new_password (gboolean from_stdin, GError **error)
{
  char *first, *again;
  gboolean same;

  if (from_stdin)
    return cli_stdin_secret (error);
  first = cli_ask_secret (_("New password: "), error);
  again = first != NULL ? cli_ask_secret (_("Once more: "), error) : NULL;
  same = again != NULL && strcmp (first, again) == 0;
  if (again != NULL && !same)
    g_set_error (error, CLI_ERROR, CLI_USAGE, _("the two are not the same"));
  cli_secret_free (again);
  if (same)
    return first;
  cli_secret_free (first);
  return NULL;
}
