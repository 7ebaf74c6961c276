/*
 * test-rhythm.c - what is learnt of when mail comes, and what it is worth: how long
 * mail waits with every = "auto", beside a fixed interval that makes as many polls,
 * with twelve weeks of arrivals of several kinds. The figures are printed.
 */
#include "base/alloc.h"
#include "daemon/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND ((int64_t)1000)
#define HOUR 3600.0
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)
#define END (12 * WEEK)
/* What comes before that is only learnt from. */
#define LEARNT (4 * WEEK)
/* A Monday, at midnight. */
#define MONDAY ((int64_t)1699833600)
/* Of arrivals of each kind. */
#define SERIES 4
/* A poll takes so long. */
#define TAKES (2 * SECOND)

/* --- chance that is the same each time --- */

static uint64_t chance;

static uint32_t
random32(void)
{
	uint64_t z = chance += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(z >> 32);
}

/* Between 0 and 1, and neither of them. */
static double
uniform(void)
{
	return ((double)random32() + 0.5) / 4294967296.0;
}

static double
exponential(double mean)
{
	return -mean * log(uniform());
}

/* --- arrivals --- */

struct arrivals {
	double *at; /* owned; seconds since that Monday */
	size_t count, room;
};

static void
arrive(struct arrivals *a, double at)
{
	if (at >= END)
		return;
	if (a->count == a->room) {
		a->room = a->room > 0 ? 2 * a->room : 256;
		a->at = xrealloc(a->at, a->room, sizeof(*a->at));
	}
	a->at[a->count++] = at;
}

static int
compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

/* How likely it is that somebody writes, by the time of the week. */
static double
always(double at)
{
	(void)at;
	return 1;
}

static double
at_work(double at)
{
	static const double hours[24] = { .05, .03, .03, .03, .03, .03, .2, .4,
		1, 1, 1, 1, .6, .9, .9, .9, .9, .5, .3, .15, .15, .15, .15,
		.05 };
	double likely = hours[(int)(fmod(at, DAY) / HOUR)];

	return fmod(at, WEEK) < 5 * DAY ? likely : likely / 8;
}

static double
at_home(double at)
{
	static const double hours[24] = { .2, .1, .03, .03, .03, .03, .1, .5,
		.6, .4, .4, .4, .5, .4, .4, .4, .4, .6, 1, 1, 1, 1, .8, .4 };

	return hours[(int)(fmod(at, DAY) / HOUR)];
}

/* By chance, so many a day where it is most likely. */
static void
come(struct arrivals *a, double a_day, double (*likely)(double))
{
	for (double at = exponential(DAY / a_day); at < END;
	     at += exponential(DAY / a_day))
		if (uniform() < likely(at))
			arrive(a, at);
}

/* Each is answered by so many on average, and so is each answer. */
static void
answer(struct arrivals *a, double answers, double delay)
{
	for (size_t i = 0; i < a->count; i++)
		for (double p = uniform(), left = exp(-answers), k = 1;
		     p > left && k < 20; k++) {
			p -= left;
			left *= answers / k;
			arrive(a, a->at[i] + exponential(delay));
		}
}

static void
constantly(struct arrivals *a)
{
	come(a, 40, always);
}

static void
constantly_little(struct arrivals *a)
{
	come(a, 4, always);
}

static void
constantly_much(struct arrivals *a)
{
	come(a, 400, always);
}

static void
in_working_hours(struct arrivals *a)
{
	come(a, 140, at_work);
}

static void
short_conversations(struct arrivals *a)
{
	come(a, 20, at_work);
	answer(a, 0.7, 8 * 60);
}

static void
threads_of_a_list(struct arrivals *a)
{
	come(a, 4, always);
	answer(a, 0.9, 8 * 60);
}

static void
threads_at_work(struct arrivals *a)
{
	come(a, 10, at_work);
	answer(a, 0.88, 8 * 60);
}

static void
threads_at_home(struct arrivals *a)
{
	come(a, 2, at_home);
	answer(a, 0.9, 6 * 60);
}

static void
reports_of_the_night(struct arrivals *a)
{
	come(a, 10, at_work);
	for (double night = 0; night < END; night += DAY)
		for (int k = 5 + (int)(25 * uniform()); k > 0; k--)
			arrive(a,
			    night + 6 * HOUR + 300 * uniform() +
				900 * uniform());
}

static void
alarms(struct arrivals *a)
{
	come(a, 5, at_work);
	for (double at = exponential(DAY); at < END; at += exponential(DAY))
		for (int k = 20 + (int)(40 * uniform()); k > 0; k--)
			arrive(a, at += exponential(120));
}

static void
orders_after_newsletters(struct arrivals *a)
{
	come(a, 10, at_home);
	for (double week = 0; week < END; week += WEEK)
		for (int k = 0; k < 200; k++)
			arrive(a,
			    week + (k % 2 ? 1 : 3) * DAY + 10 * HOUR +
				exponential(2 * HOUR));
}

/* Variance by mean of their numbers in quarters of an hour: 1 by chance alone. */
static double
dispersion(const struct arrivals *a)
{
	double sum = 0, squares = 0, quarters = END / 900;
	size_t i = 0, before;

	for (double end = 900; end <= END; end += 900) {
		for (before = i; i < a->count && a->at[i] < end; i++)
			;
		sum += (double)(i - before);
		squares += (double)(i - before) * (double)(i - before);
	}
	return (squares / quarters - sum * sum / quarters / quarters) /
	    (sum / quarters);
}

/* --- polls --- */

struct figures {
	double wait; /* seconds, of all messages */
	double messages, polls;
};

/* Polls from `from` on are counted. every_s 0: "auto". */
static struct figures
poll_all(const struct arrivals *a, double every_s, double from)
{
	struct account account = { .every_auto = every_s <= 0,
		.every_min_s = 60,
		.every_max_s = 3600 };
	struct schedule_outcome o = { .started = SECOND };
	unsigned char login[SCHEDULE_LOGIN] = { 0 };
	struct schedule s = { 0 };
	struct figures f = { 0 };
	size_t i = 0;

	schedule_settings(&s, &account, login, 0);
	s.every = (int64_t)(1000 * every_s);
	for (double at = 1; at < END; at = (double)o.started / 1000) {
		for (o.arrived = 0; i < a->count && a->at[i] <= at; i++) {
			o.arrived++;
			if (a->at[i] < from)
				continue;
			f.wait += at - a->at[i];
			f.messages++;
		}
		f.polls += at >= from;
		o.local = MONDAY + (int64_t)at;
		o.started =
		    schedule_after(&s, &o, o.started + TAKES, random32());
	}
	schedule_free(&s);
	return f;
}

/* With "auto", and with as many polls at a fixed interval. */
static double
compare_waits(const struct arrivals *a, double from, struct figures *automatic)
{
	struct figures fixed;

	*automatic = poll_all(a, 0, from);
	fixed = poll_all(a, (END - from) / automatic->polls, from);
	/* Or they would not be comparable. */
	assert_true(fabs(fixed.polls / automatic->polls - 1) < 0.01);
	return automatic->wait / automatic->messages /
	    (fixed.wait / fixed.messages);
}

/* With several series of arrivals of a kind. Prints; returns the ratio. */
static double
simulate(const char *name, void (*kind)(struct arrivals *a))
{
	double ratio = 0, early = 0, scattered = 0, messages = 0;
	struct figures sum = { 0 }, f;

	for (uint64_t i = 1; i <= SERIES; i++) {
		struct arrivals a = { 0 };

		chance = i;
		kind(&a);
		qsort(a.at, a.count, sizeof(*a.at), compare);
		scattered += dispersion(&a) / SERIES;
		messages += (double)a.count / SERIES;
		early += compare_waits(&a, 0, &f) / SERIES;
		ratio += compare_waits(&a, LEARNT, &f) / SERIES;
		sum.wait += f.wait;
		sum.messages += f.messages;
		sum.polls += f.polls / SERIES;
		free(a.at);
	}
	print_message("# %-24s %5.1f messages a day, dispersion %5.1f: "
		      "%3.0f polls, mail waits %3.0f s, %.2f of what it does "
		      "with a fixed interval (%.2f with the first weeks)\n",
	    name, messages / (END / DAY), scattered,
	    sum.polls / ((END - LEARNT) / DAY), sum.wait / sum.messages, ratio,
	    early);
	return ratio;
}

/* --- the best there could be --- */

/* How arrivals are made, as come() and answer() have it. */
struct law {
	double a_day;
	double (*likely)(double at);
	double answers, delay;
};

/*
 * From then on until a poll is worth it, for one who knows the law, and of those
 * that have come all there is to know: `alive` is how many of them may still be
 * answered. What comes unseen is answered, too, so that it lasts longer.
 */
static double
known_interval(const struct law *law, double at, double alive, double often)
{
	double lasting = law->delay / (1 - law->answers);
	double passed = 0, parts = 0, rate, fading;

	for (; passed < 3600 && parts < 1; passed += 20) {
		fading = exp(-passed / lasting);
		rate = law->a_day / DAY * law->likely(at + passed) *
			(1 + law->answers / (1 - law->answers) * (1 - fading)) +
		    alive * law->answers / law->delay * fading;
		parts += 20 * often * sqrt(rate);
	}
	return fmax(passed, 60);
}

static struct figures
poll_knowing(const struct arrivals *a, const struct law *law, double often)
{
	struct figures f = { 0 };
	double last = 0, alive = 0;
	size_t i = 0;

	for (double at = 1; at < END;
	     at += known_interval(law, at, alive, often)) {
		alive *= exp((last - at) / law->delay);
		for (; i < a->count && a->at[i] <= at; i++) {
			alive += exp((a->at[i] - at) / law->delay);
			f.wait += at >= LEARNT ? at - a->at[i] : 0;
			f.messages += at >= LEARNT;
		}
		f.polls += at >= LEARNT;
		last = at;
	}
	return f;
}

/* With so many polls. */
static struct figures
poll_knowing_as_often(
    const struct arrivals *a, const struct law *law, double polls)
{
	double less = 0.001, more = 10;
	struct figures f = { 0 };

	for (int i = 0; i < 16; i++) {
		double often = sqrt(less * more);

		f = poll_knowing(a, law, often);
		if (f.polls > polls)
			more = often;
		else
			less = often;
	}
	return f;
}

/* By how much longer mail waits with "auto". */
static double
beside_the_best(
    const char *name, void (*kind)(struct arrivals *a), const struct law *law)
{
	double longer = 0, best = 0;

	for (uint64_t i = 1; i <= SERIES; i++) {
		struct figures f, known, fixed;
		struct arrivals a = { 0 };

		chance = i;
		kind(&a);
		qsort(a.at, a.count, sizeof(*a.at), compare);
		f = poll_all(&a, 0, LEARNT);
		fixed = poll_all(&a, (END - LEARNT) / f.polls, LEARNT);
		known = poll_knowing_as_often(&a, law, f.polls);
		assert_true(fabs(known.polls / f.polls - 1) < 0.02);
		best += known.wait / fixed.wait / SERIES;
		longer += f.wait / known.wait / SERIES;
		free(a.at);
	}
	print_message(
	    "# %-24s who knew all there is to know: %.2f; \"auto\" is "
	    "%.2f times that\n",
	    name, best, longer);
	return longer;
}

static void
where_half_is_not_reached_nobody_could_do_much_better(void **state)
{
	static const struct law working = { 140, at_work, 0, 1 };
	static const struct law talking = { 20, at_work, 0.7, 8 * 60 };

	(void)state;
	assert_true(beside_the_best(
			"working hours", in_working_hours, &working) <= 1.1);
	assert_true(beside_the_best("short conversations", short_conversations,
			&talking) <= 1.15);
}

/* --- beside a fixed interval --- */

static void
where_mail_comes_in_bursts_it_waits_half_as_long_at_most(void **state)
{
	(void)state;
	assert_true(simulate("threads of a list", threads_of_a_list) <= 0.5);
	assert_true(simulate("threads at work", threads_at_work) <= 0.5);
	assert_true(simulate("threads at home", threads_at_home) <= 0.5);
	assert_true(
	    simulate("reports of the night", reports_of_the_night) <= 0.5);
	assert_true(simulate("alarms of machines", alarms) <= 0.5);
	assert_true(simulate("orders after newsletters",
			orders_after_newsletters) <= 0.5);
}

static void
where_it_comes_at_some_hours_it_waits_less(void **state)
{
	(void)state;
	assert_true(simulate("working hours", in_working_hours) <= 0.8);
	assert_true(
	    simulate("short conversations", short_conversations) <= 0.7);
}

static void
where_it_comes_at_any_time_it_costs_little(void **state)
{
	(void)state;
	assert_true(simulate("by chance", constantly) <= 1.05);
	assert_true(simulate("by chance, little", constantly_little) <= 1.15);
	assert_true(simulate("by chance, much", constantly_much) <= 1.05);
}

/* --- by itself --- */

/* Polled every ten minutes for so many weeks, with mail at nine every day. */
static struct rhythm
taught(int weeks)
{
	struct rhythm r = { 0 };
	int64_t end = MONDAY + weeks * (int64_t)WEEK;

	for (int64_t at = MONDAY; at < end; at += 600) {
		double hour = (double)((at - MONDAY) % 86400) / HOUR;

		rhythm_polled(&r, at, hour > 9 && hour <= 10 ? 2 : 0);
	}
	return r;
}

static int64_t
interval(const struct rhythm *r, double hour)
{
	return rhythm_interval(
	    r, MONDAY + 40 * (int64_t)WEEK + (int64_t)(hour * HOUR), 60, 3600);
}

static void
before_anything_is_known_it_is_the_geometric_mean(void **state)
{
	struct rhythm r = { 0 };

	(void)state;
	assert_in_range(rhythm_interval(&r, MONDAY, 60, 3600), 463, 466);
	/* No mail is worth the fewest polls, in the end. */
	for (int i = 0; i < 1000; i++)
		rhythm_polled(&r, MONDAY + i * 3600, 0);
	assert_int_equal(
	    rhythm_interval(&r, MONDAY + 1001 * 3600, 60, 3600), 3600);
}

static void
the_hour_at_which_mail_comes_is_learnt(void **state)
{
	struct rhythm r = taught(4);

	(void)state;
	assert_in_range(interval(&r, 9.1), 60, 150);
	assert_in_range(interval(&r, 14), 450, 3600);
	/* An interval that would pass over its beginning ends soon after. */
	assert_in_range(interval(&r, 8.95), 180, 300);
}

static void
bounds_are_kept(void **state)
{
	struct rhythm r = taught(4);

	(void)state;
	for (double hour = 0; hour < 168; hour += 0.25)
		assert_in_range(interval(&r, hour), 60, 3600);
	assert_int_equal(rhythm_interval(&r, MONDAY, 300, 300), 300);
	assert_int_equal(rhythm_interval(&r, MONDAY, 10, 10), 10);
	assert_int_equal(rhythm_interval(&r, MONDAY, 86400, 86400), 86400);
}

static void
mail_that_has_just_come_lets_expect_more_where_it_has_been_so(void **state)
{
	struct rhythm r = { 0 };
	int64_t at = MONDAY, waiting;

	(void)state;
	/* Two, three and four minutes after the first one, at any time. */
	for (int i = 0; i < 1000; i++) {
		rhythm_polled(&r, at += 20000 + i * 77 % 9000, 1);
		for (int k = 0; k < 3; k++)
			rhythm_polled(&r, at += 90, 1);
		for (int k = 0; k < 30; k++)
			rhythm_polled(&r, at += 300, 0);
	}
	waiting = rhythm_interval(&r, at, 60, 3600);
	rhythm_polled(&r, at += 300, 1);
	assert_in_range(rhythm_interval(&r, at, 60, 3600), 60, waiting / 3);
}

static void
a_batch_says_little(void **state)
{
	struct rhythm r = taught(4);
	int64_t before = interval(&r, 14);

	(void)state;
	rhythm_polled(&r, r.looked + 600, 1000000);
	assert_in_range(interval(&r, 14), before - 60, before + 60);
	assert_in_range(interval(&r, 9.1), 60, 150);
}

static void
a_clock_that_jumps_teaches_nothing(void **state)
{
	struct rhythm r = taught(1), before = r;
	const int64_t jumps[] = { -1000, -(int64_t)WEEK, 0, (int64_t)WEEK,
		50 * (int64_t)WEEK };

	(void)state;
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		rhythm_polled(&r, r.looked + jumps[i], 5);
		assert_memory_equal(r.hours, before.hours, sizeof(r.hours));
		assert_memory_equal(
		    r.expected, before.expected, sizeof(r.expected));
		assert_in_range(
		    rhythm_interval(&r, r.looked - 5, 60, 3600), 60, 3600);
	}
	r = (struct rhythm){ 0 };
	rhythm_polled(&r, MONDAY, 0);
	rhythm_polled(&r, MONDAY, 0);
	rhythm_polled(&r, MONDAY - 1, 0);
	assert_true(r.mean == 0);
}

static void
it_can_be_written_and_read(void **state)
{
	struct rhythm r = taught(1), again;
	unsigned char octets[RHYTHM_OCTETS + 1];

	(void)state;
	rhythm_write(&r, octets);
	assert_int_equal(rhythm_read(&again, octets, RHYTHM_OCTETS), 0);
	assert_memory_equal(&again, &r, sizeof(r));
	assert_true(again.watched > 5000);
	/* 1.0 as it stands in any ledger. */
	r.hours[0] = 1;
	rhythm_write(&r, octets);
	assert_memory_equal(octets, "rhy1\0\0\x80\x3f", 8);
}

static void
what_is_no_rhythm_begins_anew(void **state)
{
	static const struct rhythm none;
	static const float odd[] = { -1, NAN, INFINITY };
	struct rhythm r = taught(1), again;
	unsigned char octets[RHYTHM_OCTETS + 1] = { 0 };

	(void)state;
	rhythm_write(&r, octets);
	for (size_t len = 0; len <= RHYTHM_OCTETS + 1; len++)
		if (len != RHYTHM_OCTETS)
			assert_int_equal(rhythm_read(&again, octets, len), -1);
	octets[3]++;
	assert_int_equal(rhythm_read(&again, octets, RHYTHM_OCTETS), -1);
	assert_memory_equal(&again, &none, sizeof(none));
	for (size_t i = 0; i < 3; i++) {
		r = taught(1);
		r.mean = odd[i];
		rhythm_write(&r, octets);
		assert_int_equal(
		    rhythm_read(&again, octets, RHYTHM_OCTETS), -1);
		r = taught(1);
		r.hours[RHYTHM_HOURS - 1] = odd[i];
		rhythm_write(&r, octets);
		assert_int_equal(
		    rhythm_read(&again, octets, RHYTHM_OCTETS), -1);
		assert_memory_equal(&again, &none, sizeof(none));
	}
	r = taught(1);
	r.looked = INT64_MIN;
	rhythm_write(&r, octets);
	assert_int_equal(rhythm_read(&again, octets, RHYTHM_OCTETS), -1);
	r = taught(1);
	r.found = INT64_MAX;
	rhythm_write(&r, octets);
	assert_int_equal(rhythm_read(&again, octets, RHYTHM_OCTETS), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    before_anything_is_known_it_is_the_geometric_mean),
		cmocka_unit_test(the_hour_at_which_mail_comes_is_learnt),
		cmocka_unit_test(
		    mail_that_has_just_come_lets_expect_more_where_it_has_been_so),
		cmocka_unit_test(bounds_are_kept),
		cmocka_unit_test(a_batch_says_little),
		cmocka_unit_test(a_clock_that_jumps_teaches_nothing),
		cmocka_unit_test(it_can_be_written_and_read),
		cmocka_unit_test(what_is_no_rhythm_begins_anew),
		cmocka_unit_test(
		    where_mail_comes_in_bursts_it_waits_half_as_long_at_most),
		cmocka_unit_test(where_it_comes_at_some_hours_it_waits_less),
		cmocka_unit_test(
		    where_half_is_not_reached_nobody_could_do_much_better),
		cmocka_unit_test(where_it_comes_at_any_time_it_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
