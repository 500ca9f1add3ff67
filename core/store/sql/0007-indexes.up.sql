-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
-- all objects are in memory and found there; each of these was written with every change and never read
DROP INDEX workloads_state;
DROP INDEX workloads_deadline_at;
DROP INDEX workloads_expires_at;
DROP INDEX operations_target;
DROP INDEX operations_finished_at;
DROP INDEX idempotency_created_at;
