"""`weir schema`, and a configuration as an editor reads it: YAML with the types of the core schema
of YAML 1.2, held to the JSON Schema by a validator that is not ours."""

import functools
import json
import re

import jsonschema
import yaml

from harness.weir import run_weir_command

TYPES = [
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), lambda text: None),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), lambda text: text[0] in "tT"),
    ("int", re.compile(r"^(?:[-+]?[0-9]+)$"), int),
    ("float", re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"), float),
]


class _Loader(yaml.BaseLoader):
    def construct_mapping(self, node, deep=False):
        keys = [str(self.construct_object(key, deep=True)) for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a key twice", node.start_mark)
        return dict(zip(keys, (self.construct_object(value, deep=True)
                               for _, value in node.value)))

    def construct_list(self, node):
        return self.construct_sequence(node, deep=True)


def _add_type(name, pattern, convert):
    tag = f"tag:yaml.org,2002:{name}"
    _Loader.add_implicit_resolver(tag, pattern, None)
    _Loader.add_constructor(tag, lambda loader, node: convert(node.value))


for row in TYPES:
    _add_type(*row)
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _Loader.construct_list)


def read(text):
    """As an editor reads it; raises yaml.YAMLError."""
    return yaml.load(text, _Loader)


@functools.cache
def schema():
    said = run_weir_command("schema")
    assert (said.returncode, said.stderr) == (0, "")
    return json.loads(said.stdout)


@functools.cache
def _validator():
    return jsonschema.Draft202012Validator(schema())


def complaint(text):
    """What an editor says of a configuration first; None: nothing."""
    try:
        tree = read(text) or {}
    except yaml.YAMLError as error:
        return f"no YAML: {error}"
    error = jsonschema.exceptions.best_match(_validator().iter_errors(tree))
    return error and f"{error.json_path}: {error.message}"


def subschema(name):
    """A validator for one of the definitions."""
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/$defs/{name}", "$defs": schema()["$defs"]})
