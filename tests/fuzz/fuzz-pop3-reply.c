/* fuzz-pop3-reply.c - each line of the input as every line POP3 knows. */
#include "pop3/reply.h"

#include "fuzz.h"

#include <inttypes.h>
#include <string.h>

static void
check_status(struct slice line)
{
	struct pop3_reply reply;

	if (pop3_reply_parse(line, &reply) < 0)
		return;
	fuzz_must(line.data[0] == '+' || line.data[0] == '-',
	    "a status line begins with + or -");
	fuzz_must((reply.status == POP3_ERR) == (line.data[0] == '-'),
	    "only -ERR is an error");
	fuzz_must(memchr(reply.text, '\0', sizeof reply.text) != NULL,
	    "the text of a reply is a string");
	fuzz_must(fuzz_harmless(slice_of(reply.text)),
	    "the text of a reply is harmless");
	fuzz_must(reply.code == POP3_CODE_NONE ||
		(fuzz_has(line, "[") && fuzz_has(line, "]")),
	    "a response code stands in brackets");
}

static void
check_words(const char *words, size_t room, const char *sentence)
{
	fuzz_must(memchr(words, '\0', room) != NULL, sentence);
	fuzz_must(fuzz_harmless(slice_of(words)), sentence);
}

static void
check_capa(const struct pop3_capa *capa)
{
	check_words(capa->sasl, sizeof capa->sasl,
	    "the list of mechanisms is harmless");
	check_words(capa->implementation, sizeof capa->implementation,
	    "the implementation's name is harmless");
	fuzz_must(capa->sasl_ir == (capa->sasl[0] != '\0'),
	    "initial responses go with mechanisms");
	fuzz_must(capa->login_delay_s >= -1 &&
		capa->login_delay_s <= (int64_t)UINT32_MAX,
	    "LOGIN-DELAY is in its range");
	fuzz_must(capa->expire_days >= -1, "EXPIRE is in its range");
	fuzz_must(!capa->known, "only an answer makes capabilities known");
}

static bool
same_capa(const struct pop3_capa *a, const struct pop3_capa *b)
{
	return a->stls == b->stls && a->user == b->user && a->top == b->top &&
	    a->uidl == b->uidl && a->pipelining == b->pipelining &&
	    a->resp_codes == b->resp_codes && a->utf8 == b->utf8 &&
	    a->sasl_ir == b->sasl_ir && strcmp(a->sasl, b->sasl) == 0 &&
	    a->login_delay_s == b->login_delay_s &&
	    a->expire_days == b->expire_days &&
	    strcmp(a->implementation, b->implementation) == 0;
}

/* Written down and read again. */
static void
check_capa_text(const struct pop3_capa *capa)
{
	struct buffer text = { 0 };
	struct pop3_capa again;
	struct slice rest, line;

	pop3_capa_clear(&again);
	pop3_capa_text(capa, &text);
	rest = buffer_slice(&text);
	while (fuzz_line(&rest, &line)) {
		pop3_capa_line(line, &again);
		fuzz_free(line);
	}
	fuzz_must(same_capa(capa, &again),
	    "capabilities that are written down read the same");
	buffer_free(&text);
}

static void
check_begin(struct slice input)
{
	struct pop3_reply reply;
	struct slice line, rest = input;

	if (!pop3_begins_with_status(input))
		return;
	fuzz_must(fuzz_line(&rest, &line) &&
		pop3_reply_parse(line, &reply) == 0 &&
		reply.status != POP3_CONTINUE,
	    "what begins with a status line has one");
	fuzz_free(line);
}

static void
check_stat(struct slice line)
{
	uint32_t count;
	uint64_t octets;

	if (pop3_stat_parse(line, &count, &octets) == 0)
		fuzz_must(
		    octets <= (uint64_t)INT64_MAX, "STAT's octets fit SQLite");
}

static void
check_list(struct slice line)
{
	struct buffer again = { 0 };
	uint32_t number, number_again;
	uint64_t octets, octets_again;

	if (pop3_list_line(line, &number, &octets) < 0)
		return;
	fuzz_must(number >= 1, "messages are numbered from 1");
	fuzz_must(octets <= (uint64_t)INT64_MAX, "LIST's octets fit SQLite");
	buffer_addf(&again, "%" PRIu32 " %" PRIu64, number, octets);
	fuzz_must(pop3_list_line(buffer_slice(&again), &number_again,
		      &octets_again) == 0 &&
		number_again == number && octets_again == octets,
	    "a line of LIST reads back");
	buffer_free(&again);
}

static void
check_uidl(struct slice line)
{
	struct buffer again = { 0 };
	uint32_t number, number_again;
	struct slice uid, uid_again;

	if (pop3_uidl_line(line, &number, &uid) < 0)
		return;
	fuzz_must(number >= 1, "messages are numbered from 1");
	fuzz_must(uid.len >= 1 && uid.len <= POP3_UID_MAX,
	    "a UID is neither empty nor overlong");
	fuzz_must(fuzz_inside(uid, line), "a UID is part of its line");
	fuzz_must(memchr(uid.data, ' ', uid.len) == NULL,
	    "no blank is part of a UID");
	buffer_addf(&again, "%" PRIu32 " ", number);
	buffer_add_slice(&again, uid);
	fuzz_must(pop3_uidl_line(
		      buffer_slice(&again), &number_again, &uid_again) == 0 &&
		number_again == number && slice_equal(uid, uid_again),
	    "a line of UIDL reads back");
	buffer_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_make(data, size);
	struct pop3_capa capa;
	struct slice line;

	pop3_capa_clear(&capa);
	while (fuzz_line(&rest, &line)) {
		check_status(line);
		pop3_capa_line(line, &capa);
		check_stat(line);
		check_list(line);
		check_uidl(line);
		fuzz_free(line);
	}
	check_capa(&capa);
	check_capa_text(&capa);
	check_begin(slice_make(data, size));
	return 0;
}
