/* Bytes as a message of a name server: taken as addresses of either kind, as SRV records, or
 * refused. What is taken is limited and in order, whatever was sent. The first byte says how it is
 * read. */
#include "base/assert.h"
#include "sys/dns_answer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_records(const struct dns_answer *answer)
{
    ASSERT(answer->count <= DNS_RECORDS_MAX);
    for (uint32_t i = 1; i < answer->count; i++) {
        const struct dns_record *a = &answer->records[i - 1], *b = &answer->records[i];
        ASSERT(memcmp(a->ip.bytes, b->ip.bytes, sizeof(a->ip.bytes)) < 0);
    }
}

static void check_services(const struct dns_services *services)
{
    ASSERT(services->count <= DNS_SERVICES_MAX);
    for (uint32_t i = 0; i < services->count; i++) {
        const struct dns_service *service = &services->items[i];
        ASSERT(service->port > 0 && service->target[0] && service->target[DNS_TARGET_MAX] == 0);
        ASSERT(i == 0 || services->items[i - 1].priority <= service->priority);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dns_answer answer;
    static struct dns_services services;
    if (size == 0 || size > UINT16_MAX)
        return 0;
    unsigned char *exact = malloc(size); /* so that a byte too far is seen */
    ASSERT(exact);
    memcpy(exact, data, size);
    struct dns_record like = {.port = 80};
    dns_answer_init(&answer);
    services.count = services.left_out = 0;
    like.ip.kind = exact[0] == '4' ? ADDRESS_IPV4 : ADDRESS_IPV6;
    if (exact[0] == 's')
        (void)dns_services_take(&services, &answer, exact + 1, size - 1);
    else
        (void)dns_answer_take(&answer, exact + 1, size - 1, &like);
    check_records(&answer);
    check_services(&services);
    free(exact);
    return 0;
}
