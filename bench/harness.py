"""What bench/run and bench/compare share: options, the C tools, the origin, who took part."""
import os
import platform
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import measure
from scenarios import SCENARIOS

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
TOOLS = ("relay", "origin", "load")
LIBRARIES = {"load": ["-lssl", "-lcrypto"]}
FLAGS = ["-std=gnu17", "-O2", "-D_GNU_SOURCE", "-pthread"]


def scenario_named(name):
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def add_options(parser):
    parser.add_argument("--quick", action="store_true", help="short runs, for one's own eyes")
    parser.add_argument("--tools", type=lambda path: Path(path).resolve(),
                        default=BUILD / "bench", help="where to build them")
    parser.add_argument("--cpus", default="0,1", help="CPU of the peer, CPU of load and origin")


def build_tools(directory):
    """Builds what is missing, or older than the source."""
    directory.mkdir(parents=True, exist_ok=True)
    newest = max(path.stat().st_mtime for path in HERE.glob("*.[ch]"))
    for name in TOOLS:
        tool = directory / name
        if not tool.exists() or tool.stat().st_mtime < newest:
            subprocess.run(["cc", *FLAGS, "-o", tool, HERE / f"{name}.c",
                            *LIBRARIES.get(name, [])], check=True)


@contextmanager
def opened(arguments, *origin_options):
    """Everything that the runs stand on; the origin ends with the block."""
    build_tools(arguments.tools)
    measure.raise_file_limit()
    peer_cpu, load_cpu = (int(cpu) for cpu in arguments.cpus.split(","))
    with measure.running_origin(arguments.tools, load_cpu, *origin_options) as port:
        yield measure.Bench(arguments.tools, port, peer_cpu, load_cpu, arguments.quick)


def machine(peers):
    """What a reader must know to compare these figures with others."""
    text = Path("/proc/cpuinfo").read_text()
    models = [line for line in text.splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    control = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return [
        time.strftime("%Y-%m-%d %H:%M, ") + f"load average before: {os.getloadavg()[0]:.2f}",
        f"{os.cpu_count()} CPUs, {model}, Linux {platform.release()}, {control}",
        ", ".join(f"{peer.name} {peer.version()}".strip() for peer in peers),
    ]
