#include "main/vocabulary.h"

#include "control/admin_settings.h"
#include "control/error_log.h"
#include "exchange/error_pages.h"
#include "exchange/hedge.h"
#include "exchange/log_settings.h"
#include "exchange/mirror.h"
#include "exchange/plan.h"
#include "exchange/request_id.h"
#include "exchange/reveal.h"
#include "exchange/variables.h"
#include "main/privileges.h"
#include "main/request_tests.h"
#include "policy/retry.h"
#include "stage/headers.h"
#include "stage/hsts.h"
#include "stage/rewrite.h"
#include "tls/tls_server_settings.h"
#include "tls/tls_settings.h"
#include "upstream/breaker.h"
#include "upstream/ejection.h"
#include "upstream/health_settings.h"
#include "upstream/queue.h"
#include "upstream/resolver_settings.h"
#include "upstream/sticky.h"

/* ---- process */

static bool read_threads(struct setting_reader *reader, const struct node *node, void *field)
{
    enum { THREADS_MAX = 256 };
    uint64_t threads = 0;
    if (node->kind == NODE_SCALAR && slice_equal(node->text, SLICE("auto"))) {
        *(int64_t *)field = 0;
        return true;
    }
    if (node->kind == NODE_SCALAR && slice_to_number(node->text, THREADS_MAX, &threads) &&
        threads > 0) {
        *(int64_t *)field = (int64_t)threads;
        return true;
    }
    diagnostics_error(reader->diagnostics, node->position, "write a number from 1 to 256, or auto",
                      "this is no number of threads");
    return false;
}

static const struct setting process_settings[] = {
    {.name = "threads",
     .type = SETTING_CUSTOM,
     .offset = offsetof(struct process_settings, threads),
     .size = sizeof(int64_t),
     .read = read_threads,
     .standard = "auto",
     .form = "auto | 1..256",
     .scopes = SCOPE_TOP,
     .summary = "How many threads serve; auto is one per CPU.",
     .example = "auto"},
};

const struct setting_group process_group = {
    .name = "",
    .settings = process_settings,
    .count = sizeof(process_settings) / sizeof(process_settings[0]),
    .size = sizeof(struct process_settings),
    .summary = "The process.",
};

/* ---- the tables */

static const struct setting_group *const groups[] = {
    &process_group,    &listener_group, &proxies_group,       &timeouts_group,    &limits_group,
    &upstream_group,   &ejection_group, &site_group,          &route_group,       &action_group,
    &rewrite_group,    &headers_group,  &log_group,           &error_pages_group, &reveal_group,
    &request_id_group, &admin_group,    &request_tests_group, &privileges_group,  &tls_group,
    &plain_http_group, &hsts_group,     &tls_server_group,    &sticky_group,      &retry_group,
    &health_group,     &variants_group, &queue_group,         &breaker_group,     &mirror_group,
    &hedge_group,      &resolver_group,
};

const struct vocabulary vocabulary = {
    .groups = groups,
    .group_count = sizeof(groups) / sizeof(groups[0]),
    .variables = &exchange_variables,
};

const struct snapshot_part *const snapshot_parts[] = {&upstream_part, &route_part, &plan_part,
                                                      &error_log_part};
const size_t snapshot_part_count = sizeof(snapshot_parts) / sizeof(snapshot_parts[0]);

const struct stage *const stages[] = {&rewrite_stage, &hsts_stage, &headers_stage};
const uint32_t stage_count = sizeof(stages) / sizeof(stages[0]);
