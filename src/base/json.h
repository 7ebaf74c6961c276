/*
 * json.h - JSON to standard output (RFC 8259). UIDs and servers' words may
 * hold any octet: what is not UTF-8 is written as U+FFFD.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

/* { 0 } begins; output gathers in out. */
struct json {
	struct buffer out;
	bool prints; /* what has gathered is written out now and then */
	bool comma; /* private */
};

/* key: NULL inside an array and at the top. */
void json_open(struct json *j, const char *key, char bracket); /* '{' '[' */
void json_close(struct json *j, char bracket); /* '}' ']' */
void json_text(struct json *j, const char *key, struct slice value);
void json_string(
    struct json *j, const char *key, const char *value); /* NULL: null */
void json_number(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_time(struct json *j, const char *key, int64_t wall); /* 0: null */

/* json_finish - write the rest out with a line end, and free. */
void json_finish(struct json *j);

#endif
