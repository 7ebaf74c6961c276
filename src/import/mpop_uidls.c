/*
 * mpop_uidls.c - the files in which mpop keeps what it has fetched: for each
 * mailbox " COUNT HOST USER", then so many lines "UID", or since mpop 1.4.23
 * "UID TIME".
 */
#include "import/mpop.h"

#include "base/alloc.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct block {
	struct import_account **accounts; /* owned */
	size_t count;
	uint64_t left; /* lines that are still to come */
	unsigned line; /* where it begins */
};

/* mpop writes no port: that may be several. */
static void
block_accounts(struct block *b, const struct mpop_mailbox *mailbox,
    mpop_whose *whose, void *arg)
{
	struct import_account *a = NULL;

	b->count = 0;
	while ((a = whose(arg, mailbox, a)) != NULL) {
		b->accounts = xrealloc(
		    b->accounts, b->count + 1, sizeof(struct import_account *));
		b->accounts[b->count++] = a;
	}
}

static int
block_begin(struct block *b, const char *file, unsigned number,
    struct slice line, mpop_whose *whose, void *arg, struct error *e)
{
	struct slice rest = slice_skip(line, 1);
	struct slice count = slice_word(&rest);
	struct slice host = slice_word(&rest);
	char *its_host, *its_user;

	if (text_u64(count, INT32_MAX, &b->left) < 0 || b->left == 0)
		return import_error(e, file, number,
		    "\" COUNT HOST USER\" should stand here, with a number of "
		    "unique ids");
	if (host.len == 0 || rest.len == 0)
		return import_error(e, file, number,
		    "\" COUNT HOST USER\" should stand here, with a host and a "
		    "user");
	its_host = xstrndup(host.data, host.len);
	its_user = xstrndup(rest.data, rest.len);
	b->line = number;
	block_accounts(b,
	    &(struct mpop_mailbox){
		.host = its_host, .user = its_user, .line = number },
	    whose, arg);
	free(its_host);
	free(its_user);
	return 0;
}

/* What stands behind the last space is a time, if there is one. */
static void
uid_split(struct slice line, struct slice *uid, int64_t *since)
{
	const char *space = memrchr(line.data, ' ', line.len);
	uint64_t seconds;
	size_t n;

	*uid = line;
	*since = 0;
	if (space == NULL)
		return;
	n = (size_t)(space - line.data);
	if (text_u64(slice_skip(line, n + 1), INT64_MAX, &seconds) < 0)
		return;
	uid->len = n;
	*since = (int64_t)seconds;
}

static int
uid_take(struct block *b, const char *file, unsigned number, struct slice line,
    size_t *others, struct error *e)
{
	struct slice uid;
	int64_t since;

	if (line.len == 0 || line.data[0] == ' ')
		return import_error(e, file, number,
		    "a unique id should stand here; of those that line %u "
		    "counts, %llu are missing",
		    b->line, (unsigned long long)b->left);
	b->left--;
	uid_split(line, &uid, &since);
	*others += b->count == 0 ? 1 : 0;
	for (size_t i = 0; i < b->count; i++)
		if (import_seen_add(b->accounts[i], uid, since) < 0)
			return import_error(
			    e, file, number, "no server has such a unique id");
	return 0;
}

static int
blocks_read(struct block *b, const char *file, struct slice text,
    mpop_whose *whose, void *arg, size_t *others, struct error *e)
{
	unsigned number = 0;
	struct slice line;
	bool cut = text.len > 0 && text.data[text.len - 1] != '\n';

	*others = 0;
	while (import_line(&text, &line)) {
		number++;
		if (b->left > 0) {
			if (uid_take(b, file, number, line, others, e) < 0)
				return -1;
			continue;
		}
		/* Later on, it would be a unique id that begins like this. */
		if (line.len > 0 && line.data[0] == '#' && b->line == 0)
			continue;
		if (line.len == 0 || line.data[0] != ' ')
			return import_error(e, file, number,
			    "\" COUNT HOST USER\" should stand here, so this "
			    "is none of mpop's files");
		if (block_begin(b, file, number, line, whose, arg, e) < 0)
			return -1;
	}
	if (cut)
		return import_error(e, file, number,
		    "the file ends in the middle of this line");
	if (b->left == 0)
		return 0;
	return import_error(e, file, number,
	    "the file ends here; of the unique ids that line %u counts, %llu "
	    "are missing",
	    b->line, (unsigned long long)b->left);
}

int
mpop_uidls(const char *file, struct slice text, mpop_whose *whose, void *arg,
    size_t *others, struct error *e)
{
	struct block b = { 0 };
	int rc = blocks_read(&b, file, text, whose, arg, others, e);

	free(b.accounts);
	return rc;
}
