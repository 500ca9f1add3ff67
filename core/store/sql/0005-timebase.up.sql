-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE TABLE timebase (
  id TEXT NOT NULL PRIMARY KEY,
  skew INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE workloads ADD COLUMN born_at INTEGER NOT NULL DEFAULT 0;
UPDATE workloads SET born_at = created_at;
ALTER TABLE orphans ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
UPDATE orphans SET due_at = remove_at;
