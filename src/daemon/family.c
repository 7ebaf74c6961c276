/* family.c - see family.h. */
#include "daemon/family.h"

#define MS_PER_S 1000.0
#define DIGITS 20 /* of the largest number */

void
family_begin(
    struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_addf(
	    out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* There may be hundreds of thousands of them: printf(3) would take a while. */
static void
add_number(struct buffer *out, uint64_t n)
{
	char text[DIGITS];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	buffer_add(out, text + at, sizeof(text) - at);
}

void
family_one(struct buffer *out, const char *name, const char *type,
    const char *help, uint64_t value)
{
	family_begin(out, name, type, help);
	buffer_addf(out, "%s %llu\n", name, (unsigned long long)value);
}

void
family_sample(struct buffer *out, const char *name, const char *label,
    const char *value, uint64_t n)
{
	buffer_add_text(out, name);
	buffer_add_text(out, "{");
	buffer_add_text(out, label);
	buffer_add_text(out, "=\"");
	buffer_add_text(out, value);
	buffer_add_text(out, "\"} ");
	add_number(out, n);
	buffer_add_text(out, "\n");
}

void
family_histogram(struct buffer *out, const char *name, const char *help,
    const struct histogram *h)
{
	uint64_t count = 0;

	family_begin(out, name, "histogram", help);
	for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
		count += h->counts[i];
		buffer_addf(out, "%s_bucket{le=\"%g\"} %llu\n", name,
		    (double)histogram_bounds_ms[i] / MS_PER_S,
		    (unsigned long long)count);
	}
	count += h->counts[HISTOGRAM_BOUNDS];
	buffer_addf(out,
	    "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.3f\n%s_count %llu\n", name,
	    (unsigned long long)count, name, (double)h->sum_ms / MS_PER_S, name,
	    (unsigned long long)count);
}

void
family_escape(struct buffer *out, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			buffer_add_text(out, "\\n");
		else if (*value == '"' || *value == '\\')
			buffer_addf(out, "\\%c", *value);
		else
			buffer_add(out, value, 1);
	}
}
