/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include <string.h>

#include "thole-dict.h"

struct _TholeExecResult
{
  GObject parent;
  int exit_code;
  char *exit_signal;
  GBytes *output, *error_output;
  gboolean truncated;
  double duration;
};

enum { PROP_EXIT_CODE = 1, PROP_EXIT_SIGNAL, PROP_OUTPUT, PROP_ERROR_OUTPUT, PROP_TRUNCATED, PROP_DURATION };

G_DEFINE_TYPE (TholeExecResult, thole_exec_result, G_TYPE_OBJECT)

/* bytes that are not UTF-8 come as base64 */
static GBytes *
read_bytes (GVariant *fields, const char *plain, const char *encoded)
{
  const char *text = thole_dict_string (fields, plain, ""), *base64 = thole_dict_string (fields, encoded, NULL);
  gsize length;
  guchar *data;

  if (base64 == NULL)
    return g_bytes_new (text, strlen (text));
  data = g_base64_decode (base64, &length);
  return g_bytes_new_take (data, length);
}

TholeExecResult *
thole_exec_result_new (GVariant *fields)
{
  TholeExecResult *self = g_object_new (THOLE_TYPE_EXEC_RESULT, NULL);

  self->exit_code = (int) thole_dict_int (fields, "exit_code", -1);
  self->exit_signal = g_strdup (thole_dict_string (fields, "signal", NULL));
  self->output = read_bytes (fields, "stdout", "stdout_base64");
  self->error_output = read_bytes (fields, "stderr", "stderr_base64");
  self->truncated = thole_dict_boolean (fields, "truncated", FALSE);
  self->duration = thole_dict_double (fields, "duration", 0);
  return self;
}

int
thole_exec_result_get_exit_code (TholeExecResult *self)
{
  g_return_val_if_fail (THOLE_IS_EXEC_RESULT (self), -1);
  return self->exit_code;
}

const char *
thole_exec_result_get_exit_signal (TholeExecResult *self)
{
  g_return_val_if_fail (THOLE_IS_EXEC_RESULT (self), NULL);
  return self->exit_signal;
}

GBytes *
thole_exec_result_get_output (TholeExecResult *self)
{
  g_return_val_if_fail (THOLE_IS_EXEC_RESULT (self), NULL);
  return self->output;
}

GBytes *
thole_exec_result_get_error_output (TholeExecResult *self)
{
  g_return_val_if_fail (THOLE_IS_EXEC_RESULT (self), NULL);
  return self->error_output;
}

gboolean
thole_exec_result_get_truncated (TholeExecResult *self)
{
  g_return_val_if_fail (THOLE_IS_EXEC_RESULT (self), FALSE);
  return self->truncated;
}

double
thole_exec_result_get_duration (TholeExecResult *self)
{
  g_return_val_if_fail (THOLE_IS_EXEC_RESULT (self), 0);
  return self->duration;
}

static void
thole_exec_result_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  TholeExecResult *self = THOLE_EXEC_RESULT (object);

  switch (id)
    {
    case PROP_EXIT_CODE:
      g_value_set_int (value, self->exit_code);
      break;
    case PROP_EXIT_SIGNAL:
      g_value_set_string (value, self->exit_signal);
      break;
    case PROP_OUTPUT:
      g_value_set_boxed (value, self->output);
      break;
    case PROP_ERROR_OUTPUT:
      g_value_set_boxed (value, self->error_output);
      break;
    case PROP_TRUNCATED:
      g_value_set_boolean (value, self->truncated);
      break;
    case PROP_DURATION:
      g_value_set_double (value, self->duration);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    }
}

static void
thole_exec_result_finalize (GObject *object)
{
  TholeExecResult *self = THOLE_EXEC_RESULT (object);

  g_free (self->exit_signal);
  g_clear_pointer (&self->output, g_bytes_unref);
  g_clear_pointer (&self->error_output, g_bytes_unref);
  G_OBJECT_CLASS (thole_exec_result_parent_class)->finalize (object);
}

static void
thole_exec_result_class_init (TholeExecResultClass *class)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass *object = G_OBJECT_CLASS (class);

  object->get_property = thole_exec_result_get_property;
  object->finalize = thole_exec_result_finalize;
  g_object_class_install_property (object, PROP_EXIT_CODE, g_param_spec_int ("exit-code", NULL, "Exit code, -1 = it has none", -1,
                                                                             G_MAXINT, -1, flags));
  g_object_class_install_property (object, PROP_EXIT_SIGNAL, g_param_spec_string ("exit-signal", NULL, "Signal that ended it", NULL,
                                                                                  flags));
  g_object_class_install_property (object, PROP_OUTPUT, g_param_spec_boxed ("output", NULL, "Standard output", G_TYPE_BYTES, flags));
  g_object_class_install_property (object, PROP_ERROR_OUTPUT, g_param_spec_boxed ("error-output", NULL, "Standard error",
                                                                                  G_TYPE_BYTES, flags));
  g_object_class_install_property (object, PROP_TRUNCATED, g_param_spec_boolean ("truncated", NULL, "It wrote more than was kept",
                                                                                 FALSE, flags));
  g_object_class_install_property (object, PROP_DURATION, g_param_spec_double ("duration", NULL, "Seconds that it took", 0, G_MAXDOUBLE,
                                                                               0, flags));
}

static void
thole_exec_result_init (TholeExecResult *self)
{
}
