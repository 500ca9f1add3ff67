-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
ALTER TABLE workloads ADD COLUMN helper_epoch INTEGER NOT NULL DEFAULT 0;
