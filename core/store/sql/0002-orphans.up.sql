-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE TABLE orphans (
  id TEXT NOT NULL PRIMARY KEY,
  backend TEXT NOT NULL,
  object TEXT NOT NULL,
  engine_id TEXT NOT NULL,
  state TEXT NOT NULL,
  found_at INTEGER NOT NULL,
  remove_at INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;
