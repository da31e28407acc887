#include "main/load.h"

#include "conf/yaml.h"
#include "exchange/log_settings.h"
#include "exchange/plan.h"
#include "main/load_warnings.h"
#include "main/vocabulary.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

enum { DIAGNOSTICS_MAX = 100, PATH_LENGTH_MAX = 4096, STANDARD_ERROR = 2 };

static const char *environment_value(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

/* With a NUL at its end. False: it is too long, or has a NUL inside. */
static bool path_text(struct slice path, char text[PATH_LENGTH_MAX])
{
    if (path.length >= PATH_LENGTH_MAX || slice_find(path, '\0') < path.length)
        return false;
    memcpy(text, path.data, path.length);
    text[path.length] = '\0';
    return true;
}

static const char *error_text(int error)
{
    if (error == EFBIG)
        return configuration_file_is_large;
    if (error == EINVAL)
        return "it is no file";
    const char *text = strerrordesc_np(error);
    return text ? text : "unknown error";
}

static bool read_file(void *context, struct slice path, struct arena *arena,
                      struct slice *ret_bytes, const char **ret_reason)
{
    char text[PATH_LENGTH_MAX];
    if (!path_text(path, text)) {
        *ret_reason = "the path is too long";
        return false;
    }
    int result = sys_read_file(context, text, YAML_SIZE_MAX, arena, ret_bytes);
    if (result < 0)
        *ret_reason = error_text(-result);
    return result == 0;
}

static bool read_watched(void *context, struct slice path, struct arena *arena,
                         struct slice *ret_bytes, const char **ret_reason)
{
    struct sys_opener *opener = context;
    char text[PATH_LENGTH_MAX];
    if (!path_text(path, text)) {
        *ret_reason = "the path is too long";
        return false;
    }
    int file = opener->open_watched(opener, text);
    int result = file < 0 ? file : sys_read_opened(file, YAML_SIZE_MAX, arena, ret_bytes);
    if (file >= 0)
        sys_close(file);
    if (result < 0)
        *ret_reason = error_text(-result);
    return result == 0;
}

/* A pattern for which there is no file comes back as itself. */
static void drop_pattern(struct slice pattern, const struct slice *paths, size_t *count)
{
    if (*count == 1 && slice_equal(paths[0], pattern))
        *count = 0;
}

static bool expand_glob(void *context, struct slice pattern, struct arena *arena,
                        struct slice **ret_paths, size_t *ret_count)
{
    struct sys_opener *opener = context;
    char text[PATH_LENGTH_MAX];
    if (!path_text(pattern, text) || !opener->expand(opener, text, arena, ret_paths, ret_count))
        return false;
    drop_pattern(pattern, *ret_paths, ret_count);
    return true;
}

static bool expand_watched(void *context, struct slice pattern, struct arena *arena,
                           struct slice **ret_paths, size_t *ret_count)
{
    struct sys_opener *opener = context;
    char text[PATH_LENGTH_MAX];
    if (!path_text(pattern, text) ||
        !opener->expand_watched(opener, text, arena, ret_paths, ret_count))
        return false;
    drop_pattern(pattern, *ret_paths, ret_count);
    return true;
}

void load_print(FILE *told, const struct diagnostics *diagnostics,
                const struct configuration *configuration, bool events_too)
{
    bool colour = told == stderr && sys_is_terminal(STANDARD_ERROR) && !getenv("NO_COLOR");
    size_t count = diagnostics_count(diagnostics);
    size_t more = diagnostics_unkept(diagnostics, events_too);
    for (size_t i = 0; i < count; i++) {
        const struct diagnostic *diagnostic = diagnostics_get(diagnostics, i);
        char memory[DIAGNOSTIC_PRINTED_MAX];
        struct text text = text_over(memory, sizeof(memory));
        if (diagnostic->is_event && !events_too)
            continue;
        diagnostic_print(&text, diagnostic, configuration->sources, configuration->source_count,
                         colour);
        (void)fwrite(text.data, 1, text.length, told);
    }
    if (more > 0)
        (void)fprintf(told, "… and %zu more\n", more);
}

/* Who is told what is wrong. */
struct audience {
    FILE *told;
    FILE *asker; /* may be NULL */
};

static void tell(const struct audience *audience, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(const struct audience *audience, const char *format, ...)
{
    FILE *files[] = {audience->told, audience->asker};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && files[i]; i++) {
        va_list arguments;
        va_start(arguments, format);
        (void)vfprintf(files[i], format, arguments);
        va_end(arguments);
    }
}

/* Whether events of who serves it go to the same place as what is wrong with the file. */
static bool tells_events(const struct snapshot *snapshot)
{
    const struct configuration *configuration = snapshot->configuration;
    const struct log_settings *settings =
        scope_group(configuration, configuration->top, &log_group);
    const struct live *live = snapshot->live;
    return live->is_lenient && slice_equal(error_setting_to(&settings->error), SLICE("stderr"));
}

static void tell_diagnostics(const struct audience *audience, const struct diagnostics *diagnostics,
                             const struct configuration *configuration,
                             const struct snapshot *snapshot)
{
    load_print(audience->told, diagnostics, configuration, !snapshot || !tells_events(snapshot));
    if (audience->asker)
        load_print(audience->asker, diagnostics, configuration, true);
}

/* An error that no setting can see: there is nothing to do. */
static void check_purpose(const struct configuration *configuration,
                          struct diagnostics *diagnostics)
{
    if (configuration->top->child_count == 0 && diagnostics_errors(diagnostics) == 0)
        diagnostics_error(diagnostics, (struct position){0, 1, 1},
                          "for example \"sites: [{proxy: 'http://127.0.0.1:3000'}]\"",
                          "there is nothing to serve: the file has no site");
}

static struct snapshot *build(struct configuration *configuration, struct sys_opener *opener,
                              void *live, const struct audience *audience,
                              struct diagnostics *diagnostics)
{
    check_purpose(configuration, diagnostics);
    bool readable = diagnostics_errors(diagnostics) == 0;
    plan_check_names(configuration, diagnostics);
    struct snapshot *snapshot = NULL;
    /* Also where names are wrong, so that what is wrong with routes is told in the same breath. */
    if (readable)
        snapshot =
            snapshot_new(configuration, snapshot_parts, snapshot_part_count, live, diagnostics);
    if (snapshot)
        load_warn(snapshot, opener, diagnostics);
    tell_diagnostics(audience, diagnostics, configuration, snapshot);
    if (!snapshot && diagnostics_errors(diagnostics) == 0)
        tell(audience, "weir: the system refuses memory\n");
    if (!snapshot)
        configuration_free(configuration);
    return snapshot;
}

static struct configuration_reader reader_over(struct sys_opener *opener)
{
    return (struct configuration_reader){.context = opener,
                                         .read_file = read_file,
                                         .expand_glob = expand_glob,
                                         .read_watched = read_watched,
                                         .expand_watched = expand_watched,
                                         .environment = environment_value};
}

static struct snapshot *load_read(struct slice name, struct slice bytes, struct sys_opener *opener,
                                  void *live, const struct audience *audience,
                                  struct load_report *ret_report)
{
    const struct configuration_reader reader = reader_over(opener);
    struct diagnostics *diagnostics = diagnostics_new(DIAGNOSTICS_MAX);
    struct configuration *configuration =
        diagnostics ? configuration_load(name, bytes, &vocabulary, &reader, diagnostics) : NULL;
    struct snapshot *snapshot = NULL;
    if (configuration)
        snapshot = build(configuration, opener, live, audience, diagnostics);
    else
        tell(audience, "weir: the system refuses memory\n");
    if (ret_report && diagnostics)
        *ret_report = (struct load_report){diagnostics_errors(diagnostics),
                                           diagnostics_warnings(diagnostics)};
    diagnostics_free(diagnostics);
    return snapshot;
}

struct snapshot *load_bytes(struct slice name, struct slice bytes, struct sys_opener *opener,
                            void *live, FILE *told, struct load_report *ret_report)
{
    const struct audience audience = {.told = told};
    return load_read(name, bytes, opener, live, &audience, ret_report);
}

/* After the opener was told of it, and whether it refused. */
static struct snapshot *load_begun(const char *path, struct sys_opener *opener, int refused,
                                   void *live, const struct audience *audience,
                                   struct load_report *ret_report)
{
    struct arena arena;
    struct slice bytes;
    struct snapshot *snapshot = NULL;
    arena_init(&arena, NULL, 3 * (size_t)YAML_SIZE_MAX);
    int result = refused ? 0 : sys_read_file(opener, path, YAML_SIZE_MAX, &arena, &bytes);
    if (refused == -EBUSY)
        tell(audience, "weir: cannot load %s while an upgrade is under way\n", path);
    else if (refused)
        tell(audience, "weir: cannot load %s: its check did not come to its end\n", path);
    else if (result < 0)
        tell(audience, "weir: cannot read %s: %s\n", path, error_text(-result));
    else
        snapshot = load_read(slice_from_text(path), bytes, opener, live, audience, ret_report);
    arena_fini(&arena);
    return snapshot;
}

struct snapshot *load_file(const char *path, struct sys_opener *opener, void *live, FILE *told,
                           struct load_report *ret_report)
{
    const struct audience audience = {.told = told};
    return load_begun(path, opener, opener->begin_load(opener), live, &audience, ret_report);
}

struct snapshot *load_anew(const char *path, struct sys_opener *opener, void *live, FILE *told,
                           FILE *asker)
{
    const struct audience audience = {.told = told, .asker = asker};
    return load_begun(path, opener, opener->begin_load(opener), live, &audience, NULL);
}

struct snapshot *load_renewal(const char *path, struct sys_opener *opener, void *live, FILE *told)
{
    const struct audience audience = {.told = told};
    return load_begun(path, opener, opener->begin_renewal(opener), live, &audience, NULL);
}

struct configuration *load_configuration(const char *path, struct sys_opener *opener)
{
    const struct configuration_reader reader = reader_over(opener);
    struct diagnostics *diagnostics = diagnostics_new(DIAGNOSTICS_MAX);
    struct configuration *configuration = NULL;
    struct arena arena;
    struct slice bytes;
    arena_init(&arena, NULL, 3 * (size_t)YAML_SIZE_MAX);
    if (diagnostics && sys_read_file(opener, path, YAML_SIZE_MAX, &arena, &bytes) == 0)
        configuration =
            configuration_load(slice_from_text(path), bytes, &vocabulary, &reader, diagnostics);
    arena_fini(&arena);
    diagnostics_free(diagnostics);
    return configuration;
}

const char *load_default_path(struct sys_opener *opener)
{
    static const char *const paths[] = {"weir.yaml", "/etc/weir/weir.yaml"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = opener->open_to_read(opener, paths[i]);
        if (fd >= 0) {
            sys_close(fd);
            return paths[i];
        }
        /* Where it is but cannot be read, that shall be told when it is. */
        if (fd != -ENOENT)
            return paths[i];
    }
    return NULL;
}
