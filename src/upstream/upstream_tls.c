#include "upstream/upstream_tls.h"

#include "base/address.h"
#include "http/uri.h"
#include "sys/clock.h"
#include "tls/tls_server_settings.h"

#include <string.h>

/* One upstream, while its context is made. */
struct making {
    struct upstream_tls *shared;
    struct slice name; /* of the upstream */
    const struct configuration *configuration;
    const struct scope *scope;
    const struct server_list *list;
    const struct tls_server_settings *settings;
    struct live *live;
    struct diagnostics *diagnostics;
    struct position position; /* of the first server that is spoken to over TLS */
    bool no_memory;
};

void upstream_tls_fini(struct upstream_tls *shared)
{
    tls_authorities_free(shared->system);
    tls_server_context_unref(shared->standard);
}

bool upstream_tls_offers_h2(const struct upstream *upstream, const struct server_place *place)
{
    if (!place->is_tls)
        return place->is_h2;
    return place->is_h2 || !upstream->tls ||
           tls_server_context_offer(upstream->tls) != TLS_OFFER_H1;
}

/* ---- files */

static void tell_file(struct making *making, const struct tls_file *file,
                      enum tls_certificate_state state)
{
    if (state == TLS_CERTIFICATE_NO_MEMORY)
        making->no_memory = true;
    else if (file->problem)
        diagnostics_error(making->diagnostics, file->node->position, file->cure, "%s",
                          file->problem);
    else
        diagnostics_error(making->diagnostics, file->node->position, tls_certificate_cure(state),
                          "\"%.*s\" cannot be used towards servers: %s", SHOWN(file->node->text),
                          tls_certificate_problem(state));
}

/* Once for all upstreams: there may be many of them, and the file is a large one. */
static const struct tls_authorities *system_authorities(struct making *making)
{
    struct tls_authorities **system = &making->shared->system;
    enum tls_certificate_state state = TLS_CERTIFICATE_NONE;
    if (*system)
        return *system;
    if (making->list->authorities.data)
        state = tls_authorities_new(making->list->authorities, system);
    if (state == TLS_CERTIFICATE_NO_MEMORY)
        making->no_memory = true;
    else if (state != TLS_CERTIFICATE_GOOD)
        diagnostics_error(making->diagnostics, making->position,
                          "install ca-certificates, or name a file with the server's authority in "
                          "its upstream: tls: {ca: FILE}",
                          "the server's certificate cannot be verified: this system has no file "
                          "with the authorities that it trusts");
    return *system;
}

/* For who watches while it is served, and where it is now. */
static enum tls_step_to_end note_times(struct making *making, struct tls_finding *finding)
{
    int64_t next;
    finding->owner_kind = TLS_OF_UPSTREAM;
    finding->owner = making->name;
    if (!tls_findings_add(&making->shared->findings, making->shared->arena, finding))
        making->no_memory = true;
    return tls_finding_step(finding, sys_wall_seconds(), &next);
}

static int days_left(const struct tls_finding *finding)
{
    return (int)((finding->ends - sys_wall_seconds()) / TLS_DAY_SECONDS);
}

static void tell_authorities(struct making *making, const struct tls_authorities *authorities)
{
    const struct tls_file *file = &making->settings->ca;
    struct tls_finding finding = {.kind = TLS_FINDING_AUTHORITIES, .file = file->path};
    tls_authorities_times(authorities, &finding.begins, &finding.ends);
    enum tls_step_to_end step = note_times(making, &finding);
    if (step == TLS_HAS_ENDED)
        diagnostics_event(making->diagnostics, file->node->position, "get new ones",
                          "all authorities in \"%.*s\" have expired; no server is accepted",
                          SHOWN(file->node->text));
    else if (step == TLS_ENDS_SOON || step == TLS_ENDS_VERY_SOON)
        diagnostics_event(making->diagnostics, file->node->position,
                          "add those that come after them",
                          "all authorities in \"%.*s\" will have expired in %d days",
                          SHOWN(file->node->text), days_left(&finding));
}

static struct tls_authorities *own_authorities(struct making *making)
{
    struct tls_authorities *authorities = NULL;
    const struct tls_file *file = &making->settings->ca;
    enum tls_certificate_state state = TLS_CERTIFICATE_BROKEN;
    if (!file->problem)
        state = tls_authorities_new(file->bytes, &authorities);
    if (state == TLS_CERTIFICATE_GOOD) {
        tell_authorities(making, authorities);
        return authorities;
    }
    tell_file(making, file, state);
    live_note_bad_file(making->live, file->path);
    return NULL;
}

static void tell_time(struct making *making, const struct tls_certificate *certificate)
{
    const struct tls_file *file = &making->settings->pair.certificate;
    struct tls_finding finding = {.kind = TLS_FINDING_OWN,
                                  .file = file->path,
                                  .begins = tls_certificate_begins(certificate),
                                  .ends = tls_certificate_ends(certificate)};
    enum tls_step_to_end step = note_times(making, &finding);
    if (step == TLS_HAS_ENDED)
        diagnostics_event(making->diagnostics, file->node->position, "get a new one",
                          "the certificate has expired; servers refuse it");
    else if (step == TLS_HOLDS_NOT_YET)
        diagnostics_event(making->diagnostics, file->node->position,
                          "look at the clock of this host",
                          "the certificate does not hold yet; servers refuse it");
    else if (step != TLS_HOLDS)
        diagnostics_event(making->diagnostics, file->node->position, "get a new one in time",
                          "the certificate expires in %d days", days_left(&finding));
}

/* That servers are shown; NULL: none. The bytes of its key are overwritten. */
static struct tls_certificate *own_certificate(struct making *making)
{
    const struct tls_pair *pair = &making->settings->pair;
    const struct tls_file *key = pair->key.node ? &pair->key : &pair->certificate;
    const struct tls_file *wrong = pair->certificate.problem ? &pair->certificate : key;
    struct tls_certificate *certificate = NULL;
    if (!pair->certificate.node) {
        if (pair->key.node)
            diagnostics_error(making->diagnostics, pair->key.node->position,
                              "name the file with its certificate as \"certificate\"",
                              "there is a key, but no certificate");
        return NULL;
    }
    enum tls_certificate_state state = TLS_CERTIFICATE_BROKEN;
    if (!wrong->problem) {
        state = tls_certificate_new(pair->certificate.bytes, key->bytes,
                                    &(struct tls_reading){.weak_too = true}, &certificate);
        bool is_of_key = state >= TLS_CERTIFICATE_NO_KEY && state <= TLS_CERTIFICATE_MISFIT;
        wrong = is_of_key ? key : &pair->certificate;
    }
    slice_cleanse(pair->certificate.bytes);
    slice_cleanse(pair->key.bytes);
    if (state == TLS_CERTIFICATE_GOOD) {
        tell_time(making, certificate);
        return certificate;
    }
    tell_file(making, wrong, state);
    live_note_bad_file(making->live, pair->certificate.path);
    live_note_bad_file(making->live, pair->key.path);
    return NULL;
}

/* ---- names */

static bool is_host(struct slice name)
{
    char memory[256];
    struct slice host;
    struct ip ip;
    if (ip_parse(name, &ip))
        return true;
    for (size_t i = 0; i < name.length; i++) {
        char c = ascii_lower(name.data[i]);
        if (!ascii_is_digit(c) && (c < 'a' || c > 'z') && c != '-' && c != '.' && c != '_')
            return false;
    }
    return name.length > 0 && host_normalize(name, memory, sizeof(memory), &host);
}

static void check_names(struct making *making)
{
    const struct slice name = making->settings->name;
    const struct node *written =
        scope_source(making->configuration, making->scope, &tls_server_group, "name");
    if (name.length > 0 && !is_host(name) && written)
        diagnostics_error(making->diagnostics, written->position,
                          "write a host name or an IP address, as it stands in the certificate",
                          "\"%.*s\" is no name of a server", SHOWN(name));
    for (size_t i = 0; name.length == 0 && i < making->list->count; i++) {
        const struct server_setting *server = &making->list->items[i];
        bool is_unix = server->place.fixed.ip.kind == ADDRESS_UNIX && !server->place.host.length;
        if (server->place.is_tls && is_unix && making->settings->verify)
            diagnostics_error(making->diagnostics, server->position,
                              "add tls: {name: app.internal} to its upstream",
                              "a server at a Unix socket has no name that its certificate could "
                              "hold for");
    }
}

/* ---- contexts */

static struct tls_server_context *make(struct making *making)
{
    const struct tls_server_settings *settings = making->settings;
    size_t errors = diagnostics_errors(making->diagnostics);
    struct tls_authorities *own =
        settings->verify && settings->ca.node ? own_authorities(making) : NULL;
    struct tls_certificate *certificate = own_certificate(making);
    struct tls_server_terms terms = {.authorities = own,
                                     .certificate = certificate,
                                     .name = settings->name,
                                     .offer = settings->offer};
    if (settings->verify && !settings->ca.node)
        terms.authorities = system_authorities(making);
    struct tls_server_context *context = NULL;
    if (diagnostics_errors(making->diagnostics) == errors && !making->no_memory) {
        context = tls_server_context_new(&terms);
        making->no_memory = !context;
    }
    tls_authorities_free(own);
    tls_certificate_unref(certificate);
    return context;
}

/* Those that write nothing of it have the same one. */
static struct tls_server_context *find_or_make(struct making *making)
{
    const struct scope *defaults = making->configuration->upstream_defaults;
    struct tls_server_context **standard = &making->shared->standard;
    if (making->settings != scope_group(making->configuration, defaults, &tls_server_group))
        return make(making);
    if (!*standard)
        *standard = make(making);
    if (*standard)
        tls_server_context_ref(*standard);
    return *standard;
}

static const struct server_setting *first_over_tls(const struct server_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].place.is_tls)
            return &list->items[i];
    }
    return NULL;
}

/* Where the upstream itself says what is offered; else NULL. */
static const struct node *own_offer(const struct making *making)
{
    const struct node *tls = node_find(making->scope->node, SLICE("tls"));
    const struct node *written = tls ? node_find(tls, SLICE("alpn")) : NULL;
    bool is_own = making->scope->kind == SCOPE_UPSTREAM && written && !node_is_word(written, "off");
    return is_own ? written : NULL;
}

/* `h2://` leaves a server no choice. */
static void warn_of_no_choice(struct making *making)
{
    const struct node *written = own_offer(making);
    if (!written)
        return;
    for (size_t i = 0; i < making->list->count; i++) {
        const struct server_place *place = &making->list->items[i].place;
        if (place->is_tls && !place->is_h2)
            return;
    }
    diagnostics_warning(making->diagnostics, written->position,
                        "write https:// before the addresses of those that shall choose",
                        "no server of the upstream is written with https://; those with h2:// are "
                        "offered nothing but h2");
}

/* What holds for connections that there are none of. */
static void warn_of_none(struct making *making)
{
    const struct tls_server_settings *settings = making->settings;
    const struct node *written = node_find(making->scope->node, SLICE("tls"));
    bool says_something = own_offer(making) || settings->ca.node || settings->name.length > 0 ||
                          settings->pair.certificate.node;
    if (making->scope->kind == SCOPE_UPSTREAM && written && says_something)
        diagnostics_warning(making->diagnostics, written->position,
                            "write https:// before the addresses of those that are",
                            "no server of the upstream is spoken to over TLS");
}

bool upstream_tls_set(struct upstream_tls *shared, struct upstream *upstream,
                      const struct snapshot *snapshot, const struct scope *scope,
                      const struct server_list *list, struct diagnostics *diagnostics)
{
    const struct server_setting *first = first_over_tls(list);
    struct making making = {.shared = shared,
                            .name = upstream->name,
                            .configuration = snapshot->configuration,
                            .scope = scope,
                            .list = list,
                            .settings =
                                scope_group(snapshot->configuration, scope, &tls_server_group),
                            .live = snapshot->live,
                            .diagnostics = diagnostics};
    if (!first) {
        warn_of_none(&making);
        return true;
    }
    making.position = first->position;
    check_names(&making);
    warn_of_no_choice(&making);
    if (upstream->proxy_protocol)
        diagnostics_error(diagnostics, first->position,
                          "take out proxy_protocol, or write the server without https://",
                          "a server that is spoken to over TLS cannot be sent the header of the "
                          "PROXY protocol");
    upstream->tls = find_or_make(&making);
    return !making.no_memory;
}
