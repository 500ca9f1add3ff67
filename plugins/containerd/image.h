/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images: what one is made of, and whether it lies unpacked.
 */
#pragma once

#include "call.h"

#define CTR_LAYERS_MAX 256

typedef struct
{
  char *media_type;
  char *digest;
  gint64 size;
} CtrLayer;

/* Reference-counted (g_rc_box). */
typedef struct
{
  char *name;          /* full: docker.io/library/busybox:latest */
  char *digest;        /* of what the name stands for */
  char *config_digest;
  GVariant *config;    /* a{sv}: the OCI image configuration */
  GPtrArray *layers;   /* of CtrLayer */
  char **diff_ids;     /* of the layers, unpacked */
  char *chain;         /* the snapshot of all layers; "" without layers */
  gint64 size;
  gint64 created_at;
} CtrImage;

CtrImage *ctr_image_ref   (CtrImage *self);
void      ctr_image_unref (CtrImage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtrImage, ctr_image_unref)

/* A reference as people write it, in full. @registry, @repository, @version (out) (transfer full) (optional).
 * Returns: (transfer full) (nullable) */
char     *ctr_reference_parse (const char *reference, char **registry, char **repository, char **version, GError **error);

/* "archive:NAME.tar": a file of this machine. Such a reference is in full already. Returns: (transfer none) (nullable): the file's name */
const char *ctr_reference_archive (const char *reference);

/* Reads image @name (full). @next gets a CtrImage. Errors: IMAGE_NOT_FOUND, also when the engine lacks a part of it. */
void      ctr_image_load (GTask *task, const char *name, CtrNext next);

/* A manifest with its list of layers and its configuration -> CtrImage, or NULL with @error. Pure. */
CtrImage *ctr_image_new       (const char *name, const char *digest, GVariant *manifest, GVariant *config, GError **error);
/* The digest of the manifest for @architecture ("amd64") in an index. Returns: (transfer full) (nullable) */
char     *ctr_index_choose    (GVariant *index, const char *architecture);
const char *ctr_architecture  (void);
gboolean  ctr_is_index        (GVariant *document);
/* What the configuration's member `config` says; never NULL. Returns: (transfer full) */
GVariant *ctr_image_settings  (const CtrImage *self);
/* The snapshot of the first @n layers. Returns: (transfer full) */
char     *ctr_image_chain     (char *const *diff_ids, guint n);

/* The slot. */
void      ctr_pull_async (TholeDriver *self, const char *reference, GVariant *options, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);
/* "image". Returns: (transfer full) */
GVariant *ctr_image_show (const CtrImage *self);
