/* Bytes in DER (X.690 10), item by item: tag, length, content. Pure; any thread. */
#pragma once

#include "base/slice.h"

/* Tags, of one byte each. */
enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OBJECT = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_CONTEXT = 0x80,     /* and the number, for what a choice or an optional part is known by */
    DER_CONSTRUCTED = 0x20, /* and that, where it has parts */
};

struct der_item {
    uint8_t tag;
    struct slice content, whole;
};

/* Takes the next item off `*rest`. False: there is none, or it is no DER. */
bool tls_der_next(struct slice *rest, struct der_item *ret_item);

/* The same, where it must have that tag; `*rest` stays as it is where it has another one. Both may
 * be one, to go inside. */
bool tls_der_take(struct slice *rest, uint8_t tag, struct slice *ret_content);
