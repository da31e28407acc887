"""A real client and a real server of gRPC (python3-grpcio), over TLS or not, without protobuf:
messages are bytes.

    with GrpcServer(ports.take()) as server, GrpcClient(weir.address) as client:
        assert client.unary("Echo", b"hello") == b"hello"

The methods of the server are those below."""

import contextlib
import threading
from concurrent import futures

import grpc

from harness.deadline import PATIENCE

SERVICE = "weir.test.Service"
SERVING, NOT_SERVING = 1, 2  # grpc.health.v1.HealthCheckResponse.ServingStatus


class GrpcServer(contextlib.AbstractContextManager):
    """Listens on 127.0.0.1:`port`; `requests` are the metadata of each call, as dicts. Over TLS
    where there are `credentials`."""

    def __init__(self, port, credentials=None):
        self.requests = []
        self.left = threading.Event()     # the client of a Wait has gone
        self.waiting = threading.Event()  # a Wait has begun
        self.ends = threading.Event()     # a Cancel may break off
        self.time_remaining = None        # seconds of the last call's deadline
        self.url = f"{'h2' if credentials else 'h2c'}://127.0.0.1:{port}"
        self.server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {
            "Echo": grpc.unary_unary_rpc_method_handler(self._echo),
            "Count": grpc.unary_stream_rpc_method_handler(self._count),
            "Join": grpc.stream_unary_rpc_method_handler(self._join),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Wait": grpc.unary_unary_rpc_method_handler(self._wait),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
            "Cancel": grpc.unary_stream_rpc_method_handler(self._cancel),
        })])
        self.health = {b"": SERVING, SERVICE.encode(): SERVING}  # of each service
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(self._check)})])
        assert self._listen(f"127.0.0.1:{port}", credentials) == port
        self.server.start()

    def _listen(self, address, credentials):
        if credentials:
            return self.server.add_secure_port(address, credentials)
        return self.server.add_insecure_port(address)

    def _note(self, context):
        self.requests.append(dict(context.invocation_metadata()))
        self.time_remaining = context.time_remaining()

    def _echo(self, message, context):
        self._note(context)
        context.send_initial_metadata([("x-head", "first")])
        context.set_trailing_metadata([("x-sum", "6"), ("x-bytes-bin", b"\0\xff")])
        return message

    def _count(self, message, context):
        self._note(context)
        for number in range(int(message)):
            yield b"%d" % number

    def _join(self, messages, context):
        self._note(context)
        return b"".join(messages)

    def _chat(self, messages, context):
        self._note(context)
        for message in messages:
            yield message.upper()

    def _fail(self, message, context):
        self._note(context)
        context.abort(grpc.StatusCode.NOT_FOUND, message.decode())

    def _wait(self, message, context):
        self._note(context)
        context.add_callback(self.left.set)
        self.waiting.set()
        self.left.wait(PATIENCE)
        return message

    def _watch(self, message, context):
        """One message, and then nothing until the client has gone."""
        yield message
        self._wait(message, context)

    def _cancel(self, message, context):
        """One message, and then the server breaks off."""
        self._note(context)
        yield message
        self.ends.wait(PATIENCE)
        context.cancel()

    def _check(self, message, context):
        """The health service; a message is one field, number 1: the name of a service."""
        assert not message or (message[0] == 0x0a and message[1] == len(message) - 2)
        status = self.health.get(message[2:])
        if status is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return bytes([0x08, status])

    def __exit__(self, *_):
        self.server.stop(0).wait(PATIENCE)


class GrpcClient(contextlib.AbstractContextManager):
    """Of whoever listens at the address; `credentials` for TLS, `host` is its name there."""

    def __init__(self, address, credentials=None, host="example.com"):
        target, options = "%s:%d" % address, [("grpc.enable_retries", 0)]
        if credentials:
            options.append(("grpc.ssl_target_name_override", host))
            self.channel = grpc.secure_channel(target, credentials, options)
        else:
            options.append(("grpc.default_authority", host))
            self.channel = grpc.insecure_channel(target, options)

    def method(self, kind, name):
        """`kind`: unary_unary and so on. What it gives is called with a message or an iterator."""
        call = getattr(self.channel, kind)(f"/{SERVICE}/{name}")
        return lambda request, timeout=6 * PATIENCE, **parts: call(
            request, timeout=timeout, **parts)

    def unary(self, name, message, **parts):
        return self.method("unary_unary", name)(message, **parts)

    def error(self, name, message=b"", **parts):
        """The code and the words with which a unary call fails."""
        try:
            answer = self.unary(name, message, **parts)
        except grpc.RpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"it was answered: {answer!r}")

    def __exit__(self, *_):
        self.channel.close()
