#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes thole.conf and thole.conf(5) of core/config/keys.list, so that they name every key and no other (the local driver's are those
of the table in its README), and puts the slots of
sdk/thole-driver.h into thole-driver(7).

usage: generate.py conf|man VERSION FOLDER OUTPUT KEYS_LIST      FOLDER: where the configuration is
       generate.py driver OUTPUT PAGE HEADER
"""
import os
import re
import sys

LOCAL = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "plugins", "local", "README.md")

TYPES = {"string": "text", "list": "list, separated by semicolons", "int": "integer", "number": "number",
         "bool": "true or false", "size": "size: bytes, or with a unit as in 16MiB", "choice": "one of"}
SECTIONS = {
    "daemon": "Where it serves and what it keeps.",
    "http": "Bounds of what a client may send or hold.",
    "limits": "Bounds of what the daemon keeps.",
    "workload": "What a workload gets that asks for nothing.",
    "events": "Which events are kept.",
    "reconcile": "How the store is compared with the engines.",
}


class Key:
    def __init__(self, cells):
        self.section, self.name, self.kind, self.default, self.bounds, self.doc = cells[:6]
        self.reload = cells[6:] == ["reload"]

    def type_text(self):
        text = TYPES[self.kind]
        if self.kind == "choice":
            return f"{text} {self.bounds.replace(',', ', ')}"
        low, dots, high = self.bounds.partition("..")
        return f"{text}, {low} to {high}" if dots else text


def read_keys(path):
    keys = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) not in (6, 7) or cells[2] not in TYPES:
                sys.exit(f"{path}:{number}: expected section | key | kind | default | bounds | doc [ | reload]")
            keys.append(Key(cells))
    return keys


def sections(keys):
    names = list(dict.fromkeys(key.section for key in keys))
    return [(name, [key for key in keys if key.section == name]) for name in names]


def conf(keys, _version, _folder):
    out = ["# Configuration of tholed, see thole.conf(5). What begins with # has its default; files in thole.conf.d/*.conf",
           "# beside this one are read after it. A wrong section, key or value is an error: tholed --check-config tells."]
    for name, members in sections(keys):
        out += ["", f"[{name}]"]
        for key in members:
            reload = "; a reload takes it over" if key.reload else ""
            out += [f"# {key.doc} ({key.type_text()}{reload})", f"#{key.name}={key.default}", ""]
        out.pop()
    out += ["", "# One section for each engine; drivers are listed by: tholectl drivers",
            "[backend docker]", "driver=docker", "default=true", "#url=unix:///var/run/docker.sock", "", "# without an engine: programs of this machine in sandboxes",
            "#[backend local]", "#driver=local"]
    return "\n".join(out) + "\n"


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def local_keys():
    """Key, default and meaning of the local driver's keys."""
    with open(LOCAL, encoding="utf-8") as file:
        table = file.read().split("## Configuration")[1].split("##")[0]
    for line in re.findall(r"^\| `.*$", table, re.M):
        yield [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]


def man(keys, version, folder):
    out = ['.\\" made by data/generate.py of core/config/keys.list; do not edit',
           f'.TH THOLE.CONF 5 "" "thole {version}" "File Formats"',
           ".SH NAME", "thole.conf \\- configuration of the Thole daemon", ".SH DESCRIPTION",
           "Sections in brackets hold lines KEY=VALUE; a line that begins with # is a comment. As root",
           ".BR tholed (8)", "reads", f".IR {roff(folder)}/thole.conf ,", "then",
           f".I {roff(folder)}/thole.conf.d/*.conf",
           "in the order of their names; what is read later rules.",
           "Above the files stand environment variables THOLE_SECTION_KEY (in upper case), above those the option",
           "\\fB\\-\\-set\\fR SECTION.KEY=VALUE.", ".PP",
           "A section, key or value that is wrong is an error which names file and line. \\fBtholed \\-\\-check\\-config\\fR",
           "tells without starting.", ".PP",
           "On SIGHUP (\\fBsystemctl reload tholed\\fR) the daemon reads all of it again. Keys of which it is said below that a reload",
           "takes them over hold at once; what else has changed is named in the log and waits for a restart. While the new",
           "configuration is wrong the old one holds."]
    for name, members in sections(keys):
        out += [f".SH [{name}]", *([SECTIONS[name]] if name in SECTIONS else [])]
        for key in members:
            default = f"Default: {roff(key.default)}." if key.default else "No default."
            out += [".TP", f"\\fB{roff(key.name)}\\fR ({roff(key.type_text())})", f"{roff(key.doc)}.",
                    default + (" A reload takes it over." if key.reload else "")]
    out += [".SH [backend NAME]", "One section for each configured engine. Keys other than these are the driver's own, strings all.",
            ".TP", "\\fBdriver\\fR (text)", "Id of the driver, as in \\fBtholectl drivers\\fR.",
            ".TP", "\\fBdefault\\fR (true or false)", "Workloads that name no backend go here.",
            ".TP", "\\fBsecret_\\fINAME\\fB_file\\fR (path)", "A file that holds the driver's secret NAME, read at the start.",
            ".TP", "\\fBrequire_isolation\\fR (true or false)", "Refuse a driver that would run inside the daemon.",
            ".SS driver=local", "Sandboxes of this machine, without any engine, have these keys:"]
    for key, default, meaning in local_keys():
        text = meaning[0].upper() + meaning[1:]
        out += [".TP", f"\\fB{roff(key)}\\fR", f"{roff(text)}.", "No default." if default == "none" else f"Default: {roff(default)}."]
    out += [".SH EXAMPLE", ".nf", "[daemon]", "listen=unix:/run/thole/thole.sock;127.0.0.1:7460", "", "[backend docker]",
            "driver=docker", "url=unix:///var/run/docker.sock", "default=true", "",
            "[backend local]", "driver=local", "roots=/srv/roots", ".fi",
            ".SH SEE ALSO", ".BR tholed (8),", ".BR tholectl (1),", ".BR thole-driver (7)"]
    return "\n".join(out) + "\n"


def slots(header):
    with open(header, encoding="utf-8") as file:
        text = file.read()
    for body, name in re.findall(r"typedef struct\n{\n(.*?)\n} Thole(\w+)Ops;", text, re.S):
        found = re.findall(r"\(\*(\w+)\)", body)
        yield name, list(dict.fromkeys(re.sub(r"_(async|finish)$", "", slot) for slot in found))


def driver(page, header):
    out = []
    for name, members in slots(header):
        title = {"Host": "host: what the daemon offers", "Driver": "driver: mandatory"}.get(name, f"{name.lower()}/1")
        out += [".TP", f".B {title}", " ".join(members)]
    with open(page, encoding="utf-8") as file:
        return file.read().replace("@SLOTS@", roff("\n".join(out)).replace("\\&.TP", ".TP", 1))


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "driver":
        text, output = driver(sys.argv[3], sys.argv[4]), sys.argv[2]
    elif len(sys.argv) == 6 and sys.argv[1] in ("conf", "man"):
        text, output = {"conf": conf, "man": man}[sys.argv[1]](read_keys(sys.argv[5]), sys.argv[2], sys.argv[3]), sys.argv[4]
    else:
        sys.exit(__doc__)
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


main()
