-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE INDEX events_subject ON events (subject, seq);
