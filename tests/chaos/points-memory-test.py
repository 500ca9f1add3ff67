#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill -9 of the daemon at every numbered place of every lifecycle operation, with the memory driver."""
from crash import MemoryBed, case, main
from points import OPERATIONS, close_with_table, every_point


class Points(MemoryBed):
    def __init__(self):
        super().__init__()
        self.tallies = []

    def close(self):
        close_with_table(self, self.tallies)
        super().close()


@case("kill -9 at every place", "row:133 OC-01 LC-05", [operation.name for operation in OPERATIONS])
def _(t, name):
    operation = next(o for o in OPERATIONS if o.name == name)
    tally = every_point(t, operation)
    t.tallies.append(tally)
    tally.check()


main(Points)
