-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
DROP TABLE idempotency;
DROP TABLE operations;
DROP TABLE workloads;
DROP TABLE events;
DROP TABLE meta;
