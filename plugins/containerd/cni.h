/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Programs of the machine that networks are made with: plugins by the Container Network Interface (0.4.0, which those of 1.x
 * speak, too), and iptables.
 */
#pragma once

#include "call.h"

#define CTR_CNI_VERSION "0.4.0"
#define CTR_CNI_INTERFACE "eth0"

typedef struct
{
  const char *command;   /* ADD, DEL */
  const char *plugin;    /* "bridge" */
  const char *container;
  const char *netns;     /* a path; "" for a DEL when it is gone */
  const char *config;    /* JSON */
} CtrCni;

/* Is the plugin there? */
gboolean ctr_cni_has  (const char *path, const char *plugin);
/* Both begin what comes to its end though the task is cancelled; then @next gets G_IO_ERROR_CANCELLED at once.
 *
 * @next gets what the plugin says (a{sv}, empty for DEL). Errors: UNSUPPORTED (it is not there), TIMEOUT, FAILED with its own words. */
void     ctr_cni_call (GTask *task, const CtrCni *call, CtrNext next);
/* Runs a program to its end, for at most @seconds; an exit code other than 0 is FAILED. @stop (nullable) kills it. @next gets NULL. */
void     ctr_cni_run  (GTask *task, const char *const *words, double seconds, GCancellable *stop, CtrNext next);
#define CTR_RUN_SECONDS 30.0
