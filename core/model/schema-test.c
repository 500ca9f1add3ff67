/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * proves: API-03 API-04 API-07
 */
#include "model/schema.h"

#include <string.h>

#include "records.h"
#include "thole-dict.h"
#include "thole-json.h"

static GVariant *
parse (const char *text)
{
  g_autoptr(GError) error = NULL;
  GVariant *value = thole_json_parse (text, strlen (text), &error);

  g_assert_no_error (error);
  return value;
}

/* single quotes stand for double ones */
static GVariant *
quoted (const char *text)
{
  g_autofree char *json = g_strdelimit (g_strdup (text), "'", '"');

  return parse (json);
}

static void
assert_good (const TholeSchema *schema, guint flags, const char *input, const char *expected)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  g_autoptr(GVariant) value = quoted (input);
  g_autoptr(GVariant) result = thole_schema_validate (schema, value, flags, "", problem);
  g_autofree char *json = NULL;
  g_autofree char *wanted = g_strdelimit (g_strdup (expected), "'", '"');

  g_assert_cmpstr (problem->fields->str, ==, "");
  g_assert_nonnull (result);
  g_assert_false (g_variant_is_floating (result));
  json = thole_json_to_string (result);
  g_assert_cmpstr (json, ==, wanted);
}

/* @expected: "POINTER CODE" of each fault, in order, separated by commas */
static void
assert_faults (const TholeSchema *schema, guint flags, const char *input, const char *expected)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  g_autoptr(GVariant) value = quoted (input);
  g_autoptr(GVariant) result = thole_schema_validate (schema, value, flags, "", problem);
  g_autofree char *list = g_strdup_printf ("[%s]", problem->fields->str);
  g_autoptr(GVariant) faults = parse (list);
  g_autoptr(GString) found = g_string_new (NULL);

  for (gsize i = 0; i < g_variant_n_children (faults); i++)
    {
      g_autoptr(GVariant) boxed = g_variant_get_child_value (faults, i);
      g_autoptr(GVariant) fault = g_variant_get_variant (boxed);

      g_string_append_printf (found, "%s%s %s", i > 0 ? "," : "", thole_dict_string (fault, "pointer", NULL),
                              thole_dict_string (fault, "code", NULL));
      g_assert_cmpuint (strlen (thole_dict_string (fault, "detail", "")), >, 5);
    }
  g_assert_cmpstr (found->str, ==, expected);
  g_assert_null (result);
}

static void
test_defaults (void)
{
  assert_good (&thole_schema_workload_create, 0, "{'spec':{}}",
               "{'name':'','spec':{'image':'','command':[],'args':[],'env':{},'working_dir':'','user':'','hostname':'','tty':false,"
               "'stdin':false,'resources':{'cpu':0,'memory':0,'pids':0,'disk':0},'ports':[],'mounts':[],'files':[],'network':'default',"
               "'restart':{'policy':'never','max_retries':5,'backoff':1},'stop':{'signal':'SIGTERM','grace':10},"
               "'privileges':{'capabilities':[],'no_new_privileges':true,'read_only_root':false},'pull':'if-missing','ttl':0,"
               "'idle_timeout':0,'helper':false,'backend_options':{}},'start':true,'backend':'','labels':{},'protected':false}");
  assert_good (&thole_schema_workload_stop, 0, "{}", "{}");
  assert_good (&thole_schema_health, 0, "{'tcp':{'port':80}}",
               "{'command':[],'tcp':{'port':80},'interval':30,'timeout':10,'retries':3,'start_period':0}");
  assert_good (&thole_schema_health, 0, "{'http':{'port':80}}",
               "{'command':[],'http':{'port':80,'path':'/'},'interval':30,'timeout':10,'retries':3,'start_period':0}");
  assert_good (&thole_schema_health, 0, "{}", "{'command':[],'interval':30,'timeout':10,'retries':3,'start_period':0}");
}

static void
test_partial (void)
{
  assert_good (&thole_schema_workload_update_spec, THOLE_VALIDATE_PARTIAL, "{}", "{}");
  assert_good (&thole_schema_workload_update_spec, THOLE_VALIDATE_PARTIAL, "{'resources':{'cpu':0.5},'restart':{}}",
               "{'resources':{'cpu':0.5},'restart':{}}");
  assert_good (&thole_schema_workload_create, THOLE_VALIDATE_PARTIAL, "{'labels':{'a':'b'}}", "{'labels':{'a':'b'}}");
  assert_good (&thole_schema_mount, THOLE_VALIDATE_PARTIAL, "{}", "{}");
  assert_faults (&thole_schema_workload_update_spec, THOLE_VALIDATE_PARTIAL, "{'resources':{'cpu':-1},'image':'a'}",
                 "/image unknown,/resources/cpu range");
}

static void
assert_type (GVariant *dict, const char *key, const char *type)
{
  g_autoptr(GVariant) value = g_variant_lookup_value (dict, key, NULL);

  g_assert_nonnull (value);
  g_assert_cmpstr (g_variant_get_type_string (value), ==, type);
}

/* the types are those of the dictionaries that cross to drivers */
static void
test_types_of_result (void)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  g_autoptr(GVariant) input = quoted ("{'command':['a'],'env':['A=1'],'ports':[{'container':80}],'ttl':5,'resources':{'memory':'1KiB','cpu':2}}");
  g_autoptr(GVariant) spec = thole_schema_validate (&thole_schema_workload_spec, input, 0, "", problem);
  g_autoptr(GVariant) resources = thole_dict_value (spec, "resources", "a{sv}");

  g_assert_nonnull (spec);
  assert_type (spec, "command", "as");
  assert_type (spec, "args", "as");
  assert_type (spec, "env", "a{ss}");
  assert_type (spec, "ports", "aa{sv}");
  assert_type (spec, "mounts", "aa{sv}");
  assert_type (spec, "ttl", "d");
  assert_type (spec, "tty", "b");
  assert_type (spec, "backend_options", "a{sv}");
  assert_type (resources, "memory", "x");
  assert_type (resources, "cpu", "d");
  g_assert_cmpint (thole_dict_int (resources, "memory", 0), ==, 1024);
}

static void
test_numbers (void)
{
  assert_good (&thole_schema_resources, THOLE_VALIDATE_PARTIAL, "{'pids':1e3,'memory':2.0,'cpu':-0.0}", "{'cpu':0,'memory':2,'pids':1000}");
  assert_good (&thole_schema_resources, THOLE_VALIDATE_PARTIAL, "{'memory':'512MiB'}", "{'memory':536870912}");
  assert_good (&thole_schema_resources, THOLE_VALIDATE_PARTIAL, "{'memory':9223372036854775807}", "{'memory':9223372036854775807}");
  assert_faults (&thole_schema_resources, 0, "{'pids':1.5}", "/pids type");
  assert_faults (&thole_schema_resources, 0, "{'pids':'5'}", "/pids type");
  assert_faults (&thole_schema_resources, 0, "{'pids':true}", "/pids type");
  assert_faults (&thole_schema_resources, 0, "{'pids':null}", "/pids type");
  assert_faults (&thole_schema_resources, 0, "{'pids':-1}", "/pids range");
  assert_faults (&thole_schema_resources, 0, "{'pids':4194305}", "/pids range");
  assert_faults (&thole_schema_resources, 0, "{'pids':1e300}", "/pids range");
  assert_faults (&thole_schema_resources, 0, "{'pids':18446744073709551615}", "/pids range");
  assert_faults (&thole_schema_resources, 0, "{'memory':18446744073709551615}", "/memory range");
  assert_faults (&thole_schema_resources, 0, "{'memory':1e18}", "/memory range");
  assert_faults (&thole_schema_resources, 0, "{'memory':'-1'}", "/memory format");
  assert_faults (&thole_schema_resources, 0, "{'memory':'lots'}", "/memory format");
  assert_faults (&thole_schema_resources, 0, "{'cpu':1e300}", "/cpu range");
  assert_faults (&thole_schema_resources, 0, "{'cpu':'1'}", "/cpu type");
  assert_faults (&thole_schema_resources, 0, "{'cpu':[1]}", "/cpu type");
}

static void
test_every_fault (void)
{
  assert_faults (&thole_schema_workload_create, 0,
                 "{'nam~e/x':1,'name':'No','spec':{'image':'a b','command':['a',1,null],'env':{'1A':'x','B':2},'tty':'yes',"
                 "'ports':[{'container':0},{'host':1},7],'mounts':[{'target':'x'},{'target':'/a','source':'/b','volume':'c'}],"
                 "'restart':{'policy':'often'},'install':{},'health':{'command':['a'],'tcp':{'port':1}},'stop':[],'pull':5,"
                 "'backend_options':[]},'labels':{'a':1}}",
                 "/nam~0e~1x unknown,/name format,/spec/image format,/spec/command/1 type,/spec/command/2 type,/spec/env/1A format,"
                 "/spec/env/B type,/spec/tty type,/spec/ports/0/container range,/spec/ports/1/container missing,/spec/ports/2 type,"
                 "/spec/mounts/0 exclusive,/spec/mounts/0/target format,/spec/mounts/1 exclusive,/spec/restart/policy choice,"
                 "/spec/stop type,/spec/health exclusive,/spec/install/command missing,/spec/pull type,/spec/backend_options type,"
                 "/labels/a type");
  assert_faults (&thole_schema_workload_create, 0, "{}", "/spec missing");
  assert_faults (&thole_schema_workload_create, 0, "[]", " type");
  assert_faults (&thole_schema_workload_create, 0, "null", " type");
  assert_faults (&thole_schema_empty, 0, "{'a':1,'b':2}", "/a unknown,/b unknown");
}

static void
test_text_fields (void)
{
  g_autofree char *long_text = g_strnfill (600, 'a');
  g_autofree char *long_image = g_strdup_printf ("{'image':'%s'}", long_text);
  /* 128 characters of two bytes each */
  g_autofree char *accents = g_strnfill (128, '#');
  g_auto(GStrv) parts = g_strsplit (accents, "#", -1);
  g_autofree char *user = g_strjoinv ("é", parts);
  g_autofree char *good_user = g_strdup_printf ("{'user':'%s'}", user);
  g_autofree char *bad_user = g_strdup_printf ("{'user':'%sé'}", user);

  assert_faults (&thole_schema_workload_spec, 0, long_image, "/image length");
  assert_good (&thole_schema_workload_spec, THOLE_VALIDATE_PARTIAL, good_user, good_user);
  assert_faults (&thole_schema_workload_spec, 0, bad_user, "/user length");
  assert_faults (&thole_schema_image_pull, 0, "{'image':''}", "/image length");
  assert_faults (&thole_schema_image_pull, 0, "{}", "/image missing");
  assert_faults (&thole_schema_workload_update, 0, "{'name':''}", "/name format");
  assert_faults (&thole_schema_port, 0, "{'container':1,'address':'localhost','protocol':'icmp'}", "/protocol choice,/address format");
  assert_faults (&thole_schema_workload_kill, 0, "{'signal':'HELLO'}", "/signal format");
}

/* what is refused may be a secret: it is not repeated */
static void
test_no_value_in_faults (void)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  g_autoptr(GVariant) input = quoted ("{'image':'canary one','password':['canary'],'username':{'canary':'canary'}}");
  g_autoptr(GVariant) result = thole_schema_validate (&thole_schema_image_pull, input, 0, "", problem);

  g_assert_null (result);
  g_assert_cmpuint (problem->n_fields, ==, 3);
  g_assert_null (strstr (problem->fields->str, "canary"));
}

static void
test_lists_and_maps (void)
{
  g_autoptr(GString) many = g_string_new ("{'command':['a'");

  for (guint i = 0; i < 1024; i++)
    g_string_append (many, ",'a'");
  g_string_append (many, "]}");
  assert_faults (&thole_schema_workload_exec, 0, many->str, "/command length");
  assert_faults (&thole_schema_workload_exec, 0, "{'command':[]}", "/command length");
  assert_faults (&thole_schema_workload_exec, 0, "{'command':'ls'}", "/command type");
  assert_good (&thole_schema_workload_spec, THOLE_VALIDATE_PARTIAL, "{'env':{'A':'','B':'b=c'}}", "{'env':{'A':'','B':'b=c'}}");
  assert_good (&thole_schema_workload_spec, THOLE_VALIDATE_PARTIAL, "{'env':['A=','B=b=c']}", "{'env':{'A':'','B':'b=c'}}");
  assert_good (&thole_schema_workload_spec, THOLE_VALIDATE_PARTIAL, "{'env':[]}", "{'env':{}}");
  assert_faults (&thole_schema_workload_spec, 0, "{'env':['A','=x','A=1','A=2',5,'C D=1']}",
                 "/env/0 format,/env/1 format,/env/3 exclusive,/env/4 type,/env/5 format");
  assert_faults (&thole_schema_workload_spec, 0, "{'env':'A=1'}", "/env type");
  assert_faults (&thole_schema_workload_create, 0, "{'spec':{},'labels':['a=b']}", "/labels type");
  assert_faults (&thole_schema_workload_create, 0, "{'spec':{},'labels':{'org.thole.id':'x','a=b':'y'}}",
                 "/labels/org.thole.id format,/labels/a=b format");
  assert_faults (&thole_schema_workload_spec, 0, "{'ports':{'container':1}}", "/ports type");
}

static void
test_rules (void)
{
  assert_good (&thole_schema_mount, THOLE_VALIDATE_PARTIAL, "{'target':'/a','source':'/b','volume':''}", "{'target':'/a','source':'/b','volume':''}");
  assert_faults (&thole_schema_mount, 0, "{'target':'/a','source':'','volume':''}", " exclusive");
  assert_good (&thole_schema_health, THOLE_VALIDATE_PARTIAL, "{'command':[],'tcp':{'port':1}}", "{'command':[],'tcp':{'port':1}}");
  assert_faults (&thole_schema_health, 0, "{'http':{'port':1},'tcp':{'port':1}}", " exclusive");
  assert_faults (&thole_schema_file, 0, "{'path':'/a','content':'a','content_base64':'YQ=='}", " exclusive");
  assert_faults (&thole_schema_workload_exec, 0, "{'command':['a'],'stdin':'a','stdin_base64':'YQ=='}", " exclusive");
}

static void
test_query (void)
{
  const guint text = THOLE_VALIDATE_TEXT;

  assert_good (&thole_schema_query_logs, text, "{'follow':'1','tail':'-1','stream':'stderr','timestamps':'false','since':'5'}",
               "{'follow':true,'tail':-1,'since':'5','until':'','stream':'stderr','timestamps':false}");
  assert_good (&thole_schema_query_wait, text, "{'timeout':'1.5','wait':'running,stopped'}", "{'wait':'running,stopped','timeout':1.5}");
  assert_good (&thole_schema_query_workloads, text | THOLE_VALIDATE_PARTIAL, "{'label':'app=web'}", "{'label':['app=web']}");
  assert_faults (&thole_schema_query_list, text, "{'limit':'0','cursor':'x','page':'2'}", "/page unknown,/limit range");
  assert_faults (&thole_schema_query_list, text, "{'limit':'ten'}", "/limit type");
  assert_faults (&thole_schema_query_list, text, "{'limit':''}", "/limit type");
  assert_faults (&thole_schema_query_list, text, "{'limit':' 5'}", "/limit type");
  assert_faults (&thole_schema_query_list, text, "{'limit':'0x5'}", "/limit type");
  assert_faults (&thole_schema_query_list, text, "{'limit':'5 '}", "/limit type");
  assert_faults (&thole_schema_query_list, text, "{'limit':'1e999'}", "/limit type");
  assert_faults (&thole_schema_query_wait, text, "{'timeout':'nan'}", "/timeout type");
  assert_faults (&thole_schema_query_wait, text, "{'timeout':'inf'}", "/timeout type");
  assert_faults (&thole_schema_query_delete, text, "{'force':'yes'}", "/force type");
  assert_faults (&thole_schema_query_logs, text, "{'since':'soon','stream':'both'}", "/since format,/stream format");
}

static void
test_repeated (void)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  const char *twice[] = { "a=1", "b=2" };
  g_autoptr(GVariant) input = NULL, result = NULL;
  g_auto(GStrv) labels = NULL;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "label", g_variant_new_strv (twice, 2));
  input = g_variant_ref_sink (g_variant_builder_end (&builder));
  result = thole_schema_validate (&thole_schema_query_workloads, input, THOLE_VALIDATE_TEXT, "", problem);
  g_assert_nonnull (result);
  labels = thole_dict_strv (result, "label");
  g_assert_cmpuint (g_strv_length (labels), ==, 2);
  g_assert_cmpstr (labels[1], ==, "b=2");

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "name", g_variant_new_strv (twice, 2));
  g_clear_pointer (&input, g_variant_unref);
  input = g_variant_ref_sink (g_variant_builder_end (&builder));
  g_assert_null (thole_schema_validate (&thole_schema_query_workloads, input, THOLE_VALIDATE_TEXT, "", problem));
  g_assert_nonnull (strstr (problem->fields->str, "given once only"));
}

static void
test_no_input (void)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  g_autoptr(GVariant) result = thole_schema_validate (&thole_schema_query_list, NULL, THOLE_VALIDATE_TEXT, "", problem);

  g_assert_cmpint (thole_dict_int (result, "limit", 0), ==, 100);
  g_assert_null (thole_schema_validate (&thole_schema_workload_create, NULL, 0, "/body", problem));
  g_assert_nonnull (strstr (problem->fields->str, "\"/body/spec\""));
}

/* every schema takes its own normal form again, and describes itself in JSON */
static void
test_all_schemas (void)
{
  for (guint i = 0; thole_schemas[i] != NULL; i++)
    {
      const TholeSchema *schema = thole_schemas[i];
      g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
      g_autoptr(GVariant) first = thole_schema_validate (schema, NULL, 0, "", problem);
      g_autoptr(GString) described = g_string_new (NULL);
      g_autoptr(GVariant) description = NULL;

      if (first != NULL)
        {
          g_autofree char *json = thole_json_to_string (first);
          g_autoptr(GVariant) again = parse (json);
          g_autoptr(GVariant) second = NULL;

          /* an empty mount has no place to be from */
          second = thole_schema_validate (schema, again, 0, "", problem);
          g_assert_cmpstr (problem->fields->str, ==, "");
          g_assert_true (g_variant_equal (first, second));
        }
      thole_schema_describe (schema, described);
      description = parse (described->str);
      g_assert_cmpstr (thole_dict_string (description, "type", NULL), ==, "object");
      g_assert_false (thole_dict_boolean (description, "additionalProperties", TRUE));
    }
}

static void
assert_describes (const TholeSchema *schema, const char *text)
{
  g_autoptr(GString) out = g_string_new (NULL);
  g_autofree char *wanted = g_strdelimit (g_strdup (text), "'", '"');

  thole_schema_describe (schema, out);
  if (strstr (out->str, wanted) == NULL)
    g_error ("%s is not in %s", wanted, out->str);
}

static void
test_describe (void)
{
  g_autoptr(GString) out = g_string_new (NULL);
  g_autoptr(GVariant) record = NULL, properties = NULL;

  assert_describes (&thole_schema_port, "'container':{'type':'integer','minimum':1,'maximum':65535,'description':'port inside'}");
  assert_describes (&thole_schema_port, "'protocol':{'type':'string','enum':['tcp','udp','sctp'],'description':'transport','default':'tcp'}");
  assert_describes (&thole_schema_port, "'required':['container'],'additionalProperties':false}");
  assert_describes (&thole_schema_mount, "'oneOf':[{'required':['source']},{'required':['volume']}]");
  assert_describes (&thole_schema_health, "'not':{'anyOf':[{'required':['command','http']},{'required':['command','tcp']},{'required':['http','tcp']}]}");
  assert_describes (&thole_schema_workload_spec, "'ports':{'type':'array','items':{'$ref':'#/components/schemas/port'},'maxItems':64");
  assert_describes (&thole_schema_image_pull, "'writeOnly':true");
  assert_describes (&thole_schema_query_workloads, "'label':{'type':'array','items':{'type':'string','maxLength':512}");
  thole_record_describe (&thole_workload_type, out);
  record = parse (out->str);
  properties = thole_dict_value (record, "properties", "a{sv}");
  g_assert_null (thole_dict_value (properties, "handle", "a{sv}"));
  g_assert_nonnull (strstr (out->str, "\"exit_code\":{\"type\":[\"integer\",\"null\"]"));
  g_assert_nonnull (strstr (out->str, "\"spec\":{\"$ref\":\"#/components/schemas/workload-spec\""));
  g_assert_nonnull (strstr (out->str, "\"created_at\":{\"type\":\"string\",\"format\":\"date-time\""));
}

/* prints what one ordinary body costs */
static void
test_speed (void)
{
  g_autoptr(TholeProblem) problem = thole_problem_new (THOLE_ERROR_INVALID, "%s", "");
  g_autofree char *body = g_strdelimit (g_strdup ("{'name':'web','spec':{'image':'docker.io/library/debian:12','command':['sh','-c','sleep 1'],"
                                                  "'env':{'A':'1','B':'2'},'ports':[{'container':80,'host':8080}],'resources':{'memory':'512MiB','cpu':0.5},"
                                                  "'restart':{'policy':'always'}},'labels':{'app':'web'}}"), "'", '"');
  gint64 begin = g_get_monotonic_time ();
  gsize length = strlen (body);

  for (guint i = 0; i < 1000; i++)
    {
      g_autoptr(GVariant) value = thole_json_parse (body, length, NULL);
      g_autoptr(GVariant) result = thole_schema_validate (&thole_schema_workload_create, value, 0, "", problem);

      g_assert_nonnull (result);
    }
  g_test_message ("a body of %" G_GSIZE_FORMAT " bytes is read and checked in %.1f us", length,
                  (double) (g_get_monotonic_time () - begin) / 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schema/defaults", test_defaults);
  g_test_add_func ("/schema/partial", test_partial);
  g_test_add_func ("/schema/types-of-result", test_types_of_result);
  g_test_add_func ("/schema/numbers", test_numbers);
  g_test_add_func ("/schema/every-fault", test_every_fault);
  g_test_add_func ("/schema/text-fields", test_text_fields);
  g_test_add_func ("/schema/no-value-in-faults", test_no_value_in_faults);
  g_test_add_func ("/schema/lists-and-maps", test_lists_and_maps);
  g_test_add_func ("/schema/rules", test_rules);
  g_test_add_func ("/schema/query", test_query);
  g_test_add_func ("/schema/repeated", test_repeated);
  g_test_add_func ("/schema/no-input", test_no_input);
  g_test_add_func ("/schema/all-schemas", test_all_schemas);
  g_test_add_func ("/schema/describe", test_describe);
  g_test_add_func ("/schema/speed", test_speed);
  return g_test_run ();
}
