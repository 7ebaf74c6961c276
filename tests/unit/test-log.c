/*
 * test-log.c - the lines of the log: what they look like at each place they can
 * go to, and what becomes of them when that place is full or gone.
 */
#include "base/log.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of its own for each test; standard error goes into a file there. */
struct place {
	char folder[64];
	char log[80], old[80], console[80], socket[80];
	int stderr_before;
	struct buffer text; /* what was read last */
};

static int
begin(void **state)
{
	struct place *p = xcalloc(1, sizeof *p);
	int fd;

	snprintf(p->folder, sizeof p->folder, "/tmp/postrider-log.XXXXXX");
	if (mkdtemp(p->folder) == NULL)
		return -1;
	snprintf(p->log, sizeof p->log, "%s/log", p->folder);
	snprintf(p->old, sizeof p->old, "%s/log.1", p->folder);
	snprintf(p->console, sizeof p->console, "%s/console", p->folder);
	snprintf(p->socket, sizeof p->socket, "%s/socket", p->folder);
	fd = open(p->console, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	p->stderr_before = dup(STDERR_FILENO);
	if (fd < 0 || p->stderr_before < 0 || dup2(fd, STDERR_FILENO) < 0)
		return -1;
	close(fd);
	log_set_level(LOG_NORMAL);
	*state = p;
	return 0;
}

static int
end(void **state)
{
	struct place *p = *state;
	const char *const files[] = { p->log, p->old, p->console, p->socket };

	log_close();
	dup2(p->stderr_before, STDERR_FILENO);
	close(p->stderr_before);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (unlink(files[i]) < 0 && errno != ENOENT)
			return -1;
	chmod(p->folder, 0700);
	if (rmdir(p->folder) < 0)
		return -1;
	buffer_free(&p->text);
	free(p);
	return 0;
}

/* All of a file, as a string. */
static const char *
content(struct place *p, const char *path)
{
	char octets[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	buffer_clear(&p->text);
	buffer_reserve(&p->text, 1);
	p->text.data[0] = '\0';
	while ((n = read(fd, octets, sizeof octets)) > 0)
		buffer_add(&p->text, octets, (size_t)n);
	close(fd);
	return p->text.data;
}

static void
open_log(const char *target)
{
	struct error e = { 0 };

	if (log_open(target, &e) < 0)
		fail_msg("%s", e.text);
}

/* "2026-11-21T22:15:42Z postrider[PID]: TEXT" - the time has a fixed width. */
static void
is_line(const char *line, const char *text)
{
	char rest[200];
	size_t len;

	len = (size_t)snprintf(
	    rest, sizeof rest, " postrider[%ld]: %s\n", (long)getpid(), text);
	assert_true(strlen(line) >= 20 + len);
	assert_int_equal(line[10], 'T');
	assert_int_equal(line[19], 'Z');
	assert_memory_equal(line + 20, rest, len);
}

static const char *
next_line(const char *text)
{
	const char *stop = strchr(text, '\n');

	assert_non_null(stop);
	return stop + 1;
}

static void
each_level_lets_one_more_kind_of_line_through(void **state)
{
	static const struct {
		enum log_level level;
		const char *text;
	} rows[] = {
		{ LOG_QUIET, "postrider: E\n" },
		{ LOG_NORMAL, "postrider: E\npostrider: warning: W\n" },
		{ LOG_INFORMED, "postrider: E\npostrider: warning: W\nI\n" },
		{ LOG_EVENTS, "postrider: E\npostrider: warning: W\nI\nV\n" },
		{ LOG_TRACE,
		    "postrider: E\npostrider: warning: W\nI\nV\nisp > T\n" },
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(truncate(p->console, 0), 0);
		log_set_level(rows[i].level);
		log_error("%s", "E");
		log_warning("%s", "W");
		log_info("%s", "I");
		log_event("%s", "V");
		log_trace("isp", true, "%s", "T");
		assert_string_equal(content(p, p->console), rows[i].text);
	}
}

static void
a_file_is_made_private_and_its_lines_have_time_and_name(void **state)
{
	struct place *p = *state;
	struct stat st;
	const char *text;

	umask(0);
	open_log(p->log);
	umask(077);
	assert_int_equal(stat(p->log, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	log_warning("isp: %s", "late");
	log_error("isp: gone");
	text = content(p, p->log);
	is_line(text, "warning: isp: late");
	is_line(next_line(text), "isp: gone");
}

static void
what_a_peer_says_stays_one_line(void **state)
{
	struct place *p = *state;

	open_log(p->log);
	log_warning(
	    "isp: %s", "a\n2026-11-21T22:15:42Z postrider[1]: b\x1b[2J");
	is_line(content(p, p->log),
	    "warning: isp: a?2026-11-21T22:15:42Z postrider[1]: b?[2J");
}

static void
words_in_an_event_are_quoted_so_that_it_can_be_parsed(void **state)
{
	struct place *p = *state;

	log_set_level(LOG_INFORMED);
	log_words("reply", "no", "event=%s", "held");
	assert_string_equal(content(p, p->console), "");
	log_set_level(LOG_EVENTS);
	log_words("reply", "550 \"ann\" \\ no\r\n\"", "account=%s event=%s",
	    "isp", "held");
	log_words("reply", "", "event=held");
	assert_string_equal(content(p, p->console),
	    "account=isp event=held reply=\"550 \\\"ann\\\" \\\\ no??\\\"\"\n"
	    "event=held reply=\"\"\n");
}

static void
a_file_that_is_there_is_gone_on_with(void **state)
{
	struct place *p = *state;

	open_log(p->log);
	log_warning("one");
	log_close();
	open_log(p->log);
	log_warning("two");
	is_line(next_line(content(p, p->log)), "warning: two");
}

static void
errors_go_to_standard_error_too_until_work_has_begun(void **state)
{
	struct place *p = *state;

	open_log(p->log);
	log_error("one");
	log_warning("two");
	log_detach();
	log_error("three");
	assert_string_equal(content(p, p->console), "postrider: one\n");
	is_line(content(p, p->log), "one");
	log_close();
	log_error("four");
	assert_string_equal(
	    content(p, p->console), "postrider: one\npostrider: four\n");
}

static void
a_file_that_cannot_be_made_is_an_error_of_the_settings(void **state)
{
	struct place *p = *state;
	char path[100];
	struct error e = { 0 };

	snprintf(path, sizeof path, "%s/none/log", p->folder);
	assert_int_equal(log_open(path, &e), -1);
	assert_int_equal(e.kind, ERR_CONFIG);
	assert_int_equal(error_exit_status(e.kind), 78);
	assert_non_null(strstr(e.text, path));
	assert_non_null(strstr(e.text, strerror(ENOENT)));
	assert_int_equal(log_open(p->folder, &e), -1);
	assert_non_null(strstr(e.text, strerror(EISDIR)));
	/* All goes on where it went before. */
	log_error("still here");
	assert_string_equal(content(p, p->console), "postrider: still here\n");
}

static void
a_pipe_without_a_reader_does_not_hang_us(void **state)
{
	struct place *p = *state;
	struct error e = { 0 };

	assert_int_equal(mkfifo(p->log, 0600), 0);
	assert_int_equal(log_open(p->log, &e), -1);
	assert_non_null(strstr(e.text, strerror(ENXIO)));
}

static void
a_renamed_file_is_left_when_the_log_is_opened_again(void **state)
{
	struct place *p = *state;
	struct error e = { 0 };

	open_log(p->log);
	log_warning("one");
	assert_int_equal(rename(p->log, p->old), 0);
	log_warning("two");
	assert_int_equal(log_reopen(&e), 0);
	log_warning("three");
	is_line(next_line(content(p, p->old)), "warning: two");
	is_line(content(p, p->log), "warning: three");
	assert_string_equal(next_line(p->text.data), "");
}

/* The next that would be given. */
static int
free_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void
what_was_open_before_is_closed(void **state)
{
	struct place *p = *state;
	struct error e = { 0 };
	int before = free_descriptor();

	open_log(p->log);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(log_reopen(&e), 0);
		open_log(p->log);
	}
	log_close();
	assert_int_equal(free_descriptor(), before);
}

static void
one_that_cannot_be_opened_again_is_kept(void **state)
{
	struct place *p = *state;
	struct error e = { 0 };

	open_log(p->log);
	assert_int_equal(rename(p->log, p->old), 0);
	assert_int_equal(mkdir(p->log, 0700), 0);
	assert_int_equal(log_reopen(&e), -1);
	assert_int_equal(e.kind, ERR_CONFIG);
	assert_non_null(strstr(e.text, p->log));
	assert_non_null(strstr(e.text, "goes on where it went before"));
	log_warning("still here");
	assert_int_equal(rmdir(p->log), 0);
	is_line(content(p, p->old), "warning: still here");
	/* And the next time it is well again. */
	assert_int_equal(log_reopen(&e), 0);
	log_warning("back");
	is_line(content(p, p->log), "warning: back");
}

static void
standard_error_is_opened_again_without_harm(void **state)
{
	struct place *p = *state;
	struct error e = { 0 };

	open_log("stderr");
	assert_int_equal(log_reopen(&e), 0);
	log_error("here");
	assert_string_equal(content(p, p->console), "postrider: here\n");
}

/* /dev/full has room for nothing, as a full disk. */
static void
a_full_disk_is_told_once_on_standard_error(void **state)
{
	struct place *p = *state;
	char path[100];
	char want[400];

	snprintf(path, sizeof path, "%s", p->log);
	assert_int_equal(symlink("/dev/full", path), 0);
	open_log(path);
	log_detach();
	log_error("one");
	log_error("two");
	log_warning("three");
	snprintf(want, sizeof want,
	    "postrider: %s: %s; lines of the log are lost until that is "
	    "mended\n",
	    path, strerror(ENOSPC));
	assert_string_equal(content(p, p->console), want);
}

/* The limit of a file's size stands in for that of a disk. */
static void
when_there_is_room_again_it_says_what_is_missing(void **state)
{
	struct place *p = *state;
	struct rlimit before, now;
	const char *text, *torn;
	char want[200];

	signal(SIGXFSZ, SIG_IGN);
	open_log(p->log);
	log_detach();
	log_warning("before");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	now = before;
	now.rlim_cur = strlen(content(p, p->log)) + 30;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	log_warning("cut somewhere in this line");
	log_warning("lost");
	log_warning("lost too");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	log_warning("after");

	text = content(p, p->log);
	is_line(text, "warning: before");
	torn = next_line(text);
	assert_int_equal(next_line(torn) - torn, 31);
	snprintf(want, sizeof want,
	    "warning: 3 lines of the log could not be written here: %s",
	    strerror(EFBIG));
	is_line(next_line(torn), want);
	is_line(next_line(next_line(torn)), "warning: after");
	assert_string_equal(next_line(next_line(next_line(torn))), "");
}

static void
what_was_lost_is_told_in_the_next_file(void **state)
{
	struct place *p = *state;
	struct error e = { 0 };
	char want[200];

	assert_int_equal(symlink("/dev/full", p->log), 0);
	open_log(p->log);
	log_detach();
	log_warning("lost");
	assert_int_equal(unlink(p->log), 0);
	assert_int_equal(log_reopen(&e), 0);
	log_warning("after");
	snprintf(want, sizeof want,
	    "warning: 1 line of the log could not be written here: %s",
	    strerror(ENOSPC));
	is_line(content(p, p->log), want);
	is_line(next_line(p->text.data), "warning: after");
}

#define WRITERS 4
#define LINES 300

static void *
write_many(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_warning("writer %d line %d", *(const int *)arg, i);
	return NULL;
}

static void
threads_write_whole_lines_while_the_log_is_opened_again(void **state)
{
	struct place *p = *state;
	pthread_t threads[WRITERS];
	int numbers[WRITERS], next[WRITERS] = { 0 }, writer, number, read = 0;
	struct error e = { 0 };

	open_log(p->log);
	for (int i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		assert_int_equal(
		    pthread_create(threads + i, NULL, write_many, numbers + i),
		    0);
	}
	for (int i = 0; i < 50; i++)
		assert_int_equal(log_reopen(&e), 0);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (const char *line = content(p, p->log); *line != '\0';
	     line = next_line(line)) {
		assert_int_equal(sscanf(line + 20,
				     " postrider[%*d]: warning: writer %d line "
				     "%d",
				     &writer, &number),
		    2);
		assert_in_range(writer, 0, WRITERS - 1);
		assert_int_equal(number, next[writer]++);
		read++;
	}
	assert_int_equal(read, WRITERS * LINES);
}

/* $JOURNAL_STREAM as systemd would set it for what standard error is now. */
static void
name_stream(const char *dev_and_inode)
{
	char is[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(is, sizeof is, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", dev_and_inode != NULL ? dev_and_inode : is, 1);
}

static void
write_two(void)
{
	struct error e = { 0 };
	struct sink s;

	assert_int_equal(sink_open(&s, "stderr", &e), 0);
	assert_int_equal(sink_write(&s, LOG_ERR, true, slice_of("one")), 0);
	assert_int_equal(sink_write(&s, LOG_DEBUG, false, slice_of("two")), 0);
	sink_close(&s);
	unsetenv("JOURNAL_STREAM");
}

static void
the_journal_gets_a_level_and_no_name(void **state)
{
	struct place *p = *state;

	name_stream(NULL);
	write_two();
	assert_string_equal(content(p, p->console), "<3>one\n<7>two\n");
}

static void
a_standard_error_that_was_sent_elsewhere_is_no_journal(void **state)
{
	struct place *p = *state;

	name_stream("8:12345678901");
	write_two();
	assert_string_equal(content(p, p->console), "postrider: one\ntwo\n");
}

/* A system log of our own. */
static int
listen_at(const struct place *p)
{
	struct sockaddr_un here = { .sun_family = AF_UNIX };
	const struct timeval soon = { .tv_sec = 60 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(here.sun_path, p->socket, strlen(p->socket) + 1);
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
	return fd;
}

static const char *
hear(struct place *p, int fd)
{
	static char packet[65536];
	ssize_t n = recv(fd, packet, sizeof packet - 1, 0);

	(void)p;
	assert_true(n > 0);
	packet[n] = '\0';
	return packet;
}

/* "<19>Nov 21 22:15:42 postrider[PID]: TEXT" */
static void
is_packet(const char *packet, int priority, const char *text)
{
	char lead[16], rest[200];
	size_t len;

	len = (size_t)snprintf(lead, sizeof lead, "<%d>", LOG_MAIL | priority);
	assert_memory_equal(packet, lead, len);
	snprintf(
	    rest, sizeof rest, " postrider[%ld]: %s", (long)getpid(), text);
	assert_string_equal(packet + len + 15, rest);
	assert_int_equal(packet[len + 3], ' ');
	assert_int_equal(packet[len + 12], ':');
}

static void
open_syslog(struct sink *s, const struct place *p)
{
	struct error e = { 0 };

	if (sink_open_syslog(s, p->socket, &e) < 0)
		fail_msg("%s", e.text);
}

static int
say(struct sink *s, int priority, const char *text)
{
	return sink_write(s, priority, true, slice_of(text));
}

static void
the_system_log_gets_packets_of_the_mail_system(void **state)
{
	struct place *p = *state;
	struct sink s;
	int fd = listen_at(p);

	open_syslog(&s, p);
	assert_int_equal(say(&s, LOG_ERR, "isp: gone"), 0);
	is_packet(hear(p, fd), LOG_ERR, "isp: gone");
	assert_int_equal(say(&s, LOG_INFO, "isp: 3 messages"), 0);
	is_packet(hear(p, fd), LOG_INFO, "isp: 3 messages");
	sink_close(&s);
	close(fd);
}

static void
a_system_log_that_is_not_there_is_an_error(void **state)
{
	struct place *p = *state;
	struct sink s;
	struct error e = { 0 };

	assert_int_equal(sink_open_syslog(&s, p->socket, &e), -1);
	assert_int_equal(e.kind, ERR_CONFIG);
	assert_non_null(strstr(e.text, p->socket));
	assert_non_null(strstr(e.text, "log = \"stderr\""));
}

static void
a_system_log_that_was_started_anew_is_found(void **state)
{
	struct place *p = *state;
	struct sink s;
	int fd = listen_at(p);
	char want[200];

	open_syslog(&s, p);
	close(fd);
	assert_int_equal(say(&s, LOG_ERR, "nobody listens"), -1);
	assert_int_equal(unlink(p->socket), 0);
	assert_int_equal(say(&s, LOG_ERR, "nobody is there"), -1);
	fd = listen_at(p);
	assert_int_equal(say(&s, LOG_ERR, "again"), 0);
	snprintf(want, sizeof want,
	    "warning: 2 lines of the log could not be written here: %s",
	    strerror(ECONNREFUSED));
	is_packet(hear(p, fd), LOG_WARNING, want);
	is_packet(hear(p, fd), LOG_ERR, "again");
	sink_close(&s);
	close(fd);
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Its queue is full: that costs a second once, however much is to be said. */
static void
a_system_log_that_does_not_read_holds_nobody_up(void **state)
{
	struct place *p = *state;
	struct sink s;
	int fd = listen_at(p);
	double before;
	int taken = 0;

	open_syslog(&s, p);
	before = seconds();
	while (taken < 100000 && say(&s, LOG_INFO, "one of many") == 0)
		taken++;
	assert_in_range(taken, 1, 99999);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(say(&s, LOG_INFO, "one more"), -1);
	assert_true(seconds() - before < 15);
	assert_int_equal(s.lost, 1001);
	assert_int_equal(s.reason, EAGAIN);

	for (int i = 0; i < taken; i++)
		is_packet(hear(p, fd), LOG_INFO, "one of many");
	assert_int_equal(say(&s, LOG_INFO, "at last"), 0);
	assert_non_null(strstr(hear(p, fd), "1001 lines of the log"));
	is_packet(hear(p, fd), LOG_INFO, "at last");
	sink_close(&s);
	close(fd);
}

static void
a_line_that_is_too_long_for_a_packet_is_cut(void **state)
{
	struct place *p = *state;
	struct sink s;
	int fd = listen_at(p);
	struct buffer text = { 0 };
	const char *packet;

	open_syslog(&s, p);
	while (text.len < 1000000)
		buffer_add_text(&text, "\xc3\xa4");
	assert_int_equal(say(&s, LOG_INFO, text.data), 0);
	packet = hear(p, fd);
	assert_in_range(strlen(packet), 7000, 8192);
	assert_memory_equal(packet + strlen(packet) - 2, "\xc3\xa4", 2);
	buffer_free(&text);
	sink_close(&s);
	close(fd);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PLACE(each_level_lets_one_more_kind_of_line_through),
		WITH_PLACE(
		    a_file_is_made_private_and_its_lines_have_time_and_name),
		WITH_PLACE(what_a_peer_says_stays_one_line),
		WITH_PLACE(
		    words_in_an_event_are_quoted_so_that_it_can_be_parsed),
		WITH_PLACE(a_file_that_is_there_is_gone_on_with),
		WITH_PLACE(
		    errors_go_to_standard_error_too_until_work_has_begun),
		WITH_PLACE(
		    a_file_that_cannot_be_made_is_an_error_of_the_settings),
		WITH_PLACE(a_pipe_without_a_reader_does_not_hang_us),
		WITH_PLACE(a_renamed_file_is_left_when_the_log_is_opened_again),
		WITH_PLACE(what_was_open_before_is_closed),
		WITH_PLACE(one_that_cannot_be_opened_again_is_kept),
		WITH_PLACE(standard_error_is_opened_again_without_harm),
		WITH_PLACE(a_full_disk_is_told_once_on_standard_error),
		WITH_PLACE(when_there_is_room_again_it_says_what_is_missing),
		WITH_PLACE(what_was_lost_is_told_in_the_next_file),
		WITH_PLACE(
		    threads_write_whole_lines_while_the_log_is_opened_again),
		WITH_PLACE(the_journal_gets_a_level_and_no_name),
		WITH_PLACE(
		    a_standard_error_that_was_sent_elsewhere_is_no_journal),
		WITH_PLACE(the_system_log_gets_packets_of_the_mail_system),
		WITH_PLACE(a_system_log_that_is_not_there_is_an_error),
		WITH_PLACE(a_system_log_that_was_started_anew_is_found),
		WITH_PLACE(a_system_log_that_does_not_read_holds_nobody_up),
		WITH_PLACE(a_line_that_is_too_long_for_a_packet_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
