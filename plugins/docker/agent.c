/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "agent/1": install. agent-connect.c holds connect.
 */
#include "agent.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent-connect.h"
#include "convert.h"
#include "thole-tar.h"

#define BINARY_MAX (16 * 1024 * 1024)

DockerAgent *
docker_agent_of (GVariant *options)
{
  g_autoptr(GVariant) agent = thole_dict_value (options, "agent", "a{sv}");
  DockerAgent *self;

  if (agent == NULL)
    return NULL;
  self = g_new0 (DockerAgent, 1);
  self->binary = g_strdup (thole_dict_string (agent, "binary", ""));
  if (thole_dict_string (agent, "folder", "")[0] == '/')
    self->folder = g_strdup (thole_dict_string (agent, "folder", ""));
  return self;
}

void
docker_agent_free (DockerAgent *self)
{
  g_free (self->binary);
  g_free (self->folder);
  g_free (self);
}

static void
add_mount (GVariantBuilder *list, const char *source, const char *target, gboolean read_only)
{
  g_auto(GVariantDict) one = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&one, "source", "s", source);
  g_variant_dict_insert (&one, "target", "s", target);
  g_variant_dict_insert (&one, "read_only", "b", read_only);
  g_variant_builder_add_value (list, g_variant_dict_end (&one));
}

GVariant *
docker_agent_spec (const DockerAgent *self, GVariant *spec)
{
  g_autoptr(GVariant) mounts = thole_dict_value (spec, "mounts", "aa{sv}");
  g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (spec);

  for (gsize i = 0; mounts != NULL && i < g_variant_n_children (mounts); i++)
    {
      g_autoptr(GVariant) mount = g_variant_get_child_value (mounts, i);

      g_variant_builder_add_value (&list, mount);
    }
  if (self->folder != NULL)
    {
      add_mount (&list, self->binary, DOCKER_AGENT_PROGRAM, TRUE);
      add_mount (&list, self->folder, DOCKER_AGENT_FOLDER, FALSE);
    }
  g_variant_dict_insert_value (&out, "mounts", g_variant_builder_end (&list));
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

GVariant *
docker_agent_body (const DockerAgent *self, GVariant *body)
{
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (body);
  g_auto(GVariantDict) volumes = G_VARIANT_DICT_INIT (NULL);

  if (self->folder == NULL)
    {
      g_variant_dict_insert_value (&volumes, DOCKER_AGENT_PLACE, g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
      g_variant_dict_insert_value (&out, "Volumes", g_variant_dict_end (&volumes));
    }
  return g_variant_ref_sink (g_variant_dict_end (&out));
}

GBytes *
docker_agent_archive (const DockerAgent *self, gint64 now, GError **error)
{
  g_autoptr(GByteArray) archive = g_byte_array_new ();
  g_autofree char *data = NULL;
  gsize length;

  if (!g_file_get_contents (self->binary, &data, &length, error))
    return NULL;
  thole_tar_append_file (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FILE, .name = DOCKER_AGENT_NAME, .mode = 0755, .size = length, .mtime = now },
                         data);
  thole_tar_append_end (archive);
  return g_byte_array_free_to_bytes (g_steal_pointer (&archive));
}

GBytes *
docker_agent_opening (gint64 now)
{
  GByteArray *archive = g_byte_array_new ();

  thole_tar_append_entry (archive, &(TholeTarEntry) { .kind = THOLE_TAR_FOLDER, .name = DOCKER_AGENT_FOLDER_NAME, .mode = 0777, .mtime = now });
  thole_tar_append_end (archive);
  return g_byte_array_free_to_bytes (archive);
}

/* the folder ------------------------------------------------------------------------------------------ */

static char *
folder_of (TholeDriver *driver, const char *id)
{
  g_autofree char *name = docker_object_name (driver->config->instance, id);

  return g_build_filename (driver->config->state_dir, "agents", name, NULL);
}

void
docker_agent_open_folder (TholeDriver *driver, const char *id)
{
  g_autofree char *folder = driver->config->state_dir != NULL ? folder_of (driver, id) : NULL;

  /* one that is not here is the engine's; the start tells what is missing */
  if (folder != NULL && g_chmod (folder, 0777) < 0)
    docker_log (driver, G_LOG_LEVEL_DEBUG, "%s stays closed: %s", folder, g_strerror (errno));
}

void
docker_agent_forget (TholeDriver *driver, const char *id)
{
  g_autofree char *folder = NULL;
  static const char *const names[] = { "agent.sock", "agent.lock" };

  if (driver->config->state_dir == NULL)
    return;
  folder = folder_of (driver, id);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_unlink (path);
    }
  if (g_rmdir (folder) < 0 && errno != ENOENT)
    docker_log (driver, G_LOG_LEVEL_WARNING, "%s stays behind: %s", folder, g_strerror (errno));
}

/* install --------------------------------------------------------------------------------------------- */

static const char *
architecture_name (guint machine)
{
  static const struct { guint machine; const char *name; } names[] = {
    { EM_X86_64, "amd64" }, { EM_AARCH64, "arm64" }, { EM_386, "386" }, { EM_ARM, "arm" },
    { EM_RISCV, "riscv64" }, { EM_PPC64, "ppc64le" }, { EM_S390, "s390x" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].machine == machine)
      return names[i].name;
  return "";
}

/* A program of Linux for the engine's processor? */
static gboolean
check_binary (TholeDriver *driver, const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  Elf32_Ehdr head; /* both classes begin alike */
  struct stat place;
  gboolean read_it = fd >= 0 && read (fd, &head, sizeof head) == sizeof head && fstat (fd, &place) == 0;

  if (fd >= 0)
    close (fd);
  if (!read_it || memcmp (head.e_ident, ELFMAG, SELFMAG) != 0 || place.st_size > BINARY_MAX)
    {
      g_set_error (error, THOLE_ERROR, THOLE_ERROR_INVALID, "binary: \"%s\" is no program", path);
      return FALSE;
    }
  if (driver->architecture == NULL || strcmp (driver->architecture, architecture_name (head.e_machine)) == 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "thole-agent is for %s, the engine for %s",
               architecture_name (head.e_machine), driver->architecture);
  return FALSE;
}

static gboolean
make_folder (const char *folder, GError **error)
{
  if (g_mkdir_with_parents (folder, 0700) == 0 && g_chmod (folder, 0700) == 0)
    return TRUE;
  g_set_error (error, THOLE_ERROR, THOLE_ERROR_FAILED, "%s: %s", folder, g_strerror (errno));
  return FALSE;
}

static void
docker_install_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr(GTask) task = thole_task_new (cancellable, callback, user_data);
  const char *binary = thole_dict_string (options, "binary", "");
  gboolean near = self->config->socket_path != NULL && self->config->state_dir != NULL;
  g_autofree char *folder = near ? folder_of (self, id) : NULL;
  g_auto(GVariantDict) agent = G_VARIANT_DICT_INIT (NULL);
  g_auto(GVariantDict) out = G_VARIANT_DICT_INIT (NULL);
  GError *error = NULL;

  if (!self->config->agent)
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_UNSUPPORTED, "agent=no is set for this backend");
      return;
    }
  if (!thole_options_check (options, NULL, &error) || !check_binary (self, binary, &error)
      || (near && !make_folder (folder, &error)))
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_dict_insert (&agent, "binary", "s", binary);
  if (near)
    g_variant_dict_insert (&agent, "folder", "s", folder);
  g_variant_dict_insert_value (&out, "agent", g_variant_dict_end (&agent));
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_dict_end (&out)), (GDestroyNotify) g_variant_unref);
}

const TholeAgentOps docker_agent_ops = {
  .struct_size = sizeof docker_agent_ops,
  .install_async = docker_install_async,
  .install_finish = thole_finish_value,
  .connect_async = docker_agent_connect_async,
  .connect_finish = thole_finish_stream,
};
