/* share.c - see share.h. */
#include "import/share.h"

#include "base/alloc.h"
#include "base/host.h"
#include "base/runner.h"
#include "base/stop.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* What `timeout` may be (postrider.conf(5)), in seconds. */
#define TIMEOUT_MAX 3600
/* What a command may take, and print. */
#define COMMAND_S 30
#define COMMAND_OUTPUT ((size_t)64 * 1024)

int
share_text(const char *file, struct slice text, struct error *e)
{
	unsigned number = 0;
	struct slice line;

	while (import_line(&text, &line)) {
		number++;
		if (line.len > 0 && memchr(line.data, '\0', line.len) != NULL)
			return import_error(e, file, number,
			    "there is a NUL octet, so this is no text");
		if (!text_is_utf8(line))
			return import_error(
			    e, file, number, "this is not UTF-8");
	}
	return 0;
}

int
share_settings(const char *file, struct buffer *out, struct error *e)
{
	if (import_file(file, IMPORT_SETTINGS_MAX, out, e) < 0)
		return -1;
	return share_text(file, buffer_slice(out), e);
}

bool
share_is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

bool
share_is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int
share_netrc(const struct import_files *files, struct netrc *n, struct error *e)
{
	struct buffer text = { 0 };
	char *usual = xasprintf("%s/.netrc", files->home);
	int rc = 0;

	if (files->netrc != NULL)
		rc = share_settings(files->netrc, &text, e);
	else if (share_is_file(usual))
		rc = share_settings(usual, &text, e);
	if (rc == 0)
		netrc_parse(n, buffer_slice(&text));
	buffer_wipe(&text);
	free(usual);
	return rc;
}

uint16_t
share_usual_port(enum import_tls tls)
{
	return tls == IMPORT_TLS_IMPLICIT ? 995 : 110;
}

const struct import_account *
share_mailbox(
    const struct import *im, const char *host, uint16_t port, const char *user)
{
	for (size_t i = 0; i < im->account_count; i++) {
		const struct import_account *a = im->accounts[i];
		uint16_t its =
		    a->port != 0 ? a->port : share_usual_port(a->tls);

		if (a->host != NULL && strcasecmp(a->host, host) == 0 &&
		    a->user != NULL && strcmp(a->user, user) == 0 &&
		    its == port)
			return a;
	}
	return NULL;
}

void
share_clear(
    struct import *im, struct import_account *a, unsigned line, bool hidden)
{
	if (a->tls != IMPORT_TLS_NONE || host_is_loopback(a->host))
		return;
	if (hidden) {
		a->tls = IMPORT_TLS_STARTTLS;
		import_note(im, a->file, line,
		    "no TLS: postrider insists on STARTTLS with %s, since it "
		    "cannot hide a password otherwise",
		    a->host);
		return;
	}
	import_account_set(a, "allow_cleartext", "true");
	import_note(im, a->file, line,
	    "without TLS everybody on the way can read the password and the "
	    "mail of %s",
	    a->name);
}

void
share_timeout(struct import *im, struct import_account *a, unsigned line,
    uint64_t seconds)
{
	char text[TEXT_UNIT];

	if (seconds == 0 || seconds > TIMEOUT_MAX) {
		import_note(im, a->file, line,
		    "timeout: one hour is the longest there is, and is what %s "
		    "gets",
		    a->name);
		seconds = TIMEOUT_MAX;
	}
	import_account_set_text(
	    a, "timeout", text_from_duration((int64_t)seconds, text));
}

void
share_size(struct import_account *a, const char *key, uint64_t octets)
{
	char text[TEXT_UNIT];

	import_account_set_text(a, key, text_from_size(octets, text));
}

void
share_count(struct import_account *a, const char *key, uint64_t count)
{
	char *digits = xasprintf("%llu", (unsigned long long)count);

	import_account_set(a, key, digits);
	free(digits);
}

void
share_shell_word(struct buffer *out, const char *word)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "%+,-./:=@_";

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
		buffer_add_text(out, word);
		return;
	}
	buffer_add_text(out, "'");
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			buffer_add_text(out, "'\\''");
		else
			buffer_add(out, word, 1);
	}
	buffer_add_text(out, "'");
}

uint16_t
share_port_named(const char *name)
{
	const struct servent *known;

	if (strcmp(name, "pop3") == 0)
		return 110;
	if (strcmp(name, "pop3s") == 0)
		return 995;
	known = getservbyname(name, "tcp");
	return known != NULL ? ntohs((uint16_t)known->s_port) : 0;
}

int
share_command(const char *file, unsigned line, const char *command,
    struct buffer *out, struct error *e)
{
	struct runner_task task = { .command = command,
		.timeout_ms = (int64_t)COMMAND_S * 1000,
		.output_max = COMMAND_OUTPUT,
		.asks = true };
	struct runner_result result = { 0 };
	struct slice rest, first;
	struct error why = { 0 };
	int rc = -1;

	if (runner_run(&task, NULL, &result, &why) < 0 || result.signal != 0 ||
	    result.status != 0) {
		if (why.kind == ERR_NONE)
			(void)runner_explain(&result, &why);
		else if (why.kind == ERR_TIMEOUT)
			error_set(&why, ERR_TIMEOUT,
			    "it takes longer than %d seconds", COMMAND_S);
		import_error(e, file, line, "the command failed: %s", why.text);
		goto out;
	}
	rest = buffer_slice(&result.output);
	if (import_line(&rest, &first)) {
		if (first.len > 0 && first.data[first.len - 1] == '\r')
			first.len--;
		buffer_add_slice(out, first);
	}
	rc = share_text(file, buffer_slice(out), e);
	if (rc < 0)
		import_error(
		    e, file, line, "what the command prints is not UTF-8");
out:
	runner_result_free(&result);
	return rc;
}
