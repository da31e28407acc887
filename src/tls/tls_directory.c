#include "tls/tls_directory.h"

#include "base/arena.h"
#include "tls/tls_settings.h"

/* The files that may have a certificate, in the order in which they are looked for. */
static const char *const patterns[] = {"*.pem", "*.crt", "*/fullchain.pem"};

static bool holds(struct slice bytes, struct slice mark)
{
    return bytes.length > 0 && memmem(bytes.data, bytes.length, mark.data, mark.length) != NULL;
}

static struct slice join(struct setting_reader *reader, struct slice first, struct slice second)
{
    struct slice parts[] = {first, second};
    return arena_join(reader->arena, parts, 2);
}

/* Where the key of a certificate lies that is not in its own file. Data is NULL: no memory. */
static struct slice key_path(struct setting_reader *reader, struct slice path)
{
    static const struct slice full_chain = SLICE("/fullchain.pem");
    if (slice_ends_with(path, full_chain))
        return join(reader, slice_until(path, path.length - full_chain.length),
                    SLICE("/privkey.pem"));
    return join(reader, slice_until(path, slice_find_last(path, '.')), SLICE(".key"));
}

/* Where there is none, the certificate's own file is said to lack it. */
static void read_key(struct setting_reader *reader, struct tls_found *found)
{
    struct slice path = key_path(reader, found->path);
    const char *cure;
    found->key = found->bytes;
    found->key_path = path;
    if (holds(found->bytes, SLICE("PRIVATE KEY-----")) || !path.data)
        return;
    if (setting_try_watched(reader, path, TLS_FILE_MAX, &found->key, &cure))
        found->key = SLICE("");
    else if (!tls_keep_until_cleansed(reader, found->key))
        found->problem = "there is no memory for a file";
}

static void read_file(struct setting_reader *reader, struct slice path, struct tls_found *ret_found)
{
    const char *cure; /* is another one here: nothing names this file */
    *ret_found = (struct tls_found){.path = path};
    ret_found->problem = setting_try_watched(reader, path, TLS_FILE_MAX, &ret_found->bytes, &cure);
    if (ret_found->problem)
        return;
    if (!tls_keep_until_cleansed(reader, ret_found->bytes)) {
        ret_found->problem = "there is no memory for a file";
        return;
    }
    ret_found->holds_none = !holds(ret_found->bytes, SLICE("-----BEGIN CERTIFICATE-----"));
    if (!ret_found->holds_none)
        read_key(reader, ret_found);
}

static bool refuse_many(struct setting_reader *reader, const struct node *node)
{
    diagnostics_error(reader->diagnostics, node->position,
                      "make several directories, and give each to the sites that it is for",
                      "\"%.*s\" has more than %d files with certificates", SHOWN(node->text),
                      TLS_DIRECTORY_MAX);
    return false;
}

bool tls_directory_read(struct setting_reader *reader, const struct node *node,
                        struct tls_directory *ret_directory)
{
    enum { KINDS = sizeof(patterns) / sizeof(patterns[0]) };
    struct slice *paths[KINDS] = {NULL};
    size_t counts[KINDS] = {0}, all = 0;
    struct slice directory = node->text;
    while (directory.length > 1 && slice_ends_with(directory, SLICE("/")))
        directory.length--;
    for (size_t i = 0; i < KINDS; i++) {
        struct slice parts[] = {directory, SLICE("/"), slice_from_text(patterns[i])};
        struct slice pattern = arena_join(reader->arena, parts, 3);
        if (!pattern.data || !setting_find_watched(reader, node, pattern, &paths[i], &counts[i]))
            return false;
        all += counts[i];
    }
    if (all > TLS_DIRECTORY_MAX)
        return refuse_many(reader, node);
    struct tls_found *items = ARENA_ARRAY(reader->arena, struct tls_found, all + 1);
    if (!items)
        return false;
    *ret_directory = (struct tls_directory){.node = node, .items = items};
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t j = 0; j < counts[i]; j++)
            read_file(reader, paths[i][j], &items[ret_directory->count++]);
    }
    return true;
}

void tls_directory_cleanse(const struct tls_directory *directory)
{
    for (uint32_t i = 0; i < directory->count; i++) {
        slice_cleanse(directory->items[i].bytes);
        slice_cleanse(directory->items[i].key);
    }
}
