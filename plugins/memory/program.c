/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "program.h"

#include <math.h>
#include <signal.h>
#include <string.h>

#include "thole-dict.h"
#include "thole-error.h"

#define LINES_AT_ONCE 256
#define CATCH_UP_LINES 10000
#define FLOOD_LINE 64

typedef enum
{
  STEP_NEXT,  /* the instruction is done */
  STEP_AGAIN, /* it goes on, with the next share of work */
  STEP_WAIT,  /* nothing to do now */
} Step;

typedef struct
{
  const char *name;
  const char *arguments; /* t text, n count, f seconds, g signal; after | optional, * any number of texts */
  Step (*run) (MemProgram *self, char *const *words, guint n_words);
} Instruction;

typedef struct
{
  int signal;
  const char *text;
} Trap;

struct _MemProgram
{
  const MemProgramPlace *place;
  gpointer owner;
  char *const *words;
  guint at;             /* index of the present instruction's word */
  guint64 done;         /* how often the present instruction has done its part */
  gint64 time;          /* the program's own time: what it does happens then */
  gint64 wake;          /* G_MAXINT64 = does not wait for a time */
  gboolean sleeping;    /* the present instruction has set wake */
  gboolean blocked;     /* it waits for something else than a time */
  GByteArray *input;
  gboolean input_ended;
  gboolean ignores_term;
  double term_seconds;  /* negative = a signal ends it at once */
  int term_code;
  gboolean terminating;
  GArray *traps;        /* (nullable): of Trap */
  guint rows, cols;
  gboolean resized;
  MemProgramEnd end;
};

static void
say (MemProgram *self, guint8 stream, const char *data, gsize length)
{
  self->place->output (self->owner, stream, data, length, self->time);
}

static void
say_line (MemProgram *self, guint8 stream, const char *text)
{
  g_autofree char *line = g_strconcat (text, "\n", NULL);

  say (self, stream, line, strlen (line));
}

static gboolean
is_full (MemProgram *self)
{
  return self->place->full != NULL && self->place->full (self->owner);
}

static void
end_with (MemProgram *self, int code, int signal)
{
  self->end.ended = TRUE;
  self->end.exit_code = code;
  self->end.signal = signal;
  self->end.time = self->time;
  self->wake = G_MAXINT64;
}

/* Returns TRUE once the pause that was begun by the first call is over. */
static gboolean
pause_for (MemProgram *self, double seconds)
{
  if (self->sleeping)
    {
      self->sleeping = FALSE;
      return TRUE;
    }
  self->sleeping = TRUE;
  self->wake = self->time + (gint64) (seconds * G_USEC_PER_SEC);
  return FALSE;
}

static gint64
number_of (char *const *words, guint n_words, guint index, gint64 fallback)
{
  return index < n_words ? g_ascii_strtoll (words[index], NULL, 10) : fallback;
}

static Step
run_exit (MemProgram *self, char *const *words, guint n_words)
{
  end_with (self, (int) number_of (words, n_words, 1, 0) & 0xff, 0);
  return STEP_WAIT;
}

static Step
run_signal (MemProgram *self, char *const *words, guint n_words)
{
  int number = thole_signal_number (words[1]);

  end_with (self, 128 + number, number);
  return STEP_WAIT;
}

static Step
run_oom (MemProgram *self, char *const *words, guint n_words)
{
  end_with (self, 128 + SIGKILL, SIGKILL);
  self->end.oom = TRUE;
  return STEP_WAIT;
}

static Step
run_sleep (MemProgram *self, char *const *words, guint n_words)
{
  return pause_for (self, g_ascii_strtod (words[1], NULL)) ? STEP_NEXT : STEP_WAIT;
}

static Step
print_lines (MemProgram *self, guint8 stream, char *const *words, guint n_words)
{
  guint64 count = (guint64) number_of (words, n_words, 2, 1);

  for (guint i = 0; i < LINES_AT_ONCE && self->done < count; i++, self->done++)
    {
      if (is_full (self))
        return STEP_WAIT;
      say_line (self, stream, words[1]);
    }
  return self->done < count ? STEP_AGAIN : STEP_NEXT;
}

static Step
run_print (MemProgram *self, char *const *words, guint n_words)
{
  return print_lines (self, 1, words, n_words);
}

static Step
run_error (MemProgram *self, char *const *words, guint n_words)
{
  return print_lines (self, 2, words, n_words);
}

static Step
run_count (MemProgram *self, char *const *words, guint n_words)
{
  guint64 count = (guint64) number_of (words, n_words, 1, 0);
  char number[24];

  if (self->sleeping)
    {
      self->sleeping = FALSE;
      return STEP_AGAIN;
    }
  if (is_full (self))
    return STEP_WAIT;
  g_snprintf (number, sizeof number, "%" G_GUINT64_FORMAT, ++self->done);
  say_line (self, 1, number);
  if (self->done == count)
    return STEP_NEXT;
  pause_for (self, (double) number_of (words, n_words, 2, 1000) / 1000);
  return STEP_WAIT;
}

static Step
run_flood (MemProgram *self, char *const *words, guint n_words)
{
  guint64 length = (guint64) number_of (words, n_words, 1, 0);
  char line[FLOOD_LINE + 1];

  for (guint i = 0; i < LINES_AT_ONCE && self->done < length; i++)
    {
      gsize part = (gsize) MIN (length - self->done, FLOOD_LINE);

      if (is_full (self))
        return STEP_WAIT;
      g_snprintf (line, sizeof line, "%063" G_GUINT64_FORMAT "\n", self->done / FLOOD_LINE);
      say (self, 1, line, part);
      self->done += part;
    }
  return self->done < length ? STEP_AGAIN : STEP_NEXT;
}

static Step
cat_file (MemProgram *self, const char *path)
{
  g_autoptr (GBytes) bytes = self->place->read != NULL ? self->place->read (self->owner, path) : NULL;
  g_autofree char *message = NULL;
  const char *data;
  gsize length;

  if (bytes == NULL)
    {
      message = g_strdup_printf ("cat: %s: no such file", path);
      say_line (self, 2, message);
      end_with (self, 1, 0);
      return STEP_WAIT;
    }
  data = g_bytes_get_data (bytes, &length);
  while (self->done < length)
    {
      gsize part = MIN (length - self->done, 16384);

      if (is_full (self))
        return STEP_WAIT;
      say (self, 1, data + self->done, part);
      self->done += part;
    }
  return STEP_NEXT;
}

static Step
run_cat (MemProgram *self, char *const *words, guint n_words)
{
  if (n_words > 1)
    return cat_file (self, words[1]);
  while (self->input->len > 0)
    {
      gsize part = MIN (self->input->len, 16384);

      if (is_full (self))
        return STEP_WAIT;
      say (self, 1, (const char *) self->input->data, part);
      g_byte_array_remove_range (self->input, 0, (guint) part);
    }
  return self->input_ended ? STEP_NEXT : STEP_WAIT;
}

static Step
run_env (MemProgram *self, char *const *words, guint n_words)
{
  const char *value = NULL;

  if (self->place->variable != NULL)
    value = self->place->variable (self->owner, words[1]);
  if (value == NULL)
    {
      end_with (self, 1, 0);
      return STEP_WAIT;
    }
  say_line (self, 1, value);
  return STEP_NEXT;
}

static Step
run_write (MemProgram *self, char *const *words, guint n_words)
{
  g_autofree char *message = NULL;

  if (self->place->write != NULL && self->place->write (self->owner, words[1], words[2], self->time))
    return STEP_NEXT;
  message = g_strdup_printf ("write: %s: cannot be written", words[1]);
  say_line (self, 2, message);
  end_with (self, 1, 0);
  return STEP_WAIT;
}

static Step
run_health (MemProgram *self, char *const *words, guint n_words)
{
  if (self->place->health != NULL)
    self->place->health (self->owner, words[1]);
  return STEP_NEXT;
}

static Step
run_forever (MemProgram *self, char *const *words, guint n_words)
{
  return STEP_WAIT;
}

static Step
run_ignore_term (MemProgram *self, char *const *words, guint n_words)
{
  self->ignores_term = TRUE;
  return STEP_NEXT;
}

static Step
run_on_term (MemProgram *self, char *const *words, guint n_words)
{
  self->term_seconds = g_ascii_strtod (words[1], NULL);
  self->term_code = (int) number_of (words, n_words, 2, 0) & 0xff;
  return STEP_NEXT;
}

static Step
run_trap (MemProgram *self, char *const *words, guint n_words)
{
  Trap trap = { thole_signal_number (words[1]), n_words > 2 ? words[2] : NULL };

  if (self->traps == NULL)
    self->traps = g_array_new (FALSE, FALSE, sizeof (Trap));
  g_array_append_val (self->traps, trap);
  return STEP_NEXT;
}

static void
say_size (MemProgram *self)
{
  char text[32];

  g_snprintf (text, sizeof text, "%u %u", self->rows, self->cols);
  say_line (self, 1, text);
}

static Step
run_size (MemProgram *self, char *const *words, guint n_words)
{
  say_size (self);
  return STEP_NEXT;
}

static Step
run_watch_size (MemProgram *self, char *const *words, guint n_words)
{
  if (self->resized)
    say_size (self);
  self->resized = FALSE;
  return self->input_ended ? STEP_NEXT : STEP_WAIT;
}

static const Instruction instructions[] = {
  { "exit", "|n", run_exit },
  { "signal", "g", run_signal },
  { "oom", "", run_oom },
  { "sleep", "f", run_sleep },
  { "print", "t|n", run_print },
  { "error", "t|n", run_error },
  { "count", "n|n", run_count },
  { "flood", "n", run_flood },
  { "cat", "|t", run_cat },
  { "env", "t", run_env },
  { "write", "tt", run_write },
  { "health", "t", run_health },
  { "forever", "", run_forever },
  { "ignore-term", "", run_ignore_term },
  { "on-term", "f|n", run_on_term },
  { "trap", "g|t", run_trap },
  { "size", "", run_size },
  { "watch-size", "", run_watch_size },
};

static const Instruction *
find_instruction (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (instructions); i++)
    if (strcmp (instructions[i].name, name) == 0)
      return &instructions[i];
  return NULL;
}

/* words up to the next `;` */
static guint
length_of (char *const *words)
{
  guint length = 0;

  while (words[length] != NULL && strcmp (words[length], ";") != 0)
    length++;
  return length;
}

static gboolean
argument_fits (char kind, const char *text)
{
  char *end = NULL;
  double seconds;

  switch (kind)
    {
    case 'n':
      return g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, NULL, NULL);
    case 'f':
      seconds = g_ascii_strtod (text, &end);
      return end != text && *end == '\0' && isfinite (seconds) && seconds >= 0 && seconds < 1e9;
    case 'g':
      return thole_signal_number (text) > 0;
    default:
      return TRUE;
    }
}

static gboolean
check_instruction (char *const *words, guint n_words, GError **error)
{
  const Instruction *instruction = find_instruction (words[0]);
  gboolean optional = FALSE;
  guint at = 1;

  if (instruction == NULL)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "no such program: %s", words[0]);
      return FALSE;
    }
  for (const char *kind = instruction->arguments; *kind != '\0'; kind++)
    {
      if (*kind == '|')
        {
          optional = TRUE;
          continue;
        }
      if (at == n_words && optional)
        break;
      if (at == n_words || !argument_fits (*kind, words[at]))
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s: argument %u is %s", words[0], at,
                       at == n_words ? "missing" : "wrong");
          return FALSE;
        }
      at++;
    }
  if (at == n_words)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "%s: too many arguments", words[0]);
  return FALSE;
}

gboolean
mem_program_check (char *const *words, GError **error)
{
  while (*words != NULL)
    {
      guint length = length_of (words);

      if (length > 0 && !check_instruction (words, length, error))
        return FALSE;
      words += length;
      if (*words != NULL)
        words++;
    }
  return TRUE;
}

MemProgram *
mem_program_new (const MemProgramPlace *place, gpointer owner, char *const *words, gint64 time)
{
  MemProgram *self = g_new0 (MemProgram, 1);

  self->place = place;
  self->owner = owner;
  self->words = words;
  self->time = time;
  self->wake = time;
  self->input = g_byte_array_new ();
  self->term_seconds = -1;
  self->rows = 24;
  self->cols = 80;
  return self;
}

void
mem_program_free (MemProgram *self)
{
  g_byte_array_unref (self->input);
  if (self->traps != NULL)
    g_array_unref (self->traps);
  g_free (self);
}

static gboolean
has_no_words (MemProgram *self)
{
  return self->words == NULL || self->words[0] == NULL;
}

/* a long sleep of the daemon must not make it print a day's numbers now */
static void
skip_what_is_lost_anyway (MemProgram *self, gint64 now)
{
  char *const *words = self->words + self->at;
  gint64 pause;
  gint64 behind;
  guint64 count;

  if (strcmp (words[0], "count") != 0 || self->done == 0 || !self->sleeping)
    return;
  pause = number_of (words, length_of (words), 2, 1000) * 1000;
  count = (guint64) number_of (words, length_of (words), 1, 0);
  behind = pause > 0 ? (now - self->wake) / pause - CATCH_UP_LINES : 0;
  if (count != 0)
    behind = MIN (behind, (gint64) (count - self->done) - 1);
  if (behind <= 0)
    return;
  self->done += (guint64) behind;
  self->wake += behind * pause;
}

static Step
step (MemProgram *self)
{
  char *const *words = self->words + self->at;
  guint length = length_of (words);
  Step result = length == 0 ? STEP_NEXT : find_instruction (words[0])->run (self, words, length);

  if (result != STEP_NEXT)
    return result;
  self->at += length + (words[length] != NULL ? 1 : 0);
  self->done = 0;
  return STEP_AGAIN;
}

void
mem_program_advance (MemProgram *self, gint64 now)
{
  Step result = STEP_AGAIN;

  if (self->terminating && !self->end.ended && self->wake <= now)
    {
      self->time = self->wake;
      end_with (self, self->term_code, 0);
    }
  if (self->end.ended || self->terminating || has_no_words (self))
    {
      self->wake = self->terminating && !self->end.ended ? self->wake : G_MAXINT64;
      return;
    }
  if (self->blocked)
    self->time = MAX (self->time, now);
  self->blocked = FALSE;
  for (guint share = 0; share < LINES_AT_ONCE && result == STEP_AGAIN; share++)
    {
      if (self->words[self->at] == NULL)
        {
          end_with (self, 0, 0);
          return;
        }
      if (self->sleeping && self->wake > now)
        return;
      if (self->sleeping)
        {
          skip_what_is_lost_anyway (self, now);
          self->time = self->wake;
        }
      self->wake = G_MAXINT64;
      result = step (self);
    }
  if (result == STEP_AGAIN)
    self->wake = self->time;
  else
    self->blocked = !self->end.ended && !self->sleeping;
}

gint64
mem_program_wake (MemProgram *self)
{
  return self->wake;
}

const MemProgramEnd *
mem_program_end (MemProgram *self)
{
  return self->end.ended ? &self->end : NULL;
}

void
mem_program_shift (MemProgram *self, gint64 delay)
{
  self->time += delay;
  if (self->wake != G_MAXINT64)
    self->wake += delay;
}

gboolean
mem_signal_ends (int signal)
{
  switch (signal)
    {
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
    case SIGCONT:
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      return FALSE;
    default:
      return TRUE;
    }
}

static gboolean
run_traps (MemProgram *self, int signal)
{
  gboolean found = FALSE;

  for (guint i = 0; self->traps != NULL && i < self->traps->len; i++)
    {
      const Trap *trap = &g_array_index (self->traps, Trap, i);

      if (trap->signal != signal)
        continue;
      found = TRUE;
      if (trap->text != NULL)
        say_line (self, 1, trap->text);
    }
  return found;
}

void
mem_program_signal (MemProgram *self, int signal, gint64 now)
{
  gint64 before = self->time;

  if (self->end.ended)
    return;
  self->time = MAX (self->time, now);
  if (signal != SIGKILL && run_traps (self, signal))
    {
      self->time = before;
      return;
    }
  if (signal == SIGKILL || (mem_signal_ends (signal) && !self->ignores_term && self->term_seconds < 0))
    {
      end_with (self, 128 + signal, signal);
      return;
    }
  if (!mem_signal_ends (signal) || self->ignores_term || self->terminating)
    {
      self->time = before;
      return;
    }
  self->terminating = TRUE;
  self->wake = self->time + (gint64) (self->term_seconds * G_USEC_PER_SEC);
}

void
mem_program_input (MemProgram *self, const guint8 *data, gsize length)
{
  if (length == 0)
    self->input_ended = TRUE;
  else if (!self->input_ended)
    g_byte_array_append (self->input, data, (guint) length);
}

gsize
mem_program_pending_input (MemProgram *self)
{
  return self->input->len;
}

void
mem_program_resize (MemProgram *self, guint rows, guint cols)
{
  self->rows = rows;
  self->cols = cols;
  self->resized = TRUE;
}
