"""Fixtures of the black-box tests: the real binary ($WEIR_BINARY, else build/weir), real sockets on
loopback. See README.md here for a first test."""

import contextlib
import faulthandler
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
import textwrap
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "data"))

from harness.alpn_origin import AlpnOrigin
from harness.certificates import Authority  # noqa: E402
from harness.client import Client  # noqa: E402
from harness.h2_client import H2Client, connect_h2  # noqa: E402
from harness.h2_origin import H2Origin  # noqa: E402
from harness.origin import Origin  # noqa: E402
from harness.ports import Ports  # noqa: E402
from harness.supervised import Supervised  # noqa: E402
from harness.tls_client import TlsClient, trusting  # noqa: E402
from harness.tls_origin import TlsOrigin, serving  # noqa: E402
from harness.weir import Weir, write_configuration  # noqa: E402
from harness.websocket import websocket_echo_on  # noqa: E402

TEST_SECONDS_MAX = 120  # ten times that for soak


@contextlib.contextmanager
def _no_longer_than(seconds, name):
    """Signals come to the main thread alone, and pytest-xdist now and then, on a busy machine, has
    its tests run on another one: a worker that hangs there is ended as a whole."""
    if threading.current_thread() is not threading.main_thread():
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
        yield
        faulthandler.cancel_dump_traceback_later()
        return

    def give_up(*_):
        raise TimeoutError(f"{name} took more than {seconds} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """A test that hangs fails instead."""
    long = item.get_closest_marker("soak") is not None
    with _no_longer_than(TEST_SECONDS_MAX * (10 if long else 1), item.name):
        yield


@pytest.fixture(scope="session")
def ports():
    """Reserved loopback ports: ports.take() gives one."""
    return Ports()


@pytest.fixture
def directory():
    """An empty directory with a path short enough for Unix sockets."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start_weir(ports, directory):
    """start_weir(text) runs `weir run` with that configuration (indented as the test likes) and
    gives a Weir that is ready. Without a `listen` of its own it listens at weir.address on a free
    loopback port. It is one process; `supervised` gives what users have. At the end of the test it must still run, stop cleanly on TERM, and have printed
    no sanitizer report and no failed assertion."""
    running = []

    def start(text, address=None, environment=None, supervised=False, program=None,
              descriptors=(), is_awaited=True):
        address = address or ("127.0.0.1", ports.take())
        place = directory / f"weir-{len(running)}"
        place.mkdir()
        path = write_configuration(place, textwrap.dedent(text), address)
        arguments = ["run", "-c", path] + ([] if supervised else ["--one-process"])
        running.append(Weir(arguments, address, place, environment, program, descriptors,
                            is_awaited))
        return running[-1]

    yield start
    failures = []
    for weir in running:
        try:
            weir.stop()
        except AssertionError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]


@pytest.fixture
def start_supervised(start_weir):
    """The same with a worker of its own: gives a Supervised."""
    return lambda *arguments, **named: Supervised(start_weir(*arguments, supervised=True, **named))


class Origins:
    """A context at whose end all stop, and then must have nothing to complain of."""

    def __init__(self):
        self._all = []

    def add(self, origin):
        self._all.append(origin)
        return origin

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for origin in self._all:
            origin.stop()
        for origin in self._all:
            origin.check()


@pytest.fixture
def start_origin(ports, start_weir):
    """start_origin(behaviour) gives a running Origin; see harness/origin.py. Without behaviour it
    answers 200 `hello` to everything. `address` may be (host, port) or a Unix socket's path. All
    end before Weir does, so that no exchange waits for them."""
    with Origins() as origins:
        def start(behaviour=None, address=None):
            return origins.add(Origin(address or ("127.0.0.1", ports.take()), behaviour))

        yield start


@pytest.fixture
def start_tls_origin(ports, start_weir, authority):
    """start_tls_origin(behaviour) gives a TlsOrigin with a certificate for its address and for
    app.internal; `file` is another one of the authority, `context` another ssl context; what else
    harness.tls_origin.serving takes."""
    with Origins() as origins:
        def start(behaviour=None, file="app", context=None, **parts):
            if not (authority.directory / "app.pem").exists():
                authority.make("app", ["app.internal", "127.0.0.1"])
            context = context or serving(authority, file, **parts)
            return origins.add(TlsOrigin(("127.0.0.1", ports.take()), context, behaviour))

        yield start


@pytest.fixture
def start_h2_origin(ports, start_weir):
    """start_h2_origin(behaviour, settings) gives an H2Origin; see harness/h2_origin.py."""
    with Origins() as origins:
        def start(behaviour=None, address=None, **parts):
            return origins.add(H2Origin(address or ("127.0.0.1", ports.take()), behaviour, **parts))

        yield start


@pytest.fixture
def start_alpn_origin(ports, start_weir, authority):
    """start_alpn_origin("h2", "http/1.1") gives an AlpnOrigin that takes what it prefers first;
    without any it does not know ALPN."""
    authority.make("app", ["app.internal", "127.0.0.1"])
    with Origins() as origins:
        def start(*protocols, address=None, **parts):
            return origins.add(AlpnOrigin(address or ("127.0.0.1", ports.take()), authority,
                                          protocols, **parts))

        yield start


@pytest.fixture
def websocket_echo(ports):
    """An echo server of WebSockets; its address as Weir wants it."""
    port = ports.take()
    with websocket_echo_on(port):
        yield f"127.0.0.1:{port}"


@pytest.fixture
def frozen_listener(ports):
    """An address whose queue of connections is full: a connect neither succeeds nor fails."""
    port = ports.take()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", port))
        yield f"127.0.0.1:{port}"
        for connection in waiting:
            connection.close()


@pytest.fixture
def start_proxy(start_weir):
    """start_proxy(origin, ..., settings) runs Weir on one thread with one site for everything, in
    front of one origin or of several as one upstream. `settings` is more top-level YAML."""
    def start(*origins, settings="", **parts):
        servers = ", ".join(f'"{origin.server}"' for origin in origins)
        return start_weir(f"threads: 1\nupstreams: {{app: {{servers: [{servers}]}}}}\n"
                          f"sites: [{{proxy: app}}]\n{textwrap.dedent(settings)}", **parts)
    return start


@pytest.fixture
def connect(start_origin):
    """connect(weir) gives a Client connected to its first listener; connect(address) to another.
    All are closed before origins and Weir are stopped."""
    clients = []

    def start(where, **parts):
        clients.append(Client(getattr(where, "address", where), **parts))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def authority(directory):
    """An Authority that writes certificates into a directory of its own."""
    (directory / "tls").mkdir()
    return Authority(directory / "tls")


@pytest.fixture
def start_tls(authority, ports, start_weir):
    """start_tls(sites, more) runs Weir with one address for TLS, `weir.address`, and one without,
    `weir.plain`. In the text {files} is where the authority writes."""
    def start(sites, more="", **parts):
        plain, secure = ports.take(), ports.take()
        weir = start_weir(
            f'listen: [{{address: "127.0.0.1:{secure}", tls: on}}, "127.0.0.1:{plain}"]\n'
            f"{more}\nsites:\n{sites}".replace("{files}", str(authority.directory)),
            ("127.0.0.1", secure), **parts)
        weir.plain = ("127.0.0.1", plain)
        return weir
    return start


@pytest.fixture
def start_h2c(start_weir, ports):
    """start_h2c(sites, more) runs Weir on one thread with one address that takes HTTP/2 without
    TLS; {limits} and the like of the listener stand in `listener`."""
    def start(sites, more="", listener="", **parts):
        port = ports.take()
        return start_weir(
            f'threads: 1\nlisten: [{{address: "127.0.0.1:{port}", h2c: on{listener}}}]\n'
            f"{textwrap.dedent(more)}\nsites:\n{textwrap.indent(textwrap.dedent(sites), '  ')}\n",
            ("127.0.0.1", port), **parts)
    return start


@pytest.fixture
def h2(start_origin):
    """h2(weir, settings) gives an H2Client without TLS."""
    clients = []

    def start(weir, settings={}, **parts):
        clients.append(connect_h2(weir.address, settings, **parts))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def h2_tls(authority, tls):
    """h2_tls(weir, name) gives an H2Client over TLS, if that was chosen."""
    def start(weir, name="example.com", settings={}):
        context = trusting(authority)
        context.set_alpn_protocols(["h2", "http/1.1"])
        client = tls(weir, name, context=context)
        assert client.socket.selected_alpn_protocol() == "h2"
        return H2Client(client.socket, settings)
    return start


@pytest.fixture
def tls(authority, start_origin):
    """tls(weir, name) gives a TlsClient that trusts the authority."""
    clients = []

    def start(weir, name="example.com", versions=(None, None), ciphers=None, **parts):
        context = parts.pop("context", None) or trusting(authority, versions, ciphers)
        clients.append(TlsClient(getattr(weir, "address", weir), context, name, **parts))
        return clients[-1]

    yield start
    for client in clients:
        client.close()
