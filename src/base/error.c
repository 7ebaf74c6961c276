/* error.c - errors as values. */
#include "base/error.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Longer than any text, so that making it harmless decides where it is cut. */
#define DRAFT 1024

static const struct {
	const char *name;
	int status;
} kinds[] = {
	[ERR_NONE] = { "none", EX_OK },
	[ERR_USAGE] = { "usage", EX_USAGE },
	[ERR_CONFIG] = { "config", EX_CONFIG },
	[ERR_RESOLVE] = { "resolve", EX_NOHOST },
	[ERR_CONNECT] = { "connect", EX_TEMPFAIL },
	[ERR_TIMEOUT] = { "timeout", EX_TEMPFAIL },
	[ERR_IO] = { "io", EX_TEMPFAIL },
	[ERR_TLS] = { "tls", EX_PROTOCOL },
	[ERR_PROTOCOL] = { "protocol", EX_PROTOCOL },
	[ERR_AUTH] = { "auth", EX_NOPERM },
	[ERR_BUSY] = { "busy", EX_TEMPFAIL },
	[ERR_IN_USE] = { "in_use", EX_TEMPFAIL },
	[ERR_LOGIN_DELAY] = { "login_delay", EX_TEMPFAIL },
	[ERR_REFUSED] = { "refused", EX_UNAVAILABLE },
	[ERR_SECRET] = { "secret", EX_NOPERM },
	[ERR_LEDGER] = { "ledger", EX_IOERR },
	[ERR_LOCKED] = { "locked", EX_TEMPFAIL },
	[ERR_QUESTION] = { "question", EX_CONFIG },
	[ERR_SYSTEM] = { "system", EX_OSERR },
	[ERR_STOPPED] = { "stopped", EX_TEMPFAIL },
};

static int vset(struct error *e, enum error_kind kind, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

/* Formatted apart first: an argument may be the old text. */
static int
vset(struct error *e, enum error_kind kind, const char *fmt, va_list ap)
{
	char draft[DRAFT];

	if (vsnprintf(draft, sizeof draft, fmt, ap) < 0)
		draft[0] = '\0';
	text_harmless(slice_of(draft), e->text, sizeof e->text);
	e->kind = kind;
	return -1;
}

int
error_set(struct error *e, enum error_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vset(e, kind, fmt, ap);
	va_end(ap);
	return -1;
}

int
error_prefix(struct error *e, const char *fmt, ...)
{
	struct error prefix;
	va_list ap;

	va_start(ap, fmt);
	vset(&prefix, e->kind, fmt, ap);
	va_end(ap);
	return error_set(e, e->kind, "%s%s", prefix.text, e->text);
}

void
error_clear(struct error *e)
{
	e->kind = ERR_NONE;
	e->text[0] = '\0';
}

int
error_exit_status(enum error_kind kind)
{
	return kinds[kind].status;
}

const char *
error_name(enum error_kind kind)
{
	return kinds[kind].name;
}

/*
 * From what passes by itself, over what the other side has to mend and what a
 * person has to decide, to what is broken here.
 */
int
error_worse(int a, int b)
{
	static const int gravity[] = { EX_OK, EX_TEMPFAIL, EX_NOHOST,
		EX_PROTOCOL, EX_UNAVAILABLE, EX_NOPERM, EX_IOERR, EX_CANTCREAT,
		EX_OSFILE, EX_OSERR, EX_SOFTWARE, EX_NOINPUT, EX_NOUSER,
		EX_DATAERR, EX_CONFIG, EX_USAGE };
	size_t i;

	for (i = sizeof(gravity) / sizeof(gravity[0]); i-- > 0;)
		if (a == gravity[i] || b == gravity[i])
			return gravity[i];
	return a > b ? a : b;
}
