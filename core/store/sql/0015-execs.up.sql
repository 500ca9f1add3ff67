-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
-- the engine's name of a program that the daemon started for a session, and may have to end
ALTER TABLE sessions ADD COLUMN exec TEXT NOT NULL DEFAULT '';
