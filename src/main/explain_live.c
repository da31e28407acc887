#include "main/explain_live.h"

#include "http/query.h"

#include <stdlib.h>

enum { ARENA_MAX = 256 * 1024, TOLD_MAX = 64 * 1024 * 1024 };

/* ---- asking */

static void add_parameter(struct text *text, const char *name, const char *value)
{
    text_print(text, "&%s=", name);
    query_add_encoded(text, slice_from_text(value));
}

bool explain_live_path(struct text *path, const struct explain_request *request, bool json)
{
    text_add(path, SLICE("/explain?method="));
    query_add_encoded(path, slice_from_text(request->method));
    add_parameter(path, "url", request->url);
    if (request->client)
        add_parameter(path, "client", request->client);
    for (size_t i = 0; i < request->field_count; i++)
        add_parameter(path, "header", request->fields[i]);
    if (json)
        text_add(path, SLICE("&json="));
    return !text_is_cut(path);
}

/* ---- answering */

struct question {
    struct explain_request request;
    const char *fields[EXPLAIN_FIELDS_MAX];
    bool json;
    const char *wrong; /* NULL: it could be understood */
};

/* The decoded value with a NUL behind it; NULL: it has one inside, or there is no memory. */
static const char *decode(struct slice value, struct arena *arena)
{
    struct slice text = query_text_decode(value, arena);
    struct slice copy = text.data ? arena_copy(arena, text) : text;
    return copy.data && slice_find(copy, '\0') == copy.length ? copy.data : NULL;
}

static void take_parameter(struct question *question, struct slice name, const char *value)
{
    struct explain_request *request = &question->request;
    if (!value)
        question->wrong = "a parameter cannot be understood";
    else if (slice_equal(name, SLICE("method")))
        request->method = value;
    else if (slice_equal(name, SLICE("url")))
        request->url = value;
    else if (slice_equal(name, SLICE("client")))
        request->client = value;
    else if (slice_equal(name, SLICE("json")))
        question->json = true;
    else if (!slice_equal(name, SLICE("header")))
        question->wrong = "ask with method, url, client, header and json";
    else if (request->field_count == EXPLAIN_FIELDS_MAX)
        question->wrong = "there are more than 100 fields";
    else
        question->fields[request->field_count++] = value;
}

static void read_question(struct question *question, struct slice query, struct arena *arena)
{
    struct slice name, value;
    *question = (struct question){.request.fields = question->fields};
    while (!question->wrong && query_next(&query, &name, &value))
        take_parameter(question, name, decode(value, arena));
    if (!question->wrong && (!question->request.method || !question->request.url))
        question->wrong = "name a method and a url: /explain?method=GET&url=http://example.com/";
}

bool explain_write(FILE *file, struct explanation *explanation, bool json)
{
    char *memory = malloc(TOLD_MAX);
    struct text text = text_over(memory, memory ? TOLD_MAX : 0);
    if (json)
        explain_print_json(&text, explanation);
    else
        explain_print(&text, explanation);
    bool good = !text_is_cut(&text);
    if (good)
        (void)fwrite(text.data, 1, text.length, file);
    free(memory);
    return good;
}

static void refuse(struct admin_reply *reply, unsigned status, const char *words)
{
    reply->status = status;
    (void)fprintf(reply->body, "%s\n", words);
}

static void explain(struct explainer *explainer, const struct question *question,
                    struct admin_reply *reply)
{
    struct explanation explanation;
    const char *wrong = "";
    if (!explanation_init(&explanation, explainer, &question->request, &wrong)) {
        refuse(reply, 400, wrong);
        return;
    }
    reply->type = question->json ? "application/json" : reply->type;
    if (!explain_write(reply->body, &explanation, question->json))
        refuse(reply, 503, "the system refuses memory");
    explanation_fini(&explanation);
}

void explain_live_answer(struct snapshot *snapshot, struct server_registry *servers,
                         const struct admin_request *request, struct admin_reply *reply)
{
    struct arena arena;
    struct question question;
    struct explainer explainer;
    arena_init(&arena, NULL, ARENA_MAX);
    read_question(&question, request->query, &arena);
    if (question.wrong) {
        refuse(reply, 400, question.wrong);
    } else if (!explainer_init(&explainer, snapshot, servers)) {
        refuse(reply, 503, "the system refuses memory or descriptors");
    } else {
        explain(&explainer, &question, reply);
        explainer_fini(&explainer);
    }
    arena_fini(&arena);
}
