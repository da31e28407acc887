#include "tls/tls_finding.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* So many days, or a part of its time. */
static int64_t last_part(const struct tls_finding *finding, int64_t days, int64_t parts)
{
    return least(days * TLS_DAY_SECONDS, (finding->ends - finding->begins) / parts);
}

enum tls_step_to_end tls_finding_step(const struct tls_finding *finding, int64_t now,
                                      int64_t *ret_next)
{
    *ret_next = INT64_MAX;
    if (finding->ends == INT64_MAX)
        return TLS_HOLDS;
    if (finding->ends <= now)
        return TLS_HAS_ENDED;
    *ret_next = finding->begins;
    if (finding->begins > now)
        return TLS_HOLDS_NOT_YET;
    int64_t very_soon = finding->ends - last_part(finding, TLS_VERY_SOON_DAYS, 10);
    *ret_next = finding->ends;
    if (very_soon <= now)
        return TLS_ENDS_VERY_SOON;
    *ret_next = very_soon;
    int64_t soon = finding->ends - last_part(finding, TLS_SOON_DAYS, 2);
    if (finding->kind == TLS_FINDING_REVOCATIONS)
        return TLS_HOLDS;
    if (soon <= now)
        return TLS_ENDS_SOON;
    *ret_next = soon;
    return TLS_HOLDS;
}

static bool copy(struct arena *arena, struct slice *text)
{
    struct slice kept = text->length > 0 ? arena_copy(arena, *text) : SLICE("");
    *text = kept;
    return kept.data != NULL;
}

bool tls_findings_add(struct tls_findings *findings, struct arena *arena,
                      const struct tls_finding *finding)
{
    struct tls_finding *kept = ARENA_NEW(arena, struct tls_finding);
    if (!kept)
        return false;
    *kept = *finding;
    kept->next = NULL;
    if (!copy(arena, &kept->owner) || !copy(arena, &kept->file) || !copy(arena, &kept->problem) ||
        !copy(arena, &kept->cure) || !copy(arena, &kept->name))
        return false;
    if (findings->last)
        findings->last->next = kept;
    else
        findings->first = kept;
    findings->last = kept;
    return true;
}
