-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
-- what a workload takes of its owner's quota; what it asks for itself, since the daemon's defaults are not known here
ALTER TABLE workloads ADD COLUMN charged_cpu INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workloads ADD COLUMN charged_memory INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workloads ADD COLUMN charged_storage INTEGER NOT NULL DEFAULT 0;
UPDATE workloads SET
  charged_cpu = CAST(round(coalesce(json_extract(spec, '$.resources.cpu'), 0) * 1000000) AS INTEGER),
  charged_memory = CAST(coalesce(json_extract(spec, '$.resources.memory'), 0) AS INTEGER),
  charged_storage = CAST(coalesce(json_extract(spec, '$.resources.disk'), 0) AS INTEGER)
WHERE json_valid(spec);
