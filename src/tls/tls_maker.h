/* Makes what the library serves of certificates that are usual (tls_outline.h), of many of them
 * fast: most of what it takes for one by itself goes into a search through all that it could be.
 * What it has made it gives again for the same files, as long as somebody holds it, so that a
 * reload makes only what has changed. For who reads many (struct tls_reading); one thread. */
#pragma once

#include <stdbool.h>

struct tls_maker;

/* `is_for_service`: what it makes will be served, so that keys are made ready to sign, which is
 * half of the work. NULL: no memory, and then each certificate is read by itself. */
struct tls_maker *tls_maker_new(bool is_for_service);
void tls_maker_free(struct tls_maker *maker); /* NULL is accepted */

/* Lets go of what nobody else holds any more. NULL is accepted. */
void tls_maker_tidy(struct tls_maker *maker);
