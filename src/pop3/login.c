/* login.c - USER and PASS (RFC 1939), AUTH (RFC 5034). */
#include "pop3/session.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

/* RFC 2449 section 4, its CRLF included. */
#define COMMAND_MAX 255
/* RFC 5034 section 4: the longest challenge, after "+ ". */
#define CHALLENGE_LINE_MAX (2 + 12288)

/* One attempt, and the words that it takes. */
struct attempt {
	enum auth_method method;
	const struct login *login; /* borrowed */
	const char *password; /* borrowed */
	struct buffer response; /* the last one; may be repeated to us late */
	bool told; /* something of user and password has been sent */
};

static int
check_sendable(const char *what, const char *text, struct error *e)
{
	if (strpbrk(text, "\r\n") == NULL)
		return 0;
	return error_set(e, ERR_SECRET,
	    "the %s has a line break in it, which POP3 cannot carry", what);
}

/*
 * Words of servers without response codes. "Account locked" and "blocked" are
 * left to the owner: trying again would only keep it so.
 */
static bool
sounds_in_use(const char *text)
{
	if (strcasestr(text, "in use") != NULL)
		return true;
	return strcasestr(text, "lock") != NULL &&
	    strcasestr(text, "block") == NULL &&
	    strcasestr(text, "account") == NULL;
}

static enum error_kind
refusal_kind(const struct pop3_reply *reply)
{
	enum error_kind later = pop3_code_later(reply->code);

	if (later != ERR_NONE)
		return later;
	if (reply->code == POP3_CODE_SYS_PERM)
		return ERR_REFUSED;
	if (reply->code == POP3_CODE_AUTH)
		return ERR_AUTH;
	return sounds_in_use(reply->text) ? ERR_IN_USE : ERR_AUTH;
}

static int
login_too_soon(const struct pop3 *p, const struct login *l, struct error *e)
{
	char delay[TEXT_UNIT];

	return error_set(e, ERR_LOGIN_DELAY,
	    "%s does not let \"%s\" in for now: \"%.160s\"; it asks for %s "
	    "between two logins, and after that the next poll tries again",
	    pop3_peer(p), l->user, pop3_words(p),
	    text_ago(p->capa.login_delay_s, delay));
}

/* What an -ERR to a login means. */
static int
login_refused(const struct pop3 *p, const struct login *l, struct error *e)
{
	enum error_kind kind = refusal_kind(&p->last);

	if (kind == ERR_LOGIN_DELAY && p->capa.login_delay_s > 0)
		return login_too_soon(p, l, e);
	switch (kind) {
	case ERR_BUSY:
	case ERR_IN_USE:
	case ERR_LOGIN_DELAY:
		return error_set(e, kind,
		    "%s does not let \"%s\" in for now: \"%.160s\"; the next "
		    "poll tries again",
		    pop3_peer(p), l->user, pop3_words(p));
	case ERR_REFUSED:
		return error_set(e, ERR_REFUSED,
		    "%s cannot serve \"%s\" until its operator mends it: "
		    "\"%.160s\"",
		    pop3_peer(p), l->user, pop3_words(p));
	default:
		return error_set(e, ERR_AUTH,
		    "%s refused the login of \"%s\": \"%.160s\"; check user "
		    "and password, and whether the provider wants POP3 "
		    "switched on or an app password",
		    pop3_peer(p), l->user, pop3_words(p));
	}
}

/* What is asked next anyway leaves with the last step of the login. */
static int
put_listing(struct pop3 *p, struct error *e)
{
	if (!p->names_ahead)
		return 0;
	if (!p->recalled && pop3_put(p, POP3_CAPA, 0, e) < 0)
		return -1;
	if (pop3_put(p, POP3_STAT, 0, e) < 0)
		return -1;
	if (pop3_put(p, POP3_UIDL, 0, e) < 0)
		return -1;
	return p->sizes_ahead ? pop3_put(p, POP3_LIST, 0, e) : 0;
}

static int
login_user(struct pop3 *p, struct attempt *a, struct error *e)
{
	int rc;

	a->told = true;
	if (pop3_ask(p, e, "USER %s", a->login->user) < 0)
		return -1;
	p->told = true;
	rc = pop3_send_secret(p, "PASS", a->password, e);
	if (rc == 0)
		rc = put_listing(p, e);
	return rc == 0 ? pop3_receive_ok(p, e) : -1;
}

/*
 * The AUTH command, with the initial response where the mechanism has one, the
 * server knows RFC 5034, and the line is not too long for it.
 */
static int
send_auth(struct pop3 *p, struct sasl *sasl, struct attempt *a, struct error *e)
{
	struct buffer line = { 0 };
	struct buffer shown = { 0 };
	int rc = -1;

	buffer_reserve(&line, COMMAND_MAX);
	buffer_addf(&line, "AUTH %s", sasl_name(a->method));
	buffer_add_slice(&shown, buffer_slice(&line));
	pop3_name(p, line.data);
	if (p->capa.sasl_ir && sasl_client_first(sasl)) {
		if (sasl_respond(sasl, slice_of(""), &a->response, e) < 0)
			goto out;
		a->told = line.len + 1 + a->response.len + 2 <= COMMAND_MAX;
		if (!a->told)
			sasl_begin(
			    sasl, a->method, a->login->user, a->password);
	}
	if (a->told) {
		p->secret = buffer_slice(&a->response);
		buffer_add_text(&line, " ");
		buffer_add_slice(&line, p->secret);
		buffer_add_text(&shown, " ****");
	}
	p->told = sasl_done(sasl);
	rc = pop3_send(p, shown.data, buffer_slice(&line), e);
	if (rc == 0 && sasl_done(sasl))
		rc = put_listing(p, e);
out:
	buffer_wipe(&line);
	buffer_free(&shown);
	return rc;
}

/* The error that made us give up is the one to report. */
static void
cancel_auth(struct pop3 *p)
{
	struct error ignored;

	if (pop3_send(p, "*", slice_of("*"), &ignored) == 0)
		pop3_receive(p, POP3_REPLY_MAX, NULL, &ignored);
	p->unread = true;
}

/* One challenge, answered. */
static int
answer_challenge(struct pop3 *p, struct sasl *sasl, struct attempt *a,
    struct slice line, struct error *e)
{
	struct slice challenge = slice_trim(slice_skip(line, 1));

	p->secret = slice_of("");
	buffer_wipe(&a->response);
	if (sasl_respond(sasl, challenge, &a->response, e) < 0) {
		cancel_auth(p);
		return -1;
	}
	a->told = true;
	p->secret = buffer_slice(&a->response);
	p->told = sasl_done(sasl);
	if (pop3_send(p, "****", p->secret, e) < 0)
		return -1;
	return sasl_done(sasl) ? put_listing(p, e) : 0;
}

static int
exchange_end(struct pop3 *p, const struct sasl *sasl, struct error *e)
{
	if (p->last.status == POP3_ERR)
		return error_set(e, ERR_REFUSED, "%s refused %s: \"%.200s\"",
		    pop3_peer(p), p->asked, pop3_words(p));
	if (sasl_done(sasl))
		return 0;
	p->unread = true;
	return error_set(e, ERR_PROTOCOL,
	    "%s calls %s a success before it was told the password",
	    pop3_peer(p), p->asked);
}

static int
login_sasl(struct pop3 *p, struct attempt *a, struct error *e)
{
	struct slice line;
	struct sasl sasl;

	sasl_begin(&sasl, a->method, a->login->user, a->password);
	if (send_auth(p, &sasl, a, e) < 0 ||
	    pop3_receive(p, CHALLENGE_LINE_MAX, &line, e) < 0)
		return -1;
	while (p->last.status == POP3_CONTINUE)
		if (answer_challenge(p, &sasl, a, line, e) < 0 ||
		    pop3_receive(p, CHALLENGE_LINE_MAX, &line, e) < 0)
			return -1;
	return exchange_end(p, &sasl, e);
}

static void
forget_secrets(struct pop3 *p, struct attempt *a)
{
	p->secret = slice_of("");
	buffer_wipe(&a->response);
}

static int
login_try(struct pop3 *p, struct attempt *a, struct error *e)
{
	a->told = false;
	forget_secrets(p, a);
	if (a->method == AUTH_USER)
		return login_user(p, a, e);
	return login_sasl(p, a, e);
}

/* The first method to try. */
static int
login_choose(const struct pop3 *p, const struct login *l,
    enum auth_method *method, struct error *e)
{
	struct slice offered = slice_of(p->capa.sasl);

	*method = l->auth;
	if (l->auth == AUTH_USER || (l->auth != AUTH_AUTO && offered.len == 0))
		return 0;
	*method = sasl_choose(l->auth, offered);
	if (*method != AUTH_AUTO)
		return 0;
	*method = AUTH_USER;
	if (l->auth == AUTH_AUTO)
		return 0;
	return error_set(e, ERR_AUTH,
	    "%s does not offer AUTH %s, only: %.160s; change auth",
	    pop3_peer(p), sasl_name(l->auth), p->capa.sasl);
}

/* May another method follow? Only a mechanism that is not known, and nothing
 * was told to it: a refused password is never tried again. */
static bool
login_may_go_on(const struct pop3 *p, const struct attempt *a)
{
	return a->login->auth == AUTH_AUTO && !a->told &&
	    p->last.code != POP3_CODE_AUTH &&
	    refusal_kind(&p->last) == ERR_AUTH;
}

static enum auth_method
login_next(const struct pop3 *p, enum auth_method before)
{
	if (before == AUTH_PLAIN &&
	    sasl_choose(AUTH_LOGIN, slice_of(p->capa.sasl)) == AUTH_LOGIN)
		return AUTH_LOGIN;
	return AUTH_USER;
}

/*
 * After a refusal without a reason: what another session has told may hold no
 * more. If the server still offers what was refused, it meant the password.
 */
static bool
was_recalled_wrongly(struct pop3 *p, struct attempt *a)
{
	enum auth_method method;
	struct error ignored = { 0 };

	if (!p->recalled || refusal_kind(&p->last) != ERR_AUTH ||
	    p->last.code == POP3_CODE_AUTH)
		return false;
	p->recalled = false;
	if (pop3_ask_capa(p, &ignored) < 0 ||
	    login_choose(p, a->login, &method, &ignored) < 0 ||
	    method == a->method)
		return false;
	a->method = method;
	return true;
}

/* Refused: is there another way? What went ahead was in vain. */
static bool
finds_another_way(struct pop3 *p, struct attempt *a)
{
	struct pop3_reply refusal = p->last;
	struct error ignored = { 0 };
	bool found;

	if (pop3_forget_ahead(p, &ignored) < 0) {
		p->last = refusal;
		return false;
	}
	p->last = refusal;
	if (login_may_go_on(p, a)) {
		a->method = login_next(p, a->method);
		return true;
	}
	found = was_recalled_wrongly(p, a);
	p->last = refusal;
	return found;
}

/* Logged in, some servers tell no more how to log in; another session asks. */
static int
ask_capa_again(struct pop3 *p, struct error *e)
{
	struct pop3_capa before = p->capa;

	if (pop3_ask_capa(p, e) < 0)
		return -1;
	if (p->capa.sasl[0] == '\0') {
		memcpy(p->capa.sasl, before.sasl, sizeof p->capa.sasl);
		p->capa.sasl_ir = before.sasl_ir;
	}
	return 0;
}

static int
try_all(struct pop3 *p, struct attempt *a, struct error *e)
{
	while (login_try(p, a, e) < 0) {
		if (e->kind != ERR_REFUSED)
			return -1;
		p->told = false;
		if (!finds_another_way(p, a))
			return login_refused(p, a->login, e);
	}
	p->told = false;
	/* Of a mechanism that was not known, before the one that was. */
	error_clear(e);
	return ask_capa_again(p, e);
}

/* What another session has not told may be offered by now. */
static int
choose_first(struct pop3 *p, const struct login *l, enum auth_method *method,
    struct error *e)
{
	if (login_choose(p, l, method, e) == 0)
		return 0;
	if (!p->recalled)
		return -1;
	p->recalled = false;
	error_clear(e);
	return pop3_ask_capa(p, e) < 0 ? -1 : login_choose(p, l, method, e);
}

static int
log_in(struct pop3 *p, const struct login *l, const char *password,
    struct error *e)
{
	struct attempt a = { .login = l, .password = password };
	int rc;

	if (check_sendable("user", l->user, e) < 0 ||
	    check_sendable("password", password, e) < 0 ||
	    choose_first(p, l, &a.method, e) < 0)
		return -1;
	p->password = password;
	rc = try_all(p, &a, e);
	p->password = NULL;
	forget_secrets(p, &a);
	return rc;
}

int
pop3_login(struct pop3 *p, const struct login *l, const char *password,
    struct error *e)
{
	p->names_ahead = false;
	return log_in(p, l, password, e);
}

int
pop3_login_ahead(struct pop3 *p, const struct login *l, const char *password,
    bool sizes, struct error *e)
{
	/* Where it is not offered, a refusal has a meaning of its own. */
	p->names_ahead = p->capa.uidl;
	p->sizes_ahead = sizes;
	return log_in(p, l, password, e);
}

int
pop3_list_ahead(struct pop3 *p, bool sizes, struct error *e)
{
	if (!p->capa.uidl)
		return 0;
	if (pop3_ahead(p, POP3_STAT, 0, e) < 0 ||
	    pop3_ahead(p, POP3_UIDL, 0, e) < 0)
		return -1;
	return sizes ? pop3_ahead(p, POP3_LIST, 0, e) : 0;
}

bool
pop3_password_told(const struct pop3 *p)
{
	return p->told;
}
