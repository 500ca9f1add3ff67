/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine of this driver: objects in memory that live by a clock. It knows nothing of calls and answers; a driver is one
 * watcher of a world, and a world may outlive its watchers (README.md, `engine` and `state_file`).
 */
#pragma once

#include "program.h"

typedef struct _MemWorld MemWorld;
typedef struct _MemWorkload MemWorkload;
typedef struct _MemWatcher MemWatcher;
typedef struct _MemDue MemDue;
typedef struct _MemJournal MemJournal;
typedef struct _MemLog MemLog;
typedef struct _MemTree MemTree;

/* Something that happens at a time. */
struct _MemDue
{
  gint64 at;
  GSequenceIter *place; /* NULL = not scheduled */
  void (*fire) (MemDue *self, MemWorld *world, gint64 at);
};

struct _MemWatcher
{
  const char *instance; /* only events of this instance's objects come */
  void (*event)  (MemWatcher *self, GVariant *event);  /* sinks it */
  void (*down)   (MemWatcher *self, const char *reason);
  void (*arm)    (MemWatcher *self, gint64 at);        /* call mem_world_advance() then; G_MAXINT64 = never */
};

typedef struct
{
  char *reference;
  char *id;
  gint64 size, created_at;
} MemImage;

typedef struct
{
  char *id, *instance, *name;
  GVariant *labels;    /* (nullable): a{ss} */
  gint64 created_at, size;
  MemTree *tree;
  guint users;         /* workloads that mount it */
} MemVolume;

struct _MemWorld
{
  guint references;
  char *name;               /* (nullable): of a world that outlives its watchers */
  MemJournal *journal;      /* (nullable) */
  GHashTable *workloads;    /* id -> MemWorkload, owned */
  GQueue order;             /* of MemWorkload.link: by creation */
  GHashTable *images;       /* reference -> MemImage, owned */
  GHashTable *volumes;      /* id -> MemVolume, owned */
  GHashTable *ports;        /* published ports: transport << 16 | port -> MemWorkload */
  GHashTable *crashes;      /* fault rule -> how often it has crashed us */
  GHashTable *calls;        /* slot -> count, for `control calls` */
  GSequence *schedule;      /* of MemDue */
  GPtrArray *watchers;
  guint64 serial;           /* engine ids, execs */
  gint64 now;               /* of the advance at hand */
  gboolean loading;
  gboolean down;
  gboolean deaf;            /* events are lost */
  gboolean durable;         /* programs survive a restart of the engine */
  gsize log_bytes;
  MemDue up;
};

typedef enum
{
  MEM_CREATED,
  MEM_RUNNING,
  MEM_PAUSED,
  MEM_EXITED,
} MemState;

typedef struct
{
  char **command;
  gint64 interval;          /* µs */
  guint retries, failures;
  gint64 start_period;
  gint64 next;              /* G_MAXINT64 = no check */
  char state[12];
} MemHealth;

typedef struct
{
  guint16 container, host;
  guint16 published;        /* 0 = not now */
  guint8 transport;         /* index of mem_transports */
  char *address;            /* an interned string */
} MemPort;

extern const char *const mem_transports[]; /* tcp udp sctp NULL */

struct _MemWorkload
{
  MemWorld *world;
  char *id;
  char *instance;           /* an interned string, as all that many workloads share */
  char *image;
  char *name;
  GList link;               /* in MemWorld.order */
  MemDue due;
  guint64 serial;           /* gives the engine id */
  gint64 created_at, started_at, finished_at;
  gint64 base;              /* start of the program's own clock: started_at and all pauses */
  gint64 paused_at;
  gint64 kill_at;           /* G_MAXINT64 = no stop is under way */
  gint64 term_at;           /* when the first signal came that the program handles, 0 = none */
  gint64 memory_limit;
  MemProgram *program;      /* (nullable): NULL also while one without words runs */
  char **words;             /* (nullable) */
  GVariant *env;            /* (nullable): a{ss} */
  GHashTable *secrets;      /* (nullable): name or path -> GBytes with a NUL behind, never written anywhere */
  GVariant *mounts;         /* (nullable): aa{sv} */
  GArray *ports;            /* (nullable): of MemPort */
  MemHealth *health;        /* (nullable) */
  MemLog *log;              /* (nullable) */
  MemTree *tree;            /* (nullable) */
  GSList *waiters;          /* of MemWaiter, called when it has ended */
  char *user, *working_dir; /* interned */
  const char *reason;       /* static, "" = none */
  guint8 state;             /* MemState */
  guint8 exit_code;
  guint8 exit_signal;
  guint8 term_signal;
  guint8 held_signal;       /* came while paused */
  gboolean oom : 1;
  gboolean install : 1;
  gboolean tty : 1;
  gboolean stdin_open : 1;
  gboolean no_network : 1;
  gboolean host_network : 1;
};

typedef struct
{
  void (*ended) (gpointer data, MemWorkload *workload);
  gpointer data;
} MemWaiter;

/* A world of @name that other drivers of this process share (NULL = its own). */
MemWorld    *mem_world_acquire    (const char *name, gsize log_bytes);
void         mem_world_release    (MemWorld *self);
/* A named one is no longer found by its name. */
void         mem_world_forget     (MemWorld *self);

void         mem_world_watch      (MemWorld *self, MemWatcher *watcher);
void         mem_world_unwatch    (MemWorld *self, MemWatcher *watcher);
/* All other watchers hear nothing any more; they are not touched. */
void         mem_world_keep_only  (MemWorld *self, MemWatcher *watcher);
void         mem_world_schedule   (MemWorld *self, MemDue *due, gint64 at);
/* Does what is due up to @now, at most a fair share of it; TRUE when there is more to do now. */
gboolean     mem_world_advance    (MemWorld *self, gint64 now);
/* When something is due next, G_MAXINT64 = never. */
gint64       mem_world_next       (MemWorld *self);
/* Sinks @event. */
void         mem_world_emit       (MemWorld *self, const char *instance, GVariant *event);
/* @lasting: µs until it comes back, G_MAXINT64 = when told to */
void         mem_world_go_down    (MemWorld *self, gint64 now, gint64 lasting, gboolean kill, const char *reason);
void         mem_world_come_up    (MemWorld *self);
MemWorkload *mem_world_workload   (MemWorld *self, const char *id);
MemImage    *mem_world_image      (MemWorld *self, const char *reference);
MemImage    *mem_world_add_image  (MemWorld *self, const char *reference, gint64 now);
MemVolume   *mem_world_volume     (MemWorld *self, const char *id);
MemVolume   *mem_world_add_volume (MemWorld *self, const char *id, const char *instance, gint64 now);
void         mem_world_remove_volume (MemWorld *self, MemVolume *volume);
/* Returns: (transfer full): with the tag `latest` when it has none */
char        *mem_reference_full   (const char *reference);
