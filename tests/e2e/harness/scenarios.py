"""What happens to Weir under load, in any size: the tests of every day play it small
(test_under_load.py), the long ones large (test_soak.py)."""

import asyncio
import itertools
from collections import Counter

from harness import http1
from harness.client import request_bytes
from harness.crowd import SECONDS_MAX, Crowd, Visitor, finish, start
from harness.process import cpu_seconds, descriptors, limit_descriptors, pss_kib

OPENED_AT_ONCE = 50


async def in_turns(coroutines, at_once=OPENED_AT_ONCE):
    """The results of all of them, so many at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(coroutine):
        async with gate:
            return await coroutine
    return await asyncio.gather(*map(one, coroutines))


async def until(condition, what):
    """Waits for what has no event of its own, as a figure in /proc."""
    for _ in range(SECONDS_MAX * 20):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"waited {SECONDS_MAX} s in vain: {what()}")


def sources(count):
    """Addresses of loopback in turn, for more connections than one address has ports."""
    return itertools.cycle(f"127.0.0.{number + 1}" for number in range(count))


class Measures:
    """What Weir has of memory and descriptors, beside what it had at first."""

    def __init__(self, weir):
        self.pid = weir.process.pid
        self.pss_first = self.pss_peak = pss_kib(self.pid)
        self.descriptors_first = self.descriptors_peak = descriptors(self.pid)

    def look(self):
        self.pss_peak = max(self.pss_peak, pss_kib(self.pid))
        self.descriptors_peak = max(self.descriptors_peak, descriptors(self.pid))

    async def watch(self):
        while True:
            self.look()
            await asyncio.sleep(0.2)

    async def until_left(self, kept=0):
        """Waits until no descriptor is left but what was there at first, and `kept` idle
        connections to servers at most."""
        await until(lambda: descriptors(self.pid) <= self.descriptors_first + kept,
                    lambda: f"{descriptors(self.pid)} descriptors, {self.descriptors_first} first")

    def tell(self):
        return (f"PSS {self.pss_first} KiB at first, {self.pss_peak} at most, {pss_kib(self.pid)} "
                f"now; descriptors {self.descriptors_first}, {self.descriptors_peak}, "
                f"{descriptors(self.pid)}")


async def enter_and_idle(weir, source):
    """A connection that was used once."""
    visitor = await Visitor.open(weir.address, source)
    response = await visitor.ask("GET", "/idle?size=10")
    assert response.status == 200, response
    return visitor


async def ask_again(visitor):
    response = await visitor.ask("GET", "/idle?size=10")
    assert (response.status, response.body) == (200, b"/idle?size")
    visitor.close()


async def crowd(weir, idle, active, slow, seconds):
    """Idle connections, active ones, and `slow` readers and as many slow writers among them. All
    get their answers, the idle ones still at the end. Returns the Measures."""
    crowd, measures = Crowd(weir.address), Measures(weir)
    source = sources(8)
    idlers = await in_turns([enter_and_idle(weir, next(source)) for _ in range(idle)])
    watch = start(measures.watch())
    pieces = max(3, int(seconds / 0.6))
    busy = start(*[crowd.ask_often(source=next(source), pause=0.01)
                   for _ in range(active - 2 * slow)],
                 *[crowd.read_slowly(size=4096 * pieces, source=next(source)) for _ in range(slow)],
                 *[crowd.write_slowly(pieces=pieces, source=next(source)) for _ in range(slow)])
    await asyncio.sleep(seconds)
    await crowd.wait_for(active)
    crowd.stopping.set()
    await finish(busy)
    measures.look()
    await in_turns([ask_again(each) for each in idlers])
    watch[0].cancel()
    crowd.check()
    await measures.until_left(kept=2 * max(active, OPENED_AT_ONCE))
    print(f"{idle} idle, {active} active: {crowd.answers}; {measures.tell()}")
    return measures


async def failing_servers(weir, origins, failures, clients, tunnels, seconds):
    """`failures` is played over and over, each for a moment with each server in turn, while clients
    ask; tunnels through the site `tunnel.example` survive it all."""
    crowd = Crowd(weir.address)
    busy = start(*[crowd.ask_often("size=2000&chunked") for _ in range(clients)],
                 *[crowd.ask_often("size=100000&pieces=3") for _ in range(clients // 8)],
                 *[crowd.ask_often("size=100000&cut", pause=0.05) for _ in range(clients // 8)],
                 *[crowd.tunnel("tunnel.example") for _ in range(tunnels)])
    await crowd.wait_for(clients)
    end = asyncio.get_running_loop().time() + seconds
    for origin, failure in itertools.cycle(itertools.product(origins, failures)):
        await failure(origin)
        await crowd.wait_for(clients)
        if asyncio.get_running_loop().time() > end:
            break
    crowd.stopping.set()
    await finish(busy)
    print(f"failing servers: {crowd.answers}")
    crowd.check("echo", "cut", 502, 503, 504)
    assert tunnels == 0 or crowd.answers["echo"] >= tunnels
    return crowd


async def killed(origin, seconds=0.5):
    origin.kill()
    await asyncio.sleep(seconds)
    await asyncio.to_thread(origin.start)


async def frozen(origin, seconds=1.5):
    origin.freeze()
    await asyncio.sleep(seconds)
    origin.thaw()


async def drip_head(weir, crowd, pause):
    """A head that comes byte by byte, again and again. It must be cut with 408."""
    while not crowd.stopping.is_set():
        await _drip(weir, crowd, b"GET / HTTP/1.1\r\nHost: example.com\r\n", b"X-A: b\r\n", pause)


async def drip_body(weir, crowd, pause):
    """A body that comes byte by byte, again and again, beyond what the exchange may take."""
    while not crowd.stopping.is_set():
        await _drip(weir, crowd, b"POST / HTTP/1.1\r\nHost: example.com\r\n"
                                 b"Content-Length: 1000000\r\n\r\n", b"x" * 10, pause)


async def _drip(weir, crowd, first, more, pause):
    visitor = await Visitor.open(weir.address)
    answer = asyncio.create_task(visitor.read_response())
    try:
        await visitor.send(first)
        for byte in itertools.cycle(more):
            await asyncio.wait([answer], timeout=pause)
            if answer.done() or crowd.stopping.is_set():
                break
            await visitor.send(bytes([byte]))
    except ConnectionError:
        pass  # cut; what it was told was read
    await _note_refusal(visitor, answer, crowd)


async def _note_refusal(visitor, answer, crowd):
    if crowd.stopping.is_set() and not answer.done():
        answer.cancel()
    try:
        crowd.answers[(await answer).status] += 1
    except http1.Ended:
        crowd.answers["closed"] += 1
    except asyncio.CancelledError:
        pass
    except (AssertionError, OSError) as failure:
        crowd.wrong.append(f"refusal: {type(failure).__name__} {failure}")
    visitor.close()


async def attack(weir, attackers, ordinary=20, wanted=None, seconds=0):
    """Ordinary clients go on, each answer right, while the attackers (functions of weir and crowd)
    do what they do. Goes on until one was told each of the `wanted` (statuses), and for so many
    seconds at least. Returns what was told to the attackers."""
    measures, crowd, victims = Measures(weir), Crowd(weir.address), Crowd(weir.address)
    hostile = start(*[attacker(weir, crowd) for attacker in attackers])
    friendly = start(*[victims.ask_often(pause=0.002) for _ in range(ordinary)])
    watch = start(measures.watch())
    await asyncio.sleep(seconds)
    for status in wanted or ():
        await crowd.wait_for(1, status)
    await victims.wait_for(ordinary * 10)
    crowd.stopping.set()
    await finish(hostile)
    victims.stopping.set()
    await finish(friendly)
    watch[0].cancel()
    victims.check()
    assert not crowd.wrong, f"{len(crowd.wrong)} wrong: {crowd.wrong[:5]}"
    await measures.until_left(kept=ordinary + len(attackers))
    print(f"attack: {crowd.answers}, ordinary: {victims.answers}; {measures.tell()}")
    return crowd.answers


async def ask_too_much(weir, crowd, request):
    """The same refused request over and over, each over a connection of its own."""
    while not crowd.stopping.is_set():
        visitor = await Visitor.open(weir.address)
        answer = asyncio.create_task(visitor.read_response())
        try:
            await visitor.send(request)
        except ConnectionError:
            pass
        await asyncio.wait([answer])
        await _note_refusal(visitor, answer, crowd)


async def connect_and_reset(weir, crowd):
    """Goes with a reset wherever one can be in an exchange."""
    request = request_bytes("GET", "/reset?size=300000&pieces=3")
    for turn in itertools.count():
        if crowd.stopping.is_set():
            return
        visitor = await Visitor.open(weir.address)
        if turn % 4 > 0:
            await visitor.send(request[:len(request) // 2] if turn % 4 == 1 else request)
        if turn % 4 == 3:
            try:
                await visitor.reader.readexactly(1000)
            except (asyncio.IncompleteReadError, ConnectionError) as failure:
                crowd.wrong.append(f"before the reset: {failure!r}")
        visitor.reset()
        crowd.answers["reset"] += 1


async def exhaust_descriptors(weir, room, seconds):
    """More clients come than the process may have descriptors. Those that are connected are served,
    with the idle connections to servers that there are; the others when room is made. Returns the
    seconds of CPU that the wait cost."""
    pid, first = weir.process.pid, descriptors(weir.process.pid)
    regulars = [await Visitor.open(weir.address) for _ in range(4)]
    for response in await asyncio.gather(*[each.ask("GET", "/?size=10") for each in regulars]):
        assert response.status == 200
    limit = limit_descriptors(pid, first + room)
    crowd = [await Visitor.open(weir.address) for _ in range(2 * room)]
    leaving = asyncio.Event()
    answers = start(*[_ask_and_stay(each, leaving) for each in crowd])
    await until(lambda: descriptors(pid) >= first + room, lambda: "all descriptors taken")
    used = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    used = cpu_seconds(pid) - used
    for each in regulars:
        response = await each.ask("GET", "/?size=10")
        assert response.status == 200, f"{response} to one who is connected"
    leaving.set()
    told = await asyncio.gather(*answers)
    assert set(told) <= {200, 502, 503}, told
    assert told.count(200) > room / 2, told
    for each in regulars:
        each.close()
    await until(lambda: descriptors(pid) <= first + room / 2, lambda: f"{descriptors(pid)} left")
    print(f"out of descriptors: {Counter(told)}, {used} s of CPU in {seconds} s")
    limit_descriptors(pid, limit)
    return used


async def _ask_and_stay(visitor, leaving):
    """Takes up a descriptor until everybody is leaving, or until it was served then."""
    status = (await visitor.ask("GET", "/?size=10")).status
    await leaving.wait()
    visitor.close()
    return status
