"""What an operator does with a running Weir, by its commands."""

import json
import pathlib

from .weir import run_weir_command, write_configuration


def upstream(weir, *words):
    return run_weir_command("upstream", "-c", weir.arguments[2], *words)


def change(weir, *words):
    told = upstream(weir, *words)
    assert (told.returncode, told.stderr) == (0, ""), told.stderr
    return told.stdout


def reload(weir, text):
    write_configuration(pathlib.Path(weir.arguments[2]).parent, text, weir.address)
    told = run_weir_command("reload", "-c", weir.arguments[2])
    assert told.returncode == 0, told.stderr


def status_of(weir):
    """Of the first upstream."""
    return json.loads(run_weir_command("status", "-c", weir.arguments[2]).stdout)["upstreams"][0]


def servers_of(weir):
    return {server["server"]: server for server in status_of(weir)["servers"]}
