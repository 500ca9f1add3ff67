/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "thole-error.h"

#define BACKLOG 1024

static void
set_errno (GError **error, const char *address, const char *what)
{
  int code = errno;

  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (code), "%s: %s: %s", address, what,
               g_strerror (code));
}

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

/* Is @fd still the file at @path? */
static gboolean
same_file (int fd, const char *path)
{
  struct stat a, b;

  return fstat (fd, &a) == 0 && stat (path, &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

/* One daemon a path: the lock is held as long as the socket is. Its file may vanish under a lock
 * that was just got, so that is looked at again. */
static int
take_lock (const char *path, GError **error)
{
  g_autofree char *name = g_strconcat (path, ".lock", NULL);

  for (int attempt = 0; attempt < 10; attempt++)
    {
      int fd = open (name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

      if (fd < 0)
        {
          set_errno (error, name, "cannot be opened");
          return -1;
        }
      if (flock (fd, LOCK_EX | LOCK_NB) != 0)
        {
          close (fd);
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                       "unix:%s is served by another daemon", path);
          return -1;
        }
      if (same_file (fd, name))
        return fd;
      close (fd);
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "%s cannot be locked", name);
  return -1;
}

static gboolean
is_served (const struct sockaddr_un *address)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  gboolean served =
    fd >= 0 && (connect (fd, (const struct sockaddr *) address, sizeof *address) == 0 ||
                errno == EAGAIN || errno == EINPROGRESS);

  close_fd (&fd);
  return served;
}

/* only a socket that nobody serves is removed */
static gboolean
remove_stale (const struct sockaddr_un *address, GError **error)
{
  struct stat status;

  if (lstat (address->sun_path, &status) != 0)
    return TRUE;
  if (!S_ISSOCK (status.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "%s is there and is not a socket",
                   address->sun_path);
      return FALSE;
    }
  if (is_served (address))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                   "unix:%s is served by another program", address->sun_path);
      return FALSE;
    }
  if (unlink (address->sun_path) == 0)
    return TRUE;
  set_errno (error, address->sun_path, "a stale socket cannot be removed");
  return FALSE;
}

static gboolean
listen_local (TholeSocket *self, const struct sockaddr_un *address, GError **error)
{
  struct stat status;

  self->lock = take_lock (self->path, error);
  if (self->lock < 0 || !remove_stale (address, error))
    return FALSE;
  self->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  /* the mode of the descriptor bounds that of the file, so it is never wider than wanted */
  if (self->fd < 0 || fchmod (self->fd, 0660) != 0 ||
      bind (self->fd, (const struct sockaddr *) address, sizeof *address) != 0)
    {
      set_errno (error, self->path, "cannot be bound");
      return FALSE;
    }
  if (lstat (self->path, &status) == 0)
    {
      self->device = status.st_dev;
      self->inode = status.st_ino;
    }
  if (chmod (self->path, 0660) != 0 || listen (self->fd, BACKLOG) != 0)
    {
      set_errno (error, self->path, "cannot be served");
      return FALSE;
    }
  return TRUE;
}

static TholeSocket *
socket_new (void)
{
  TholeSocket *self = g_new0 (TholeSocket, 1);

  self->fd = self->lock = -1;
  return self;
}

static TholeSocket *
open_local (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  TholeSocket *self;

  if (path[0] != '/' || strlen (path) >= sizeof address.sun_path)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "unix:%s: the path must be absolute and shorter than %" G_GSIZE_FORMAT " bytes",
                   path, sizeof address.sun_path);
      return NULL;
    }
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  self = socket_new ();
  self->local = TRUE;
  self->path = g_strdup (path);
  self->address = g_strconcat ("unix:", path, NULL);
  if (listen_local (self, &address, error))
    return self;
  thole_socket_free (self);
  return NULL;
}

static gboolean
is_loopback (const struct sockaddr *address)
{
  const struct sockaddr_in *v4 = (const struct sockaddr_in *) (gconstpointer) address;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) (gconstpointer) address;

  if (address->sa_family == AF_INET)
    return ntohl (v4->sin_addr.s_addr) >> 24 == 127;
  return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK (&v6->sin6_addr);
}

/* "HOST:PORT", "[::1]:PORT": only numbers and localhost, so that no resolver decides who can reach
 * us */
static struct addrinfo *
parse_address (const char *address, GError **error)
{
  const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                  .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
  const char *colon = strrchr (address, ':');
  g_autofree char *host = colon != NULL ? g_strndup (address, (gsize) (colon - address)) : NULL;
  struct addrinfo *found = NULL;
  gsize length = host != NULL ? strlen (host) : 0;

  /* getaddrinfo() takes ports that do not fit */
  if (length > 0 && !g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, NULL, NULL))
    length = 0;
  if (length > 2 && host[0] == '[' && host[length - 1] == ']')
    {
      host[length - 1] = '\0';
      memmove (host, host + 1, length - 1);
    }
  else if (host != NULL && strchr (host, ':') != NULL)
    length = 0;
  if (length > 0 && getaddrinfo (strcmp (host, "localhost") == 0 ? "127.0.0.1" : host, colon + 1,
                                 &hints, &found) == 0)
    return found;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "%s: not unix:PATH nor HOST:PORT with HOST a number or localhost", address);
  return NULL;
}

static char *
describe (int fd)
{
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  char host[NI_MAXHOST], port[NI_MAXSERV];

  if (getsockname (fd, (struct sockaddr *) &address, &size) != 0 ||
      getnameinfo ((struct sockaddr *) &address, size, host, sizeof host, port, sizeof port,
                   NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return g_strdup ("?");
  return g_strdup_printf (address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static TholeSocket *
listen_inet (const char *address, const struct addrinfo *info, GError **error)
{
  TholeSocket *self = socket_new ();
  int one = 1;

  self->wide = !is_loopback (info->ai_addr);
  self->fd = socket (info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (self->fd >= 0)
    setsockopt (self->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (self->fd < 0 || bind (self->fd, info->ai_addr, info->ai_addrlen) != 0 ||
      listen (self->fd, BACKLOG) != 0)
    {
      set_errno (error, address, "cannot be served");
      thole_socket_free (self);
      return NULL;
    }
  self->address = describe (self->fd);
  return self;
}

static void
refuse_wide (const char *address, GError **error)
{
  g_set_error (
    error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
    "%s: a plain listener must be loopback: give daemon.tls_certificate and daemon.tls_key, or say with daemon.behind_proxy that "
    "TLS ends before it",
    address);
}

static TholeSocket *
open_inet (const char *address, gboolean allow_wide, GError **error)
{
  struct addrinfo *info = parse_address (address, error);
  TholeSocket *self = NULL;

  if (info == NULL)
    return NULL;
  if (!is_loopback (info->ai_addr) && !allow_wide)
    refuse_wide (address, error);
  else
    self = listen_inet (address, info, error);
  freeaddrinfo (info);
  return self;
}

TholeSocket *
thole_socket_open (const char *address, gboolean allow_wide, GError **error)
{
  if (g_str_has_prefix (address, "unix:"))
    return open_local (address + strlen ("unix:"), error);
  return open_inet (address, allow_wide, error);
}

/* Returns: NULL or why @fd cannot be served */
static const char *
adopt_fault (int fd, struct sockaddr_storage *address)
{
  socklen_t size = sizeof *address, length = sizeof (int);
  int type = 0, listening = 0;

  if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0)
    return "is not a socket";
  length = sizeof (int);
  if (type != SOCK_STREAM || getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 || !listening)
    return "is not a socket that listens (with Accept=no) for streams";
  if (getsockname (fd, (struct sockaddr *) address, &size) != 0 ||
      (address->ss_family != AF_UNIX && address->ss_family != AF_INET && address->ss_family != AF_INET6))
    return "is neither a unix nor an IP socket";
  return NULL;
}

TholeSocket *
thole_socket_adopt (int fd, const char *name, gboolean allow_wide, GError **error)
{
  struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
  const struct sockaddr_un *local = (const struct sockaddr_un *) (gconstpointer) &address;
  const char *fault = adopt_fault (fd, &address);
  TholeSocket *self;

  if (fault != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "the descriptor “%s” of the service manager %s", name, fault);
      return NULL;
    }
  self = socket_new ();
  self->local = address.ss_family == AF_UNIX;
  self->wide = !self->local && !is_loopback ((const struct sockaddr *) &address);
  self->address = self->local ? g_strconcat ("unix:", local->sun_path[0] != '\0' ? local->sun_path : "@", NULL) : describe (fd);
  if (self->wide && !allow_wide)
    refuse_wide (self->address, error);
  else if (fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK) != 0)
    set_errno (error, self->address, "cannot be served");
  else
    {
      self->fd = fd;
      return self;
    }
  thole_socket_free (self);
  return NULL;
}

void
thole_socket_free (TholeSocket *self)
{
  struct stat status;

  close_fd (&self->fd);
  if (self->inode != 0 && lstat (self->path, &status) == 0 && status.st_dev == self->device &&
      status.st_ino == self->inode)
    unlink (self->path);
  if (self->lock >= 0)
    {
      g_autofree char *name = g_strconcat (self->path, ".lock", NULL);

      if (same_file (self->lock, name))
        unlink (name);
      close_fd (&self->lock);
    }
  g_free (self->path);
  g_free (self->address);
  g_free (self);
}
