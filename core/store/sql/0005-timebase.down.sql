-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
DROP TABLE timebase;
ALTER TABLE workloads DROP COLUMN born_at;
