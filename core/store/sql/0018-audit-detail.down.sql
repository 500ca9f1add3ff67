-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
ALTER TABLE audit DROP COLUMN detail;
