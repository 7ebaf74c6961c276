/* prompt.c - a question on the terminal, and the terminal put back. */
#include "sasl/prompt.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int
terminal_write(int tty, const char *text, struct error *e)
{
	struct slice rest = slice_of(text);
	ssize_t n;

	while (rest.len > 0) {
		n = write(tty, rest.data, rest.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(
			    e, ERR_SECRET, "/dev/tty: %s", strerror(errno));
		rest = slice_skip(rest, (size_t)n);
	}
	return 0;
}

static int
terminal_set(int tty, int when, const struct termios *mode, struct error *e)
{
	int rc;

	do {
		rc = tcsetattr(tty, when, mode);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return error_set(
		    e, ERR_SECRET, "/dev/tty: %s", strerror(errno));
	return 0;
}

static int
read_line(int tty, const struct stop *stop, struct buffer *out, struct error *e)
{
	int n;

	do {
		n = secret_read(tty, stop, deadline_never(), out, e);
	} while (n > 0 && out->data[out->len - 1] != '\n');
	return n < 0 ? -1 : 0;
}

static int
ask(int tty, const char *question, const struct stop *stop, struct buffer *out,
    struct error *e)
{
	struct termios before, silent;
	struct error ignored;
	int rc;

	if (tcgetattr(tty, &before) < 0)
		return error_set(
		    e, ERR_SECRET, "/dev/tty: %s", strerror(errno));
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	silent.c_lflag |= ICANON | ISIG;
	if (terminal_set(tty, TCSAFLUSH, &silent, e) < 0)
		return -1;
	rc = terminal_write(tty, question, e);
	if (rc == 0)
		rc = read_line(tty, stop, out, e);
	/* Whatever happened, the terminal is to be usable afterwards. */
	terminal_set(tty, TCSADRAIN, &before, &ignored);
	terminal_write(tty, "\n", &ignored);
	return rc;
}

int
secret_from_prompt(const char *question, const struct stop *stop,
    struct buffer *out, struct error *e)
{
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int rc;

	/* A background job that asks would be stopped by the kernel. */
	if (tty < 0 || tcgetpgrp(tty) != getpgrp()) {
		if (tty >= 0)
			close(tty);
		return error_set(e, ERR_SECRET,
		    "there is none, and no terminal to ask on; set "
		    "password_file or password_command");
	}
	log_claim_terminal();
	/* Perhaps the one before was answered with ^C. */
	if (stop_level(stop) != STOP_NO)
		rc = error_set(e, ERR_STOPPED, "stopped");
	else
		rc = ask(tty, question, stop, out, e);
	log_release_terminal();
	close(tty);
	return rc;
}
