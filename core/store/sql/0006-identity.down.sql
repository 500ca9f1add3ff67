-- SPDX-FileCopyrightText: The Thole authors
-- SPDX-License-Identifier: LGPL-2.1-or-later
DROP TABLE revoked_tokens;
DROP TABLE api_keys;
DROP TABLE users;
