#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill -9 of the daemon at numbered places of every lifecycle operation, on a real Docker Engine: at every place in the long
form, at some by chance in the short one."""
from crash import LONG, DockerBed, case, main
from points import OPERATIONS, close_with_table, every_point


class Points(DockerBed):
    def __init__(self):
        self.tallies = []
        super().__init__()

    def close(self):
        close_with_table(self, self.tallies)
        super().close()


@case("kill -9 at every place", "row:133 OC-01 LC-05 LC-41", [operation.name for operation in OPERATIONS])
def _(t, name):
    operation = next(o for o in OPERATIONS if o.name == name)
    tally = every_point(t, operation, 1 if LONG else 6)
    t.tallies.append(tally)
    tally.check()


main(Points)
