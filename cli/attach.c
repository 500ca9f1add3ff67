/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attach.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

#include "detach-keys.h"
#include "raw.h"
#include "socket.h"
#include "thole-dict.h"
#include "units.h"

#define PIECE 16384
#define QUIET 1500 /* ms that a cut lasts before it is told */

typedef struct
{
  const CliAttach *options;
  TholeWire *wire;
  guint64 held;         /* output bytes that we have had */
  CliRaw raw;
  gboolean screen;      /* what comes is for our terminal */
  CliDetachKeys keys, take;
  GByteArray *typed, *kept;
  GSource *reader, *teller;
  GSource *signals[4];
  gboolean input_ended;
  gboolean told;        /* that the connection broke */
  gboolean watching;    /* somebody else types */
  guint interrupts;
  gboolean done;
  CliAttachEnd end;
  int code;
  GError *error;
} Attach;

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* a line of our own between what the program writes */
static void
note (Attach *self, const char *text)
{
  gboolean raw = self->raw.on;

  if (self->screen)
    cli_write (STDERR_FILENO, "\r\n", 2);
  cli_raw_end (&self->raw);
  cli_print_error ("tholectl: %s", text);
  if (raw)
    cli_raw_begin (&self->raw);
}

static void
stop (Attach *self, int code, CliAttachEnd end)
{
  self->code = code;
  self->end = end;
  self->done = TRUE;
}

/* input ------------------------------------------------------------------------------------------------- */

/* what was typed at a program that has long not taken anything is lost, as at any terminal */
static void
give (Attach *self)
{
  gsize length = MIN (self->typed->len, self->wire->class->room (self->wire));

  if (length < self->typed->len)
    cli_write (STDERR_FILENO, "\a", 1);
  self->wire->class->input (self->wire, self->typed->data, length);
}

/* what takes control is found behind what leaves; only while somebody else has it */
static void
seek_take (Attach *self)
{
  GByteArray *typed = self->typed;

  if (!self->watching || self->take.n_keys == 0)
    return;
  g_byte_array_set_size (self->kept, 0);
  for (guint i = 0; i < typed->len; i++)
    if (cli_detach_keys_feed (&self->take, typed->data + i, 1, self->kept))
      self->wire->class->take (self->wire);
  self->typed = self->kept;
  self->kept = typed;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Attach *self = user_data;
  guint8 piece[PIECE];
  gssize got = read (fd, piece, sizeof piece);
  gboolean leaves;

  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (got <= 0)
    {
      self->input_ended = TRUE;
      clear_source (&self->reader);
      self->wire->class->end_of_input (self->wire);
      return G_SOURCE_REMOVE;
    }
  g_byte_array_set_size (self->typed, 0);
  leaves = cli_detach_keys_feed (&self->keys, piece, (gsize) got, self->typed);
  seek_take (self);
  if (self->typed->len > 0)
    give (self);
  if (leaves)
    stop (self, CLI_DONE, CLI_ATTACH_LEFT);
  /* until the program takes it; keys that leave must always be seen */
  else if (!self->raw.on && self->wire->class->room (self->wire) < PIECE)
    clear_source (&self->reader);
  return G_SOURCE_CONTINUE;
}

static void
read_more (Attach *self)
{
  if (!self->options->input || self->input_ended || self->reader != NULL)
    return;
  self->reader = g_unix_fd_source_new (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback (self->reader, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->reader, NULL);
}

/* what the wire tells ----------------------------------------------------------------------------------- */

static void
on_began (gpointer user_data, guint64 position)
{
  ((Attach *) user_data)->held = position;
}

static void
on_output (gpointer user_data, int channel, const guint8 *data, gsize length, guint64 position)
{
  Attach *self = user_data;

  if (self->done)
    return;
  if (!cli_write (channel == 2 ? STDERR_FILENO : STDOUT_FILENO, data, length))
    {
      /* as a broken pipe ends a program here */
      self->error = g_error_new (CLI_ERROR, CLI_FAILED, _("nobody reads our output"));
      stop (self, CLI_DONE, CLI_ATTACH_ENDED);
      return;
    }
  self->held = position;
  self->wire->class->ack (self->wire, position);
}

static void
on_gap (gpointer user_data, guint64 position, guint64 lines)
{
  Attach *self = user_data;
  g_autofree char *size = cli_size_text ((gint64) (position - self->held));
  g_autofree char *text = NULL;

  self->held = position;
  if (lines > 0)
    text = g_strdup_printf (_("lines skipped, since they came too fast; the log has them: %llu"), (unsigned long long) lines);
  else
    text = g_strdup_printf (_("%s of output were no longer kept"), size);
  note (self, text);
}

static void
on_control (gpointer user_data, gboolean held)
{
  Attach *self = user_data;

  if (!held && !self->watching && self->options->input && !self->options->watch)
    {
      g_autofree char *text = self->take.n_keys == 0 ? NULL : g_strdup_printf (_("somebody else types, you watch; %s takes over"),
                                                                              self->options->take_keys);

      note (self, text != NULL ? text : _("somebody else types, you watch; --take takes over"));
    }
  else if (held && self->watching)
    note (self, _("now you type"));
  self->watching = !held;
  if (held && self->wire->class->room (self->wire) >= PIECE)
    read_more (self);
}

static void
on_taken (gpointer user_data)
{
  Attach *self = user_data;

  if (!self->watching && self->wire->class->room (self->wire) >= PIECE)
    read_more (self);
}

static gboolean
on_tell (gpointer user_data)
{
  Attach *self = user_data;
  g_autofree char *text = NULL;

  clear_source (&self->teller);
  self->told = TRUE;
  if (self->keys.n_keys > 0)
    text = g_strdup_printf (_("the connection broke, connecting again; %s leaves"), self->options->detach_keys);
  note (self, text != NULL ? text : _("the connection broke, connecting again"));
  return G_SOURCE_REMOVE;
}

static void
on_state (gpointer user_data, gboolean connected)
{
  Attach *self = user_data;

  clear_source (&self->teller);
  if (!connected)
    {
      self->teller = g_timeout_source_new (QUIET);
      g_source_set_callback (self->teller, on_tell, self, NULL);
      g_source_attach (self->teller, NULL);
    }
  else if (self->told)
    {
      self->told = FALSE;
      note (self, _("connected again"));
    }
}

static void
on_ended (gpointer user_data, int code, int signal, const GError *error)
{
  Attach *self = user_data;

  if (self->done)
    return;
  if (error != NULL)
    self->error = g_error_copy (error);
  stop (self, code < 0 ? CLI_FAILED : code & 255, CLI_ATTACH_ENDED);
}

static const TholeWireEvents events = { on_began, on_output, on_gap, on_control, on_taken, on_state, on_ended };

/* signals ----------------------------------------------------------------------------------------------- */

static gboolean
on_resize (gpointer user_data)
{
  Attach *self = user_data;
  guint rows, cols;

  if (self->screen && cli_raw_size (&rows, &cols))
    self->wire->class->resize (self->wire, rows, cols);
  return G_SOURCE_CONTINUE;
}

/* the first one is for the program, the next one for us */
static gboolean
on_interrupt (gpointer user_data)
{
  Attach *self = user_data;

  if (self->interrupts++ == 0 && self->options->input && !self->watching && !self->options->console)
    self->wire->class->signal (self->wire, "SIGINT");
  else
    stop (self, 128 + SIGINT, CLI_ATTACH_INTERRUPTED);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_terminate (gpointer user_data)
{
  stop (user_data, 128 + SIGTERM, CLI_ATTACH_INTERRUPTED);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_hang_up (gpointer user_data)
{
  stop (user_data, 128 + SIGHUP, CLI_ATTACH_HUNG_UP);
  return G_SOURCE_CONTINUE;
}

static void
watch_signals (Attach *self)
{
  static const struct { int number; GSourceFunc func; } watched[] = {
    { SIGWINCH, on_resize }, { SIGINT, on_interrupt }, { SIGTERM, on_terminate }, { SIGHUP, on_hang_up },
  };

  G_STATIC_ASSERT (G_N_ELEMENTS (watched) == G_N_ELEMENTS (((Attach *) NULL)->signals));
  for (guint i = 0; i < G_N_ELEMENTS (watched); i++)
    {
      self->signals[i] = g_unix_signal_source_new (watched[i].number);
      g_source_set_callback (self->signals[i], watched[i].func, self, NULL);
      g_source_attach (self->signals[i], NULL);
    }
}

/* ------------------------------------------------------------------------------------------------------- */

/* The session ended while we were away: its exit code is still known. Keeps @self->error when it is not. */
static void
ask_exit_code (Attach *self, Cli *cli)
{
  g_autofree char *path = cli_path (self->options->console ? "/v1/workloads/%s" : "/v1/sessions/%s", self->options->session);
  g_autoptr(GVariant) session = cli_get (cli, path, NULL);
  g_autoptr(GVariant) code = session != NULL ? thole_dict_value (session, "exit_code", "x") : NULL;
  const char *state = session != NULL ? thole_dict_string (session, "state", "") : "";

  if (code == NULL || !g_strv_contains ((const char *const[]){ "ended", "stopped", "crashed", NULL }, state))
    return;
  if ((guint64) thole_dict_int (session, "output", 0) > self->held)
    note (self, _("the program ended while the connection was broken; the end of its output is lost"));
  g_clear_error (&self->error);
  self->code = (int) g_variant_get_int64 (code) & 255;
}

static void
run (Attach *self, Cli *cli)
{
  const CliAttach *options = self->options;
  const TholeSocketOptions wanted = { .console = options->console, .from = options->from, .take = options->take,
                                      .watch = options->watch, .shared = options->shared, .patience = options->patience };

  self->wire = cli_socket_new (cli->client, options->session, &wanted, &events, self);
  on_resize (self);
  watch_signals (self);
  read_more (self);
  while (!self->done)
    g_main_context_iteration (NULL, TRUE);
  clear_source (&self->reader);
  clear_source (&self->teller);
  for (guint i = 0; i < G_N_ELEMENTS (self->signals); i++)
    clear_source (&self->signals[i]);
  if (self->error != NULL)
    ask_exit_code (self, cli);
  cli_socket_free (self->wire);
}

int
cli_attach (Cli *cli, const CliAttach *options, CliAttachEnd *end, GError **error)
{
  g_autoptr(GByteArray) typed = g_byte_array_new (), kept = g_byte_array_new ();
  Attach self = { .options = options, .typed = typed, .kept = kept };

  self.screen = options->tty && isatty (STDOUT_FILENO);
  if (options->tty && options->input && isatty (STDIN_FILENO))
    {
      if (!cli_detach_keys_parse (&self.keys, options->detach_keys, error) || !cli_detach_keys_parse (&self.take, options->take_keys, error))
        return CLI_FAILED;
      cli_raw_begin (&self.raw);
    }
  run (&self, cli);
  /* a program that ended has tidied up, but one that goes on without us has not */
  if (self.screen && (self.end != CLI_ATTACH_ENDED || self.error != NULL || self.code >= 128))
    cli_raw_reset ();
  cli_raw_end (&self.raw);
  if (self.error != NULL)
    {
      g_propagate_error (error, self.error);
      return CLI_FAILED;
    }
  *end = self.end;
  return self.code;
}
