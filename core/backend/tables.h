/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver's tables, copied into our own so that an older or newer driver reads the same; and what is known of every slot.
 */
#pragma once

#include "backend/backend.h"

#include "thole-driver.h"

/* Why a driver was refused; each has its own sentence. */
#define THOLE_LOAD_ERROR (thole_load_error_quark ())
GQuark thole_load_error_quark (void);

typedef enum
{
  THOLE_LOAD_MANIFEST,   /* the manifest cannot be read or is wrong */
  THOLE_LOAD_DISABLED,   /* by its manifest */
  THOLE_LOAD_DUPLICATE,  /* another driver has this id */
  THOLE_LOAD_UNTRUSTED,  /* owner or mode of a file, for root */
  THOLE_LOAD_CHECK,      /* the check program cannot be run */
  THOLE_LOAD_CRASHED,    /* the first opening, in a child, ended by a signal */
  THOLE_LOAD_HUNG,       /* ... did not end in time */
  THOLE_LOAD_REJECTED,   /* ... said no */
  THOLE_LOAD_NEEDS,      /* a library that it needs is missing */
  THOLE_LOAD_OPEN,       /* dlopen */
  THOLE_LOAD_SYMBOL,     /* no thole_driver_entry, or it gave nothing */
  THOLE_LOAD_ABI,        /* another ABI number */
  THOLE_LOAD_ID,         /* id of module and manifest differ */
  THOLE_LOAD_SIZE,       /* a table's struct_size */
  THOLE_LOAD_INTERFACE,  /* none that we know, or not those of the manifest */
  THOLE_LOAD_SLOT,       /* half a pair, or a mandatory slot is empty */
} TholeLoadError;

typedef enum
{
  THOLE_TABLE_WORKLOAD,
  THOLE_TABLE_EXEC,
  THOLE_TABLE_AGENT,
  THOLE_TABLE_FILES,
  THOLE_TABLE_IMAGE,
  THOLE_TABLE_VOLUME,
  THOLE_N_TABLES
} TholeTableId;

/* Ours, zeroed before the copy: what the driver does not have is NULL. */
typedef struct
{
  char *id;
  char *version;
  guint tables;              /* bits of TholeTableId: interfaces that the driver has */
  TholeDriverOps driver;
  TholeWorkloadOps workload;
  TholeExecOps exec;
  TholeAgentOps agent;
  TholeFilesOps files;
  TholeImageOps image;
  TholeVolumeOps volume;
} TholeTables;

/* The signature of an `_async` slot: what stands between self and the cancellable. */
typedef enum
{
  THOLE_TAKES_OPTIONS,       /* options */
  THOLE_TAKES_ID,            /* id, options */
  THOLE_TAKES_ID_DICT,       /* id, dict, options */
  THOLE_TAKES_ID_TEXT,       /* id, text, options */
  THOLE_TAKES_TEXT,          /* text, options */
  THOLE_TAKES_ID_TEXT_TAR,   /* id, text, tar, options */
  THOLE_TAKES_ID_TEXT_SIZE,  /* id, text, rows, cols */
  THOLE_TAKES_ID_TEXT_SIGNAL, /* id, text, signal, options */
} TholeSlotTakes;

/* The result of a `_finish` slot. */
typedef enum
{
  THOLE_GIVES_NOTHING,       /* gboolean */
  THOLE_GIVES_DICT,          /* a{sv} */
  THOLE_GIVES_DICTS,         /* aa{sv} */
  THOLE_GIVES_STREAM,        /* GIOStream */
  THOLE_GIVES_STREAM_AND_ID, /* GIOStream and the exec id */
} TholeSlotGives;

typedef struct
{
  const char *name;          /* "workload.start" */
  TholeTableId table;
  gsize start, finish;       /* offsets of the pair in TholeTables */
  TholeSlotTakes takes;
  TholeSlotGives gives;
  double deadline;           /* seconds, when the caller gives none */
  gboolean managing;         /* all of these or none: what a workload needs to be managed */
  gboolean foreign;          /* its `unavailable` may mean another server than the engine (a registry) */
} TholeSlotInfo;

const TholeSlotInfo *thole_slot_info (TholeSlot slot);

/* "workload/1" */
const char *thole_table_name    (TholeTableId table);
/* -1 when this daemon does not know it */
int         thole_table_find    (const char *name);

/* Copies and checks the tables of @plugin. Returns: (transfer full) (nullable): counted by reference, because a call that
 * comes back late still needs them */
TholeTables *thole_tables_new   (const TholePlugin *plugin, GError **error);
TholeTables *thole_tables_ref   (TholeTables *self);
void         thole_tables_unref (TholeTables *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TholeTables, thole_tables_unref)

gboolean    thole_tables_has    (const TholeTables *self, TholeSlot slot);
/* The function at @offset (of TholeSlotInfo); to be cast to its real type. */
GCallback   thole_tables_slot   (const TholeTables *self, gsize offset);

/* Calls @slot of @driver, which must have it, with those of @args that it takes; the rules of thole-driver.h hold. */
void        thole_tables_call   (const TholeTables *self, TholeDriver *driver, TholeSlot slot, const TholeSlotArgs *args,
                                 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
/* @out: filled with what the slot gives, as the driver gave it */
gboolean    thole_tables_finish (const TholeTables *self, TholeDriver *driver, TholeSlot slot, GAsyncResult *result,
                                 TholeSlotResult *out, GError **error);

/* Appends the names as members of a JSON array, without brackets. */
void        thole_tables_render_interfaces   (const TholeTables *self, GString *out);
void        thole_tables_render_capabilities (const TholeTables *self, GString *out);
