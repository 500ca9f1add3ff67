/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Who is told what. A caller that has listed the objects or subscribed to events is a watcher until it leaves the bus: signals go
 * to watchers alone, each gets only what it may see. How much is under way to one is bounded: after every so many signals it is
 * asked for a sign of life, and until that comes no more than as many follow. What changes meanwhile is told afterwards, once.
 */
#pragma once

#include "bus/face.h"

typedef struct _TholeBusWatcher TholeBusWatcher;

/* news.c: what has become of the objects */
TholeBusNews *thole_bus_news_new  (TholeBus *bus);
void          thole_bus_news_free (TholeBusNews *self);
/* Begins or ends to look at events: somebody watches, or nobody. */
void          thole_bus_news_look (TholeBusNews *self, gboolean on);

typedef enum
{
  THOLE_BUS_ADDED,
  THOLE_BUS_CHANGED,
  THOLE_BUS_REMOVED,
} TholeBusHappening;

typedef struct
{
  TholeBusKind kind;
  const char *id, *owner;
  TholeBusHappening happening;
  const GByteArray *properties; /* (nullable): those that changed, or all: thole_bus_object_write() */
} TholeBusNewsItem;

/* A signal, made once for all its receivers. */
typedef struct
{
  char *path;
  const char *interface, *member, *signature;
  GByteArray *body;             /* as it goes over the bus */
} TholeBusSignal;

/* watchers.c: all of them */
TholeBusWatchers *thole_bus_watchers_new  (TholeBus *bus);
/* They are told that this is the end. */
void              thole_bus_watchers_free (TholeBusWatchers *self);
/* They have all left: the bus has gone. */
void              thole_bus_watchers_leave (TholeBusWatchers *self);
/* Tells everybody who may know. */
void              thole_bus_watchers_tell (TholeBusWatchers *self, const TholeBusNewsItem *item);
/* Ends those who may see something else than before: before a round of telling. */
void              thole_bus_watchers_check (TholeBusWatchers *self);
/* Makes the caller of @call a watcher, or renews what it may see. Returns: (transfer none) (nullable): there are too many */
TholeBusWatcher  *thole_bus_watch    (TholeBusCall *call);
/* (nullable) */
TholeBusWatcher  *thole_bus_watcher  (TholeBus *bus, const char *name);
/* It is none any more; nothing happens when it is none. @reason: (nullable): it is told */
void              thole_bus_unwatch  (TholeBus *bus, const char *name, const char *reason);
/* polkit's rules may have changed: those whom it let in have to ask again. */
void              thole_bus_distrust (TholeBus *bus);

/* watcher.c: one of them */
TholeBusWatcher *thole_bus_watcher_new     (TholeBus *bus, const char *name, uid_t uid);
void             thole_bus_watcher_free    (TholeBusWatcher *self);
/* It may see from now on what the caller of @call may. */
void             thole_bus_watcher_trust   (TholeBusWatcher *self, const TholeBusCall *call);
gboolean         thole_bus_watcher_consented (TholeBusWatcher *self);
uid_t            thole_bus_watcher_uid     (TholeBusWatcher *self);
/* Ends it when its user may see something else than when it began. Returns: FALSE: it has ended, and may be freed */
gboolean         thole_bus_watcher_check   (TholeBusWatcher *self);
/* @signal: the same for everybody; cleared = it is made when the first needs it */
void             thole_bus_watcher_tell    (TholeBusWatcher *self, const TholeBusNewsItem *item, TholeBusSignal *signal);
/* Between these nothing is sent, since what it asked for is still being made; what changes meanwhile is told at the end. */
void             thole_bus_watcher_hold    (TholeBusWatcher *self);
void             thole_bus_watcher_release (TholeBusWatcher *self);
/* Follows events: Root.Subscribe. @stream: (transfer full) */
void             thole_bus_watcher_follow  (TholeBusWatcher *self, TholeStream *stream);
/* Tells it that this was all, and why: a word. */
void             thole_bus_watcher_end     (TholeBusWatcher *self, const char *reason);

/* signal.c */
void             thole_bus_signal_make     (TholeBusSignal *self, const TholeBusNewsItem *item);
/* @signature: static. Returns with a body to which its values are to be written */
void             thole_bus_signal_of_root  (TholeBusSignal *self, const char *name, const char *signature);
void             thole_bus_signal_clear    (TholeBusSignal *self);
void             thole_bus_signal_send     (const TholeBusSignal *self, TholeBusOutlet *outlet, const char *destination);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TholeBusSignal, thole_bus_signal_clear)

/* subscribe.c: Root.Subscribe and Root.Unsubscribe */
void             thole_bus_subscribe   (TholeBusCall *call);
void             thole_bus_unsubscribe (TholeBusCall *call);
