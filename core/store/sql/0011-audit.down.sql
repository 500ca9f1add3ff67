-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
DROP TABLE audit;
DELETE FROM meta WHERE name = 'audit-anchor';
