/* What a proxy has to know of gRPC, which is HTTP/2 with a status of its own in the trailers
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). A client of it takes an answer
 * that has no such status for UNKNOWN, whatever its HTTP status says, so our own answers have one.
 * Pure, any thread. */
#pragma once

#include "http/message.h"

enum grpc_code {
    GRPC_OK = 0,
    GRPC_UNKNOWN = 2,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
    GRPC_CODE_COUNT = 17, /* 0 to 16 */
    GRPC_NO_CODE = GRPC_CODE_COUNT,
};

/* For grpc_is_asked. */
bool grpc_has_type(const struct request_head *request);

/* Whether the request is one of gRPC: its Content-Type is application/grpc, alone or with a
 * `+format` or parameters. gRPC-Web is another protocol, and none of it. */
static inline bool grpc_is_asked(const struct request_head *request)
{
    return request->fields.present & FIELD_BIT(FIELD_CONTENT_TYPE) && grpc_has_type(request);
}

/* What an HTTP status from 400 on means
 * (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md). */
enum grpc_code grpc_code_for(unsigned status);

/* The code in a field grpc-status; GRPC_NO_CODE: it is none. */
unsigned grpc_code_read(struct slice value);

/* A value for grpc-message: white space around the text falls away, and so does what is beyond its
 * first KiB; bytes that may not stand there are written as `%XX`. Data is NULL: no memory. */
struct slice grpc_message(struct slice text, struct arena *arena);
