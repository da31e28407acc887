"""Early data of TLS 1.3 (RFC 8446 2.3, RFC 8470): what is carried out before the handshake ends, what
waits for it, and that a recording is never carried out twice."""

import signal
import threading

import pytest

from harness.certificates import a_site
from harness.client import request_bytes
from harness.deadline import poll_until
from harness.early_client import EarlyClient, EarlyH2Client, Refused
from harness.http1 import Cut, Ended
from harness.metrics import read_metrics
from harness.origin import response_bytes

GET = request_bytes()
LAST = request_bytes(fields=[("Connection", "close")])


def on(site):
    return site.replace("tls: {", "tls: {early_data: on, ")


@pytest.fixture
def early():
    """early(weir, ticket) gives an EarlyClient."""
    clients = []

    def start(weir, ticket=None, **parts):
        clients.append(EarlyClient(weir.address, ticket=ticket, **parts))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def earn(early):
    """earn(weir) gives the ticket of a connection that was there before."""
    def start(weir, name="example.com", **parts):
        client = early(weir, name=name, **parts)
        client.start()
        client.finish(request_bytes(host=name))
        client.read_response()
        return client.hand.ticket()
    return start


@pytest.fixture
def start_early(authority, start_origin, start_tls, ports):
    """start_early(behaviour) runs Weir with a site that takes early data, in front of
    weir.origin. weir.outcomes(outcome) is what is counted, weir.open() how many connections there
    are. weir.reload(sites) loads others."""
    def start(behaviour=None, more="", sites=None, **parts):
        authority.make("site", ["example.com", "other.example.com"])
        origin, admin = start_origin(behaviour), ("127.0.0.1", ports.take())
        sites = sites or on(a_site(rest="proxy: {origin}"))
        weir = start_tls(sites.replace("{origin}", origin.url),
                         f"admin: 127.0.0.1:{admin[1]}\n{more}", **parts)
        weir.origin = origin
        weir.outcomes = lambda outcome: read_metrics(admin)("weir_tls_early_data_total",
                                                            outcome=outcome)
        weir.open = lambda: read_metrics(admin)("weir_client_connections")
        path = weir.arguments[weir.arguments.index("-c") + 1]

        def reload(old, new):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            assert old in text
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(old, new))
            seen = len(weir.log.splitlines())
            weir.signal(signal.SIGHUP)
            weir.wait_for_log("the configuration was loaded", start=seen)
        weir.reload = reload
        return weir
    return start


class Watching:
    """A behaviour that notes whether each request came before the test has let the handshake end."""

    def __init__(self):
        self.ends, self.came_before = threading.Event(), []

    def __call__(self, connection):
        while True:
            connection.read_request()
            self.came_before.append(not self.ends.is_set())
            connection.answer(body=b"hello")


# What goes first

@pytest.mark.parametrize("supervised", [False, True])
def test_a_request_is_answered_before_the_handshake_ends(start_early, early, earn, supervised):
    weir = start_early(supervised=supervised)
    client = early(weir, earn(weir))
    client.start(GET)
    assert client.read_response().status == 200
    assert client.withheld and client.hand.was_accepted
    assert weir.origin.requests[-1].value("Early-Data") == "1"
    client.finish(GET)
    assert client.read_response().status == 200
    assert not weir.origin.requests[-1].has("Early-Data")
    assert weir.outcomes("accepted") == 1


def test_requests_may_follow_each_other(start_early, early, earn):
    weir = start_early()
    client = early(weir, earn(weir))
    client.start(GET + request_bytes("HEAD", "/2") + request_bytes("OPTIONS", "/3"))
    assert client.read_response().status == 200
    assert client.read_response("HEAD").status == 200
    assert client.read_response().status == 200
    assert client.withheld
    assert [request.value("Early-Data") for request in weir.origin.requests[1:]] == ["1"] * 3
    client.finish(LAST)
    assert client.read_response().status == 200
    client.expect_end()
    assert client.hand.is_ended, "without close_notify"


def test_early_data_may_come_in_any_pieces(start_early, early, earn):
    weir = start_early()
    client = early(weir, earn(weir))
    flight = client.hand.early(request_bytes("GET", "/1"))
    flight += client.hand.early(request_bytes("GET", "/2"))
    client.send_pieces([flight[i:i + 3] for i in range(0, len(flight), 3)])
    assert [client.read_response().status for _ in range(2)] == [200, 200]
    rest = client.withheld + client.hand.sealed(LAST)
    client.send_pieces([rest[i:i + 1] for i in range(len(rest))])
    assert client.read_response().status == 200
    client.expect_end()
    assert len(weir.origin.requests) == 4 and client.hand.is_ended


def test_a_long_answer_goes_on_over_the_end_of_the_handshake(start_early, early, earn):
    body = bytes(range(256)) * 4096
    weir = start_early(lambda connection: [connection.read_request(),
                                           connection.answer(body=body)])
    client = early(weir, earn(weir))
    client.start(GET)
    head = client.read_response_head()
    assert head.status == 200
    first = client.read_exactly(len(body) // 2)
    client.finish()
    assert first + client.read_exactly(len(body) - len(first)) == body


def test_who_leaves_after_an_early_answer_gets_its_end(start_early, early, earn):
    """Weir closes, but the end of the handshake is still on its way."""
    weir = start_early()
    client = early(weir, earn(weir))
    client.start(LAST)
    assert client.read_response().status == 200
    client.finish()
    client.expect_end()
    assert client.hand.is_ended and not client.peer_reset


def test_a_ticket_is_good_for_many_connections(start_early, early, earn):
    weir = start_early()
    ticket = earn(weir)
    for _ in range(3):
        client = early(weir, ticket)
        client.start(GET)
        assert client.read_response().status == 200
    assert weir.outcomes("accepted") == 3


def test_a_ticket_stays_good_over_a_reload(start_early, early, earn):
    weir = start_early()
    ticket = earn(weir)
    weir.reload("sites:", "timeouts: {keep_alive: 20s}\nsites:")
    client = early(weir, ticket)
    flight = client.start(GET)
    assert client.read_response().status == 200
    assert client.hand.was_accepted
    replay = early(weir)
    replay.send(flight)
    poll_until(lambda: weir.outcomes("replayed") == 1, what="the recording to be refused")
    assert len(weir.origin.requests) == 2


def test_a_variable_tells_of_it(start_early, early, earn):
    weir = start_early(sites=on(a_site(rest="respond: {status: 200, body: $tls.early_data}")))
    client = early(weir, earn(weir))
    client.start(GET)
    assert client.read_response().body == b"yes"
    client.finish(GET)
    assert client.read_response().body == b"no"


# What waits

@pytest.mark.parametrize("request_", [
    request_bytes("POST", "/", body=b"x"), request_bytes("GET", "/", body=b"x"),
    request_bytes("DELETE"), request_bytes("PROPFIND"),
    request_bytes(fields=[("Connection", "upgrade"), ("Upgrade", "websocket"),
                          ("Sec-WebSocket-Version", "13"),
                          ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])],
    ids=["POST", "body", "DELETE", "unknown", "upgrade"])
def test_what_is_not_safe_waits_for_the_end_of_the_handshake(start_early, early, earn, request_):
    watching = Watching()
    weir = start_early(watching)
    client = early(weir, earn(weir))
    client.start(GET + request_)
    assert client.read_response().status == 200  # so what is behind it has come as well
    client.wait_until_read()
    watching.ends.set()
    client.finish()
    assert client.read_response().status == 200
    assert watching.came_before == [True, True, False]
    assert not weir.origin.requests[-1].has("Early-Data")


def test_a_site_without_it_lets_requests_of_others_wait(start_early, early, earn):
    """They come over the connection of a site that takes early data."""
    watching = Watching()
    weir = start_early(watching, sites=on(a_site(rest="proxy: {origin}"))
                       + a_site("other.example.com", rest="proxy: {origin}"))
    client = early(weir, earn(weir))
    client.start(GET + request_bytes(host="other.example.com"))
    assert client.read_response().status == 200
    client.wait_until_read()
    watching.ends.set()
    client.finish()
    assert client.read_response().status == 200
    assert watching.came_before == [True, True, False]


def test_a_handshake_that_never_ends_has_a_time(start_early, early, earn):
    weir = start_early()
    ticket = earn(weir)
    weir.reload("sites:", "timeouts: {tls_handshake: 200ms}\nsites:")
    for _ in range(20):
        client = early(weir, ticket)
        try:
            client.start(request_bytes("POST", body=b"x"))
            status = client.read_response().status
            break
        except (Ended, Cut, ConnectionError):
            pass  # the hello itself was late
    assert status == 408
    assert len(weir.origin.requests) == 1


def test_who_leaves_while_it_waits_is_forgotten(start_early, early, earn):
    weir = start_early()
    ticket = earn(weir)
    for end in (EarlyClient.end_sending, EarlyClient.reset):
        client = early(weir, ticket)
        client.start(request_bytes("POST", body=b"x"))
        client.shake()
        end(client)
    poll_until(lambda: weir.open() == 1, what="all but the first connection to be gone")
    assert len(weir.origin.requests) == 1


# Recordings

@pytest.mark.parametrize("threads", [1, 4])
def test_a_recording_is_not_carried_out_again(start_early, early, earn, connect, threads):
    weir = start_early(more=f"threads: {threads}")
    client = early(weir, earn(weir))
    flight = client.start(GET)
    assert client.read_response().status == 200
    copies = [connect(weir) for _ in range(8)]
    for copy in copies:
        copy.send(flight)
    for copy in copies:
        assert copy.read_some(), "the handshake goes on without early data"
        copy.end_sending()
        copy.read_to_end()
    assert len(weir.origin.requests) == 2
    assert weir.outcomes("replayed") == 8
    client.finish(GET)
    assert client.read_response().status == 200


def test_copies_that_come_at_once_are_carried_out_once(start_early, early, earn, connect):
    """Whichever comes first."""
    weir = start_early(more="threads: 4")
    hand = early(weir, earn(weir)).hand
    flight = hand.early(GET)
    copies = [connect(weir) for _ in range(8)]
    for copy in copies:
        copy.send(flight)
    for copy in copies:
        assert copy.read_some()
    poll_until(lambda: weir.outcomes("accepted") + weir.outcomes("replayed") == 8, what="all copies")
    weir.origin.wait_for_requests(2)
    for copy in copies:
        copy.end_sending()
        copy.read_to_end()
    assert weir.outcomes("accepted") == 1
    assert len(weir.origin.requests) == 2


def test_one_that_says_a_wrong_age_is_refused(start_early, early, earn):
    """As a recording does that somebody has kept."""
    weir = start_early()
    ticket = earn(weir)
    ticket.age(60)
    client = early(weir, ticket)
    client.start(GET)
    client.finish(request_bytes("GET", "/again"))
    assert client.read_response().status == 200
    assert not client.hand.was_accepted and client.hand.is_resumed
    assert weir.origin.requests[-1].target == "/again" and len(weir.origin.requests) == 2
    assert weir.outcomes("unfit") == 1


# What is not permitted

def expect_refusal(client, flight):
    """An alert, or what is left of one where the connection was closed while more was coming."""
    try:
        client.send(flight)
        rest = client.read_to_end()
    except (Refused, ConnectionError):
        rest = b""
    assert rest == b""


def test_without_the_setting_there_is_none(start_early, early, earn):
    weir = start_early(sites=a_site(rest="proxy: {origin}"))
    ticket = earn(weir)
    assert ticket.most_early == 0
    ticket.permit(16384)  # as a client does that does not care
    client = early(weir, ticket)
    client.start(GET)
    client.finish(request_bytes("GET", "/again"))
    assert client.read_response().status == 200
    assert not client.hand.was_accepted
    assert [request.target for request in weir.origin.requests] == ["/", "/again"]


def test_who_shows_a_certificate_has_none(start_early, early, earn, authority):
    weir = start_early(sites=on(a_site(rest="respond: 200")).replace(
        "tls: {", f"tls: {{client: {{verify: optional, ca: {authority.file}}}, "))
    assert earn(weir).most_early == 0


def test_a_site_may_take_none_any_more(start_early, early, earn):
    weir = start_early()
    ticket = earn(weir)
    weir.reload("early_data: on", "early_data: off")
    client = early(weir, ticket)
    client.start(GET)
    client.finish(request_bytes("GET", "/again"))
    assert client.read_response().status == 200
    assert not client.hand.was_accepted
    assert weir.origin.requests[-1].target == "/again" and len(weir.origin.requests) == 2


def test_a_ticket_of_another_protocol_is_refused(start_early, early, earn):
    weir = start_early()
    ticket = earn(weir)
    ticket.speak(b"h2")
    client = early(weir, ticket, h2=True)
    client.start(GET)
    client.shake()
    assert not client.hand.was_accepted
    poll_until(lambda: weir.outcomes("unfit") == 1, what="the refusal to be counted")


def test_there_may_not_be_more_than_one_record_holds(start_early, early, earn):
    weir = start_early()
    ticket = earn(weir)
    assert ticket.most_early == 16384
    ticket.permit(100000)
    client = early(weir, ticket)
    flight = client.hand.early(request_bytes("POST", body=b"x" * 16000))
    for _ in range(3):
        flight += client.hand.early(b"x" * 16000)
    expect_refusal(client, flight)
    poll_until(lambda: weir.open() == 1, what="the connection to be gone")
    assert len(weir.origin.requests) == 1


@pytest.mark.parametrize("part", [0.2, 0.9, 0.97])
def test_a_flight_that_is_cut_does_no_harm(start_early, early, earn, part):
    weir = start_early()
    client = early(weir, earn(weir))
    flight = client.hand.early(request_bytes("GET", "/" + "a" * 400))
    client.send(flight[:int(len(flight) * part)])
    client.end_sending()
    client.read_to_end()
    assert len(weir.origin.requests) == 1


@pytest.mark.parametrize("at", [-1, -200])
def test_wrong_bytes_end_the_connection(start_early, early, earn, at):
    weir = start_early()
    client = early(weir, earn(weir))
    flight = bytearray(client.hand.early(request_bytes("GET", "/" + "a" * 400)))
    flight[at] ^= 1
    expect_refusal(client, bytes(flight))
    assert len(weir.origin.requests) == 1


# Too early for a server

def picky(connection):
    while True:
        request = connection.read_request()
        connection.send(response_bytes(425 if request.has("Early-Data") else 200))


def test_a_server_that_finds_it_too_early_is_asked_again(start_early, early, earn):
    weir = start_early(picky)
    client = early(weir, earn(weir))
    client.start(GET)
    weir.origin.wait_for_requests(2)
    client.finish()
    assert client.read_response().status == 200
    early_data = [request.value("Early-Data") for request in weir.origin.requests]
    assert early_data == [None, "1", None]


def test_a_client_that_tells_of_it_gets_to_hear_425(start_early, early, earn):
    """RFC 8470 5.2: it may be a proxy, which has to repeat the request itself."""
    weir = start_early(picky)
    client = early(weir, earn(weir))
    request = request_bytes(fields=[("Early-Data", "1")])
    client.start(request)
    assert client.read_response().status == 425
    client.finish(request)
    assert client.read_response().status == 425
    early_data = [request.value("Early-Data") for request in weir.origin.requests]
    assert early_data == [None, "1", "1"]


# HTTP/2

def test_streams_go_first_or_wait_each_for_itself(start_early, early):
    watching = Watching()
    weir = start_early(watching)
    client = EarlyH2Client(early(weir, earn_h2(early, weir), h2=True))
    waiting = client.send_request("POST", scheme="https")
    first = client.send_request(scheme="https")
    also_waiting = client.send_request("DELETE", scheme="https")
    client.start()
    assert client.read_response(first).status == 200
    assert watching.came_before == [True, True]
    watching.ends.set()
    client.finish()
    assert client.read_response(waiting).status == 200
    assert client.read_response(also_waiting).status == 200
    assert watching.came_before == [True, True, False, False]
    assert [request.method for request in weir.origin.requests[:2]] == ["GET", "GET"]
    assert [request.has("Early-Data") for request in weir.origin.requests] == [False, True] + \
        [False] * 2


def test_a_stream_that_is_too_early_is_asked_again(start_early, early):
    weir = start_early(picky)
    client = EarlyH2Client(early(weir, earn_h2(early, weir), h2=True))
    stream = client.send_request(scheme="https")
    client.start()
    weir.origin.wait_for_requests(2)
    client.finish()
    assert client.read_response(stream).status == 200
    assert [request.has("Early-Data") for request in weir.origin.requests] == [False, True, False]


def earn_h2(early, weir):
    client = EarlyH2Client(early(weir, h2=True))
    client.client.start()
    client.finish()
    stream = client.send_request(scheme="https")
    client.finish()
    assert client.read_response(stream).status == 200
    return client.client.hand.ticket()
