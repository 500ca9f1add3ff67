/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files/berths.h"

#define OWN (THOLE_BERTHS / 4)
#define KEPT (THOLE_BERTHS / 8)

struct _TholeBerths
{
  guint refs;         /* whoever has one may outlast the daemon's operations */
  guint taken;
  GHashTable *owners; /* name -> number of its berths */
};

TholeBerths *
thole_berths_new (void)
{
  TholeBerths *self = g_new0 (TholeBerths, 1);

  self->refs = 1;
  self->owners = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

TholeBerths *
thole_berths_ref (TholeBerths *self)
{
  self->refs++;
  return self;
}

void
thole_berths_unref (TholeBerths *self)
{
  if (--self->refs > 0)
    return;
  g_hash_table_unref (self->owners);
  g_free (self);
}

static guint
own (TholeBerths *self, const char *who)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->owners, who));
}

gboolean
thole_berths_take (TholeBerths *self, const char *who, gboolean admin)
{
  guint has = own (self, who);

  if (has >= OWN || self->taken >= (admin ? THOLE_BERTHS : THOLE_BERTHS - KEPT))
    return FALSE;
  self->taken++;
  g_hash_table_replace (self->owners, g_strdup (who), GUINT_TO_POINTER (has + 1));
  return TRUE;
}

void
thole_berths_leave (TholeBerths *self, const char *who)
{
  guint has = own (self, who);

  g_return_if_fail (has > 0);
  self->taken--;
  if (has > 1)
    g_hash_table_replace (self->owners, g_strdup (who), GUINT_TO_POINTER (has - 1));
  else
    g_hash_table_remove (self->owners, who);
}
