/* What the files share that give sites their plan: site_plan.c and site_directory_build.c. */
#pragma once

#include "exchange/exchange.h"
#include "exchange/site_directory.h"
#include "policy/route_settings.h"
#include "tls/tls_key_reader.h"
#include "tls/tls_maker.h"

/* What is wrong with one certificate; whether that is an error is known when all were seen. */
struct complaint {
    struct complaint *next;
    struct position position;
    const char *what, *cure;
};

/* The certificates of one site, while its context is made. */
struct certificates {
    const struct tls_certificate *items[TLS_KEY_KINDS];
    size_t count;
};

/* What was made of the directory that settings name, for all sites that have them. */
struct built_directory {
    struct built_directory *next;
    const struct tls_settings *settings;
    const struct site_directory *directory; /* NULL: nothing, which was told */
    bool all_are_noted;                     /* its certificates, for those who watch */
};

struct builder {
    struct plans *plans;
    const struct configuration *configuration;
    struct diagnostics *diagnostics;
    struct complaint *complaints;
    int64_t now;
    uint32_t good;     /* certificates */
    bool serves_plain; /* some site, without TLS */
    bool no_memory;
    bool is_lenient;   /* as struct live has it */
    struct slice site; /* the name of the one in hand */
    struct live *live;
    /* NULL: no memory, which only costs time. */
    struct tls_manners *manners;
    struct tls_maker *maker; /* or certificates are to be looked at thoroughly */
    struct tls_key_reader *key_reader;
    /* What sites inherit is read once. */
    const struct tls_settings *inherited;
    struct certificates inherited_certificates;
    const struct tls_context *inherited_context;
    struct built_directory *directories;
};

/* What a context is made with, while one is. */
struct site_terms {
    struct tls_terms terms;
    struct tls_client_terms clients;
    struct tls_authorities *authorities;
};

/* False: why not was told. To be closed in any case. */
bool site_terms_open(struct builder *builder, const struct tls_settings *settings,
                     struct site_terms *ret_terms);
void site_terms_close(struct site_terms *terms);

/* In site_findings.c: notes for who watches what is to be told while it is served. The owner is
 * set: the site in hand, or the directory of the settings. */
void site_note_finding(struct builder *builder, const struct tls_settings *settings,
                       struct tls_finding finding);

/* The same file: a certificate is not good, as `what` says of `node`; `finding` has its file, and
 * in fewer words what is wrong and what would be right. */
void site_complain(struct builder *builder, const struct tls_settings *settings,
                   const struct node *node, const char *what, struct tls_finding finding);

/* The same file, when all were seen: a certificate that cannot be served is an error for who checks
 * the file. In service it must not take the others with it: as long as something can be served, be
 * it over TLS or without, it is told, and done without. Else nothing is started for nothing, and
 * what is served stays. */
void site_tell_complaints(struct builder *builder);

/* Tells who loads that of these files one is bad. Without data: there is none. */
void site_note_bad_files(struct builder *builder, struct slice first, struct slice second);

/* How the certificates of a site are read. */
struct tls_reading site_reading(const struct builder *builder, const struct tls_settings *settings);

/* Gives one to the plans. False: no memory, and it is gone. */
bool site_keep_certificate(struct builder *builder, struct tls_certificate *certificate);

/* In site_findings.c: tells of the time of a certificate, called `which`. One that has ended is
 * still served: some clients are content with it, and none with nothing. */
void site_tell_time(struct builder *builder, const struct tls_settings *settings,
                    const struct tls_certificate *certificate, const struct node *node,
                    const char *which, struct slice file);

/* The same file: for the name of a site there is no certificate; those that there are hold for
 * `names`. */
void site_tell_lack(struct builder *builder, const struct tls_settings *settings,
                    const struct host_name *host, struct slice names);

/* The same file: tells when that ends by which clients are looked at. */
void site_tell_client_times(struct builder *builder, const struct tls_settings *settings,
                            const struct tls_authorities *authorities);

/* In site_staple.c: an answer that belongs to no certificate is an error. */
void site_refuse_lonely_staple(struct builder *builder, const struct tls_settings *settings);

/* The same file: where a certificate that is written has what is said of it from. */
enum tls_staple_source site_staple_source(const struct tls_pair *pair,
                                          const struct tls_settings *settings);

/* The same file: has shown with it what the settings say, and warns of one that says that clients
 * shall refuse it without (RFC 7633). */
void site_staple(struct builder *builder, const struct tls_certificate *certificate,
                 const struct tls_pair *pair, const struct tls_settings *settings);

/* The same file, for one of a directory. False: there is nobody to be asked for it. */
bool site_staple_found(struct builder *builder, const struct tls_certificate *certificate,
                       const struct tls_settings *settings, const char *which);

/* The same file: tells for how many of a directory that was so. */
void site_warn_of_unstapled(struct builder *builder, const struct tls_settings *settings,
                            uint32_t count);

/* For those who watch when certificates end. False: no memory. */
bool site_note_served(struct builder *builder, struct slice site,
                      const struct tls_certificate *const *certificates, size_t count);

/* In site_directory_build.c: the directory that the settings of a site name, and what is shown to
 * who asks for a name that none of it holds for. NULL: there is no certificate in it, which was
 * told, or no memory. */
const struct site_directory *site_directory_for(struct builder *builder, const struct site *site,
                                                const struct tls_settings *settings,
                                                const struct tls_context **ret_fallback);
