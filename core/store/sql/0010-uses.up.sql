-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE TABLE uses (
  id TEXT NOT NULL PRIMARY KEY,
  idle_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
