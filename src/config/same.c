/* same.c - has an account, or a destination, changed between two readings? */
#include "config/settings.h"

#include "config/scope.h"

#include <string.h>

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_same_list(const char *const *a, const char *const *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	for (; *a != NULL && *b != NULL; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return *a == *b;
}

static bool
is_same_value(const struct value *a, const struct value *b)
{
	return a->number == b->number && a->amount == b->amount &&
	    is_same_text(a->text, b->text) &&
	    is_same_list(
		(const char *const *)a->list, (const char *const *)b->list);
}

static bool
is_same_scope(const struct scope *a, const struct scope *b)
{
	size_t count;

	table_section(a->section, &count);
	for (size_t i = 0; i < count; i++)
		if (!is_same_value(a->values[i], b->values[i]))
			return false;
	return true;
}

bool
settings_same_account(const struct settings *a, const struct account *of_a,
    const struct settings *b, const struct account *of_b)
{
	return is_same_scope(&a->memory->accounts[of_a - a->accounts],
	    &b->memory->accounts[of_b - b->accounts]);
}

bool
settings_same_destination(const struct settings *a,
    const struct destination *of_a, const struct settings *b,
    const struct destination *of_b)
{
	return strcmp(of_a->name, of_b->name) == 0 &&
	    is_same_scope(&a->memory->destinations[of_a - a->destinations],
		&b->memory->destinations[of_b - b->destinations]);
}
