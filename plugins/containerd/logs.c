/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The slot `logs`. The files are here, whatever becomes of the engine.
 */
#include "log.h"

#include "place.h"
#include "thing.h"

void
ctr_logs_async (TholeDriver *self, const char *id, GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                gpointer user_data)
{
  g_autoptr(GTask) task = ctr_job_new (self, sizeof (CtrJob), NULL, options, cancellable, callback, user_data);
  g_autofree char *container = ctr_thing_name (self->config->instance, id);
  g_autofree char *folder = ctr_place_path (self, container, "log");
  g_autoptr(GInputStream) input = NULL;
  TholeLogWanted wanted = {
    .follow = thole_dict_boolean (options, "follow", FALSE),
    .tail = thole_dict_int (options, "tail", -1),
    .since = thole_dict_int (options, "since", 0),
    .until = thole_dict_int (options, "until", 0),
    .streams = { FALSE, thole_dict_boolean (options, "stdout", TRUE), thole_dict_boolean (options, "stderr", TRUE) },
  };

  if (task == NULL)
    return;
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    {
      g_task_return_new_error (task, THOLE_ERROR, THOLE_ERROR_NOT_FOUND, "%s has no log", id);
      return;
    }
  input = thole_log_files_read (folder, &wanted);
  g_task_return_pointer (task, thole_stream_new (input, NULL), g_object_unref);
}
