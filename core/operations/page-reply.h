/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "operations/verb.h"

/* One page of a collection as {"items":[...],"next_cursor":...}: bytes copied from what each object keeps rendered. */
typedef struct
{
  GString *json;
  gint64 limit;      /* how many it may have */
  guint count;       /* how many it has */
  const char *last;  /* id of the last one; borrowed */
} TholePage;

/* Reads limit and cursor. Returns FALSE after it answered with a problem. @after (out) (transfer full): id to go on from, "" = begin */
gboolean thole_page_begin (TholePage *self, TholeCall *call, char **after);
/* Adds one; returns FALSE when the page is full. */
gboolean thole_page_add   (TholePage *self, const char *id, GBytes *json);
/* The states of @type that ?state= names, separated by commas, as a mask; 0 = all. Returns FALSE after it answered with a problem. */
gboolean thole_query_states (TholeCall *call, const TholeRecordType *type, guint *mask);
/* Answers. @more: there may be further ones after the last */
void     thole_page_end   (TholePage *self, TholeCall *call, gboolean more);
