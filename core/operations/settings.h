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
  THOLE_SETTING_SESSIONS,    /* live ones of one workload */
  THOLE_N_SETTINGS,
} TholeSettingKind;

/* @owner, @workload: (nullable). @from: (out) (optional): "default", "system", "user" or "workload". 0 = no limit */
gint64 thole_setting         (TholeOperations *self, TholeSettingKind setting, const char *owner, const char *workload, const char **from);

/* @record is to run from here on: notes on whose account, and adds to @txn that there is room. Before @record is added to it. */
void   thole_settings_charge (TholeCall *call, TholeWorkload *record, TholeTxn *txn);
/* It need not run any more. */
void   thole_settings_free_charge (TholeWorkload *record);

/* Forgets the settings of workloads that are gone. */
void   thole_settings_retain (TholeOperations *self);
