/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where a request comes from: the address of its connection, or what a proxy that is trusted says.
 */
#include "http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

GPtrArray *
thole_http_proxies (TholeConfig *config, GError **error)
{
  g_auto(GStrv) names = thole_config_list (config, "http", "trusted_proxies");
  g_autoptr(GPtrArray) proxies = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; names[i] != NULL; i++)
    {
      GInetAddressMask *mask = g_inet_address_mask_new_from_string (names[i], error);

      if (mask == NULL)
        {
          g_prefix_error (error, "[http] trusted_proxies: ");
          return NULL;
        }
      g_ptr_array_add (proxies, mask);
    }
  return g_steal_pointer (&proxies);
}

void
thole_conn_from (TholeConn *conn, const struct sockaddr *address)
{
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *) (gconstpointer) address;
  const struct sockaddr_in *four = (const struct sockaddr_in *) (gconstpointer) address;

  if (conn->local)
    g_snprintf (conn->address, sizeof conn->address, "unix:%u", (guint) conn->uid);
  else if (address->sa_family == AF_INET)
    inet_ntop (AF_INET, &four->sin_addr, conn->address, sizeof conn->address);
  else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED (&six->sin6_addr))
    inet_ntop (AF_INET, &six->sin6_addr.s6_addr[12], conn->address, sizeof conn->address);
  else if (address->sa_family == AF_INET6)
    inet_ntop (AF_INET6, &six->sin6_addr, conn->address, sizeof conn->address);
}

static gboolean
is_trusted (const GPtrArray *proxies, GInetAddress *address)
{
  for (guint i = 0; i < proxies->len; i++)
    if (g_inet_address_mask_matches (g_ptr_array_index (proxies, i), address))
      return TRUE;
  return FALSE;
}

/* the last entry of @list that is not a trusted proxy itself: what stands before it anybody may have written */
static char *
last_stranger (const GPtrArray *proxies, TholeSpan list)
{
  g_autofree char *text = g_strndup (list.text, list.length);
  g_auto(GStrv) entries = g_strsplit (text, ",", -1);
  char *found = NULL;

  for (guint i = g_strv_length (entries); i > 0; i--)
    {
      g_autoptr(GInetAddress) address = g_inet_address_new_from_string (g_strstrip (entries[i - 1]));

      if (address == NULL)
        break;
      g_free (found);
      found = g_inet_address_to_string (address);
      if (!is_trusted (proxies, address))
        break;
    }
  return found;
}

/* whoever uses the unix socket may say of itself what it likes: it only concerns the cookie that it gets */
static gboolean
tells_tls (const TholeRequest *request, const GPtrArray *proxies)
{
  TholeSpan proto = request->head.values[THOLE_HEADER_FORWARDED_PROTO];
  g_autoptr(GInetAddress) peer = NULL;

  if (proto.length != strlen ("https") || g_ascii_strncasecmp (proto.text, "https", proto.length) != 0)
    return FALSE;
  if (request->conn->local)
    return TRUE;
  peer = proxies != NULL ? g_inet_address_new_from_string (request->conn->address) : NULL;
  return peer != NULL && is_trusted (proxies, peer);
}

void
thole_request_from (TholeRequest *request)
{
  const GPtrArray *proxies = request->http->options.trusted_proxies;
  TholeSpan forwarded = request->head.values[THOLE_HEADER_FORWARDED_FOR];
  TholeConn *conn = request->conn;
  g_autoptr(GInetAddress) peer = NULL;
  g_autofree char *client = NULL;

  g_strlcpy (request->address, conn->address, sizeof request->address);
  request->secure = (request->http->tls != NULL && !conn->local) || tells_tls (request, proxies);
  if (proxies == NULL || proxies->len == 0 || forwarded.text == NULL || conn->local)
    return;
  peer = g_inet_address_new_from_string (conn->address);
  if (peer != NULL && is_trusted (proxies, peer))
    client = last_stranger (proxies, forwarded);
  if (client != NULL)
    g_strlcpy (request->address, client, sizeof request->address);
}
