/* `versions`, `ciphers` and `groups` in the `tls` of a site. */
#include "tls/tls_context_int.h"
#include "tls/tls_settings.h"

#include "base/arena.h"

#include <openssl/err.h>

enum { ITEMS_MAX = 64, NAME_MAX_LENGTH = 64, CANDIDATES_MAX = 256 };

/* ---- lists of names */

struct names {
    struct slice *items;
    size_t count;
    struct text text; /* with colons between them, and a NUL behind */
};

/* False: it was told, or there is no memory. */
static bool read_names(struct setting_reader *reader, const char *name, const char *example,
                       const struct node *node, struct names *ret_names)
{
    enum { SIZE = ITEMS_MAX * (NAME_MAX_LENGTH + 1) };
    if (!setting_read_texts(reader, name, example, node, &ret_names->items, &ret_names->count))
        return false;
    char *memory = arena_alloc(reader->arena, SIZE);
    ret_names->text = text_over(memory, memory ? SIZE - 1 : 0);
    if (memory && ret_names->count <= ITEMS_MAX)
        return true;
    if (memory)
        diagnostics_error(reader->diagnostics, node->position, "clients choose among the first",
                          "\"%s\" has at most %d entries", name, ITEMS_MAX);
    return false;
}

static const struct node *item_of(const struct node *node, size_t index)
{
    return node->kind == NODE_SEQUENCE ? node->items[index] : node;
}

static void add_name(struct text *text, struct slice name)
{
    if (text->length > 0)
        text_add_byte(text, ':');
    text_add(text, name);
    text->data[text->length] = '\0';
}

static bool refuse_name(struct setting_reader *reader, const struct node *item, const char *what,
                        const char *const *known, size_t count)
{
    const char *meant = did_you_mean(item->text, known, count);
    diagnostics_error(reader->diagnostics, item->position,
                      meant ? diagnostics_text(reader->diagnostics, "did you mean \"%s\"?", meant)
                            : NULL,
                      "\"%.*s\" is no %s that is known here", SHOWN(item->text), what);
    return false;
}

/* ---- versions */

static const char *const version_names[] = {"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
static const int version_numbers[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};

enum { VERSIONS = 4 };

/* A bit for each. False: it was told. */
static bool read_version(struct setting_reader *reader, const struct node *item, unsigned *versions)
{
    for (unsigned i = 0; i < VERSIONS; i++) {
        if (slice_equal(item->text, slice_from_text(version_names[i]))) {
            *versions |= 1u << i;
            return true;
        }
    }
    return refuse_name(reader, item, "version of TLS", version_names, VERSIONS);
}

bool tls_versions_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct tls_versions *versions = field;
    struct names names;
    unsigned set = 0;
    bool good = true;
    *versions = (struct tls_versions){0};
    if (node_is_word(node, "off"))
        return true;
    if (!read_names(reader, "versions", "[TLSv1.2, TLSv1.3]", node, &names))
        return false;
    for (size_t i = 0; i < names.count; i++)
        good &= read_version(reader, item_of(node, i), &set);
    if (!good)
        return false;
    unsigned first = (unsigned)__builtin_ctz(set), last = 31 - (unsigned)__builtin_clz(set);
    if (set != (1u << (last + 1)) - (1u << first)) {
        diagnostics_error(reader->diagnostics, node->position, "name those in between, too",
                          "the versions of TLS leave one out that lies between them");
        return false;
    }
    *versions = (struct tls_versions){version_numbers[first], version_numbers[last]};
    return true;
}

/* ---- ciphers */

/* All that can be chosen: none that the library itself holds to be weak. */
static SSL_CTX *all_ciphers(void)
{
    SSL_CTX *all = tls_start_library() ? SSL_CTX_new(TLS_server_method()) : NULL;
    if (!all)
        return NULL;
    SSL_CTX_set_security_level(all, 2);
    if (SSL_CTX_set_cipher_list(all, "ALL:!aNULL:!eNULL:!PSK:!SRP") == 1)
        return all;
    SSL_CTX_free(all);
    return NULL;
}

static const SSL_CIPHER *find_cipher(const SSL_CTX *all, struct slice name)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(all);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        const char *standard = SSL_CIPHER_standard_name(cipher);
        if (slice_equal(name, slice_from_text(SSL_CIPHER_get_name(cipher))) ||
            (standard && slice_equal(name, slice_from_text(standard))))
            return cipher;
    }
    return NULL;
}

static bool refuse_cipher(struct setting_reader *reader, const SSL_CTX *all,
                          const struct node *item)
{
    const char *known[CANDIDATES_MAX];
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(all);
    size_t count = 0;
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers) && count < CANDIDATES_MAX; i++)
        known[count++] = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i));
    return refuse_name(reader, item, "cipher", known, count);
}

static bool sort_ciphers(struct setting_reader *reader, const struct node *node, const SSL_CTX *all,
                         struct names *ciphers, struct text *suites)
{
    bool good = true;
    for (size_t i = 0; i < ciphers->count; i++) {
        const SSL_CIPHER *cipher = find_cipher(all, ciphers->items[i]);
        if (!cipher) {
            good = refuse_cipher(reader, all, item_of(node, i));
            continue;
        }
        bool is_13 = SSL_CIPHER_get_kx_nid(cipher) == NID_kx_any;
        add_name(is_13 ? suites : &ciphers->text, slice_from_text(SSL_CIPHER_get_name(cipher)));
    }
    return good;
}

bool tls_ciphers_read(struct setting_reader *reader, const struct node *node, void *field)
{
    struct tls_ciphers *ciphers = field;
    struct names names, suites;
    static const char example[] = "[TLS_AES_256_GCM_SHA384, ECDHE-ECDSA-AES256-GCM-SHA384]";
    *ciphers = (struct tls_ciphers){0};
    if (node_is_word(node, "off"))
        return true;
    if (!read_names(reader, "ciphers", example, node, &names) ||
        !read_names(reader, "ciphers", example, node, &suites))
        return false;
    SSL_CTX *all = all_ciphers();
    bool good = all && sort_ciphers(reader, node, all, &names, &suites.text);
    SSL_CTX_free(all);
    ERR_clear_error();
    if (good)
        *ciphers = (struct tls_ciphers){
            .ciphers = names.text.length > 0 ? names.text.data : NULL,
            .suites = suites.text.length > 0 ? suites.text.data : NULL,
        };
    return good;
}

/* ---- groups */

static const char *const group_names[] = {"X25519", "P-256", "P-384", "P-521", "X448"};

enum { GROUPS = sizeof(group_names) / sizeof(group_names[0]) };

bool tls_groups_read(struct setting_reader *reader, const struct node *node, void *field)
{
    const char **groups = field;
    struct names names;
    bool good = true;
    *groups = NULL;
    if (node_is_word(node, "off"))
        return true;
    if (!read_names(reader, "groups", "[X25519, P-256]", node, &names))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        bool found = false;
        for (size_t j = 0; j < GROUPS; j++)
            found |= slice_equal(names.items[i], slice_from_text(group_names[j]));
        if (found)
            add_name(&names.text, names.items[i]);
        else
            good = refuse_name(reader, item_of(node, i), "group", group_names, GROUPS);
    }
    if (good)
        *groups = names.text.data;
    return good;
}
