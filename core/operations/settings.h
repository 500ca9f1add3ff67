/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Settings in levels: the configuration, the system, one user, one workload; the last one that says something counts.
 */
#pragma once

#include "operations/subject.h"

typedef enum
{
  THOLE_SETTING_WORKLOADS,   /* of one owner */
  THOLE_SETTING_RUNNING,     /* of them that are to run */
  THOLE_SETTING_KEY_RUNNING, /* that one API key has started and that are to run */
  THOLE_SETTING_CPU,         /* of all workloads of one owner */
  THOLE_SETTING_MEMORY,
  THOLE_SETTING_STORAGE,
  THOLE_SETTING_SESSIONS,    /* live ones of one workload */
  THOLE_N_SETTINGS,
} TholeSettingKind;

typedef enum
{
  THOLE_UNIT_COUNT,
  THOLE_UNIT_CORES, /* in parts of THOLE_CORE */
  THOLE_UNIT_BYTES,
} TholeSettingUnit;

#define THOLE_CORE 1000000

/* @owner, @workload: (nullable). @from: (out) (optional): "default", "system", "user" or "workload". 0 = no limit */
gint64           thole_setting        (TholeOperations *self, TholeSettingKind setting, const char *owner, const char *workload,
                                       const char **from);
const char      *thole_setting_name   (TholeSettingKind setting);
TholeSettingUnit thole_setting_unit   (TholeSettingKind setting);
/* Cores in parts of THOLE_CORE. */
gint64           thole_setting_cores  (double cores);
/* @value as callers give and get it. */
void             thole_setting_append (GString *json, TholeSettingKind setting, gint64 value);

/* Whose settings the query asks for. @workload: (out) (nullable). FALSE when it has been answered. */
gboolean         thole_settings_asked (TholeCall *call, const char **owner, const char **workload);
/* Forgets the settings of workloads that are gone. */
void             thole_settings_retain (TholeOperations *self);
