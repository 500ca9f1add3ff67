-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
DROP INDEX workloads_charged_key;
DROP INDEX workloads_charged_owner;
ALTER TABLE workloads DROP COLUMN charged_key;
ALTER TABLE workloads DROP COLUMN charged_owner;
DROP TABLE settings;
