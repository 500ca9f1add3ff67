/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Messages and values in the form in which they go over the bus, written straight into one buffer. GDBus makes them of a tree of
 * GVariant, value by value; for a list of ten thousand objects, and for a signal to many, that costs ten times as much. The form
 * is that of the D-Bus specification, "Marshaling (Wire Format)", in the byte order of this machine.
 *
 * A value is aligned from the beginning of its buffer, so a buffer begins where a message or its body does.
 */
#pragma once

#include <gio/gio.h>

typedef struct
{
  guint8 type;               /* of GDBusMessageType */
  guint32 serial;
  guint32 reply_serial;      /* 0 = none */
  const char *path, *interface, *member, *destination, *signature; /* each (nullable) */
} TholeWireHeader;

/* Writes what stands before a body of @body bytes. */
void  thole_wire_header (GByteArray *out, const TholeWireHeader *header, gsize body);
/* The body has become longer: @begin is where the header is. */
void  thole_wire_resize (GByteArray *out, gsize begin, gsize body);

void  thole_wire_align     (GByteArray *out, guint boundary);
void  thole_wire_uint32    (GByteArray *out, guint32 value);
void  thole_wire_fixed64   (GByteArray *out, gconstpointer value);   /* x, t or d */
void  thole_wire_string    (GByteArray *out, const char *text);      /* s or o */
void  thole_wire_signature (GByteArray *out, const char *text);

/* An array: its elements, each aligned as it should be, come between these. @boundary: alignment of an element.
 * Returns: what thole_wire_close() needs */
gsize thole_wire_open  (GByteArray *out, guint boundary);
void  thole_wire_close (GByteArray *out, gsize open, guint boundary);

/* Any value but descriptors. @value: not floating */
void  thole_wire_value (GByteArray *out, GVariant *value);
/* The same of JSON, as thole_json_parse() makes it, as a value of the type @type: a{sv}, a{ss}, as, av or aa{sv}; what does not fit is
 * left out, and null, too. @json: (nullable) */
void  thole_wire_json  (GByteArray *out, GVariant *json, const char *type);
/* The same of a whole object as a{sv}, whose members are properties elsewhere. */
void  thole_wire_object (GByteArray *out, GVariant *json);
