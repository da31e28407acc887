#include "control/admin_int.h"

#include "base/address.h"
#include "base/assert.h"
#include "exchange/json_text.h"

#include <stdlib.h>

static const char PLAIN[] = "text/plain; charset=utf-8";

/* ---- writing */

void admin_print_json(FILE *file, struct slice text)
{
    enum { SHOWN_MAX = 1024 };
    char memory[SHOWN_MAX + 2];
    struct text json = text_over(memory, sizeof(memory));
    json_add_text(&json, text, SHOWN_MAX);
    (void)fwrite(json.data, 1, json.length, file);
}

static bool write_head(struct admin_answer *answer, unsigned status, const char *type,
                       const char *more, bool keep_alive)
{
    FILE *file = open_memstream(&answer->head, &answer->head_length);
    if (!file)
        return false;
    struct slice reason = status_reason(status);
    (void)fprintf(file,
                  "HTTP/1.1 %u %.*s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                  "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s%s\r\n",
                  status, (int)reason.length, reason.data, type, answer->body_length, more,
                  keep_alive ? "" : "Connection: close\r\n");
    return fclose(file) == 0;
}

static bool write_refusal(struct admin_answer *answer, unsigned status, const char *sentence,
                          const char *more, bool keep_alive)
{
    FILE *file = open_memstream(&answer->body, &answer->body_length);
    if (!file)
        return false;
    (void)fprintf(file, "%s\n", sentence);
    return fclose(file) == 0 && write_head(answer, status, PLAIN, more, keep_alive);
}

bool admin_answer_error(unsigned status, const char *sentence, struct admin_answer *ret_answer)
{
    *ret_answer = (struct admin_answer){0};
    return write_refusal(ret_answer, status, sentence, "", false);
}

void admin_answer_free(struct admin_answer *answer)
{
    free(answer->head);
    free(answer->body);
    *answer = (struct admin_answer){0};
}

/* ---- who may */

/* Takes as long whatever the bytes are. */
static bool is_token(const struct admin_rules *rules, struct slice token)
{
    unsigned difference = rules->token_length == token.length ? 0 : 1;
    for (size_t i = 0; i < token.length; i++)
        difference |= (unsigned char)(rules->token[i % ADMIN_TOKEN_MOST] ^ token.data[i]);
    return difference == 0 && token.length > 0;
}

static bool sends_token(const struct admin_rules *rules, const struct request_head *head)
{
    const struct field *field = fields_find(&head->fields, FIELD_AUTHORIZATION);
    struct slice scheme = SLICE("Bearer ");
    return field && slice_equal_fold(slice_until(field->value, scheme.length), scheme) &&
           is_token(rules, slice_trim(slice_from(field->value, scheme.length)));
}

/* A name that a page of somebody else's could have pointed here does not count. */
static bool is_own_host(const struct admin_rules *rules, struct slice host)
{
    struct ip ip;
    struct slice bare = host;
    if (host.length > 2 && host.data[0] == '[')
        bare = slice_of(host.data + 1, host.length - 2);
    if (ip_parse(bare, &ip) || slice_equal_fold(host, SLICE("localhost")))
        return true;
    for (size_t i = 0; i < rules->host_count; i++) {
        if (slice_equal_fold(host, rules->hosts[i]))
            return true;
    }
    return false;
}

/* ---- finding the endpoint */

struct refusal {
    unsigned status;
    const char *sentence;
    const char *more; /* header lines */
};

static const struct admin_endpoint *find_endpoint(const struct admin_endpoint *endpoints,
                                                  struct slice path)
{
    for (const struct admin_endpoint *endpoint = endpoints; endpoint->path; endpoint++) {
        if (slice_equal(path, slice_from_text(endpoint->path)))
            return endpoint;
    }
    return NULL;
}

/* Status 0: it may be asked. */
static struct refusal judge(const struct admin_rules *rules, const struct admin_endpoint *endpoint,
                            const struct admin_question *question)
{
    enum method method = question->head->method;
    bool reads = method == METHOD_GET || method == METHOD_HEAD;
    if (!question->is_local && !is_own_host(rules, question->head->host))
        return (struct refusal){421,
                                "call the admin side by its address, or name this host in "
                                "admin.hosts",
                                ""};
    if (!endpoint)
        return (struct refusal){404, "there is nothing here; / lists what there is", ""};
    if (endpoint->changes && method != METHOD_POST)
        return (struct refusal){405, "this changes something: ask with POST", "Allow: POST\r\n"};
    if (!endpoint->changes && !reads)
        return (struct refusal){405, "this only reads: ask with GET", "Allow: GET, HEAD\r\n"};
    if (!endpoint->changes || question->is_local)
        return (struct refusal){0};
    if (rules->token_length == 0)
        return (struct refusal){403,
                                "nothing can be changed here; admin.token allows it to whoever "
                                "has it",
                                ""};
    if (!sends_token(rules, question->head))
        return (struct refusal){401, "send the token of admin.token as Authorization: Bearer TOKEN",
                                "WWW-Authenticate: Bearer\r\n"};
    return (struct refusal){0};
}

static bool ask(const struct admin_endpoint *endpoint, void *context,
                const struct admin_question *question, struct admin_answer *answer)
{
    const struct request_head *head = question->head;
    struct admin_request request = {head->path, head->query, question->body};
    struct admin_reply reply = {200, PLAIN, open_memstream(&answer->body, &answer->body_length)};
    if (!reply.body)
        return false;
    endpoint->answer(context, &request, &reply);
    if (fclose(reply.body) != 0)
        return false;
    return write_head(answer, reply.status, reply.type, "", question->keep_alive);
}

bool admin_answer(const struct admin_rules *rules, const struct admin_endpoint *endpoints,
                  void *context, const struct admin_question *question,
                  struct admin_answer *ret_answer)
{
    ASSERT(endpoints && question->head->path.data);
    *ret_answer = (struct admin_answer){0};
    const struct admin_endpoint *endpoint = find_endpoint(endpoints, question->head->path);
    struct refusal refusal = judge(rules, endpoint, question);
    bool good = refusal.status ? write_refusal(ret_answer, refusal.status, refusal.sentence,
                                               refusal.more, question->keep_alive)
                               : ask(endpoint, context, question, ret_answer);
    if (good && question->head->method == METHOD_HEAD)
        ret_answer->body_length = 0;
    return good;
}
