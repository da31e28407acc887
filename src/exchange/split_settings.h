/* How `split` and `variants` are written. */
#pragma once

#include "conf/setting.h"
#include "upstream/assignment.h"

struct split_variant {
    struct slice upstream; /* its name, which is the variant's as well */
    uint32_t share;        /* hundredths of a percent */
    struct position position;
};

/* The action: between which upstreams. */
struct split_setting {
    struct split_variant *variants;
    uint32_t count; /* 0: not written */
};

/* `12.5%` in hundredths of a percent, up to SPLIT_WHOLE. False: it is none. */
bool split_read_share(struct slice text, uint32_t *ret_share);

#define SPLIT_FORM "{*: PERCENT}"
bool split_read(struct setting_reader *reader, const struct node *node, void *field);

/* How visitors are given to variants, and who is told. */
struct variants_settings {
    struct assignment_settings assignment;
    const struct template *by;              /* NULL: by the cookie */
    struct slice force_header, force_query; /* empty: nobody forces */
    struct slice tell;                      /* the field in which the server is told; empty: none */
};

extern const struct setting_group variants_group;
