/* A directory of certificates comes to a site. */
#include "exchange/site_plan_int.h"

enum { NAME_MAX_LENGTH = 256 };

static bool names_a_host(const struct tls_certificate *certificate)
{
    char memory[NAME_MAX_LENGTH];
    struct text name = text_over(memory, sizeof(memory));
    return tls_certificate_next_name(&(struct tls_name_walk){.certificate = certificate}, &name);
}

static struct tls_certificate *refuse(struct builder *builder, const struct tls_settings *settings,
                                      const struct tls_found *found, const char *problem,
                                      const char *cure)
{
    site_complain(builder, settings, settings->more.directory.node,
                  diagnostics_text(builder->diagnostics, "\"%.*s\" cannot be served: %s",
                                   SHOWN(found->path), problem),
                  (struct tls_finding){.file = found->path,
                                       .problem = slice_from_text(problem),
                                       .cure = slice_from_text(cure)});
    return NULL;
}

static struct tls_certificate *refuse_unread(struct builder *builder,
                                             const struct tls_settings *settings,
                                             const struct tls_found *found)
{
    site_complain(builder, settings, settings->more.directory.node, found->problem,
                  (struct tls_finding){
                      .file = found->path,
                      .problem = slice_from_text(found->problem),
                      .cure = SLICE("make it readable, or take out what does not belong there")});
    return NULL;
}

/* NULL: it is not good, which will be told. */
static struct tls_certificate *read_found(struct builder *builder,
                                          const struct tls_settings *settings,
                                          const struct tls_found *found)
{
    struct tls_reading reading = site_reading(builder, settings);
    struct tls_certificate *certificate = NULL;
    if (settings->pair.ocsp.kind == TLS_OCSP_FETCH)
        reading.staple = TLS_STAPLE_FETCHED;
    if (found->problem)
        return refuse_unread(builder, settings, found);
    enum tls_certificate_state state =
        tls_certificate_new(found->bytes, found->key, &reading, &certificate);
    if (state == TLS_CERTIFICATE_NO_KEY)
        return refuse(builder, settings, found, "there is no private key in it or beside it",
                      "put its key beside it, as NAME.key, or take it out of the directory");
    if (state != TLS_CERTIFICATE_GOOD)
        return refuse(builder, settings, found, tls_certificate_problem(state),
                      tls_certificate_cure(state));
    if (names_a_host(certificate))
        return site_keep_certificate(builder, certificate) ? certificate : NULL;
    tls_certificate_unref(certificate);
    return refuse(builder, settings, found, "it names no host",
                  "get one with alternative names, or take it out");
}

/* Gives the certificate, or NULL. False: no memory. */
static bool add(struct builder *builder, const struct tls_settings *settings,
                const struct tls_found *found, struct site_directory *directory,
                const struct tls_certificate **ret_certificate)
{
    const struct tls_certificate *certificate =
        found->holds_none ? NULL : read_found(builder, settings, found);
    *ret_certificate = certificate;
    if (!certificate) {
        site_note_bad_files(builder, found->path, found->key_path);
        return true;
    }
    builder->good++;
    return site_directory_add(directory, certificate);
}

/* One that another has taken the place of is nobody's trouble any more. */
static void tell_of_shown(struct builder *builder, const struct tls_settings *settings,
                          const struct site_directory *directory,
                          const struct tls_certificate *const *certificates)
{
    const struct tls_directory *found = &settings->more.directory;
    uint32_t unstapled = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        if (!certificates[i] || !site_directory_shows(directory, certificates[i]))
            continue;
        struct slice path = found->items[i].path;
        const char *which =
            diagnostics_text(builder->diagnostics, "the certificate \"%.*s\"", SHOWN(path));
        site_tell_time(builder, settings, certificates[i], found->node, which, path);
        unstapled += !site_staple_found(builder, certificates[i], settings, which);
    }
    site_warn_of_unstapled(builder, settings, unstapled);
}

static void refuse_empty(struct builder *builder, const struct tls_settings *settings)
{
    const struct node *node = settings->more.directory.node;
    site_complain(builder, settings, node,
                  diagnostics_text(builder->diagnostics,
                                   "there is no certificate in \"%.*s\" that can be served",
                                   SHOWN(node->text)),
                  (struct tls_finding){
                      .file = node->text,
                      .problem = SLICE("there is no certificate in it that can be served"),
                      .cure = SLICE("put files NAME.pem there, with the key in them or beside them "
                                    "as NAME.key")});
}

static const struct site_directory *build(struct builder *builder,
                                          const struct tls_settings *settings)
{
    const struct tls_directory *found = &settings->more.directory;
    struct site_directory *directory = site_directory_new(&builder->plans->arena, found->count);
    struct site_terms terms;
    const struct tls_certificate **certificates =
        ARENA_ARRAY(&builder->plans->arena, const struct tls_certificate *, found->count + 1);
    bool good = directory && certificates;
    for (uint32_t i = 0; good && i < found->count; i++)
        good = add(builder, settings, &found->items[i], directory, &certificates[i]);
    if (good)
        tell_of_shown(builder, settings, directory, certificates);
    bool is_told = !site_terms_open(builder, settings, &terms);
    if (good && !is_told)
        good = site_directory_make_contexts(directory, builder->manners, &terms.terms);
    site_terms_close(&terms);
    builder->no_memory |= !good;
    if (!good || is_told)
        return NULL;
    if (!directory->first)
        refuse_empty(builder, settings);
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
                        const struct tls_settings *settings, const struct site_directory *directory,
                        const struct host_name *host, const struct tls_context **fallback)
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
        site_tell_lack(builder, settings, host, SLICE(""));
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
        see_to_host(builder, site, settings, directory, &its->host.items[i], ret_fallback);
    }
    if (takes_more && !built->all_are_noted)
        note_all(builder, directory);
    built->all_are_noted |= takes_more;
    if (!*ret_fallback)
        *ret_fallback = directory->first->context;
    return directory;
}
