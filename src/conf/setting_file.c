/* Files that settings name and whose bytes belong to the configuration. */
#include "base/assert.h"
#include "conf/configuration_int.h"

bool setting_read_file(struct setting_reader *reader, const struct node *node, size_t max,
                       struct slice *ret_bytes)
{
    ASSERT(node->kind == NODE_SCALAR);
    const struct configuration *configuration = reader->configuration;
    const struct configuration_reader *files = reader->files;
    struct slice beside = configuration->sources[node->position.source].name;
    struct slice path = path_beside(reader->arena, beside, node->text);
    const char *reason = "there are no files here";
    if (!path.data)
        return false;
    bool good = node->text.length > 0 && files && files->read_file &&
                files->read_file(files->context, path, reader->arena, ret_bytes, &reason);
    if (!good)
        diagnostics_error(reader->diagnostics, node->position,
                          "name a file that can be read; its path begins where this file lies",
                          "cannot read \"%.*s\": %s", SHOWN(path), reason);
    else if (ret_bytes->length > max)
        diagnostics_error(reader->diagnostics, node->position, NULL,
                          "\"%.*s\" is larger than %zu KiB", SHOWN(path), max / 1024);
    return good && ret_bytes->length <= max;
}
