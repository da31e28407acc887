#include "upstream/sticky.h"

static const struct setting settings[] = {
    ASSIGNMENT_RECORDS(struct sticky_settings, SCOPE_UPSTREAM, NULL,
                       "The cookie that Weir sets and by which it knows to which server a client "
                       "belongs."),
    {.name = "by",
     .type = SETTING_TEMPLATE,
     .offset = offsetof(struct sticky_settings, by),
     .size = sizeof(const struct template *),
     .phase = TEMPLATE_REQUEST,
     .scopes = SCOPE_UPSTREAM,
     .summary = "In the place of a cookie: requests of which this is the same go to one server.",
     .example = "$client_ip"},
};

/* What differs from its default; `weir check --effective` writes the defaults out. */
static void warn_of_forgotten_cookie(const struct assignment_settings *own, const struct node *node,
                                     struct diagnostics *diagnostics)
{
    const struct {
        const char *name;
        bool differs;
    } rows[] = {
        {"path", !slice_equal(own->path, SLICE("/"))},
        {"domain", own->domain.length > 0},
        {"lifetime", own->lifetime > 0},
        {"secure", own->secure != ASSIGNMENT_SECURE_AUTO},
        {"http_only", !own->http_only},
        {"same_site", own->same_site != ASSIGNMENT_SAME_SITE_LAX},
        {"secret", own->secret.node != NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct node *written = node_find(node, slice_from_text(rows[i].name));
        if (written && rows[i].differs)
            diagnostics_warning(diagnostics, written->position,
                                "name the cookie, too: cookie: shop_server",
                                "\"%s\" is for a cookie, and there is none", rows[i].name);
    }
}

static void check(const void *group, const struct node *node, struct diagnostics *diagnostics)
{
    const struct sticky_settings *own = group;
    const struct node *by = node_find(node, SLICE("by"));
    struct slice text;
    assignment_check(&own->assignment, node, diagnostics);
    if (own->assignment.cookie.length == 0)
        warn_of_forgotten_cookie(&own->assignment, node, diagnostics);
    else if (own->by)
        diagnostics_error(diagnostics, node->position,
                          "write one of them, or take one out with off",
                          "clients stick by a cookie or \"by\" something, not by both");
    if (by && own->by && template_is_constant(own->by, &text))
        diagnostics_error(diagnostics, by->position,
                          "write what differs: $client_ip, $cookie.session",
                          "a text without variables leads every request to one server");
    if (by && own->by && template_captures(own->by) > 0)
        diagnostics_error(diagnostics, by->position, "write $path, or what else the request has",
                          "captures are of the path of a route, and an upstream has none");
}

const struct setting_group sticky_group = {
    .name = "sticky",
    .settings = settings,
    .count = sizeof(settings) / sizeof(settings[0]),
    .size = sizeof(struct sticky_settings),
    .check = check,
    .summary = "How clients stay with the server that they were given to.",
};
