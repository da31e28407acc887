"""Where Weir listens, how it starts and how it stops: addresses, `weir proxy`, TERM."""

import signal
import threading

import pytest

from harness.client import Client
from harness.deadline import poll_until, wait_for
from harness.origin import answering
from harness.weir import Weir, run_weir_command


def test_a_unix_socket_as_listener(start_origin, start_proxy, connect, directory):
    client = connect(start_proxy(start_origin(), address=str(directory / "weir.sock")))
    for _ in range(2):
        assert client.ask().body == b"hello"


def test_a_unix_socket_as_server(start_origin, start_proxy, connect, directory):
    origin = start_origin(address=str(directory / "app.sock"))
    client = connect(start_proxy(origin))
    for _ in range(2):
        assert client.ask("POST", body=b"x" * 100000).body == b"hello"
    assert len(origin.connections) == 1


def test_a_file_that_is_no_socket_is_not_replaced(start_origin, directory):
    path = directory / "precious"
    path.write_text("kept")
    finished = run_weir_command("proxy", "--from", f"unix:{path}", "--to", start_origin().url)
    assert finished.returncode == 1
    assert "cannot listen" in finished.stderr
    assert path.read_text() == "kept"


def test_a_server_on_a_unix_socket_is_told_a_host_that_is_one(start_origin, start_proxy, connect,
                                                              directory):
    """The path of a socket is no host (RFC 9110 7.2)."""
    origin = start_origin(address=str(directory / "app.sock"))
    weir = start_proxy(origin, settings="upstream_host: server")
    assert connect(weir).ask(host="example.com").status == 200
    assert origin.requests[0].value("Host") == "localhost"


def test_ipv6_on_both_sides(start_origin, start_proxy, connect, ports):
    origin = start_origin(address=("::1", ports.take()))
    port = ports.take()
    weir = start_proxy(origin, settings=f'listen: "[::1]:{port}"', address=("::1", port))
    assert connect(weir).ask(host=f"[::1]:{port}").body == b"hello"
    assert origin.requests[0].value("Host") == f"[::1]:{port}"


def test_an_address_of_only_a_port_is_all_addresses_of_both_versions(start_origin, start_proxy,
                                                                     connect, ports):
    port = ports.take()
    start_proxy(start_origin(), settings=f'listen: ":{port}"', address=("127.0.0.1", port))
    for host in ["127.0.0.1", "127.0.0.2", "::1"]:
        assert connect((host, port)).ask().body == b"hello", host


def test_several_listeners(start_origin, start_weir, connect, ports, directory):
    origin = start_origin()
    first, second, path = ports.take(), ports.take(), directory / "weir.sock"
    weir = start_weir(f"""
        listen: ["127.0.0.1:{first}", "127.0.0.1:{second}", "unix:{path}"]
        sites: [{{proxy: "{origin.url}"}}]
    """, address=("127.0.0.1", first))
    for address in (weir.address, ("127.0.0.1", second), str(path)):
        assert connect(address).ask().status == 200


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_many_clients_on_several_threads(start_origin, start_weir, connect, threads):
    origin = start_origin()
    weir = start_weir(f"threads: {threads}\nsites: [{{proxy: \"{origin.url}\"}}]")
    clients = [connect(weir) for _ in range(40)]
    for _ in range(3):
        for client in clients:
            client.send_request()
        for client in clients:
            assert client.read_response().body == b"hello"


# weir proxy

@pytest.fixture
def run_proxy(ports, connect):
    """`weir proxy` in front of servers, without a file."""
    running = []

    def start(*arguments):
        address = ("127.0.0.1", ports.take())
        running.append(Weir(["proxy", "--from", f"127.0.0.1:{address[1]}", *arguments], address))
        return running[-1]

    yield start
    for weir in running:
        weir.stop()


def test_a_proxy_without_a_file(run_proxy, start_origin):
    origin = start_origin()
    client = Client(run_proxy("--to", origin.url).address)
    assert client.ask("GET", "/a?b").body == b"hello"
    assert origin.requests[0].target == "/a?b"
    client.close()


def test_a_proxy_over_several_servers(run_proxy, start_origin):
    origins = [start_origin(answering(letter)) for letter in (b"a", b"b")]
    weir = run_proxy("--to", origins[0].url, "--to", origins[1].url)
    bodies = []
    for _ in range(8):
        client = Client(weir.address)
        bodies.append(client.ask().body)
        client.close()
    assert set(bodies) == {b"a", b"b"}


@pytest.mark.parametrize("arguments, words", [
    ("", "say where clients connect: --from"),
    ("--to http://127.0.0.1:1", "say where clients connect: --from"),
    ("--from :0", "say who is asked: --to"),
    ("--from :0 --to http://127.0.0.1:1 http://127.0.0.1:2", '"http://127.0.0.1:2" is one word'),
    ("--from x:y --to http://127.0.0.1:1", "no address to listen on"),
    ("--from :0 --to http://127.0.0.1:1 --no", "--no"),
])
def test_a_proxy_with_wrong_arguments_says_so(arguments, words):
    result = run_weir_command("proxy", *arguments.split())
    assert result.returncode in (1, 2)
    assert words in result.stderr


# Starting and stopping

def test_an_address_in_use_is_told(ports, start_origin, directory):
    origin = start_origin()
    path = directory / "weir.yaml"
    path.write_text(f'listen: "{origin.server}"\nsites: [{{proxy: "{origin.url}"}}]\n')
    result = run_weir_command("run", "-c", path)
    assert result.returncode == 1
    assert origin.server in result.stderr


@pytest.mark.parametrize("supervised", [True, False])
def test_another_weir_does_not_share_an_address(start_weir, connect, ports, directory, supervised):
    """Each would get some of the clients, and nobody would know."""
    def text(name, *addresses):
        listen = ", ".join(f'"{address[0]}:{address[1]}"' for address in addresses)
        return (f"listen: [{listen}]\nadmin: unix:{directory}/{name}\nthreads: 3\n"
                f"sites: [{{respond: {{body: {name}}}}}]\n")

    ours, fresh = ("127.0.0.1", ports.take()), ("127.0.0.1", ports.take())
    weir = start_weir(text("first", ours), ours, supervised=supervised)
    (directory / "other.yaml").write_text(text("other", ours))
    options = [] if supervised else ["--one-process"]
    told = run_weir_command("run", "-c", directory / "other.yaml", *options)
    assert told.returncode == 1
    assert "cannot listen on %s:%d: Address already in use" % ours in told.stderr
    other = start_weir(text("other", fresh), fresh, supervised=supervised)
    (other.directory / "weir.yaml").write_text(text("other", fresh, ours))
    told = run_weir_command("reload", "-c", other.arguments[2])
    assert (told.returncode, "Address already in use" in told.stderr) == (1, True)
    assert {connect(ours).ask().body for _ in range(20)} == {b"first"}
    weir.stop()
    assert run_weir_command("reload", "-c", other.arguments[2]).returncode == 0
    assert {connect(ours).ask().body for _ in range(20)} == {b"other"}


@pytest.mark.parametrize("supervised", [True, False])
def test_all_addresses_and_one_of_them_on_the_same_port(start_weir, connect, ports, supervised):
    port = ports.take()
    weir = start_weir(f'listen: ["127.0.0.2:{port}", ":{port}"]\nthreads: 2\n'
                      "sites: [{respond: {body: hello}}]\n", ("127.0.0.2", port),
                      supervised=supervised)
    for host in ("127.0.0.1", "127.0.0.2"):
        assert connect((host, port)).ask().body == b"hello"
    assert weir.is_running()


def test_term_lets_a_running_exchange_end(start_origin, start_proxy, connect):
    asked, may_answer = threading.Event(), threading.Event()

    def behaviour(connection):
        connection.read_request()
        asked.set()
        connection.wait(may_answer)
        connection.answer(200, b"done all the same")

    weir = start_proxy(start_origin(behaviour))
    client = connect(weir)
    client.send_request()
    wait_for(asked)
    idle = connect(weir)
    weir.signal(signal.SIGTERM)
    idle.expect_end()
    may_answer.set()
    response = client.read_response()
    assert response.body == b"done all the same"
    client.expect_end()
    client.close()
    idle.close()
    weir.wait_for_end()


def test_term_waits_no_longer_than_it_is_told(start_origin, start_proxy, connect):
    origin = start_origin(lambda connection: (connection.read_request(), connection.hold()))
    weir = start_proxy(origin, settings="timeouts: {drain: 200ms}")
    client = connect(weir)
    client.send_request()
    origin.wait_for_requests(1)
    weir.signal(signal.SIGTERM)
    client.read_to_end()
    weir.wait_for_end()


def test_term_closes_tunnels(start_origin, start_proxy, connect):
    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        b"Upgrade: echo/1\r\n\r\n")
        connection.read_to_end()

    weir = start_proxy(start_origin(behaviour), settings="timeouts: {drain: 200ms}")
    client = connect(weir)
    assert client.ask(fields=[("Connection", "Upgrade"), ("Upgrade", "echo/1")]).status == 101
    weir.signal(signal.SIGTERM)
    client.read_to_end()
    weir.wait_for_end()


def test_descriptors_do_not_leak(start_origin, start_proxy, connect):
    """After clients of every kind have gone, as many descriptors are open as before."""
    weir = start_proxy(start_origin(), settings="timeouts: {pool_idle: 50ms}")
    connect(weir).ask(fields=[("Connection", "close")])
    before = weir.descriptors()
    for number in range(30):
        client = connect(weir)
        if number % 3 == 0:
            client.send(b"GET / HTTP/1.1\r\nHost: ")
        elif number % 3 == 1:
            client.send_request("POST", body=b"x" * 1000)
        else:
            client.ask()
        client.reset() if number % 2 else client.close()
    poll_until(lambda: weir.descriptors() <= before, what="descriptors are closed")


def test_a_client_that_vanishes_at_any_byte_leaves_nothing_behind(start_origin, start_proxy,
                                                                  connect):
    weir = start_proxy(start_origin())
    message = b"POST /a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nhello"
    for length in range(len(message)):
        client = connect(weir)
        client.send(message[:length])
        client.wait_until_read()
        client.reset()
    assert connect(weir).ask().status == 200


def test_term_in_a_body_does_not_cut_it_for_who_sent_more(start_origin, start_proxy, connect):
    """The client pipelines; a close with bytes of it unread would reset the connection and destroy
    what it has not taken yet."""
    body = b"x" * (4 * 1024 * 1024)
    begun, may_end = threading.Event(), threading.Event()

    def behaviour(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:1000])
        begun.set()
        connection.wait(may_end)
        connection.send(body[1000:])

    weir = start_proxy(start_origin(behaviour))
    client = connect(weir, receive_buffer=4096)
    client.send_request()
    wait_for(begun)
    assert client.read_response_head().status == 200
    weir.signal(signal.SIGTERM)
    weir.wait_for_log("stopping")
    client.send(b"GET /second HTTP/1.1\r\nHost: a\r\nX-Long: " + b"y" * 30000 + b"\r\n\r\n")
    may_end.set()
    assert client.read_exactly(len(body)) == body
    client.expect_end()
    client.close()
    weir.wait_for_end()
