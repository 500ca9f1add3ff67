/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What has become of the objects, made of the stream of events. Of an object only marks of its properties are kept, so that those
 * that changed can be told from the others; and only of objects that changed while somebody watched.
 */
#include "bus/watch.h"

#include <string.h>

#include "bus/object.h"

#define PAUSE (50 * 1000)   /* µs in which changes of one object become one signal */
#define BATCH 512           /* events looked at in a row */

typedef struct
{
  TholeBusKind kind;
  char *owner;
  guint64 marks[];
} Known;

typedef struct
{
  TholeBusKind kind;
  char *owner;
} Dirty;

struct _TholeBusNews
{
  TholeBus *bus;
  TholeStream *stream;    /* (nullable): while somebody watches */
  GSource *pump, *flush;
  GHashTable *known;      /* id -> Known */
  GHashTable *dirty;      /* id -> Dirty */
  char *last[THOLE_BUS_N_KINDS]; /* the newest id that was there before */
};

static void
known_free (gpointer data)
{
  g_free (((Known *) data)->owner);
  g_free (data);
}

static void
dirty_free (gpointer data)
{
  g_free (((Dirty *) data)->owner);
  g_free (data);
}

/* properties --------------------------------------------------------------------------------------------------- */

/* FNV-1a, of eight bytes at a time */
static guint64
mark_of (const guint8 *data, gsize length)
{
  guint64 mark = 14695981039346656037ull ^ length;

  for (gsize i = 0; i < length; i += 8)
    {
      guint64 word = 0;

      memcpy (&word, data + i, MIN (8, length - i));
      mark = (mark ^ word) * 1099511628211ull;
      mark ^= mark >> 32;
    }
  return mark;
}

/* does it differ from what is remembered? */
static gboolean
has_changed (guint index, const guint8 *bytes, gsize length, gpointer known)
{
  guint64 mark = mark_of (bytes, length);
  guint64 before = ((Known *) known)->marks[index];

  ((Known *) known)->marks[index] = mark;
  return mark != before;
}

static Known *
remember (TholeBusNews *self, TholeBusKind kind, const char *id, const char *owner)
{
  guint n = thole_bus_object_n_properties (kind);
  Known *known = g_malloc0 (sizeof *known + n * sizeof known->marks[0]);

  known->kind = kind;
  known->owner = g_strdup (owner);
  g_hash_table_replace (self->known, g_strdup (id), known);
  return known;
}

/* rounds ------------------------------------------------------------------------------------------------------- */

static void
tell_removed (TholeBusNews *self, TholeBusKind kind, const char *id, const char *owner)
{
  const TholeBusNewsItem item = { kind, id, owner, THOLE_BUS_REMOVED, NULL };

  thole_bus_watchers_tell (self->bus->watchers, &item);
}

static void
tell_object (TholeBusNews *self, const char *id, const Dirty *dirty, gpointer object)
{
  Known *known = g_hash_table_lookup (self->known, id);
  gboolean added = known == NULL && dirty->kind != THOLE_BUS_BACKEND && strcmp (id, self->last[dirty->kind]) > 0;
  g_autoptr (GByteArray) changed = g_byte_array_sized_new (1024);
  const TholeBusNewsItem item = { dirty->kind, id, dirty->owner, added ? THOLE_BUS_ADDED : THOLE_BUS_CHANGED, changed };

  /* of what was not known before all is new */
  if (known == NULL)
    known = remember (self, dirty->kind, id, dirty->owner);
  thole_bus_object_write (dirty->kind, object, changed, has_changed, known);
  if (changed->len == 0)
    return;
  thole_bus_watchers_tell (self->bus->watchers, &item);
  if (thole_bus_object_listed (dirty->kind, object))
    return;
  /* it has told its end: it is not listed any more */
  tell_removed (self, dirty->kind, id, dirty->owner);
  g_hash_table_remove (self->known, id);
}

static gboolean
flush (gpointer user_data)
{
  TholeBusNews *self = user_data;
  g_autoptr (GHashTable) dirty = g_steal_pointer (&self->dirty);
  GHashTableIter iter;
  gpointer key, value;

  self->dirty = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, dirty_free);
  thole_source_clear (&self->flush);
  thole_bus_watchers_check (self->bus->watchers);
  if (self->stream == NULL)
    return G_SOURCE_REMOVE;
  g_hash_table_iter_init (&iter, dirty);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      Dirty *one = value;
      gpointer object = thole_bus_object_find (self->bus->operations, one->kind, key);

      if (object != NULL)
        {
          tell_object (self, key, one, object);
          continue;
        }
      tell_removed (self, one->kind, key, one->owner);
      g_hash_table_remove (self->known, key);
    }
  return G_SOURCE_REMOVE;
}

/* events ------------------------------------------------------------------------------------------------------- */

static TholeBusKind
kind_of (const TholeItem *item)
{
  static const struct { const char *prefix; TholeBusKind kind; } kinds[] = {
    { "workload.", THOLE_BUS_WORKLOAD }, { "session.", THOLE_BUS_SESSION },
    { "operation.", THOLE_BUS_OPERATION }, { "backend.", THOLE_BUS_BACKEND },
  };

  for (guint i = 0; item->subject != NULL && i < G_N_ELEMENTS (kinds); i++)
    if (g_str_has_prefix (item->type, kinds[i].prefix))
      return kinds[i].kind;
  return THOLE_BUS_ROOT;
}

static void
note (TholeBusNews *self, const TholeItem *item)
{
  TholeBusKind kind = kind_of (item);
  Dirty *dirty;

  if (kind == THOLE_BUS_ROOT || g_hash_table_contains (self->dirty, item->subject))
    return;
  dirty = g_new (Dirty, 1);
  *dirty = (Dirty) { kind, g_strdup (item->owner) };
  g_hash_table_insert (self->dirty, g_strdup (item->subject), dirty);
  if (self->flush == NULL)
    self->flush = thole_clock_timer (self->bus->options.clock, PAUSE, flush, self);
}

static gboolean
pump (gpointer user_data)
{
  TholeBusNews *self = user_data;
  TholeItem item = { 0 };

  for (guint i = 0; i < BATCH; i++)
    {
      TholeStreamResult result = self->stream->next (self->stream, &item, NULL);

      if (result == THOLE_STREAM_ITEM)
        {
          note (self, &item);
          g_bytes_unref (item.data);
          item = (TholeItem) { 0 };
          continue;
        }
      thole_source_clear (&self->pump);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

static void
ready (gpointer reader)
{
  TholeBusNews *self = reader;

  if (self->pump == NULL)
    self->pump = thole_clock_timer (self->bus->options.clock, 0, pump, self);
}

static void
begin (TholeBusNews *self)
{
  TholeOperations *operations = self->bus->operations;
  TholeCollection *all[THOLE_BUS_N_KINDS] = { [THOLE_BUS_WORKLOAD] = operations->workloads, [THOLE_BUS_SESSION] = operations->sessions,
                                              [THOLE_BUS_OPERATION] = operations->operations };

  for (TholeBusKind kind = 0; kind < THOLE_BUS_N_KINDS; kind++)
    {
      guint n = all[kind] != NULL ? thole_collection_size (all[kind]) : 0;

      g_free (self->last[kind]);
      self->last[kind] = g_strdup (n > 0 ? thole_bus_object_id (kind, thole_collection_index (all[kind], n - 1)) : "");
    }
  self->stream = thole_event_log_follow (operations->events, thole_event_log_newest (operations->events), NULL, NULL);
  if (self->stream == NULL)
    return;
  self->stream->reader = self;
  self->stream->ready = ready;
  ready (self);
}

static void
end (TholeBusNews *self)
{
  TholeStream *stream = g_steal_pointer (&self->stream);

  thole_source_clear (&self->pump);
  thole_source_clear (&self->flush);
  if (stream != NULL)
    stream->close (stream);
  g_hash_table_remove_all (self->known);
  g_hash_table_remove_all (self->dirty);
}

void
thole_bus_news_look (TholeBusNews *self, gboolean on)
{
  if (on && self->stream == NULL)
    begin (self);
  else if (!on)
    end (self);
}

TholeBusNews *
thole_bus_news_new (TholeBus *bus)
{
  TholeBusNews *self = g_new0 (TholeBusNews, 1);

  self->bus = bus;
  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, known_free);
  self->dirty = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, dirty_free);
  return self;
}

void
thole_bus_news_free (TholeBusNews *self)
{
  end (self);
  for (TholeBusKind kind = 0; kind < THOLE_BUS_N_KINDS; kind++)
    g_free (self->last[kind]);
  g_hash_table_unref (self->known);
  g_hash_table_unref (self->dirty);
  g_free (self);
}
