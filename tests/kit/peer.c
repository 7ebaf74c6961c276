/* peer.c - see peer.h. */
#include "peer.h"

#include "base/log.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Made once, by peers_begin(). */
static SSL_CTX *server_tls;
static char ca_file[] = "/tmp/test-pop3-XXXXXX";

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
peer_hush(struct peer *p)
{
	struct pollfd in = { .fd = p->fd, .events = POLLIN };

	if (poll(&in, 1, 100) == 0)
		return 0;
	snprintf(p->wrong, sizeof p->wrong, "the client does not wait");
	return -1;
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
	if (strcmp(step, "HUSH") == 0)
		return peer_hush(p);
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
	struct timeval patience = { .tv_sec = 120 };
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

void
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
		.timeout_ms = 120000 };
	assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

void
peer_finish(struct peer *p)
{
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listener);
	assert_string_equal(p->wrong, "");
}

int
open_at(struct peer *p, struct pop3 **pop3, struct error *e)
{
	error_clear(e);
	return pop3_open(pop3, &p->at, NULL, e);
}

void
open_well(struct peer *p, struct pop3 **pop3)
{
	struct error e;

	if (open_at(p, pop3, &e) < 0)
		fail_msg("%s; peer: %s", e.text, p->wrong);
}

struct login
login_of_ann(enum auth_method auth)
{
	return (struct login){
		.kind = "account", .name = "isp", .user = "ann", .auth = auth
	};
}

int
log_in(struct pop3 *pop3, enum auth_method auth, const char *password,
    struct error *e)
{
	struct login l = login_of_ann(auth);

	return pop3_login(pop3, &l, password, e);
}

void
enter_maildrop(struct peer *peer, const char *const *steps, struct pop3 **pop3)
{
	struct error e;

	peer_start(peer, steps, TLS_NONE);
	open_well(peer, pop3);
	assert_int_equal(log_in(*pop3, AUTH_AUTO, "s3cret", &e), 0);
}

int
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

int
note_uid(void *arg, uint32_t number, struct slice uid, struct error *e)
{
	(void)e;
	buffer_addf(arg, "%u=%.*s;", (unsigned)number, (int)uid.len, uid.data);
	return 0;
}

void
assert_error(const struct error *e, enum error_kind kind, const char *words)
{
	print_message("# %s: %s\n", error_name(e->kind), e->text);
	assert_int_equal(e->kind, kind);
	assert_non_null(strstr(e->text, words));
	assert_null(strstr(e->text, "s3cret"));
	assert_null(strstr(e->text, PLAIN));
}

const char *
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

int
peers_begin(void **state)
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

int
peers_end(void **state)
{
	(void)state;
	SSL_CTX_free(server_tls);
	tls_end();
	return unlink(ca_file);
}
