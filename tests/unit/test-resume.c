/*
 * test-resume.c - which TLS session may go on, and with whom: both sides of
 * TLS in one thread, and a clock of our own.
 */
#include "net/resume.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define HOUR_MS ((int64_t)3600 * 1000)
/* No list of sessions is as long. */
#define MANY 300
/* Between the two ends, for as many tickets. */
#define ROOM ((size_t)256 * 1024)

static int64_t now_ms = 1000;
static SSL_CTX *server;
static SSL_CTX *client;
static SSL_CTX *other_client; /* of other CAs, as far as anybody knows */

/* In place of that of base/clock.c. */
int64_t
clock_monotonic_ms(void)
{
	return now_ms;
}

/* A connection, both of its ends. */
struct pair {
	SSL *ours;
	SSL *theirs;
};

static const struct endpoint mail = {
	.host = "localhost", .port = 995, .tls = TLS_IMPLICIT
};

/* Both ends in turn, until the handshake is done; 0, or -1. */
static int
shake_hands(struct pair *p)
{
	int round, ours = 0, theirs = 0;

	for (round = 0; round < 10 && (ours != 1 || theirs != 1); round++) {
		ours = SSL_do_handshake(p->ours);
		theirs = SSL_do_handshake(p->theirs);
	}
	return ours == 1 && theirs == 1 ? 0 : -1;
}

static int
open_with(struct pair *p, SSL_CTX *ctx, const struct endpoint *at)
{
	BIO *here, *there;

	p->ours = SSL_new(ctx);
	p->theirs = SSL_new(server);
	assert_int_equal(BIO_new_bio_pair(&here, ROOM, &there, ROOM), 1);
	SSL_set_bio(p->ours, here, here);
	SSL_set_bio(p->theirs, there, there);
	SSL_set_connect_state(p->ours);
	SSL_set_accept_state(p->theirs);
	SSL_set1_host(p->ours, "localhost");
	resume_offer(p->ours, at);
	if (shake_hands(p) < 0) {
		resume_forget(p->ours);
		return -1;
	}
	resume_shaken(p->ours);
	return 0;
}

/* One octet from them: what came before it, tickets, is read as well. */
static void
hear(struct pair *p)
{
	char octet;

	assert_int_equal(SSL_write(p->theirs, "+", 1), 1);
	assert_int_equal(SSL_read(p->ours, &octet, 1), 1);
}

static void
hang_up(struct pair *p)
{
	SSL_shutdown(p->ours);
	SSL_shutdown(p->theirs);
	resume_release(p->ours);
	SSL_free(p->ours);
	SSL_free(p->theirs);
}

/* A whole connection. Was it resumed? */
static bool
visit_with(SSL_CTX *ctx, const struct endpoint *at)
{
	struct pair p;
	bool resumed;

	assert_int_equal(open_with(&p, ctx, at), 0);
	hear(&p);
	resumed = SSL_session_reused(p.theirs) == 1;
	assert_int_equal(SSL_session_reused(p.ours), resumed);
	hang_up(&p);
	return resumed;
}

static bool
visit(const struct endpoint *at)
{
	return visit_with(client, at);
}

static void
speak_version(int version)
{
	SSL_CTX_set_max_proto_version(server, version);
}

static void
the_next_connection_resumes(void **state)
{
	(void)state;
	assert_false(visit(&mail));
	assert_true(visit(&mail));
	assert_true(visit(&mail));
}

static void
in_tls_1_2_too(void **state)
{
	(void)state;
	speak_version(TLS1_2_VERSION);
	assert_false(visit(&mail));
	assert_true(visit(&mail));
	assert_true(visit(&mail));
}

static void
without_tickets_a_session_of_tls_1_2_is_known_by_its_id(void **state)
{
	(void)state;
	speak_version(TLS1_2_VERSION);
	SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
	assert_false(visit(&mail));
	assert_true(visit(&mail));
	assert_true(visit(&mail));
	SSL_CTX_clear_options(server, SSL_OP_NO_TICKET);
}

static void
a_ticket_of_tls_1_3_serves_once(void **state)
{
	struct pair first, second;

	(void)state;
	SSL_CTX_set_num_tickets(server, 1);
	assert_false(visit(&mail));
	assert_int_equal(open_with(&first, client, &mail), 0);
	assert_int_equal(open_with(&second, client, &mail), 0);
	assert_true(SSL_session_reused(first.ours));
	assert_false(SSL_session_reused(second.ours));
	hang_up(&first);
	hang_up(&second);
}

static void
several_tickets_serve_connections_at_once(void **state)
{
	struct pair first, second;

	(void)state;
	SSL_CTX_set_num_tickets(server, 2);
	assert_false(visit(&mail));
	assert_int_equal(open_with(&first, client, &mail), 0);
	assert_int_equal(open_with(&second, client, &mail), 0);
	assert_true(SSL_session_reused(first.ours));
	assert_true(SSL_session_reused(second.ours));
	hang_up(&first);
	hang_up(&second);
}

/* In TLS 1.2 and 1.3 alike. */
static void
only_the_same_peer_in_the_same_way_is_resumed(void **state)
{
	const struct endpoint name = {
		.host = "127.0.0.1", .port = 995, .tls = TLS_IMPLICIT
	};
	const struct endpoint port = {
		.host = "localhost", .port = 465, .tls = TLS_IMPLICIT
	};
	const struct endpoint mode = {
		.host = "localhost", .port = 995, .tls = TLS_STARTTLS
	};
	const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		speak_version(versions[i]);
		resume_end();
		assert_false(visit(&mail));
		assert_false(visit(&name));
		assert_false(visit(&port));
		assert_false(visit(&mode));
		assert_false(visit_with(other_client, &mail));
		assert_true(visit(&mail));
	}
}

static void
a_certificate_is_looked_at_again_after_an_hour(void **state)
{
	(void)state;
	assert_false(visit(&mail));
	now_ms += HOUR_MS / 2;
	assert_true(visit(&mail));
	/* What a resumed connection brought is no younger than its proof. */
	now_ms += HOUR_MS / 2;
	assert_false(visit(&mail));
	assert_true(visit(&mail));
}

static void
after_a_failure_nothing_is_offered(void **state)
{
	struct pair p;

	(void)state;
	assert_false(visit(&mail));
	assert_int_equal(open_with(&p, client, &mail), 0);
	hear(&p);
	resume_forget(p.ours);
	hang_up(&p);
	assert_false(visit(&mail));
}

static void
a_refusal_to_resume_is_a_whole_handshake(void **state)
{
	unsigned char keys[80] = { 0 };

	(void)state;
	assert_false(visit(&mail));
	/* As after a restart. */
	assert_int_equal(
	    SSL_CTX_set_tlsext_ticket_keys(server, keys, sizeof keys), 1);
	assert_false(visit(&mail));
	assert_true(visit(&mail));
}

/* A wrong name is found out in the one whole handshake that is left. */
static void
what_was_not_proven_is_not_kept(void **state)
{
	struct pair p;

	(void)state;
	SSL_CTX_set_verify(other_client, SSL_VERIFY_NONE, NULL);
	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(other_client), 1);
	assert_int_equal(open_with(&p, other_client, &mail), 0);
	assert_int_not_equal(SSL_get_verify_result(p.ours), X509_V_OK);
	hear(&p);
	hang_up(&p);
	assert_false(visit_with(other_client, &mail));
}

static void
one_peer_does_not_drive_out_the_others(void **state)
{
	const struct endpoint generous = {
		.host = "localhost", .port = 110, .tls = TLS_STARTTLS
	};

	(void)state;
	assert_false(visit(&mail));
	SSL_CTX_set_num_tickets(server, MANY);
	assert_false(visit(&generous));
	SSL_CTX_set_num_tickets(server, 2);
	assert_true(visit(&mail));
}

static void
there_is_an_end_to_what_is_kept(void **state)
{
	struct endpoint at = mail;

	(void)state;
	SSL_CTX_set_num_tickets(server, 1);
	for (at.port = 1; at.port <= MANY; at.port++)
		assert_false(visit(&at));
	at.port = MANY;
	assert_true(visit(&at));
	at.port = 1;
	assert_false(visit(&at));
}

static void
make_certificate(X509 *cert, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *names = X509V3_EXT_conf_nid(
	    NULL, NULL, NID_subject_alt_name, "DNS:localhost");

	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_add_ext(cert, names, -1);
	X509_EXTENSION_free(names);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
}

static SSL_CTX *
make_client(X509 *trusted)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted);
	resume_allow(ctx);
	return ctx;
}

static int
setup(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	(void)state;
	make_certificate(cert, key);
	server = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(server, cert);
	SSL_CTX_use_PrivateKey(server, key);
	client = make_client(cert);
	other_client = make_client(cert);
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	resume_end();
	SSL_CTX_free(client);
	SSL_CTX_free(other_client);
	SSL_CTX_free(server);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_next_connection_resumes),
		TEST(in_tls_1_2_too),
		TEST(without_tickets_a_session_of_tls_1_2_is_known_by_its_id),
		TEST(a_ticket_of_tls_1_3_serves_once),
		TEST(several_tickets_serve_connections_at_once),
		TEST(only_the_same_peer_in_the_same_way_is_resumed),
		TEST(a_certificate_is_looked_at_again_after_an_hour),
		TEST(after_a_failure_nothing_is_offered),
		TEST(a_refusal_to_resume_is_a_whole_handshake),
		TEST(what_was_not_proven_is_not_kept),
		TEST(one_peer_does_not_drive_out_the_others),
		TEST(there_is_an_end_to_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
