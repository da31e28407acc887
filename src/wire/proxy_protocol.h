/* The PROXY protocol, versions 1 and 2: what a balancer that passes bytes on tells about its client
 * before the first of them (HAProxy's proxy-protocol.txt of 2020). Pure. */
#pragma once

#include "base/address.h"

enum {
    /* Bytes of a header that is accepted: version 2 with extensions, of which nothing is taken. */
    PROXY_HEADER_MAX = 16 + 4096,
    PROXY_HEADER_WRITTEN_MAX = 108,
};

/* Both ends of the client's connection to whoever wrote the header. */
struct proxy_header {
    struct ip source,
        destination; /* ADDRESS_NONE: not told, as for a check of the balancer's own */
    uint16_t source_port, destination_port;
};

enum proxy_header_event {
    PROXY_HEADER_MORE,     /* so far it may become one */
    PROXY_HEADER_COMPLETE, /* `*ret_length` bytes are it; what follows is the client's */
    PROXY_HEADER_BAD,      /* it is none, or is malformed or too long */
};

/* Reads the header at the beginning of `bytes`. Nothing is guessed: what is not a header of one of
 * the two versions, byte for byte, is bad. */
enum proxy_header_event proxy_header_read(struct slice bytes, struct proxy_header *ret_header,
                                          size_t *ret_length);

/* Writes one of that version (1 or 2): unknown where the source is not told; a destination that is
 * not told is the address without a bit; where one end is IPv6, both are written so. Takes at most
 * PROXY_HEADER_WRITTEN_MAX bytes. */
void proxy_header_write(struct text *text, unsigned version, const struct proxy_header *header);
