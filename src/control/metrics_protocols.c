/* What loops count of HTTP/2 and TLS with clients, and the certificates. */
#include "base/map.h"
#include "control/metrics_page_int.h"
#include "exchange/plan.h"
#include "tls/tls_staple.h"

#include <inttypes.h>

/* ---- HTTP/2 */

void metrics_print_h2(FILE *file, const struct metrics_sources *sources)
{
    metric_single(file, "weir_h2_connections_total", METRIC_COUNTER,
                  "Connections of clients that spoke HTTP/2.", METRICS_SUM(h2_connections));
    metric_single(file, "weir_h2_floods_total", METRIC_COUNTER,
                  "Connections of HTTP/2 that were closed because of a flood.",
                  METRICS_SUM(h2_floods));
    metric_single(file, "weir_h2_malformed_requests_total", METRIC_COUNTER,
                  "Requests of HTTP/2 that were malformed and therefore reset.",
                  METRICS_SUM(h2_malformed));
}

/* ---- TLS */

static void print_handshakes(FILE *file, const struct metrics_sources *sources)
{
    uint64_t resumed = METRICS_SUM(tls_resumed), all = METRICS_SUM(tls_handshakes);
    metric_begin(file, "weir_tls_handshakes_total", METRIC_COUNTER,
                 "Handshakes of TLS with clients that succeeded, anew or resumed by a ticket.");
    (void)fprintf(file,
                  "weir_tls_handshakes_total{kind=\"full\"} %" PRIu64
                  "\nweir_tls_handshakes_total{kind=\"resumed\"} %" PRIu64 "\n",
                  all - resumed, resumed);
}

/* The number `index` of the counters at that offset, by its name in capitals. */
static void print_named(FILE *file, const struct metrics_sources *sources, const char *prefix,
                        const char *name, size_t offset, unsigned index)
{
    (void)fputs(prefix, file);
    for (const char *at = name; *at; at++)
        (void)fputc(ascii_lower(*at), file);
    (void)fprintf(file, "\"} %" PRIu64 "\n",
                  metrics_sum(sources, offset + index * sizeof(struct counter)));
}

static void print_failures(FILE *file, const struct metrics_sources *sources)
{
    metric_begin(file, "weir_tls_failures_total", METRIC_COUNTER,
                 "Handshakes that failed, by cause.");
    for (unsigned i = TLS_FAILURE_NONE + 1; i < TLS_FAILURE_COUNT; i++)
        print_named(file, sources, "weir_tls_failures_total{cause=\"",
                    tls_failure_name((enum tls_failure)i),
                    offsetof(struct loop_counts, tls_failures), i);
}

static void print_early_data(FILE *file, const struct metrics_sources *sources)
{
    metric_begin(file, "weir_tls_early_data_total", METRIC_COUNTER,
                 "Handshakes in which the client offered early data, by what became of it.");
    for (unsigned i = TLS_EARLY_NONE + 1; i < TLS_EARLY_COUNT; i++)
        print_named(file, sources, "weir_tls_early_data_total{outcome=\"",
                    tls_early_outcome_name((enum tls_early_outcome)i),
                    offsetof(struct loop_counts, tls_early), i);
}

/* Sites that share a certificate are told once. */
static void print_times(FILE *file, const struct metrics_sources *sources, const char *name,
                        int64_t (*time_of)(const struct tls_certificate *certificate))
{
    const struct plans *plans = snapshot_get(sources->snapshot, &plan_part);
    const struct served_certificate *served = plans->served_certificates;
    struct map seen;
    map_init(&seen);
    for (; served; served = served->next) {
        int64_t time = time_of(served->certificate);
        if (time == 0 || map_get(&seen, served->key) || !map_set(&seen, served->key, file))
            continue;
        (void)fprintf(file, "%s{", name);
        metric_label(file, "site", served->site);
        (void)fprintf(file, ",key=\"%s\"} %" PRId64 "\n", served->key_kind, time);
    }
    map_fini(&seen);
}

static void print_certificates(FILE *file, const struct metrics_sources *sources)
{
    static const char expiry[] = "weir_certificate_expiry_timestamp_seconds";
    static const char staple[] = "weir_certificate_ocsp_expiry_timestamp_seconds";
    metric_begin(file, expiry, METRIC_GAUGE,
                 "When a certificate that is served expires, in seconds since 1970.");
    print_times(file, sources, expiry, tls_certificate_ends);
    metric_begin(file, staple, METRIC_GAUGE,
                 "When what an OCSP responder says of a certificate, and clients are shown with "
                 "it, ceases to hold, in seconds since 1970.");
    print_times(file, sources, staple, tls_certificate_staple_ends);
}

/* Those of one kind; what several share is told once. */
static void print_file_times(FILE *file, const char *name, enum tls_finding_kind kind,
                             const char *word, const struct tls_finding *const lists[2])
{
    struct map seen;
    map_init(&seen);
    for (unsigned i = 0; i < 2; i++) {
        for (const struct tls_finding *one = lists[i]; one; one = one->next) {
            if (one->kind != kind || one->ends == INT64_MAX || map_get(&seen, one->file) ||
                !map_set(&seen, one->file, file))
                continue;
            (void)fprintf(file, "%s{kind=\"%s\",", name, word);
            metric_label(file, "file", one->file);
            (void)fprintf(file, "} %" PRId64 "\n", one->ends);
        }
    }
    map_fini(&seen);
}

static void print_files(FILE *file, const struct metrics_sources *sources)
{
    static const char name[] = "weir_tls_file_expiry_timestamp_seconds";
    const struct plans *plans = snapshot_get(sources->snapshot, &plan_part);
    const struct upstream_table *upstreams = snapshot_get(sources->snapshot, &upstream_part);
    const struct tls_finding *const lists[2] = {plans->findings.first,
                                                upstream_findings(upstreams)};
    metric_begin(file, name, METRIC_GAUGE,
                 "When what a file holds beside the certificates of sites ceases to hold, in "
                 "seconds since 1970: the certificate that servers are shown, the last of its "
                 "authorities, the first of its lists of revocations.");
    print_file_times(file, name, TLS_FINDING_OWN, "certificate", lists);
    print_file_times(file, name, TLS_FINDING_AUTHORITIES, "authorities", lists);
    print_file_times(file, name, TLS_FINDING_REVOCATIONS, "revocations", lists);
}

static void print_staples(FILE *file, const struct stapler_counts *counts)
{
    metric_single(file, "weir_ocsp_certificates", METRIC_GAUGE,
                  "Certificates for which OCSP responders are asked.", counts->certificates);
    metric_single(file, "weir_ocsp_certificates_lacking", METRIC_GAUGE,
                  "Those of them that are shown without an answer.", counts->lacking);
    metric_single(file, "weir_ocsp_certificates_revoked", METRIC_GAUGE,
                  "Those of them that were revoked.", counts->revoked);
    metric_begin(file, "weir_ocsp_fetches_total", METRIC_COUNTER,
                 "Questions to OCSP responders, by what came of them.");
    (void)fprintf(file,
                  "weir_ocsp_fetches_total{outcome=\"taken\"} %" PRIu64
                  "\nweir_ocsp_fetches_total{outcome=\"refused\"} %" PRIu64
                  "\nweir_ocsp_fetches_total{outcome=\"unanswered\"} %" PRIu64 "\n",
                  counts->taken, counts->refused, counts->unanswered);
}

void metrics_print_tls(FILE *file, const struct metrics_sources *sources)
{
    print_handshakes(file, sources);
    print_failures(file, sources);
    print_early_data(file, sources);
    print_certificates(file, sources);
    print_files(file, sources);
    print_staples(file, sources->staples);
}
