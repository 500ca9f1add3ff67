#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dockerd with live-restore leaves and comes back."""
import engine_away


class Bed(engine_away.Away):
    LIVE = True
    flags = ("--live-restore",)


engine_away.run(Bed)
