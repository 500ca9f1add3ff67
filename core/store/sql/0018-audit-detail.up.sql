-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
-- what more there is to say of a row: of a file its path
ALTER TABLE audit ADD COLUMN detail TEXT NOT NULL DEFAULT '';
