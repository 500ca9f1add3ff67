/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRIORITY \
  "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-256-GCM:" \
  "+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:" \
  "%SERVER_PRECEDENCE"
#define BUFFER 16384             /* bytes: one TLS record */
#define ROUNDS 16                /* buffers of one connection before others get their turn */
#define FAREWELL (10 * G_TIME_SPAN_SECOND) /* for the last bytes after the daemon's side has closed */
#define LOOK G_TIME_SPAN_SECOND /* between looks at the files */

/* What one set of files gave; connections keep theirs. */
typedef struct
{
  gatomicrefcount references;
  gnutls_certificate_credentials_t credentials;
  gboolean ask;                  /* for the client's certificate */
} Keys;

typedef enum { FILE_CERTIFICATE, FILE_KEY, FILE_AUTHORITY, N_FILES } File;

struct _TholeTls
{
  char *files[N_FILES];
  struct stat seen[N_FILES];
  gint64 looked;                 /* monotonic µs */
  Keys *keys;
  gnutls_priority_t priority;
  gnutls_datum_t tickets;        /* the key of resumption, of this process */
  GHashTable *pumps;             /* (element-type Pump) */
};

/* One connection: @net is TLS, @plain is decrypted. */
typedef struct
{
  GSource source;
  TholeTls *tls;                 /* (nullable): NULL when that went first */
  Keys *keys;
  gnutls_session_t session;
  int net, plain;
  gpointer net_tag, plain_tag;   /* @plain_tag (nullable): NULL when nothing can be waited for there */
  gboolean greeted;              /* the handshake is done */
  gboolean net_ended;            /* no more comes from the client */
  gboolean told;                 /* @plain knows that */
  gboolean plain_ended;          /* no more comes from the daemon */
  gboolean bid_farewell;         /* the client knows that */
  gboolean over;
  gint64 farewell;               /* monotonic µs: when the last bytes are given up; 0 = not yet closing */
  gsize in_at, in_length, out_length;
  char in[BUFFER], out[BUFFER];
} Pump;

static void
keys_unref (Keys *keys)
{
  if (!g_atomic_ref_count_dec (&keys->references))
    return;
  gnutls_certificate_free_credentials (keys->credentials);
  g_free (keys);
}

static Keys *
keys_load (char *const files[N_FILES], GError **error)
{
  Keys *keys = g_new0 (Keys, 1);
  const char *wrong = files[FILE_CERTIFICATE];
  int code;

  g_atomic_ref_count_init (&keys->references);
  gnutls_certificate_allocate_credentials (&keys->credentials);
  code = gnutls_certificate_set_x509_key_file (keys->credentials, files[FILE_CERTIFICATE], files[FILE_KEY], GNUTLS_X509_FMT_PEM);
  if (code >= 0 && files[FILE_AUTHORITY] != NULL)
    {
      wrong = files[FILE_AUTHORITY];
      keys->ask = TRUE;
      code = gnutls_certificate_set_x509_trust_file (keys->credentials, wrong, GNUTLS_X509_FMT_PEM);
      if (code == 0)
        code = GNUTLS_E_NO_CERTIFICATE_FOUND;
    }
  if (code >= 0)
    return keys;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s%s%s: %s", wrong, wrong == files[FILE_CERTIFICATE] ? " with " : "",
               wrong == files[FILE_CERTIFICATE] ? files[FILE_KEY] : "", gnutls_strerror (code));
  keys_unref (keys);
  return NULL;
}

static gboolean
same_file (const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
         a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Returns: whether a file is another than at the last look */
static gboolean
look (TholeTls *self)
{
  gboolean changed = FALSE;

  for (guint i = 0; i < N_FILES; i++)
    {
      struct stat now = { 0 };

      if (self->files[i] == NULL || (stat (self->files[i], &now) == 0 && same_file (&now, &self->seen[i])))
        continue;
      self->seen[i] = now;
      changed = TRUE;
    }
  return changed;
}

/* certificates are renewed by other programs, which write one file after the other */
static void
refresh (TholeTls *self)
{
  gint64 now = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  Keys *keys;

  if (now - self->looked < LOOK)
    return;
  self->looked = now;
  if (!look (self))
    return;
  keys = keys_load (self->files, &error);
  if (keys == NULL)
    {
      g_warning ("the new certificate cannot be used, the old one stays: %s", error->message);
      return;
    }
  g_message ("the certificate was read again");
  keys_unref (self->keys);
  self->keys = keys;
}

static void
warn_of_readers (const TholeTls *self)
{
  if ((self->seen[FILE_KEY].st_mode & 077) != 0)
    g_message ("%s can be read by others than its owner", self->files[FILE_KEY]);
}

TholeTls *
thole_tls_new (const char *certificate, const char *key, const char *client_authority, GError **error)
{
  TholeTls *self = g_new0 (TholeTls, 1);

  self->files[FILE_CERTIFICATE] = g_strdup (certificate);
  self->files[FILE_KEY] = g_strdup (key);
  self->files[FILE_AUTHORITY] = g_strdup (client_authority);
  self->pumps = g_hash_table_new (NULL, NULL);
  look (self);
  self->keys = keys_load (self->files, error);
  if (self->keys == NULL || gnutls_priority_init (&self->priority, PRIORITY, NULL) != 0 ||
      gnutls_session_ticket_key_generate (&self->tickets) != 0)
    {
      if (self->keys != NULL)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "the TLS library offers none of the ciphers wanted");
      thole_tls_free (self);
      return NULL;
    }
  warn_of_readers (self);
  return self;
}

guint
thole_tls_count (const TholeTls *self)
{
  return g_hash_table_size (self->pumps);
}

/* a plain request on this port: say what is wrong in its own words */
static void
answer_plain (Pump *self)
{
  static const char text[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 34\r\n\r\nThis port speaks https, not http.\n";

  if (send (self->net, text, strlen (text), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
    shutdown (self->net, SHUT_WR);
  /* closing with unread input would destroy the answer on its way */
  while (recv (self->net, self->in, sizeof self->in, MSG_DONTWAIT) > 0)
    continue;
  self->over = TRUE;
}

static gboolean
greet (Pump *self)
{
  char first;
  int code;

  if (self->greeted)
    return FALSE;
  if (recv (self->net, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && g_ascii_isupper (first))
    {
      answer_plain (self);
      return FALSE;
    }
  do
    code = gnutls_handshake (self->session);
  while (code < 0 && gnutls_error_is_fatal (code) == 0 && code != GNUTLS_E_AGAIN);
  self->greeted = code == 0;
  if (code != 0 && code != GNUTLS_E_AGAIN)
    {
      g_debug ("a TLS handshake failed: %s", gnutls_strerror (code));
      gnutls_alert_send_appropriate (self->session, code);
      self->over = TRUE;
    }
  return self->greeted;
}

/* from the client; returns whether anything went on */
static gboolean
carry_in (Pump *self)
{
  gssize n;

  if (self->in_length > 0)
    {
      n = send (self->plain, self->in + self->in_at, self->in_length, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return FALSE;
      /* nobody reads it any more: it is thrown away, so that the client's end is still seen */
      n = n < 0 ? (gssize) self->in_length : n;
      self->in_at += (gsize) n;
      self->in_length -= (gsize) n;
      return TRUE;
    }
  if (self->net_ended)
    {
      if (!self->told)
        shutdown (self->plain, SHUT_WR);
      self->told = TRUE;
      return FALSE;
    }
  n = gnutls_record_recv (self->session, self->in, sizeof self->in);
  if (n == GNUTLS_E_AGAIN)
    return FALSE;
  self->in_at = 0;
  self->in_length = n > 0 ? (gsize) n : 0;
  self->net_ended = n == 0 || n == GNUTLS_E_PREMATURE_TERMINATION;
  self->over |= n < 0 && gnutls_error_is_fatal ((int) n) && !self->net_ended;
  return !self->over;
}

/* to the client */
static gboolean
carry_out (Pump *self)
{
  gssize n;

  if (self->out_length > 0)
    {
      n = gnutls_record_send (self->session, self->out, self->out_length);
      if (n > 0)
        memmove (self->out, self->out + n, self->out_length -= (gsize) n);
      self->over |= n < 0 && gnutls_error_is_fatal ((int) n);
      return n > 0;
    }
  if (self->plain_ended)
    {
      int code = self->bid_farewell ? GNUTLS_E_AGAIN : gnutls_bye (self->session, GNUTLS_SHUT_WR);

      if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED)
        return FALSE;
      self->bid_farewell = TRUE;
      shutdown (self->net, SHUT_WR);
      return TRUE;
    }
  n = recv (self->plain, self->out, sizeof self->out, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return FALSE;
  self->plain_ended = n <= 0;
  self->out_length = n > 0 ? (gsize) n : 0;
  return TRUE;
}

/* Returns: whether there is more to do at once */
static gboolean
carry (Pump *self)
{
  gboolean more = TRUE;

  for (guint i = 0; i < ROUNDS && more && !self->over; i++)
    {
      more = greet (self);
      if (self->greeted && !self->over)
        {
          more |= carry_in (self);
          more |= carry_out (self);
        }
    }
  return more;
}

/* the daemon's side has closed wholly: what it has written is there to be read, no event is needed */
static void
forget_plain (Pump *self)
{
  g_source_remove_unix_fd (&self->source, self->plain_tag);
  self->plain_tag = NULL;
  self->farewell = g_get_monotonic_time () + FAREWELL;
}

static void
wait_for_next (Pump *self, gboolean more)
{
  gboolean blocked = self->out_length > 0 || (self->plain_ended && !self->bid_farewell);
  int net = 0, plain = 0;

  if (!self->greeted)
    net = gnutls_record_get_direction (self->session) == 0 ? G_IO_IN : G_IO_OUT;
  else
    {
      net = (blocked ? G_IO_OUT : 0) | (self->in_length == 0 && !self->net_ended ? G_IO_IN : 0);
      plain = (self->in_length > 0 ? G_IO_OUT : 0) | (self->out_length == 0 && !self->plain_ended ? G_IO_IN : 0);
    }
  g_source_modify_unix_fd (&self->source, self->net_tag, net);
  if (self->plain_tag != NULL)
    g_source_modify_unix_fd (&self->source, self->plain_tag, plain);
  g_source_set_ready_time (&self->source, more ? 0 : self->farewell != 0 ? self->farewell : -1);
}

static gboolean
pump_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  Pump *self = (Pump *) source;
  GIOCondition net = g_source_query_unix_fd (source, self->net_tag);
  gboolean more;

  if (self->plain_tag != NULL && (g_source_query_unix_fd (source, self->plain_tag) & (G_IO_HUP | G_IO_ERR)) != 0)
    forget_plain (self);
  more = carry (self);
  self->over |= (net & (G_IO_HUP | G_IO_ERR)) != 0;
  self->over |= self->farewell != 0 && g_get_monotonic_time () >= self->farewell;
  /* before the greeting only an end can make the daemon's side hang up */
  self->over |= self->plain_tag == NULL && (!self->greeted || (self->bid_farewell && !more));
  if (self->over)
    return G_SOURCE_REMOVE;
  wait_for_next (self, more);
  return G_SOURCE_CONTINUE;
}

static void
pump_finalize (GSource *source)
{
  Pump *self = (Pump *) source;

  if (self->tls != NULL)
    g_hash_table_remove (self->tls->pumps, self);
  gnutls_deinit (self->session);
  close (self->net);
  close (self->plain);
  keys_unref (self->keys);
}

static GSourceFuncs pump_funcs = { .dispatch = pump_dispatch, .finalize = pump_finalize };

static gboolean
session_open (Pump *self, TholeTls *tls)
{
  static const char http[] = "http/1.1";
  gnutls_datum_t protocol = { (unsigned char *) (gpointer) http, sizeof http - 1 };
  /* the library keeps the pointer */
  static gnutls_typed_vdata_st purpose = { GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *) GNUTLS_KP_TLS_WWW_CLIENT, 0 };

  if (gnutls_init (&self->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != 0)
    return FALSE;
  gnutls_transport_set_int (self->session, self->net);
  /* the door bounds the time for the first head, and the handshake with it */
  gnutls_handshake_set_timeout (self->session, GNUTLS_INDEFINITE_TIMEOUT);
  gnutls_alpn_set_protocols (self->session, &protocol, 1, 0);
  if (self->keys->ask)
    {
      gnutls_certificate_server_set_request (self->session, GNUTLS_CERT_REQUIRE);
      gnutls_session_set_verify_cert2 (self->session, &purpose, 1, 0);
    }
  return gnutls_priority_set (self->session, tls->priority) == 0 &&
         gnutls_credentials_set (self->session, GNUTLS_CRD_CERTIFICATE, self->keys->credentials) == 0 &&
         gnutls_session_ticket_enable_server (self->session, &tls->tickets) == 0;
}

int
thole_tls_wrap (TholeTls *self, int fd, GMainContext *context)
{
  int pair[2];
  GSource *source;
  Pump *pump;

  refresh (self);
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
    {
      int code = errno;

      close (fd);
      errno = code;
      return -1;
    }
  source = g_source_new (&pump_funcs, sizeof (Pump));
  pump = (Pump *) source;
  pump->tls = self;
  pump->net = fd;
  pump->plain = pair[1];
  pump->keys = self->keys;
  g_atomic_ref_count_inc (&pump->keys->references);
  g_hash_table_add (self->pumps, pump);
  if (!session_open (pump, self))
    {
      g_source_unref (source);
      close (pair[0]);
      errno = ENOMEM;
      return -1;
    }
  pump->net_tag = g_source_add_unix_fd (source, pump->net, G_IO_IN);
  pump->plain_tag = g_source_add_unix_fd (source, pump->plain, 0);
  g_source_attach (source, context);
  g_source_unref (source);
  return pair[0];
}

void
thole_tls_free (TholeTls *self)
{
  g_autoptr (GList) pumps = g_hash_table_get_keys (self->pumps);

  for (GList *link = pumps; link != NULL; link = link->next)
    {
      Pump *pump = link->data;

      while (carry (pump))
        continue;
      pump->tls = NULL;
      g_source_destroy (&pump->source);
    }
  g_hash_table_unref (self->pumps);
  if (self->keys != NULL)
    keys_unref (self->keys);
  if (self->priority != NULL)
    gnutls_priority_deinit (self->priority);
  gnutls_free (self->tickets.data);
  for (guint i = 0; i < N_FILES; i++)
    g_free (self->files[i]);
  g_free (self);
}
