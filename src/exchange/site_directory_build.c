/* A directory of certificates comes to a site. */
#include "exchange/site_plan_int.h"

enum { NAME_MAX_LENGTH = 256 };

static bool names_a_host(const struct tls_certificate *certificate)
{
    char memory[NAME_MAX_LENGTH];
    struct text name = text_over(memory, sizeof(memory));
    return tls_certificate_next_name(&(struct tls_name_walk){.certificate = certificate}, &name);
}

/* NULL: it is not good, which will be told. */
static struct tls_certificate *read_found(struct builder *builder,
                                          const struct tls_settings *settings,
                                          const struct tls_found *found)
{
    const struct node *node = settings->more.directory.node;
    struct tls_reading reading = site_reading(builder, settings);
    struct tls_certificate *certificate = NULL;
    if (settings->pair.ocsp.kind == TLS_OCSP_FETCH)
        reading.staple = TLS_STAPLE_FETCHED;
    if (found->problem) {
        site_complain(builder, node, "make it readable, or take it out of the directory",
                      found->problem);
        return NULL;
    }
    enum tls_certificate_state state =
        tls_certificate_new(found->bytes, found->key, &reading, &certificate);
    if (state == TLS_CERTIFICATE_GOOD && names_a_host(certificate))
        return site_keep_certificate(builder, certificate) ? certificate : NULL;
    if (state == TLS_CERTIFICATE_GOOD) {
        tls_certificate_unref(certificate);
        site_complain(builder, node, "get one with alternative names, or take it out",
                      diagnostics_text(builder->diagnostics,
                                       "\"%.*s\" cannot be served: it names no host",
                                       SHOWN(found->path)));
        return NULL;
    }
    bool lacks_key = state == TLS_CERTIFICATE_NO_KEY;
    site_complain(builder, node,
                  lacks_key ? "put its key beside it, as NAME.key, or take it out of the directory"
                            : tls_certificate_cure(state),
                  diagnostics_text(builder->diagnostics, "\"%.*s\" cannot be served: %s",
                                   SHOWN(found->path),
                                   lacks_key ? "there is no private key in it or beside it"
                                             : tls_certificate_problem(state)));
    return NULL;
}

static bool add(struct builder *builder, const struct tls_settings *settings,
                const struct tls_found *found, struct site_directory *directory,
                uint32_t *unstapled)
{
    const struct tls_certificate *certificate =
        found->holds_none ? NULL : read_found(builder, settings, found);
    if (!certificate) {
        site_note_bad_files(builder, found->path, found->key_path);
        return true;
    }
    const char *which =
        diagnostics_text(builder->diagnostics, "the certificate \"%.*s\"", SHOWN(found->path));
    site_warn_of_time(builder, certificate, settings->more.directory.node, which);
    *unstapled += !site_staple_found(builder, certificate, settings, which);
    builder->good++;
    return site_directory_add(directory, certificate);
}

static const struct site_directory *build(struct builder *builder,
                                          const struct tls_settings *settings)
{
    const struct tls_directory *found = &settings->more.directory;
    struct site_directory *directory = site_directory_new(&builder->plans->arena, found->count);
    struct site_terms terms;
    bool good = directory != NULL;
    uint32_t unstapled = 0;
    for (uint32_t i = 0; good && i < found->count; i++)
        good = add(builder, settings, &found->items[i], directory, &unstapled);
    site_warn_of_unstapled(builder, settings, unstapled);
    bool is_told = !site_terms_open(builder, settings, &terms);
    if (good && !is_told)
        good = site_directory_make_contexts(directory, builder->manners, &terms.terms);
    site_terms_close(&terms);
    builder->no_memory |= !good;
    if (!good || is_told)
        return NULL;
    if (!directory->first)
        site_complain(builder, found->node,
                      "put files NAME.pem there, with the key in them or beside them as NAME.key",
                      diagnostics_text(builder->diagnostics,
                                       "there is no certificate in \"%.*s\" that can be served",
                                       SHOWN(found->node->text)));
    return directory->first ? directory : NULL;
}

/* Once for all sites that have these settings: there may be thousands of both. */
static struct built_directory *build_once(struct builder *builder,
                                          const struct tls_settings *settings)
{
    for (struct built_directory *one = builder->directories; one; one = one->next) {
        if (one->settings == settings)
            return one;
    }
    struct built_directory *built = ARENA_NEW(&builder->plans->arena, struct built_directory);
    builder->no_memory |= !built;
    if (!built)
        return NULL;
    *built = (struct built_directory){
        .next = builder->directories, .settings = settings, .directory = build(builder, settings)};
    builder->directories = built;
    return built;
}

/* What is true of each host of a site: who holds for it. */
static void see_to_host(struct builder *builder, const struct site *site,
                        const struct site_directory *directory, const struct host_name *host,
                        const struct tls_context **fallback)
{
    const struct name_holders *holders =
        host->kind == HOST_ANY
            ? NULL
            : site_directory_find(directory, host->name, host->kind == HOST_WILDCARD);
    if (holders && !*fallback)
        *fallback = holders->context;
    if (holders && !site_note_served(builder, site->name, holders->items, holders->count))
        builder->no_memory = true;
    if (host->kind == HOST_EXACT && !holders)
        diagnostics_warning(
            builder->diagnostics, host->node->position, "put one there that names it",
            "no certificate of the directory holds for \"%.*s\"", SHOWN(host->node->text));
}

/* All of them are served by a site that takes more hosts than it names. */
static void note_all(struct builder *builder, const struct site_directory *directory)
{
    for (uint32_t i = 0; i < directory->count; i++) {
        char memory[NAME_MAX_LENGTH];
        struct text name = text_over(memory, sizeof(memory));
        struct tls_name_walk walk = {.certificate = directory->certificates[i]};
        if (!tls_certificate_next_name(&walk, &name))
            continue;
        struct slice kept = arena_copy(&builder->plans->arena, text_slice(&name));
        if (!kept.data || !site_note_served(builder, kept, &directory->certificates[i], 1))
            builder->no_memory = true;
    }
}

const struct site_directory *site_directory_for(struct builder *builder, const struct site *site,
                                                const struct tls_settings *settings,
                                                const struct tls_context **ret_fallback)
{
    const struct site_settings *its = scope_group(builder->configuration, site->scope, &site_group);
    bool takes_more = its->host.count == 0;
    struct built_directory *built = build_once(builder, settings);
    const struct site_directory *directory = built ? built->directory : NULL;
    *ret_fallback = NULL;
    if (!directory)
        return NULL;
    for (uint32_t i = 0; i < its->host.count; i++) {
        takes_more |= its->host.items[i].kind != HOST_EXACT;
        see_to_host(builder, site, directory, &its->host.items[i], ret_fallback);
    }
    if (takes_more && !built->all_are_noted)
        note_all(builder, directory);
    built->all_are_noted |= takes_more;
    if (!*ret_fallback)
        *ret_fallback = directory->first->context;
    return directory;
}
