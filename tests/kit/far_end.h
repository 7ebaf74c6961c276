/*
 * far_end.h - the other end of a stream, played by a thread of the test, and a
 * stream to it. What goes wrong in that thread ends the program: there nothing
 * can be asserted.
 */
#ifndef KIT_FAR_END_H
#define KIT_FAR_END_H

#include "net/stream.h"

#include <openssl/ssl.h>
#include <pthread.h>

#define LONG_MS 120000

/* The other end of a stream, played by a thread. */
struct far_end {
	pthread_t thread;
	void (*play)(struct far_end *p);
	int fd; /* its socket, closed at the end */
	int listener; /* or where it comes from */
	const char *certificate; /* of the TLS it speaks */
	int max_version; /* of TLS, 0 for any */
	SSL_CTX *ctx;
	SSL *ssl;
	struct stop *stop;
	size_t octets; /* read by it */
};

struct fixture {
	struct endpoint at;
	struct stop *stop;
	struct stream *s;
	struct far_end peer;
	struct error e;
};

/* setup, teardown - of each test: its state is a struct fixture. */
int setup(void **state);
int teardown(void **state);

/*
 * converse - a stream of a socket pair whose other end plays.
 * listen_for - a loopback listener that plays with the first who comes.
 * start - the same for a listener that is there.
 */
void converse(struct fixture *f, void (*play)(struct far_end *p));
void listen_for(struct fixture *f, void (*play)(struct far_end *p));
void start(struct fixture *f, void (*play)(struct far_end *p));

/*
 * What the far end does. hear - how many octets came, 0 at the end.
 * hear_until_lf - false when the client has gone instead. say_nothing,
 * say_a_body and request_stop_soon are plays of their own.
 */
void must(bool ok, const char *what);
void pause_ms(int ms);
void say(struct far_end *p, const char *text);
size_t hear(struct far_end *p, char *data, size_t room);
bool hear_until_lf(struct far_end *p);
void say_nothing(struct far_end *p);
#define BODY_LINES 30000 /* of say_a_body() */
void say_a_body(struct far_end *p);
void request_stop_soon(struct far_end *p);

/* What the stream must do. */
#define assert_text(f, part) assert_non_null(strstr((f)->e.text, (part)))
void expect_line(struct fixture *f, const char *text);
void expect_end(struct fixture *f, enum error_kind kind);
void send_text(struct fixture *f, const char *text);

#endif
