/*
 * family.h - Prometheus' text format (0.0.4): families of samples, each with a
 * name, what it means, and its type.
 */
#ifndef DAEMON_FAMILY_H
#define DAEMON_FAMILY_H

#include "base/buffer.h"
#include "base/histogram.h"

#include <stdint.h>

/* family_begin - its HELP and TYPE lines; what follows are its samples. */
void family_begin(
    struct buffer *out, const char *name, const char *type, const char *help);

/* family_one - a family with one sample, without labels. */
void family_one(struct buffer *out, const char *name, const char *type,
    const char *help, uint64_t value);

/*
 * family_sample - NAME{LABEL="VALUE"} N. The label's value is escaped already,
 * by family_escape().
 */
void family_sample(struct buffer *out, const char *name, const char *label,
    const char *value, uint64_t n);

/* family_histogram - one of durations, in seconds. */
void family_histogram(struct buffer *out, const char *name, const char *help,
    const struct histogram *h);

/* family_escape - append a label's value as it stands between its quotes. */
void family_escape(struct buffer *out, const char *value);

#endif
