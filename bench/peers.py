"""The proxies that are measured: for each, how it is configured and started.

Every configuration is what somebody would write who wants speed and knows the proxy: no access
log, no cache, connections kept alive on both sides, bodies streamed.
"""
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

FOREVER = 1_000_000_000


@dataclass
class Setup:
    """What a peer is to do in one run."""

    directory: Path  # where it may write its files
    port: int  # where it listens, on loopback
    origin_port: int  # where its only server listens
    threads: int = 1
    sites: int = 0  # 0: one site for every host; else so many, and one more of as many routes
    logs: bool = False  # an access log, to a file in the directory
    balance: str = ""  # a way of balancing
    servers: int = 1  # all of them the origin, each at an address of its own
    certificates: list = ()  # files with key and certificate: one for all sites, or one for each
    h2: bool = False  # clients may speak HTTP/2


def site_hosts(setup):
    return [f"site{i}.example.com" for i in range(setup.sites)]


def server_addresses(setup):
    """The first is 127.0.0.1, where the origin is alone."""
    return [f"127.0.{i // 250}.{1 + i % 250}:{setup.origin_port}" for i in range(setup.servers)]


def route_prefixes(setup):
    return [f"/route{i}/" for i in range(setup.sites)]


class Peer:
    def __init__(self, name, binary):
        self.name = name
        self.binary = binary

    def is_there(self):
        return shutil.which(str(self.binary)) is not None

    def version(self):
        return ""

    def can(self, scenario):
        return not scenario.servers

    def command(self, setup):
        """Writes the peer's configuration; returns its command line, which stays in front."""
        raise NotImplementedError

    def first_words(self, *arguments):
        run = subprocess.run([self.binary, *arguments], capture_output=True, text=True, timeout=10)
        found = re.search(r"\d+\.\d+[^\s,]*", run.stdout + run.stderr)
        return found.group(0) if found else "?"


class Relay(Peer):
    """The floor: no proxy at all, bytes passed from socket to socket."""

    def can(self, scenario):
        return not scenario.is_paired() and not scenario.tls

    def command(self, setup):
        return [self.binary, setup.port, setup.origin_port, setup.threads]


class Nginx(Peer):
    BALANCES = {"": "", "round_robin": "", "least_connections": "least_conn;",
                "random": "random two least_conn;"}

    def version(self):
        return self.first_words("-v")

    def command(self, setup):
        path = setup.directory / "nginx.conf"
        path.write_text(self.configuration(setup))
        return [self.binary, "-p", setup.directory, "-c", path, "-e", "stderr"]

    def configuration(self, setup):
        tls = " ssl" if setup.certificates else ""
        tls += " http2" if setup.h2 else ""
        listen = f"listen 127.0.0.1:{setup.port}{tls}"
        options = " backlog=4096" + (" reuseport" if setup.threads > 1 else "")
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "\n".join(
            f"    {name}_temp_path {setup.directory}/{name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return f"""\
{user}
daemon off;
pid {setup.directory}/nginx.pid;
error_log stderr crit;
worker_processes {setup.threads};
worker_rlimit_nofile 16000;
events {{ worker_connections 12000; }}
http {{
    access_log {f"{setup.directory}/access.log combined buffer=64k flush=1s" if setup.logs else "off"};
{temporary}
    keepalive_timeout 1h;
    keepalive_requests {FOREVER};
    client_max_body_size 0;
    server_names_hash_max_size 65536;
    server_names_hash_bucket_size 128;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    upstream origin {{
        {self.BALANCES[setup.balance]}
        {" ".join(f"server {address};" for address in server_addresses(setup))}
        keepalive 256;
        keepalive_requests {FOREVER};
        keepalive_timeout 1h;
    }}
{self.certificate(setup, 0)}
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:resumed:10m;
    server {{
        {listen} default_server{options};
        location / {{ proxy_pass http://origin; }}
        location /websocket {{
            proxy_set_header Connection upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Host $host;
            proxy_read_timeout 1h;
            proxy_pass http://origin;
        }}
    }}
{self.sites(setup, listen)}
}}
"""

    @staticmethod
    def certificate(setup, index):
        if not setup.certificates:
            return ""
        file = setup.certificates[index]
        return f"ssl_certificate {file}; ssl_certificate_key {file};"

    def sites(self, setup, listen):
        action = "proxy_pass http://origin;"
        own = self.certificate if len(setup.certificates) > 1 else lambda *_: ""
        sites = [
            f"    server {{ {listen}; server_name {host}; {own(setup, i)} "
            f"location / {{ {action} }} }}"
            for i, host in enumerate(site_hosts(setup))
        ]
        routes = [f"        location {path} {{ {action} }}" for path in route_prefixes(setup)]
        if routes:
            sites += [f"    server {{ {listen}; server_name routes.example.com;", *routes, "    }"]
        return "\n".join(sites)


class Haproxy(Peer):
    BALANCES = {"": "roundrobin", "round_robin": "roundrobin", "least_connections": "leastconn",
                "random": "random(2)"}

    def can(self, scenario):
        return super().can(scenario) and not scenario.logs  # it has no log of its own, only that of another process

    def version(self):
        return self.first_words("-v")

    def command(self, setup):
        path = setup.directory / "haproxy.cfg"
        path.write_text(self.configuration(setup))
        return [self.binary, "-db", "-f", path]

    def configuration(self, setup):
        return f"""\
global
    maxconn 8000
    nbthread {setup.threads}
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
    timeout tunnel 1h
frontend clients
    bind 127.0.0.1:{setup.port} backlog 4096{self.certificates(setup)}
{self.maps(setup)}    default_backend origin
backend origin
    balance {self.BALANCES[setup.balance]}
{self.servers(setup)}
"""

    @staticmethod
    def servers(setup):
        return "\n".join(f"    server origin{i} {address}"
                         for i, address in enumerate(server_addresses(setup)))

    @staticmethod
    def certificates(setup):
        if not setup.certificates:
            return ""
        list_of_them = setup.directory / "certificates"
        list_of_them.write_text("".join(f"{file}\n" for file in setup.certificates))
        protocols = "h2,http/1.1" if setup.h2 else "http/1.1"
        return f" ssl crt-list {list_of_them} alpn {protocols}"

    @staticmethod
    def maps(setup):
        if not setup.sites:
            return ""
        sites = setup.directory / "sites.map"
        routes = setup.directory / "routes.map"
        sites.write_text("".join(f"{host} origin\n" for host in site_hosts(setup)))
        routes.write_text("".join(f"{path} origin\n" for path in route_prefixes(setup)))
        return (
            "    acl has_routes hdr(host) routes.example.com\n"
            f"    use_backend %[path,map_beg({routes})] if has_routes\n"
            f"    use_backend %[req.hdr(host),lower,map({sites})]\n"
        )


class H2o(Peer):
    """Over HTTP/2 only, what it is made for."""

    def can(self, scenario):
        return scenario.h2

    def version(self):
        return self.first_words("-v")

    def command(self, setup):
        path = setup.directory / "h2o.yaml"
        path.write_text(self.configuration(setup))
        return [self.binary, "-m", "worker", "-c", path]

    @staticmethod
    def configuration(setup):
        file = setup.certificates[0]
        user = "user: root" if os.geteuid() == 0 else ""
        return f"""\
{user}
num-threads: {setup.threads}
listen:
  host: 127.0.0.1
  port: {setup.port}
  ssl: {{certificate-file: {file}, key-file: {file}}}
proxy.timeout.keepalive: 3600000
proxy.preserve-host: ON
hosts:
  default:
    paths:
      /: {{proxy.reverse.url: "http://127.0.0.1:{setup.origin_port}/"}}
"""


class Nghttpx(Peer):
    """The same."""

    def can(self, scenario):
        return scenario.h2

    def version(self):
        return self.first_words("--version")

    def command(self, setup):
        file = setup.certificates[0]
        return [self.binary, "--conf=/dev/null", f"--frontend=127.0.0.1,{setup.port}",
                f"--backend=127.0.0.1,{setup.origin_port}", f"--workers={setup.threads}",
                "--single-process", "--no-ocsp", "--log-level=ERROR", file, file]


class Weir(Peer):
    def can(self, scenario):
        return True

    def version(self):
        return self.first_words("version")

    def command(self, setup):
        path = setup.directory / "weir.yaml"
        path.write_text(self.configuration(setup))
        # Binaries that are compared may be older than the supervisor, which would only stand by.
        help_text = subprocess.run([self.binary, "run", "--help"], capture_output=True, text=True,
                                   timeout=10).stdout
        option = ["--one-process"] if "--one-process" in help_text else []
        return [self.binary, "run", "-c", path, *option]

    def configuration(self, setup):
        return f"""\
listen: [{{address: "127.0.0.1:{setup.port}", tls: {"on" if setup.certificates else "off"}}}]
threads: {setup.threads}
log: {{access: {f"{{to: {setup.directory}/access.log}}" if setup.logs else "off"}}}
limits: {{requests_per_connection: {FOREVER}}}
upstreams:
  origin:
    servers: {json.dumps(server_addresses(setup))}
{self.balance(setup)}
sites:
{self.sites(setup)}
"""

    @staticmethod
    def balance(setup):
        """The key of a hash is another one for each request."""
        more = "\n    hash: $request_id" if setup.balance == "hash" else ""
        return f"    balance: {setup.balance}{more}" if setup.balance else ""

    @staticmethod
    def sites(setup):
        def tls(index):
            several = len(setup.certificates) > 1
            file = setup.certificates[index if several else 0] if setup.certificates else ""
            return f", tls: {{certificate: {file}}}" if file else ""

        if not setup.sites:
            return f"  - {{proxy: origin{tls(0)}}}"
        sites = [f"  - {{host: {host}, proxy: origin{tls(i)}}}"
                 for i, host in enumerate(site_hosts(setup))]
        routes = [f'      {{path: "{path}*", proxy: origin}},' for path in route_prefixes(setup)]
        named = f"  - {{host: routes.example.com{tls(0)}, routes: ["
        return "\n".join([*sites, named, *routes, "    ]}"])
