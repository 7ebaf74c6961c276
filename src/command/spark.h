/*
 * spark.h - a line of bars, one for each number, from the lowest to the highest
 * that a character can show; what is more than nothing is seen. In UTF-8. Pure.
 */
#ifndef COMMAND_SPARK_H
#define COMMAND_SPARK_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

void spark_add(struct buffer *out, const uint64_t *numbers, size_t count);

#endif
