#include "upstream/assignment.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/text.h"
#include "http/byte_class.h"
#include "http/cookie.h"
#include "policy/hash_index.h"

enum {
    TOKEN_BYTES = 16,  /* of the keyed hash: nobody guesses 128 bits */
    TOKEN_LENGTH = 22, /* as text */
    SECRET_LEAST = 32,
    SECRET_MOST = 4096,
};

struct assignment {
    struct slice cookie;
    struct slice attributes; /* that follow the value */
    enum assignment_secure secure;
    struct tls_mac key; /* of this owner */
    char (*tokens)[TOKEN_LENGTH];
    struct hash_index index;
    uint32_t count, capacity;
};

/* ---- settings */

const char *const assignment_secure_choices[] = {"auto", "on", "off", NULL};
const char *const assignment_same_site_choices[] = {"lax", "strict", "none", "off", NULL};

static struct slice without_end(struct slice bytes)
{
    while (bytes.length > 0 && (unsigned char)bytes.data[bytes.length - 1] <= ' ')
        bytes.length--;
    return bytes;
}

/* What is kept is made of the secret, which itself is overwritten. */
bool assignment_read_secret(struct setting_reader *reader, const struct node *node, void *field)
{
    struct assignment_secret *secret = field;
    struct slice bytes;
    *secret = (struct assignment_secret){0};
    if (node_is_word(node, "off"))
        return true;
    if (node->kind != NODE_SCALAR || node->text.length == 0)
        return setting_refuse(reader, "secret", "a file", "/etc/weir/sticky.secret", node);
    if (!setting_read_file(reader, node, SECRET_MOST, &bytes))
        return false;
    struct slice text = without_end(bytes);
    secret->node = node;
    secret->is_short = text.length < SECRET_LEAST;
    bool good = tls_mac_key(text, &secret->key);
    slice_cleanse(bytes);
    return good;
}

bool assignment_check_secret(const struct assignment_settings *settings,
                             struct diagnostics *diagnostics)
{
    if (settings->secret.node && settings->secret.is_short)
        diagnostics_error(diagnostics, settings->secret.node->position,
                          "make one with: head -c 32 /dev/urandom | base64",
                          "the secret has less than %d bytes", SECRET_LEAST);
    return !settings->secret.node || !settings->secret.is_short;
}

/* RFC 6265 4.1.1: no control byte, and no semicolon. */
static bool is_attribute(struct slice text)
{
    bool good = true;
    for (size_t i = 0; i < text.length; i++)
        good &= text.data[i] >= ' ' && text.data[i] <= '~' && text.data[i] != ';';
    return good;
}

static void refuse(struct diagnostics *diagnostics, const struct node *node, const char *name,
                   const char *cure, const char *wrong)
{
    const struct node *value = node_find(node, slice_from_text(name));
    diagnostics_error(diagnostics, value ? value->position : node->position, cure, "%s", wrong);
}

/* Browsers drop a cookie that breaks the promise of its name (RFC 6265bis 4.1.3). */
static void check_prefix(const struct assignment_settings *settings, const struct node *node,
                         struct diagnostics *diagnostics)
{
    bool is_host = slice_starts_with(settings->cookie, SLICE("__Host-"));
    bool is_prefixed = is_host || slice_starts_with(settings->cookie, SLICE("__Secure-"));
    if (is_prefixed && settings->secure != ASSIGNMENT_SECURE_ON)
        refuse(diagnostics, node, "cookie", "write secure: on, or take another name",
               "browsers take a cookie of such a name only where it is Secure");
    if (is_host && (settings->domain.length > 0 || !slice_equal(settings->path, SLICE("/"))))
        refuse(diagnostics, node, "cookie", "leave domain and path away, or take another name",
               "browsers take a cookie of such a name only without Domain and with the Path /");
}

void assignment_check(const struct assignment_settings *settings, const struct node *node,
                      struct diagnostics *diagnostics)
{
    if (!bytes_are(settings->cookie, BYTE_TOKEN))
        refuse(diagnostics, node, "cookie", "write letters, digits, - and _",
               "no cookie can have this name");
    if (!is_attribute(settings->path) || !slice_starts_with(settings->path, SLICE("/")))
        refuse(diagnostics, node, "path", "write it as /shop/", "this is no path of a cookie");
    if (!is_attribute(settings->domain))
        refuse(diagnostics, node, "domain", "write it as example.com",
               "this is no domain of a cookie");
    if (settings->same_site == ASSIGNMENT_SAME_SITE_NONE &&
        settings->secure == ASSIGNMENT_SECURE_OFF)
        refuse(diagnostics, node, "same_site", "write secure: auto",
               "browsers take a cookie with same_site: none only where it is Secure");
    check_prefix(settings, node, diagnostics);
}

/* ---- compiling */

static struct slice write_attributes(struct arena *arena,
                                     const struct assignment_settings *settings)
{
    static const char *const same_site[] = {[ASSIGNMENT_SAME_SITE_LAX] = "; SameSite=Lax",
                                            [ASSIGNMENT_SAME_SITE_STRICT] = "; SameSite=Strict",
                                            [ASSIGNMENT_SAME_SITE_NONE] = "; SameSite=None",
                                            [ASSIGNMENT_SAME_SITE_OFF] = ""};
    char memory[48];
    struct text age = text_over(memory, sizeof(memory));
    if (settings->lifetime > 0)
        text_print(&age, "; Max-Age=%lld", (long long)(settings->lifetime + SECOND - 1) / SECOND);
    struct slice parts[] = {
        SLICE("; Path="),
        settings->path,
        settings->domain.length > 0 ? SLICE("; Domain=") : SLICE(""),
        settings->domain,
        text_slice(&age),
        settings->http_only ? SLICE("; HttpOnly") : SLICE(""),
        slice_from_text(same_site[settings->same_site]),
    };
    return arena_join(arena, parts, sizeof(parts) / sizeof(parts[0]));
}

struct assignment *assignment_new(struct arena *arena, const struct assignment_settings *settings,
                                  const struct tls_mac *random, struct slice kind,
                                  struct slice owner, uint32_t count)
{
    ASSERT(settings->cookie.length > 0 && count > 0);
    struct assignment *assignment = ARENA_NEW(arena, struct assignment);
    const struct tls_mac *secret = settings->secret.node ? &settings->secret.key : random;
    struct tls_mac of_kind;
    if (!assignment || !tls_mac_make(secret, kind, &of_kind) ||
        !tls_mac_make(&of_kind, owner, &assignment->key) ||
        !hash_index_init(&assignment->index, arena, count))
        return NULL;
    assignment->cookie = settings->cookie;
    assignment->attributes = write_attributes(arena, settings);
    assignment->secure = (enum assignment_secure)settings->secure;
    assignment->capacity = count;
    assignment->tokens = arena_calloc(arena, count * sizeof(*assignment->tokens));
    return assignment->tokens && assignment->attributes.data ? assignment : NULL;
}

/* Base64 as RFC 4648 5 has it for URLs, without padding. */
static void write_token(char *token, const struct tls_mac *mac)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, held = 0, length = 0;
    for (unsigned i = 0; i < TOKEN_BYTES; i++) {
        bits = bits << 8 | mac->bytes[i];
        for (held += 8; held >= 6; held -= 6)
            token[length++] = digits[bits >> (held - 6) & 63];
    }
    token[length++] = digits[bits << (6 - held) & 63];
    ASSERT(length == TOKEN_LENGTH);
}

static struct slice token_of(const struct assignment *assignment, uint32_t choice)
{
    ASSERT(choice < assignment->count);
    return slice_of(assignment->tokens[choice], TOKEN_LENGTH);
}

bool assignment_add(struct assignment *assignment, struct slice name)
{
    ASSERT(assignment->count < assignment->capacity);
    struct tls_mac mac;
    if (!tls_mac_make(&assignment->key, name, &mac))
        return false;
    uint32_t choice = assignment->count++;
    write_token(assignment->tokens[choice], &mac);
    hash_index_add(&assignment->index, (uint32_t)slice_hash(token_of(assignment, choice), 0),
                   choice);
    return true;
}

/* ---- asking */

static int find_token(const struct assignment *assignment, struct slice token)
{
    if (token.length != TOKEN_LENGTH)
        return ASSIGNMENT_UNKNOWN;
    uint32_t hash = (uint32_t)slice_hash(token, 0), at = hash, choice;
    while ((choice = hash_index_next(&assignment->index, hash, &at)) != HASH_INDEX_NONE) {
        if (tls_mac_equal(token, token_of(assignment, choice)))
            return (int)choice;
    }
    return ASSIGNMENT_UNKNOWN;
}

/* All cookies of the name are looked at: one that somebody else has set beside ours must not hide
 * it (RFC 6265 8.6). */
int assignment_find(const struct assignment *assignment, const struct fields *request)
{
    int found = ASSIGNMENT_ABSENT;
    for (uint32_t i = 0; i < request->count; i++) {
        const struct field *field = &request->items[i];
        if (field->id != FIELD_COOKIE || slice_is_empty(field->name))
            continue;
        struct slice rest = field->value, name, value;
        while (cookie_next(&rest, &name, &value)) {
            if (!slice_equal(name, assignment->cookie))
                continue;
            found = find_token(assignment, value);
            if (found >= 0)
                return found;
        }
    }
    return found;
}

struct slice assignment_tell(const struct assignment *assignment, uint32_t choice, bool is_secure,
                             struct arena *arena)
{
    bool says_so = assignment->secure == ASSIGNMENT_SECURE_ON ||
                   (assignment->secure == ASSIGNMENT_SECURE_AUTO && is_secure);
    struct slice parts[] = {assignment->cookie, SLICE("="), token_of(assignment, choice),
                            assignment->attributes, says_so ? SLICE("; Secure") : SLICE("")};
    return arena_join(arena, parts, sizeof(parts) / sizeof(parts[0]));
}

struct slice assignment_cookie(const struct assignment *assignment)
{
    return assignment->cookie;
}
