"""Weir between programs that others wrote: curl and wrk in front, nginx behind."""

import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from harness.deadline import poll_until
from harness.h2load import H2Load
from harness.load import Load
from harness.origin import answering
from harness.stream import is_accepting

pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("wrk")
                                     and shutil.which("nginx")),
                                reason="curl, wrk and nginx are not all installed")

NGINX = """
daemon off; master_process off; worker_processes 1; pid {directory}/pid; error_log stderr error;
events {{ worker_connections 512; }}
http {{
    access_log off; root {directory}/files; keepalive_requests 1000000;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        gzip on; gzip_types text/plain; gzip_min_length 1; gzip_proxied any;
        client_max_body_size 1m;
        location /moved {{ return 301 /file; }}
        location /missing {{ return 404; }}
        location /echo/ {{ return 200 "{hundred_times}"; }}
    }}
    server {{
        listen 127.0.0.1:{h2_port} http2; keepalive_requests 50; client_max_body_size 1m;
        location /echo/ {{ return 200 "{hundred_times}"; }}
    }}
}}
"""


@pytest.fixture
def start_nginx(ports, directory):
    """start_nginx() runs nginx with some files and gives its process, with its `server`."""
    running = []

    def start():
        port, h2_port = ports.take(), ports.take()
        place = directory / f"nginx-{len(running)}"
        fill(place / "files")
        (place / "nginx.conf").write_text(NGINX.format(directory=place, port=port,
                                                       h2_port=h2_port,
                                                       hundred_times="$uri" * 100))
        process = subprocess.Popen(["nginx", "-c", place / "nginx.conf", "-p", place])
        running.append(process)
        poll_until(lambda: is_accepting(("127.0.0.1", port)), what="nginx listens")
        process.server, process.files = f"127.0.0.1:{port}", place / "files"
        process.h2_url = f"h2c://127.0.0.1:{h2_port}"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait(10)


def fill(files):
    files.mkdir(parents=True)
    (files / "file").write_bytes(b"hello")
    (files / "text.txt").write_text("squeeze me " * 10000)
    (files / "large").write_bytes(os.urandom(1 << 20) * 20)


@pytest.fixture
def nginx(start_nginx):
    return start_nginx()


@pytest.fixture
def weir(start_weir, nginx):
    return start_weir(f"threads: 1\nsites: [{{proxy: \"http://{nginx.server}\"}}]")


def curl(weir, path, *arguments, status=0):
    """Runs curl; its stdout as bytes, -w's %{http_code} as its last three."""
    url = f"http://{weir.address[0]}:{weir.address[1]}{path}"
    result = subprocess.run(["curl", "-sS", "--max-time", "20", "-w", "%{http_code}", *arguments,
                             url],
                            capture_output=True, check=False, timeout=30)
    assert result.returncode == status, result.stderr
    return result.stdout


def test_a_file(weir):
    assert curl(weir, "/file") == b"hello200"


def test_http_1_0(weir):
    assert curl(weir, "/file", "--http1.0") == b"hello200"


def test_statuses(weir):
    assert curl(weir, "/missing").endswith(b"404")
    assert curl(weir, "/moved").endswith(b"301")
    assert curl(weir, "/moved", "-L") == b"hello200"


def test_head(weir):
    answer = curl(weir, "/file", "-I").decode()
    assert re.search(r"(?m)^Content-Length: 5\r$", answer)


def test_ranges(weir):
    assert curl(weir, "/file", "-r", "1-3") == b"ell206"
    assert curl(weir, "/file", "-r", "9-").endswith(b"416")


def test_conditions(weir):
    answer = curl(weir, "/file", "-i").decode("latin-1")
    tag = re.search(r"(?m)^ETag: (.*)\r$", answer)[1]
    assert curl(weir, "/file", "-H", f"If-None-Match: {tag}") == b"304"


def test_compression_in_chunks(weir):
    assert curl(weir, "/text.txt", "--compressed") == b"squeeze me " * 10000 + b"200"


def test_a_large_file(weir, nginx, directory):
    got = curl(weir, "/large", "-o", str(directory / "got"))
    assert got == b"200"
    sent = (nginx.files / "large").read_bytes()
    assert hashlib.sha256((directory / "got").read_bytes()).digest() == hashlib.sha256(sent).digest()


def test_an_upload_that_nginx_refuses(weir, directory):
    (directory / "upload").write_bytes(b"x" * 3000000)
    for arguments in (["-T", str(directory / "upload")],
                      ["--data-binary", f"@{directory / 'upload'}"],
                      ["-H", "Transfer-Encoding: chunked", "--data-binary",
                       f"@{directory / 'upload'}"],
                      ["-H", "Expect:", "--data-binary", f"@{directory / 'upload'}"]):
        assert curl(weir, "/file", *arguments)[-3:] in (b"413", b"405")


def test_uploads_with_expect(start_origin, start_proxy, directory):
    def behaviour(connection):
        while True:
            request = connection.read_request_head()
            if request.has("Expect"):
                connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.read_request_body(request)
            connection.answer(200, b"%d " % len(request.body))

    weir = start_proxy(start_origin(behaviour))
    (directory / "upload").write_bytes(b"x" * 200000)
    data = f"@{directory / 'upload'}"
    assert curl(weir, "/", "-H", "Expect: 100-continue", "-d", data) == b"200000 200"
    assert curl(weir, "/", "-H", "Expect:", "-d", data) == b"200000 200"


def test_several_urls_over_one_connection(weir):
    result = subprocess.run(["curl",
                             "-sSv"] + [f"http://{weir.address[0]}:{weir.address[1]}/file"] * 5,
                            capture_output=True, check=True, timeout=30)
    assert result.stdout == b"hello" * 5
    assert result.stderr.count(b"Connected to") == 1


def test_curl_sees_a_cut(start_origin, start_proxy):
    origin = start_origin(lambda connection: (
        connection.read_request(),
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")))
    partial, error_in_chunks = 18, 56
    url_status = subprocess.run(["curl", "-sS",
                                 f"http://127.0.0.1:{start_proxy(origin).address[1]}/"],
                                capture_output=True, check=False, timeout=30)
    assert url_status.returncode in (partial, error_in_chunks)


@pytest.mark.parametrize("arguments", [[], ["-H", "Connection: close"]])
def test_wrk_sees_no_error(weir, arguments):
    result = subprocess.run(["wrk", "-t1", "-c16", "-d1s", *arguments,
                             f"http://{weir.address[0]}:{weir.address[1]}/file"],
                            capture_output=True, check=True, timeout=30, text=True)
    assert "Non-2xx" not in result.stdout, result.stdout
    assert "Socket errors" not in result.stdout, result.stdout
    assert int(re.search(r"(\d+) requests in", result.stdout)[1]) > 10


def test_wrk_against_a_server_that_closes_behind_each_answer(start_origin, start_proxy):
    weir = start_proxy(start_origin(lambda connection: (
        connection.read_request(),
        connection.answer(200, b"ok", fields=[("Connection", "close")]))))
    result = subprocess.run(["wrk", "-t1", "-c4", "-d1s", f"http://127.0.0.1:{weir.address[1]}/"],
                            capture_output=True, check=True, timeout=30, text=True)
    assert "Non-2xx" not in result.stdout, result.stdout
    assert "Socket errors" not in result.stdout, result.stdout


def test_wrk_with_chunked_answers(start_origin, start_proxy):
    weir = start_proxy(start_origin(answering([b"one", b"two"])))
    result = subprocess.run(["wrk", "-t1", "-c4", "-d1s", f"http://127.0.0.1:{weir.address[1]}/"],
                            capture_output=True, check=True, timeout=30, text=True)
    assert "Socket errors" not in result.stdout, result.stdout


def two_nginx(start_nginx, start_weir, settings=""):
    first, second = start_nginx(), start_nginx()
    weir = start_weir(f"""
        threads: 2
        sites: [{{proxy: ["http://{first.server}", "http://{second.server}"]}}]
        {settings}
    """)
    return first, weir


def test_nginx_killed_under_load(start_nginx, start_weir):
    """Only what was under way may fail; then the other one serves everybody."""
    first, weir = two_nginx(start_nginx, start_weir)
    with Load(weir, clients=8, folder="/echo") as load:
        load.wait_for(200)
        first.kill()
        first.wait()
        load.wait_for(500)
    assert len(load.statuses) - load.statuses.count(200) <= 8, load.tell()


def test_nginx_frozen_under_load(start_nginx, start_weir):
    """Its kernel still accepts, but nobody answers: 504 in time, for nobody for ever."""
    first, weir = two_nginx(start_nginx, start_weir, "timeouts: {first_byte: 150ms}")
    with Load(weir, clients=8, folder="/echo") as load:
        load.wait_for(200)
        first.send_signal(signal.SIGSTOP)
        load.wait_for(1, 504)
        load.wait_for(50)
        first.send_signal(signal.SIGCONT)
        load.wait_for(200)
    assert set(load.statuses) <= {200, 504}, load.tell()


def test_nginx_stopped_in_order_under_load(start_nginx, start_weir):
    first, weir = two_nginx(start_nginx, start_weir)
    with Load(weir, clients=8, folder="/echo") as load:
        load.wait_for(200)
        first.send_signal(signal.SIGQUIT)
        first.wait()
        load.wait_for(500)
    assert len(load.statuses) - load.statuses.count(200) <= 8, load.tell()


def test_over_http2_with_goodbyes_all_the_time(start_weir, nginx):
    """nginx says GOAWAY after every 50 requests of a connection."""
    weir = start_weir(f"threads: 1\nsites: [{{proxy: \"{nginx.h2_url}\"}}]")
    with Load(weir, clients=8, folder="/echo") as load:
        load.wait_for(2000)
    assert set(load.statuses) == {200}


def test_a_large_file_over_http2(start_weir, nginx, directory):
    weir = start_weir(f"threads: 1\nsites: [{{proxy: \"{nginx.h2_url}\"}}]")
    assert curl(weir, "/large", "-o", str(directory / "got")) == b"200"
    assert (directory / "got").read_bytes() == (nginx.files / "large").read_bytes()


def test_h2c_servers_change_under_load_of_http2(start_h2c, start_nginx):
    """Reloads take servers out and in, and no stream fails of it."""
    servers = [start_nginx() for _ in range(3)]

    def text(*indices):
        listed = ", ".join(f'"{servers[index].h2_url}"' for index in indices)
        return f"- proxy: [{listed}]\n"

    weir = start_h2c(text(0, 1))
    path = pathlib.Path(weir.arguments[weir.arguments.index("-c") + 1])
    before = path.read_text()
    with H2Load(f"http://{weir.address[0]}:{weir.address[1]}/echo/x", 4000) as load:
        for indices in [(1,), (1, 2), (2,), (0, 2), (0, 1, 2), (0, 2)]:
            path.write_text(before.replace(text(0, 1), text(*indices)))
            seen = weir.log.count("\n")
            weir.signal(signal.SIGHUP)
            weir.wait_for_log("the configuration was loaded", start=seen)
    assert all(re.search(r" 0 failed, 0 errored", outcome) for outcome in load.outcomes), \
        load.outcomes
