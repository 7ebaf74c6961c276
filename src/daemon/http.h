/*
 * http.h - /metrics and /healthz for whoever asks by HTTP: GET and HEAD only, a
 * few connections at a time, each for one request and 15 seconds at most.
 * There is no password and no TLS; by default only this machine is answered.
 */
#ifndef DAEMON_HTTP_H
#define DAEMON_HTTP_H

#include "base/buffer.h"
#include "base/error.h"
#include "daemon/metrics.h"

#include <stdbool.h>

struct http;

/* Tells whether all is well; if not, adds the reason in words, in one line. */
typedef bool http_healthy(void *arg, struct buffer *why);

/*
 * http_open - listen. at: "127.0.0.1:9811" or "[::1]:9811", as the setting
 * `metrics` has it after its check. Nobody is answered before http_serve().
 * ERR_SYSTEM: somebody else listens there, or there is no such address;
 * ERR_CONFIG: this program was built without libmicrohttpd.
 *
 * http_serve - begin to answer, in a thread of its own, which opens no file
 * and makes no socket but those that come in: so it may be confined before.
 * healthy is called in that thread, metrics are rendered there. ERR_SYSTEM.
 *
 * http_port - where it listens, should `at` have asked for any port (0).
 * http_close - answer nobody any more. All arguments are borrowed until then.
 */
int http_open(struct http **h, const char *at, struct metrics *metrics,
    http_healthy *healthy, void *arg, struct error *e);
int http_serve(struct http *h, struct error *e);
unsigned http_port(const struct http *h);
void http_close(struct http **h);

#endif
