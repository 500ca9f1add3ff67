/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files and programs of a workload: files IMAGE FILE. The daemon is that of THOLE_URL, or the local one.
 *
 *     cc files.c -o files $(pkg-config --cflags --libs thole-1)
 */
#include <string.h>
#include <thole.h>

static TholeWorkload *
create (TholeClient *client, const char *image, GError **error)
{
  g_autofree char *json = g_strdup_printf ("{\"spec\":{\"image\":\"%s\",\"command\":[\"forever\"]},\"wait\":\"running\"}", image);
  g_autoptr(GVariant) request = thole_variant_from_json (json, error);

  return request != NULL ? thole_client_create_workload (client, request, NULL, error) : NULL;
}

/* Bytes go in, a file as they are needed. */
static gboolean
put (TholeWorkload *workload, const char *path, GError **error)
{
  g_autoptr(GVariant) mode = thole_variant_from_json ("{\"mode\":384}", NULL);
  g_autoptr(GBytes) greeting = g_bytes_new_static ("hello\n", 6);
  g_autoptr(GFile) file = g_file_new_for_path (path);
  g_autoptr(TholeFile) folder = thole_workload_make_folder (workload, "/data", NULL, NULL, error);
  g_autoptr(TholeFile) made = NULL, copy = NULL;
  g_autoptr(GFileInputStream) content = NULL;

  if (folder == NULL)
    return FALSE;
  made = thole_workload_write_file_bytes (workload, "/data/greeting", greeting, mode, NULL, error);
  if (made == NULL)
    return FALSE;
  g_print ("wrote %s %" G_GINT64_FORMAT "\n", thole_file_get_name (made), thole_file_get_size (made));
  content = g_file_read (file, NULL, error);
  if (content == NULL)
    return FALSE;
  copy = thole_workload_write_file (workload, "/data/myself", G_INPUT_STREAM (content), NULL, NULL, error);
  return copy != NULL;
}

/* All that a stream gives, as text. */
static char *
text_of (GInputStream *stream, GError **error)
{
  g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable ();

  if (stream == NULL || g_output_stream_splice (memory, stream, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, error) < 0)
    return NULL;
  return g_strchomp (g_strndup (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (memory)),
                                g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (memory))));
}

static gboolean
get (TholeWorkload *workload, GError **error)
{
  g_autoptr(GInputStream) stream = thole_workload_read_file (workload, "/data/greeting", NULL, NULL, error);
  g_autofree char *text = text_of (stream, error);
  g_autoptr(GPtrArray) files = text != NULL ? thole_workload_list_files (workload, "/data", NULL, NULL, error) : NULL;
  g_autoptr(GInputStream) nothing = NULL;
  g_autoptr(GError) missing = NULL;

  if (files == NULL)
    return FALSE;
  g_print ("read %s\nlisted", text);
  for (guint i = 0; i < files->len; i++)
    g_print (" %s", thole_file_get_name (files->pdata[i]));
  nothing = thole_workload_read_file (workload, "/data/none", NULL, NULL, &missing);
  g_print ("\nnot there: %s\n", g_error_matches (missing, THOLE_CLIENT_ERROR, THOLE_CLIENT_ERROR_NOT_FOUND) ? "true" : "false");
  return TRUE;
}

/* A folder from here to there, nothing of it held. */
static gboolean
copy (TholeWorkload *workload, GError **error)
{
  g_autoptr(TholeFile) folder = thole_workload_make_folder (workload, "/copy", NULL, NULL, error);
  g_autoptr(GInputStream) archive = folder != NULL ? thole_workload_archive_files (workload, "/data", NULL, NULL, error) : NULL;
  g_autoptr(GPtrArray) files = NULL;

  if (archive == NULL || !thole_workload_extract_files (workload, "/copy", archive, NULL, NULL, error))
    return FALSE;
  files = thole_workload_list_files (workload, "/copy/data", NULL, NULL, error);
  if (files != NULL)
    g_print ("copied %u\n", files->len);
  return files != NULL;
}

/* A program with streams. */
static gboolean
run (TholeWorkload *workload, GError **error)
{
  const char *const command[] = { "sh", "-c", "tr a-z A-Z; echo done >&2; exit 3", NULL };
  g_autoptr(TholeAttachment) program = thole_workload_spawn (workload, command, NULL, NULL, error);
  g_autofree char *output = NULL, *errors = NULL;

  if (program == NULL
      || !g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (program)), "shout\n", 6, NULL, NULL, error))
    return FALSE;
  thole_attachment_end_input (program);
  output = text_of (g_io_stream_get_input_stream (G_IO_STREAM (program)), error);
  errors = output != NULL ? text_of (thole_attachment_get_error_stream (program), error) : NULL;
  if (errors == NULL || !thole_attachment_wait (program, NULL, error))
    return FALSE;
  g_print ("it said %s %s\nand ended with %d\n", output, errors, thole_attachment_get_exit_code (program));
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(TholeClient) client = thole_client_new_for_url (NULL, NULL, &error);
  g_autoptr(TholeWorkload) workload = client != NULL && argc == 3 ? create (client, argv[1], &error) : NULL;
  g_autoptr(GVariant) force = thole_variant_from_json ("{\"force\":true,\"wait\":\"deleted\"}", NULL);

  if (workload != NULL && put (workload, argv[2], &error) && get (workload, &error) && copy (workload, &error)
      && run (workload, &error) && thole_workload_delete (workload, force, NULL, &error))
    return 0;
  g_printerr ("%s\n", error != NULL ? error->message : "usage: files IMAGE FILE");
  return 1;
}
