/*
 * fetchmail_lex.c - the words of a .fetchmailrc. As a scanner of flex does, the
 * longest of what may stand here is taken, and of two as long the first: a
 * string in quotes, a word of the language, a number, any other word.
 */
#include "import/fetchmail.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct word {
	const char *name;
	enum fetchmail_kind kind;
	enum fetchmail_option option;
	const char *means; /* NULL: its name */
};

#define OPTION(name, option)                     \
	{                                        \
		name, TOKEN_OPTION, option, NULL \
	}
#define OTHER(name, kind)                    \
	{                                    \
		name, kind, FM_OPTIONS, NULL \
	}
#define MEANS(name, kind, means)              \
	{                                     \
		name, kind, FM_OPTIONS, means \
	}

/* In octet order. */
static const struct word words[] = {
	MEANS("APOP", TOKEN_PROTOCOL, "APOP"),
	MEANS("AUTO", TOKEN_PROTOCOL, "auto"),
	MEANS("ETRN", TOKEN_PROTOCOL, "ETRN"),
	MEANS("IMAP", TOKEN_PROTOCOL, "IMAP"),
	MEANS("KPOP", TOKEN_PROTOCOL, "KPOP"),
	MEANS("ODMR", TOKEN_PROTOCOL, "ODMR"),
	MEANS("POP2", TOKEN_PROTOCOL, "POP2"),
	MEANS("POP3", TOKEN_PROTOCOL, "POP3"),
	MEANS("RPOP", TOKEN_PROTOCOL, "RPOP"),
	MEANS("SDPS", TOKEN_PROTOCOL, "SDPS"),
	OTHER("accept", TOKEN_ACCEPT),
	OPTION("aka", FM_AKA),
	OTHER("and", TOKEN_NOISE),
	OPTION("antispam", FM_ANTISPAM),
	MEANS("any", TOKEN_AUTH, "any"),
	MEANS("apop", TOKEN_PROTOCOL, "APOP"),
	OPTION("auth", FM_AUTH),
	OPTION("authenticate", FM_AUTH),
	MEANS("auto", TOKEN_PROTOCOL, "auto"),
	OPTION("bad-header", FM_BADHEADER),
	OPTION("batchlimit", FM_BATCHLIMIT),
	OPTION("bouncemail", FM_BOUNCEMAIL),
	OPTION("bsmtp", FM_BSMTP),
	OPTION("checkalias", FM_CHECKALIAS),
	MEANS("cram", TOKEN_AUTH, "cram-md5"),
	MEANS("cram-md5", TOKEN_AUTH, "cram-md5"),
	OPTION("daemon", FM_DAEMON),
	OTHER("defaults", TOKEN_DEFAULTS),
	OPTION("dns", FM_DNS),
	OPTION("dropdelivered", FM_DROPDELIVERED),
	OPTION("dropstatus", FM_DROPSTATUS),
	OPTION("envelope", FM_ENVELOPE),
	OPTION("esmtpname", FM_ESMTPNAME),
	OPTION("esmtppassword", FM_ESMTPPASSWORD),
	MEANS("etrn", TOKEN_PROTOCOL, "ETRN"),
	OPTION("expunge", FM_EXPUNGE),
	MEANS("external", TOKEN_AUTH, "external"),
	OPTION("fastuidl", FM_FASTUIDL),
	OPTION("fetchall", FM_FETCHALL),
	OPTION("fetchdomains", FM_FETCHDOMAINS),
	OPTION("fetchlimit", FM_FETCHLIMIT),
	OPTION("fetchsizelimit", FM_FETCHSIZELIMIT),
	OPTION("flush", FM_FLUSH),
	OPTION("folder", FM_FOLDER),
	OPTION("folders", FM_FOLDER),
	OPTION("forcecr", FM_FORCECR),
	OPTION("forceidle", FM_FORCEIDLE),
	MEANS("gssapi", TOKEN_AUTH, "gssapi"),
	OTHER("has", TOKEN_NOISE),
	OTHER("here", TOKEN_HERE),
	OPTION("idfile", FM_IDFILE),
	OPTION("idle", FM_IDLE),
	OPTION("idletimeout", FM_IDLETIMEOUT),
	MEANS("imap", TOKEN_PROTOCOL, "IMAP"),
	MEANS("implicit", TOKEN_AUTH, "ssh"),
	OPTION("interface", FM_INTERFACE),
	OPTION("interval", FM_INTERVAL),
	OPTION("invisible", FM_INVISIBLE),
	OTHER("is", TOKEN_IS),
	OPTION("keep", FM_KEEP),
	MEANS("kerberos", TOKEN_AUTH, "kerberos_v4"),
	MEANS("kerberos4", TOKEN_AUTH, "kerberos_v4"),
	MEANS("kerberos5", TOKEN_AUTH, "kerberos_v5"),
	MEANS("kerberos_v4", TOKEN_AUTH, "kerberos_v4"),
	MEANS("kerberos_v5", TOKEN_AUTH, "kerberos_v5"),
	MEANS("kpop", TOKEN_PROTOCOL, "KPOP"),
	OPTION("limit", FM_LIMIT),
	OPTION("limitflush", FM_LIMITFLUSH),
	OPTION("lmtp", FM_LMTP),
	OPTION("local", FM_LOCALDOMAINS),
	OPTION("localdomains", FM_LOCALDOMAINS),
	OPTION("logfile", FM_LOGFILE),
	OPTION("mda", FM_MDA),
	OPTION("mimedec", FM_MIMEDECODE),
	OPTION("mimedecode", FM_MIMEDECODE),
	OPTION("monitor", FM_MONITOR),
	MEANS("msn", TOKEN_AUTH, "msn"),
	OTHER("no", TOKEN_NO),
	MEANS("ntlm", TOKEN_AUTH, "ntlm"),
	MEANS("odmr", TOKEN_PROTOCOL, "ODMR"),
	MEANS("opie", TOKEN_AUTH, "otp"),
	OTHER("options", TOKEN_NOISE),
	MEANS("otp", TOKEN_AUTH, "otp"),
	OPTION("pass", FM_PASSWORD),
	OPTION("pass8", FM_PASS8BITS),
	OPTION("pass8bits", FM_PASS8BITS),
	OPTION("password", FM_PASSWORD),
	OPTION("passwordeval", FM_PASSWORDEVAL),
	OPTION("passwordfd", FM_PASSWORDFD),
	OPTION("passwordfile", FM_PASSWORDFILE),
	OPTION("pidfile", FM_PIDFILE),
	OPTION("plugin", FM_PLUGIN),
	OPTION("plugout", FM_PLUGOUT),
	OTHER("poll", TOKEN_POLL),
	MEANS("pop2", TOKEN_PROTOCOL, "POP2"),
	MEANS("pop3", TOKEN_PROTOCOL, "POP3"),
	{ "port", TOKEN_PORT, FM_SERVICE, NULL },
	OPTION("post", FM_POSTCONNECT),
	OPTION("postconnect", FM_POSTCONNECT),
	OPTION("postmaster", FM_POSTMASTER),
	OPTION("pre", FM_PRECONNECT),
	OPTION("preauth", FM_AUTH),
	OPTION("preauthenticate", FM_AUTH),
	OPTION("preconnect", FM_PRECONNECT),
	OPTION("principal", FM_PRINCIPAL),
	OPTION("properties", FM_PROPERTIES),
	OPTION("proto", FM_PROTOCOL),
	OPTION("protocol", FM_PROTOCOL),
	OPTION("qvirtual", FM_QVIRTUAL),
	OTHER("reject", TOKEN_REJECT),
	OPTION("retrieve-error", FM_RETRIEVEERROR),
	OPTION("rewrite", FM_REWRITE),
	MEANS("rpop", TOKEN_PROTOCOL, "RPOP"),
	MEANS("sdps", TOKEN_PROTOCOL, "SDPS"),
	OTHER("server", TOKEN_POLL),
	OPTION("service", FM_SERVICE),
	OTHER("set", TOKEN_SET),
	OPTION("showdots", FM_SHOWDOTS),
	OTHER("skip", TOKEN_SKIP),
	OPTION("smtp", FM_SMTPHOST),
	OPTION("smtpaddress", FM_SMTPADDRESS),
	OPTION("smtphost", FM_SMTPHOST),
	OPTION("smtpname", FM_SMTPNAME),
	OPTION("softbounce", FM_SOFTBOUNCE),
	OPTION("spambounce", FM_SPAMBOUNCE),
	MEANS("ssh", TOKEN_AUTH, "ssh"),
	OPTION("ssl", FM_SSL),
	OPTION("sslcert", FM_SSLCERT),
	OPTION("sslcertck", FM_SSLCERTCK),
	OPTION("sslcertfile", FM_SSLCERTFILE),
	OPTION("sslcertpath", FM_SSLCERTPATH),
	OPTION("sslcommonname", FM_SSLCOMMONNAME),
	OPTION("sslfingerprint", FM_SSLFINGERPRINT),
	OPTION("sslkey", FM_SSLKEY),
	OPTION("sslmode", FM_SSLMODE),
	OPTION("sslproto", FM_SSLPROTO),
	OPTION("stripcr", FM_STRIPCR),
	OPTION("syslog", FM_SYSLOG),
	OTHER("there", TOKEN_THERE),
	OPTION("timeout", FM_TIMEOUT),
	OTHER("to", TOKEN_TO),
	OPTION("tracepolls", FM_TRACEPOLLS),
	OPTION("uidl", FM_UIDL),
	OPTION("user", FM_REMOTE),
	OPTION("username", FM_REMOTE),
	OPTION("via", FM_VIA),
	OTHER("wants", TOKEN_NOISE),
	OPTION("warnings", FM_WARNINGS),
	OTHER("with", TOKEN_NOISE),
};

/* What may be written as one word with the "no" before it. */
static const char *const negations[] = { "nobouncemail", "nocheckalias",
	"nodns", "nodropdelivered", "nodropstatus", "noenvelope", "nofetchall",
	"noflush", "noforcecr", "noforceidle", "noidle", "nokeep",
	"nolimitflush", "nomimedec", "nomimedecode", "nopass8", "nopass8bits",
	"norewrite", "nospambounce", "nostripcr", "nouidl" };

static int
compare_words(const void *key, const void *entry)
{
	const struct word *w = entry;

	return slice_compare(*(const struct slice *)key, slice_of(w->name));
}

static const struct word *
word_find(struct slice s)
{
	return bsearch(&s, words, sizeof(words) / sizeof(words[0]),
	    sizeof(words[0]), compare_words);
}

static bool
is_negation(struct slice s)
{
	for (size_t i = 0; i < sizeof(negations) / sizeof(negations[0]); i++)
		if (slice_is(s, negations[i]))
			return true;
	return false;
}

/* Up to `most` digits of a base, off the front. */
static unsigned
digits(struct slice *s, unsigned base, unsigned most)
{
	unsigned value = 0;

	for (; most > 0 && s->len > 0; most--) {
		char c = s->data[0];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (unsigned)(c - 'A') + 10;
		else
			break;
		if (digit >= base)
			break;
		value = value * base + digit;
		*s = slice_skip(*s, 1);
	}
	return value;
}

/* The octet that an escape stands for; s begins behind its backslash. */
static char
escaped(struct slice *s)
{
	char c = s->data[0];

	if (c >= '1' && c <= '9')
		return (char)digits(s, 10, 3);
	if (c == '0')
		return (char)digits(s, 8, 3);
	*s = slice_skip(*s, 1);
	switch (c) {
	case 'x':
	case 'X':
		return (char)digits(s, 16, 2);
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'r':
		return '\r';
	default:
		return c;
	}
}

void
fetchmail_unescape(struct slice s, struct buffer *out)
{
	while (s.len > 0) {
		char c = s.data[0];

		s = slice_skip(s, 1);
		if (c == '\\') {
			if (s.len == 0)
				break;
			if (s.data[0] == '\n') {
				s = slice_skip(s, 1);
				continue;
			}
			c = escaped(&s);
		}
		if (c == '\0')
			break;
		buffer_add(out, &c, 1);
	}
}

/* Of a string in quotes at the front, both quotes included; 0: there is none. */
static size_t
quoted_length(struct slice s)
{
	const char *end;

	if (s.data[0] != '"' && s.data[0] != '\'')
		return 0;
	end = memchr(s.data + 1, s.data[0], s.len - 1);
	return end != NULL ? (size_t)(end - s.data) + 1 : 0;
}

static size_t
word_length(struct slice s)
{
	size_t n = 0;

	while (n < s.len && memchr("=;:, \t\r\n", s.data[n], 8) == NULL)
		n++;
	return n;
}

static bool
is_number(struct slice s)
{
	if (s.len > 1 && s.data[0] == '-')
		s = slice_skip(s, 1);
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
	return s.len > 0;
}

/* More than any of them may be. */
static int64_t
number_of(struct slice s)
{
	bool negative = s.data[0] == '-';
	uint64_t n;

	if (negative)
		s = slice_skip(s, 1);
	if (text_u64(s, INT32_MAX, &n) < 0)
		n = INT32_MAX;
	return negative ? -(int64_t)n : (int64_t)n;
}

static void
skip(struct fetchmail_lexer *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (l->rest.data[i] == '\n')
			l->line++;
	l->rest = slice_skip(l->rest, n);
}

/* Blanks, comments, and what only looks well. */
static void
skip_blanks(struct fetchmail_lexer *l)
{
	while (l->rest.len > 0) {
		struct slice s = l->rest;
		const char *end;

		if (memchr(" \t\r\n;:,", s.data[0], 7) != NULL) {
			skip(l, 1);
		} else if (s.data[0] == '#') {
			end = memchr(s.data, '\n', s.len);
			skip(l, end != NULL ? (size_t)(end - s.data) : s.len);
		} else if (s.len > 1 && s.data[0] == '\\' &&
		    s.data[1] == '\n') {
			skip(l, 2);
		} else {
			break;
		}
	}
}

static void
take_string(struct fetchmail_lexer *l, struct slice s)
{
	l->token.kind = TOKEN_STRING;
	fetchmail_unescape(s, &l->token.text);
}

/* In front of a word of the language something else may be meant by it. */
static bool
is_name_here(const struct fetchmail_lexer *l, struct slice s)
{
	if (l->expect == EXPECT_NAME)
		return true;
	/* "auth password" is an answer, "auth pass" is none. */
	return l->expect == EXPECT_AUTH && slice_is(s, "pass");
}

static void
take_known(struct fetchmail_lexer *l, const struct word *w)
{
	struct fetchmail_token *t = &l->token;

	t->kind = w->kind;
	t->option = w->option;
	t->word = w->means != NULL ? w->means : w->name;
	if (l->expect == EXPECT_AUTH && strcmp(w->name, "password") == 0) {
		t->kind = TOKEN_AUTH;
		t->word = "password";
	}
	if (t->kind == TOKEN_AUTH)
		l->expect = EXPECT_ANYTHING;
	else if (t->kind == TOKEN_IS || t->kind == TOKEN_TO ||
	    (t->kind == TOKEN_OPTION &&
		(t->option == FM_REMOTE || t->option == FM_PASSWORD)))
		l->expect = EXPECT_NAME;
	else if (t->kind == TOKEN_OPTION && t->option == FM_AUTH)
		l->expect = EXPECT_AUTH;
}

static void
take_word(struct fetchmail_lexer *l, size_t n)
{
	struct slice s = slice_make(l->rest.data, n);
	const struct word *w = NULL;

	if (!is_name_here(l, s)) {
		if (is_negation(s))
			n = s.len = strlen("no");
		w = word_find(s);
	}
	if (w != NULL) {
		take_known(l, w);
	} else if (l->expect != EXPECT_NAME && is_number(s)) {
		l->token.kind = TOKEN_NUMBER;
		l->token.number = number_of(s);
	} else {
		take_string(l, s);
		if (l->expect == EXPECT_NAME)
			l->expect = EXPECT_ANYTHING;
	}
	skip(l, n);
}

static int
take(struct fetchmail_lexer *l, struct error *e)
{
	struct slice s = l->rest;
	size_t quoted = quoted_length(s);
	size_t word = word_length(s);

	if (s.data[0] == '=') {
		l->token.kind = TOKEN_MAP;
		l->expect = EXPECT_NAME;
		skip(l, 1);
	} else if (quoted > 0 && quoted >= word) {
		take_string(l, slice_make(s.data + 1, quoted - 2));
		l->expect = EXPECT_ANYTHING;
		skip(l, quoted);
	} else if (quoted == 0 && (s.data[0] == '"' || s.data[0] == '\'')) {
		return import_error(e, l->file, l->line,
		    "the quote that begins here is never closed; is the file "
		    "complete?");
	} else {
		take_word(l, word);
	}
	return 0;
}

int
fetchmail_next(struct fetchmail_lexer *l, struct error *e)
{
	do {
		buffer_wipe(&l->token.text);
		l->token = (struct fetchmail_token){ .kind = TOKEN_END };
		skip_blanks(l);
		l->token.line = l->line;
		if (l->rest.len > 0 && take(l, e) < 0)
			return -1;
	} while (l->token.kind == TOKEN_NOISE);
	return 0;
}
