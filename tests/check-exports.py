#!/usr/bin/python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the built modules export: a plugin one symbol, the SDK's library what its headers declare."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

from tree import BUILD, ROOT, Skip, case, main, none, read

ENTRY = "thole_driver_entry"


def exported(path):
    out = subprocess.run(["nm", "-D", "--defined-only", "-P", path], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0].partition("@")[0] for line in out.splitlines() if line.split()[1] in "TDBRVWi"}
    return {name for name in names if not re.match(r"_init$|_fini$|__bss_start|_edata|_end$|__asan|__odr_asan", name)}


def needed(path):
    out = subprocess.run(["objdump", "-p", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r"NEEDED\s+(\S+)", out)


def plugins():
    found = sorted(path for path in glob.glob(os.path.join(BUILD, "plugins", "*.so")))
    if not found:
        raise Skip("no plugin is built")
    return found


@case("each plugin exports its entry and nothing else")
def _(t):
    none(f"{os.path.basename(path)}: {sorted(exported(path))}" for path in plugins() if exported(path) != {ENTRY})


@case("each plugin has a manifest of its own name beside it")
def _(t):
    none(path for path in plugins() if not os.path.exists(path[:-3] + ".plugin"))


@case("no plugin and no program loads a library twice in two kinds (jansson, json-glib)")
def _(t):
    programs = [path for path in (f"{BUILD}/core/tholed", f"{BUILD}/cli/tholectl") if os.path.exists(path)]
    none(f"{os.path.basename(path)}: {name}" for path in plugins() + programs for name in needed(path)
         if name.startswith(("libjansson", "libjson-glib")))


def declared():
    names = set()
    installed = re.search(r"^install_headers\((.*?)subdir", read("sdk/meson.build"), re.M | re.S)[1]
    for path in re.findall(r"'([\w-]+\.h)'", installed):
        names |= set(re.findall(r"\b(thole_\w+)\s*\(", re.sub(r"/\*.*?\*/", "", read(f"sdk/{path}"), flags=re.S)))
    header = os.path.join(BUILD, "sdk", "thole-error.h")
    with open(header, encoding="utf-8") as file:
        names |= set(re.findall(r"\b(thole_\w+)\s*\(", re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)))
    return {name for name in names if not name.startswith("thole_driver_entry")}


@case("libthole-driver exports what its headers declare, no more and no less")
def _(t):
    library = os.path.join(BUILD, "sdk", "libthole-driver-1.so")
    if not os.path.exists(library):
        raise Skip("the library is not built")
    seen = exported(library)
    none([f"exported, not declared: {name}" for name in sorted(seen - declared()) if not re.fullmatch(r"THOLE_DRIVER_[\d.]+", name)] +
         [f"declared, not exported: {name}" for name in sorted(declared() - seen)
          if not re.search(rf"static inline[^;{{]*\b{name}\b", "".join(read(f"sdk/{h}") for h in
                                                                ("thole-driver.h", "thole-dict.h", "thole-host.h", "thole-json.h")))])


@case("libthole-driver exports what its map lists")
def _(t):
    maps = glob.glob(os.path.join(ROOT, "sdk", "**", "*.map"), recursive=True)
    if not maps:
        raise Skip("the library has no map")
    library = os.path.join(BUILD, "sdk", "libthole-driver-1.so")
    with open(maps[0], encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/|#.*", "", file.read(), flags=re.S)
    listed = set(re.findall(r"^\s*(thole_[\w*]+)\s*;", text, re.M))
    unlisted = [name for name in exported(library) if name.startswith("thole_")
                and not any(re.fullmatch(word.replace("*", ".*"), name) for word in listed)]
    none(sorted(unlisted) + sorted(f"missing: {name}" for name in listed if "*" not in name and name not in exported(library)))


CLIENT = os.path.join(BUILD, "client", "libthole-1.so")


def client_headers():
    headers = sorted(glob.glob(os.path.join(ROOT, "client", "thole*.h")))
    if not os.path.exists(CLIENT):
        raise Skip("the client library is not built")
    text = ""
    for path in headers + [os.path.join(BUILD, "client", "thole-client-error.h")]:
        with open(path, encoding="utf-8") as file:
            text += file.read()
    return text


def client_nodes():
    """{name: its version node}"""
    nodes = {}
    for node, body in re.findall(r"^(LIBTHOLE_\w+) \{(.*?)^\}", read("client/libthole.map"), re.M | re.S):
        nodes.update({name: node for name in re.findall(r"^  (thole_\w+);", body, re.M)})
    return nodes


def client_declared():
    code = re.sub(r"/\*.*?\*/", "", client_headers(), flags=re.S)
    names = set(re.findall(r"\b(thole_\w+)\s*\(", code))
    return names | {f"{name}_get_type" for name in re.findall(r"G_DECLARE_\w+ \(\w+, (thole_\w+),", code)}


@case("libthole exports what its headers declare and its map lists, each name in its node")
def _(t):
    out = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", CLIENT], capture_output=True, text=True, check=True)
    seen = dict(re.findall(r"\b[TDBR] (\w+)@@(LIBTHOLE_\w+)", out.stdout))
    nodes, names = client_nodes(), client_declared()
    none([f"declared, not in the map: {name}" for name in sorted(names - set(nodes))] +
         [f"in the map, not declared: {name}" for name in sorted(set(nodes) - names)] +
         [f"not exported as the map says: {name}" for name in sorted(nodes) if seen.get(name) != nodes[name]] +
         [f"exported beside: {name}" for name in sorted(exported(CLIENT) - set(nodes)) if not name.startswith("LIBTHOLE_")])


@case("each function of libthole is documented since the release of its node, with what it gives and takes")
def _(t):
    nodes, wrong = client_nodes(), []
    docs = dict(re.findall(r"/\*\*\n \* (\w+):\n(.*?)\*/", client_headers(), re.S))
    for name, node in sorted(nodes.items()):
        if name.endswith("_get_type"):
            continue
        release = node.removeprefix("LIBTHOLE_").replace("_", ".")
        if name not in docs:
            wrong.append(f"{name}: no documentation")
        elif f" * Since: {release}\n" not in docs[name]:
            wrong.append(f"{name}: not since {release}")
    none(wrong)


ABI = os.path.join(ROOT, "tests", "abi", "libthole-1.abi")


def client_abi(path):
    """Writes what abidw reads out of the built library: types and functions of the public headers."""
    subprocess.run(["abidw", "--headers-dir", os.path.join(ROOT, "client"), "--header-file",
                    os.path.join(BUILD, "client", "thole-client-error.h"), "--drop-private-types", "--exported-interfaces-only", "--no-corpus-path",
                    "--no-comp-dir-path", "--no-show-locs", "--type-id-style", "hash", "--out-file", path, CLIENT], check=True)


def abi_changes(before, after):
    """What abidiff says of changes that are no additions."""
    result = subprocess.run(["abidiff", "--no-added-syms", before, after], capture_output=True, text=True, check=False)
    return result.stdout if result.returncode else ""


@case("libthole's ABI is that of tests/abi/libthole-1.abi; what is new is only added (THOLE_ACCEPT=1 writes it anew)")
def _(t):
    if not os.path.exists(CLIENT) or not shutil.which("abidw"):
        raise Skip("the client library is not built, or abigail-tools is not installed")
    if os.environ.get("THOLE_ACCEPT"):
        client_abi(ABI)
    with tempfile.TemporaryDirectory() as folder:
        built, wrong = os.path.join(folder, "built"), os.path.join(folder, "wrong")
        client_abi(built)
        with open(built, encoding="utf-8") as file:
            text = file.read()
        if "<function-decl" not in text:
            raise Skip("the client library is built without debugging information, which holds its types")
        t.equal(abi_changes(ABI, built), "", "changes")
        # the guard itself sees a parameter that was turned into a pointer, and a function that is gone
        pointer = re.search(r"<pointer-type-def type-id='\w+' size-in-bits='64' id='(\w+)'", text)[1]
        resize = re.search(r"<function-decl name='thole_attachment_resize'.*?</function-decl>", text, re.S)[0]
        name = re.escape("thole_attachment_take_control")
        for bad in (text.replace(resize, re.sub(r"(type-id=')\w+(' name='rows')", rf"\g<1>{pointer}\2", resize)),
                    re.sub(rf"<elf-symbol name='{name}'[^\n]*\n", "", text)):
            t.true(bad != text, "a change for the guard to see")
            with open(wrong, "w", encoding="utf-8") as file:
                file.write(bad)
            t.true(abi_changes(ABI, wrong) != "", "that the guard sees it")


@case("introspection: every call of libthole can be made from a language, and nothing is guessed")
def _(t):
    path = os.path.join(BUILD, "client", "Thole-1.gir")
    if not os.path.exists(path):
        raise Skip("no introspection data is built")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    none(re.findall(r'name="([^"]+)"[^>]*introspectable="0"', text))
    bare = [name for kind, name, body in re.findall(r'<(property|glib:signal) name="([^"]+)"(.*?)</(?:property|glib:signal)>', text, re.S)
            if "<doc" not in body]
    none(f"not documented: {name}" for name in bare)
    missing = [name for name in client_nodes() if not name.endswith("_get_type") and f'c:identifier="{name}"' not in text]
    none(f"not in the data: {name}" for name in missing)


@case("the reference of libthole is made without a warning, with the tours in three languages")
def _(t):
    gir = os.path.join(BUILD, "client", "Thole-1.gir")
    if not os.path.exists(gir) or not shutil.which("gi-docgen"):
        raise Skip("the client library is not built, or gi-docgen is not installed")
    folder = os.path.join(ROOT, "client")
    with tempfile.TemporaryDirectory() as made:
        subprocess.run(["/usr/bin/python3", os.path.join(folder, "reference", "make-tour.py"), os.path.join(made, "tour.md")] +
                       [os.path.join(folder, "examples", f"{name}.{kind}") for name in ("tour", "files") for kind in ("c", "py", "js")], check=True)
        result = subprocess.run(["gi-docgen", "generate", "--quiet", "--fatal-warnings", "--no-namespace-dir",
                                 "--config=" + os.path.join(folder, "reference", "thole.toml"), "--content-dir=" + made,
                                 "--output-dir=" + os.path.join(made, "out"), gir], capture_output=True, text=True, check=False)
        t.equal((result.returncode, result.stdout + result.stderr), (0, ""))
        with open(os.path.join(made, "out", "tour.html"), encoding="utf-8") as file:
            page = file.read()
    for word in ("g_autoptr", "GLib.MainLoop()", "Gio._promisify", "thole_workload_spawn", "write_file_bytes_async"):
        t.holds(re.sub(r"<[^>]+>", "", page), word)


main()
