"""What other processes have in their memory."""

import os

import pytest

from harness.weir import is_sanitized

readable = pytest.mark.skipif(
    os.geteuid() != 0 or is_sanitized(),
    reason="it takes root to read the memory of others; sanitizers map more of it than there is")


def mappings(process):
    """(begin, end) of all that the process can write to."""
    with open(f"/proc/{process}/maps", encoding="ascii") as maps:
        for line in maps:
            where, rights = line.split()[:2]
            if rights.startswith("rw"):
                begin, end = where.split("-")
                yield int(begin, 16), int(end, 16)


def found_in(process, wanted):
    """Those of the byte strings that stand somewhere in the memory of the process. It is an error
    if that could not be read; what the process gives back meanwhile is passed over."""
    found, length = set(), 0
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        for begin, end in list(mappings(process)):
            try:
                memory.seek(begin)
                data = memory.read(end - begin)
            except OSError:
                assert (begin, end) not in set(mappings(process)), f"unread: {begin:x}-{end:x}"
                continue
            length += len(data)
            found |= {one for one in wanted if one in data}
    assert length > 1 << 18, f"only {length} bytes of process {process} could be read"
    return found
