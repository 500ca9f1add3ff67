-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE TABLE settings (
  id TEXT NOT NULL PRIMARY KEY,
  choices TEXT,
  revision INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- on whose account it is to run; '' = it is not
ALTER TABLE workloads ADD COLUMN charged_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE workloads ADD COLUMN charged_key TEXT NOT NULL DEFAULT '';
UPDATE workloads SET charged_owner = owner WHERE desired_state = 'running';
CREATE INDEX workloads_charged_owner ON workloads (charged_owner) WHERE charged_owner <> '';
CREATE INDEX workloads_charged_key ON workloads (charged_key) WHERE charged_key <> '';
