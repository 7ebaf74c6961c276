/*
 * test-pop3.c - conversations with scripted servers on the loopback.
 *
 * A script is a list of steps:
 *	"S: text"	the server says the line
 *	"C: text"	the client must say exactly this line
 *	"RAW:octets"	the server sends them, all at once
 *	"DRIP:octets"	one at a time
 *	"PAUSE"		the server rests for a while
 *	"TLS"		the server shakes hands
 *	"SILENT"	the server says nothing until the client has gone
 * At the end the server closes, unless it is silent. What the client says
 * beyond the script is a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/tls.h"
#include "pop3/pop3.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING "S: +OK POP3 ready"
#define NO_CAPA "C: CAPA", "S: -ERR what?"
#define CAPA(...) "C: CAPA", "S: +OK", __VA_ARGS__, "S: ."
#define USER_PASS "C: USER ann", "S: +OK", "C: PASS s3cret", "S: +OK in"
/* NUL ann NUL s3cret */
#define PLAIN "AGFubgBzM2NyZXQ="
/* As far as the maildrop. */
#define MAILDROP GREETING, NO_CAPA, USER_PASS, NO_CAPA

/* Made once: a certificate for localhost, and the file a client trusts. */
static SSL_CTX *server_tls;
static char ca_file[] = "/tmp/test-pop3-XXXXXX";

struct peer {
	const char *const *steps; /* NULL-terminated */
	int listener;
	int fd;
	SSL *ssl;
	pthread_t thread;
	struct endpoint at;
	char wrong[1000]; /* the first thing that went wrong */
};

static int
peer_write(struct peer *p, const char *octets, size_t len)
{
	ssize_t n;

	if (p->ssl != NULL)
		n = SSL_write(p->ssl, octets, (int)len);
	else
		n = send(p->fd, octets, len, MSG_NOSIGNAL);
	return n == (ssize_t)len ? 0 : -1;
}

/* One octet, or -1 at the end of what the client says. */
static int
peer_read(struct peer *p)
{
	unsigned char c;
	ssize_t n;

	if (p->ssl != NULL)
		n = SSL_read(p->ssl, &c, 1);
	else
		n = recv(p->fd, &c, 1, 0);
	return n == 1 ? c : -1;
}

static void
peer_line(struct peer *p, char *line, size_t room)
{
	size_t len = 0;
	int c;

	while (len + 1 < room && (c = peer_read(p)) >= 0) {
		line[len++] = (char)c;
		if (c == '\n')
			break;
	}
	line[len] = '\0';
}

static int
peer_expect(struct peer *p, const char *wanted)
{
	char line[2000];
	size_t len = strlen(wanted);

	peer_line(p, line, sizeof line);
	if (strncmp(line, wanted, len) == 0 && strcmp(line + len, "\r\n") == 0)
		return 0;
	snprintf(p->wrong, sizeof p->wrong, "wanted \"%.400s\", got \"%.400s\"",
	    wanted, line);
	return -1;
}

static int
peer_drip(struct peer *p, const char *octets)
{
	for (; *octets != '\0'; octets++)
		if (peer_write(p, octets, 1) < 0)
			return -1;
	return 0;
}

static int
peer_say(struct peer *p, const char *text)
{
	char line[8192];
	int len = snprintf(line, sizeof line, "%s\r\n", text);

	return peer_write(p, line, (size_t)len);
}

static int
peer_tls(struct peer *p)
{
	p->ssl = SSL_new(server_tls);
	SSL_set_fd(p->ssl, p->fd);
	return SSL_accept(p->ssl) == 1 ? 0 : -1;
}

static int
peer_step(struct peer *p, const char *step)
{
	if (strncmp(step, "S: ", 3) == 0)
		return peer_say(p, step + 3);
	if (strncmp(step, "C: ", 3) == 0)
		return peer_expect(p, step + 3);
	if (strncmp(step, "RAW:", 4) == 0)
		return peer_write(p, step + 4, strlen(step + 4));
	if (strncmp(step, "DRIP:", 5) == 0)
		return peer_drip(p, step + 5);
	if (strcmp(step, "PAUSE") == 0)
		return poll(NULL, 0, 300);
	if (strcmp(step, "TLS") == 0)
		return peer_tls(p);
	snprintf(p->wrong, sizeof p->wrong, "no such step: %s", step);
	return -1;
}

static void
peer_end(struct peer *p)
{
	char rest[400];

	peer_line(p, rest, sizeof rest);
	if (rest[0] != '\0' && p->wrong[0] == '\0')
		snprintf(p->wrong, sizeof p->wrong,
		    "beyond the script: \"%.300s\"", rest);
}

static void *
peer_run(void *arg)
{
	struct timeval patience = { .tv_sec = 5 };
	struct peer *p = arg;
	const char *const *step = p->steps;
	int one = 1;

	p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	if (p->fd < 0)
		return NULL;
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	while (*step != NULL && strcmp(*step, "SILENT") != 0)
		if (peer_step(p, *step++) < 0)
			break;
	if (*step == NULL) {
		if (p->ssl != NULL)
			SSL_shutdown(p->ssl);
		shutdown(p->fd, SHUT_WR);
	}
	peer_end(p);
	SSL_free(p->ssl);
	close(p->fd);
	return NULL;
}

static void
peer_start(struct peer *p, const char *const *steps, enum tls_mode tls)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof sa;

	memset(p, 0, sizeof *p);
	p->steps = steps;
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->listener >= 0);
	assert_int_equal(bind(p->listener, (void *)&sa, sizeof sa), 0);
	assert_int_equal(listen(p->listener, 1), 0);
	assert_int_equal(getsockname(p->listener, (void *)&sa, &len), 0);
	p->at = (struct endpoint){ .name = "isp",
		.host = tls == TLS_NONE ? "127.0.0.1" : "localhost",
		.port = ntohs(sa.sin_port),
		.tls = tls,
		.ca_file = ca_file,
		.timeout_ms = 5000 };
	assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

static void
peer_finish(struct peer *p)
{
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listener);
	assert_string_equal(p->wrong, "");
}

static int
open_at(struct peer *p, struct pop3 **pop3, struct error *e)
{
	error_clear(e);
	return pop3_open(pop3, &p->at, NULL, e);
}

static void
open_well(struct peer *p, struct pop3 **pop3)
{
	struct error e;

	if (open_at(p, pop3, &e) < 0)
		fail_msg("%s; peer: %s", e.text, p->wrong);
}

static int
log_in(struct pop3 *pop3, enum auth_method auth, const char *password,
    struct error *e)
{
	struct login l = {
		.kind = "account", .name = "isp", .user = "ann", .auth = auth
	};

	return pop3_login(pop3, &l, password, e);
}

static void
assert_error(const struct error *e, enum error_kind kind, const char *words)
{
	print_message("# %s: %s\n", error_name(e->kind), e->text);
	assert_int_equal(e->kind, kind);
	assert_non_null(strstr(e->text, words));
	assert_null(strstr(e->text, "s3cret"));
	assert_null(strstr(e->text, PLAIN));
}

/* The session cannot even be opened. */
static void
refuse_to_open(const char *const *steps, enum tls_mode tls,
    enum error_kind kind, const char *words)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	peer_start(&peer, steps, tls);
	assert_int_equal(open_at(&peer, &pop3, &e), -1);
	assert_null(pop3);
	assert_error(&e, kind, words);
	peer_finish(&peer);
}

/* The session opens; the login ends as told: ERR_NONE for success. */
static void
try_login(const char *const *steps, enum auth_method auth, const char *password,
    enum error_kind kind, const char *words)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	peer_start(&peer, steps, TLS_NONE);
	open_well(&peer, &pop3);
	if (log_in(pop3, auth, password, &e) < 0)
		assert_error(&e, kind, words);
	else
		assert_int_equal(kind, ERR_NONE);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
enter_maildrop(struct peer *peer, const char *const *steps, struct pop3 **pop3)
{
	struct error e;

	peer_start(peer, steps, TLS_NONE);
	open_well(peer, pop3);
	assert_int_equal(log_in(*pop3, AUTH_AUTO, "s3cret", &e), 0);
}

#define STEPS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
a_greeting_that_refuses_ends_the_session(void **state)
{
	(void)state;
	refuse_to_open(
	    STEPS("S: -ERR go away"), TLS_NONE, ERR_REFUSED, "go away");
	refuse_to_open(STEPS("S: -ERR [SYS/PERM] closed"), TLS_NONE,
	    ERR_REFUSED, "closed");
	refuse_to_open(
	    STEPS("S: -ERR [SYS/TEMP] later"), TLS_NONE, ERR_BUSY, "later");
	refuse_to_open(STEPS("S: -ERR [IN-USE] two of you"), TLS_NONE, ERR_BUSY,
	    "two of you");
}

static void
what_is_no_pop3_server_is_told_so(void **state)
{
	(void)state;
	refuse_to_open(STEPS("S: 220 mail ESMTP"), TLS_NONE, ERR_PROTOCOL,
	    "does not greet like a POP3 server: \"220 mail ESMTP\"");
	refuse_to_open(STEPS("S: + go on"), TLS_NONE, ERR_PROTOCOL,
	    "does not greet like a POP3 server");
	refuse_to_open(
	    STEPS("RAW:+OK no line end"), TLS_NONE, ERR_IO, "greeting");
}

static void
a_greeting_followed_by_more_is_a_desync(void **state)
{
	(void)state;
	refuse_to_open(STEPS("RAW:+OK hi\r\n+OK hi again\r\n"), TLS_NONE,
	    ERR_PROTOCOL, "nobody asked for");
}

static void
capabilities_are_read_and_asked_again_after_login(void **state)
{
	const char *const *steps =
	    STEPS(GREETING, CAPA("S: TOP", "S: USER"), USER_PASS,
		CAPA("S: TOP", "S: EXPIRE 60", "S: UIDL"), "C: QUIT", "S: +OK");
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	(void)state;
	peer_start(&peer, steps, TLS_NONE);
	open_well(&peer, &pop3);
	assert_true(pop3_capa(pop3)->known);
	assert_true(pop3_capa(pop3)->top);
	assert_false(pop3_capa(pop3)->uidl);
	assert_string_equal(pop3_tls_text(pop3), "");
	assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	assert_true(pop3_capa(pop3)->uidl);
	assert_int_equal(pop3_capa(pop3)->expire_days, 60);
	assert_int_equal(pop3_quit(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
an_endless_capability_list_is_refused(void **state)
{
	static const char *steps[210] = { GREETING, "C: CAPA", "S: +OK" };
	size_t i;

	(void)state;
	for (i = 3; i < 3 + 201; i++)
		steps[i] = "S: X";
	refuse_to_open(steps, TLS_NONE, ERR_PROTOCOL, "more than 200 lines");
}

static void
a_server_without_capa_gets_user_and_pass(void **state)
{
	(void)state;
	try_login(STEPS(MAILDROP), AUTH_AUTO, "s3cret", ERR_NONE, "");
	try_login(STEPS(GREETING, CAPA("S: SASL CRAM-MD5"), USER_PASS, NO_CAPA),
	    AUTH_AUTO, "s3cret", ERR_NONE, "");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN"), USER_PASS, NO_CAPA),
	    AUTH_USER, "s3cret", ERR_NONE, "");
}

static void
auth_plain_goes_out_in_one_line(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN PLAIN"),
		      "C: AUTH PLAIN " PLAIN, "S: +OK in", NO_CAPA),
	    AUTH_AUTO, "s3cret", ERR_NONE, "");
}

static void
auth_plain_too_long_for_a_line_goes_out_in_two_steps(void **state)
{
	/* 255 octets with CRLF hold an initial response of 242. */
	char fits[178], long_one[179];
	char line[400], reply[400];

	(void)state;
	memset(fits, 'x', sizeof fits - 1);
	fits[sizeof fits - 1] = '\0';
	memset(long_one, 'x', sizeof long_one - 1);
	long_one[sizeof long_one - 1] = '\0';
	/* NUL a n n NUL x x x … : 2 + 3 + 175 octets are 240 in base64. */
	fits[175] = '\0';
	snprintf(line, sizeof line, "C: AUTH PLAIN AGFubgB4");
	while (strlen(line) < 14 + 240)
		strcat(line, "eHh4");
	try_login(
	    STEPS(GREETING, CAPA("S: SASL PLAIN"), line, "S: +OK in", NO_CAPA),
	    AUTH_AUTO, fits, ERR_NONE, "");
	snprintf(reply, sizeof reply, "C: AGFubgB4");
	while (strlen(reply) < 3 + 244)
		strcat(reply, "eHh4");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN"), "C: AUTH PLAIN",
		      "S: + ", reply, "S: +OK in", NO_CAPA),
	    AUTH_AUTO, long_one, ERR_NONE, "");
}

static void
auth_plain_by_name_without_a_list_goes_out_in_two_steps(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, NO_CAPA, "C: AUTH PLAIN", "S: +", "C: " PLAIN,
		      "S: +OK in", NO_CAPA),
	    AUTH_PLAIN, "s3cret", ERR_NONE, "");
}

static void
auth_login_answers_two_challenges(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: + VXNlcm5hbWU6", "C: YW5u", "S: + UGFzc3dvcmQ6",
		      "C: czNjcmV0", "S: +OK in", NO_CAPA),
	    AUTH_AUTO, "s3cret", ERR_NONE, "");
}

static void
a_mechanism_that_is_not_offered_is_named_with_those_that_are(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL CRAM-MD5 LOGIN")), AUTH_PLAIN,
	    "s3cret", ERR_AUTH, "CRAM-MD5 LOGIN");
}

static void
a_refused_password_is_sent_exactly_once(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN LOGIN", "S: USER"),
		      "C: AUTH PLAIN " PLAIN, "S: -ERR [AUTH] no"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "no");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN LOGIN", "S: USER"),
		      "C: AUTH PLAIN " PLAIN, "S: -ERR syntax error"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "syntax error");
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: + ", "C: YW5u", "S: -ERR who?"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "who?");
	try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: +OK",
		      "C: PASS s3cret", "S: -ERR"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "no reason given");
}

static void
a_refused_user_is_an_authentication_error(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: -ERR unknown"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "unknown");
}

static void
a_mechanism_unknown_after_all_makes_room_for_the_next(void **state)
{
	char password[300] = "";

	(void)state;
	memset(password, 'x', 250);
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN LOGIN"), "C: AUTH PLAIN",
		      "S: -ERR unknown", "C: AUTH LOGIN", "S: -ERR unknown",
		      "C: USER ann", "S: -ERR no"),
	    AUTH_AUTO, password, ERR_AUTH, "no");
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: -ERR unknown", USER_PASS, NO_CAPA),
	    AUTH_AUTO, "s3cret", ERR_NONE, "");
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: -ERR [AUTH] no more today"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "no more today");
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: -ERR [SYS/TEMP] later"),
	    AUTH_AUTO, "s3cret", ERR_BUSY, "later");
}

static void
refusals_are_told_apart(void **state)
{
	static const struct {
		const char *reply;
		enum error_kind kind;
	} rows[] = {
		{ "S: -ERR [IN-USE] words", ERR_BUSY },
		{ "S: -ERR [LOGIN-DELAY] words", ERR_BUSY },
		{ "S: -ERR [SYS/TEMP] words", ERR_BUSY },
		{ "S: -ERR [SYS/PERM] words", ERR_REFUSED },
		{ "S: -ERR [AUTH] words", ERR_AUTH },
		{ "S: -ERR [AUTH] words: locked", ERR_AUTH },
		{ "S: -ERR words", ERR_AUTH },
		{ "S: -ERR [XYZ] words", ERR_AUTH },
		{ "S: -ERR words: maildrop Locked", ERR_BUSY },
		{ "S: -ERR words: mailbox is In Use", ERR_BUSY },
		{ "S: -ERR words: you are blocked", ERR_AUTH },
		{ "S: -ERR words: account locked", ERR_AUTH },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: +OK",
			      "C: PASS s3cret", rows[i].reply),
		    AUTH_AUTO, "s3cret", rows[i].kind, "words");
}

static void
a_challenge_that_makes_no_sense_is_cancelled(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: + what?", "C: *", "S: -ERR cancelled"),
	    AUTH_AUTO, "s3cret", ERR_PROTOCOL, "base64");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN"), "C: AUTH PLAIN " PLAIN,
		      "S: + ", "C: *", "S: -ERR cancelled"),
	    AUTH_AUTO, "s3cret", ERR_PROTOCOL, "asks more");
}

static void
success_before_the_password_is_none(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN",
		      "S: +OK come in"),
	    AUTH_AUTO, "s3cret", ERR_PROTOCOL, "before it was told");
}

static void
line_breaks_never_reach_the_wire(void **state)
{
	(void)state;
	try_login(STEPS(GREETING, NO_CAPA), AUTH_AUTO, "s3cret\r\nDELE 1",
	    ERR_SECRET, "line break");
	try_login(STEPS(GREETING, NO_CAPA), AUTH_AUTO, "s3cret\n", ERR_SECRET,
	    "line break");
}

static void
stls_protects_all_that_follows(void **state)
{
	const char *const *steps = STEPS(GREETING, CAPA("S: STLS", "S: TOP"),
	    "C: STLS", "S: +OK begin", "TLS", CAPA("S: SASL PLAIN"),
	    "C: AUTH PLAIN " PLAIN, "S: +OK in", NO_CAPA, "C: NOOP", "S: +OK",
	    "C: QUIT", "S: +OK bye");
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	(void)state;
	peer_start(&peer, steps, TLS_STARTTLS);
	open_well(&peer, &pop3);
	assert_memory_equal(pop3_tls_text(pop3), "TLSv1.", 6);
	assert_false(pop3_capa(pop3)->top);
	assert_false(pop3_capa(pop3)->stls);
	assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	assert_int_equal(pop3_noop(pop3, &e), 0);
	assert_int_equal(pop3_quit(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
facts_from_before_tls_are_forgotten(void **state)
{
	const char *const *steps =
	    STEPS(GREETING, CAPA("S: STLS", "S: SASL PLAIN", "S: UIDL"),
		"C: STLS", "S: +OK begin", "TLS", NO_CAPA, USER_PASS, NO_CAPA);
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	(void)state;
	peer_start(&peer, steps, TLS_STARTTLS);
	open_well(&peer, &pop3);
	assert_false(pop3_capa(pop3)->known);
	assert_false(pop3_capa(pop3)->uidl);
	assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
lines_of_a_listing_are_unstuffed(void **state)
{
	struct peer peer;
	struct pop3 *pop3;

	(void)state;
	peer_start(
	    &peer, STEPS(GREETING, CAPA("S: .TOP", "S: ..UIDL")), TLS_NONE);
	open_well(&peer, &pop3);
	assert_true(pop3_capa(pop3)->top);
	assert_false(pop3_capa(pop3)->uidl);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
implicit_tls_begins_before_the_greeting(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e;

	(void)state;
	peer_start(&peer, STEPS("TLS", MAILDROP), TLS_IMPLICIT);
	open_well(&peer, &pop3);
	assert_int_equal(log_in(pop3, AUTH_AUTO, "s3cret", &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
stls_missing_from_capa_ends_it_in_clear(void **state)
{
	(void)state;
	refuse_to_open(STEPS(GREETING, CAPA("S: USER")), TLS_STARTTLS, ERR_TLS,
	    "nothing was sent in clear");
}

static void
stls_is_tried_without_capa_and_its_refusal_ends_it(void **state)
{
	(void)state;
	refuse_to_open(STEPS(GREETING, NO_CAPA, "C: STLS", "S: -ERR unknown"),
	    TLS_STARTTLS, ERR_TLS, "nothing was sent in clear");
	refuse_to_open(
	    STEPS(GREETING, CAPA("S: STLS"), "C: STLS", "S: -ERR not now"),
	    TLS_STARTTLS, ERR_TLS, "not now");
}

static void
words_in_clear_before_the_handshake_are_an_attack(void **state)
{
	(void)state;
	refuse_to_open(STEPS(GREETING, CAPA("S: STLS"), "C: STLS",
			   "RAW:+OK begin\r\n+OK injected\r\n"),
	    TLS_STARTTLS, ERR_PROTOCOL, "STLS");
}

static void
stat_tells_count_and_octets(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	uint32_t count;
	uint64_t octets;

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: STAT", "S: +OK 2 320", "C: STAT",
		"S: +OK many messages"),
	    &pop3);
	assert_int_equal(pop3_stat(pop3, &count, &octets, &e), 0);
	assert_int_equal(count, 2);
	assert_int_equal(octets, 320);
	assert_int_equal(pop3_stat(pop3, &count, &octets, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "many messages");
	assert_int_equal(pop3_noop(pop3, &e), -1);
	assert_int_equal(e.kind, ERR_PROTOCOL);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static int
note_uid(void *arg, uint32_t number, struct slice uid, struct error *e)
{
	(void)e;
	buffer_addf(arg, "%u=%.*s;", (unsigned)number, (int)uid.len, uid.data);
	return 0;
}

static int
note_octets(void *arg, uint32_t number, uint64_t octets, struct error *e)
{
	if (octets == 13)
		return error_set(e, ERR_QUESTION, "13 octets");
	buffer_addf(
	    arg, "%u=%llu;", (unsigned)number, (unsigned long long)octets);
	return 0;
}

static void
listings_are_handed_out_line_by_line(void **state)
{
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: UIDL", "S: +OK", "S: 1 Ab", "S: 2 .x", "S: .",
		"C: LIST", "DRIP:+OK\r\n1 120\r\n2 200\r\n.\r\n", "C: UIDL",
		"S: +OK empty", "S: .", "C: LIST", "S: -ERR no"),
	    &pop3);
	assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), 0);
	assert_string_equal(noted.data, "1=Ab;2=.x;");
	buffer_clear(&noted);
	assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), 0);
	assert_string_equal(noted.data, "1=120;2=200;");
	buffer_clear(&noted);
	assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), 0);
	assert_int_equal(noted.len, 0);
	assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), -1);
	assert_error(&e, ERR_REFUSED, "LIST");
	assert_int_equal(pop3_last(pop3)->status, POP3_ERR);
	assert_string_equal(pop3_last(pop3)->text, "no");
	buffer_free(&noted);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_bad_line_of_a_listing_is_handed_out_as_number_0(void **state)
{
	static const char *const bad[] = { "S: 1", "S: ", "S: 0 uid",
		"S: -1 uid", "S: 4294967296 uid", "S: +OK", "S: x y" };
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		enter_maildrop(&peer,
		    STEPS(MAILDROP, "C: UIDL", "S: +OK", "S: 1 a", bad[i],
			"S: 3 c", "S: .", "C: LIST", "S: +OK", bad[i],
			"S: 3 120", "S: ."),
		    &pop3);
		buffer_clear(&noted);
		assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), 0);
		assert_string_equal(noted.data, "1=a;0=;3=c;");
		buffer_clear(&noted);
		assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), 0);
		assert_string_equal(noted.data, "0=0;3=120;");
		assert_int_equal(e.kind, ERR_NONE);
		pop3_free(&pop3);
		peer_finish(&peer);
	}
	buffer_free(&noted);
}

static void
nothing_but_bad_lines_is_no_listing(void **state)
{
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: UIDL", "S: +OK", "S: 1", "S: x y", "S: .",
		"C: LIST", "S: +OK", "S: 1 many", "S: ."),
	    &pop3);
	assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "UIDL");
	error_clear(&e);
	assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "LIST");
	assert_non_null(strstr(e.text, "1 many"));
	buffer_free(&noted);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_caller_may_break_a_listing_off_with_its_own_error(void **state)
{
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: LIST", "S: +OK", "S: 1 12", "S: 2 13",
		"S: 3 14", "S: ."),
	    &pop3);
	assert_int_equal(pop3_list(pop3, note_octets, &noted, &e), -1);
	assert_error(&e, ERR_QUESTION, "13 octets");
	assert_string_equal(noted.data, "1=12;");
	assert_int_equal(pop3_noop(pop3, &e), -1);
	buffer_free(&noted);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static int
read_content(struct pop3 *pop3, struct buffer *all, struct error *e)
{
	struct slice part;
	int rc;

	buffer_clear(all);
	buffer_add_text(all, "");
	while ((rc = pop3_content(pop3, &part, e)) > 0) {
		assert_true(part.len > 0);
		buffer_add_slice(all, part);
	}
	return rc;
}

#define STUFFED     \
	"Subject: " \
	"dots\r\n\r\n..\r\n...two\r\n.x\r\na.\n.\r\nb\r.\r\n\r\n.\r\n"
#define UNSTUFFED \
	"Subject: dots\r\n\r\n.\r\n..two\r\nx\r\na.\n.\r\nb\r.\r\n\r\n"

static void
content_is_unstuffed_whatever_the_split(void **state)
{
	static const char *const ways[] = { "RAW:+OK\r\n" STUFFED,
		"DRIP:+OK\r\n" STUFFED };
	struct buffer all = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		enter_maildrop(&peer,
		    STEPS(MAILDROP, "C: RETR 7", ways[i], "C: TOP 7 0",
			"RAW:+OK\r\n.\r\n", "C: DELE 7", "S: +OK"),
		    &pop3);
		assert_int_equal(pop3_retr(pop3, 7, &e), 0);
		assert_int_equal(read_content(pop3, &all, &e), 0);
		assert_string_equal(all.data, UNSTUFFED);
		assert_int_equal(pop3_top(pop3, 7, &e), 0);
		assert_int_equal(read_content(pop3, &all, &e), 0);
		assert_int_equal(all.len, 0);
		assert_int_equal(pop3_dele(pop3, 7, &e), 0);
		pop3_free(&pop3);
		peer_finish(&peer);
	}
	buffer_free(&all);
}

static void
the_uid_of_one_message_is_handed_out_as_it_stands(void **state)
{
	static const char *const wrong[] = { "S: +OK 8 abc", "S: +OK",
		"S: +OK 9", "S: +OK 9 abc\r\n.", "S: + 9 abc" };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	struct slice uid;
	size_t i;

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: UIDL 7", "S: +OK 7 a\xff%s", "C: UIDL 8",
		"S: -ERR no such message", "C: NOOP", "S: -ERR what", "C: NOOP",
		"S: +OK"),
	    &pop3);
	assert_int_equal(pop3_uid(pop3, 7, &uid, &e), 0);
	assert_true(slice_is(uid, "a\xff%s"));
	assert_int_equal(pop3_uid(pop3, 8, &uid, &e), -1);
	assert_error(&e, ERR_REFUSED, "no such message");
	assert_int_equal(pop3_noop(pop3, &e), -1);
	assert_error(&e, ERR_REFUSED, "NOOP");
	assert_int_equal(pop3_noop(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
	for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		enter_maildrop(
		    &peer, STEPS(MAILDROP, "C: UIDL 9", wrong[i]), &pop3);
		if (pop3_uid(pop3, 9, &uid, &e) == 0)
			assert_int_equal(pop3_noop(pop3, &e), -1);
		assert_int_equal(e.kind, ERR_PROTOCOL);
		pop3_free(&pop3);
		peer_finish(&peer);
	}
}

static void
a_message_that_is_refused_does_not_end_the_session(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "S: -ERR [SYS/TEMP] unreadable",
		"C: NOOP", "S: +OK"),
	    &pop3);
	assert_int_equal(pop3_retr(pop3, 1, &e), -1);
	assert_error(&e, ERR_REFUSED, "unreadable");
	assert_int_equal(pop3_last(pop3)->code, POP3_CODE_SYS_TEMP);
	assert_int_equal(pop3_noop(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
content_cut_short_is_never_an_end(void **state)
{
	static const char *const cuts[] = { "RAW:+OK\r\nhalf a message",
		"RAW:+OK\r\nhalf\r\n", "RAW:+OK\r\nhalf\r\n.",
		"RAW:+OK\r\nhalf\r\n.\r", "RAW:+OK\r\n",
		"RAW:+OK\r\nhalf\n.\n" };
	struct buffer all = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		enter_maildrop(
		    &peer, STEPS(MAILDROP, "C: RETR 1", cuts[i]), &pop3);
		assert_int_equal(pop3_retr(pop3, 1, &e), 0);
		assert_int_equal(read_content(pop3, &all, &e), -1);
		assert_error(&e, ERR_IO, "RETR 1");
		assert_int_equal(pop3_quit(pop3, &e), -1);
		pop3_free(&pop3);
		peer_finish(&peer);
	}
	buffer_free(&all);
}

static void
unread_content_bars_the_next_command(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "RAW:+OK\r\n.\r\n", "SILENT"), &pop3);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(pop3_dele(pop3, 1, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "DELE 1");
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_drain_is_bounded(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "RAW:+OK\r\n12345678\r\n.\r\n",
		"C: RETR 2", "RAW:+OK\r\n123456789\r\n.\r\n"),
	    &pop3);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(pop3_drain(pop3, 10, &e), 0);
	assert_int_equal(pop3_retr(pop3, 2, &e), 0);
	assert_int_equal(pop3_drain(pop3, 10, &e), 1);
	assert_int_equal(pop3_noop(pop3, &e), -1);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_silent_server_is_left_in_time(void **state)
{
	int64_t begun = clock_monotonic_ms();
	struct buffer all = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer, STEPS(MAILDROP, "C: NOOP", "SILENT"), &pop3);
	peer.at.timeout_ms = 200;
	assert_int_equal(pop3_noop(pop3, &e), -1);
	assert_error(&e, ERR_TIMEOUT, "NOOP");
	pop3_free(&pop3);
	peer_finish(&peer);
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "RAW:+OK\r\nhalf", "SILENT"), &pop3);
	peer.at.timeout_ms = 200;
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(read_content(pop3, &all, &e), -1);
	assert_error(&e, ERR_TIMEOUT, "RETR 1");
	pop3_free(&pop3);
	peer_finish(&peer);
	assert_true(clock_monotonic_ms() - begun < 4000);
	buffer_free(&all);
}

static void
a_quit_that_is_refused_leaves_deletions_in_doubt(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: QUIT",
		"S: -ERR some deleted messages not "
		"removed"),
	    &pop3);
	assert_int_equal(pop3_quit(pop3, &e), -1);
	assert_error(&e, ERR_REFUSED, "some deletions may not have taken");
	pop3_free(&pop3);
	peer_finish(&peer);
	enter_maildrop(&peer, STEPS(MAILDROP, "C: QUIT"), &pop3);
	assert_int_equal(pop3_quit(pop3, &e), -1);
	assert_error(&e, ERR_IO, "QUIT");
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
words_that_nobody_asked_for_end_the_session(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(&peer,
	    STEPS(MAILDROP, "C: NOOP", "RAW:+OK\r\n-ERR autologout\r\n",
		"SILENT"),
	    &pop3);
	assert_int_equal(pop3_noop(pop3, &e), 0);
	assert_int_equal(pop3_dele(pop3, 1, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "nobody asked for before DELE 1");
	assert_int_equal(pop3_dele(pop3, 2, &e), -1);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
a_reply_that_is_none_ends_the_session(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	(void)state;
	enter_maildrop(
	    &peer, STEPS(MAILDROP, "C: NOOP", "S: 250 ok", "SILENT"), &pop3);
	assert_int_equal(pop3_noop(pop3, &e), -1);
	assert_error(&e, ERR_PROTOCOL, "250 ok");
	assert_int_equal(pop3_noop(pop3, &e), -1);
	pop3_free(&pop3);
	peer_finish(&peer);
}

/* Standard error goes to a file meanwhile; returns its text. */
static char *
capture(void (*run)(void))
{
	static char text[20000];
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	size_t len;

	assert_non_null(file);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	log_set_level(LOG_TRACE);
	run();
	log_set_level(LOG_NORMAL);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	close(before);
	rewind(file);
	len = fread(text, 1, sizeof text - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static void
talk_for_the_trace(void)
{
	static const char *const steps[] = { GREETING, NO_CAPA, USER_PASS,
		NO_CAPA, "C: UIDL", "S: +OK", "S: 1 a", "S: 2 b", "S: 3 c",
		"S: 4 d", "S: 5 e", "S: 6 f", "S: 7 g", "S: 8 h", "S: 9 i",
		"S: 10 j", "S: 11 k", "S: 12 l", "S: .", "C: RETR 1",
		"S: +OK 17 octets", "S: private words", "S: .", NULL };
	struct buffer noted = { 0 };
	struct peer peer;
	struct pop3 *pop3;
	struct error e = { 0 };

	enter_maildrop(&peer, steps, &pop3);
	assert_int_equal(pop3_uidl(pop3, note_uid, &noted, &e), 0);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(read_content(pop3, &noted, &e), 0);
	buffer_free(&noted);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
the_trace_shows_the_conversation_without_content(void **state)
{
	const char *text = capture(talk_for_the_trace);

	(void)state;
	assert_string_equal(text,
	    "isp < +OK POP3 ready\nisp > CAPA\nisp < -ERR what?\n"
	    "isp > USER ann\nisp < +OK\nisp > PASS ****\nisp < +OK in\n"
	    "isp > CAPA\nisp < -ERR what?\nisp > UIDL\nisp < +OK\n"
	    "isp < 1 a\nisp < 2 b\nisp < 3 c\nisp < 4 d\nisp < 5 e\n"
	    "isp < 6 f\nisp < 7 g\nisp < 8 h\nisp < 9 i\nisp < 10 j\n"
	    "isp < (2 more lines)\nisp < .\nisp > RETR 1\n"
	    "isp < +OK 17 octets\nisp < (15 octets of content)\n");
}

/* Every way to log in, against a server that repeats what it hears. */
static void
tell_secrets(void)
{
	try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: +OK",
		      "C: PASS s3cret", "S: -ERR bad password s3cret"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "repeats");
	try_login(STEPS(GREETING, NO_CAPA, "C: USER ann", "S: +OK",
		      "C: PASS s3cret", "S: s3cret?"),
	    AUTH_AUTO, "s3cret", ERR_PROTOCOL, "repeats");
	try_login(STEPS(GREETING, CAPA("S: SASL PLAIN"), "C: AUTH PLAIN " PLAIN,
		      "S: -ERR AUTH PLAIN " PLAIN),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "repeats");
	try_login(STEPS(GREETING, NO_CAPA, "C: AUTH PLAIN", "S: + ",
		      "C: " PLAIN, "S: -ERR unknown command: " PLAIN),
	    AUTH_PLAIN, "s3cret", ERR_AUTH, "repeats");
	try_login(
	    STEPS(GREETING, CAPA("S: SASL LOGIN"), "C: AUTH LOGIN", "S: + ",
		"C: YW5u", "S: + ", "C: czNjcmV0", "S: -ERR czNjcmV0"),
	    AUTH_AUTO, "s3cret", ERR_AUTH, "repeats");
}

static void
the_trace_holds_no_secret_even_if_the_server_repeats_it(void **state)
{
	const char *text = capture(tell_secrets);

	(void)state;
	assert_non_null(strstr(text, "isp > PASS ****\n"));
	assert_non_null(strstr(text, "isp > AUTH PLAIN ****\n"));
	assert_non_null(strstr(text, "isp > ****\n"));
	assert_null(strstr(text, "s3cret"));
	assert_null(strstr(text, PLAIN));
	assert_null(strstr(text, "czNjcmV0"));
}

static void
tls_is_shown(void)
{
	struct peer peer;
	struct pop3 *pop3;

	peer_start(&peer,
	    STEPS(GREETING, NO_CAPA, "C: STLS", "S: +OK", "TLS", NO_CAPA),
	    TLS_STARTTLS);
	open_well(&peer, &pop3);
	pop3_free(&pop3);
	peer_finish(&peer);
}

static void
the_trace_names_protocol_and_cipher(void **state)
{
	(void)state;
	assert_non_null(strstr(capture(tls_is_shown), "isp < (TLSv1."));
}

static void
stop_ends_a_wait_but_not_what_ends_a_session(void **state)
{
	struct peer peer;
	struct pop3 *pop3;
	struct stop *stop;
	struct slice content;
	uint64_t octets;
	uint32_t count;
	struct error e = { 0 };
	struct login l = { .kind = "account", .name = "isp", .user = "ann" };

	(void)state;
	assert_int_equal(stop_new(&stop, &e), 0);
	peer_start(&peer,
	    STEPS(MAILDROP, "C: RETR 1", "S: +OK", "PAUSE", "S: late", "S: .",
		"C: DELE 2", "S: +OK", "C: NOOP", "S: +OK", "C: QUIT",
		"S: +OK"),
	    TLS_NONE);
	assert_int_equal(pop3_open(&pop3, &peer.at, stop, &e), 0);
	assert_int_equal(pop3_login(pop3, &l, "s3cret", &e), 0);
	stop_request(stop, STOP_SOON);
	assert_int_equal(pop3_retr(pop3, 1, &e), 0);
	assert_int_equal(pop3_content(pop3, &content, &e), -1);
	assert_error(&e, ERR_STOPPED, "RETR");
	error_clear(&e);
	assert_int_equal(pop3_drain(pop3, 1000, &e), 0);
	assert_int_equal(pop3_dele(pop3, 2, &e), 0);
	assert_int_equal(pop3_noop(pop3, &e), 0);
	assert_int_equal(pop3_quit(pop3, &e), 0);
	pop3_free(&pop3);
	peer_finish(&peer);
	stop_free(&stop);
	assert_int_equal(stop_new(&stop, &e), 0);
	peer_start(&peer, STEPS(MAILDROP, "C: STAT", "SILENT"), TLS_NONE);
	assert_int_equal(pop3_open(&pop3, &peer.at, stop, &e), 0);
	assert_int_equal(pop3_login(pop3, &l, "s3cret", &e), 0);
	stop_request(stop, STOP_SOON);
	assert_int_equal(pop3_stat(pop3, &count, &octets, &e), -1);
	assert_error(&e, ERR_STOPPED, "STAT");
	pop3_free(&pop3);
	peer_finish(&peer);
	stop_free(&stop);
}

static void
sign(X509 *cert, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *san;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	san = X509V3_EXT_conf_nid(
	    NULL, NULL, NID_subject_alt_name, "DNS:localhost");
	X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
}

static int
setup(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int fd = mkostemp(ca_file, O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	server_tls = SSL_CTX_new(TLS_server_method());
	if (key == NULL || cert == NULL || file == NULL || server_tls == NULL)
		return -1;
	sign(cert, key);
	PEM_write_X509(file, cert);
	fclose(file);
	SSL_CTX_use_certificate(server_tls, cert);
	SSL_CTX_use_PrivateKey(server_tls, key);
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	SSL_CTX_free(server_tls);
	tls_end();
	return unlink(ca_file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_greeting_that_refuses_ends_the_session),
		cmocka_unit_test(what_is_no_pop3_server_is_told_so),
		cmocka_unit_test(a_greeting_followed_by_more_is_a_desync),
		cmocka_unit_test(
		    capabilities_are_read_and_asked_again_after_login),
		cmocka_unit_test(an_endless_capability_list_is_refused),
		cmocka_unit_test(a_server_without_capa_gets_user_and_pass),
		cmocka_unit_test(auth_plain_goes_out_in_one_line),
		cmocka_unit_test(
		    auth_plain_too_long_for_a_line_goes_out_in_two_steps),
		cmocka_unit_test(
		    auth_plain_by_name_without_a_list_goes_out_in_two_steps),
		cmocka_unit_test(auth_login_answers_two_challenges),
		cmocka_unit_test(
		    a_mechanism_that_is_not_offered_is_named_with_those_that_are),
		cmocka_unit_test(a_refused_password_is_sent_exactly_once),
		cmocka_unit_test(a_refused_user_is_an_authentication_error),
		cmocka_unit_test(
		    a_mechanism_unknown_after_all_makes_room_for_the_next),
		cmocka_unit_test(refusals_are_told_apart),
		cmocka_unit_test(a_challenge_that_makes_no_sense_is_cancelled),
		cmocka_unit_test(success_before_the_password_is_none),
		cmocka_unit_test(line_breaks_never_reach_the_wire),
		cmocka_unit_test(stls_protects_all_that_follows),
		cmocka_unit_test(facts_from_before_tls_are_forgotten),
		cmocka_unit_test(lines_of_a_listing_are_unstuffed),
		cmocka_unit_test(implicit_tls_begins_before_the_greeting),
		cmocka_unit_test(stls_missing_from_capa_ends_it_in_clear),
		cmocka_unit_test(
		    stls_is_tried_without_capa_and_its_refusal_ends_it),
		cmocka_unit_test(
		    words_in_clear_before_the_handshake_are_an_attack),
		cmocka_unit_test(stat_tells_count_and_octets),
		cmocka_unit_test(listings_are_handed_out_line_by_line),
		cmocka_unit_test(
		    a_bad_line_of_a_listing_is_handed_out_as_number_0),
		cmocka_unit_test(nothing_but_bad_lines_is_no_listing),
		cmocka_unit_test(
		    a_caller_may_break_a_listing_off_with_its_own_error),
		cmocka_unit_test(content_is_unstuffed_whatever_the_split),
		cmocka_unit_test(
		    the_uid_of_one_message_is_handed_out_as_it_stands),
		cmocka_unit_test(
		    a_message_that_is_refused_does_not_end_the_session),
		cmocka_unit_test(content_cut_short_is_never_an_end),
		cmocka_unit_test(unread_content_bars_the_next_command),
		cmocka_unit_test(a_drain_is_bounded),
		cmocka_unit_test(a_silent_server_is_left_in_time),
		cmocka_unit_test(
		    a_quit_that_is_refused_leaves_deletions_in_doubt),
		cmocka_unit_test(words_that_nobody_asked_for_end_the_session),
		cmocka_unit_test(a_reply_that_is_none_ends_the_session),
		cmocka_unit_test(
		    the_trace_shows_the_conversation_without_content),
		cmocka_unit_test(
		    the_trace_holds_no_secret_even_if_the_server_repeats_it),
		cmocka_unit_test(the_trace_names_protocol_and_cipher),
		cmocka_unit_test(stop_ends_a_wait_but_not_what_ends_a_session),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
