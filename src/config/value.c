#include "config/value.h"

#include "base/alloc.h"
#include "base/text.h"
#include "config/expects.h"
#include "config/source.h"
#include "message/envelope.h"
#include "poll/account.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Room for a word of the file that is shown in a message. */
#define SHOWN 80

static int
must_be(const struct setting *setting, const char *text, struct buffer *why)
{
	char shown[SHOWN];

	buffer_add_text(why, "must be ");
	expects_text(setting, why);
	if (setting->flags & SETTING_SECRET)
		return -1;
	text_harmless(slice_of(text), shown, sizeof shown);
	buffer_addf(why, "; it is \"%s\"", shown);
	return -1;
}

static int
out_of_range(
    const struct setting *setting, const char *text, struct buffer *why)
{
	buffer_add_text(why, "is out of range: it ");
	return must_be(setting, text, why);
}

int
value_wrong_type(
    const struct setting *setting, const char *what, struct buffer *why)
{
	buffer_add_text(why, "must be ");
	expects_text(setting, why);
	buffer_addf(why, "; it is %s", what);
	return -1;
}

static bool
in_range(const struct setting *setting, int64_t n)
{
	return n >= setting->min && n <= setting->max;
}

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool
is_ipv6(const char *host)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(host, "%"); /* fe80::1%eth0 */
	struct in6_addr v6;

	if (len >= sizeof address)
		return false;
	memcpy(address, host, len);
	address[len] = '\0';
	return inet_pton(AF_INET6, address, &v6) == 1;
}

static int
from_host(struct value *v, const struct setting *setting, const char *text,
    struct settings_memory *m, struct buffer *why)
{
	size_t len = strlen(text);
	const char *colon = strchr(text, ':');

	if (len > 2 && text[0] == '[' && text[len - 1] == ']')
		text = memory_textf(m, "%.*s", (int)(len - 2), text + 1);
	v->text = memory_text(m, text);
	if (is_ipv6(text))
		return 0;
	if (colon != NULL && colon != text && colon[1] != '\0' &&
	    strspn(colon + 1, DIGITS) == strlen(colon + 1)) {
		buffer_addf(why,
		    "must be a host name or address alone; write "
		    "port = %.5s beside it",
		    colon + 1);
		return -1;
	}
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80) {
			buffer_add_text(why,
			    "must be a host name in its ASCII form, like "
			    "\"xn--bcher-kva.example\"");
			return -1;
		}
	if (len == 0 || len > 253 || text[0] == '-' || text[0] == '.' ||
	    strspn(text, DIGITS LETTERS "-._") != len)
		return must_be(setting, text, why);
	return 0;
}

static int
from_socket(struct value *v, const char *text, struct settings_memory *m,
    struct buffer *why)
{
	struct sockaddr_un sun;

	v->text = memory_text(m, text);
	if (strlen(text) < sizeof sun.sun_path && !has_control(text))
		return 0;
	buffer_addf(why,
	    "must be the path of a unix socket, of %zu octets at most",
	    sizeof sun.sun_path - 1);
	return -1;
}

/* Kept as "ADDRESS:PORT", with brackets around an address that has colons. */
static int
from_listen(struct value *v, const struct setting *setting, const char *text,
    struct settings_memory *m, struct buffer *why)
{
	const char *colon = strrchr(text, ':');
	const char *port = colon != NULL ? colon + 1 : text;
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	const char *host = memory_textf(m, "%.*s", (int)len, text);
	struct in_addr v4;
	uint64_t number;

	if (text_u64(slice_of(port), UINT16_MAX, &number) < 0 ||
	    !in_range(setting, (int64_t)number))
		return must_be(setting, text, why);
	if (colon == NULL || strcasecmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		if (!is_ipv6(memory_textf(m, "%.*s", (int)len - 2, host + 1)))
			return must_be(setting, text, why);
	} else if (inet_pton(AF_INET, host, &v4) != 1) {
		return must_be(setting, text, why);
	}
	v->text = memory_textf(m, "%s:%u", host, (unsigned)number);
	return 0;
}

static int
from_string(struct value *v, const struct setting *setting, const char *text,
    struct settings_memory *m, struct buffer *why)
{
	size_t len = strlen(text);

	v->text = memory_text(m, text);
	if (len == 0 || len > (size_t)setting->max || has_control(text) ||
	    !text_is_utf8(slice_of(text)))
		return must_be(setting, text, why);
	if (strcmp(setting->name, "helo") == 0 &&
	    strspn(text, DIGITS LETTERS "-._:[]") != len) {
		buffer_add_text(
		    why, "must be a host name, or an address in brackets");
		return -1;
	}
	return 0;
}

static int
from_name(struct value *v, const struct setting *setting, const char *text,
    struct settings_memory *m, struct buffer *why)
{
	size_t len = strlen(text);

	v->text = memory_text(m, text);
	if (len == 0 || len > 64 || text[0] == '-' || text[0] == '.')
		return must_be(setting, text, why);
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '/')
			return must_be(setting, text, why);
	return 0;
}

static int
from_path(struct value *v, const struct setting *setting, const char *text,
    const char *beside, struct settings_memory *m, struct buffer *why)
{
	if (text[0] == '\0' || has_control(text))
		return must_be(setting, text, why);
	v->text = source_path(m, beside, text);
	return 0;
}

/* A misspelt word is no file of that name. */
static int
from_log(struct value *v, const struct setting *setting, const char *text,
    struct settings_memory *m, struct buffer *why)
{
	bool word = strcmp(text, "stderr") == 0 || strcmp(text, "syslog") == 0;
	bool path = text[0] == '/' || strncmp(text, "~/", 2) == 0;

	if ((!word && !path) || has_control(text))
		return must_be(setting, text, why);
	v->text = word ? memory_text(m, text) : source_path(m, "", text);
	return 0;
}

static int
from_duration(struct value *v, const struct setting *setting, const char *text,
    struct buffer *why)
{
	if (text_duration(slice_of(text), &v->number) < 0)
		return must_be(setting, text, why);
	if (!in_range(setting, v->number))
		return out_of_range(setting, text, why);
	return 0;
}

static int
from_every(struct value *v, const struct setting *setting, const char *text,
    struct buffer *why)
{
	if (strcmp(text, "auto") != 0)
		return from_duration(v, setting, text, why);
	v->number = EVERY_AUTO;
	return 0;
}

static int
from_size(struct value *v, const struct setting *setting, const char *text,
    struct buffer *why)
{
	uint64_t octets;

	if (text_size(slice_of(text), &octets) < 0)
		return must_be(setting, text, why);
	if (octets > (uint64_t)setting->max)
		return out_of_range(setting, text, why);
	v->number = (int64_t)octets;
	return 0;
}

static int
from_choice(struct value *v, const struct setting *setting, const char *text,
    struct buffer *why)
{
	for (const struct choice *c = setting->choices; c->word != NULL; c++)
		if (strcmp(c->word, text) == 0) {
			v->number = c->value;
			return 0;
		}
	return must_be(setting, text, why);
}

static int
from_after_delivery(struct value *v, const struct setting *setting,
    const char *text, struct buffer *why)
{
	struct slice rest = slice_trim(slice_of(text));
	struct slice word = slice_word(&rest);

	if (slice_is(word, "delete") && rest.len == 0) {
		v->number = AFTER_DELETE;
		return 0;
	}
	if (!slice_is(word, "keep"))
		return must_be(setting, text, why);
	if (rest.len == 0) {
		v->number = AFTER_KEEP;
		return 0;
	}
	v->number = AFTER_KEEP_FOR;
	if (text_duration(rest, &v->amount) < 0)
		return must_be(setting, text, why);
	if (!in_range(setting, v->amount))
		return out_of_range(setting, text, why);
	return 0;
}

static int
from_first_poll(struct value *v, const struct setting *setting,
    const char *text, struct buffer *why)
{
	struct slice rest = slice_trim(slice_of(text));
	struct slice word = slice_word(&rest);
	uint64_t count;

	if (rest.len == 0 &&
	    (slice_is(word, "all") || slice_is(word, "none"))) {
		v->number = slice_is(word, "all") ? FIRST_ALL : FIRST_NONE;
		return 0;
	}
	if (slice_is(word, "since") && text_duration(rest, &v->amount) == 0) {
		v->number = FIRST_SINCE;
		if (!in_range(setting, v->amount))
			return out_of_range(setting, text, why);
		return 0;
	}
	if (slice_is(word, "last") && text_u64(rest, INT32_MAX, &count) == 0 &&
	    count > 0) {
		v->number = FIRST_LAST;
		v->amount = (int64_t)count;
		return 0;
	}
	return must_be(setting, text, why);
}

int
value_from_texts(struct value *v, const struct setting *setting,
    const char **texts, size_t count, struct settings_memory *m,
    struct buffer *why)
{
	const char **list;

	if (setting->type != TYPE_RECIPIENTS || count == 0)
		return value_wrong_type(
		    setting, count == 0 ? "an empty list" : "a list", why);
	list = memory_copy(m, texts, (count + 1) * sizeof *texts);
	list[count] = NULL;
	for (size_t i = 0; i < count; i++) {
		char shown[SHOWN];

		text_harmless(slice_of(texts[i]), shown, sizeof shown);
		if (!envelope_recipient_ok(texts[i])) {
			buffer_addf(why,
			    "has \"%s\", which is no address that mail can be "
			    "sent to",
			    shown);
			return -1;
		}
		for (size_t k = 0; k < i; k++)
			if (strcmp(texts[i], texts[k]) == 0) {
				buffer_addf(why, "has \"%s\" twice", shown);
				return -1;
			}
		list[i] = memory_text(m, texts[i]);
	}
	v->list = list;
	return 0;
}

int
value_from_text(struct value *v, const struct setting *setting,
    const char *text, const char *beside, struct settings_memory *m,
    struct buffer *why)
{
	switch (setting->type) {
	case TYPE_SETTINGS:
	case TYPE_PORT:
	case TYPE_COUNT:
	case TYPE_BOOL:
		break;
	case TYPE_NAME:
		return from_name(v, setting, text, m, why);
	case TYPE_STRING:
		return from_string(v, setting, text, m, why);
	case TYPE_HOST:
		return from_host(v, setting, text, m, why);
	case TYPE_HOST_OR_SOCKET:
		if (text[0] == '/')
			return from_socket(v, text, m, why);
		return from_host(v, setting, text, m, why);
	case TYPE_PATH:
		return from_path(v, setting, text, beside, m, why);
	case TYPE_LOG:
		return from_log(v, setting, text, m, why);
	case TYPE_LISTEN:
		return from_listen(v, setting, text, m, why);
	case TYPE_DURATION:
		return from_duration(v, setting, text, why);
	case TYPE_SIZE:
		return from_size(v, setting, text, why);
	case TYPE_CHOICE:
		return from_choice(v, setting, text, why);
	case TYPE_RECIPIENTS: {
		const char *texts[2] = { text, NULL };

		return value_from_texts(v, setting, texts, 1, m, why);
	}
	case TYPE_AFTER_DELIVERY:
		return from_after_delivery(v, setting, text, why);
	case TYPE_FIRST_POLL:
		return from_first_poll(v, setting, text, why);
	case TYPE_EVERY:
		return from_every(v, setting, text, why);
	}
	return value_wrong_type(setting, "a text in quotes", why);
}

int
value_from_number(struct value *v, const struct setting *setting,
    int64_t number, struct buffer *why)
{
	bool plain = setting->type == TYPE_PORT || setting->type == TYPE_COUNT;
	bool nothing = number == 0 && setting->min == 0 &&
	    (setting->type == TYPE_SIZE || setting->type == TYPE_DURATION);

	if (!plain && !nothing)
		return value_wrong_type(setting, "a number", why);
	v->number = number;
	if (in_range(setting, number))
		return 0;
	buffer_add_text(why, "is out of range: it must be ");
	expects_text(setting, why);
	buffer_addf(why, "; it is %lld", (long long)number);
	return -1;
}

int
value_from_bool(
    struct value *v, const struct setting *setting, bool is, struct buffer *why)
{
	if (setting->type != TYPE_BOOL)
		return value_wrong_type(setting, is ? "true" : "false", why);
	v->number = is;
	return 0;
}

void
value_initial(
    struct value *v, const struct setting *setting, struct settings_memory *m)
{
	struct buffer why = { 0 };
	int rc;

	if (setting->initial == NULL)
		return;
	switch (setting->type) {
	case TYPE_PORT:
	case TYPE_COUNT:
		rc = value_from_number(
		    v, setting, strtoll(setting->initial, NULL, 10), &why);
		break;
	case TYPE_BOOL:
		rc = value_from_bool(
		    v, setting, strcmp(setting->initial, "true") == 0, &why);
		break;
	default:
		rc = value_from_text(v, setting, setting->initial, "", m, &why);
		break;
	}
	buffer_free(&why);
	if (rc < 0)
		abort(); /* the table contradicts itself */
}

bool
value_is_set(const struct value *v, const struct setting *setting)
{
	switch (setting->type) {
	case TYPE_SETTINGS:
		return false;
	case TYPE_NAME:
	case TYPE_STRING:
	case TYPE_HOST:
	case TYPE_HOST_OR_SOCKET:
	case TYPE_PATH:
	case TYPE_LOG:
	case TYPE_LISTEN:
		return v->text != NULL;
	case TYPE_PORT:
		return v->number != 0;
	case TYPE_RECIPIENTS:
		return v->list != NULL;
	default:
		return true;
	}
}

void
value_quote(const char *text, struct buffer *out)
{
	buffer_add_text(out, "\"");
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			buffer_addf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			buffer_addf(out, "\\x%02x", c);
		else
			buffer_add(out, text, 1);
	}
	buffer_add_text(out, "\"");
}

static void
write_list(const char **list, struct buffer *out)
{
	if (list[1] == NULL) {
		value_quote(list[0], out);
		return;
	}
	for (size_t i = 0; list[i] != NULL; i++) {
		buffer_add_text(out, i == 0 ? "[ " : ", ");
		value_quote(list[i], out);
	}
	buffer_add_text(out, " ]");
}

static void
write_after_delivery(const struct value *v, struct buffer *out)
{
	char unit[TEXT_UNIT];

	if (v->number == AFTER_KEEP_FOR)
		buffer_addf(
		    out, "\"keep %s\"", text_from_duration(v->amount, unit));
	else
		buffer_add_text(
		    out, v->number == AFTER_KEEP ? "\"keep\"" : "\"delete\"");
}

static void
write_first_poll(const struct value *v, struct buffer *out)
{
	char unit[TEXT_UNIT];

	if (v->number == FIRST_SINCE)
		buffer_addf(
		    out, "\"since %s\"", text_from_duration(v->amount, unit));
	else if (v->number == FIRST_LAST)
		buffer_addf(out, "\"last %lld\"", (long long)v->amount);
	else
		buffer_add_text(
		    out, v->number == FIRST_ALL ? "\"all\"" : "\"none\"");
}

void
value_write(
    const struct value *v, const struct setting *setting, struct buffer *out)
{
	const struct choice *c;
	char unit[TEXT_UNIT];

	switch (setting->type) {
	case TYPE_SETTINGS:
		break;
	case TYPE_NAME:
	case TYPE_STRING:
	case TYPE_HOST:
	case TYPE_HOST_OR_SOCKET:
	case TYPE_PATH:
	case TYPE_LOG:
	case TYPE_LISTEN:
		value_quote(
		    setting->flags & SETTING_SECRET ? "********" : v->text,
		    out);
		break;
	case TYPE_PORT:
	case TYPE_COUNT:
		buffer_addf(out, "%lld", (long long)v->number);
		break;
	case TYPE_BOOL:
		buffer_add_text(out, v->number ? "true" : "false");
		break;
	case TYPE_DURATION:
		value_quote(text_from_duration(v->number, unit), out);
		break;
	case TYPE_SIZE:
		if (v->number == 0)
			buffer_add_text(out, "0");
		else
			value_quote(
			    text_from_size((uint64_t)v->number, unit), out);
		break;
	case TYPE_CHOICE:
		for (c = setting->choices; c->value != v->number;)
			c++;
		value_quote(c->word, out);
		break;
	case TYPE_RECIPIENTS:
		write_list(v->list, out);
		break;
	case TYPE_AFTER_DELIVERY:
		write_after_delivery(v, out);
		break;
	case TYPE_FIRST_POLL:
		write_first_poll(v, out);
		break;
	case TYPE_EVERY:
		value_quote(v->number == EVERY_AUTO
			? "auto"
			: text_from_duration(v->number, unit),
		    out);
		break;
	}
}
