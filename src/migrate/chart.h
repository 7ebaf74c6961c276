/* chart.h - when mail was moved, and how fast: inline SVG for the report. */
#ifndef MIGRATE_CHART_H
#define MIGRATE_CHART_H

#include "base/buffer.h"
#include "migrate/report.h"

/* chart_add - a picture for each run, side by side, by the same scale. */
void chart_add(const struct report *r, struct buffer *out);

#endif
