/* test-stream-tls.c - streams in TLS: handshakes, certificates, records. */
#include "net/stream.h"

#include "../kit/far_end.h"
#include "base/alloc.h"
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where the certificates are. */
static char folder[] = "/tmp/test-stream-XXXXXX";

static char *
in_folder(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static bool
speak_tls(struct far_end *p)
{
	char *chain = in_folder(p->certificate);
	char *key = in_folder("key.pem");
	int rc;

	p->ctx = SSL_CTX_new(TLS_server_method());
	must(p->ctx != NULL, "SSL_CTX_new");
	must(SSL_CTX_use_certificate_chain_file(p->ctx, chain) == 1, chain);
	must(SSL_CTX_use_PrivateKey_file(p->ctx, key, SSL_FILETYPE_PEM) == 1,
	    key);
	SSL_CTX_set_cipher_list(p->ctx, "ALL:@SECLEVEL=0");
	if (p->max_version != 0) {
		SSL_CTX_set_min_proto_version(p->ctx, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(p->ctx, p->max_version);
	}
	free(chain);
	free(key);
	p->ssl = SSL_new(p->ctx);
	SSL_set_fd(p->ssl, p->fd);
	rc = SSL_accept(p->ssl);
	if (rc != 1) {
		SSL_free(p->ssl);
		p->ssl = NULL;
	}
	return rc == 1;
}

/* ---- conversations ---- */

static void
echo_a_line_in_tls(struct far_end *p)
{
	if (!speak_tls(p) || !hear_until_lf(p))
		return;
	say(p, "+OK private\r\n");
	say_nothing(p);
	SSL_shutdown(p->ssl);
}

static void
use_ca(struct fixture *f, const char *certificate)
{
	static char ca_file[64];

	(void)snprintf(ca_file, sizeof ca_file, "%s/ca.pem", folder);
	f->at.ca_file = ca_file;
	f->peer.certificate = certificate;
}

static void
implicit_tls_is_up_when_the_stream_is_open(void **state)
{
	struct fixture *f = *state;

	use_ca(f, "good.pem");
	f->at.tls = TLS_IMPLICIT;
	listen_for(f, echo_a_line_in_tls);
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), 0);
	assert_true(stream_is_tls(f->s));
	assert_non_null(strstr(stream_tls_text(f->s), "TLSv1.3 TLS_"));
	send_text(f, "CAPA\r\n");
	expect_line(f, "+OK private");
}

/* What TLS with a peer comes to that has this certificate. */
static int
shake_hands(struct fixture *f, const char *certificate, const char *host)
{
	use_ca(f, certificate);
	f->at.host = host;
	converse(f, echo_a_line_in_tls);
	return stream_start_tls(f->s, &f->e);
}

static void
starttls_protects_what_follows(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "good.pem", "pop.example.org"), 0);
	assert_true(stream_is_tls(f->s));
	send_text(f, "CAPA\r\n");
	expect_line(f, "+OK private");
}

static void
the_only_label_a_wildcard_stands_for_is_the_first(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "good.pem", "a.wild.example"), 0);
	teardown(state);
	setup(state);
	f = *state;
	assert_int_equal(shake_hands(f, "good.pem", "a.b.wild.example"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
}

static void
the_root_dot_of_a_host_is_no_part_of_its_name(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "good.pem", "pop.example.org."), 0);
}

static void
a_common_name_counts_where_there_is_no_other(void **state)
{
	assert_int_equal(
	    shake_hands(*state, "cn-only.pem", "pop.example.org"), 0);
}

static void
a_common_name_does_not_count_beside_others(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "wrong.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_string_equal(f->e.text,
	    "the certificate of pop.example.org is for mail.example.org, "
	    "*.example.net, not for pop.example.org: use one of these names");
	assert_false(stream_is_tls(f->s));
}

static void
an_address_must_be_named_as_such(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "good.pem", "127.0.0.1"), 0);
	teardown(state);
	setup(state);
	f = *state;
	assert_int_equal(shake_hands(f, "good.pem", "127.0.0.2"), -1);
	assert_text(f, "127.0.0.1");
}

/* Sets the fixture up anew after each but the last. */
static void
a_certificate_is_told_by_the_names_it_has(void **state)
{
	static const struct {
		const char *certificate;
		const char *words;
	} rows[] = {
		{ "many.pem",
		    "is for a.example, b.example, 192.0.2.1, 2001:db8::1 and 2 "
		    "more, not for mail.example.org: use one of these names" },
		{ "cn-only.pem",
		    "is for pop.example.org, not for mail.example.org: use "
		    "that name" },
		{ "no-name.pem", "names no host at all" },
		{ "by-org.pem", "is signed by \"Some Org\"" },
		{ "by-nobody.pem", "is signed by \"a nameless CA\"" },
		{ "by-old.pem", "depends on \"Old CA\", which expired on 20" },
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fixture *f;

		if (i > 0) {
			teardown(state);
			setup(state);
		}
		f = *state;
		assert_int_equal(
		    shake_hands(f, rows[i].certificate, "mail.example.org"),
		    -1);
		assert_int_equal(f->e.kind, ERR_TLS);
		assert_text(f, rows[i].words);
	}
}

static void
an_expired_certificate_is_told_with_its_day(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "expired.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "the certificate of pop.example.org expired on 20");
}

static void
an_unknown_ca_is_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "stranger.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "is signed by \"Other CA\", which is not trusted here");
	assert_text(f, "set ca_file");
}

static void
a_self_signed_certificate_is_called_that(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shake_hands(f, "self.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "is self-signed");
}

static void
tls_older_than_1_2_is_refused(void **state)
{
	struct fixture *f = *state;

	f->peer.max_version = TLS1_1_VERSION;
	assert_int_equal(shake_hands(f, "good.pem", "pop.example.org"), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "older than 1.2");
}

static void
tls_1_2_is_enough(void **state)
{
	struct fixture *f = *state;

	f->peer.max_version = TLS1_2_VERSION;
	assert_int_equal(shake_hands(f, "good.pem", "pop.example.org"), 0);
	assert_non_null(strstr(stream_tls_text(f->s), "TLSv1.2 "));
}

static void
a_ca_file_that_is_not_there_is_named(void **state)
{
	struct fixture *f = *state;

	converse(f, say_nothing);
	f->at.ca_file = "/nonexistent/ca.pem";
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "/nonexistent/ca.pem");
}

static void
greet_and_listen(struct far_end *p)
{
	char data[512];

	say(p, "220 mx.example.org ESMTP\r\n");
	(void)hear(p, data, sizeof data);
}

static void
a_greeting_in_clear_is_told_from_tls(void **state)
{
	struct fixture *f = *state;

	f->at.tls = TLS_IMPLICIT;
	listen_for(f, greet_and_listen);
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_TLS);
	assert_text(f, "does not speak TLS on this port");
}

static void
inject_with_the_reply(struct far_end *p)
{
	say(p, "+OK begin\r\n+OK injected\r\n");
	say_nothing(p);
}

static void
octets_read_in_clear_before_tls_are_an_attack(void **state)
{
	struct fixture *f = *state;

	converse(f, inject_with_the_reply);
	expect_line(f, "+OK begin");
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_PROTOCOL);
}

static void
inject_later(struct far_end *p)
{
	say(p, "+OK begin\r\n");
	if (hear_until_lf(p))
		say(p, "+OK injected\r\n");
	stop_request(p->stop, STOP_SOON);
	say_nothing(p);
}

static void
octets_not_yet_read_before_tls_are_one_too(void **state)
{
	struct fixture *f = *state;

	converse(f, inject_later);
	expect_line(f, "+OK begin");
	send_text(f, "\n");
	while (stop_level(f->stop) == STOP_NO)
		pause_ms(1);
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_PROTOCOL);
}

static void
a_handshake_has_a_deadline(void **state)
{
	struct fixture *f = *state;
	int64_t since = clock_monotonic_ms();

	f->at.timeout_ms = 150;
	f->at.tls = TLS_IMPLICIT;
	listen_for(f, say_nothing);
	assert_int_equal(stream_open(&f->s, &f->at, f->stop, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_TIMEOUT);
	assert_in_range(clock_monotonic_ms() - since, 140, LONG_MS);
}

static void
stop_ends_a_handshake(void **state)
{
	struct fixture *f = *state;

	converse(f, request_stop_soon);
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_STOPPED);
}

static void
close_in_the_handshake(struct far_end *p)
{
	char data[16];

	(void)hear(p, data, sizeof data);
	shutdown(p->fd, SHUT_WR);
	say_nothing(p);
}

static void
a_peer_that_hangs_up_in_the_handshake_is_gone(void **state)
{
	struct fixture *f = *state;

	converse(f, close_in_the_handshake);
	assert_int_equal(stream_start_tls(f->s, &f->e), -1);
	assert_int_equal(f->e.kind, ERR_IO);
	assert_text(f, "instead of speaking TLS");
}

static void
cut_tls(struct far_end *p)
{
	if (!speak_tls(p))
		return;
	say(p, "+OK\r\n250 half");
	shutdown(p->fd, SHUT_WR);
	say_nothing(p);
}

static void
tls_cut_without_close_notify_is_a_cut(void **state)
{
	struct fixture *f = *state;

	use_ca(f, "good.pem");
	converse(f, cut_tls);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	expect_line(f, "+OK");
	expect_end(f, ERR_IO);
	assert_text(f, "cut the TLS connection");
}

static void
close_tls(struct far_end *p)
{
	if (!speak_tls(p))
		return;
	say(p, "+OK bye\r\n");
	SSL_shutdown(p->ssl);
	say_nothing(p);
}

static void
tls_closed_in_order_is_an_end_too(void **state)
{
	struct fixture *f = *state;

	use_ca(f, "good.pem");
	converse(f, close_tls);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	expect_line(f, "+OK bye");
	expect_end(f, ERR_IO);
	assert_text(f, "closed the connection");
}

static void
leave_tls(struct far_end *p)
{
	if (speak_tls(p))
		say(p, "+OK\r\n");
}

static void
tls_to_a_gone_peer_is_an_error_not_a_signal(void **state)
{
	struct fixture *f = *state;
	int rc = 0;
	int i;

	use_ca(f, "good.pem");
	converse(f, leave_tls);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	pthread_join(f->peer.thread, NULL);
	f->peer.play = NULL;
	for (i = 0; rc == 0 && i < 3; i++) {
		assert_int_equal(
		    stream_write(f->s, slice_of("NOOP\r\n"), &f->e), 0);
		rc = stream_flush(f->s, &f->e);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(f->e.kind, ERR_IO);
}

#define REPLIES 4000
#define CONTENT ((size_t)4 << 20)

static void
reply_in_tls_before_reading(struct far_end *p)
{
	const int small = 4096;
	int i;

	setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	if (!speak_tls(p))
		return;
	for (i = 0; i < REPLIES; i++)
		say(p, "250 accepted\r\n");
	say_nothing(p);
}

static void
replies_are_read_while_tls_takes_nothing(void **state)
{
	struct fixture *f = *state;
	char *content = xcalloc(CONTENT, 1);
	int i;

	use_ca(f, "good.pem");
	converse(f, reply_in_tls_before_reading);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	assert_int_equal(
	    stream_write(f->s, slice_make(content, CONTENT), &f->e), 0);
	assert_int_equal(stream_flush(f->s, &f->e), 0);
	for (i = 0; i < REPLIES; i++)
		expect_line(f, "250 accepted");
	stream_free(&f->s);
	pthread_join(f->peer.thread, NULL);
	f->peer.play = NULL;
	assert_int_equal(f->peer.octets, CONTENT);
	free(content);
}

static void
say_records(struct far_end *p)
{
	if (!speak_tls(p))
		return;
	/* Small records, many of which OpenSSL reads ahead at once. */
	say_a_body(p);
	(void)hear_until_lf(p);
}

static void
records_that_were_read_ahead_are_not_waited_for(void **state)
{
	struct fixture *f = *state;
	char line[32];
	int i;

	use_ca(f, "good.pem");
	converse(f, say_records);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	for (i = 0; i < BODY_LINES; i++) {
		if (i % 100 == 0)
			assert_int_equal(
			    stream_wait(f->s, -1, deadline_in(LONG_MS), &f->e),
			    1);
		(void)snprintf(line, sizeof line, "line %d", i);
		expect_line(f, line);
	}
	assert_int_equal(stream_wait(f->s, -1, deadline_in(20), &f->e), 0);
	send_text(f, "\n");
}

static void
say_records_and_stop(struct far_end *p)
{
	if (!speak_tls(p) || !hear_until_lf(p))
		return;
	say(p, "one");
	say(p, "two");
	say(p, "three");
	stop_request(p->stop, STOP_SOON);
	(void)hear_until_lf(p);
}

static void
records_that_are_here_are_shown_together(void **state)
{
	struct fixture *f = *state;
	struct slice in;

	use_ca(f, "good.pem");
	converse(f, say_records_and_stop);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	send_text(f, "\n");
	while (stop_level(f->stop) != STOP_SOON)
		pause_ms(1);
	assert_int_equal(stream_peek(f->s, &in, deadline_in(0), &f->e), 0);
	assert_true(slice_is(in, "onetwothree"));
	send_text(f, "\n");
}

/* One record and the beginning of the next, and the rest when asked. */
static void
say_a_record_and_a_half(struct far_end *p)
{
	BIO *written;
	char *octets;
	long len;

	if (!speak_tls(p))
		return;
	written = BIO_new(BIO_s_mem());
	SSL_set0_wbio(p->ssl, written);
	say(p, "one\r\n");
	say(p, "two\r\n");
	len = BIO_get_mem_data(written, &octets);
	must(send(p->fd, octets, (size_t)len - 5, MSG_NOSIGNAL) == len - 5,
	    "send");
	if (hear_until_lf(p))
		must(send(p->fd, octets + len - 5, 5, MSG_NOSIGNAL) == 5,
		    "send");
	(void)hear_until_lf(p);
}

static void
a_record_is_not_kept_back_for_the_next_one(void **state)
{
	struct fixture *f = *state;

	use_ca(f, "good.pem");
	converse(f, say_a_record_and_a_half);
	assert_int_equal(stream_start_tls(f->s, &f->e), 0);
	expect_line(f, "one");
	send_text(f, "\n");
	expect_line(f, "two");
	send_text(f, "\n");
}

/* ---- certificates ---- */

/*
 * name.pem: for a common name and alternative names (or ""), signed by a CA.
 * One key is enough for all.
 */
static int
sign(const char *name, const char *cn, const char *names, const char *ca,
    const char *days)
{
	char *command = xasprintf(
	    "cd %s && printf '%s' >ext && "
	    "openssl req -new -key key.pem -subj '/CN=%s' -out %s.csr "
	    "2>/dev/null && "
	    "openssl x509 -req -in %s.csr -CA %s.pem -CAkey key.pem "
	    "-extfile ext -set_serial 7 -days %s -out %s.pem 2>/dev/null",
	    folder, names, cn, name, name, ca, days, name);
	int rc = system(command);

	free(command);
	return rc;
}

static int
make_ca(const char *name, const char *subject)
{
	char *command = xasprintf("cd %s && openssl req -x509 -new -key "
				  "key.pem -subj '%s' -days 2 -out %s.pem",
	    folder, subject, name);
	int rc = system(command);

	free(command);
	return rc;
}

/* One that is signed by an authority in between, which has expired. */
static int
sign_by_old(void)
{
	char *command = xasprintf("cd %s && cat old.pem >>by-old.pem", folder);
	int rc;

	if (sign("old", "Old CA", "basicConstraints=CA:TRUE", "ca", "-1") !=
		0 ||
	    sign("by-old", "x", "subjectAltName=DNS:mail.example.org", "old",
		"2") != 0)
		rc = -1;
	else
		rc = system(command);
	free(command);
	return rc;
}

static int
make_certificates(void **state)
{
	char *command;
	int rc;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	command = xasprintf("openssl genpkey -algorithm EC -pkeyopt "
			    "ec_paramgen_curve:P-256 -out %s/key.pem "
			    "2>/dev/null",
	    folder);
	rc = system(command);
	free(command);
	if (rc != 0 || make_ca("ca", "/CN=Lab CA") != 0 ||
	    make_ca("other", "/CN=Other CA") != 0 ||
	    make_ca("org", "/O=Some Org") != 0 ||
	    make_ca("nobody", "/C=XX") != 0 ||
	    make_ca("self", "/CN=pop.example.org") != 0)
		return -1;
	return sign("good", "x",
		   "subjectAltName=DNS:pop.example.org,DNS:*.wild.example,"
		   "IP:127.0.0.1",
		   "ca", "2") != 0 ||
		sign("wrong", "pop.example.org",
		    "subjectAltName=DNS:mail.example.org,DNS:*.example.net",
		    "ca", "2") != 0 ||
		sign("cn-only", "pop.example.org", "", "ca", "2") != 0 ||
		sign("expired", "x", "subjectAltName=DNS:pop.example.org", "ca",
		    "-1") != 0 ||
		sign("stranger", "x", "subjectAltName=DNS:pop.example.org",
		    "other", "2") != 0 ||
		sign("many", "x",
		    "subjectAltName=DNS:a.example,DNS:b.example,IP:192.0.2.1,"
		    "email:a@b.example,IP:2001:db8::1,DNS:e.example,"
		    "DNS:f.example",
		    "ca", "2") != 0 ||
		sign("no-name", "", "subjectAltName=email:a@b.example", "ca",
		    "2") != 0 ||
		sign("by-org", "x", "subjectAltName=DNS:mail.example.org",
		    "org", "2") != 0 ||
		sign("by-nobody", "x", "subjectAltName=DNS:mail.example.org",
		    "nobody", "2") != 0 ||
		sign_by_old() != 0
	    ? -1
	    : 0;
}

static int
remove_certificates(void **state)
{
	char *command = xasprintf("rm -rf %s", folder);
	int rc = system(command);

	(void)state;
	free(command);
	tls_end();
	return rc;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(implicit_tls_is_up_when_the_stream_is_open),
		TEST(starttls_protects_what_follows),
		TEST(the_only_label_a_wildcard_stands_for_is_the_first),
		TEST(the_root_dot_of_a_host_is_no_part_of_its_name),
		TEST(a_common_name_counts_where_there_is_no_other),
		TEST(a_common_name_does_not_count_beside_others),
		TEST(an_address_must_be_named_as_such),
		TEST(a_certificate_is_told_by_the_names_it_has),
		TEST(an_expired_certificate_is_told_with_its_day),
		TEST(an_unknown_ca_is_named),
		TEST(a_self_signed_certificate_is_called_that),
		TEST(tls_older_than_1_2_is_refused),
		TEST(tls_1_2_is_enough),
		TEST(a_ca_file_that_is_not_there_is_named),
		TEST(a_greeting_in_clear_is_told_from_tls),
		TEST(octets_read_in_clear_before_tls_are_an_attack),
		TEST(octets_not_yet_read_before_tls_are_one_too),
		TEST(a_handshake_has_a_deadline),
		TEST(stop_ends_a_handshake),
		TEST(a_peer_that_hangs_up_in_the_handshake_is_gone),
		TEST(tls_cut_without_close_notify_is_a_cut),
		TEST(tls_closed_in_order_is_an_end_too),
		TEST(tls_to_a_gone_peer_is_an_error_not_a_signal),
		TEST(replies_are_read_while_tls_takes_nothing),
		TEST(records_that_were_read_ahead_are_not_waited_for),
		TEST(records_that_are_here_are_shown_together),
		TEST(a_record_is_not_kept_back_for_the_next_one),
	};

	return cmocka_run_group_tests(
	    tests, make_certificates, remove_certificates);
}
