/* spark.c - see spark.h. */
#include "command/spark.h"

/* U+2581 to U+2588, lower one eighth block to full block. */
#define BARS 8

void
spark_add(struct buffer *out, const uint64_t *numbers, size_t count)
{
	uint64_t most = 1;

	for (size_t i = 0; i < count; i++)
		if (numbers[i] > most)
			most = numbers[i];
	for (size_t i = 0; i < count; i++) {
		double part = (double)numbers[i] / (double)most;
		int bar = numbers[i] == 0 ? 0 : 1 + (int)(part * (BARS - 2));
		const char octets[] = { '\xe2', '\x96', (char)(0x81 + bar) };

		buffer_add(out, octets, sizeof(octets));
	}
}
