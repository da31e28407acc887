#include "main/load_warnings.h"

#include "base/map.h"
#include "control/admin_settings.h"
#include "exchange/mirror.h"
#include "exchange/split.h"

enum { PATH_LENGTH_MAX = 4096 };

/* Most often such an upstream is misspelt where it was to be used. */
static void warn_of_unused(const struct snapshot *snapshot, struct diagnostics *diagnostics)
{
    const struct configuration *configuration = snapshot->configuration;
    struct route_table *routes = snapshot_get(snapshot, &route_part);
    struct map used;
    bool good = true;
    map_init(&used);
    for (size_t i = 0; i < route_table_count(routes); i++) {
        const struct plan *plan = route_table_get(routes, i)->plan;
        if (plan && plan->upstream)
            good &= map_set(&used, plan->upstream->name, &used);
        if (plan && plan->mirror)
            good &= map_set(&used, plan->mirror->upstream->name, &used);
        for (uint32_t j = 0; plan && plan->split && j < plan->split->count; j++)
            good &= map_set(&used, plan->split->plans[j]->upstream->name, &used);
    }
    for (uint32_t i = 0; good && i < configuration->upstream_count; i++) {
        const struct scope *upstream = configuration->upstreams[i];
        if (!map_get(&used, upstream->name))
            diagnostics_warning(
                diagnostics, upstream->node->position,
                diagnostics_text(diagnostics,
                                 "write its name alone in a \"proxy\", \"split\" or "
                                 "\"mirror\", as in proxy: %.*s, or take it out",
                                 SHOWN(upstream->name)),
                "nobody uses the upstream \"%.*s\"", SHOWN(upstream->name));
    }
    map_fini(&used);
}

/* Whether everybody on this machine may read the file. */
static bool is_open_to_all(struct sys_opener *opener, struct slice path)
{
    char text[PATH_LENGTH_MAX];
    if (path.length >= sizeof(text))
        return false;
    memcpy(text, path.data, path.length);
    text[path.length] = '\0';
    int fd = opener->open_to_read(opener, text);
    if (fd < 0)
        return false;
    bool result = sys_is_readable_by_others(fd);
    sys_close(fd);
    return result;
}

static void warn_of_open_secret(const struct configuration *configuration,
                                struct sys_opener *opener, struct diagnostics *diagnostics)
{
    const struct node *admin =
        scope_source(configuration, configuration->top, &admin_group, "admin");
    const struct node *token = node_find(admin, SLICE("token"));
    if (!token || token->environment || opener->process != 0)
        return;
    struct slice file = configuration->sources[token->position.source].name;
    if (is_open_to_all(opener, file))
        diagnostics_warning(diagnostics, token->position,
                            "chmod o-r the file, or write token: ${env.WEIR_TOKEN}",
                            "the file with this token may be read by everybody on this machine");
}

void load_warn(const struct snapshot *snapshot, struct sys_opener *opener,
               struct diagnostics *diagnostics)
{
    warn_of_unused(snapshot, diagnostics);
    warn_of_open_secret(snapshot->configuration, opener, diagnostics);
}
