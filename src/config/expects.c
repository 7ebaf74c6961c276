/* expects.c - see expects.h. */
#include "config/expects.h"

#include "base/text.h"

static void
add_choices(const struct setting *setting, struct buffer *out)
{
	buffer_add_text(out, "one of");
	for (const struct choice *c = setting->choices; c->word != NULL; c++)
		buffer_addf(out, "%s \"%s\"", c == setting->choices ? "" : ",",
		    c->word);
}

void
expects_text(const struct setting *setting, struct buffer *out)
{
	const char *like =
	    setting->sample != NULL ? setting->sample : setting->initial;
	char min[TEXT_UNIT], max[TEXT_UNIT];

	switch (setting->type) {
	case TYPE_SETTINGS:
		buffer_addf(out, "like %s", like);
		break;
	case TYPE_NAME:
		buffer_add_text(out,
		    "a name in quotes, up to 64 printable ASCII "
		    "characters without blanks and \"/\", not "
		    "beginning with \"-\" or \".\"");
		break;
	case TYPE_STRING:
		buffer_addf(out,
		    "a text in quotes of 1 to %lld octets on one line",
		    (long long)setting->max);
		break;
	case TYPE_HOST:
		buffer_addf(
		    out, "a host name or address in quotes, like \"%s\"", like);
		break;
	case TYPE_HOST_OR_SOCKET:
		buffer_addf(out,
		    "a path or a host in quotes, like \"%s\" or \"localhost\"",
		    like);
		break;
	case TYPE_PATH:
		buffer_addf(out, "a path in quotes, like \"%s\"", like);
		break;
	case TYPE_LOG:
		buffer_add_text(out,
		    "\"stderr\", \"syslog\", or the path of a file, which "
		    "begins with \"/\" or \"~/\"");
		break;
	case TYPE_LISTEN:
		buffer_addf(out,
		    "an address and a port in quotes, like \"%s\" or "
		    "\"[::1]:9811\"",
		    like);
		break;
	case TYPE_PORT:
	case TYPE_COUNT:
		buffer_addf(out, "a whole number from %lld to %lld",
		    (long long)setting->min, (long long)setting->max);
		break;
	case TYPE_BOOL:
		buffer_add_text(out, "true or false, without quotes");
		break;
	case TYPE_DURATION:
		buffer_addf(out,
		    "a duration with its unit in quotes, from \"%s\" to \"%s\"",
		    text_from_duration(setting->min, min),
		    text_from_duration(setting->max, max));
		break;
	case TYPE_SIZE:
		buffer_addf(out,
		    "0, or a size with its unit in quotes, up to \"%s\"",
		    text_from_size((uint64_t)setting->max, max));
		break;
	case TYPE_CHOICE:
		add_choices(setting, out);
		break;
	case TYPE_RECIPIENTS:
		buffer_add_text(out,
		    "an address in quotes, or some in brackets: "
		    "[ \"ann\", \"bob@example.org\" ]");
		break;
	case TYPE_AFTER_DELIVERY:
		buffer_add_text(out,
		    "\"keep\", \"delete\", or a time like "
		    "\"keep 14d\", from 1s to 3650d");
		break;
	case TYPE_FIRST_POLL:
		buffer_add_text(out,
		    "\"all\", \"none\", a time like \"since 7d\", "
		    "or a number like \"last 100\"");
		break;
	case TYPE_EVERY:
		buffer_addf(out,
		    "\"auto\", or a duration with its unit in quotes, from "
		    "\"%s\" to \"%s\"",
		    text_from_duration(setting->min, min),
		    text_from_duration(setting->max, max));
		break;
	}
}

bool
expects_quotes(const struct setting *setting)
{
	return setting->type != TYPE_PORT && setting->type != TYPE_COUNT &&
	    setting->type != TYPE_BOOL && setting->type != TYPE_SETTINGS;
}
