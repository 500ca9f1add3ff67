/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "reply.h"

#include <string.h>

#include "thole-dict.h"
#include "thole-error.h"
#include "thole-json.h"

/* The first line whose status (0 = any) and text (lower case) fit decides. */
static const struct
{
  guint status;
  const char *text;
  int code;
} meanings[] = {
  { 0, "no such image", THOLE_ERROR_IMAGE_NOT_FOUND },
  { 0, "manifest unknown", THOLE_ERROR_IMAGE_NOT_FOUND },
  { 0, "name unknown", THOLE_ERROR_IMAGE_NOT_FOUND },
  { 0, "pull access denied", THOLE_ERROR_IMAGE_NOT_FOUND },
  { 0, "repository does not exist", THOLE_ERROR_IMAGE_NOT_FOUND },
  { 0, "no matching manifest", THOLE_ERROR_IMAGE_NOT_FOUND },
  { 404, "not found: manifest", THOLE_ERROR_IMAGE_NOT_FOUND },
  { 0, "no basic auth credentials", THOLE_ERROR_AUTH },
  { 0, "authentication required", THOLE_ERROR_AUTH },
  { 0, "incorrect username or password", THOLE_ERROR_AUTH },
  { 0, "unauthorized", THOLE_ERROR_AUTH },
  { 0, "toomanyrequests", THOLE_ERROR_LIMIT },
  { 0, "no space left on device", THOLE_ERROR_LIMIT },
  { 0, "cannot allocate memory", THOLE_ERROR_LIMIT },
  { 0, "all predefined address pools have been fully subnetted", THOLE_ERROR_LIMIT },
  { 0, "marked read-only", THOLE_ERROR_DENIED },
  { 0, "port is already allocated", THOLE_ERROR_CONFLICT },
  { 0, "address already in use", THOLE_ERROR_CONFLICT },
  { 404, "network", THOLE_ERROR_INVALID },
  { 404, "runtime", THOLE_ERROR_INVALID },
  { 404, "", THOLE_ERROR_NOT_FOUND },
  { 409, "removal of container", THOLE_ERROR_BUSY },
  { 409, "", THOLE_ERROR_CONFLICT },
  { 400, "", THOLE_ERROR_INVALID },
  { 401, "", THOLE_ERROR_AUTH },
  { 403, "", THOLE_ERROR_DENIED },
  { 406, "", THOLE_ERROR_CONFLICT },
  { 416, "", THOLE_ERROR_INVALID },
  { 429, "", THOLE_ERROR_LIMIT },
  { 501, "", THOLE_ERROR_UNSUPPORTED },
  { 503, "", THOLE_ERROR_UNAVAILABLE },
  { 504, "", THOLE_ERROR_TIMEOUT },
  { 500, "invalid tar header", THOLE_ERROR_INVALID },
  { 500, "executable file not found", THOLE_ERROR_INVALID },
  { 500, "no such file or directory: unknown", THOLE_ERROR_INVALID },
  { 500, "exec format error", THOLE_ERROR_INVALID },
  { 500, "storage-opt is supported only", THOLE_ERROR_UNSUPPORTED },
  { 500, "unknown or invalid runtime", THOLE_ERROR_INVALID },
  { 500, "unable to find user", THOLE_ERROR_INVALID },
  { 500, "does not support", THOLE_ERROR_UNSUPPORTED },
  { 0, "connection refused", THOLE_ERROR_UNAVAILABLE },
  { 0, "no such host", THOLE_ERROR_UNAVAILABLE },
  { 0, "network is unreachable", THOLE_ERROR_UNAVAILABLE },
  { 0, "i/o timeout", THOLE_ERROR_UNAVAILABLE },
  { 0, "tls handshake timeout", THOLE_ERROR_UNAVAILABLE },
  { 0, "client.timeout exceeded", THOLE_ERROR_UNAVAILABLE },
  { 0, "request canceled while waiting for connection", THOLE_ERROR_UNAVAILABLE },
  { 0, "server gave http response to https client", THOLE_ERROR_UNAVAILABLE },
};

int
docker_error_code (guint status, const char *text)
{
  g_autofree char *lower = g_ascii_strdown (text, -1);

  for (guint i = 0; i < G_N_ELEMENTS (meanings); i++)
    if ((meanings[i].status == 0 || meanings[i].status == status) && strstr (lower, meanings[i].text) != NULL)
      return meanings[i].code;
  return THOLE_ERROR_FAILED;
}

GError *
docker_error_from_reply (guint status, const char *reason, gconstpointer body, gsize length)
{
  g_autoptr(GVariant) json = length > 0 ? thole_json_parse (body, length, NULL) : NULL;
  g_autofree char *text = NULL;

  if (json != NULL && g_variant_is_of_type (json, G_VARIANT_TYPE_VARDICT))
    text = g_strdup (thole_dict_string (json, "message", NULL));
  if (text == NULL && length > 0)
    text = g_utf8_make_valid (body, MIN (length, 4096));
  if (text == NULL)
    text = g_strdup_printf ("HTTP status %u %s", status, reason != NULL ? reason : "");
  return g_error_new_literal (THOLE_ERROR, docker_error_code (status, text), g_strstrip (text));
}

GError *
docker_error_from_transport (GError *error)
{
  g_autoptr(GError) original = error;
  gboolean denied = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);

  if (error->domain == THOLE_ERROR || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return g_steal_pointer (&original);
  return g_error_new (THOLE_ERROR, denied ? THOLE_ERROR_DENIED : THOLE_ERROR_UNAVAILABLE,
                      "the engine cannot be reached: %s", error->message);
}
