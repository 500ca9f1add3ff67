/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "faults.h"

#include <string.h>

#include "thole-error.h"

#define MOST_RULES 10000

struct _MemFaults
{
  GPtrArray *rules;
  guint64 random;
};

static void
mem_fault_free (MemFault *fault)
{
  g_free (fault->text);
  g_free (fault->slot);
  g_free (fault->id);
  g_free (fault);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MemFault, mem_fault_free)

MemFaults *
mem_faults_new (guint64 seed)
{
  MemFaults *self = g_new0 (MemFaults, 1);

  self->rules = g_ptr_array_new_with_free_func ((GDestroyNotify) mem_fault_free);
  self->random = seed;
  return self;
}

void
mem_faults_free (MemFaults *self)
{
  g_ptr_array_unref (self->rules);
  g_free (self);
}

/* splitmix64 */
guint64
mem_faults_random (MemFaults *self, guint64 bound)
{
  guint64 mixed = self->random += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  mixed = (mixed ^ (mixed >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  mixed = (mixed ^ (mixed >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  mixed ^= mixed >> 31;
  return bound > 0 ? mixed % bound : 0;
}

static gboolean
parse_number (const char *text, double scale, double most, double *number)
{
  char *end = NULL;
  double value = text != NULL ? g_ascii_strtod (text, &end) : 0;

  if (end == NULL || end == text || *end != '\0' || !(value >= 0) || value > most)
    return FALSE;
  *number = value * scale;
  return TRUE;
}

static gboolean
parse_code (MemFault *fault, const char *value, gboolean required)
{
  fault->code = value != NULL ? thole_error_parse (value) : -1;
  return value != NULL ? fault->code >= 0 && thole_error_from_driver (fault->code) : !required;
}

static gboolean
parse_part (MemFault *fault, const char *key, const char *value)
{
  double number = 0;
  gboolean good = TRUE;

  if (strcmp (key, "fail") == 0)
    good = parse_code (fault, value, TRUE);
  else if (strcmp (key, "lose-answer") == 0)
    good = parse_code (fault, value, FALSE);
  else if (strcmp (key, "crash") == 0)
    {
      fault->code = value != NULL;
      good = value == NULL || strcmp (value, "after") == 0;
    }
  else if (strcmp (key, "late") == 0 || strcmp (key, "stale") == 0)
    {
      number = 5 * G_USEC_PER_SEC;
      good = value == NULL || parse_number (value, 1000, 1e9, &number);
      fault->late = (gint64) number;
    }
  else if (strcmp (key, "delay") == 0 && (good = parse_number (value, 1000, 1e9, &number)))
    fault->delay = (gint64) number;
  else if (strcmp (key, "times") == 0 && (good = parse_number (value, 1, 1e9, &number)))
    fault->times = (guint) number;
  else if (strcmp (key, "after") == 0 && (good = parse_number (value, 1, 1e9, &number)))
    fault->after = (guint) number;
  else if (strcmp (key, "probability") == 0)
    good = parse_number (value, 1, 1, &fault->probability);
  else if (strcmp (key, "id") == 0)
    good = value != NULL && (g_free (fault->id), fault->id = g_strdup (value), TRUE);
  return good;
}

/* -1 = not an action but an attribute, -2 = neither */
static int
action_of (const char *key)
{
  static const char *const actions[] = { "", "fail", "lose-answer", "repeat", "hang", "crash", "late", "stale" };
  static const char *const attributes[] = { "delay", "times", "after", "probability", "id", NULL };

  for (guint i = 1; i < G_N_ELEMENTS (actions); i++)
    if (strcmp (actions[i], key) == 0)
      return (int) i;
  return g_strv_contains (attributes, key) ? -1 : -2;
}

static MemFault *
parse_rule (const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", -1);
  g_autoptr (MemFault) fault = g_new0 (MemFault, 1);

  fault->text = g_strdup (text);
  fault->slot = g_strdup (g_strstrip (parts[0]));
  fault->probability = 1;
  fault->code = -1;
  for (guint i = 1; parts[i] != NULL; i++)
    {
      char *value = strchr (g_strstrip (parts[i]), '=');
      int action;

      if (value != NULL)
        *value++ = '\0';
      action = action_of (parts[i]);
      if (action == -2 || (action > 0 && fault->action != MEM_FAULT_NONE) || !parse_part (fault, parts[i], value))
        {
          g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "faults: %s: %s is wrong", text, parts[i]);
          return NULL;
        }
      if (action > 0)
        fault->action = (MemFaultAction) action;
    }
  if (*fault->slot != '\0' && (fault->action != MEM_FAULT_NONE || fault->delay > 0))
    return g_steal_pointer (&fault);
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "faults: %s: wants a slot and what is to happen", text);
  return NULL;
}

gboolean
mem_faults_add (MemFaults *self, const char *text, const char *id, GHashTable *crashes, GError **error)
{
  g_auto (GStrv) rules = g_strsplit (text, ";", -1);
  guint before = self->rules->len;

  for (guint i = 0; rules[i] != NULL; i++)
    {
      MemFault *fault;

      if (*g_strstrip (rules[i]) == '\0')
        continue;
      fault = self->rules->len < MOST_RULES ? parse_rule (rules[i], error) : NULL;
      if (fault == NULL)
        {
          if (self->rules->len >= MOST_RULES)
            g_set_error_literal (error, THOLE_ERROR, THOLE_ERROR_LIMIT, "faults: too many rules");
          g_ptr_array_set_size (self->rules, (int) before);
          return FALSE;
        }
      if (id != NULL)
        {
          g_autofree char *old = g_steal_pointer (&fault->text);

          g_free (fault->id);
          fault->id = g_strdup (id);
          fault->text = g_strconcat (id, " ", old, NULL);
        }
      if (crashes != NULL)
        fault->used = GPOINTER_TO_UINT (g_hash_table_lookup (crashes, fault->text));
      g_ptr_array_add (self->rules, fault);
    }
  return TRUE;
}

void
mem_faults_remove (MemFaults *self, const char *id)
{
  for (guint i = self->rules->len; i > 0; i--)
    {
      const MemFault *fault = self->rules->pdata[i - 1];

      if (id == NULL || g_strcmp0 (fault->id, id) == 0)
        g_ptr_array_remove_index (self->rules, i - 1);
    }
}

gboolean
mem_faults_has (MemFaults *self, const char *id)
{
  for (guint i = 0; i < self->rules->len; i++)
    if (g_strcmp0 (((const MemFault *) self->rules->pdata[i])->id, id) == 0)
      return TRUE;
  return FALSE;
}

const MemFault *
mem_faults_match (MemFaults *self, const char *slot, const char *id)
{
  for (guint i = 0; i < self->rules->len; i++)
    {
      MemFault *fault = self->rules->pdata[i];

      if (!g_pattern_match_simple (fault->slot, slot) || (fault->id != NULL && g_strcmp0 (fault->id, id) != 0))
        continue;
      if (fault->after > 0)
        {
          fault->after--;
          continue;
        }
      if (fault->times > 0 && fault->used >= fault->times)
        continue;
      if (fault->probability < 1
          && (double) mem_faults_random (self, 1u << 30) / (1u << 30) >= fault->probability)
        continue;
      fault->used++;
      return fault;
    }
  return NULL;
}
