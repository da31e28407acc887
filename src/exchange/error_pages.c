#include "exchange/error_pages.h"

#include "base/assert.h"
#include "exchange/exchange.h"
#include "exchange/page.h"
#include "http/accept.h"

/* ---- the setting */

#define EXAMPLE "{404: pages/404.html, 5xx: [pages/error.html, pages/error.json]}"

static const struct {
    const char *ending;
    struct error_page page;
} kinds[] = {
    {".html", {SLICE("text/html"), SLICE("text/html; charset=utf-8"), PAGE_HTML, NULL}},
    {".htm", {SLICE("text/html"), SLICE("text/html; charset=utf-8"), PAGE_HTML, NULL}},
    {".json", {SLICE("application/json"), SLICE("application/json"), PAGE_JSON, NULL}},
    {".txt", {SLICE("text/plain"), SLICE("text/plain; charset=utf-8"), PAGE_PLAIN, NULL}},
};

static const struct error_page *kind_of(struct slice path)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (slice_ends_with(path, slice_from_text(kinds[i].ending)))
            return &kinds[i].page;
    }
    return NULL;
}

/* What is wrong inside of the page is told where the page is named. */
static void tell_of_page(struct setting_reader *reader, const struct node *path,
                         const struct diagnostics *found)
{
    for (size_t i = 0; i < diagnostics_count(found); i++) {
        const struct diagnostic *diagnostic = diagnostics_get(found, i);
        const char *cure = diagnostics_text(reader->diagnostics, "%.*s", SHOWN(diagnostic->cure));
        diagnostics_error(reader->diagnostics, path->position,
                          diagnostic->cure.length ? cure : NULL, "in this page: %.*s",
                          (int)diagnostic->what.length, diagnostic->what.data);
    }
}

static const struct template *compile_page(struct setting_reader *reader, const struct node *path,
                                           struct slice bytes)
{
    enum { TOLD_MAX = 8 };
    const struct node text = {
        .position = path->position, .kind = NODE_SCALAR, .quoted = true, .text = bytes};
    struct diagnostics *found = diagnostics_new(TOLD_MAX);
    if (!found)
        return NULL;
    const struct template *template =
        template_compile(&text, TEMPLATE_RESPONSE, 0, reader->variables, reader->arena, found);
    tell_of_page(reader, path, found);
    diagnostics_free(found);
    return template;
}

static bool read_page(struct setting_reader *reader, const struct node *path,
                      struct error_page *ret_page)
{
    struct slice bytes;
    if (path->kind != NODE_SCALAR)
        return setting_refuse(reader, "error_pages", "a file or a list of files for each status",
                              EXAMPLE, path);
    const struct error_page *kind = kind_of(path->text);
    if (!kind) {
        diagnostics_error(reader->diagnostics, path->position,
                          "name a file that ends in .html, .json or .txt",
                          "its type cannot be seen from the name \"%.*s\"", SHOWN(path->text));
        return false;
    }
    if (!setting_read_file(reader, path, ERROR_PAGE_SIZE_MAX, &bytes))
        return false;
    *ret_page = *kind;
    ret_page->body = compile_page(reader, path, bytes);
    return ret_page->body != NULL;
}

static bool read_pages(struct setting_reader *reader, const struct node *node,
                       struct error_page_entry *entry)
{
    if (node_is_word(node, "off"))
        return true;
    bool is_list = node->kind == NODE_SEQUENCE;
    uint32_t count = is_list ? node->count : 1;
    if (count > ERROR_PAGE_FILES_MAX || count == 0) {
        diagnostics_error(reader->diagnostics, node->position, "name one for each type",
                          "there are one to %d pages for a status", ERROR_PAGE_FILES_MAX);
        return false;
    }
    bool good = true;
    for (uint32_t i = 0; i < count; i++)
        good &= read_page(reader, is_list ? node->items[i] : node, &entry->pages[i]);
    entry->count = (uint16_t)count;
    return good;
}

/* `404` or `5xx`; 0: neither. */
static uint16_t read_status(struct slice key)
{
    uint64_t number = 0;
    if (key.length != 3 || (key.data[0] != '4' && key.data[0] != '5'))
        return 0;
    if (slice_equal(slice_from(key, 1), SLICE("xx")))
        return (uint16_t)(key.data[0] - '0');
    return slice_to_number(key, 599, &number) ? (uint16_t)number : 0;
}

static bool read_entry(struct setting_reader *reader, const struct node_pair *pair,
                       struct error_page_entry *entry)
{
    entry->status = read_status(pair->key);
    if (entry->status != 0)
        return read_pages(reader, pair->value, entry);
    diagnostics_error(reader->diagnostics, pair->key_position,
                      "write a status from 400 to 599, or 4xx or 5xx for all of a class",
                      "\"%.*s\" is no status of an error", SHOWN(pair->key));
    return false;
}

/* Entries of the scope around hold on where this one says nothing. */
static uint32_t inherit(const struct error_pages *around, const struct node *node,
                        const struct error_page_entry **items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; around && i < around->count; i++) {
        bool is_replaced = false;
        for (uint32_t j = 0; j < node->count; j++)
            is_replaced |= read_status(node->pairs[j].key) == around->items[i]->status;
        if (!is_replaced)
            items[count++] = around->items[i];
    }
    return count;
}

static bool read_error_pages(struct setting_reader *reader, const struct node *node, void *field)
{
    struct error_pages *pages = field;
    if (node_is_word(node, "off")) {
        *pages = (struct error_pages){0};
        return true;
    }
    if (node->kind != NODE_MAPPING)
        return setting_refuse(reader, "error_pages", "a mapping or off", EXAMPLE, node);
    const struct error_pages *around = reader->inherited;
    const struct error_page_entry **items = ARENA_ARRAY(
        reader->arena, const struct error_page_entry *, node->count + (around ? around->count : 0));
    struct error_page_entry *own =
        ARENA_ARRAY(reader->arena, struct error_page_entry, (size_t)node->count);
    bool good = items && own;
    uint32_t count = good ? inherit(around, node, items) : 0;
    for (uint32_t i = 0; items && own && i < node->count; i++) {
        good &= read_entry(reader, &node->pairs[i], &own[i]);
        items[count++] = &own[i];
    }
    if (good)
        *pages = (struct error_pages){.items = items, .count = count};
    return good;
}

static const struct setting rows[] = {
    {.name = "error_pages",
     .type = SETTING_CUSTOM,
     .offset = 0,
     .size = sizeof(struct error_pages),
     .read = read_error_pages,
     .standard = "off",
     .form = "off | {*: off | TEXT | [TEXT]}",
     .scopes = SCOPE_TOP | SCOPE_SITE | SCOPE_ROUTE,
     .names_files = true,
     .summary = "What is shown when Weir itself answers with an error: a file, or files of "
                "different types, for a status or a class of them; files may have variables.",
     .example = EXAMPLE},
};

const struct setting_group error_pages_group = {
    .name = "",
    .settings = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .size = sizeof(struct error_pages),
    .summary = "Pages for errors.",
};

/* ---- values in a page: bytes of the client must not become part of its syntax */

static void add_html(struct text *text, char byte)
{
    static const char *const names[256] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    const char *name = names[(unsigned char)byte];
    if (name)
        text_add(text, slice_from_text(name));
    else
        text_add_byte(text, byte);
}

/* Inside of a string (RFC 8259 7); what is not ASCII is written as its code, so that the page is
 * valid whatever a client sends. */
static void add_json(struct text *text, char byte)
{
    if ((unsigned char)byte < 0x20 || (unsigned char)byte >= 0x7f) {
        text_print(text, "\\u%04x", (unsigned char)byte);
        return;
    }
    if (byte == '"' || byte == '\\')
        text_add_byte(text, '\\');
    text_add_byte(text, byte);
}

static struct slice encode(struct slice value, struct arena *arena,
                           void (*add)(struct text *text, char byte))
{
    enum { GROWTH_MAX = 6 };
    if (value.length == 0)
        return SLICE("");
    char *memory = arena_alloc(arena, value.length * GROWTH_MAX);
    if (!memory)
        return slice_of(NULL, 0);
    struct text text = text_over(memory, value.length * GROWTH_MAX);
    for (size_t i = 0; i < value.length; i++)
        add(&text, value.data[i]);
    ASSERT(!text_is_cut(&text));
    return text_slice(&text);
}

static struct slice encode_html(struct slice value, struct arena *arena)
{
    return encode(value, arena, add_html);
}

static struct slice encode_json(struct slice value, struct arena *arena)
{
    return encode(value, arena, add_json);
}

static struct slice encode_plain(struct slice value, struct arena *arena)
{
    (void)arena;
    return value.data ? value : SLICE("");
}

/* ---- choosing */

static const struct error_pages *pages_of(const struct exchange *exchange)
{
    return exchange->plan ? exchange->plan->error_pages : exchange->hold->plans->error_pages;
}

/* The entry for the status, else that for its class. */
static const struct error_page_entry *find_entry(const struct exchange *exchange, unsigned status)
{
    const struct error_pages *pages = pages_of(exchange);
    const struct error_page_entry *by_class = NULL;
    for (uint32_t i = 0; i < pages->count; i++) {
        const struct error_page_entry *entry = pages->items[i];
        if (entry->status == status)
            return entry->count > 0 ? entry : NULL;
        if (entry->status == status / 100 && entry->count > 0)
            by_class = entry;
    }
    return by_class;
}

bool error_pages_have(const struct exchange *exchange, unsigned status)
{
    return find_entry(exchange, status) != NULL;
}

static struct slice expand(struct exchange *exchange, const struct error_page *page)
{
    static struct slice (*const encoders[])(struct slice value, struct arena * arena) = {
        [PAGE_HTML] = encode_html, [PAGE_JSON] = encode_json, [PAGE_PLAIN] = encode_plain};
    struct slice constant;
    if (template_is_constant(page->body, &constant))
        return constant;
    return template_expand_encoded(page->body, exchange, encoders[page->syntax], &exchange->arena);
}

static struct slice make_problem(struct exchange *exchange, unsigned status)
{
    enum { PROBLEM_MAX = 256 };
    char *memory = arena_alloc(&exchange->arena, PROBLEM_MAX);
    if (!memory)
        return SLICE("");
    struct text text = text_over(memory, PROBLEM_MAX);
    struct slice reason = status_reason(status);
    text_print(&text, "{\"type\": \"about:blank\", \"title\": \"%.*s\", \"status\": %u}\n",
               (int)reason.length, reason.data, status);
    return text_slice(&text);
}

/* The own page that the client wants most; the first where it does not care. NULL: there is none,
 * or the client rather has JSON, which the entry does not offer. */
static const struct error_page *choose(const struct error_page_entry *entry,
                                       const struct fields *fields, unsigned json_weight)
{
    const struct error_page *best = NULL;
    unsigned best_weight = 0;
    for (uint16_t i = 0; entry && i < entry->count; i++) {
        unsigned weight = accept_weight(fields, entry->pages[i].media_type);
        if (!best || weight > best_weight) {
            best = &entry->pages[i];
            best_weight = weight;
        }
    }
    return best && best_weight >= json_weight ? best : NULL;
}

static unsigned weigh_json(const struct fields *fields)
{
    unsigned problem = accept_weight(fields, SLICE("application/problem+json"));
    unsigned json = accept_weight(fields, SLICE("application/json"));
    return problem > json ? problem : json;
}

struct slice error_page_make(struct exchange *exchange, unsigned status,
                             struct slice *ret_content_type)
{
    exchange->response.status = (uint16_t)status; /* for the variable */
    /* A request that could not be read says nothing about its client, and has no variables. */
    bool is_readable = exchange->client_target.data != NULL;
    const struct fields *fields = &exchange->request.fields;
    unsigned json_weight = is_readable ? weigh_json(fields) : ACCEPT_REFUSED;
    const struct error_page_entry *entry = is_readable ? find_entry(exchange, status) : NULL;
    const struct error_page *page = choose(entry, fields, json_weight);
    if (page) {
        struct slice body = expand(exchange, page);
        *ret_content_type = page->content_type;
        if (body.data)
            return body;
    }
    if (is_readable && json_weight > accept_weight(fields, SLICE("text/html"))) {
        *ret_content_type = SLICE("application/problem+json");
        return make_problem(exchange, status);
    }
    *ret_content_type = SLICE("text/html; charset=utf-8");
    return page_for_status(exchange, status);
}
