/* The Huffman code of HPACK (RFC 7541 5.2, appendix B). Pure. */
#pragma once

#include "base/slice.h"

/* Bytes that `length` packed ones can unpack to: no code is shorter than five bits. */
static inline size_t hpack_huffman_bound(size_t length)
{
    return length * 8 / 5;
}

/* Unpacks to `to`, which has room for as many bytes as can come of it. False: it is not in that
 * code, or is padded otherwise than the RFC says. */
bool hpack_huffman_unpack(struct slice packed, char *to, size_t *ret_length);

/* Bytes that it takes packed. */
size_t hpack_huffman_length(struct slice text);

/* Packs to `to`, which has room for hpack_huffman_length(text) bytes. */
void hpack_huffman_pack(struct slice text, char *to);
