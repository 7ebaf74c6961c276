/* reply.c - the words of a POP3 server, parsed. */
#include "pop3/reply.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Larger than any maildrop, and still a number that SQLite can hold. */
#define OCTETS_MAX ((uint64_t)INT64_MAX)

static const struct {
	const char *name;
	enum pop3_code code;
} codes[] = {
	{ "IN-USE", POP3_CODE_IN_USE },
	{ "LOGIN-DELAY", POP3_CODE_LOGIN_DELAY },
	{ "SYS/TEMP", POP3_CODE_SYS_TEMP },
	{ "SYS/PERM", POP3_CODE_SYS_PERM },
	{ "AUTH", POP3_CODE_AUTH },
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Does the line begin with this status indicator? *rest is what follows. */
static bool
status_is(struct slice line, const char *status, struct slice *rest)
{
	size_t len = strlen(status);

	if (!slice_starts_nocase(line, status))
		return false;
	*rest = slice_skip(line, len);
	return rest->len == 0 || is_blank(rest->data[0]);
}

/* Codes are hierarchical: an unknown level below a known one is that one. */
static enum pop3_code
code_of(struct slice name)
{
	size_t len, i;

	for (i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		len = strlen(codes[i].name);
		if (slice_starts_nocase(name, codes[i].name) &&
		    (name.len == len || name.data[len] == '/'))
			return codes[i].code;
	}
	return POP3_CODE_OTHER;
}

/* Words in brackets that are no code we know stay in the text. */
static enum pop3_code
cut_code(struct slice *text)
{
	const char *end;
	struct slice name;
	enum pop3_code code;

	if (text->len == 0 || text->data[0] != '[')
		return POP3_CODE_NONE;
	end = memchr(text->data, ']', text->len);
	if (end == NULL)
		return POP3_CODE_NONE;
	name = slice_make(text->data + 1, (size_t)(end - text->data) - 1);
	code = code_of(name);
	if (code != POP3_CODE_OTHER)
		*text = slice_trim(slice_skip(*text, name.len + 2));
	return code;
}

int
pop3_reply_parse(struct slice line, struct pop3_reply *reply)
{
	struct slice text;

	memset(reply, 0, sizeof *reply);
	if (status_is(line, "+OK", &text))
		reply->status = POP3_OK;
	else if (status_is(line, "-ERR", &text))
		reply->status = POP3_ERR;
	else if (status_is(line, "+", &text))
		reply->status = POP3_CONTINUE;
	else
		return -1;
	text = slice_trim(text);
	if (reply->status != POP3_CONTINUE)
		reply->code = cut_code(&text);
	text_harmless(text, reply->text, sizeof reply->text);
	return 0;
}

enum error_kind
pop3_code_later(enum pop3_code code)
{
	switch (code) {
	case POP3_CODE_IN_USE:
		return ERR_IN_USE;
	case POP3_CODE_LOGIN_DELAY:
		return ERR_LOGIN_DELAY;
	case POP3_CODE_SYS_TEMP:
		return ERR_BUSY;
	case POP3_CODE_NONE:
	case POP3_CODE_SYS_PERM:
	case POP3_CODE_AUTH:
	case POP3_CODE_OTHER:
		break;
	}
	return ERR_NONE;
}

bool
pop3_begins_with_status(struct slice text)
{
	const char *end =
	    text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
	struct slice rest;

	if (end == NULL)
		return false;
	text.len = (size_t)(end - text.data);
	if (text.len > 0 && text.data[text.len - 1] == '\r')
		text.len--;
	return status_is(text, "+OK", &rest) || status_is(text, "-ERR", &rest);
}

void
pop3_capa_clear(struct pop3_capa *capa)
{
	memset(capa, 0, sizeof *capa);
	capa->login_delay_s = -1;
	capa->expire_days = -1;
}

static bool
is_mechanism(struct slice word)
{
	size_t i;

	for (i = 0; i < word.len; i++)
		if (word.data[i] < 0x21 || word.data[i] > 0x7e)
			return false;
	return word.len > 0;
}

static void
capa_sasl(struct slice rest, struct pop3_capa *capa)
{
	struct slice word;
	size_t used;

	while ((word = slice_word(&rest)).len > 0) {
		used = strlen(capa->sasl);
		if (!is_mechanism(word) ||
		    used + 1 + word.len >= sizeof capa->sasl)
			continue;
		if (used > 0)
			capa->sasl[used++] = ' ';
		memcpy(capa->sasl + used, word.data, word.len);
		capa->sasl[used + word.len] = '\0';
		capa->sasl_ir = true;
	}
}

static int64_t
capa_number(struct slice word)
{
	uint64_t n;

	return text_u64(word, UINT32_MAX, &n) < 0 ? -1 : (int64_t)n;
}

/* It may have been cut behind a blank. */
static void
capa_implementation(struct slice name, struct pop3_capa *capa)
{
	size_t len;

	text_harmless(name, capa->implementation, sizeof capa->implementation);
	len = slice_trim(slice_of(capa->implementation)).len;
	capa->implementation[len] = '\0';
}

void
pop3_capa_line(struct slice line, struct pop3_capa *capa)
{
	struct slice rest = line;
	struct slice keyword = slice_word(&rest);

	if (slice_is_nocase(keyword, "STLS")) {
		capa->stls = true;
	} else if (slice_is_nocase(keyword, "USER")) {
		capa->user = true;
	} else if (slice_is_nocase(keyword, "TOP")) {
		capa->top = true;
	} else if (slice_is_nocase(keyword, "UIDL")) {
		capa->uidl = true;
	} else if (slice_is_nocase(keyword, "PIPELINING")) {
		capa->pipelining = true;
	} else if (slice_is_nocase(keyword, "RESP-CODES")) {
		capa->resp_codes = true;
	} else if (slice_is_nocase(keyword, "UTF8")) {
		capa->utf8 = true;
	} else if (slice_is_nocase(keyword, "SASL")) {
		capa_sasl(rest, capa);
	} else if (slice_is_nocase(keyword, "LOGIN-DELAY")) {
		capa->login_delay_s = capa_number(slice_word(&rest));
	} else if (slice_is_nocase(keyword, "EXPIRE")) {
		keyword = slice_word(&rest);
		capa->expire_days = slice_is_nocase(keyword, "NEVER")
		    ? INT64_MAX
		    : capa_number(keyword);
	} else if (slice_is_nocase(keyword, "IMPLEMENTATION")) {
		capa_implementation(slice_trim(rest), capa);
	}
}

void
pop3_capa_text(const struct pop3_capa *capa, struct buffer *out)
{
	const struct {
		bool has;
		const char *line;
	} lines[] = {
		{ capa->stls, "STLS\n" },
		{ capa->user, "USER\n" },
		{ capa->top, "TOP\n" },
		{ capa->uidl, "UIDL\n" },
		{ capa->pipelining, "PIPELINING\n" },
		{ capa->resp_codes, "RESP-CODES\n" },
		{ capa->utf8, "UTF8\n" },
	};

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		if (lines[i].has)
			buffer_add_text(out, lines[i].line);
	if (capa->sasl[0] != '\0')
		buffer_addf(out, "SASL %s\n", capa->sasl);
	if (capa->login_delay_s >= 0)
		buffer_addf(
		    out, "LOGIN-DELAY %" PRId64 "\n", capa->login_delay_s);
	if (capa->expire_days == INT64_MAX)
		buffer_add_text(out, "EXPIRE NEVER\n");
	else if (capa->expire_days >= 0)
		buffer_addf(out, "EXPIRE %" PRId64 "\n", capa->expire_days);
	if (capa->implementation[0] != '\0')
		buffer_addf(out, "IMPLEMENTATION %s\n", capa->implementation);
}

/* Messages are numbered from 1. */
static int
message_number(struct slice word, uint32_t *number)
{
	uint64_t n;

	if (text_u64(word, UINT32_MAX, &n) < 0 || n == 0)
		return -1;
	*number = (uint32_t)n;
	return 0;
}

int
pop3_stat_parse(struct slice text, uint32_t *count, uint64_t *octets)
{
	uint64_t n;

	if (text_u64(slice_word(&text), UINT32_MAX, &n) < 0 ||
	    text_u64(slice_word(&text), OCTETS_MAX, octets) < 0)
		return -1;
	*count = (uint32_t)n;
	return 0;
}

int
pop3_uidl_line(struct slice line, uint32_t *number, struct slice *uid)
{
	if (message_number(slice_word(&line), number) < 0)
		return -1;
	*uid = slice_word(&line);
	return uid->len == 0 || uid->len > POP3_UID_MAX ? -1 : 0;
}

int
pop3_list_line(struct slice line, uint32_t *number, uint64_t *octets)
{
	if (message_number(slice_word(&line), number) < 0)
		return -1;
	return text_u64(slice_word(&line), OCTETS_MAX, octets);
}
