/*
 * fetchmail.c - tests/postrider-fetchmail FILE: what we understand of a
 * .fetchmailrc, to be compared with what fetchmail does. Prints, for each user
 * and with nothing for the global options, its options that are given, `defaults`
 * included:
 *
 *	poll|skip SERVER
 *	OPTION NUMBER TEXT[=TEXT]...
 *
 * all texts in hexadecimal, with a ':' before them. When the file is wrong, it
 * says why on standard error and exits with 78.
 */
#include "import/fetchmail.h"
#include "base/buffer.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static void
print_text(const char *text)
{
	size_t len = strlen(text);
	char *hex = malloc(2 * len + 1);

	if (hex == NULL)
		abort();
	text_hex(text, len, hex);
	printf(":%s", hex);
	free(hex);
}

static void
print_value(const struct fetchmail_value *v)
{
	printf("%s %" PRId64, fetchmail_options[v->option].name, v->number);
	for (size_t i = 0; i < v->count; i++) {
		printf(" ");
		print_text(v->list[i].text);
		if (v->list[i].to == NULL)
			continue;
		printf("=");
		print_text(v->list[i].to);
	}
	printf("\n");
}

static void
print_values(const struct fetchmail_rc *rc, const struct fetchmail_user *u)
{
	for (int option = 0; option < FM_OPTIONS; option++) {
		const struct fetchmail_value *v =
		    fetchmail_value(rc, u, (enum fetchmail_option)option);

		if (v != NULL)
			print_value(v);
	}
}

int
main(int argc, char **argv)
{
	struct fetchmail_rc rc = { 0 };
	struct buffer text = { 0 };
	struct error e = { 0 };
	int status = EX_CONFIG;

	if (argc != 2)
		return EX_USAGE;
	if (import_file(argv[1], IMPORT_SETTINGS_MAX, &text, &e) < 0 ||
	    fetchmail_parse(&rc, argv[1], buffer_slice(&text), &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		goto out;
	}
	print_values(&rc, NULL);
	for (size_t i = 0; i < rc.user_count; i++) {
		const struct fetchmail_server *s =
		    &rc.servers[rc.users[i].server];

		printf("%s ", s->skip ? "skip" : "poll");
		print_text(s->name);
		printf("\n");
		print_values(&rc, &rc.users[i]);
	}
	status = EX_OK;
out:
	fetchmail_rc_free(&rc);
	buffer_free(&text);
	return status;
}
