/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the suites share: a driver that is opened as the daemon opens it, calls of its slots that are watched, things to call them on.
 *
 * A case is a function. It says what is wrong with kit_fault() or KIT_CHECK(), what cannot be tried with kit_skip(), and returns.
 * All cases run in a child that may die of the driver (run.h); what goes beyond one case is in Kit.
 */
#pragma once

#include "backend/loader.h"
#include "settings.h"

#include "thole-dict.h"
#include "thole-driver.h"

/* What the child tells the one who watches it, in memory that both have. */
typedef struct
{
  int at;          /* the case that runs, -1 = none yet */
  guint beats;     /* grows while the loop turns */
  char slot[64];   /* what was called last */
} KitBoard;

/* What a workload of the kit is, at the engine. */
typedef enum
{
  KIT_ABSENT,
  KIT_CREATED,
  KIT_RUNNING,
  KIT_PAUSED,
  KIT_EXITED,
  KIT_N_STATES
} KitState;

typedef struct
{
  const KitSettings *settings;
  KitBoard *board;
  TholeTables *tables;
  TholeDriver *driver;     /* NULL while it is closed */
  TholeHost *host;
  TholeHost *hosts;        /* all that were made, as an array: what a closed driver still does with its own is a fault */
  guint opened;
  char *instance, *folder;
  GVariant *facts;         /* of the last probe */
  GPtrArray *events;       /* (element-type GVariant): since the driver was opened */
  GPtrArray *calls;        /* (element-type KitCall): since the driver was opened */
  GString *faults, *notes; /* of the case that runs */
  char *skip;
  char *things[KIT_N_STATES];
  guint unmade[KIT_N_STATES]; /* how often none could be made, one after the other */
  guint made;              /* for fresh names */
  int null;                /* /dev/null */
  gboolean lost;           /* a call did not come back: this process cannot go on */
  gboolean pulled;         /* the image is there */
} Kit;

/* One call of a slot, of `probe` or of `close`. */
typedef struct
{
  Kit *kit;
  TholeSlot slot;
  const char *name;
  GCancellable *cancellable;
  gboolean returned;       /* the `_async` function has */
  guint callbacks;
  gboolean good;
  TholeProbe probe;
  TholeSlotResult out;
  GError *error;
} KitCall;

void kit_fault (Kit *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void kit_note  (Kit *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void kit_skip  (Kit *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
gboolean kit_failed (Kit *self);

/* Returns from the case when @condition does not hold. */
#define KIT_CHECK(kit, condition, ...)  \
  do                                    \
    {                                   \
      if (!(condition))                 \
        {                               \
          kit_fault (kit, __VA_ARGS__); \
          return;                       \
        }                               \
    }                                   \
  while (0)

gboolean kit_has (Kit *self, TholeSlot slot);

/* the driver */

/* Opens without I/O; @more (nullable): an a{sv} of further keys. NULL and @error when it refuses. */
TholeDriver *kit_open_raw (Kit *self, GVariant *more, GError **error);
/* Opens and probes until it is ready; a fault when it does not become so. */
gboolean kit_open  (Kit *self);
/* Closes; a fault when that does not come back, or the driver uses its host afterwards. */
void     kit_close (Kit *self);
KitCall *kit_begin_close (Kit *self);
void     kit_end_close   (Kit *self, KitCall *call);
KitCall *kit_probe (Kit *self);

/* calls */

KitCall *kit_begin (Kit *self, TholeSlot slot, const TholeSlotArgs *args, GCancellable *cancellable);
/* Runs the loop until it came back. FALSE with a fault when it does not. */
gboolean kit_wait  (KitCall *call);
/* Both. */
KitCall *kit_call  (Kit *self, TholeSlot slot, const TholeSlotArgs *args);
/* The calls that ended give back what they hold. */
void     kit_forget (Kit *self);

/* Frees what came after the first @calls and @events; only when nothing can come of them any more. */
void     kit_drop   (Kit *self, guint calls, guint events);

/* What may come of a call: KIT_OK and KIT_CODE (NOT_FOUND), as a set. */
typedef guint64 KitOutcomes;
#define KIT_OK ((KitOutcomes) 1 << 63)
#define KIT_CANCELLED ((KitOutcomes) 1 << 62)
#define KIT_CODE(code) ((KitOutcomes) 1 << THOLE_ERROR_##code)
#define KIT_LACKING KIT_CODE (UNSUPPORTED)

KitOutcomes kit_outcome (KitCall *call);
/* A fault when it is none of @outcomes. */
gboolean    kit_expect  (KitCall *call, KitOutcomes outcomes);

/* Runs the loop until @done or the deadline. */
typedef gboolean (*KitDone) (Kit *self, gpointer data);
gboolean kit_until (Kit *self, KitDone done, gpointer data);
void     kit_turn  (Kit *self);                  /* what is ready now */
void     kit_pause (Kit *self, guint milliseconds);

/* How many events of @kind there were; of @id and @action when they are not NULL. */
guint    kit_events (Kit *self, const char *kind, const char *id, const char *action);
gboolean kit_wait_event (Kit *self, const char *kind, const char *id, const char *action, guint count);

/* Drains @input. Returns: (transfer full) (nullable): NULL with a fault */
GByteArray *kit_read (Kit *self, GInputStream *input, gsize limit);

/* Checks what a slot gave against schema.md. */
void kit_check_answer (KitCall *call);

/* things */

/* Returns: (transfer full): an id that was never used */
char *kit_fresh (Kit *self, const char *word);
/* Returns: (transfer full): a "spec" that runs @program (settings.h), with the keys of @more (nullable), an a{sv} as text */
GVariant *kit_spec (Kit *self, const char *program, const char *argument, const char *more);
/* Returns: (transfer full): a "command" of exec/1, the same way */
GVariant *kit_command (Kit *self, const char *program, const char *argument, const char *more);
/* A workload in that state, which cases share. Returns: (nullable): NULL with a fault */
const char *kit_thing (Kit *self, KitState state);
const char *kit_state_name (KitState state);

gboolean kit_create (Kit *self, const char *id, GVariant *spec);
gboolean kit_start  (Kit *self, const char *id);
/* Makes and starts one. Returns: (transfer full) (nullable): its id, NULL with a fault */
char    *kit_run    (Kit *self, const char *program, const char *argument, const char *more);
void     kit_remove (Kit *self, const char *id);
/* Returns: (transfer full) (nullable): the "workload" dictionary, NULL with a fault */
GVariant *kit_inspect (Kit *self, const char *id);
/* Waits for it. Returns: (transfer full) (nullable): NULL with a fault */
GVariant *kit_wait_state (Kit *self, const char *id, const char *state);
/* Removes every workload and volume of this instance. */
void     kit_sweep (Kit *self);
GVariant *kit_dict (const char *text);           /* transfer full: parsed */
GVariant *kit_list (Kit *self, TholeSlot slot);  /* transfer full, nullable: of a `list` slot */
gboolean  kit_list_has (GVariant *list, const char *id);
/* Makes the configured image present, once. FALSE with a fault */
gboolean  kit_need_image (Kit *self);
