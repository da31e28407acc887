"""The documents, cut into their blocks of code.

What a test does with a block stands in a comment right above it:

| above the block | what is tested |
|---|---|
| nothing, `yaml` | a whole configuration: `weir check` finds nothing in it |
| nothing, `sh` | in `docs/`: each line that begins with `weir` is executed beside a Weir that runs (test_commands.py) |
| `<!-- in a site -->`, and so on (WRAPS) | a part of one: the same, once the rest is put around it |
| `<!-- file: sites.d/shop.yaml -->` | a further file beside the whole configurations of the document |
| `<!-- wrong -->` | the block that follows is what `weir check` says about it, word for word |
| `<!-- served -->` | it runs while the `console` blocks behind it, up to the next `yaml`, are executed |
| `<!-- served, its servers are dead -->` | the same, and nobody listens where its servers should be |
"""

import pathlib
import re
from dataclasses import dataclass

from harness.certificates import Authority
from harness.responder import named

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md"),
                    *ROOT.glob("bench/*.md"), *ROOT.glob("tests/*/*.md")])
FENCE = re.compile(r"^(?:<!-- *(?P<mark>[^>]*?) *-->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$",
                   re.MULTILINE | re.DOTALL)

SERVED, SERVED_DEAD = "served", "served, its servers are dead"


@dataclass
class Block:
    document: pathlib.Path
    line: int
    language: str  # `yaml`, `console`, ...; empty where there is none
    mark: str      # of the comment above; empty where there is none
    text: str

    def __str__(self):
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(document):
    text = document.read_text()
    return [Block(document, text.count("\n", 0, found.start("text")) + 1, found["language"],
                  found["mark"] or "", found["text"]) for found in FENCE.finditer(text)]


def all_blocks(language):
    return [block for document in DOCUMENTS for block in blocks(document)
            if block.language == language]


def after(block):
    """The blocks behind this one, up to the next `yaml`."""
    behind = [other for other in blocks(block.document) if other.line > block.line]
    for other in behind:
        if other.language == "yaml":
            return
        yield other


# Parts of configurations

def _indent(text, spaces):
    return re.sub(r"^(?=.)", " " * spaces, text, flags=re.MULTILINE)


def _has(text, *keys):
    return re.search(rf"^({'|'.join(keys)}):", text, re.MULTILINE)


def _beside_sites(text):
    return text + ("" if _has(text, "sites") else "sites: [{respond: 204}]\n")


def _in_defaults(text):
    return _beside_sites(f"defaults:\n{_indent(text, 2)}")


def _in_sites(text):
    return f"sites:\n{_indent(text, 2)}"


def _in_a_site(text):
    host = "" if _has(text, "host") else "host: example.com\n"
    return _in_sites("-\n" + _indent(host + text, 2))


def _in_routes(text):
    return _in_a_site(f"routes:\n{_indent(text, 2)}")


def _in_a_route(text):
    path = "" if _has(text, "path") else "path: /*\n"
    action = "" if _has(text, "proxy", "split", "redirect", "respond", "routes") else "respond: 204\n"
    return _in_routes("-\n" + _indent(path + text + action, 2))


def _in_an_upstream(text):
    servers = "" if _has(text, "servers") else "servers: [127.0.0.1:3000]\n"
    return f"upstreams:\n  shop:\n{_indent(servers + text, 4)}sites: [{{proxy: shop}}]\n"


WRAPS = {
    "": lambda text: text,
    SERVED: lambda text: text,
    SERVED_DEAD: lambda text: text,
    "beside sites": _beside_sites,
    "in defaults": _in_defaults,
    "in sites": _in_sites,
    "in a site": _in_a_site,
    "in routes": _in_routes,
    "in a route": _in_a_route,
    "in an upstream": _in_an_upstream,
}


def whole(block):
    """The block as a whole configuration; parts get around them what they lack, upstreams that
    they name included."""
    text = WRAPS[block.mark](block.text)
    if block.mark in ("", SERVED, SERVED_DEAD) or _has(text, "upstreams"):
        return text
    names = sorted(set(re.findall(r"\bproxy: *(\w+) *[},\n]", text)))
    upstreams = "".join(f"  {name}: [127.0.0.1:3000]\n" for name in names)
    return (f"upstreams:\n{upstreams}" if names else "") + text


def _write_certificates(text, directory):
    """A certificate with its key for each `tls/NAME.pem` that a configuration names, and one in
    each directory of them, good for all hosts that are named; the client of the tests trusts
    `tls/authority.pem`."""
    files = sorted(set(re.findall(r"\btls/([\w-]+)\.pem", text)) - {"authority"})
    files += [f"{name}/1" for name in re.findall(r"\bcertificates: *tls/(\w+)\b", text)]
    if not files:
        return
    hosts = re.findall(r'\bhost: *(\[[^]]*\]|"[^"]*"|[^\s,}]+)', text)
    names = sorted(set(re.findall(r"[\w*-]+(?:\.[\w-]+)+", " ".join(hosts))))
    (directory / "tls").mkdir(exist_ok=True)
    authority = Authority(directory / "tls")
    for file in files:
        (directory / "tls" / file).parent.mkdir(exist_ok=True)
        made = authority.make(file, ["example.com", *names], "rsa" if "rsa" in file else "ecdsa",
                              more=[named("http://ocsp.example.com")])
        authority.add_chain(file, made)
        if f"tls/{file}.ocsp" in text:
            authority.answer(file, made)


def write_files(document, directory):
    """The further files that a document shows, and the certificates that they name."""
    _write_certificates(document.read_text(), directory)
    for block in blocks(document):
        if block.mark.startswith("file:"):
            path = directory / block.mark.removeprefix("file:").strip()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
