/* What is wrong with the certificates of sites, and when they end: told to who loads the
 * configuration, and noted for who watches while it is served. */
#include "exchange/site_plan_int.h"

void site_note_finding(struct builder *builder, const struct tls_settings *settings,
                       struct tls_finding finding)
{
    const struct node *directory = settings->more.directory.node;
    bool is_of_site = !directory || finding.kind >= TLS_FINDING_AUTHORITIES;
    finding.owner_kind = is_of_site ? TLS_OF_SITE : TLS_OF_DIRECTORY;
    finding.owner = is_of_site ? builder->site : directory->text;
    if (!tls_findings_add(&builder->plans->findings, &builder->plans->arena, &finding))
        builder->no_memory = true;
}

/* ---- what cannot be served */

void site_complain(struct builder *builder, const struct tls_settings *settings,
                   const struct node *node, const char *what, struct tls_finding finding)
{
    struct complaint *complaint = ARENA_NEW(&builder->plans->arena, struct complaint);
    builder->no_memory |= !complaint;
    if (!complaint)
        return;
    *complaint = (struct complaint){.next = builder->complaints,
                                    .position = node->position,
                                    .what = what,
                                    .cure = finding.cure.data};
    builder->complaints = complaint;
    finding.kind = TLS_FINDING_LEFT_OUT;
    site_note_finding(builder, settings, finding);
}

void site_tell_complaints(struct builder *builder)
{
    bool serves = builder->good > 0 || builder->serves_plain;
    for (const struct complaint *one = builder->complaints; one; one = one->next) {
        if (builder->is_lenient && serves)
            diagnostics_event(builder->diagnostics, one->position, one->cure,
                              "%s; it is not served", one->what);
        else
            diagnostics_error(builder->diagnostics, one->position, one->cure, "%s", one->what);
    }
}

/* ---- names */

void site_tell_lack(struct builder *builder, const struct tls_settings *settings,
                    const struct host_name *host, struct slice names)
{
    const struct position position = host->node->position;
    struct slice name = host->node->text;
    if (settings->more.directory.node)
        diagnostics_event(builder->diagnostics, position, "put one there that names it",
                          "no certificate of the directory holds for \"%.*s\"", SHOWN(name));
    else
        diagnostics_event(builder->diagnostics, position, "get one that names it too",
                          "no certificate of the site holds for \"%.*s\"; it is for %.*s",
                          SHOWN(name), (int)names.length, names.data);
    site_note_finding(
        builder, settings,
        (struct tls_finding){.kind = TLS_FINDING_NAME, .name = name, .problem = names});
}

/* ---- times */

static long long whole_days(int64_t seconds)
{
    return (long long)(seconds / TLS_DAY_SECONDS);
}

void site_tell_time(struct builder *builder, const struct tls_settings *settings,
                    const struct tls_certificate *certificate, const struct node *node,
                    const char *which, struct slice file)
{
    const struct tls_finding finding = {.kind = TLS_FINDING_CERTIFICATE,
                                        .file = file,
                                        .begins = tls_certificate_begins(certificate),
                                        .ends = tls_certificate_ends(certificate)};
    struct diagnostics *diagnostics = builder->diagnostics;
    int64_t next;
    site_note_finding(builder, settings, finding);
    switch (tls_finding_step(&finding, builder->now, &next)) {
    case TLS_HOLDS:
        break;
    case TLS_HAS_ENDED:
        diagnostics_event(diagnostics, node->position, "get a new one",
                          "%s has expired %lld days ago; clients refuse it", which,
                          whole_days(builder->now - finding.ends));
        break;
    case TLS_HOLDS_NOT_YET:
        diagnostics_event(diagnostics, node->position, "look at the clock of this host",
                          "%s does not hold yet; clients refuse it", which);
        break;
    case TLS_ENDS_SOON:
    case TLS_ENDS_VERY_SOON:
        diagnostics_event(diagnostics, node->position, "get a new one in time",
                          "%s expires in %lld days", which,
                          whole_days(finding.ends - builder->now));
    }
}

static void tell_authorities(struct builder *builder, const struct tls_settings *settings,
                             const struct tls_authorities *authorities)
{
    const struct tls_file *file = &settings->client.ca;
    struct tls_finding finding = {.kind = TLS_FINDING_AUTHORITIES, .file = file->path};
    int64_t next;
    tls_authorities_times(authorities, &finding.begins, &finding.ends);
    site_note_finding(builder, settings, finding);
    enum tls_step_to_end step = tls_finding_step(&finding, builder->now, &next);
    if (step == TLS_HAS_ENDED)
        diagnostics_event(builder->diagnostics, file->node->position, "get new ones",
                          "all authorities in \"%.*s\" have expired; no client is accepted",
                          SHOWN(file->node->text));
    else if (step == TLS_ENDS_SOON || step == TLS_ENDS_VERY_SOON)
        diagnostics_event(builder->diagnostics, file->node->position,
                          "add those that come after them",
                          "all authorities in \"%.*s\" will have expired in %lld days",
                          SHOWN(file->node->text), whole_days(finding.ends - builder->now));
}

static void tell_revocations(struct builder *builder, const struct tls_settings *settings,
                             const struct tls_authorities *authorities)
{
    const struct tls_file *file = &settings->client.crl;
    struct tls_finding finding = {.kind = TLS_FINDING_REVOCATIONS, .file = file->path};
    int64_t next;
    tls_authorities_list_times(authorities, &finding.begins, &finding.ends);
    site_note_finding(builder, settings, finding);
    enum tls_step_to_end step = tls_finding_step(&finding, builder->now, &next);
    if (step == TLS_HAS_ENDED)
        diagnostics_event(builder->diagnostics, file->node->position, "get a new one",
                          "a list of what was revoked holds no longer; no client of its "
                          "authority is accepted");
    else if (step == TLS_ENDS_VERY_SOON)
        diagnostics_event(builder->diagnostics, file->node->position, "get a new one in time",
                          "a list of what was revoked ceases to hold in %lld hours",
                          (long long)((finding.ends - builder->now) / 3600));
}

void site_tell_client_times(struct builder *builder, const struct tls_settings *settings,
                            const struct tls_authorities *authorities)
{
    if (!authorities)
        return;
    tell_authorities(builder, settings, authorities);
    if (settings->client.crl.node)
        tell_revocations(builder, settings, authorities);
}
