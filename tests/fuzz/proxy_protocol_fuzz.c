/* Bytes as a header of the PROXY protocol: more bytes never change what was read, and what is
 * written of it is read as the same. */
#include "base/assert.h"
#include "wire/proxy_protocol.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_ip(const struct ip *ip)
{
    return ip->kind == ADDRESS_IPV4 || ip->kind == ADDRESS_IPV6;
}

static void check_written(const struct proxy_header *header, unsigned version)
{
    char memory[PROXY_HEADER_WRITTEN_MAX];
    struct text text = text_over(memory, sizeof(memory));
    struct proxy_header again;
    size_t length = 0;
    proxy_header_write(&text, version, header);
    ASSERT(!text_is_cut(&text));
    ASSERT(proxy_header_read(text_slice(&text), &again, &length) == PROXY_HEADER_COMPLETE);
    ASSERT(length == text.length);
    ASSERT(is_ip(&header->source) == is_ip(&again.source));
    if (!is_ip(&header->source))
        return;
    ASSERT(ip_equal(&header->source, &again.source));
    ASSERT(ip_equal(&header->destination, &again.destination));
    ASSERT(header->source_port == again.source_port);
    ASSERT(header->destination_port == again.destination_port);
}

/* What the beginnings say agrees with what the whole says. */
static void check_beginnings(struct slice bytes, enum proxy_header_event whole, size_t whole_length)
{
    struct proxy_header header;
    for (size_t i = 0; i < bytes.length; i++) {
        size_t length = 0;
        enum proxy_header_event event = proxy_header_read(slice_until(bytes, i), &header, &length);
        if (event == PROXY_HEADER_MORE)
            continue;
        ASSERT(event == whole && (event == PROXY_HEADER_BAD || length == whole_length));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header header;
    size_t length = 0;
    char *exact = malloc(size ? size : 1); /* so that a byte too far is seen */
    ASSERT(exact);
    if (size)
        memcpy(exact, data, size);
    struct slice bytes = slice_of(exact, size);
    enum proxy_header_event event = proxy_header_read(bytes, &header, &length);
    ASSERT(event != PROXY_HEADER_COMPLETE || (length > 0 && length <= size));
    check_beginnings(bytes, event, length);
    if (event == PROXY_HEADER_COMPLETE) {
        check_written(&header, 1);
        check_written(&header, 2);
    }
    free(exact);
    return 0;
}
