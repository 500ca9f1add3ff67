-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  owner TEXT NOT NULL,
  actor TEXT NOT NULL,
  data TEXT NOT NULL
) STRICT;

-- the columns of a table are the fields of its record (core/model/*.fields), in their order
CREATE TABLE workloads (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  backend TEXT NOT NULL,
  node TEXT NOT NULL,
  owner TEXT NOT NULL,
  state TEXT NOT NULL,
  desired_state TEXT NOT NULL,
  state_reason TEXT NOT NULL,
  generation INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  spec TEXT,
  labels TEXT,
  addresses TEXT,
  ports TEXT,
  exit_code INTEGER NOT NULL,
  exit_signal TEXT NOT NULL,
  restarts INTEGER NOT NULL,
  health TEXT NOT NULL,
  engine_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  stopped_at INTEGER NOT NULL,
  intent TEXT NOT NULL,
  installed INTEGER NOT NULL,
  handle TEXT NOT NULL,
  operation TEXT NOT NULL,
  failures INTEGER NOT NULL,
  deadline_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX workloads_owner_name ON workloads (owner, name);
CREATE INDEX workloads_state ON workloads (state);
CREATE INDEX workloads_deadline_at ON workloads (deadline_at) WHERE deadline_at > 0;
CREATE INDEX workloads_expires_at ON workloads (expires_at) WHERE expires_at > 0;

CREATE TABLE operations (
  id TEXT NOT NULL PRIMARY KEY,
  type TEXT NOT NULL,
  target TEXT NOT NULL,
  owner TEXT NOT NULL,
  state TEXT NOT NULL,
  progress_done INTEGER NOT NULL,
  progress_total INTEGER NOT NULL,
  progress_unit TEXT NOT NULL,
  message TEXT NOT NULL,
  error TEXT,
  request_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  arguments TEXT
) STRICT;
CREATE INDEX operations_target ON operations (target);
CREATE INDEX operations_finished_at ON operations (finished_at);

CREATE TABLE idempotency (
  id TEXT NOT NULL PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  subject TEXT NOT NULL,
  operation TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_created_at ON idempotency (created_at);
