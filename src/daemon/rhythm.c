/* The rate at which mail comes, and when polls are worth most. */
#include "daemon/rhythm.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_MINUTES 1440.0

/* What was so long ago counts 1/e of what is new. */
#define MEMORY_MINUTES (28 * DAY_MINUTES)
/* The mean is of so long, at most. */
#define MEAN_MINUTES (14 * DAY_MINUTES)
/* Over a longer gap nothing is learnt. */
#define GAP_S (36 * HOUR_S)
/* So many more than expected are as good as any number: a batch of reports says
 * no more than that one came. */
#define BATCH 3.0
/*
 * Counts that are taken for granted: so many make up half of an estimate. A burst
 * says little about the hour that it happened to be in.
 */
#define TRUST_AGE 3.0
#define TRUST_HOUR 10.0
/* The rate, as long as nothing is known: four messages a day. */
#define RATE (4 / DAY_MINUTES)
/* A message is worth so many polls. */
#define POLLS_PER_MESSAGE 48

/* --- the rate --- */

/* The 1st of January 1970 was a Thursday; the week begins on Monday. */
static size_t
hour_of_week(int64_t at)
{
	return (size_t)(((at / HOUR_S + 3 * 24) % RHYTHM_HOURS + RHYTHM_HOURS) %
	    RHYTHM_HOURS);
}

/* Below 1 minute, 2, 4, 8 and so on. */
static size_t
age_class(double minutes)
{
	size_t class = 0;

	for (; minutes >= 1 && class < RHYTHM_AGES - 1; minutes /= 2)
		class ++;
	return class;
}

/* By how much more was counted than expected, taken with a grain of salt. */
static double
factor(double counted, double expected, double trust)
{
	return (counted + trust) / (expected + trust);
}

static double
sum_of(const float *list, size_t count, size_t apart)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (double)list[i * apart];
	return sum;
}

/* Messages in a minute, all in all. */
static double
overall(const struct rhythm *r, double minutes)
{
	return (sum_of(r->hours, RHYTHM_HOURS, 1) + 1) / (minutes + 1 / RATE);
}

/*
 * Messages in a minute, by the hour of the week: as the day and the hour of the
 * day let expect, corrected by what that very hour has shown.
 */
static double
hourly(const struct rhythm *r, size_t hour)
{
	const float *day = &r->hours[hour / 24 * 24];
	double minutes = sum_of(r->days, RHYTHM_DAYS, 1);
	double in_day = (double)r->days[hour / 24];
	double rate = overall(r, minutes);

	rate *= factor(sum_of(day, 24, 1), rate * in_day, TRUST_HOUR) *
	    factor(sum_of(&r->hours[hour % 24], RHYTHM_DAYS, 24),
		rate * minutes / 24, TRUST_HOUR);
	return rate *
	    factor((double)r->hours[hour], rate * in_day / 24, TRUST_HOUR);
}

/* Going through time minute by minute. */
struct step {
	const struct rhythm *r;
	int64_t at, found;
	size_t hour, age;
	double hourly; /* of that hour */
	double rate; /* of that minute */
};

static void
step_to(struct step *s, int64_t at)
{
	const struct rhythm *r = s->r;
	size_t hour = hour_of_week(at);
	bool first = s->hourly == 0;

	if (first || hour != s->hour)
		s->hourly = hourly(r, hour);
	s->hour = hour;
	s->age = s->found == 0 || s->found > at
	    ? RHYTHM_AGES - 1
	    : age_class((double)(at - s->found) / MINUTE_S);
	s->at = at;
	s->rate = s->hourly *
	    factor((double)r->after[s->age], (double)r->expected[s->age],
		TRUST_AGE);
}

/* --- learning --- */

static void
scale(float *list, size_t count, double by)
{
	for (size_t i = 0; i < count; i++)
		list[i] = (float)((double)list[i] * by);
}

static void
grow_old(struct rhythm *r, double minutes)
{
	double by = exp(-minutes / MEMORY_MINUTES);

	scale(r->hours, RHYTHM_HOURS, by);
	scale(r->days, RHYTHM_DAYS, by);
	scale(r->after, RHYTHM_AGES, by);
	scale(r->expected, RHYTHM_AGES, by);
	scale(&r->watched, 1, by);
}

static void
add(float *to, double what)
{
	*to = (float)((double)*to + what);
}

/* Where in that time they came is guessed by what is known so far. */
static void
learn(struct rhythm *r, int64_t until, uint64_t found)
{
	const struct rhythm before = *r;
	struct step s = { .r = &before, .found = r->found };
	double sum = 0, roots = 0, minutes = 0, messages, share;

	for (int64_t at = r->looked; at < until; at += MINUTE_S) {
		step_to(&s, at);
		sum += s.rate;
	}
	messages = fmin((double)found, BATCH + 2 * sum);
	for (int64_t at = r->looked; at < until; at += MINUTE_S) {
		double part = at + MINUTE_S <= until
		    ? 1
		    : (double)(until - at) / MINUTE_S;

		step_to(&s, at);
		share = messages * s.rate / sum;
		add(&r->hours[s.hour], share);
		add(&r->days[s.hour / 24], part * s.rate / s.hourly);
		add(&r->after[s.age], share);
		add(&r->expected[s.age], part * s.hourly);
		roots += part * sqrt(s.rate);
		minutes += part;
	}
	add(&r->watched, minutes);
	add(&r->mean,
	    (roots - (double)r->mean * minutes) /
		fmin((double)r->watched, MEAN_MINUTES));
	grow_old(r, minutes);
}

void
rhythm_polled(struct rhythm *r, int64_t at, uint64_t found)
{
	int64_t passed = at - r->looked;

	if (r->looked != 0 && passed > 0 && passed <= GAP_S)
		learn(r, at, found);
	r->looked = at;
	if (found > 0)
		r->found = at;
}

/* --- the next poll --- */

static double
mean_interval(const struct rhythm *r, int64_t min, int64_t max)
{
	double few =
	    MINUTE_S / (overall(r, (double)r->watched) * POLLS_PER_MESSAGE);

	return fmin(fmax(sqrt((double)min * (double)max), few), (double)max);
}

/* When as much of a poll has come together as makes one. */
int64_t
rhythm_interval(const struct rhythm *r, int64_t at, int64_t min, int64_t max)
{
	struct step s = { .r = r, .found = r->found };
	double mean = mean_interval(r, min, max);
	double parts = 0;
	int64_t passed = 0;

	if (r->mean <= 0)
		return (int64_t)mean;
	while (passed < max && parts < 1) {
		step_to(&s, at + passed);
		parts += MINUTE_S / 4 * sqrt(s.rate) / ((double)r->mean * mean);
		passed += MINUTE_S / 4;
	}
	return passed < min ? min : passed > max ? max : passed;
}

/* --- in the ledger --- */

/* Another layout has another mark. */
static const unsigned char mark[4] = { 'r', 'h', 'y', '1' };
/* No clock says more. */
#define LATEST ((int64_t)1 << 40)

static unsigned char *
write_number(unsigned char *out, uint64_t number, size_t octets)
{
	for (size_t i = 0; i < octets; i++, number >>= 8)
		*out++ = (unsigned char)(number & 0xff);
	return out;
}

static const unsigned char *
read_number(const unsigned char *in, uint64_t *number, size_t octets)
{
	*number = 0;
	for (size_t i = 0; i < octets; i++)
		*number |= (uint64_t)*in++ << 8 * i;
	return in;
}

static unsigned char *
write_floats(unsigned char *out, const float *list, size_t count)
{
	uint32_t bits;

	for (size_t i = 0; i < count; i++) {
		memcpy(&bits, &list[i], sizeof(bits));
		out = write_number(out, bits, sizeof(bits));
	}
	return out;
}

/* *sound becomes false if one of them cannot be a count. */
static const unsigned char *
read_floats(const unsigned char *in, float *list, size_t count, bool *sound)
{
	uint64_t number;
	uint32_t bits;

	for (size_t i = 0; i < count; i++) {
		in = read_number(in, &number, sizeof(bits));
		bits = (uint32_t)number;
		memcpy(&list[i], &bits, sizeof(bits));
		if (!isfinite(list[i]) || list[i] < 0)
			*sound = false;
	}
	return in;
}

void
rhythm_write(const struct rhythm *r, unsigned char out[RHYTHM_OCTETS])
{
	memcpy(out, mark, sizeof(mark));
	out += sizeof(mark);
	out = write_floats(out, r->hours, RHYTHM_HOURS);
	out = write_floats(out, r->days, RHYTHM_DAYS);
	out = write_floats(out, r->after, RHYTHM_AGES);
	out = write_floats(out, r->expected, RHYTHM_AGES);
	out = write_floats(out, &r->watched, 1);
	out = write_floats(out, &r->mean, 1);
	out = write_number(out, (uint64_t)r->looked, 8);
	write_number(out, (uint64_t)r->found, 8);
}

int
rhythm_read(struct rhythm *r, const void *octets, size_t len)
{
	const unsigned char *in = octets;
	uint64_t looked, found;
	bool sound = true;

	*r = (struct rhythm){ 0 };
	if (len != RHYTHM_OCTETS || memcmp(in, mark, sizeof(mark)) != 0)
		return -1;
	in += sizeof(mark);
	in = read_floats(in, r->hours, RHYTHM_HOURS, &sound);
	in = read_floats(in, r->days, RHYTHM_DAYS, &sound);
	in = read_floats(in, r->after, RHYTHM_AGES, &sound);
	in = read_floats(in, r->expected, RHYTHM_AGES, &sound);
	in = read_floats(in, &r->watched, 1, &sound);
	in = read_floats(in, &r->mean, 1, &sound);
	in = read_number(in, &looked, 8);
	read_number(in, &found, 8);
	if (sound && looked <= LATEST && found <= LATEST) {
		r->looked = (int64_t)looked;
		r->found = (int64_t)found;
		return 0;
	}
	*r = (struct rhythm){ 0 };
	return -1;
}
