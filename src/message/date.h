/*
 * date.h - dates of mail (RFC 5322 section 3.3, with the obsolete forms).
 */
#ifndef MESSAGE_DATE_H
#define MESSAGE_DATE_H

#include "base/buffer.h"

#include <stdint.h>

/* date_parse - seconds since 1970. Returns 0, or -1: no date. */
int date_parse(struct slice text, int64_t *seconds);

#endif
