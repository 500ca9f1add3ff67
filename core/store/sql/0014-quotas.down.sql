-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
ALTER TABLE workloads DROP COLUMN charged_storage;
ALTER TABLE workloads DROP COLUMN charged_memory;
ALTER TABLE workloads DROP COLUMN charged_cpu;
