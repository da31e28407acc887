"""A shown configuration as it runs: Weir with it, and behind it servers that answer with the
request that they received. The ports of the text are exchanged for free ones, and what is printed
speaks of those of the text again, so that documents may say :8080 and 127.0.0.1:3000."""

import contextlib
import os
import re
import subprocess

from harness.origin import Origin
from harness.weir import Weir, binary

SERVER = re.compile(r"127\.0\.0\.1:(3\d\d\d)\b")
SOCKET = re.compile(r"\bunix:(/run/(\w+)/[\w.-]+)")
LISTENER = re.compile(r"(?:127\.0\.0\.1|\[::1\]|):(80|8\d\d\d|99\d\d)\b")
SECONDS_MAX = 30


def echo(name):
    """Behaviour: the request as it came, line for line, and the name of the server in X-Server."""
    def behaviour(connection):
        while True:
            request = connection.read_request()
            lines = [f"{request.method} {request.target}"]
            lines += [f"{key}: {value}" for key, value in request.fields]
            body = "".join(line + "\n" for line in lines).encode("latin-1")
            connection.answer(200, b"" if request.method == "HEAD" else body + request.body,
                              fields=[("Content-Type", "text/plain"), ("Server", "app"),
                                      ("X-Server", name)])
    return behaviour


class Service:
    """Ports and paths as written -> in use: `listeners`, `servers`, `sockets` (those of Weir lie
    in /run/weir/). `directory` holds weir.yaml. `serves`: whether anybody listens where servers should be."""

    def __init__(self, text, directory, ports, serves=True):
        self.directory = directory
        self.listeners = {port: ports.take() for port in sorted(set(self._listening(text)))}
        self.servers = {}
        self._take_servers(text, ports)
        self.sockets = {path: str(directory / path.rsplit("/", 1)[1])
                        for path, _ in sorted(set(SOCKET.findall(text)))}
        (directory / "weir.yaml").write_text(self._in_use(text))
        for path in directory.glob("*/*.yaml"):
            self._take_servers(path.read_text(), ports)
            path.write_text(self._in_use(path.read_text(), is_whole=False))
        with contextlib.ExitStack() as stack:
            directory.chmod(0o711)  # Weir connects to servers as nobody where root runs the tests
            for name, address in self._server_addresses() if serves else []:
                stack.enter_context(Origin(address, echo(name)))
                if isinstance(address, str):
                    os.chmod(address, 0o666)
            self.weir = stack.enter_context(Weir(["run"], directory=directory))
            self._stack = stack.pop_all()

    def _take_servers(self, text, ports):
        for port in sorted(set(SERVER.findall(text)) - set(self.servers)):
            self.servers[port] = ports.take()

    def _server_addresses(self):
        addresses = [(port, ("127.0.0.1", used)) for port, used in self.servers.items()]
        return addresses + [(path, used) for path, used in self.sockets.items()
                            if not path.startswith("/run/weir/")]

    @staticmethod
    def _listening(text):
        lines = re.findall(r"^ *listen:.*(?:\n *- .*)*", text, re.MULTILINE)
        admin = re.findall(r"^admin:.*(?:\n .*)*", text, re.MULTILINE)
        clients = LISTENER.findall("\n".join(lines)) if lines else ["80"]
        return clients + LISTENER.findall("\n".join(admin))

    def _in_use(self, text, is_whole=True):
        for path, used in self.sockets.items():
            text = text.replace(f"unix:{path}", f"unix:{used}")
        text = SERVER.sub(lambda found: f"127.0.0.1:{self.servers[found[1]]}", text)
        if is_whole and not re.search(r"^ *listen:", text, re.MULTILINE):
            text = 'listen: ":80"\n' + text
        for port, used in self.listeners.items():
            text = re.sub(rf"((?:127\.0\.0\.1|\[::1\]|)):{port}\b(?=[\"\s,\]])",
                          lambda found: f"{found[1] or '127.0.0.1'}:{used}", text)
        return text

    def _as_written(self, printed):
        for port, used in (self.listeners | self.servers).items():
            printed = re.sub(rf"\b{used}\b", port, printed)
        return printed

    def _environment(self):
        """curl that goes where Weir listens, whatever the address says, and shows no progress, as it
        does on a terminal."""
        lines = ["max-time = 20", "silent", "show-error", "noproxy = *"]
        lines += [f'connect-to = ":{port}:127.0.0.1:{used}"'
                  for port, used in self.listeners.items()]
        (self.directory / ".curlrc").write_text("".join(line + "\n" for line in lines))
        path = f"{binary().parent}:{os.environ['PATH']}"
        return {**os.environ, "CURL_HOME": str(self.directory), "PATH": path}

    def execute(self, command):
        """A line of shell, which may name servers: its exit status, and what it printed, as it
        would be with the ports of the text."""
        command = SERVER.sub(lambda found: f"127.0.0.1:{self.servers.get(found[1], found[1])}",
                             command)
        result = subprocess.run(["sh", "-c", command], cwd=self.directory, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=SECONDS_MAX,
                                env=self._environment(), check=False)
        return result.returncode, self._as_written(result.stdout.replace("\r", ""))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        return self._stack.__exit__(*what)  # Weir ends first; nothing is under way any more
