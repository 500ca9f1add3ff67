/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A command is one row of one table (commands.c): parsing, help, completion and the man page all read it.
 */
#pragma once

#include <gio/gio.h>
#include <libintl.h>

#define _(text) gettext (text)
#define N_(text) (text)

typedef struct _Cli Cli;

/* Exit codes; also the codes of the GError domain CLI_ERROR. */
typedef enum
{
  CLI_DONE = 0,
  CLI_FAILED = 1,
  CLI_USAGE = 2,
  CLI_NOT_FOUND = 3,
  CLI_DENIED = 4,
  CLI_UNREACHABLE = 5,
} CliExit;

#define CLI_ERROR (cli_error_quark ())
GQuark cli_error_quark (void);

typedef enum
{
  CLI_OPTION_FLAG,     /* no value */
  CLI_OPTION_VALUE,    /* one value; the last one rules */
  CLI_OPTION_MANY,     /* may be repeated */
  CLI_OPTION_OPTIONAL, /* --wait or --wait=STATE */
} CliOptionKind;

typedef struct
{
  const char *name;    /* long, without dashes; NULL ends a table */
  char letter;         /* 0 = none */
  CliOptionKind kind;
  const char *value;   /* what the value is called: "FILE", "STATE,..." for several; translated */
  const char *choices; /* what completes it: "workload", "backend", "image", "operation", "session", "role", "group", "context", "command", "file", or "a|b|c" */
  const char *doc;     /* one line, translated */
} CliOption;

typedef enum
{
  CLI_OUTPUT_TABLE,
  CLI_OUTPUT_JSON,
  CLI_OUTPUT_NAME,
} CliOutput;

typedef struct
{
  const char *name;
  const char *arguments;    /* "NAME [COMMAND...]" */
  const char *summary;      /* one line, translated */
  const char *doc;          /* (nullable): paragraphs, translated */
  const CliOption *options; /* (nullable) */
  guint min, max;           /* how many arguments; max G_MAXUINT = any number */
  gboolean stops;           /* what follows the first argument belongs to a program */
  const char *choices;      /* (nullable): what completes the arguments, as in CliOption */
  int (*run) (Cli *cli, GError **error); /* an exit code; with @error set that error's code rules */
} CliCommand;

#define CLI_ANY G_MAXUINT

/* Every command, ordered as in the help; ends with NULL. */
extern const CliCommand *const cli_commands[];
/* Options that every command takes. */
extern const CliOption cli_options[];

const CliCommand *cli_command_find (const char *name);
