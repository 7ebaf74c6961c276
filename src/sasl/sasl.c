/* sasl.c - the client side of PLAIN and LOGIN. */
#include "sasl/sasl.h"

#include <openssl/evp.h>
#include <string.h>

/* RFC 5034 section 4 and RFC 4954 section 4: no challenge is longer. */
#define CHALLENGE_MAX 12288

const char *
sasl_name(enum auth_method method)
{
	switch (method) {
	case AUTH_PLAIN:
		return "PLAIN";
	case AUTH_LOGIN:
		return "LOGIN";
	case AUTH_USER:
		return "USER";
	case AUTH_AUTO:
		break;
	}
	return "";
}

void
sasl_begin(struct sasl *s, enum auth_method method, const char *user,
    const char *secret)
{
	s->method = method;
	s->user = user;
	s->secret = secret;
	s->step = 0;
}

bool
sasl_client_first(const struct sasl *s)
{
	return s->method == AUTH_PLAIN;
}

bool
sasl_done(const struct sasl *s)
{
	return s->step == (s->method == AUTH_PLAIN ? 1 : 2);
}

static bool
is_base64_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '+' || c == '/';
}

static bool
is_base64(struct slice s)
{
	size_t pad = 0;
	size_t i;

	if (s.len % 4 != 0)
		return false;
	while (pad < 2 && pad < s.len && s.data[s.len - 1 - pad] == '=')
		pad++;
	for (i = 0; i < s.len - pad; i++)
		if (!is_base64_char(s.data[i]))
			return false;
	return true;
}

/* All the room is taken at once, so that no half-grown copy stays behind. */
static void
add_base64(struct buffer *out, struct slice plain)
{
	size_t room = (plain.len + 2) / 3 * 4;

	buffer_reserve(out, room + 1);
	EVP_EncodeBlock((unsigned char *)out->data + out->len,
	    (const unsigned char *)plain.data, (int)plain.len);
	out->len += room;
}

/* RFC 4616: no authorization identity, then user and password. */
static void
plain_respond(const struct sasl *s, struct buffer *out)
{
	struct buffer message = { 0 };

	buffer_reserve(&message, strlen(s->user) + strlen(s->secret) + 3);
	buffer_add(&message, "", 1);
	buffer_add_text(&message, s->user);
	buffer_add(&message, "", 1);
	buffer_add_text(&message, s->secret);
	add_base64(out, buffer_slice(&message));
	buffer_wipe(&message);
}

int
sasl_respond(
    struct sasl *s, struct slice challenge, struct buffer *out, struct error *e)
{
	if (sasl_done(s))
		return error_set(e, ERR_PROTOCOL,
		    "the server asks more than AUTH %s has to say",
		    sasl_name(s->method));
	if (challenge.len > CHALLENGE_MAX)
		return error_set(e, ERR_PROTOCOL,
		    "the server's challenge in AUTH %s is too long",
		    sasl_name(s->method));
	if (s->method == AUTH_PLAIN) {
		plain_respond(s, out);
	} else if (!is_base64(challenge)) {
		return error_set(e, ERR_PROTOCOL,
		    "the server's challenge in AUTH %s is not base64",
		    sasl_name(s->method));
	} else {
		/* By their order: the words differ from server to server. */
		add_base64(out, slice_of(s->step == 0 ? s->user : s->secret));
	}
	s->step++;
	return 0;
}

static bool
is_offered(enum auth_method method, struct slice offered)
{
	struct slice word;

	while ((word = slice_word(&offered)).len > 0)
		if (slice_is_nocase(word, sasl_name(method)))
			return true;
	return false;
}

enum auth_method
sasl_choose(enum auth_method wanted, struct slice offered)
{
	static const enum auth_method known[] = { AUTH_PLAIN, AUTH_LOGIN };
	size_t i;

	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if ((wanted == AUTH_AUTO || wanted == known[i]) &&
		    is_offered(known[i], slice_trim(offered)))
			return known[i];
	return AUTH_AUTO;
}
