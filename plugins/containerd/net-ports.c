/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "net-ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "thole-dict.h"
#include "thole-error.h"

#define PORTS_MAX 256
#define FIRST_FREE 49153
#define SUBNETS 4096

/* ports ----------------------------------------------------------------------------------------------- */

static int
bind_port (const char *protocol, struct in_addr address, guint port)
{
  gboolean udp = strcmp (protocol, "udp") == 0, sctp = strcmp (protocol, "sctp") == 0;
  struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons ((guint16) port), .sin_addr = address };
  int fd = socket (AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, sctp ? IPPROTO_SCTP : 0);
  int number;

  if (fd < 0)
    return sctp ? -ENOTSUP : -errno;
  if (bind (fd, (struct sockaddr *) &place, sizeof place) == 0)
    return fd;
  number = errno;
  close (fd);
  return -number;
}

static gboolean
take_one (GVariant *port, GVariantBuilder *list, GArray *held, GError **error)
{
  const char *protocol = thole_dict_string (port, "protocol", "tcp"), *address = thole_dict_string (port, "address", "");
  gint64 inside = thole_dict_int (port, "container", 0), outside = thole_dict_int (port, "host", 0), given = outside;
  guint tries = outside > 0 ? 1 : 65536 - FIRST_FREE, offset = g_random_int_range (0, 65536 - FIRST_FREE);
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  struct in_addr place = { .s_addr = htonl (INADDR_ANY) };
  int fd = -1;

  if (address[0] != '\0' && inet_pton (AF_INET, address, &place) != 1)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "ports: \"%s\" is no IPv4 address", address);
      return FALSE;
    }
  for (guint i = 0; i < tries && fd < 0 && fd != -ENOTSUP && (i == 0 || fd == -EADDRINUSE); i++)
    {
      given = outside > 0 ? outside : FIRST_FREE + (offset + i) % (65536 - FIRST_FREE);
      fd = bind_port (protocol, place, (guint) given);
    }
  if (fd < 0 && fd != -ENOTSUP)
    {
      g_set_error (error, THOLE_ERROR, fd == -EADDRINUSE ? THOLE_ERROR_CONFLICT : THOLE_ERROR_INVALID,
                   "ports: %" G_GINT64_FORMAT "/%s: %s", given, protocol, g_strerror (-fd));
      return FALSE;
    }
  if (fd >= 0)
    g_array_append_val (held, fd);
  g_variant_dict_insert (&out, "container", "x", inside);
  g_variant_dict_insert (&out, "host", "x", given);
  g_variant_dict_insert (&out, "protocol", "s", protocol);
  g_variant_dict_insert (&out, "address", "s", address);
  g_variant_builder_add_value (list, g_variant_dict_end (&out));
  return TRUE;
}

GVariant *
ctr_ports_take (GVariant *ports, GArray *held, GError **error)
{
  g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  gsize n = ports != NULL ? g_variant_n_children (ports) : 0;

  if (n > PORTS_MAX)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "ports: more than %d", PORTS_MAX);
      return NULL;
    }
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr(GVariant) port = g_variant_get_child_value (ports, i);

      if (!take_one (port, &list, held, error))
        {
          ctr_ports_give (held);
          return NULL;
        }
    }
  return g_variant_ref_sink (g_variant_builder_end (&list));
}

void
ctr_ports_give (GArray *held)
{
  for (guint i = 0; i < held->len; i++)
    close (g_array_index (held, int, i));
  g_array_set_size (held, 0);
}

/* subnets --------------------------------------------------------------------------------------------- */

static gboolean
parse (const char *subnet, guint32 *base, guint *prefix)
{
  g_auto(GStrv) halves = g_strsplit (subnet, "/", 2);
  struct in_addr address;
  guint64 bits;

  if (halves[0] == NULL || halves[1] == NULL || inet_pton (AF_INET, halves[0], &address) != 1
      || !g_ascii_string_to_unsigned (halves[1], 10, 8, 30, &bits, NULL))
    return FALSE;
  *base = ntohl (address.s_addr);
  *prefix = (guint) bits;
  return (*base & (0xffffffffu >> bits)) == 0;
}

gboolean
ctr_subnet_valid (const char *subnet)
{
  guint32 base;
  guint prefix;

  return parse (subnet, &base, &prefix);
}

static gboolean
overlaps (guint32 base, guint32 mask, guint32 other, guint32 other_mask)
{
  guint32 both = mask & other_mask;

  return other_mask != 0 && (base & both) == (other & both);
}

/* a bridge that lost its last port keeps no route */
static gboolean
has_interface (guint32 base, guint32 mask, const char *bridge)
{
  struct ifaddrs *list = NULL;
  gboolean found = FALSE;

  if (getifaddrs (&list) < 0)
    return FALSE;
  for (struct ifaddrs *one = list; one != NULL; one = one->ifa_next)
    if (one->ifa_addr != NULL && one->ifa_addr->sa_family == AF_INET && one->ifa_netmask != NULL && strcmp (one->ifa_name, bridge) != 0)
      found = found || overlaps (base, mask, ntohl (((struct sockaddr_in *) (void *) one->ifa_addr)->sin_addr.s_addr),
                                 ntohl (((struct sockaddr_in *) (void *) one->ifa_netmask)->sin_addr.s_addr));
  freeifaddrs (list);
  return found;
}

static gboolean
has_route (guint32 base, guint32 mask, const char *bridge)
{
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/net/route", &text, NULL, NULL))
    return FALSE;
  lines = g_strsplit (text, "\n", 4096);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      char name[IF_NAMESIZE];
      unsigned destination, other_mask;

      if (sscanf (lines[i], "%15s %8X %*X %*X %*d %*u %*d %8X", name, &destination, &other_mask) == 3 && strcmp (name, bridge) != 0
          && overlaps (base, mask, ntohl (destination), ntohl (other_mask)))
        return TRUE;
    }
  return FALSE;
}

gboolean
ctr_subnet_taken (const char *subnet, const char *bridge)
{
  guint32 base, mask;
  guint prefix;

  if (!parse (subnet, &base, &prefix))
    return TRUE;
  mask = 0xffffffffu << (32 - prefix);
  return has_interface (base, mask, bridge) || has_route (base, mask, bridge);
}

char *
ctr_subnet_choose (const char *seed, const char *bridge)
{
  guint number = g_str_hash (seed) % SUBNETS;
  g_autofree char *subnet = NULL;

  for (guint i = 0; i < SUBNETS && (subnet == NULL || ctr_subnet_taken (subnet, bridge)); i++, number = (number + 1) % SUBNETS)
    {
      g_free (subnet);
      subnet = g_strdup_printf ("10.%u.%u.0/24", 232 + number / 256, number % 256);
    }
  return g_steal_pointer (&subnet);
}
