/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files of a workload, running or not. Bytes go by streams: no file is held in memory as a whole, and a stream that broke off fails where a
 * complete one ends.
 */
#pragma once

#if !defined (THOLE_INSIDE) && !defined (THOLE_COMPILATION)
#error "include only <thole.h>"
#endif

#include "thole-file.h"
#include "thole-workload.h"

G_BEGIN_DECLS

/**
 * thole_workload_read_file_async:
 * @self: a #TholeWorkload
 * @path: absolute path of the file, UTF-8
 * @options: (nullable): a dictionary `a{sv}`: options `offset` and `length`, in bytes
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Opens a file to read it. Links are followed, never out of the workload.
 *
 * The stream belongs to the caller, is read in every form that GIO has, and keeps the client. A read gives 0 bytes only when all was
 * read; when the daemon, the engine or the way to them fails, it gives %THOLE_CLIENT_ERROR_UNREACHABLE, and again when it is
 * repeated. Who has read enough closes it.
 *
 * Errors are those of %THOLE_CLIENT_ERROR: %THOLE_CLIENT_ERROR_NOT_FOUND (the workload, or what @path leads to),
 * %THOLE_CLIENT_ERROR_FORBIDDEN, %THOLE_CLIENT_ERROR_EXISTS (it is of another kind), %THOLE_CLIENT_ERROR_INVALID,
 * %THOLE_CLIENT_ERROR_UNSUPPORTED (the engine has no files), %THOLE_CLIENT_ERROR_UNREACHABLE; and %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void thole_workload_read_file_async (TholeWorkload *self, const char *path, GVariant *options,
                                     GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_read_file_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_read_file_async().
 *
 * Returns: (transfer full): its content, or %NULL with @error set
 *
 * Since: 1.0
 */
GInputStream *thole_workload_read_file_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_read_file:
 * @self: a #TholeWorkload
 * @path: absolute path of the file, UTF-8
 * @options: (nullable): a dictionary `a{sv}`: options `offset` and `length`, in bytes
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Opens a file to read it. Links are followed, never out of the workload.
 *
 * Blocks; see thole_workload_read_file_async().
 *
 * Returns: (transfer full): its content, or %NULL with @error set
 *
 * Since: 1.0
 */
GInputStream *thole_workload_read_file (TholeWorkload *self, const char *path, GVariant *options,
                                        GCancellable *cancellable, GError **error);

/**
 * thole_workload_archive_files_async:
 * @self: a #TholeWorkload
 * @path: absolute path of the file or folder, UTF-8
 * @options: (nullable): a dictionary `a{sv}`: none at present
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Opens a file, or a folder with all that is in it, as a tar archive. Its names begin with the last part of @path.
 *
 * The stream belongs to the caller, is read in every form that GIO has, and keeps the client. A read gives 0 bytes only when all was
 * read; when the daemon, the engine or the way to them fails, it gives %THOLE_CLIENT_ERROR_UNREACHABLE, and again when it is
 * repeated. Who has read enough closes it.
 *
 * Errors are those of %THOLE_CLIENT_ERROR: %THOLE_CLIENT_ERROR_NOT_FOUND (the workload, or what @path leads to),
 * %THOLE_CLIENT_ERROR_FORBIDDEN, %THOLE_CLIENT_ERROR_EXISTS (it is of another kind), %THOLE_CLIENT_ERROR_INVALID,
 * %THOLE_CLIENT_ERROR_UNSUPPORTED (the engine has no files), %THOLE_CLIENT_ERROR_UNREACHABLE; and %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void thole_workload_archive_files_async (TholeWorkload *self, const char *path, GVariant *options,
                                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_archive_files_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_archive_files_async().
 *
 * Returns: (transfer full): the archive, or %NULL with @error set
 *
 * Since: 1.0
 */
GInputStream *thole_workload_archive_files_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_archive_files:
 * @self: a #TholeWorkload
 * @path: absolute path of the file or folder, UTF-8
 * @options: (nullable): a dictionary `a{sv}`: none at present
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Opens a file, or a folder with all that is in it, as a tar archive. Its names begin with the last part of @path.
 *
 * Blocks; see thole_workload_archive_files_async().
 *
 * Returns: (transfer full): the archive, or %NULL with @error set
 *
 * Since: 1.0
 */
GInputStream *thole_workload_archive_files (TholeWorkload *self, const char *path, GVariant *options,
                                            GCancellable *cancellable, GError **error);

/**
 * thole_workload_list_files_async:
 * @self: a #TholeWorkload
 * @path: absolute path of the folder, UTF-8
 * @options: (nullable): a dictionary `a{sv}`: none at present
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Lists what is in a folder: at most 10000 names, else %THOLE_CLIENT_ERROR_TOO_LARGE.
 *
 * Errors are those of %THOLE_CLIENT_ERROR: %THOLE_CLIENT_ERROR_NOT_FOUND (the workload, or what @path leads to),
 * %THOLE_CLIENT_ERROR_FORBIDDEN, %THOLE_CLIENT_ERROR_EXISTS (it is of another kind), %THOLE_CLIENT_ERROR_INVALID,
 * %THOLE_CLIENT_ERROR_UNSUPPORTED (the engine has no files), %THOLE_CLIENT_ERROR_UNREACHABLE; and %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void thole_workload_list_files_async (TholeWorkload *self, const char *path, GVariant *options,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_list_files_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_list_files_async().
 *
 * Returns: (transfer container) (element-type TholeFile): what is in it, in no order, or %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *thole_workload_list_files_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_list_files:
 * @self: a #TholeWorkload
 * @path: absolute path of the folder, UTF-8
 * @options: (nullable): a dictionary `a{sv}`: none at present
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Lists what is in a folder: at most 10000 names, else %THOLE_CLIENT_ERROR_TOO_LARGE.
 *
 * Blocks; see thole_workload_list_files_async().
 *
 * Returns: (transfer container) (element-type TholeFile): what is in it, in no order, or %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *thole_workload_list_files (TholeWorkload *self, const char *path, GVariant *options,
                                      GCancellable *cancellable, GError **error);

/**
 * thole_workload_make_folder_async:
 * @self: a #TholeWorkload
 * @path: absolute path of the folder, UTF-8
 * @options: (nullable): a dictionary `a{sv}`: `mode` (493 = 0755), `uid`, `gid`, `parents` (make folders above it that are missing)
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Makes a folder. It is a %THOLE_CLIENT_ERROR_EXISTS when there is something already.
 *
 * Errors are those of %THOLE_CLIENT_ERROR: %THOLE_CLIENT_ERROR_NOT_FOUND (the workload, or what @path leads to),
 * %THOLE_CLIENT_ERROR_FORBIDDEN, %THOLE_CLIENT_ERROR_EXISTS (it is of another kind), %THOLE_CLIENT_ERROR_INVALID,
 * %THOLE_CLIENT_ERROR_UNSUPPORTED (the engine has no files), %THOLE_CLIENT_ERROR_UNREACHABLE; and %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void thole_workload_make_folder_async (TholeWorkload *self, const char *path, GVariant *options,
                                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_make_folder_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_make_folder_async().
 *
 * Returns: (transfer full): the folder, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeFile *thole_workload_make_folder_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_make_folder:
 * @self: a #TholeWorkload
 * @path: absolute path of the folder, UTF-8
 * @options: (nullable): a dictionary `a{sv}`: `mode` (493 = 0755), `uid`, `gid`, `parents` (make folders above it that are missing)
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Makes a folder. It is a %THOLE_CLIENT_ERROR_EXISTS when there is something already.
 *
 * Blocks; see thole_workload_make_folder_async().
 *
 * Returns: (transfer full): the folder, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeFile *thole_workload_make_folder (TholeWorkload *self, const char *path, GVariant *options,
                                       GCancellable *cancellable, GError **error);

/**
 * thole_workload_write_file_async:
 * @self: a #TholeWorkload
 * @path: absolute path of the file, UTF-8
 * @content: what to write
 * @options: (nullable): a dictionary `a{sv}`: `mode` (420 = 0644), `uid`, `gid`, `parents` (make folders above it that are missing)
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Writes a file; what is there is replaced.
 *
 * @content is read from where it stands to its end, piece by piece, and stays open; its own error is that of the call. Only when
 * all of it has arrived is anything changed: what fails or is cancelled before leaves the old file. A pause of more than 30 seconds between two
 * pieces may end it with %THOLE_CLIENT_ERROR_TIMEOUT.
 *
 * Errors are those of %THOLE_CLIENT_ERROR: %THOLE_CLIENT_ERROR_NOT_FOUND (the workload, or what @path leads to),
 * %THOLE_CLIENT_ERROR_FORBIDDEN, %THOLE_CLIENT_ERROR_EXISTS (it is of another kind), %THOLE_CLIENT_ERROR_INVALID,
 * %THOLE_CLIENT_ERROR_UNSUPPORTED (the engine has no files), %THOLE_CLIENT_ERROR_UNREACHABLE; and %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void thole_workload_write_file_async (TholeWorkload *self, const char *path, GInputStream *content, GVariant *options,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/**
 * thole_workload_write_file_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_write_file_async().
 *
 * Returns: (transfer full): the file, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeFile *thole_workload_write_file_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_write_file:
 * @self: a #TholeWorkload
 * @path: absolute path of the file, UTF-8
 * @content: what to write
 * @options: (nullable): a dictionary `a{sv}`: `mode` (420 = 0644), `uid`, `gid`, `parents` (make folders above it that are missing)
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Writes a file; what is there is replaced.
 *
 * Blocks; see thole_workload_write_file_async().
 *
 * Returns: (transfer full): the file, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeFile *thole_workload_write_file (TholeWorkload *self, const char *path, GInputStream *content, GVariant *options,
                                      GCancellable *cancellable, GError **error);

/**
 * thole_workload_write_file_bytes_async:
 * @self: a #TholeWorkload
 * @path: absolute path of the file, UTF-8
 * @content: what to write
 * @options: (nullable): a dictionary `a{sv}`: `mode` (420 = 0644), `uid`, `gid`, `parents` (make folders above it that are missing)
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Writes a file whose content is in memory already; see thole_workload_write_file_async().
 *
 * Errors are those of %THOLE_CLIENT_ERROR: %THOLE_CLIENT_ERROR_NOT_FOUND (the workload, or what @path leads to),
 * %THOLE_CLIENT_ERROR_FORBIDDEN, %THOLE_CLIENT_ERROR_EXISTS (it is of another kind), %THOLE_CLIENT_ERROR_INVALID,
 * %THOLE_CLIENT_ERROR_UNSUPPORTED (the engine has no files), %THOLE_CLIENT_ERROR_UNREACHABLE; and %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void thole_workload_write_file_bytes_async (TholeWorkload *self, const char *path, GBytes *content, GVariant *options,
                                            GCancellable *cancellable, GAsyncReadyCallback callback,
                                            gpointer user_data);

/**
 * thole_workload_write_file_bytes_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_write_file_bytes_async().
 *
 * Returns: (transfer full): the file, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeFile *thole_workload_write_file_bytes_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_write_file_bytes:
 * @self: a #TholeWorkload
 * @path: absolute path of the file, UTF-8
 * @content: what to write
 * @options: (nullable): a dictionary `a{sv}`: `mode` (420 = 0644), `uid`, `gid`, `parents` (make folders above it that are missing)
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Writes a file whose content is in memory already; see thole_workload_write_file_async().
 *
 * Blocks; see thole_workload_write_file_bytes_async().
 *
 * Returns: (transfer full): the file, or %NULL with @error set
 *
 * Since: 1.0
 */
TholeFile *thole_workload_write_file_bytes (TholeWorkload *self, const char *path, GBytes *content, GVariant *options,
                                            GCancellable *cancellable, GError **error);

/**
 * thole_workload_extract_files_async:
 * @self: a #TholeWorkload
 * @path: absolute path of the folder, UTF-8
 * @archive: a tar archive
 * @options: (nullable): a dictionary `a{sv}`: none at present
 * @cancellable: (nullable): a #GCancellable
 * @callback: (scope async) (nullable): called once it is done
 * @user_data: (closure): data for @callback
 *
 * Unpacks a tar archive into a folder that is there: what it names is made or replaced, all else stays.
 *
 * @archive is read from where it stands to its end, piece by piece, and stays open; its own error is that of the call. Only when
 * all of it has arrived is anything changed: what fails or is cancelled before leaves the folder as it was. A pause of more than 30 seconds between two
 * pieces may end it with %THOLE_CLIENT_ERROR_TIMEOUT.
 *
 * Errors are those of %THOLE_CLIENT_ERROR: %THOLE_CLIENT_ERROR_NOT_FOUND (the workload, or what @path leads to),
 * %THOLE_CLIENT_ERROR_FORBIDDEN, %THOLE_CLIENT_ERROR_EXISTS (it is of another kind), %THOLE_CLIENT_ERROR_INVALID,
 * %THOLE_CLIENT_ERROR_UNSUPPORTED (the engine has no files), %THOLE_CLIENT_ERROR_UNREACHABLE; and %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void thole_workload_extract_files_async (TholeWorkload *self, const char *path, GInputStream *archive,
                                         GVariant *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                                         gpointer user_data);

/**
 * thole_workload_extract_files_finish:
 * @self: a #TholeWorkload
 * @result: the result
 * @error:
 *
 * Ends thole_workload_extract_files_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_extract_files_finish (TholeWorkload *self, GAsyncResult *result, GError **error);

/**
 * thole_workload_extract_files:
 * @self: a #TholeWorkload
 * @path: absolute path of the folder, UTF-8
 * @archive: a tar archive
 * @options: (nullable): a dictionary `a{sv}`: none at present
 * @cancellable: (nullable): a #GCancellable
 * @error:
 *
 * Unpacks a tar archive into a folder that is there: what it names is made or replaced, all else stays.
 *
 * Blocks; see thole_workload_extract_files_async().
 *
 * Returns: %TRUE, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean thole_workload_extract_files (TholeWorkload *self, const char *path, GInputStream *archive,
                                       GVariant *options, GCancellable *cancellable, GError **error);

G_END_DECLS
