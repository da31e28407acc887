"""`weir check --effective`, and what must hold of everything that it prints: it is read as the same
again, by Weir and, as far as what is written goes, by another reader of YAML."""

import re

import yaml

from harness.weir import run_weir_command

COMMENT = re.compile(r" # (?:default|[^\"#]*:\d+)$")


def effective(directory, name="weir.yaml", environment=None):
    result = run_weir_command("check", "--effective", "-c", name, directory=directory,
                              environment=environment)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout


def without_comments(text):
    lines = text.splitlines()
    assert all(COMMENT.search(line) or re.fullmatch(r" *\w+:", line) for line in lines)
    return [COMMENT.sub("", line) for line in lines if not line.lstrip().startswith("#")]


def _without_nothing(value):
    """Without keys under which nothing stands."""
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _without_nothing(item) for key, item in value.items()}
    return {key: item for key, item in inner.items() if item not in ({}, None)}


class _Loader(yaml.BaseLoader):
    """Every scalar is a text, as Weir has it; but nothing is nothing."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])
_Loader.add_constructor("tag:yaml.org,2002:null", lambda loader, node: None)


def _read(text):
    return yaml.load(text, _Loader)


def _in_long_form(tree):
    """As it is printed, where there are shorter ways to write it."""
    listen = tree.get("listen", [])
    listen = listen if isinstance(listen, list) else [listen]
    listen = [{"address": item} if isinstance(item, str) else item for item in listen]
    upstreams = {name: {"servers": [value]} if isinstance(value, str) else
                 {"servers": value} if isinstance(value, list) else value
                 for name, value in (tree.get("upstreams") or {}).items()}
    long = {**tree, "listen": listen, "upstreams": upstreams}
    return {key: value for key, value in long.items() if value != []}


def check_printed(directory, name="weir.yaml", environment=None):
    """Prints the file and holds what is printed to what must be so; returns it."""
    text = effective(directory, name, environment)
    again = (directory / name).parent / "again.yaml"
    again.write_text(text)
    printed_again = effective(directory, again.relative_to(directory), environment)
    assert without_comments(printed_again) == without_comments(text)
    assert "# default" not in printed_again
    written = _read((directory / name).read_text())
    if "include" not in written:
        own = "\n".join(line for line in text.splitlines() if not line.endswith(" # default"))
        assert _without_nothing(_read(own)) == _without_nothing(_in_long_form(written))
    return text
