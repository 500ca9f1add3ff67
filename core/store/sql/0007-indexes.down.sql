-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE INDEX workloads_state ON workloads (state);
CREATE INDEX workloads_deadline_at ON workloads (deadline_at) WHERE deadline_at > 0;
CREATE INDEX workloads_expires_at ON workloads (expires_at) WHERE expires_at > 0;
CREATE INDEX operations_target ON operations (target);
CREATE INDEX operations_finished_at ON operations (finished_at);
CREATE INDEX idempotency_created_at ON idempotency (created_at);
