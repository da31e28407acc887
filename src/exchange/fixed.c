/* The actions that answer by themselves: `redirect` and `respond`. */
#include "base/assert.h"
#include "exchange/error_pages.h"
#include "exchange/exchange.h"
#include "exchange/page.h"
#include "http/field_syntax.h"
#include "http/uri.h"

static bool add(struct exchange *exchange, struct slice name, struct slice value)
{
    return value.data && field_value_is_valid(value) &&
           fields_add(&exchange->response.fields, &exchange->arena, field_name_find(name), name,
                      value);
}

/* Where the file writes a path, nothing that a client sends makes another host of it. */
static struct slice stay_with_host(struct exchange *exchange, struct slice location)
{
    if (!reference_names_host(location))
        return location;
    while (!slice_is_empty(location) && strchr("/\\\t", location.data[0]))
        location = slice_from(location, 1);
    struct slice parts[] = {SLICE("/"), location};
    return arena_join(&exchange->arena, parts, 2);
}

static void start_redirect(struct exchange *exchange, const struct plan *plan)
{
    ASSERT(plan->settings->redirect.to);
    const struct redirect_setting *redirect = &plan->settings->redirect;
    exchange_answer(exchange, redirect->status, SLICE("text/html; charset=utf-8"),
                    page_for_status(exchange, redirect->status));
    struct slice location = exchange_expand(exchange, redirect->to);
    if (!redirect->names_host)
        location = stay_with_host(exchange, location);
    if (!add(exchange, SLICE("Location"), location))
        exchange_refuse(exchange, ERROR_BAD_TARGET);
}

const struct action redirect_action = {.name = "redirect", .start = start_redirect};

static bool has_content_type(const struct respond_setting *respond)
{
    for (uint32_t i = 0; i < respond->field_count; i++) {
        if (slice_equal_fold(respond->fields[i].name, SLICE("Content-Type")))
            return true;
    }
    return false;
}

static void add_fields(struct exchange *exchange, const struct respond_setting *respond)
{
    if (has_content_type(respond))
        (void)fields_remove(&exchange->response.fields, FIELD_CONTENT_TYPE);
    for (uint32_t i = 0; i < respond->field_count; i++) {
        /* A value in which a client put bytes that no field may carry is left out. */
        (void)add(exchange, respond->fields[i].name,
                  exchange_expand(exchange, respond->fields[i].value));
    }
}

/* An error for a client of gRPC has become another answer, with fields of its own. */
static void start_respond(struct exchange *exchange, const struct plan *plan)
{
    ASSERT(plan->settings->respond.status >= 200);
    const struct respond_setting *respond = &plan->settings->respond;
    struct slice content_type = SLICE("text/plain; charset=utf-8"), body = SLICE("");
    if (respond->body)
        body = exchange_expand(exchange, respond->body);
    else if (error_pages_have(exchange, respond->status))
        body = error_page_make(exchange, respond->status, &content_type);
    exchange_answer(exchange, respond->status, content_type, body);
    if (exchange->response.status == respond->status)
        add_fields(exchange, respond);
}

const struct action respond_action = {.name = "respond", .start = start_respond};
