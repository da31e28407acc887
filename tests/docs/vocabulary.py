"""What there is to be told: settings and variables, read from their tables in the source, commands
and options, asked of the binary."""

import functools
import re

from documents import ROOT
from harness.weir import run_weir_command

SOURCES = [path for path in sorted((ROOT / "src").rglob("*.[ch]"))
           if not path.name.endswith("_test.c") and not path.name.startswith("test_")]
# The forms in which a setting, or a key inside of one, is written down.
SETTING_ROWS = [
    r'\.name = "(\w+)",\s*\.type = SETTING_',                # a record
    r"^ *S\((\w+), [A-Z]+,",                                 # a row of a list of records
    r"^ *ACTION_ROW\((\w+),",
    r'^ *CONDITION_RECORD\("(\w+)"',
    r'^ *FILE_RECORD\("(\w+)"',
    r"^ *TEXT_ROW\((\w+),",
    r'^ *ASSIGNMENT_RECORD\("(\w+)"',
]
GROUP_NAME = r'struct setting_group \w+ = \{\s*\.name = "(\w+)"'
KEYS = r"static const char \*const keys\[\] = \{([^}]*)\}"
STRUCTURE = r'\{"(\w+)", (?:SCOPE_\w+(?: \| )?)+,'
CHOICES = r"const char \*const \w*(?:choices|formats|level_names)\w*\[\S*\] = \{([^}]*)\}"
VARIABLE = r'\{"([\w.]+)", TEMPLATE_(?:REQUEST|RESPONSE|END), '


@functools.cache
def _source():
    return "\n".join(path.read_text() for path in SOURCES)


def settings():
    """Every key that a configuration may have."""
    source = _source()
    rows = [name for form in [*SETTING_ROWS, GROUP_NAME, STRUCTURE]
            for name in re.findall(form, source, re.MULTILINE)]
    lists = [name for keys in re.findall(KEYS, source) for name in re.findall(r'"(\w+)"', keys)]
    return sorted(set(rows + lists))


def choices():
    """Every word that a setting gives to choose from."""
    return sorted({word for words in re.findall(CHOICES, _source())
                   for word in re.findall(r'"(\w+)"', words)})


def variables():
    """As they are written: `host`, `query.` where a name follows."""
    return sorted(set(re.findall(VARIABLE, _source())))


def commands():
    said = run_weir_command("--help").stdout
    return re.findall(r"^  (\w+) ", said, re.MULTILINE)


def options(command):
    """The long ones, without --help."""
    said = run_weir_command(command, "--help").stdout
    return sorted(set(re.findall(r"--(\w+)", said)) - {"help"})
