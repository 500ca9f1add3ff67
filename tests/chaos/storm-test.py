#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""1,000 creates (60 in the short form) while the daemon is killed at times by chance: on the memory driver and on a real Docker
Engine."""
from crash import LONG, DockerBed, MemoryBed, case, main
from storm import Storm


class Both:
    """The beds, made when a case needs them."""

    def after(self):
        pass

    def close(self):
        pass

    def storm(self, bed, count, calm):
        try:
            Storm(bed, count, calm).run()
        finally:
            bed.close()


class Memory(MemoryBed):
    def kind(self, number):
        """Body of a create, and how it ends."""
        if number % 5 == 0:
            return {"spec": {"image": "app", "command": ["forever"]}}, "running", None
        if number % 5 == 1:
            return {"spec": {"image": "app", "command": ["sleep", "0.05", ";", "exit", "3"]}}, "crashed", 3
        if number % 5 == 2:
            return {"spec": {"image": "app", "command": ["forever"]}, "start": False}, "stopped", None
        return {"spec": {"image": "app", "command": ["exit", "0"]}}, "stopped", 0


class Docker(DockerBed):
    def kind(self, number):
        if number % 10 == 0:
            return {"spec": self.forever()}, "running", None
        if number % 10 == 1:
            return {"spec": self.spec("sleep 0.1; exit 3", network="none")}, "crashed", 3
        if number % 2 == 0:
            return {"spec": self.forever(), "start": False}, "stopped", None
        return {"spec": self.spec("true", network="none")}, "stopped", 0


@case("creates and deletes under a daemon that is killed by chance, memory", "row:133 OC-01 OC-02 LC-05")
def _(t):
    t.storm(Memory(), 1000 if LONG else 200, 0.1)


@case("creates and deletes under a daemon that is killed by chance, docker", "row:133 OC-01 OC-02 LC-05")
def _(t):
    t.storm(Docker(), 1000 if LONG else 60, 1.0)


main(Both)
