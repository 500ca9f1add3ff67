-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
-- deadlines are on the wall clock again
UPDATE workloads SET deadline_at = deadline_at + (SELECT skew FROM timebase)
  WHERE deadline_at > 0 AND EXISTS (SELECT 1 FROM timebase);
UPDATE workloads SET expires_at = expires_at + (SELECT skew FROM timebase)
  WHERE expires_at > 0 AND EXISTS (SELECT 1 FROM timebase);
DROP TABLE timebase;
ALTER TABLE workloads DROP COLUMN born_at;
ALTER TABLE orphans DROP COLUMN due_at;
