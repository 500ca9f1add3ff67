-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE TABLE secrets (
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  sealed TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX secrets_owner_name ON secrets (owner, name);
