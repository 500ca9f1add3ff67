/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Listening sockets.
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  int fd;
  gboolean local;   /* a unix socket */
  gboolean wide;    /* others than this machine may reach it */
  char *address;    /* "unix:PATH" or "127.0.0.1:7460", with the real port */
  char *path;       /* (nullable): of the unix socket */
  int lock;         /* says that @path is ours, or -1 */
  guint64 device, inode; /* of @path as we made it */
} TholeSocket;

/* Binds and listens; see thole_http_listen(). Returns: (transfer full) */
TholeSocket *thole_socket_open (const char *address, gboolean allow_wide, GError **error);
/* Serves on @fd, a listening stream socket that @name was opened for us under; it is not closed on failure. Its path stays when
 * it is closed: whoever made it goes on holding it. Returns: (transfer full) */
TholeSocket *thole_socket_adopt (int fd, const char *name, gboolean allow_wide, GError **error);
/* Closes, and removes @path when it is still the one that we made. */
void         thole_socket_free (TholeSocket *self);
