/* resume.c - a short list of TLS sessions, the newest first. */
#include "net/resume.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* How many are kept; of one peer, so that none can drive out the others. */
#define SESSIONS_MAX 256
#define SESSIONS_OF_ONE 8
/* After so long the certificate has to be shown again. */
#define PROVEN_MS (60 * 60 * 1000)

/* What a session was proven for. */
struct proof {
	const SSL_CTX *ctx; /* borrowed: it has the CAs */
	char *host; /* owned */
	uint16_t port;
	enum tls_mode mode;
	int64_t since; /* when the certificate was seen */
};

struct kept {
	struct kept *next;
	struct proof proof;
	SSL_SESSION *session; /* owned */
};

/* Guards what follows. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept *newest;

static bool
same(const struct proof *a, const struct proof *b)
{
	return a->ctx == b->ctx && a->port == b->port && a->mode == b->mode &&
	    strcmp(a->host, b->host) == 0;
}

static void
unlink_and_free(struct kept **link)
{
	struct kept *k = *link;

	*link = k->next;
	SSL_SESSION_free(k->session);
	free(k->proof.host);
	free(k);
}

/* With the lock held: no more than there may be, the oldest go first. */
static void
trim(const struct proof *added)
{
	struct kept **link = &newest;
	size_t all = 0, of_one = 0;

	while (*link != NULL) {
		if (same(&(*link)->proof, added))
			of_one++;
		if (++all > SESSIONS_MAX ||
		    (of_one > SESSIONS_OF_ONE &&
			same(&(*link)->proof, added))) {
			unlink_and_free(link);
			all--;
			continue;
		}
		link = &(*link)->next;
	}
}

/*
 * A copy is kept: the connection goes on using the session, and spoils it when
 * it ends in disorder.
 */
static void
keep(const SSL *ssl, const SSL_SESSION *session)
{
	const struct proof *proof = SSL_get_app_data(ssl);
	SSL_SESSION *copy;
	struct kept *k;

	if (SSL_get_verify_result(ssl) != X509_V_OK ||
	    SSL_SESSION_is_resumable(session) != 1 ||
	    (copy = SSL_SESSION_dup(session)) == NULL)
		return;
	k = xcalloc(1, sizeof *k);
	k->proof = *proof;
	k->proof.host = xstrdup(proof->host);
	k->session = copy;
	pthread_mutex_lock(&lock);
	k->next = newest;
	newest = k;
	trim(&k->proof);
	pthread_mutex_unlock(&lock);
}

/* OpenSSL has one for us; 0: we keep no reference to it. */
static int
session_came(SSL *ssl, SSL_SESSION *session)
{
	keep(ssl, session);
	return 0;
}

/* The newest that is good, taken off the list, or NULL; and since when. */
static SSL_SESSION *
take(const struct proof *wanted, int64_t *since)
{
	int64_t oldest = clock_monotonic_ms() - PROVEN_MS;
	struct kept **link = &newest;
	SSL_SESSION *session = NULL;

	pthread_mutex_lock(&lock);
	while (*link != NULL && session == NULL) {
		struct kept *k = *link;

		if (k->proof.since <= oldest) {
			unlink_and_free(link);
		} else if (same(&k->proof, wanted)) {
			session = k->session;
			*since = k->proof.since;
			k->session = NULL;
			unlink_and_free(link);
		} else {
			link = &k->next;
		}
	}
	pthread_mutex_unlock(&lock);
	return session;
}

void
resume_allow(SSL_CTX *ctx)
{
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, session_came);
}

void
resume_offer(SSL *ssl, const struct endpoint *at)
{
	struct proof *proof = xcalloc(1, sizeof *proof);
	SSL_SESSION *session;

	proof->ctx = SSL_get_SSL_CTX(ssl);
	proof->host = xstrdup(at->host);
	proof->port = at->port;
	proof->mode = at->tls;
	proof->since = clock_monotonic_ms();
	SSL_set_app_data(ssl, proof);
	/*
	 * Should the peer not resume it, what it gives us counts as older than
	 * it is, which does no harm.
	 */
	session = take(proof, &proof->since);
	if (session != NULL)
		SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
}

/* Before TLS 1.3 a session serves more than once, and is not given anew. */
void
resume_shaken(SSL *ssl)
{
	if (SSL_session_reused(ssl) && SSL_version(ssl) < TLS1_3_VERSION)
		keep(ssl, SSL_get0_session(ssl));
}

void
resume_forget(SSL *ssl)
{
	const struct proof *proof = SSL_get_app_data(ssl);
	struct kept **link = &newest;

	pthread_mutex_lock(&lock);
	while (*link != NULL)
		if (same(&(*link)->proof, proof))
			unlink_and_free(link);
		else
			link = &(*link)->next;
	pthread_mutex_unlock(&lock);
}

void
resume_release(SSL *ssl)
{
	struct proof *proof = SSL_get_app_data(ssl);

	if (proof == NULL)
		return;
	SSL_set_app_data(ssl, NULL);
	free(proof->host);
	free(proof);
}

void
resume_end(void)
{
	pthread_mutex_lock(&lock);
	while (newest != NULL)
		unlink_and_free(&newest);
	pthread_mutex_unlock(&lock);
}
