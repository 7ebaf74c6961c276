/* print.c - the settings in force, in the syntax of the file. */
#include "config/settings.h"

#include "config/derive.h"
#include "config/scope.h"
#include "config/value.h"

#include <string.h>

#define INDENT "\t"

/* Of a destination over a unix socket these have no meaning. */
static bool
applies(const struct scope *s, const struct setting *setting)
{
	static const char *const not_for_sockets[] = { "port", "tls", "ca_file",
		"allow_cleartext", NULL };

	if (s->section != SECTION_DESTINATION)
		return true;
	if (strcmp(setting->name, "auth") == 0)
		return scope_given(s, "user");
	if (!destination_is_socket(s))
		return true;
	for (size_t i = 0; not_for_sockets[i] != NULL; i++)
		if (strcmp(setting->name, not_for_sockets[i]) == 0)
			return false;
	return true;
}

static void
print_scope(const struct scope *s, const char *indent, struct buffer *out)
{
	size_t count;
	const struct setting *rows = table_section(s->section, &count);

	for (size_t i = 0; i < count; i++) {
		const struct value *v = s->values[i];

		if (!value_is_set(v, rows + i) || !applies(s, rows + i) ||
		    strcmp(rows[i].name, "accounts_dir") == 0)
			continue;
		buffer_addf(out, "%s%s = ", indent, rows[i].name);
		value_write(v, rows + i, out);
		buffer_add_text(out, v->given ? ";\n" : ";\t# default\n");
	}
}

void
settings_print(const struct settings *s, struct buffer *out)
{
	const struct settings_memory *m = s->memory;

	buffer_addf(out, "# %s\n", s->file);
	print_scope(&m->global, "", out);
	buffer_add_text(out, "\ndestinations = {\n");
	for (size_t i = 0; i < m->destination_count; i++) {
		buffer_addf(out, INDENT "%s = {\n", m->destinations[i].name);
		print_scope(m->destinations + i, INDENT INDENT, out);
		buffer_add_text(out, INDENT "};\n");
	}
	buffer_add_text(out, "};\n\naccounts = (\n");
	for (size_t i = 0; i < m->account_count; i++) {
		buffer_add_text(out, INDENT "{\n");
		print_scope(m->accounts + i, INDENT INDENT, out);
		buffer_add_text(out,
		    i + 1 < m->account_count ? INDENT "},\n" : INDENT "}\n");
	}
	buffer_add_text(out, ");\n");
}
