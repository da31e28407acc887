"""`weir schema`: it is a schema, it knows every setting, and it permits what the reader takes."""

import re

import jsonschema
import pytest

from harness.schema import complaint, read, schema, subschema
from harness.weir import run_weir_command
from test_check import read_cases

pytestmark = pytest.mark.one_thread  # commands that serve nothing

# The wrong files of conf_check.txt that an editor finds nothing in, and why.
UNSEEN = {
    "a cookie of variants without a name": "an editor does not know whether \"by\" is inherited",
    "bytes that no field may have": "a schema says nothing of templates beyond that they are text",
    "texts that are no host for a server": "a schema says nothing of templates beyond that they are text",
    "nothing at all": "a file that others include needs no site",
    "an environment that lacks something": "an editor has another environment",
    "a tag": "a validator sees values, not how they are written",
    "what servers are offered that cannot choose": "an editor puts no two settings together",
    "servers over TLS that cannot be used": "an editor looks into no file, and puts no two settings together",
    "a port for health checks of a server without ports": "an editor puts no two settings together",
    "health checks over HTTP/2 and gRPC": "an editor puts no two settings together",
    "hosts in printed quotes and over two lines": "to an editor any text may be a host",
    "a redirect that begins with its status, and is long or short": "to an editor any text may be where to",
    "a pair of surrogates": "to the editor's reader of YAML it is a character",
}


def test_it_is_a_schema():
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema())


def test_a_command_line_with_more_is_wrong():
    assert run_weir_command("schema", "x").returncode == 2
    assert run_weir_command("schema", "--help").stdout.startswith("usage: weir schema")


# ---- what is in it

def references(part):
    """Names of the definitions that a part of the schema refers to."""
    if isinstance(part, list):
        return {name for item in part for name in references(item)}
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"].removeprefix("#/$defs/")} if "$ref" in part else set()
    return own | {name for key, item in part.items() if key != "$defs"
                  for name in references(item)}


def reachable():
    found, new = set(), references(schema())
    while new:
        found |= new
        new = {name for known in new for name in references(schema()["$defs"][known])} - found
    return found


def settings():
    listed = run_weir_command("settings").stdout.split("\nVariables")[0]
    return [line.split()[0] for line in listed.splitlines() if line]


def test_every_setting_can_be_reached_in_it():
    names = reachable()
    assert names == set(schema()["$defs"]), "a definition that nobody refers to"
    for name in set(settings()):
        # One that two scopes have with different meanings is called after its scope.
        found = [known for known in names
                 if known == name or re.fullmatch(rf"(?:listener|site|route|upstream)\.{name}", known)]
        assert len(found) == settings().count(name), name


def described(part, name=""):
    """(where, subschema) of all that has an example or a default."""
    if isinstance(part, dict):
        if "examples" in part or "default" in part:
            yield name, part
        for key, item in part.items():
            yield from described(item, f"{name}.{key}")


def test_examples_and_defaults_fit():
    all_described = list(described(schema()["$defs"]))
    assert len(all_described) > 70
    for name, part in all_described:
        validator = jsonschema.Draft202012Validator({**part, "$defs": schema()["$defs"]})
        for value in [*part.get("examples", []), *([part["default"]] if "default" in part else [])]:
            assert list(validator.iter_errors(value)) == [], f"{name}: {value!r}"


# ---- what weir check says

@pytest.mark.parametrize("name", read_cases())
def test_an_editor_finds_what_weir_check_finds(name):
    files, expected = read_cases()[name]
    complaints = [complaint(text.replace("<tab>", "\t")) for text in files.values()]
    is_wrong = re.search(r": error: ", expected) is not None
    if is_wrong and name not in UNSEEN:
        assert any(complaints)
    else:
        assert complaints == [None] * len(files)


def test_only_wrong_files_may_be_unseen():
    assert all(": error: " in read_cases()[name][1] for name in UNSEEN)


SEEN = """
threads: 257
threads: "0"
threads: -1
timeouts: {connect: 5}
timeouts: {connect: 5S}
timeouts: {connect: 61m}
timeouts: {connect: off}
timeouts: {connect: [5s]}
timeouts: {conect: 5s}
timeouts: 5s
limits: {header_size: 16K}
limits: {header_size: 255}
limits: {header_size: 2MiB}
limits: {header_count: many}
log: {access: on}
log: {access: {format: json, to: a, secrets: maybe}}
log: {access: {format: $nonsense, to: a}}
log: {access: {when: {status: []: x}}}
log: {error: {level: loud}}
reveal_server: yes
upstreams: {a: {balance: fastest}}
upstreams: {a: {servers: [{address: "b:1", weight: 0}]}}
upstreams: {a: {servers: [{adress: "b:1"}]}}
sites: [{redirect: $hots}]
sites: [{redirect: "${hots}"}]
sites: [{redirect: $status}]
sites: [{redirect: {to: /, status: 200}}]
sites: [{respond: 99}]
sites: [{respond: {status: 200, boddy: x}}]
sites: [{headers: {request: {set: {X-A: [b]}}}}]
sites: [{headers: {response: {delete: Server}}}]
sites: [{rewrite: {prefix: /a}}]
sites: [{routes: {path: /a}}]
sites: [{routes: [{path: a}]}]
sites: [{routes: [{scheme: ftp}]}]
sites: [{routes: [{not: {host: a}}]}]
sites: [{path: /a}]
sites: [{proxy: }]
defaults: {path: /a}
defaults: {upstream: {servers: a}}
listen: [80]
listen: {adress: ":80"}
admin: {address: off}
tests: [{request: [GET]}]
error_pages: [a.html]
request_id: maybe
""".strip().splitlines()


@pytest.mark.parametrize("line", SEEN)
def test_an_editor_sees(line, directory):
    assert complaint(line)
    (directory / "weir.yaml").write_text(line + "\n")
    result = run_weir_command("check", directory=directory)
    assert result.returncode == 1 and " error: " in result.stderr


# ---- values, one by one

# Each scope with room for values, one in a line. What is nonsense in the first line holds the
# reader to reading: of a file that is right so far, more is asked than a schema can know.
SCOPES = {
    "listener": "listen: [nonsense,\n {}]\n",
    "site": "sites: [nonsense,\n {}]\n",
    "route": "sites: [{{nonsense: 1, routes: [nonsense,\n {}]}}]\n",
    "upstream": "upstreams: {{nonsense: [],\n {}}}\n",
}
QUANTITIES = """
0|1|-1|5|16|255|256|599|1024|1025|10000|10001|1048576|1048577|10000000|10000001|007|"5"|"0"|"-5"
0ms|1ms|999ms|0s|00s|05s|1s|10s|59s|60s|61s|3600s|3601s|1m|60m|61m|1h|24h|25h|1d|2d|20d|21d
0KiB|1KiB|255KiB|1024KiB|1MiB|2MiB|1GiB|off|on|true|1.5s|"5 s"|5S|1kib|-5s|s|KiB|~|""|[]|{}|[1s]
{a: 1s}|99999999999|99999999999s|-1000000|-1000001|1000001
""".strip().replace("\n", "|").split("|")
ODD = """
a|off|on|true|false|auto|unix|server|0|1|200|404|5xx|1.5|":80"|127.0.0.1:80|unix:/a|/a|/a/*|"*"
"~^/a$"|"*.a.com"|10.0.0.0/8|50%|10.25%|100%|http|https|http://a:1|GET|$host|"${host}"|"$$"|a$1
"${request.header.X-A}"|$query.a|$host.a|json|v2|round_robin|"${env.A:-1}"|""|[]|{}|[a, b]|[/a]
[":80"]|{a: b}|{a: [b]}|{set: {a: b}}|{to: /a}|{address: ":80"}|{method: GET}|{status: 404}
""".strip().replace("\n", "|").split("|")


def taken(scope, keys, values, directory):
    """For each value whether the reader takes it for the setting, and what it says."""
    mappings = ["{" + ": {".join(keys) + f": {value}" + "}" * len(keys) for value in values]
    items = [f"a{number}: {mapping}" if scope == "upstream" else mapping
             for number, mapping in enumerate(mappings)]
    (directory / "weir.yaml").write_text(SCOPES[scope].format(",\n ".join(items)))
    said = run_weir_command("check", directory=directory).stderr
    assert "… and" not in said and "weir.yaml:1:" in said
    wrong = {int(line) for line in re.findall(r"^weir\.yaml:(\d+):\d+: error", said, re.MULTILINE)}
    return [number + 2 not in wrong for number in range(len(values))], said


def keys_in(scope):
    """[(keys, definition)] of the settings that a scope may have."""
    for key, part in schema()["$defs"][f"scope.{scope}"]["properties"].items():
        if "$ref" in part:
            yield [key], part["$ref"].removeprefix("#/$defs/")
        for inner, member in part.get("properties", {}).items():
            yield [key, inner], member["$ref"].removeprefix("#/$defs/")


EVERYWHERE = [(scope, keys, name) for scope in SCOPES for keys, name in keys_in(scope)]


def is_quantity(name):
    forms = schema()["$defs"][name].get("anyOf", [])
    return any("pattern" in form for form in forms)


@pytest.mark.parametrize("scope, keys, name", EVERYWHERE, ids=str)
def test_whatever_the_reader_takes_is_permitted(scope, keys, name, directory):
    takes, said = taken(scope, keys, ODD, directory)
    for value, is_taken in zip(ODD, takes):
        if is_taken:
            assert subschema(name).is_valid(read(value)), f"{value}\n{said}"


@pytest.mark.parametrize("scope, keys, name", [row for row in EVERYWHERE if is_quantity(row[2])],
                         ids=str)
def test_numbers_with_their_units_are_told_alike(scope, keys, name, directory):
    takes, said = taken(scope, keys, QUANTITIES, directory)
    assert any(takes) and not all(takes)
    for value, is_taken in zip(QUANTITIES, takes):
        assert subschema(name).is_valid(read(value)) == is_taken, f"{value}\n{said}"
