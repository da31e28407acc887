#include "tls/tls_outline.h"

#include "tls/tls_der.h"

/* Object identifiers, as they stand in DER. */
static const struct slice rsa_key = SLICE("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"),
                          ec_key = SLICE("\x2a\x86\x48\xce\x3d\x02\x01"),
                          alternative_names = SLICE("\x55\x1d\x11");

static const struct slice strong_signatures[] = {
    SLICE("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), /* sha256WithRSAEncryption */
    SLICE("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), /* sha384WithRSAEncryption */
    SLICE("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), /* sha512WithRSAEncryption */
    SLICE("\x2a\x86\x48\xce\x3d\x04\x03\x02"),     /* ecdsa-with-SHA256 */
    SLICE("\x2a\x86\x48\xce\x3d\x04\x03\x03"),     /* ecdsa-with-SHA384 */
    SLICE("\x2a\x86\x48\xce\x3d\x04\x03\x04"),     /* ecdsa-with-SHA512 */
};

static const struct {
    struct slice curve;
    size_t size; /* bytes of a coordinate, and of a private key */
} curves[] = {
    {SLICE("\x2a\x86\x48\xce\x3d\x03\x01\x07"), 32}, /* P-256 */
    {SLICE("\x2b\x81\x04\x00\x22"), 48},             /* P-384 */
    {SLICE("\x2b\x81\x04\x00\x23"), 66},             /* P-521 */
};

/* 0: it is none of them. */
static size_t size_of_curve(struct slice curve)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (slice_equal(curve, curves[i].curve))
            return curves[i].size;
    }
    return 0;
}

static bool take_integer(struct slice *rest, char value)
{
    struct slice content;
    return tls_der_take(rest, DER_INTEGER, &content) && content.length == 1 &&
           content.data[0] == value;
}

/* Whole bytes alone. */
static bool take_bits(struct slice *rest, struct slice *ret_bytes)
{
    if (!tls_der_take(rest, DER_BIT_STRING, ret_bytes) || ret_bytes->length == 0 ||
        ret_bytes->data[0] != 0)
        return false;
    *ret_bytes = slice_from(*ret_bytes, 1);
    return true;
}

/* ---- times (RFC 5280 4.1.2.5) */

static bool take_digits(struct slice *rest, size_t count, uint64_t max, int64_t *ret_number)
{
    uint64_t number;
    if (rest->length < count || !slice_to_number(slice_until(*rest, count), max, &number))
        return false;
    *rest = slice_from(*rest, count);
    *ret_number = (int64_t)number;
    return true;
}

/* Days from 1970 to the first of March of the year that begins there, and to a day in it. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t from_march = (month + 9) % 12, its = year - (month <= 2);
    return its * 365 + its / 4 - its / 100 + its / 400 + (from_march * 153 + 2) / 5 + day - 719469;
}

static bool take_time(struct slice *rest, int64_t *ret_seconds)
{
    enum { HALF = 50 }; /* what two digits mean from there on lies in the last century */
    struct der_item item;
    int64_t year, month, day, hour, minute, second;
    if (!tls_der_next(rest, &item))
        return false;
    bool is_long = item.tag == DER_GENERALIZED_TIME;
    struct slice text = item.content;
    if ((!is_long && item.tag != DER_UTC_TIME) ||
        !take_digits(&text, is_long ? 4 : 2, 9999, &year) || !take_digits(&text, 2, 12, &month) ||
        !take_digits(&text, 2, 31, &day) || !take_digits(&text, 2, 23, &hour) ||
        !take_digits(&text, 2, 59, &minute) || !take_digits(&text, 2, 59, &second) ||
        !slice_equal(text, SLICE("Z")) || month == 0 || day == 0)
        return false;
    if (!is_long)
        year += year < HALF ? 2000 : 1900;
    *ret_seconds = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

/* ---- keys */

static bool is_strong_modulus(struct slice modulus)
{
    enum { LEAST = 2048 / 8 };
    if (modulus.length > 0 && modulus.data[0] == 0)
        modulus = slice_from(modulus, 1);
    return modulus.length > LEAST ||
           (modulus.length == LEAST && ((unsigned char)modulus.data[0] & 0x80));
}

/* SubjectPublicKeyInfo without its own head (RFC 5280 4.1.2.7). */
static bool read_public_key(struct slice info, struct tls_outline *outline)
{
    struct slice algorithm, object, parts, modulus, exponent, null;
    if (!tls_der_take(&info, DER_SEQUENCE, &algorithm) ||
        !tls_der_take(&algorithm, DER_OBJECT, &object) || !take_bits(&info, &outline->public_key) ||
        info.length > 0)
        return false;
    parts = outline->public_key;
    outline->curve = SLICE("");
    if (slice_equal(object, rsa_key))
        return tls_der_take(&algorithm, DER_NULL, &null) && algorithm.length == 0 &&
               tls_der_take(&parts, DER_SEQUENCE, &parts) &&
               tls_der_take(&parts, DER_INTEGER, &modulus) &&
               tls_der_take(&parts, DER_INTEGER, &exponent) && is_strong_modulus(modulus);
    enum { UNCOMPRESSED = 4 };
    return slice_equal(object, ec_key) && tls_der_take(&algorithm, DER_OBJECT, &outline->curve) &&
           algorithm.length == 0 && size_of_curve(outline->curve) > 0 &&
           parts.length == 1 + 2 * size_of_curve(outline->curve) && parts.data[0] == UNCOMPRESSED;
}

/* RSAPrivateKey (RFC 8017 A.1.2): a version, and eight numbers of which the first two are the
 * public key. */
static bool is_rsa_pair(const struct tls_outline *outline, struct slice key,
                        struct slice *ret_secret)
{
    struct slice parts, ours, its, theirs = outline->public_key;
    *ret_secret = key;
    if (!tls_der_take(&key, DER_SEQUENCE, &parts) || key.length > 0 || !take_integer(&parts, 0) ||
        !tls_der_take(&theirs, DER_SEQUENCE, &theirs))
        return false;
    for (int i = 0; i < 8; i++) {
        if (!tls_der_take(&parts, DER_INTEGER, &ours) || ours.length == 0)
            return false;
        if (i < 2 && !(tls_der_take(&theirs, DER_INTEGER, &its) && slice_equal(ours, its)))
            return false;
    }
    return parts.length == 0;
}

/* ECPrivateKey (RFC 5915 3). Its curve may have been named around it. */
static bool is_ec_pair(const struct tls_outline *outline, struct slice key, bool is_curve_named,
                       struct slice *ret_secret)
{
    struct slice parts, inner, point;
    if (!tls_der_take(&key, DER_SEQUENCE, &parts) || key.length > 0 || !take_integer(&parts, 1) ||
        !tls_der_take(&parts, DER_OCTET_STRING, ret_secret) ||
        ret_secret->length != size_of_curve(outline->curve))
        return false;
    if (tls_der_take(&parts, DER_CONTEXT | DER_CONSTRUCTED | 0, &inner)) {
        struct slice curve;
        if (!tls_der_take(&inner, DER_OBJECT, &curve) || !slice_equal(curve, outline->curve))
            return false;
        is_curve_named = true;
    }
    return is_curve_named && tls_der_take(&parts, DER_CONTEXT | DER_CONSTRUCTED | 1, &inner) &&
           take_bits(&inner, &point) && inner.length == 0 && parts.length == 0 &&
           slice_equal(point, outline->public_key);
}

/* PrivateKeyInfo (RFC 5208 5). */
static bool is_wrapped_pair(const struct tls_outline *outline, struct slice key,
                            struct slice *ret_secret)
{
    struct slice parts, algorithm, object, inner, curve;
    if (!tls_der_take(&key, DER_SEQUENCE, &parts) || key.length > 0 || !take_integer(&parts, 0) ||
        !tls_der_take(&parts, DER_SEQUENCE, &algorithm) ||
        !tls_der_take(&algorithm, DER_OBJECT, &object) ||
        !tls_der_take(&parts, DER_OCTET_STRING, &inner) || parts.length > 0)
        return false;
    if (outline->curve.length == 0)
        return slice_equal(object, rsa_key) && is_rsa_pair(outline, inner, ret_secret);
    return slice_equal(object, ec_key) && tls_der_take(&algorithm, DER_OBJECT, &curve) &&
           slice_equal(curve, outline->curve) && is_ec_pair(outline, inner, true, ret_secret);
}

bool tls_outline_fits(const struct tls_outline *outline, struct slice label, struct slice key,
                      struct slice *ret_secret)
{
    if (slice_equal(label, SLICE("PRIVATE KEY")))
        return is_wrapped_pair(outline, key, ret_secret);
    if (outline->curve.length == 0)
        return slice_equal(label, SLICE("RSA PRIVATE KEY")) &&
               is_rsa_pair(outline, key, ret_secret);
    return slice_equal(label, SLICE("EC PRIVATE KEY")) &&
           is_ec_pair(outline, key, false, ret_secret);
}

/* ---- certificates (RFC 5280 4.1) */

static bool is_strong_signature(struct slice algorithm)
{
    struct slice object;
    if (!tls_der_take(&algorithm, DER_OBJECT, &object))
        return false;
    for (size_t i = 0; i < sizeof(strong_signatures) / sizeof(strong_signatures[0]); i++) {
        if (slice_equal(object, strong_signatures[i]))
            return true;
    }
    return false;
}

/* One that stands there twice is not usual. */
static bool read_extensions(struct slice extensions, struct tls_outline *outline)
{
    while (extensions.length > 0) {
        struct slice one, object, value, is_critical;
        if (!tls_der_take(&extensions, DER_SEQUENCE, &one) ||
            !tls_der_take(&one, DER_OBJECT, &object))
            return false;
        (void)tls_der_take(&one, DER_BOOLEAN, &is_critical);
        if (!tls_der_take(&one, DER_OCTET_STRING, &value) || one.length > 0)
            return false;
        if (!slice_equal(object, alternative_names))
            continue;
        if (outline->names.length > 0 || !tls_der_take(&value, DER_SEQUENCE, &outline->names) ||
            value.length > 0)
            return false;
    }
    return true;
}

/* TBSCertificate: version, serial number, signature, issuer, validity, subject, key, extensions. */
static bool read_body(struct slice body, struct slice signature, struct tls_outline *outline)
{
    enum { VERSION_3 = 2 };
    struct slice version, serial, its, name, times, info, extensions;
    if (!tls_der_take(&body, DER_CONTEXT | DER_CONSTRUCTED | 0, &version) ||
        !take_integer(&version, VERSION_3) || !tls_der_take(&body, DER_INTEGER, &serial) ||
        !tls_der_take(&body, DER_SEQUENCE, &its) || !slice_equal(its, signature) ||
        !tls_der_take(&body, DER_SEQUENCE, &name) || !tls_der_take(&body, DER_SEQUENCE, &times) ||
        !take_time(&times, &outline->begins) || !take_time(&times, &outline->ends) ||
        times.length > 0 || !tls_der_take(&body, DER_SEQUENCE, &name) ||
        !tls_der_take(&body, DER_SEQUENCE, &info) || !read_public_key(info, outline))
        return false;
    outline->names = SLICE("");
    if (body.length == 0)
        return true;
    return tls_der_take(&body, DER_CONTEXT | DER_CONSTRUCTED | 3, &extensions) &&
           body.length == 0 && tls_der_take(&extensions, DER_SEQUENCE, &extensions) &&
           read_extensions(extensions, outline);
}

bool tls_outline_read(struct slice certificate, struct tls_outline *ret_outline)
{
    struct slice parts, body, algorithm, signature;
    return tls_der_take(&certificate, DER_SEQUENCE, &parts) && certificate.length == 0 &&
           tls_der_take(&parts, DER_SEQUENCE, &body) &&
           tls_der_take(&parts, DER_SEQUENCE, &algorithm) && is_strong_signature(algorithm) &&
           take_bits(&parts, &signature) && parts.length == 0 &&
           read_body(body, algorithm, ret_outline);
}
