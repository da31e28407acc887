"""Client and server of the websockets library, which speak HTTP/1.1."""

import asyncio
import contextlib
import threading

import websockets

from harness.deadline import PATIENCE


async def ask_websocket(url, messages):
    async with websockets.connect(url, open_timeout=PATIENCE, max_size=None) as socket:
        answers = []
        for message in messages:
            await socket.send(message)
            answers.append(await asyncio.wait_for(socket.recv(), PATIENCE))
        return answers


@contextlib.contextmanager
def websocket_echo_on(port):
    """An echo server in a thread."""
    loop = asyncio.new_event_loop()

    async def handle(socket, *_):
        async for message in socket:
            await socket.send(message)

    async def serve():
        return await websockets.serve(handle, "127.0.0.1", port, max_size=None)

    server = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        async def stop():
            server.close()
            await server.wait_closed()

        asyncio.run_coroutine_threadsafe(stop(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
