/* What Weir shows when it answers with an error by itself: pages of the configuration's own by
 * status, with variables; else a small one with the status and its standard words and nothing
 * else, and for clients that rather have JSON the same as problem details (RFC 9457). */
#pragma once

#include "conf/setting.h"

struct exchange;

enum {
    ERROR_PAGE_SIZE_MAX = 256 * 1024, /* bytes of a file */
    ERROR_PAGE_FILES_MAX = 4,         /* for one status, of different media types */
};

enum page_syntax { PAGE_HTML, PAGE_JSON, PAGE_PLAIN };

struct error_page {
    struct slice media_type;   /* without parameters, for Accept */
    struct slice content_type; /* the value of the field */
    enum page_syntax syntax;   /* how values are written into it */
    const struct template *body;
};

/* What is shown for a status, or for all of a class. */
struct error_page_entry {
    uint16_t status; /* 400 to 599; or 4 and 5 for all that have no entry of their own */
    uint16_t count;  /* 0: taken back, the small page is shown */
    struct error_page pages[ERROR_PAGE_FILES_MAX];
};

struct error_pages {
    const struct error_page_entry *const *items;
    uint32_t count;
};

/* `error_pages`: a mapping of a status or class to a file, or a list of files of different types.
 * Read when the configuration is. */
extern const struct setting_group error_pages_group;

/* Whether the configuration has a page of its own for that status there. */
bool error_pages_have(const struct exchange *exchange, unsigned status);

/* The page for the status that fits the client best, in the exchange's arena or that of the
 * snapshot; empty where there was no memory. */
struct slice error_page_make(struct exchange *exchange, unsigned status,
                             struct slice *ret_content_type);
