/* test-metrics.c - what is counted, and how it is written. */
#include "daemon/metrics.h"

#include "base/histogram.h"
#include "daemon/family.h"
#include "daemon/watched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define NOW ((int64_t)1700000000)
#define MANY 50000

int64_t
clock_wall(void)
{
	return NOW;
}

static const struct error well = { .kind = ERR_NONE };
static const struct error refused = { .kind = ERR_AUTH };

/* --- histograms --- */

static void
a_duration_falls_into_the_bucket_that_ends_with_it(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	histogram_add(&h, -1);
	histogram_add(&h, 0);
	histogram_add(&h, 5);
	assert_int_equal(h.counts[0], 3);
	for (int i = 1; i < HISTOGRAM_BOUNDS; i++) {
		assert_true(
		    histogram_bounds_ms[i] > histogram_bounds_ms[i - 1]);
		histogram_add(&h, histogram_bounds_ms[i - 1] + 1);
		histogram_add(&h, histogram_bounds_ms[i]);
		assert_int_equal(h.counts[i], 2);
	}
	histogram_add(&h, histogram_bounds_ms[HISTOGRAM_BOUNDS - 1] + 1);
	assert_int_equal(h.counts[HISTOGRAM_BOUNDS], 1);
}

static void
histograms_add_up(void **state)
{
	struct histogram a = { 0 }, b = { 0 };

	(void)state;
	histogram_add(&a, 7);
	histogram_add(&b, 8);
	histogram_add(&b, 100000000);
	histogram_merge(&a, &b);
	assert_int_equal(a.counts[1], 2);
	assert_int_equal(a.counts[HISTOGRAM_BOUNDS], 1);
	assert_int_equal(a.sum_ms, 100000015);
}

static void
buckets_are_written_as_sums_up_to_their_bound(void **state)
{
	static const char want[] =
	    "# HELP t_seconds How long.\n# TYPE t_seconds histogram\n"
	    "t_seconds_bucket{le=\"0.005\"} 1\n"
	    "t_seconds_bucket{le=\"0.01\"} 1\n"
	    "t_seconds_bucket{le=\"0.025\"} 3\n"
	    "t_seconds_bucket{le=\"0.05\"} 3\n"
	    "t_seconds_bucket{le=\"0.1\"} 3\n"
	    "t_seconds_bucket{le=\"0.25\"} 3\n"
	    "t_seconds_bucket{le=\"0.5\"} 3\n"
	    "t_seconds_bucket{le=\"1\"} 3\n"
	    "t_seconds_bucket{le=\"2.5\"} 4\n"
	    "t_seconds_bucket{le=\"5\"} 4\n"
	    "t_seconds_bucket{le=\"10\"} 4\n"
	    "t_seconds_bucket{le=\"30\"} 4\n"
	    "t_seconds_bucket{le=\"60\"} 4\n"
	    "t_seconds_bucket{le=\"300\"} 4\n"
	    "t_seconds_bucket{le=\"600\"} 4\n"
	    "t_seconds_bucket{le=\"+Inf\"} 5\n"
	    "t_seconds_sum 3601.234\n"
	    "t_seconds_count 5\n";
	struct histogram h = { 0 };
	struct buffer out = { 0 };

	(void)state;
	histogram_add(&h, 3);
	histogram_add(&h, 20);
	histogram_add(&h, 21);
	histogram_add(&h, 1190);
	histogram_add(&h, 3600000);
	family_histogram(&out, "t_seconds", "How long.", &h);
	assert_string_equal(out.data, want);
	buffer_free(&out);
}

/* --- the list of accounts --- */

static void
an_account_is_found_until_it_is_removed(void **state)
{
	struct watchlist list = { 0 };
	char name[32];
	size_t count = 0;

	(void)state;
	assert_null(watched_find(&list, "u1"));
	assert_null(watched_next(&list, NULL));
	watched_remove(&list, "u1");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		watched_add(&list, name)->held = (uint64_t)i;
	}
	for (int i = 0; i < 1000; i += 2) {
		snprintf(name, sizeof(name), "u%d", i);
		watched_remove(&list, name);
	}
	for (int i = 0; i < 1000; i++) {
		struct watched *w;

		snprintf(name, sizeof(name), "u%d", i);
		w = watched_find(&list, name);
		assert_int_equal(w != NULL, i % 2);
		if (w != NULL)
			assert_int_equal(w->held, i);
	}
	for (const struct watched *w = NULL;
	     (w = watched_next(&list, w)) != NULL;)
		count++;
	assert_int_equal(count, 500);
	assert_int_equal(list.count, 500);
	assert_int_equal(list.name_length, 5 * 2 + 45 * 3 + 450 * 4);
	watched_free(&list);
	assert_null(watched_find(&list, "u1"));
}

/* --- metrics --- */

static int
begin(void **state)
{
	struct metrics *m;

	metrics_new(&m);
	*state = m;
	return 0;
}

static int
end(void **state)
{
	struct metrics *m = *state;

	metrics_free(&m);
	return m == NULL ? 0 : -1;
}

/* All of it; the caller's. */
static char *
text_at(struct metrics *m, int64_t now)
{
	struct buffer out = { 0 };

	metrics_render(m, now, &out);
	return out.data;
}

/* Is it told, as a line of its own? */
static bool
tells(struct metrics *m, const char *line)
{
	char *text = text_at(m, NOW + 60), *at = text;
	size_t len = strlen(line);
	bool found = false;

	while (!found && (at = strstr(at, line)) != NULL) {
		found = (at == text || at[-1] == '\n') && at[len] == '\n';
		at += len;
	}
	free(text);
	return found;
}

static void
all_that_a_poll_did_is_counted(void **state)
{
	struct metrics *m = *state;
	struct poll_report r = {
		.taken = 11,
		.octets_taken = 12000,
		.delivered = 5,
		.octets = 5000,
		.deleted = 4,
		.deferred = 3,
		.held = 2,
		.in_doubt = 1,
		.reported = 7,
		.dropped = 8,
		.resent = 9,
		.took_ms = 1500,
	};

	histogram_add(&r.deliveries, 40);
	metrics_poll(m, "isp", &r, &well);
	metrics_poll(m, "isp", &r, &well);
	assert_true(tells(m, "postrider_polls_total{result=\"ok\"} 2"));
	assert_true(tells(m, "postrider_messages_fetched_total 22"));
	assert_true(tells(m, "postrider_fetched_bytes_total 24000"));
	assert_true(tells(m, "postrider_messages_delivered_total 10"));
	assert_true(tells(m, "postrider_delivered_bytes_total 10000"));
	assert_true(tells(m, "postrider_messages_deleted_total 8"));
	assert_true(tells(m, "postrider_messages_resent_total 18"));
#define VERDICT(word, n) "postrider_verdicts_total{verdict=\"" word "\"} " #n
	assert_true(tells(m, VERDICT("delivered", 10)));
	assert_true(tells(m, VERDICT("deferred", 6)));
	assert_true(tells(m, VERDICT("held", 4)));
	assert_true(tells(m, VERDICT("in_doubt", 2)));
	assert_true(tells(m, VERDICT("reported", 14)));
	assert_true(tells(m, VERDICT("dropped", 16)));
	assert_true(
	    tells(m, "postrider_poll_duration_seconds_bucket{le=\"1\"} 0"));
	assert_true(
	    tells(m, "postrider_poll_duration_seconds_bucket{le=\"2.5\"} 2"));
	assert_true(tells(m, "postrider_poll_duration_seconds_sum 3.000"));
	assert_true(tells(
	    m, "postrider_delivery_duration_seconds_bucket{le=\"0.05\"} 2"));
	assert_true(tells(m,
	    "postrider_account_messages_delivered_total{account=\"isp\"} 10"));
}

static void
failures_are_told_by_kind_and_in_a_row(void **state)
{
	static const struct error stopped = { .kind = ERR_STOPPED };
	struct metrics *m = *state;
	struct poll_report r = { 0 };

	metrics_poll(m, "isp", &r, &refused);
	metrics_poll(m, "isp", &r, &refused);
	metrics_poll(m, "isp", &r, &stopped);
	assert_true(tells(m, "postrider_polls_total{result=\"ok\"} 0"));
	assert_true(tells(m, "postrider_polls_total{result=\"failed\"} 2"));
	assert_true(tells(m, "postrider_polls_total{result=\"stopped\"} 1"));
	assert_true(tells(m, "postrider_poll_failures_total{kind=\"auth\"} 2"));
	assert_true(
	    tells(m, "postrider_poll_failures_total{kind=\"timeout\"} 0"));
	assert_true(
	    tells(m, "postrider_account_failed_polls{account=\"isp\"} 2"));
	metrics_poll(m, "isp", &r, &well);
	assert_true(
	    tells(m, "postrider_account_failed_polls{account=\"isp\"} 0"));
}

static void
the_time_since_success_goes_on_over_failures_and_restarts(void **state)
{
#define SINCE(n) "postrider_account_since_success_seconds{account=\"isp\"} " #n
	struct metrics *m = *state;
	struct poll_report r = { 0 };

	metrics_account(m, "isp", NOW - 3600);
	assert_true(tells(m, SINCE(3660)));
	metrics_account(m, "isp", 0);
	assert_true(tells(m, SINCE(3660)));
	metrics_poll(m, "isp", &r, &refused);
	assert_true(tells(m, SINCE(3660)));
	metrics_poll(m, "isp", &r, &well);
	assert_true(tells(m, SINCE(60)));
}

static void
an_account_that_was_never_polled_well_has_waited_since_it_is_known(void **state)
{
	metrics_account(*state, "isp", 0);
	assert_true(tells(*state, SINCE(60)));
}

static void
a_clock_that_was_set_back_makes_no_negative_time(void **state)
{
	metrics_account(*state, "isp", NOW + 3600);
	assert_true(tells(*state, SINCE(0)));
}

static void
what_is_held_is_told_once_and_kept_while_nothing_is_listed(void **state)
{
#define HELD(n) "postrider_account_held_messages{account=\"isp\"} " #n
	struct metrics *m = *state;
	/* Two sessions: 3 were there before, 2 came, the plan knew 1 of them. */
	struct poll_report listed = {
		.listed = true, .waiting_held = 4, .held = 2, .held_earlier = 1
	};
	struct poll_report unknown = { 0 };

	metrics_poll(m, "isp", &listed, &well);
	assert_true(tells(m, HELD(5)));
	metrics_poll(m, "isp", &unknown, &refused);
	assert_true(tells(m, HELD(5)));
	unknown.listed = true;
	metrics_poll(m, "isp", &unknown, &well);
	assert_true(tells(m, HELD(0)));
}

static void
what_is_in_doubt_is_kept_while_nothing_is_listed(void **state)
{
#define IN_DOUBT(n) "postrider_account_in_doubt_messages{account=\"isp\"} " #n
	struct metrics *m = *state;
	struct poll_report r = { .listed = true, .waiting_in_doubt = 3 };

	metrics_poll(m, "isp", &r, &well);
	assert_true(tells(m, IN_DOUBT(3)));
	r = (struct poll_report){ 0 };
	metrics_poll(m, "isp", &r, &refused);
	assert_true(tells(m, IN_DOUBT(3)));
	r.listed = true;
	metrics_poll(m, "isp", &r, &well);
	assert_true(tells(m, IN_DOUBT(0)));
}

static void
names_are_written_so_that_they_cannot_end_their_label(void **state)
{
	struct buffer out = { 0 };
	struct metrics *m = *state;

	metrics_account(m, "a\"b\\c", 0);
	metrics_account(m, "a\"b\\c", 0);
	assert_true(tells(m, "postrider_accounts 1"));
	assert_true(tells(
	    m, "postrider_account_failed_polls{account=\"a\\\"b\\\\c\"} 0"));
	metrics_forget(m, "a\"b\\c");
	assert_true(tells(m, "postrider_accounts 0"));
	family_escape(&out, "x\ny");
	assert_string_equal(out.data, "x\\ny");
	buffer_free(&out);
}

static void
a_destination_is_told_of_until_it_is_forgotten(void **state)
{
	struct metrics *m = *state;

	metrics_destination(m, "home", true);
	metrics_destination(m, "work", true);
	metrics_destination(m, "home", false);
	assert_true(
	    tells(m, "postrider_destination_up{destination=\"home\"} 0"));
	assert_true(
	    tells(m, "postrider_destination_up{destination=\"work\"} 1"));
	metrics_forget_destination(m, "home");
	metrics_forget_destination(m, "other");
	assert_false(
	    tells(m, "postrider_destination_up{destination=\"home\"} 0"));
	assert_true(
	    tells(m, "postrider_destination_up{destination=\"work\"} 1"));
}

/* The value of a family with one sample, 0 when there is none. */
static double
value_of(struct metrics *m, const char *name)
{
	char *text = text_at(m, NOW), *line, *rest = text;
	size_t len = strlen(name);
	double found = 0;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, name, len) == 0 && line[len] == ' ')
			found = atof(line + len);
	free(text);
	return found;
}

static void
what_the_process_uses_is_told(void **state)
{
	struct metrics *m = *state;
	double before = value_of(m, "process_open_fds");
	FILE *file = fopen("/dev/null", "re");

	assert_non_null(file);
	assert_true(before >= 3);
	assert_int_equal(value_of(m, "process_open_fds"), before + 1);
	fclose(file);
	assert_int_equal(value_of(m, "process_threads"), 1);
	assert_true(value_of(m, "process_max_fds") >= before);
	assert_true(value_of(m, "process_resident_memory_bytes") > 1 << 20);
	assert_int_equal(value_of(m, "process_start_time_seconds"), NOW);
	assert_true(value_of(m, "process_cpu_seconds_total") >= 0);
}

/* Fifty thousand accounts, in a moment and without growing again and again. */
static void
many_accounts_are_written_in_a_moment(void **state)
{
	struct metrics *m = *state;
	struct buffer out = { 0 };
	clock_t began, took;
	char name[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "user%d@mail.example", i);
		metrics_account(m, name, NOW - i);
	}
	began = clock();
	metrics_render(m, NOW, &out);
	took = (clock() - began) / (CLOCKS_PER_SEC / 1000);
	print_message("# %d accounts: %zu octets in %ld ms of processor time\n",
	    MANY, out.len, (long)took);
	assert_true(tells(m, "postrider_accounts 50000"));
	assert_true(out.room < out.len * 3 / 2);
	/* Ten times what it takes at leisure, and more. */
	assert_true(took < 5000);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_duration_falls_into_the_bucket_that_ends_with_it),
		cmocka_unit_test(histograms_add_up),
		cmocka_unit_test(buckets_are_written_as_sums_up_to_their_bound),
		cmocka_unit_test(an_account_is_found_until_it_is_removed),
#define WITH_METRICS(test) cmocka_unit_test_setup_teardown(test, begin, end)
		WITH_METRICS(all_that_a_poll_did_is_counted),
		WITH_METRICS(failures_are_told_by_kind_and_in_a_row),
		WITH_METRICS(
		    the_time_since_success_goes_on_over_failures_and_restarts),
		WITH_METRICS(
		    an_account_that_was_never_polled_well_has_waited_since_it_is_known),
		WITH_METRICS(a_clock_that_was_set_back_makes_no_negative_time),
		WITH_METRICS(
		    what_is_held_is_told_once_and_kept_while_nothing_is_listed),
		WITH_METRICS(what_is_in_doubt_is_kept_while_nothing_is_listed),
		WITH_METRICS(
		    names_are_written_so_that_they_cannot_end_their_label),
		WITH_METRICS(a_destination_is_told_of_until_it_is_forgotten),
		WITH_METRICS(what_the_process_uses_is_told),
		WITH_METRICS(many_accounts_are_written_in_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
