/* Reads private keys, many of them fast: what the library looks up before it can read one is most
 * of its work, and is looked up once here. One thread. */
#pragma once

#include "base/slice.h"

struct evp_pkey_st;
struct tls_key_reader;

/* NULL: no memory, and then each key is read by itself. */
struct tls_key_reader *tls_key_reader_new(void);
void tls_key_reader_free(struct tls_key_reader *reader); /* NULL is accepted */

/* The first private key that stands in the bytes in PEM, which is the caller's. NULL: it cannot be
 * read like this; another way may, or can tell why not. */
struct evp_pkey_st *tls_key_reader_read(struct tls_key_reader *reader, struct slice bytes);
