#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OpenAPI document that the daemon serves against operations.list and against what it really answers."""
import os
import re

from tree import BUILD, Skip, case, main, read

from daemon import Daemon
from tap import Checks


class Served(Checks):
    def __init__(self):
        if not os.path.exists(os.path.join(BUILD, "core", "tholed")):
            raise Skip("tholed is not built")
        self.thole = Daemon({"memory": {"driver": "memory", "default": "true"}}).start()
        self.document = self.thole.tcp(token=False).get("/v1/openapi.json").expect(200).json

    def close(self):
        self.thole.close()


def operations():
    """(name, method, path, statuses) of each operation that HTTP offers."""
    for line in read("core/operations/operations.list").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 10 and not line.startswith("#") and cells[3] != "-":
            method, path = cells[3].split()
            yield cells[0], method.lower(), path, cells[4].split()


def walk(node, where=""):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, f"{where}/{key}")
        yield where, node
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from walk(value, f"{where}/{number}")


@case("it is OpenAPI 3.1 and public", "API-04")
def _(t):
    t.true(t.document["openapi"].startswith("3.1"), "its version")
    t.true(t.document["info"]["title"] and t.document["info"]["version"], "title and version")


@case("every operation of the list is described, and nothing else below /v1 but the daemon itself", "API-04 API-05 API-07")
def _(t):
    listed = {(method, path) for _, method, path, _ in operations()}
    described = {(method, path) for path, item in t.document["paths"].items() for method in item
                 if method in ("get", "post", "put", "patch", "delete", "head")}
    t.equal(sorted(listed - described), [], "not described")
    own = {path for _, path in described - listed}
    t.true(own <= {"/healthz", "/readyz", "/metrics", "/v1/version", "/v1/openapi.json"}, f"{own} belongs to the daemon itself")


@case("every operation names its successes and problem details")
def _(t):
    for name, method, path, statuses in operations():
        responses = t.document["paths"][path][method]["responses"]
        for status in statuses:
            t.true(status in responses, f"{name} describes {status}")
        t.true(any("application/problem+json" in str(answer) or "$ref" in str(answer) for code, answer in responses.items()
                   if code == "default" or code.startswith("4")), f"{name} describes its errors")
        t.true(t.document["paths"][path][method].get("operationId"), f"{name} has an id")


@case("every path parameter is described and every reference leads somewhere")
def _(t):
    for path, item in t.document["paths"].items():
        for name in re.findall(r"\{(\w+)\}", path):
            for method, body in item.items():
                if method in ("get", "post", "put", "patch", "delete"):
                    parameters = [p.get("name") for p in body.get("parameters", []) + item.get("parameters", [])]
                    t.true(name in parameters, f"{method} {path} describes {name}")
    for where, node in walk(t.document):
        if isinstance(node.get("$ref"), str):
            target = t.document
            for word in node["$ref"].removeprefix("#/").split("/"):
                t.true(word in target, f"{where}: {node['$ref']} leads somewhere")
                target = target[word]


@case("a workload that is served has exactly the described fields", "API-07")
def _(t):
    workload = t.thole.create({"image": "demo"})
    described = t.document["components"]["schemas"]["workload"]["properties"]
    t.equal(sorted(workload), sorted(described))
    for name, body in described.items():
        if body.get("enum"):
            t.among(workload[name], body["enum"], name)


@case("each described route is served")
def _(t):
    for name, method, path, _ in operations():
        target = re.sub(r"\{\w+\}", "none-such", path)
        answer = t.thole.request(method.upper(), target, {} if method in ("post", "patch") else None)
        t.true(answer.status not in (405, 500) and not (answer.status == 404 and answer.code != "not_found"), f"{name}: {answer}")


main(Served)
