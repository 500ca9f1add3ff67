/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "frames.h"

#include <string.h>

#include "thole-dict.h"

/* the engine cuts long lines into messages of this size */
#define MESSAGE_SIZE 16384
/* "2026-11-21T08:00:00.000000000Z", or with an offset instead of the Z */
#define TIME_MAX 40
/* messages whose times are kept, to know them again */
#define RECENT 1024

gboolean
docker_frames_feed (DockerFrames *self, const guint8 *data, gsize length, DockerFrameFunc function, gpointer user_data)
{
  while (length > 0)
    {
      gsize n;

      if (self->left == 0)
        {
          n = MIN (length, DOCKER_FRAME_HEADER - self->have);
          memcpy (self->header + self->have, data, n);
          self->have += (guint) n;
          data += n;
          length -= n;
          if (self->have < DOCKER_FRAME_HEADER)
            return TRUE;
          self->stream = self->header[0];
          if (self->stream > 3 || self->header[1] != 0 || self->header[2] != 0 || self->header[3] != 0)
            return FALSE;
          memcpy (&self->left, self->header + 4, 4);
          self->left = GUINT32_FROM_BE (self->left);
          self->have = 0;
          n = MIN (length, self->left);
          function (self->stream, data, n, TRUE, user_data);
        }
      else
        {
          n = MIN (length, self->left);
          function (self->stream, data, n, FALSE, user_data);
        }
      self->left -= (guint32) n;
      data += n;
      length -= n;
    }
  return TRUE;
}

/* logs ------------------------------------------------------------------------------------------------ */

typedef struct
{
  gint64 time;     /* of the beginning of the present line */
  gboolean within; /* the last message did not end its line */
} Channel;

struct _DockerLogReader
{
  gboolean tty;
  DockerFrames frames;
  Channel channels[4];
  char stamp[TIME_MAX + 1]; /* the time at the head of a message, as far as it came */
  guint stamped;
  gboolean reading_stamp;
  gsize since_stamp;        /* terminal: bytes since the last time */
  GByteArray *out;          /* during feed */
  gint64 recent[RECENT];    /* times (ns) of the last messages, in their order, from @first on around */
  guint first, n_recent;
  gint64 forgotten;         /* the latest time of those that are not kept, 0 = all are */
  guint64 count;
  guint known;              /* of @recent, those that come again: how many have passed */
  gboolean repeats;         /* they come again */
  gboolean dropping;        /* the present message is one of them */
};

DockerLogReader *
docker_log_reader_new (gboolean tty)
{
  DockerLogReader *self = g_new0 (DockerLogReader, 1);

  self->tty = tty;
  self->reading_stamp = tty;
  return self;
}

void
docker_log_reader_free (DockerLogReader *self)
{
  g_free (self);
}

static void
emit (DockerLogReader *self, guint8 stream, const guint8 *data, gsize length)
{
  Channel *channel = &self->channels[stream];

  if (length == 0 || self->dropping)
    return;
  /* 3 is a complaint of the engine in the midst of a log */
  thole_log_record_append (self->out, stream == 1 ? 1 : 2, channel->time, data, length);
  channel->within = data[length - 1] != '\n';
}

static gint64
recent_at (const DockerLogReader *self, guint index)
{
  return self->recent[(self->first + index) % RECENT];
}

static void
remember (DockerLogReader *self, gint64 time)
{
  if (self->n_recent == RECENT)
    {
      self->forgotten = MAX (self->forgotten, self->recent[self->first]);
      self->first = (self->first + 1) % RECENT;
      self->n_recent--;
    }
  self->recent[(self->first + self->n_recent++) % RECENT] = time;
  self->count++;
}

/* The order is always the same, but the engine may have dropped the oldest, and times of two streams are not quite in order. */
static gboolean
came_before (DockerLogReader *self, gint64 time)
{
  gint64 latest = 0;

  for (guint i = self->known; i < self->n_recent; i++)
    {
      if (recent_at (self, i) == time)
        {
          self->known = i + 1;
          self->repeats = self->known < self->n_recent;
          return TRUE;
        }
      latest = MAX (latest, recent_at (self, i));
    }
  self->repeats = time <= latest;
  return self->repeats;
}

static void
begin_message (DockerLogReader *self, gint64 time)
{
  self->dropping = self->repeats && came_before (self, time);
  if (!self->dropping)
    remember (self, time);
}

/* thole_time_parse() has found it good */
static gint64
nanoseconds (const char *stamp, gint64 time)
{
  const char *digit = strchr (stamp, '.');
  gint64 unit = 100, rest = 0;

  for (guint i = 1; digit != NULL && i <= 9 && g_ascii_isdigit (digit[i]); i++)
    if (i > 6)
      {
        rest += (digit[i] - '0') * unit;
        unit /= 10;
      }
  return time * 1000 + rest;
}

/* Takes bytes of the time; returns how many. */
static gsize
read_stamp (DockerLogReader *self, guint8 stream, const guint8 *data, gsize length)
{
  Channel *channel = &self->channels[stream];
  gint64 time;
  gsize n = 0;

  while (n < length && self->stamped < TIME_MAX && data[n] != ' ' && data[n] != '\n')
    self->stamp[self->stamped++] = (char) data[n++];
  if (n == length && self->stamped < TIME_MAX)
    return n;
  self->stamp[self->stamped] = '\0';
  self->reading_stamp = FALSE;
  self->since_stamp = 0;
  time = n < length && data[n] == ' ' ? thole_time_parse (self->stamp) : 0;
  if (time != 0)
    begin_message (self, nanoseconds (self->stamp, time));
  if (time == 0)
    {
      /* no time here: it is text */
      self->since_stamp = self->stamped;
      emit (self, stream, (const guint8 *) self->stamp, self->stamped);
    }
  else if (!channel->within && !self->dropping)
    channel->time = time;
  self->stamped = 0;
  return time == 0 ? n : n + 1;
}

static void
on_piece (guint8 stream, const guint8 *data, gsize length, gboolean begins, gpointer user_data)
{
  DockerLogReader *self = user_data;

  if (begins)
    {
      self->reading_stamp = TRUE;
      self->stamped = 0;
    }
  while (self->reading_stamp && length > 0)
    {
      gsize n = read_stamp (self, stream, data, length);

      data += n;
      length -= n;
    }
  emit (self, stream, data, length);
}

/* Without frames a message ends at a line's end, or inside a long line after MESSAGE_SIZE bytes. */
static void
feed_terminal (DockerLogReader *self, const guint8 *data, gsize length)
{
  while (length > 0)
    {
      const guint8 *newline;
      gsize n;

      if (self->reading_stamp)
        {
          n = read_stamp (self, 1, data, length);
          data += n;
          length -= n;
          continue;
        }
      n = MIN (length, MESSAGE_SIZE - self->since_stamp % MESSAGE_SIZE);
      newline = memchr (data, '\n', n);
      if (newline != NULL)
        n = newline - data + 1;
      emit (self, 1, data, n);
      self->since_stamp += n;
      self->reading_stamp = newline != NULL || self->since_stamp % MESSAGE_SIZE == 0;
      data += n;
      length -= n;
    }
}

gboolean
docker_log_reader_feed (DockerLogReader *self, const guint8 *data, gsize length, GByteArray *out)
{
  self->out = out;
  if (!self->tty)
    return docker_frames_feed (&self->frames, data, length, on_piece, self);
  feed_terminal (self, data, length);
  return TRUE;
}

void
docker_log_reader_again (DockerLogReader *self)
{
  self->frames = (DockerFrames) { .left = 0 };
  self->reading_stamp = self->tty;
  self->stamped = 0;
  self->since_stamp = 0;
  self->known = 0;
  self->repeats = self->n_recent > 0;
  self->dropping = FALSE;
}

gint64
docker_log_reader_since (const DockerLogReader *self)
{
  gint64 since = self->n_recent > 0 ? recent_at (self, 0) : 0;

  if (self->forgotten != 0)
    return self->forgotten;
  for (guint i = 1; i < self->n_recent; i++)
    since = MIN (since, recent_at (self, i));
  return since;
}

guint64
docker_log_reader_count (const DockerLogReader *self)
{
  return self->count;
}

gboolean
docker_log_reader_is_between (const DockerLogReader *self)
{
  return self->tty ? self->stamped == 0 : self->frames.left == 0 && self->frames.have == 0;
}
