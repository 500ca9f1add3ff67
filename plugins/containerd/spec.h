/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A "spec" (sdk/schema.md) and an image in the words of the OCI runtime specification. Pure, but for looking at this machine's
 * control groups.
 */
#pragma once

#include "image.h"

#define CTR_SPEC_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define CTR_PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define CTR_RESOURCES_TYPE "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

/* Who a program is: from the user of a spec or an image, and the files of the image. */
typedef struct
{
  guint32 uid, gid;
  GArray *groups; /* of guint32 */
  char *home;     /* never NULL */
} CtrUser;

void      ctr_user_free  (CtrUser *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtrUser, ctr_user_free)
/* @user: "name", "uid", "name:group", "" = root; @passwd, @group: the texts of those files. Returns: (transfer full) */
CtrUser  *ctr_user_find  (const char *user, const char *passwd, const char *group, GError **error);

typedef struct
{
  const char *container;   /* the engine's name */
  const char *cgroup;      /* its folder */
  const char *etc_folder;  /* with hosts, hostname and resolv.conf; (nullable) */
  const char *hook;        /* (nullable): JSON of a list of hooks to be run before the program */
  GVariant *secrets;       /* (nullable) a{say} */
  GVariant *agent_mounts;  /* (nullable) aa{sv} */
  const CtrUser *user;
} CtrSpecPlace;

/* Is @spec something that this driver can make? @bridged: it is on the bridge. The error (INVALID, UNSUPPORTED) names the key. */
gboolean  ctr_spec_check     (GVariant *spec, gboolean bridged, GError **error);
/* The runtime's configuration, JSON. Returns: (transfer full) */
char     *ctr_spec_make      (GVariant *spec, const CtrImage *image, const CtrSpecPlace *place, GError **error);
/* `linux.resources`, JSON. Returns: (transfer full) */
char     *ctr_spec_resources (GVariant *resources);
/* One more process in a container: @base is `process` of its configuration, parsed. Returns: (transfer full) */
char     *ctr_spec_process   (GVariant *base, GVariant *command, const CtrUser *user, GError **error);

/* JSON pieces */
void      ctr_json_strings   (GString *out, const char *const *list);
