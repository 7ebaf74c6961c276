/* url.c - see url.h. */
#include "migrate/url.h"

#include "base/alloc.h"
#include "base/text.h"
#include "sasl/password.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int
wrong(struct buffer *why, const char *words)
{
	buffer_add_text(why, words);
	return -1;
}

static size_t
scheme_length(const char *text)
{
	size_t n = strspn(text,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"
	    ".");

	return n > 0 && strncmp(text + n, "://", 3) == 0 ? n : 0;
}

bool
url_is(const char *text)
{
	return scheme_length(text) > 0;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Owned by the caller. */
static int
decode(struct slice s, char **out, struct buffer *why)
{
	char *text = xcalloc(s.len + 1, 1);
	size_t n = 0;

	*out = text;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] != '%') {
			text[n++] = s.data[i];
			continue;
		}
		if (i + 2 >= s.len || hex(s.data[i + 1]) < 0 ||
		    hex(s.data[i + 2]) < 0)
			return wrong(why,
			    "has a % without two hexadecimal digits behind it; "
			    "a % itself is written %25");
		text[n] = (char)(hex(s.data[i + 1]) << 4 | hex(s.data[i + 2]));
		if (text[n++] == '\0')
			return wrong(why, "has an encoded NUL");
		i += 2;
	}
	return 0;
}

/* The octets before the first `c`, or all; *rest is what is behind it. */
static struct slice
cut(struct slice s, char c, struct slice *rest, bool *found)
{
	const char *at = s.len > 0 ? memchr(s.data, c, s.len) : NULL;

	*found = at != NULL;
	*rest = slice_make(NULL, 0);
	if (at == NULL)
		return s;
	*rest = slice_skip(s, (size_t)(at - s.data) + 1);
	return slice_make(s.data, (size_t)(at - s.data));
}

static int
parse_user(struct url *u, struct slice s, struct buffer *why)
{
	struct slice password, user;
	bool has_password;

	user = cut(s, ':', &password, &has_password);
	if (user.len == 0)
		return wrong(why, "has nothing before its \"@\"");
	if (decode(user, &u->user, why) < 0)
		return -1;
	return has_password ? decode(password, &u->password, why) : 0;
}

static int
parse_port(struct url *u, struct slice s, struct buffer *why)
{
	uint64_t port;

	if (text_u64(s, UINT16_MAX, &port) < 0 || port == 0)
		return wrong(why, "has a port that is no number up to 65535");
	u->port = (uint16_t)port;
	return 0;
}

static int
parse_host(struct url *u, struct slice s, struct buffer *why)
{
	struct slice port, host;
	bool has_port;

	if (s.len > 0 && s.data[0] == '[') {
		host = cut(slice_skip(s, 1), ']', &port, &has_port);
		if (!has_port || (port.len > 0 && port.data[0] != ':'))
			return wrong(why, "has a \"[\" without its \"]\"");
		has_port = port.len > 0;
		if (has_port)
			port = slice_skip(port, 1);
	} else {
		host = cut(s, ':', &port, &has_port);
	}
	if (host.len > 0 && decode(host, &u->host, why) < 0)
		return -1;
	return has_port ? parse_port(u, port, why) : 0;
}

static int
parse_authority(struct url *u, struct slice s, struct buffer *why)
{
	const char *at = s.len > 0 ? memrchr(s.data, '@', s.len) : NULL;

	if (at != NULL) {
		size_t n = (size_t)(at - s.data);

		if (parse_user(u, slice_make(s.data, n), why) < 0)
			return -1;
		s = slice_skip(s, n + 1);
	}
	return parse_host(u, s, why);
}

static int
parse_options(struct url *u, struct slice s, struct buffer *why)
{
	struct slice one, key, value;
	struct url_option *o;
	bool more = true, has_value;

	while (more) {
		one = cut(s, '&', &s, &more);
		key = cut(one, '=', &value, &has_value);
		if (key.len == 0 || !has_value)
			return wrong(why,
			    "has something other than KEY=VALUE behind its "
			    "\"?\"");
		u->options = xrealloc(
		    u->options, u->option_count + 1, sizeof(*u->options));
		o = &u->options[u->option_count++];
		*o = (struct url_option){ NULL, NULL };
		if (decode(key, &o->key, why) < 0 ||
		    decode(value, &o->value, why) < 0)
			return -1;
	}
	return 0;
}

int
url_parse(struct url *u, const char *text, struct buffer *why)
{
	size_t scheme = scheme_length(text);
	struct slice rest, query, path;
	bool has_query, has_path;

	*u = (struct url){ 0 };
	if (scheme == 0)
		return wrong(why, "is no URL: it has no \"://\"");
	u->scheme = xstrndup(text, scheme);
	for (char *c = u->scheme; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	if (strchr(text, '#') != NULL)
		return wrong(why, "has a \"#\", which is written %23");
	rest = cut(slice_of(text + scheme + 3), '?', &query, &has_query);
	rest = cut(rest, '/', &path, &has_path);
	if (parse_authority(u, rest, why) < 0)
		return -1;
	if (path.len > 0) {
		/* With its "/". */
		path = slice_make(path.data - 1, path.len + 1);
		if (decode(path, &u->path, why) < 0)
			return -1;
	}
	return has_query ? parse_options(u, query, why) : 0;
}

void
url_free(struct url *u)
{
	for (size_t i = 0; i < u->option_count; i++) {
		free(u->options[i].key);
		free(u->options[i].value);
	}
	free(u->options);
	free(u->scheme);
	free(u->host);
	free(u->path);
	free(u->user);
	password_free(&u->password);
	*u = (struct url){ 0 };
}

const char *
url_way(const char *words)
{
	static const char destination[] = "destination ";

	if (strstr(words, "tls = \"implicit\"") == NULL)
		return "";
	if (strncmp(words, destination, strlen(destination)) == 0)
		return "; in a URL that is smtps:// instead of smtp://, or "
		       "?tls=implicit behind lmtp://";
	return "; in a URL that is pop3s:// instead of pop3://";
}
