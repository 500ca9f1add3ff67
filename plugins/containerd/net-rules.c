/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "net-rules.h"

#include <glib/gstdio.h>
#include <string.h>

#include "cni.h"
#include "net-ports.h"

#define RULES 3
#define WORDS 16

const char *
ctr_net_subnet (TholeDriver *driver)
{
  g_autofree char *folder = g_build_filename (driver->config->state_dir, "cni", NULL);
  g_autofree char *path = g_build_filename (folder, "subnet", NULL), *kept = NULL;

  if (driver->subnet != NULL)
    return driver->subnet;
  if (driver->config->cni_subnet[0] != '\0')
    {
      driver->subnet = g_strdup (driver->config->cni_subnet);
      return driver->subnet;
    }
  if (g_file_get_contents (path, &kept, NULL, NULL) && ctr_subnet_valid (kept) && !ctr_subnet_taken (kept, driver->config->cni_bridge))
    driver->subnet = g_steal_pointer (&kept);
  else
    {
      driver->subnet = ctr_subnet_choose (driver->config->cni_bridge, driver->config->cni_bridge);
      if (g_mkdir_with_parents (folder, 0700) < 0 || !g_file_set_contents (path, driver->subnet, -1, NULL))
        ctr_log (driver, G_LOG_LEVEL_WARNING, "%s cannot be written: another start of the daemon may choose another subnet", path);
    }
  return driver->subnet;
}

/* rules ----------------------------------------------------------------------------------------------- */

typedef struct
{
  CtrJob job;
  GTask *outer;
  CtrNext next;
  guint rule;
  gboolean failed;
} Make;

static void
make_clear (gpointer data)
{
  g_object_unref (((Make *) data)->outer);
}

static void look (GTask *task);

/* All that wait, the first of which did the work. */
static void
end_all (TholeDriver *driver, gboolean failed)
{
  g_autoptr(GPtrArray) waiting = g_steal_pointer (&driver->ruling);

  driver->unruled = failed;
  for (guint i = 0; i < waiting->len; i++)
    {
      GTask *task = g_ptr_array_index (waiting, i);
      Make *one = g_task_get_task_data (task);

      one->next (one->outer, NULL, NULL);
      g_task_return_boolean (task, TRUE);
    }
}

/* @command: -C, -A or -I */
static void
run (GTask *task, const char *command, CtrNext next)
{
  Make *self = g_task_get_task_data (task);
  TholeDriver *driver = self->job.driver;
  const char *bridge = driver->config->cni_bridge, *subnet = ctr_net_subnet (driver);
  const char *const rules[RULES][WORDS] = {
    { "iptables", "-w", "10", "-t", "nat", command, "POSTROUTING", "-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE", NULL },
    { "iptables", "-w", "10", command, "FORWARD", "-i", bridge, "-j", "ACCEPT", NULL },
    { "iptables", "-w", "10", command, "FORWARD", "-o", bridge, "-j", "ACCEPT", NULL },
  };

  ctr_cni_run (task, rules[self->rule], CTR_RUN_SECONDS, NULL, next);
}

static void
on_added (GTask *task, gpointer value, GError *error)
{
  Make *self = g_task_get_task_data (task);

  self->failed = self->failed || error != NULL;
  /* once: it is tried at each start */
  if (error != NULL && !self->job.driver->unruled)
    ctr_log (self->job.driver, G_LOG_LEVEL_WARNING, "containers on the bridge may not reach other machines: %s", error->message);
  self->rule++;
  look (task);
}

static void
on_looked (GTask *task, gpointer value, GError *error)
{
  if (error != NULL)
    run (task, ((Make *) g_task_get_task_data (task))->rule == 0 ? "-A" : "-I", on_added);
  else
    on_added (task, NULL, NULL);
}

static void
look (GTask *task)
{
  Make *self = g_task_get_task_data (task);

  if (self->rule < RULES)
    {
      run (task, "-C", on_looked);
      return;
    }
  end_all (self->job.driver, self->failed);
}

void
ctr_net_rules (GTask *task, CtrNext next)
{
  TholeDriver *driver = ctr_driver_of (task);
  g_autoptr(GTask) inner = NULL;
  Make *self;

  inner = ctr_job_new (driver, sizeof (Make), make_clear, NULL, NULL, NULL, NULL);
  self = g_task_get_task_data (inner);
  self->outer = g_object_ref (task);
  self->next = next;
  if (driver->ruling != NULL)
    {
      g_ptr_array_add (driver->ruling, g_steal_pointer (&inner));
      return;
    }
  driver->ruling = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (driver->ruling, g_object_ref (inner));
  look (inner);
}
