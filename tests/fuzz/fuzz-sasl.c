/*
 * fuzz-sasl.c - challenges. The first line is the user, the second the
 * password, the third what the server offers, each other one a challenge.
 */
#include "sasl/sasl.h"

#include "base/alloc.h"
#include "fuzz.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 2

static char *
next_text(struct slice *rest)
{
	struct slice line;
	char *text;

	if (!fuzz_line(rest, &line))
		return xstrdup("");
	text = xstrndup(line.data, line.len);
	fuzz_free(line);
	return text;
}

/* Does this base64 stand for these octets? */
static bool
encodes(struct slice base64, struct slice plain)
{
	unsigned char *out = xcalloc(base64.len + 1, 1);
	int n = EVP_DecodeBlock(
	    out, (const unsigned char *)base64.data, (int)base64.len);
	bool same = n >= 0 && (size_t)n >= plain.len &&
	    (size_t)n <= plain.len + 2 &&
	    slice_equal(slice_make(out, plain.len), plain);

	free(out);
	return same;
}

static void
check_response(const struct sasl *s, struct slice response)
{
	struct buffer plain = { 0 };

	if (s->method == AUTH_PLAIN) {
		buffer_add(&plain, "", 1);
		buffer_add_text(&plain, s->user);
		buffer_add(&plain, "", 1);
		buffer_add_text(&plain, s->secret);
	} else {
		buffer_add_text(&plain, s->step == 1 ? s->user : s->secret);
	}
	fuzz_must(response.len == (plain.len + 2) / 3 * 4,
	    "a response is as long as its base64");
	fuzz_must(encodes(response, buffer_slice(&plain)),
	    "a response says who we are, and nothing of the server's");
	buffer_free(&plain);
}

static void
exchange(enum auth_method method, const char *user, const char *secret,
    struct slice challenges)
{
	struct sasl s;
	struct slice challenge;
	int steps = 0;

	sasl_begin(&s, method, user, secret);
	while (fuzz_line(&challenges, &challenge)) {
		struct buffer out = { 0 };
		struct error e = { 0 };
		bool done = sasl_done(&s);

		if (sasl_respond(&s, challenge, &out, &e) < 0) {
			fuzz_must(out.len == 0, "who refuses says nothing");
			fuzz_must(e.kind == ERR_PROTOCOL &&
				fuzz_harmless(slice_of(e.text)),
			    "a refusal has its reason");
		} else {
			fuzz_must(!done, "nobody is told more than enough");
			fuzz_must(++steps <= STEPS_MAX, "an exchange ends");
			check_response(&s, buffer_slice(&out));
		}
		buffer_wipe(&out);
		fuzz_free(challenge);
	}
}

static void
check_choice(const char *offered)
{
	static const enum auth_method wanted[] = { AUTH_AUTO, AUTH_PLAIN,
		AUTH_LOGIN };
	size_t i;

	for (i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		enum auth_method got =
		    sasl_choose(wanted[i], slice_of(offered));

		fuzz_must(
		    got == AUTH_AUTO || got == AUTH_PLAIN || got == AUTH_LOGIN,
		    "what is chosen is known");
		fuzz_must(wanted[i] == AUTH_AUTO || got == AUTH_AUTO ||
			got == wanted[i],
		    "what is chosen is what was wanted");
		fuzz_must(got == AUTH_AUTO ||
			strcasestr(offered, sasl_name(got)) != NULL,
		    "what is chosen was offered");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_make(data, size);
	char *user = next_text(&rest);
	char *secret = next_text(&rest);
	char *offered = next_text(&rest);

	check_choice(offered);
	exchange(AUTH_PLAIN, user, secret, rest);
	exchange(AUTH_LOGIN, user, secret, rest);
	free(offered);
	free(secret);
	free(user);
	return 0;
}
