/* Cookies that keep clients where they are: each names one of several choices (a server of an
 * upstream, a variant of a split) by a *token*, a keyed hash of the choice's name. So nobody who
 * lacks the secret can make one or learn a name from it, nothing has to be remembered here, and
 * the same choices have the same tokens under the same secret: on all threads, after a reload, on
 * another machine. What was compiled is immutable. */
#pragma once

#include "conf/configuration.h"
#include "http/message.h"
#include "tls/tls_mac.h"

struct assignment;

/* The file of `secret`. */
struct assignment_secret {
    const struct node *node; /* NULL: none is named */
    bool is_short;           /* too short to be one */
    struct tls_mac key;      /* made of it */
};

/* How the cookie is written. */
struct assignment_settings {
    struct slice cookie; /* its name; empty: there is none */
    struct slice path, domain;
    int64_t lifetime; /* milliseconds; 0: until the browser is closed */
    int secure;       /* enum assignment_secure */
    bool http_only;
    int same_site; /* enum assignment_same_site */
    struct assignment_secret secret;
};

enum assignment_secure { ASSIGNMENT_SECURE_AUTO, ASSIGNMENT_SECURE_ON, ASSIGNMENT_SECURE_OFF };
enum assignment_same_site {
    ASSIGNMENT_SAME_SITE_LAX,
    ASSIGNMENT_SAME_SITE_STRICT,
    ASSIGNMENT_SAME_SITE_NONE,
    ASSIGNMENT_SAME_SITE_OFF,
};
extern const char *const assignment_secure_choices[], *const assignment_same_site_choices[];

bool assignment_read_secret(struct setting_reader *reader, const struct node *node, void *field);

#define ASSIGNMENT_RECORD(name_, type_, owner, field, scopes_, ...)                                \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(owner, field),                            \
        .size = sizeof(((owner *)0)->field), .scopes = scopes_, __VA_ARGS__                        \
    }

/* The records of a struct assignment_settings that is the member `assignment` of `owner`. */
#define ASSIGNMENT_RECORDS(owner, scopes, cookie_standard, cookie_summary)                         \
    ASSIGNMENT_RECORD("cookie", SETTING_TEXT, owner, assignment.cookie, scopes,                    \
                      .standard = cookie_standard, .summary = cookie_summary,                      \
                      .example = "shop_server"),                                                   \
        ASSIGNMENT_RECORD("path", SETTING_TEXT, owner, assignment.path, scopes, .standard = "/",   \
                          .summary = "The Path of the cookie: for which paths it is sent.",        \
                          .example = "/shop/"),                                                    \
        ASSIGNMENT_RECORD("domain", SETTING_TEXT, owner, assignment.domain, scopes,                \
                          .summary = "The Domain of the cookie; without one it is for the host "   \
                                     "that was asked alone.",                                      \
                          .example = "example.com"),                                               \
        ASSIGNMENT_RECORD("lifetime", SETTING_DURATION, owner, assignment.lifetime, scopes,        \
                          .standard = "off", .max = (int64_t)400 * DAY,                            \
                          .summary = "How long a browser keeps the cookie; off for until it is "   \
                                     "closed.",                                                    \
                          .example = "12h"),                                                       \
        ASSIGNMENT_RECORD("secure", SETTING_CHOICE, owner, assignment.secure, scopes,              \
                          .standard = "auto", .choices = assignment_secure_choices,                \
                          .summary = "Whether the cookie is Secure; auto: where the client came "  \
                                     "over TLS.",                                                  \
                          .example = "on"),                                                        \
        ASSIGNMENT_RECORD(                                                                         \
            "http_only", SETTING_SWITCH, owner, assignment.http_only, scopes, .standard = "on",    \
            .summary = "Whether the cookie is HttpOnly: no script reads it.", .example = "off"),   \
        ASSIGNMENT_RECORD("same_site", SETTING_CHOICE, owner, assignment.same_site, scopes,        \
                          .standard = "lax", .choices = assignment_same_site_choices,              \
                          .summary = "The SameSite of the cookie: lax, strict, none, or off.",     \
                          .example = "strict"),                                                    \
        ASSIGNMENT_RECORD("secret", SETTING_CUSTOM, owner, assignment.secret, scopes,              \
                          .read = assignment_read_secret, .form = "TEXT", .names_files = true,     \
                          .summary = "The file with the secret under which cookies are signed, "   \
                                     "the same on several machines; without one it is made at "    \
                                     "the start, and is lost with the process.",                   \
                          .example = "/etc/weir/sticky.secret")

/* What the records cannot say. `node` is the mapping. */
void assignment_check(const struct assignment_settings *settings, const struct node *node,
                      struct diagnostics *diagnostics);

/* Whether the secret can be one; else it is told. */
bool assignment_check_secret(const struct assignment_settings *settings,
                             struct diagnostics *diagnostics);

/* For at most `count` choices. `random`: the key where no secret is named. `kind` and `owner`: what
 * the choices are, and whose; others have other tokens. NULL: no memory. */
struct assignment *assignment_new(struct arena *arena, const struct assignment_settings *settings,
                                  const struct tls_mac *random, struct slice kind,
                                  struct slice owner, uint32_t count);

/* The next choice, from 0. False: the library failed. */
bool assignment_add(struct assignment *assignment, struct slice name);

enum {
    ASSIGNMENT_ABSENT = -1,  /* there is no such cookie */
    ASSIGNMENT_UNKNOWN = -2, /* there is, and it names no choice: forged, of another secret or
                                owner, or of a choice that is gone */
};

/* The choice that a request's cookies name; else one of the above. */
int assignment_find(const struct assignment *assignment, const struct fields *request);

/* The value of Set-Cookie that names a choice. Data is NULL: no memory. */
struct slice assignment_tell(const struct assignment *assignment, uint32_t choice, bool is_secure,
                             struct arena *arena);

/* The name of the cookie. */
struct slice assignment_cookie(const struct assignment *assignment);
