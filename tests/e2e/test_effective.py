"""`weir check --effective`: one file that says the same, with the defaults and with where each value
came from. tests/docs/test_printed_again.py has it print what the documents show."""

import json
import re

import pytest

from harness.effective import check_printed, effective
from harness.weir import run_weir_command
from test_check import ENVIRONMENT, read_cases

pytestmark = pytest.mark.one_thread  # commands that serve nothing

# The other reader of YAML makes two characters of a pair of surrogates.
GOOD = [name for name, (_, expected) in read_cases().items() if "surrogates" not in name and
        re.search(r": good(, with \d+ tests?)?$", expected.strip()) and "warning" not in expected]


def write(directory, files):
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)


def test_there_are_good_files():
    assert len(GOOD) > 2


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_printed_as_the_same(name, directory):
    write(directory, read_cases()[name][0])
    check_printed(directory, environment=ENVIRONMENT)


def test_each_value_tells_where_it_came_from(directory):
    write(directory, {"weir.yaml": "include: more.yaml\ntimeouts: {connect: 2s, request: 9s}\n",
                      "more.yaml": "sites:\n  - host: a\n    proxy: 'http://b'\n"})
    lines = check_printed(directory).splitlines()
    assert "  connect: 2s # weir.yaml:2" in lines
    assert "  first_byte: 60s # default" in lines
    assert "    host: a # more.yaml:2" in lines
    assert "    # timeouts.request: 9s # weir.yaml:2" in lines
    assert not any("include" in line for line in lines)


def test_what_a_scope_inherits_is_not_set_there_again(directory):
    """A field would be added twice, and the route's timeout would go before the upstream's."""
    write(directory, {"weir.yaml": """
defaults:
  timeouts: {connect: 3s}
  headers: {request: {add: {X-A: "1"}}}
upstreams: {shop: {servers: [a:1], timeouts: {connect: 1s}}}
sites:
  - proxy: shop
    headers: {request: {add: {X-B: "2"}}}
"""})
    text = check_printed(directory)
    explained = [run_weir_command("explain", "GET", "http://x/", "-c", name, directory=directory)
                 for name in ("weir.yaml", "again.yaml")]
    sent = [re.findall(r"X-[AB]: \d", result.stdout) for result in explained]
    assert sent[0] == sent[1] == ["X-A: 1", "X-B: 2"]
    assert text.count("connect: 3s") == 2 and "    # timeouts.connect: 3s # weir.yaml:3" in text


def test_addresses_that_are_opened_without_a_word_are_written_out(directory):
    write(directory, {"weir.yaml": "sites: [{respond: 204}]\n"})
    text = check_printed(directory)
    assert 'listen:\n  - # default\n    address: ":80" # default\n' in text
    write(directory, {"weir.yaml": "sites: [{listen: '127.0.0.1:1', respond: 204}]\n"})
    assert ":80" not in check_printed(directory)


def test_the_environment_stays_a_reference(directory):
    write(directory, {"weir.yaml": """
sites:
  - host: ["a${env.WEIR_TEST_NAME}", b]
    headers: {request: {set: {Authorization: "x \\"${env.WEIR_TEST_SECRET}\\" $${env.Z}"}}}
    proxy: http://127.0.0.1:${env.WEIR_TEST_NONE:-81}
    rewrite: ${env.WEIR_TEST_OFF}
"""})
    text = check_printed(directory, environment={
        "WEIR_TEST_NAME": "name", "WEIR_TEST_SECRET": "$hush", "WEIR_TEST_OFF": "off"})
    assert "hush" not in text
    assert 'Authorization: "x \\"${env.WEIR_TEST_SECRET}\\" $${env.Z}" #' in text
    assert "proxy: http://127.0.0.1:${env.WEIR_TEST_NONE:-81} #" in text
    assert "rewrite: ${env.WEIR_TEST_OFF} #" in text


def test_a_token_that_is_written_out_is_hidden(directory):
    token = "c2VjcmV0LXRva2VuLXNlY3JldA=="
    write(directory, {"weir.yaml": f"admin: {{address: '127.0.0.1:1', token: '{token}'}}\n"
                                   "sites: [{respond: 204}]\n"})
    (directory / "weir.yaml").chmod(0o600)
    text = effective(directory)
    assert token not in text and 'token: "[hidden]" # weir.yaml:1' in text


@pytest.mark.parametrize("name", ["weir.yaml", "conf/weir.yaml"])
def test_names_of_files_are_as_seen_from_the_first_file(name, directory):
    base = name.removesuffix("weir.yaml")
    write(directory, {name: "include: sites.d/a.yaml\nerror_pages: {503: top.txt}\n",
                      base + "top.txt": "top", base + "sites.d/page.html": "page",
                      base + "sites.d/a.yaml": "error_pages: {400: page.html}\n"
                                               "sites: [{respond: 404, error_pages: "
                                               "{404: page.html, 5xx: off}}]\n"})
    text = check_printed(directory, name)
    assert "404: sites.d/page.html #" in text and "503: top.txt #" in text
    assert "400: sites.d/page.html #" in text
    assert "5xx: off #" in text


@pytest.mark.parametrize("text", [
    "", " ", "~", "- a", "-", "? a", ": a", "a: b", "a #b", "#", "a:", "*a", "&a", "!a", "|", ">",
    "%a", "@a", "`a", "'a'", '"a"', "[a]", "{a}", "a,b", "\\", "\\n", "two\nlines\n", "\ttab\t",
    "é", "\u0085", "\u2028", "\u202e", "\ufeff", "\ufffe", "\U0001f600", "\x01\x7f", "null",
    "<<", "---", "...", "a" * 3000])
def test_any_text_is_read_as_the_same(text, directory):
    quoted = re.sub(r"[^ -~]", lambda found: f"\\U{ord(found[0]):08X}", json.dumps(
        text, ensure_ascii=False).replace("\\u", "\\U0000"))
    write(directory, {"weir.yaml": f"sites: [{{respond: {{status: 200, body: {quoted}}}}}]\n"})
    printed = check_printed(directory)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\x85\u2028\u202e\ufeff]", printed)


@pytest.mark.parametrize("text", ["-a", "a:b", "?a", ":80", "a#b", "a b", "a'b", "a[b", "~a", "é"])
def test_a_text_without_quotes_stays_without(text, directory):
    write(directory, {"weir.yaml": f"sites:\n  - respond:\n      status: 200\n      body: {text}\n"})
    assert f"      body: {text} # weir.yaml:4\n" in check_printed(directory)


def test_a_wrong_file_is_not_printed(directory):
    write(directory, {"weir.yaml": "sites: [{proxi: a}]\n"})
    result = run_weir_command("check", "--effective", directory=directory)
    assert (result.returncode, result.stdout) == (1, "")
    assert "proxi" in result.stderr


def test_more_than_a_megabyte_is_printed(directory):
    write(directory, {"weir.yaml": "defaults: {headers: {request: {set: {X-A: " + "a" * 1000 +
                      "}}}}\nsites:\n" + "".join(f"  - {{host: h{i}, respond: 204}}\n" for i in range(2000))})
    text = check_printed(directory)
    assert len(text) > 2_000_000 and text.count(" # headers.request:") == 2000
