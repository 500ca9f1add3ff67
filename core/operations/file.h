/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files of a workload: what the operations file.* share. Drivers give and take archives (files/1); what is one file, a folder or a
 * list of names is made of them here.
 */
#pragma once

#include "files/archive.h"
#include "files/berths.h"
#include "operations/context.h"

typedef struct
{
  TholeSubject *subject;  /* in use as long as this is */
  TholeBackend *backend;
  char *path;             /* a good one */
  char *rest;             /* (nullable): of a link, what is still to be walked from @path */
  gboolean walked;        /* folder by folder: @path is known to lead through no link */
  guint links, looks;     /* that were followed; how often was looked for them */
  TholeArchive *archive;  /* (nullable): of @path, at its first entry */
  void (*found) (TholeCall *call, const TholeTarEntry *entry);
  void (*missing) (TholeCall *call); /* (nullable): there is no such file; else the call fails */
  gboolean follow;
  gboolean exists;        /* a file was there */
  guint64 size;           /* bytes that were uploaded */
  TholeBerths *berths;    /* (nullable): it has one, which is @uploader's */
  char *uploader;
} TholeFileWork;

/* Looks at everything that can be refused before the engine is asked: the path, the workload, whether its driver can do @slot.
 * Returns: (transfer none): the state of the call; NULL = it was answered */
TholeFileWork *thole_file_begin (TholeCall *call, TholeSlot slot);
/* Asks for @path and calls @found with its first entry; links are followed with @follow. */
void           thole_file_look  (TholeCall *call);
/* Nothing more of it is needed: an engine may let nobody else at the workload while it is read. */
void           thole_file_forget (TholeCall *call);
/* Unpacks @archive into @folder, then calls @then; when that fails the call does. */
void           thole_file_put   (TholeCall *call, const char *folder, GInputStream *archive, void (*then) (TholeCall *call));
/* A file as JSON: name (base64 when it is not UTF-8), type, size, mode, uid, gid, modified, target. @name: (nullable): another one */
void           thole_file_append (GString *json, const TholeTarEntry *entry, const char *name);
