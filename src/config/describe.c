#include "config/describe.h"

#include "config/expects.h"
#include "config/table.h"
#include "config/value.h"

#include <string.h>

#define WIDTH 78

static const char *const titles[SECTIONS] = {
	[SECTION_GLOBAL] = "Global settings",
	[SECTION_ACCOUNT] = "Settings of an account",
	[SECTION_DESTINATION] = "Settings of a destination",
};

static const char *
type_name(const struct setting *setting)
{
	switch (setting->type) {
	case TYPE_SETTINGS:
		return "settings";
	case TYPE_NAME:
		return "name";
	case TYPE_STRING:
		return "text";
	case TYPE_HOST:
		return "host";
	case TYPE_HOST_OR_SOCKET:
		return "path or host";
	case TYPE_PATH:
		return "path";
	case TYPE_LOG:
		return "word or path";
	case TYPE_LISTEN:
		return "address:port";
	case TYPE_PORT:
		return "port";
	case TYPE_BOOL:
		return "true or false";
	case TYPE_DURATION:
		return "duration";
	case TYPE_SIZE:
		return "size";
	case TYPE_COUNT:
		return "number";
	case TYPE_CHOICE:
		return "choice";
	case TYPE_RECIPIENTS:
		return "address or list";
	case TYPE_EVERY:
		return "duration, auto";
	case TYPE_AFTER_DELIVERY:
	case TYPE_FIRST_POLL:
		break;
	}
	return "words";
}

/* A default or sample as it stands in the file. */
static void
add_literal(const struct setting *setting, const char *text, struct buffer *out)
{
	bool nothing = setting->type == TYPE_SIZE && strcmp(text, "0") == 0;

	if (expects_quotes(setting) && !nothing)
		value_quote(text, out);
	else
		buffer_add_text(out, text);
}

/* "5m", in words, or nothing. Returns whether there is one. */
static bool
add_default(const struct setting *setting, struct buffer *out)
{
	if (setting->initial != NULL)
		add_literal(setting, setting->initial, out);
	else if (setting->fallback != NULL)
		buffer_add_text(out, setting->fallback);
	else
		return false;
	return true;
}

/* Fill lines with words, each line behind `lead`. */
static void
add_wrapped(struct buffer *out, const char *lead, struct slice text)
{
	size_t column = WIDTH + 1;

	while (text.len > 0) {
		struct slice word = slice_word(&text);

		if (column + 1 + word.len > WIDTH) {
			buffer_addf(
			    out, "%s%s", column > WIDTH ? "" : "\n", lead);
			column = 8 * strspn(lead, "\t") +
			    strlen(lead + strspn(lead, "\t"));
		} else {
			buffer_add_text(out, " ");
			column++;
		}
		buffer_add_slice(out, word);
		column += word.len;
	}
	buffer_add_text(out, "\n");
}

static void
list_setting(const struct setting *setting, struct buffer *out)
{
	struct buffer more = { 0 };

	buffer_addf(out, "  %-21s %-16s ", setting->name, type_name(setting));
	if (setting->flags & SETTING_REQUIRED && setting->fallback == NULL)
		buffer_add_text(out, "required");
	else if (setting->initial != NULL)
		(void)add_default(setting, out);
	else
		buffer_add_text(out, "-");
	buffer_add_text(out, "\n");

	add_wrapped(out, "      ", slice_of(setting->help));
	if (setting->type != TYPE_SETTINGS) {
		buffer_add_text(&more, "Value: ");
		expects_text(setting, &more);
		buffer_add_text(&more, ".");
		add_wrapped(out, "      ", buffer_slice(&more));
		buffer_clear(&more);
	}
	if (setting->fallback != NULL) {
		buffer_addf(&more, "Default: %s.", setting->fallback);
		add_wrapped(out, "      ", buffer_slice(&more));
	}
	buffer_free(&more);
}

void
describe_list(struct buffer *out)
{
	for (enum section s = 0; s < SECTIONS; s++) {
		size_t count;
		const struct setting *rows = table_section(s, &count);

		buffer_addf(out, "%s%s\n", s > 0 ? "\n" : "", titles[s]);
		buffer_addf(
		    out, "  %-21s %-16s %s\n", "NAME", "TYPE", "DEFAULT");
		for (size_t i = 0; i < count; i++)
			list_setting(rows + i, out);
	}
}

/* Text as roff, a line for each sentence. */
static void
add_roff(struct buffer *out, struct slice s)
{
	const char *text = s.data, *end = s.data + s.len;
	bool quoted = false, begins = true;

	if (s.len == 0)
		return;
	for (; text < end; text++) {
		if (begins && (*text == '.' || *text == '\''))
			buffer_add_text(out, "\\&");
		begins = false;
		if (*text == '"')
			quoted = !quoted;
		if (*text == '\\')
			buffer_add_text(out, "\\e");
		else if (*text == '~')
			buffer_add_text(out, "\\(ti");
		else if (*text == '\'')
			buffer_add_text(out, "\\(aq");
		else if (*text == '-' && (quoted || text[1] == '-'))
			buffer_add_text(out, "\\-");
		else if (end - text > 2 && !memcmp(text, ". ", 2)) {
			buffer_add_text(out, ".\n");
			begins = true;
			text++;
		} else
			buffer_add(out, text, 1);
	}
	buffer_add_text(out, "\n");
}

static void
man_setting(const struct setting *setting, struct buffer *out)
{
	struct buffer text = { 0 };

	buffer_addf(out, ".TP\n.B %s\n", setting->name);
	add_roff(out, slice_of(setting->help));
	if (setting->more != NULL)
		add_roff(out, slice_of(setting->more));
	if (setting->type != TYPE_SETTINGS) {
		buffer_add_text(&text, "Value: ");
		expects_text(setting, &text);
		buffer_add_text(&text, ". ");
	}
	if (setting->flags & SETTING_REQUIRED && setting->fallback == NULL) {
		buffer_add_text(&text, "Required.");
	} else if (setting->initial != NULL || setting->fallback != NULL) {
		buffer_add_text(&text, "Default: ");
		(void)add_default(setting, &text);
		buffer_add_text(&text, ".");
	}
	if (text.len > 0)
		buffer_add_text(out, ".br\n");
	add_roff(out, slice_trim(buffer_slice(&text)));
	buffer_free(&text);
}

void
describe_man(struct buffer *out)
{
	for (enum section s = 0; s < SECTIONS; s++) {
		size_t count;
		const struct setting *rows = table_section(s, &count);

		buffer_addf(out, ".SS %s\n", titles[s]);
		for (size_t i = 0; i < count; i++)
			man_setting(rows + i, out);
	}
}

static void
example_setting(
    const struct setting *setting, const char *indent, struct buffer *out)
{
	struct buffer comment = { 0 }, lead = { 0 };
	const char *value =
	    setting->initial != NULL ? setting->initial : setting->sample;

	buffer_addf(&lead, "%s# ", indent);
	buffer_add_text(&comment, setting->help);
	if (setting->fallback != NULL)
		buffer_addf(&comment, " Default: %s.", setting->fallback);
	add_wrapped(out, lead.data, buffer_slice(&comment));
	buffer_addf(out, "%s%s%s = ", indent,
	    setting->flags & SETTING_LIVE ? "" : "#", setting->name);
	add_literal(setting, value, out);
	buffer_add_text(out, ";\n");
	buffer_free(&comment);
	buffer_free(&lead);
}

static void
example_section(enum section section, struct buffer *out)
{
	size_t count;
	const struct setting *rows = table_section(section, &count);

	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_add_text(out, "\n");
		example_setting(rows + i, "\t\t", out);
	}
}

static void
example_group(const struct setting *setting, struct buffer *out)
{
	add_wrapped(out, "# ", slice_of(setting->help));
	buffer_addf(out, "%s = ", setting->name);
	if (strcmp(setting->name, "destinations") == 0) {
		buffer_add_text(out, "{\n\thome = {\n");
		example_section(SECTION_DESTINATION, out);
		buffer_add_text(out, "\t};\n};\n");
	} else if (strcmp(setting->name, "accounts") == 0) {
		buffer_add_text(out, "(\n\t{\n");
		example_section(SECTION_ACCOUNT, out);
		buffer_add_text(out, "\t}\n);\n");
	} else {
		buffer_add_text(out, "{\n\t#every = \"15m\";\n};\n");
	}
}

void
describe_example(struct buffer *out)
{
	size_t count;
	const struct setting *rows = table_section(SECTION_GLOBAL, &count);

	buffer_add_text(out,
	    "# Settings of postrider(1), explained in postrider.conf(5).\n"
	    "# What stands behind \"#\" without a blank is a default, or shows "
	    "how a setting\n"
	    "# that few need is written.\n");
	for (size_t i = 0; i < count; i++) {
		buffer_add_text(out, "\n");
		if (rows[i].type == TYPE_SETTINGS)
			example_group(rows + i, out);
		else
			example_setting(rows + i, "", out);
	}
}
