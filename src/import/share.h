/*
 * share.h - what the readers of getmail, mpop and fdm have in common.
 */
#ifndef IMPORT_SHARE_H
#define IMPORT_SHARE_H

#include "import/import.h"
#include "import/netrc.h"

/*
 * share_settings - a file of settings, all of it, wiped by the caller.
 * Returns 0, or -1 with ERR_CONFIG: it cannot be read, or is not UTF-8 text.
 * share_text - is this? Otherwise -1 with ERR_CONFIG, "FILE:LINE: …".
 */
int share_settings(const char *file, struct buffer *out, struct error *e);
int share_text(const char *file, struct slice text, struct error *e);

bool share_is_file(const char *path);
bool share_is_folder(const char *path);

/* share_netrc - the passwords of a ~/.netrc; none is as good as an empty one. */
int
share_netrc(const struct import_files *files, struct netrc *n, struct error *e);

/*
 * share_mailbox - the account that fetches from this mailbox, or NULL.
 * port: never 0.
 */
const struct import_account *share_mailbox(
    const struct import *im, const char *host, uint16_t port, const char *user);

/* share_usual_port - 995, or 110. */
uint16_t share_usual_port(enum import_tls tls);

/*
 * share_clear - what becomes of a connection without TLS to another machine: it
 * stays so where the password went in clear, and where it was hidden (APOP and
 * its like), STARTTLS is insisted on. That is noted.
 */
void share_clear(
    struct import *im, struct import_account *a, unsigned line, bool hidden);

/* Settings; what is out of range is noted, and mended. */
void share_timeout(struct import *im, struct import_account *a, unsigned line,
    uint64_t seconds);
void share_size(struct import_account *a, const char *key, uint64_t octets);
void share_count(struct import_account *a, const char *key, uint64_t count);

/* share_shell_word - as /bin/sh takes it for one word. */
void share_shell_word(struct buffer *out, const char *word);

/* share_port_named - a port by its name in services(5), or 0. */
uint16_t share_port_named(const char *name);

/*
 * share_command - the first line that a command prints, within 30 seconds; wiped
 * by the caller.
 * Returns 0, or -1 with ERR_CONFIG, "FILE:LINE: …".
 */
int share_command(const char *file, unsigned line, const char *command,
    struct buffer *out, struct error *e);

#endif
