#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes C tables of the declarations: errors.list, *.fields, operations.list, keys.list.

usage: generate.py KIND header|source OUTPUT INPUT...      KIND: errors fields operations keys
"""
import json
import re
import sys

NOTE = "/* made by core/generate.py; do not edit */\n"


def c_name(name):
    return name.replace("-", "_").replace(".", "_")


def c_string(text):
    return "NULL" if text is None else json.dumps(text)


def lines_of(paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                line = line.rstrip("\n")
                if line.strip() and not line.lstrip().startswith("#"):
                    yield f"{path}:{number}", line


# errors ------------------------------------------------------------------------------------------------

def read_errors(paths):
    errors = []
    for _, line in lines_of(paths):
        code, status, driver, word, title = line.split(None, 4)
        errors.append((code, int(status), driver == "yes", word, title))
    return errors


def errors_header(paths):
    out = [NOTE, "#pragma once\n#include <glib.h>\n\nG_BEGIN_DECLS\n",
           "#define THOLE_ERROR (thole_error_quark ())\nGQuark thole_error_quark (void);\n",
           "/* The codes of THOLE_ERROR; see core/base/errors.list. The numbers are ABI: only append. */\ntypedef enum\n{"]
    for number, (code, status, driver, _, title) in enumerate(read_errors(paths)):
        who = "" if driver else "; not from a driver"
        out.append(f"  THOLE_ERROR_{c_name(code).upper()} = {number}, /* {title} (HTTP {status}{who}) */")
    out.append("} TholeError;\n")
    out.append("#define THOLE_N_ERRORS %d\n" % len(read_errors(paths)))
    out.append("""/* The stable machine word of a code for callers: "backend_unavailable". */
const char *thole_error_word   (int code);
/* The title for people: "No such object". */
const char *thole_error_title  (int code);
/* The HTTP status: 404. */
guint       thole_error_status (int code);
/* May a driver return it? */
gboolean    thole_error_from_driver (int code);
/* The code of a word, or of the name as in the enum ("image_not_found"); -1 when there is none. */
int         thole_error_parse  (const char *word);

G_END_DECLS""")
    return "\n".join(out) + "\n"


def errors_source(paths):
    out = [NOTE, '#include "thole-error.h"\n', "#include <string.h>\n",
           'G_DEFINE_QUARK (thole-error-quark, thole_error)\n',
           "static const struct\n{\n  const char *name;\n  const char *word;\n  guint status;\n  gboolean driver;\n  const char *title;\n} errors[] = {"]
    for code, status, driver, word, title in read_errors(paths):
        out.append(f"  {{ {c_string(c_name(code))}, {c_string(word)}, {status}, {'TRUE' if driver else 'FALSE'}, {c_string(title)} }},")
    out.append("};\n")
    for kind, name, field, fallback in (("const char *", "word", "word", "0"), ("const char *", "title", "title", "0"),
                                        ("guint ", "status", "status", "0"), ("gboolean ", "from_driver", "driver", "0")):
        out.append(f"{kind.strip()}\nthole_error_{name} (int code)\n{{\n"
                   f"  return errors[code >= 0 && code < (int) G_N_ELEMENTS (errors) ? code : {fallback}].{field};\n}}\n")
    out.append("int\nthole_error_parse (const char *word)\n{\n  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)\n"
               "    if (strcmp (errors[i].name, word) == 0 || strcmp (errors[i].word, word) == 0)\n      return (int) i;\n  return -1;\n}")
    return "\n".join(out) + "\n"


# fields ------------------------------------------------------------------------------------------------

class Field:
    def __init__(self, where, line):
        head, _, doc = line.partition("|")
        words = head.split()
        if len(words) < 2:
            sys.exit(f"{where}: a field is NAME TYPE [attribute...] | doc")
        self.name, kind, self.doc = words[0], words[1], doc.strip()
        self.kind, _, self.of = kind.partition(":")
        self.attributes = {}
        for word in words[2:]:
            key, equals, value = word.partition("=")
            self.attributes[key] = value if equals else True
        known = {"required", "min", "max", "default", "format", "secret", "repeated", "hidden", "computed", "nullable", "of", "in", "bus"}
        for key in self.attributes:
            if key not in known:
                sys.exit(f"{where}: unknown attribute {key}")

    def flags(self):
        names = [f"THOLE_FIELD_{key.upper()}" for key in ("required", "secret", "repeated", "hidden", "computed", "nullable")
                 if key in self.attributes]
        return " | ".join(names) or "0"


class Thing:
    def __init__(self, kind, name, doc):
        self.kind, self.name, self.doc, self.fields = kind, name, doc, []


def read_fields(paths):
    things = []
    for where, line in lines_of(paths):
        if not line[0].isspace():
            match = re.match(r'(schema) (\S+) "(.*)"$|(record) (\S+) (\S+) (\S+) "(.*)"$', line)
            if not match:
                sys.exit(f"{where}: expected schema or record")
            if match[1]:
                things.append(Thing("schema", match[2], match[3]))
            else:
                # NAME:CNAME when a C type of that name is something else
                name, _, c_type = match[5].partition(":")
                thing = Thing("record", name, match[8])
                thing.c_type = camel(c_type or name)
                thing.prefix, thing.table = match[6], match[7]
                things.append(thing)
        else:
            things[-1].fields.append(Field(where, line))
    return things


def camel(name):
    return "".join(part.capitalize() for part in re.split("[-_]", name))


MEMBERS = {"string": "char *", "name": "char *", "json": "char *", "bool": "gboolean ", "int": "gint64 ",
           "number": "double ", "time": "gint64 ", "enum": "int "}


def fields_header(paths):
    out = [NOTE, '#pragma once\n#include "model/schema.h"\n#include "model/record.h"\n']
    for thing in read_fields(paths):
        if thing.kind == "schema":
            out.append(f"extern const TholeSchema thole_schema_{c_name(thing.name)};")
            continue
        name, upper = thing.c_type, c_name(thing.name).upper()
        out.append(f"\nextern const TholeRecordType thole_{c_name(thing.name)}_type;\n")
        for field in thing.fields:
            if field.kind == "enum":
                out.append("typedef enum\n{")
                for choice in field.of.split(","):
                    out.append(f"  THOLE_{upper}_{field.name.upper()}_{c_name(choice).upper()},")
                out.append(f"  THOLE_{upper}_N_{field.name.upper()}\n}} Thole{name}{camel(field.name)};\n")
        out.append(f"typedef struct\n{{\n  TholeRecord record;")
        for field in thing.fields:
            out.append(f"  {MEMBERS[field.kind]}{field.name}; /* {field.doc} */")
        out.append(f"}} Thole{name};\n")
    out.append("extern const TholeSchema *const thole_schemas[]; /* all, NULL-terminated */")
    out.append("extern const TholeRecordType *const thole_record_types[]; /* all, NULL-terminated */")
    return "\n".join(out) + "\n"


KINDS = {"string": "STRING", "name": "NAME", "bool": "BOOL", "int": "INT", "number": "NUMBER", "size": "SIZE",
         "duration": "DURATION", "time": "TIME", "enum": "ENUM", "strings": "STRINGS", "labels": "LABELS", "env": "ENV",
         "json": "JSON", "object": "OBJECT", "list": "LIST"}


def fields_source(paths):
    things = read_fields(paths)
    out = [NOTE, '#include "records.h"\n']
    for thing in things:
        base = c_name(thing.name)
        for field in thing.fields:
            if field.kind == "enum":
                choices = ", ".join(c_string(choice) for choice in field.of.split(","))
                out.append(f"static const char *const {base}_{field.name}_choices[] = {{ {choices}, NULL }};")
        out.append(f"static const TholeField {base}_fields[] = {{")
        for field in thing.fields:
            a = field.attributes
            of = field.of if field.kind in ("object", "list") else a.get("of")
            parts = [f".name = {c_string(field.name)}", f".kind = THOLE_FIELD_{KINDS[field.kind]}",
                     f".flags = {field.flags()}", f".doc = {c_string(field.doc)}"]
            if "min" in a:
                parts.append(f".min = {a['min']}, .has_min = TRUE")
            if "max" in a:
                parts.append(f".max = {a['max']}, .has_max = TRUE")
            if "default" in a:
                parts.append(f".fallback = {c_string(a['default'])}")
            if "format" in a:
                parts.append(f".format = {c_string(a['format'])}")
            if "in" in a:
                if not field.name.startswith(a["in"] + "_"):
                    sys.exit(f"{field.name}: its name does not begin with {a['in']}_")
                parts.append(f".group = {c_string(a['in'])}")
            if "bus" in a:
                parts.append(f".bus_type = {c_string(a['bus'])}")
            if field.kind == "enum":
                parts.append(f".choices = {base}_{field.name}_choices")
            if of:
                parts.append(f".of = &thole_schema_{c_name(of)}")
            if thing.kind == "record":
                parts.append(f".offset = G_STRUCT_OFFSET (Thole{thing.c_type}, {field.name})")
            out.append("  { " + ", ".join(parts) + " },")
        if not thing.fields:
            out.append("  { .name = NULL },")
        out.append("};")
        if thing.kind == "schema":
            out.append(f"const TholeSchema thole_schema_{base} = {{ {c_string(thing.name)}, {c_string(thing.doc)}, "
                       f"{base}_fields, {len(thing.fields)} }};\n")
        else:
            out.append(f"const TholeRecordType thole_{base}_type = {{ {c_string(thing.name)}, {c_string(thing.prefix)}, "
                       f"{c_string(thing.table)}, {c_string(thing.doc)}, {base}_fields, {len(thing.fields)}, "
                       f"sizeof (Thole{thing.c_type}) }};\n")
    schemas = ", ".join(f"&thole_schema_{c_name(t.name)}" for t in things if t.kind == "schema")
    records = ", ".join(f"&thole_{c_name(t.name)}_type" for t in things if t.kind == "record")
    out.append(f"const TholeSchema *const thole_schemas[] = {{ {schemas}, NULL }};")
    out.append(f"const TholeRecordType *const thole_record_types[] = {{ {records}, NULL }};")
    return "\n".join(out) + "\n"


# operations --------------------------------------------------------------------------------------------

def read_operations(paths):
    operations = []
    for where, line in lines_of(paths):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != 10:
            sys.exit(f"{where}: expected 10 columns, found {len(cells)}")
        operations.append(cells)
    return operations


def operations_header(paths):
    out = [NOTE, '#pragma once\n#include "operations/operation.h"\n']
    for cells in read_operations(paths):
        out.append(f"void thole_op_{c_name(cells[0])} (TholeCall *call);")
    out.append("\ntypedef enum\n{")
    for cells in read_operations(paths):
        out.append(f"  THOLE_OP_{c_name(cells[0]).upper()},")
    out.append("  THOLE_N_OPS\n} TholeOperationId;\n")
    out.append("extern const TholeOperationDef thole_operations[THOLE_N_OPS];")
    return "\n".join(out) + "\n"


def operations_source(paths):
    out = [NOTE, '#include "operations-list.h"\n#include "records.h"\n',
           "const TholeOperationDef thole_operations[THOLE_N_OPS] = {"]
    for name, permission, target, http, success, body, query, kind, bus, doc in read_operations(paths):
        method, path = ("NULL", "NULL") if http == "-" else (c_string(part) for part in http.split())
        codes = ", ".join(success.split())
        member, action = [c_string(None if part in ("", "-") else part) for part in bus.partition(" ")[::2]]
        out.append(f"  {{ {c_string(name)}, {c_string(permission)}, {c_string(None if target == '-' else target)}, {method}, {path}, "
                   f"{{ {codes} }}, &thole_schema_{c_name(body)}, &thole_schema_{c_name(query)}, "
                   f"THOLE_OPERATION_{kind.upper()}, {c_string(doc)}, thole_op_{c_name(name)}, {member}, {action} }},")
    out.append("};")
    return "\n".join(out) + "\n"


# configuration keys ------------------------------------------------------------------------------------

def read_keys(paths):
    keys = []
    for where, line in lines_of(paths):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) not in (6, 7) or cells[6:] not in ([], ["reload"]):
            sys.exit(f"{where}: expected 6 columns and perhaps reload, found {len(cells)}")
        keys.append((cells + [""])[:7])
    return keys


def keys_header(paths):
    return NOTE + '#pragma once\n#include "config/config.h"\n\nextern const TholeConfigKey thole_config_keys[]; /* ends with a NULL section */\n'


def keys_source(paths):
    out = [NOTE, '#include "keys.h"\n', "const TholeConfigKey thole_config_keys[] = {"]
    for section, key, kind, default, bounds, doc, reload in read_keys(paths):
        low, _, high = bounds.partition("..")
        choices = c_string(bounds) if kind == "choice" else "NULL"
        low, high = (low, high) if bounds != "-" and kind != "choice" else ("0", "0")
        out.append(f"  {{ {c_string(section)}, {c_string(key)}, THOLE_CONFIG_{kind.upper()}, {c_string(default)}, "
                   f"{low}, {high}, {choices}, {c_string(doc)}, {'TRUE' if reload else 'FALSE'} }},")
    out.append("  { NULL },\n};")
    return "\n".join(out) + "\n"


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    kind, form, output, inputs = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    text = globals()[f"{kind}_{form}"](inputs)
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


main()
