#include "exchange/site_plan.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "exchange/page.h"
#include "exchange/site_clients.h"
#include "exchange/site_plan_int.h"
#include "http/field_syntax.h"
#include "http/uri.h"
#include "policy/route_settings.h"
#include "sys/clock.h"
#include "tls/tls_key_reader.h"
#include "tls/tls_settings.h"

/* ---- `plain_http` */

static const char *const plain_http_choices[] = {"redirect", "serve", "refuse", NULL};

static const struct setting rows[] = {
    {.name = "plain_http",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct plain_http_settings, plain_http),
     .size = sizeof(int),
     .standard = "redirect",
     .choices = plain_http_choices,
     .scopes = SCOPE_SITE,
     .summary = "What becomes of requests without TLS for a site that has `tls`: redirect (308, to "
                "https), serve, or refuse (421).",
     .example = "serve"},
};

const struct setting_group plain_http_group = {
    .name = "",
    .settings = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .size = sizeof(struct plain_http_settings),
    .summary = "Requests without TLS.",
};

/* ---- certificates */

void site_note_bad_files(struct builder *builder, struct slice first, struct slice second)
{
    live_note_bad_file(builder->live, first);
    live_note_bad_file(builder->live, second);
}

static void free_certificate(void *certificate)
{
    tls_certificate_unref(certificate);
}

bool site_keep_certificate(struct builder *builder, struct tls_certificate *certificate)
{
    if (arena_on_fini(&builder->plans->arena, free_certificate, certificate))
        return true;
    tls_certificate_unref(certificate);
    builder->no_memory = true;
    return false;
}

struct tls_reading site_reading(const struct builder *builder, const struct tls_settings *settings)
{
    return (struct tls_reading){.weak_too = settings->profile == TLS_OLD,
                                .maker = builder->maker,
                                .reader = builder->key_reader};
}

static void complain_of_file(struct builder *builder, const struct tls_settings *settings,
                             const struct tls_file *file, enum tls_certificate_state state)
{
    const char *problem = tls_certificate_problem(state);
    site_complain(builder, settings, file->node,
                  diagnostics_text(builder->diagnostics, "\"%.*s\" cannot be served: %s",
                                   SHOWN(file->node->text), problem),
                  (struct tls_finding){.file = file->path,
                                       .problem = slice_from_text(problem),
                                       .cure = slice_from_text(tls_certificate_cure(state))});
}

/* NULL: it is not good, which will be told. */
static struct tls_certificate *read_certificate(struct builder *builder,
                                                const struct tls_pair *pair,
                                                const struct tls_settings *settings)
{
    const struct tls_file *key = pair->key.node ? &pair->key : &pair->certificate;
    const struct tls_file *unread = pair->certificate.problem ? &pair->certificate : key;
    struct tls_certificate *certificate = NULL;
    if (unread->problem) {
        site_complain(builder, settings, unread->node, unread->problem,
                      (struct tls_finding){.file = unread->path,
                                           .problem = slice_from_text(unread->problem),
                                           .cure = slice_from_text(unread->cure)});
        return NULL;
    }
    struct tls_reading reading = site_reading(builder, settings);
    reading.staple = site_staple_source(pair, settings);
    enum tls_certificate_state state =
        tls_certificate_new(pair->certificate.bytes, key->bytes, &reading, &certificate);
    if (state != TLS_CERTIFICATE_GOOD) {
        bool is_of_key = state >= TLS_CERTIFICATE_NO_KEY && state <= TLS_CERTIFICATE_MISFIT;
        complain_of_file(builder, settings, is_of_key ? key : &pair->certificate, state);
        return NULL;
    }
    return site_keep_certificate(builder, certificate) ? certificate : NULL;
}

static bool has_kind(const struct certificates *certificates, unsigned kind)
{
    for (size_t i = 0; i < certificates->count; i++) {
        if (tls_certificate_key_kind(certificates->items[i]) == kind)
            return true;
    }
    return false;
}

/* There is one already. */
static void complain_of_kind(struct builder *builder, const struct tls_settings *settings,
                             const struct tls_file *file, unsigned kind)
{
    const char *what = diagnostics_text(builder->diagnostics,
                                        "the site has a certificate with a key of %s already",
                                        tls_key_kind_name(kind));
    site_complain(builder, settings, file->node, what,
                  (struct tls_finding){
                      .file = file->path,
                      .problem = slice_from_text(what),
                      .cure = SLICE("one for each kind of key is enough; for other names, make "
                                    "another site")});
}

static void add_pair(struct builder *builder, struct certificates *certificates,
                     const struct tls_pair *pair, const struct tls_settings *settings)
{
    const struct tls_certificate *certificate = read_certificate(builder, pair, settings);
    if (!certificate) {
        site_note_bad_files(builder, pair->certificate.path, pair->key.path);
        return;
    }
    ASSERT(certificates->count < TLS_KEY_KINDS);
    unsigned kind = tls_certificate_key_kind(certificate);
    if (has_kind(certificates, kind)) {
        complain_of_kind(builder, settings, &pair->certificate, kind);
        return;
    }
    site_tell_time(builder, settings, certificate, pair->certificate.node, "the certificate",
                   pair->certificate.path);
    site_staple(builder, certificate, pair, settings);
    certificates->items[certificates->count++] = certificate;
    builder->good++;
}

static void read_certificates(struct builder *builder, const struct tls_settings *settings,
                              struct certificates *certificates)
{
    if (settings->pair.certificate.node)
        add_pair(builder, certificates, &settings->pair, settings);
    for (uint32_t i = 0; i < settings->more.count; i++)
        add_pair(builder, certificates, &settings->more.items[i], settings);
}

/* ---- the context of a site */

static void free_context(void *context)
{
    tls_context_free(context);
}

bool site_terms_open(struct builder *builder, const struct tls_settings *settings,
                     struct site_terms *ret_terms)
{
    bool no_memory;
    ret_terms->terms = (struct tls_terms){.profile = (enum tls_profile)settings->profile,
                                          .least_version = settings->versions.least,
                                          .most_version = settings->versions.most,
                                          .ciphers = settings->ciphers.ciphers,
                                          .suites = settings->ciphers.suites,
                                          .groups = settings->groups,
                                          .clients = &ret_terms->clients,
                                          .early_data = settings->early_data};
    bool good = site_clients_read(settings, builder->diagnostics, &ret_terms->clients,
                                  &ret_terms->authorities, &no_memory);
    builder->no_memory |= no_memory;
    if (good)
        site_tell_client_times(builder, settings, ret_terms->authorities);
    else
        site_note_bad_files(builder, settings->client.ca.path, settings->client.crl.path);
    return good;
}

void site_terms_close(struct site_terms *terms)
{
    tls_authorities_free(terms->authorities);
}

/* NULL: there is no certificate, which was told, or no memory. */
static const struct tls_context *make_context(struct builder *builder,
                                              const struct tls_settings *settings,
                                              const struct certificates *certificates)
{
    struct site_terms terms;
    struct tls_context *context = NULL;
    bool good = site_terms_open(builder, settings, &terms);
    if (good && certificates->count > 0)
        context = tls_context_new(builder->manners, &terms.terms, certificates->items,
                                  certificates->count);
    site_terms_close(&terms);
    if (!good || certificates->count == 0)
        return NULL;
    if (context && arena_on_fini(&builder->plans->arena, free_context, context))
        return context;
    tls_context_free(context);
    builder->no_memory = true;
    return NULL;
}

static bool is_covered(const struct certificates *certificates, const struct host_name *host)
{
    bool covered = host->kind == HOST_ANY;
    for (size_t i = 0; i < certificates->count && !covered; i++)
        covered =
            tls_certificate_covers(certificates->items[i], host->name, host->kind == HOST_WILDCARD);
    return covered;
}

static void tell_lacks(struct builder *builder, const struct tls_settings *settings,
                       const struct site_settings *site, const struct certificates *certificates)
{
    enum { NAMES_MAX = 200 };
    char memory[NAMES_MAX];
    struct text names = text_over(memory, sizeof(memory));
    if (certificates->count > 0)
        tls_certificate_print_names(&names, certificates->items[0]);
    for (uint32_t i = 0; certificates->count > 0 && i < site->host.count; i++) {
        const struct host_name *host = &site->host.items[i];
        if (!is_covered(certificates, host))
            site_tell_lack(builder, settings, host, text_slice(&names));
    }
}

bool site_note_served(struct builder *builder, struct slice site,
                      const struct tls_certificate *const *certificates, size_t count)
{
    struct plans *plans = builder->plans;
    for (size_t i = 0; i < count; i++) {
        const char *kind = tls_key_kind_name(tls_certificate_key_kind(certificates[i]));
        struct slice key[] = {site, SLICE("\0"), slice_from_text(kind)};
        struct served_certificate *served = ARENA_NEW(&plans->arena, struct served_certificate);
        if (!served)
            return false;
        *served = (struct served_certificate){.next = plans->served_certificates,
                                              .key = arena_join(&plans->arena, key, 3),
                                              .site = site,
                                              .key_kind = kind,
                                              .certificate = certificates[i]};
        plans->served_certificates = served;
    }
    return true;
}

/* ---- where it answers over TLS */

static bool answers_at(const struct site_settings *site, const struct listener_plan *listener)
{
    for (uint32_t i = 0; i < site->listen.count; i++) {
        if (address_equal(&site->listen.items[i], &listener->address))
            return true;
    }
    return site->listen.count == 0 && !listener->is_private;
}

/* The port to which plain requests are sent: the one that needs not be written, else the first. 0:
 * none. */
static uint16_t find_port(const struct plans *plans, const struct site_settings *site)
{
    enum { HTTPS_PORT = 443 };
    uint16_t port = 0;
    for (uint32_t i = 0; i < plans->listener_count; i++) {
        const struct listener_plan *listener = &plans->listeners[i];
        if (!listener->speaks_tls || !answers_at(site, listener))
            continue;
        bool is_unix = listener->address.ip.kind == ADDRESS_UNIX;
        uint16_t its = is_unix ? HTTPS_PORT : listener->address.port;
        if (port == 0 || its == HTTPS_PORT)
            port = its;
    }
    return port;
}

/* The first one in the file is shown to who names nobody. */
static void offer_as_fallback(struct plans *plans, const struct site_settings *site,
                              const struct tls_context *context)
{
    for (uint32_t i = 0; i < plans->listener_count; i++) {
        struct listener_plan *listener = &plans->listeners[i];
        if (!listener->speaks_tls || !answers_at(site, listener))
            continue;
        listener->has_tls_sites = true;
        if (!listener->fallback)
            listener->fallback = context;
    }
}

/* ---- a site */

static const struct tls_context *context_for(struct builder *builder, const struct site *site,
                                             const struct tls_settings *settings,
                                             struct certificates *certificates)
{
    const struct tls_settings *inherited =
        scope_group(builder->configuration, builder->configuration->defaults, &tls_group);
    if (settings == inherited && builder->inherited) {
        *certificates = builder->inherited_certificates;
        return builder->inherited_context;
    }
    read_certificates(builder, settings, certificates);
    if (!site_note_served(builder, site->name, certificates->items, certificates->count))
        builder->no_memory = true;
    const struct tls_context *context = make_context(builder, settings, certificates);
    if (settings == inherited) {
        builder->inherited = inherited;
        builder->inherited_certificates = *certificates;
        builder->inherited_context = context;
    }
    return context;
}

/* Without TLS nobody shows a certificate. */
static void refuse_plain(struct builder *builder, const struct site *site)
{
    const struct node *written =
        scope_source(builder->configuration, site->scope, &plain_http_group, "plain_http");
    diagnostics_error(builder->diagnostics,
                      written ? written->position : site->scope->node->position,
                      "leave plain_http away, or write plain_http: refuse",
                      "the site requires certificates of clients, but serves those that come "
                      "without TLS");
}

/* Whether it is there without TLS, and does not only send elsewhere. */
static bool is_served_plainly(const struct plans *plans, const struct site_settings *site,
                              const struct tls_settings *tls,
                              const struct plain_http_settings *plain)
{
    if (tls_settings_are_on(tls) && plain->plain_http != PLAIN_HTTP_SERVE)
        return false;
    for (uint32_t i = 0; i < plans->listener_count; i++) {
        if (!plans->listeners[i].speaks_tls && answers_at(site, &plans->listeners[i]))
            return true;
    }
    return false;
}

static bool build_site(struct builder *builder, struct site *site)
{
    const struct configuration *configuration = builder->configuration;
    const struct tls_settings *tls = scope_group(configuration, site->scope, &tls_group);
    const struct site_settings *settings = scope_group(configuration, site->scope, &site_group);
    const struct plain_http_settings *plain =
        scope_group(configuration, site->scope, &plain_http_group);
    builder->serves_plain |= is_served_plainly(builder->plans, settings, tls, plain);
    site_refuse_lonely_staple(builder, tls);
    if (!tls_settings_are_on(tls)) {
        if (tls->pair.key.node)
            diagnostics_error(builder->diagnostics, tls->pair.key.node->position,
                              "name the file with its certificate as \"certificate\"",
                              "there is a key, but no certificate");
        return true;
    }
    struct certificates certificates = {.count = 0};
    builder->site = site->name;
    struct site_plan *plan = ARENA_NEW(&builder->plans->arena, struct site_plan);
    if (!plan)
        return false;
    *plan = (struct site_plan){.plain_http = (enum plain_http)plain->plain_http,
                               .port = find_port(builder->plans, settings),
                               .takes_early = tls_settings_take_early(tls)};
    if (plan->takes_early && builder->plans->tls)
        tls_entrance_look_for_early(builder->plans->tls);
    site->plan = plan;
    if (tls->more.directory.node)
        plan->directory = site_directory_for(builder, site, tls, &plan->tls);
    else
        plan->tls = context_for(builder, site, tls, &certificates);
    if (tls->client.verify == TLS_CLIENT_REQUIRED && plan->plain_http == PLAIN_HTTP_SERVE)
        refuse_plain(builder, site);
    tell_lacks(builder, tls, settings, &certificates);
    offer_as_fallback(builder->plans, settings, plan->tls);
    if (plan->port == 0)
        diagnostics_error(builder->diagnostics, site->scope->node->position,
                          "add \":443\" to \"listen\", or one of {address: \":8443\", tls: on}",
                          "the site has \"tls\", but no address at which it answers speaks TLS");
    return true;
}

/* ---- all of them */

/* Overwritten as soon as they were read, where they live for as long as the configuration. */
static void cleanse_keys(const struct tls_settings *settings)
{
    slice_cleanse(settings->pair.key.bytes);
    slice_cleanse(settings->pair.certificate.bytes); /* it may hold the key */
    for (uint32_t i = 0; i < settings->more.count; i++) {
        slice_cleanse(settings->more.items[i].key.bytes);
        slice_cleanse(settings->more.items[i].certificate.bytes);
    }
}

static void refuse_listener(struct builder *builder, const struct listener_plan *listener)
{
    bool is_443 = listener->address.port == 443;
    diagnostics_error(builder->diagnostics, listener->position,
                      is_443 ? "give a site \"tls\" with its certificate, or write "
                               "{address: \":443\", tls: off}"
                             : "give a site \"tls\" with its certificate",
                      "this address speaks TLS, but no site that answers there has \"tls\"");
}

bool site_plans_build(struct plans *plans, const struct snapshot *snapshot,
                      struct diagnostics *diagnostics)
{
    struct builder builder = {.plans = plans,
                              .configuration = snapshot->configuration,
                              .diagnostics = diagnostics,
                              .now = sys_wall_seconds(),
                              .is_lenient = ((const struct live *)snapshot->live)->is_lenient,
                              .live = snapshot->live,
                              .manners = tls_manners_new(),
                              .key_reader = tls_key_reader_new()};
    struct tls_maker *own =
        builder.is_lenient && !builder.live->certificates ? tls_maker_new(false) : NULL;
    builder.maker = own ? own : builder.live->certificates;
    tls_maker_tidy(builder.maker); /* of a configuration that was refused */
    struct route_table *routes = snapshot_get(snapshot, &route_part);
    bool good = true;
    for (size_t i = 0; i < route_table_sites(routes); i++)
        good &= build_site(&builder, route_table_site(routes, i));
    for (size_t i = 0; i < route_table_sites(routes); i++)
        cleanse_keys(
            scope_group(builder.configuration, route_table_site(routes, i)->scope, &tls_group));
    for (const struct built_directory *one = builder.directories; one; one = one->next)
        tls_directory_cleanse(&one->settings->more.directory);
    tls_manners_free(builder.manners);
    tls_maker_free(own);
    tls_key_reader_free(builder.key_reader);
    site_tell_complaints(&builder);
    for (uint32_t i = 0; i < plans->listener_count; i++) {
        const struct listener_plan *listener = &plans->listeners[i];
        if (listener->speaks_tls && !listener->has_tls_sites)
            refuse_listener(&builder, listener);
    }
    return good && !builder.no_memory;
}

/* ---- in service */

/* Of a site for a host of it. */
static const struct tls_context *context_of(const struct site_plan *plan, struct slice host)
{
    const struct name_holders *holders =
        plan->directory ? site_directory_find(plan->directory, host, false) : NULL;
    return holders ? holders->context : plan->tls;
}

const struct tls_context *site_plan_choose(const struct plans *plans,
                                           const struct listener_plan *listener, struct slice name)
{
    char memory[TLS_NAME_MAX];
    struct slice host = SLICE("");
    if (name.length > 0 && !host_normalize(name, memory, sizeof(memory), &host))
        return listener->fallback;
    const struct site *site =
        route_find_site(plans->routes, host, &listener->address, listener->is_private);
    const struct site_plan *plan = site ? site->plan : NULL;
    return plan ? context_of(plan, host) : listener->fallback;
}

/* The scheme as the client knows it: a trusted proxy may have ended TLS before us. */
bool exchange_is_secure(const struct exchange *exchange)
{
    if (exchange->scheme == SCHEME_HTTPS)
        return true;
    const struct field *told = exchange->peer_is_trusted
                                   ? fields_find(&exchange->request.fields, FIELD_X_FORWARDED_PROTO)
                                   : NULL;
    return told && slice_equal_fold(told->value, SLICE("https"));
}

static void redirect_to_https(struct exchange *exchange, uint16_t port)
{
    enum { PERMANENT = 308, PORT_MAX = 8 };
    char memory[PORT_MAX];
    struct text port_text = text_over(memory, sizeof(memory));
    bool is_address = slice_find(exchange->host, ':') < exchange->host.length;
    if (port != 443)
        text_print(&port_text, ":%u", port);
    struct slice parts[] = {SLICE("https://"),      is_address ? SLICE("[") : SLICE(""),
                            exchange->host,         is_address ? SLICE("]") : SLICE(""),
                            text_slice(&port_text), exchange->client_target};
    struct slice to = arena_join(&exchange->arena, parts, sizeof(parts) / sizeof(parts[0]));
    exchange_answer(exchange, PERMANENT, SLICE("text/html; charset=utf-8"),
                    page_for_status(exchange, PERMANENT));
    if (to.data && !field_value_is_valid(to))
        exchange_refuse(exchange, ERROR_BAD_TARGET);
    else if (!to.data || !fields_add(&exchange->response.fields, &exchange->arena, FIELD_LOCATION,
                                     SLICE("Location"), to))
        exchange_refuse(exchange, ERROR_OUT_OF_MEMORY);
}

bool site_plan_answers(struct exchange *exchange)
{
    ASSERT(exchange->site);
    const struct site_plan *plan = exchange->site->plan;
    const struct tls_context *context = plan ? context_of(plan, exchange->host) : NULL;
    /* Without a certificate nobody can have come to it as it wants him to. */
    if (exchange->tls && (!context || !tls_fits(exchange->tls, context, exchange->host))) {
        exchange_refuse(exchange, ERROR_MISDIRECTED);
        return true;
    }
    if (!plan || plan->plain_http == PLAIN_HTTP_SERVE || exchange_is_secure(exchange))
        return false;
    bool is_named = exchange->host.length > 0 && exchange->request.target_form != TARGET_ASTERISK;
    if (plan->plain_http == PLAIN_HTTP_REDIRECT && is_named)
        redirect_to_https(exchange, plan->port);
    else
        exchange_refuse(exchange, ERROR_TLS_REQUIRED);
    return true;
}
