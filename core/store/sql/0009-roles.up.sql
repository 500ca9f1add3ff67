-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE TABLE roles (
  id TEXT NOT NULL PRIMARY KEY,
  doc TEXT NOT NULL,
  permissions TEXT,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE user_groups (
  id TEXT NOT NULL PRIMARY KEY,
  doc TEXT NOT NULL,
  roles TEXT,
  shared INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
