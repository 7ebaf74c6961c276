/*
 * test-dial.c - a host with several addresses, of which the first may refuse.
 */
#include "net/dial.h"

#include "net/resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONG_MS 20000

/* What the name of the host stands for. */
static struct address addresses[RESOLVER_MAX];
static int address_count;

int
resolver_addresses(const char *host, uint16_t port,
    struct address out[RESOLVER_MAX], struct deadline until,
    const struct stop *stop, struct error *e)
{
	(void)host;
	(void)port;
	(void)until;
	(void)stop;
	(void)e;
	memcpy(out, addresses, sizeof addresses);
	return address_count;
}

/* A loopback socket, and its address as one more of the host's. */
static int
add_address(bool listening)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct address *a = &addresses[address_count++];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	if (listening)
		assert_int_equal(listen(fd, 1), 0);
	a->len = sizeof a->sa;
	assert_int_equal(
	    getsockname(fd, (struct sockaddr *)&a->sa, &a->len), 0);
	return fd;
}

static int
dial_all(struct error *e)
{
	const struct endpoint at = { .name = "isp",
		.host = "pop.example.org",
		.port = 110,
		.timeout_ms = LONG_MS };

	return dial(&at, "pop.example.org:110", NULL, deadline_in(LONG_MS), e);
}

static void
a_first_address_that_refuses_is_forgotten(void **state)
{
	struct error e = { 0 };
	int refusing, listening, fd;

	(void)state;
	address_count = 0;
	refusing = add_address(false);
	listening = add_address(true);
	fd = dial_all(&e);
	assert_true(fd >= 0);
	assert_int_equal(e.kind, ERR_NONE);
	close(fd);
	close(listening);
	close(refusing);
}

static void
when_all_refuse_it_is_the_first_that_is_told(void **state)
{
	struct error e = { 0 };
	int refusing, as_well;

	(void)state;
	address_count = 0;
	refusing = add_address(false);
	as_well = add_address(false);
	addresses[1].sa.ss_family = AF_UNSPEC;
	assert_int_equal(dial_all(&e), -1);
	assert_int_equal(e.kind, ERR_CONNECT);
	assert_non_null(strstr(e.text, "pop.example.org:110"));
	assert_non_null(strstr(e.text, "refused"));
	close(as_well);
	close(refusing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_address_that_refuses_is_forgotten),
		cmocka_unit_test(when_all_refuse_it_is_the_first_that_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
