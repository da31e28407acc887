"""The kinds of work that are measured, and the targets that Weir is held to."""
from dataclasses import dataclass

KIB = 1024
MIB = 1024 * 1024
MANY = 10_000
H2_TURNS = 5  # few: h2load opens its connections anew for each


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    connections: int
    requests: int  # 0: the connections are only held, and memory is what counts
    quick_requests: int = 0
    load: tuple = ()  # more options of bench/load
    threads: int = 1  # more than one: nothing is pinned
    sites: int = 0  # measured in pairs with a configuration of one site
    logs: bool = False  # an access log to a file, measured in pairs without
    balance: str = ""  # a way of balancing, over many servers, measured in pairs with two
    servers: int = 0  # how many
    tls: str = ""  # the kind of key that clients are shown: p256 or rsa
    h2: bool = False  # over HTTP/2; streams at once are among the options of h2load
    turns: int = 20  # how many the requests of a run are made in, with those of the other peers between
    pairs: int = 3  # in a round, where the figure is the ratio of a pair
    peers: tuple = ()  # who takes part where nobody is named; or all

    def is_paired(self):
        return self.sites > 0 or self.logs or self.servers > 0

    def is_for_all(self):
        """Whether it runs where no scenario is named."""
        return not self.servers

    def load_options(self, quick):
        requests = self.quick_requests if quick else self.requests
        return ["-c", self.connections, "-n", requests, *self.load]


def target(size):
    return ("-t", f"/{size}")


SCENARIOS = [
    Scenario("small", "128 B over 64 connections", 64, 100_000, 25_000),
    Scenario("browser", "the same, a browser's header", 64, 100_000, 25_000, ("-b",)),
    Scenario("one", "128 B over one connection", 1, 10_000, 4_000),
    # So few that what all peers close in five rounds fits into the kernel's TIME_WAIT table.
    Scenario("connect", "a new connection per request", 64, 6_000, 3_000, ("-k",)),
    Scenario("64k", "64 KiB answers", 16, 20_000, 5_000, target(64 * KIB)),
    Scenario("1m", "1 MiB answers", 8, 3_000, 600, target(MIB)),
    Scenario("100m", "100 MiB answers", 2, 20, 6, target(100 * MIB), turns=2),
    Scenario("upload-1m", "1 MiB uploads", 8, 2_000, 400, ("-u", MIB)),
    Scenario("idle-5000", "idle keep-alive connections", 5_000, 0),
    Scenario("websocket-2000", "idle WebSocket tunnels", 2_000, 0, 0, ("-w", "-t", "/websocket")),
    Scenario(
        "many-sites",
        "10,000 sites and routes against one",
        64,
        60_000,
        20_000,
        ("-s", MANY),
        sites=MANY,
    ),
    Scenario("logged", "128 B, an access log against none", 64, 100_000, 25_000, logs=True),
    Scenario("tls-small", "128 B over TLS", 64, 60_000, 20_000, ("-T",), tls="p256"),
    Scenario("tls-p256", "a TLS connection per request, P-256", 8, 3_000, 1_000, ("-T", "-k"),
             tls="p256"),
    Scenario("tls-rsa", "the same, RSA-2048", 8, 1_500, 500, ("-T", "-k"), tls="rsa"),
    Scenario("tls-resumed", "the same, resumed", 8, 3_000, 1_000, ("-R", "-k"), tls="p256"),
    Scenario("tls-1m", "1 MiB answers over TLS", 8, 1_500, 300, ("-T", *target(MIB)), tls="p256"),
    Scenario("tls-idle-5000", "idle TLS connections", 5_000, 0, 0, ("-T",), tls="p256"),
    Scenario("h2-small", "128 B over HTTP/2 and TLS, 16 streams on each of 16 connections", 16,
             100_000, 30_000, ("-m", 16), tls="p256", h2=True, turns=H2_TURNS),
    Scenario("h2-1m", "1 MiB answers over HTTP/2 and TLS", 4, 1_500, 300,
             ("-m", 2, *target(MIB)), tls="p256", h2=True, turns=H2_TURNS),
    Scenario("two-workers", "128 B, two workers on both cores", 64, 100_000, 25_000, threads=2),
    # The others take several times as long to start.
    Scenario("certificates", "a TLS connection per request, 10,000 certificates against one", 8,
             3_000, 1_000, ("-T", "-k", "-s", MANY), sites=MANY, tls="p256", pairs=1,
             peers=("weir",)),
]

BALANCES = ("round_robin", "least_connections", "least_time", "random", "hash", "first")
SCENARIOS += [
    Scenario(f"{balance}-{servers}", f"128 B, {balance} over {servers} servers against two", 64,
             60_000, 10_000, balance=balance, servers=servers)
    for balance in BALANCES for servers in (100, 1_000)
]


@dataclass(frozen=True)
class Target:
    """`figure` of Weir in the scenario is at most `limit`, as it is (against "") or as a ratio to
    the same figure of "better" (the better of nginx and HAProxy; over HTTP/2 the best of them, h2o
    and nghttpx) or of the peer that it names."""

    scenario: str
    figure: str
    against: str
    limit: float
    unit: str = ""


TARGETS = [
    Target("small", "cpu_us", "better", 0.82),
    Target("small", "cpu_us", "relay", 1.10),
    Target("one", "p50_us", "better", 1.0),
    Target("connect", "cpu_us", "better", 1.0),
    Target("1m", "cpu_us", "better", 0.55),
    Target("100m", "cpu_us", "better", 0.55),
    Target("upload-1m", "cpu_us", "better", 0.75),
    Target("idle-5000", "kib_each", "", 0.4, "KiB"),
    Target("websocket-2000", "kib_each", "", 0.75, "KiB"),
    Target("many-sites", "pair_ratio", "", 1.03),
    Target("many-sites", "start_ms", "", 500, "ms"),
    Target("many-sites", "memory_mib", "", 30, "MiB"),
    Target("logged", "pair_ratio", "", 1.05),
    Target("tls-small", "cpu_us", "better", 0.82),
    Target("tls-p256", "cpu_us", "better", 1.03),
    Target("tls-rsa", "cpu_us", "better", 1.03),
    Target("tls-resumed", "cpu_us", "better", 1.03),
    Target("tls-1m", "cpu_us", "nginx", 0.70),
    Target("tls-idle-5000", "kib_each", "", 14.7, "KiB"),
    Target("h2-small", "cpu_us", "better", 0.80),
    Target("h2-1m", "cpu_us", "nginx", 0.70),
    Target("certificates", "pair_ratio", "", 1.03),
    Target("certificates", "start_ms", "", 3_000, "ms"),
]
