#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many terminals in containers of a real Docker Engine, through kills and restarts of the daemon (see terminals.py)."""
from real_docker import AGENT, Bench, case, main
from terminals import SETTINGS, TERMINALS, TURNS, survive


class Terminals(Bench):
    def __init__(self):
        self.settings = {**self.settings, "daemon.agent": AGENT, **SETTINGS}
        super().__init__()


@case(f"{TERMINALS} terminals, {TURNS} kills and {TURNS} restarts: each number is seen once", "TE-04 TE-15 TE-25 TE-32 row:22")
def _(t):
    survive(t)


main(Terminals)
