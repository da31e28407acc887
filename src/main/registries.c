#include "main/registries.h"

#include "control/log_writer.h"
#include "main/vocabulary.h"
#include "obs/log.h"
#include "tls/tls_context.h"
#include "tls/tls_maker.h"

#include <stdio.h>

bool registries_init(struct registries *registries, struct sys_opener *opener)
{
    struct server_registry *servers = server_registry_new();
    struct log_writer *log_writer = log_writer_new(opener);
    struct tls_entrance *tls = tls_entrance_new();
    struct tls_maker *certificates = tls_maker_new(true);
    *registries = (struct registries){
        .live = {.servers = servers,
                 .stages = stages,
                 .stage_count = stage_count,
                 .tls = tls,
                 .certificates = certificates,
                 .is_lenient = true},
        .log_writer = log_writer,
    };
    if (servers && log_writer && tls && certificates) {
        registries->live.logs = log_writer_sinks(log_writer);
        return true;
    }
    (void)fputs("weir: the system refuses memory or threads\n", stderr);
    registries_fini(registries);
    return false;
}

void registries_fini(struct registries *registries)
{
    if (registries->live.servers)
        server_registry_free(registries->live.servers);
    tls_entrance_free(registries->live.tls);
    tls_maker_free(registries->live.certificates);
    log_stop();
    log_writer_free(registries->log_writer);
    *registries = (struct registries){0};
}
