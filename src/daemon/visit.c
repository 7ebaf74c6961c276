/* visit.c - see visit.h. */
#include "daemon/visit.h"

#include "base/alloc.h"
#include "poll/outcome.h"

#include <stdlib.h>
#include <sysexits.h>

struct visit *
visit_begin(struct control_request *request)
{
	struct visit *v = xcalloc(1, sizeof(*v));

	v->request = request;
	v->waits_for = 1; /* for visit_joined() */
	return v;
}

void
visit_join(struct visit *v, struct visitor **list, bool baseline, bool skip)
{
	struct visitor *visitor = xcalloc(1, sizeof(*visitor));

	visitor->visit = v;
	visitor->baseline = baseline;
	visitor->skip = skip;
	visitor->next = *list;
	*list = visitor;
	v->waits_for++;
}

static void
leave(struct visit *v)
{
	if (--v->waits_for > 0)
		return;
	control_answer(v->request);
	free(v);
}

void
visit_joined(struct visit *v)
{
	leave(v);
}

static void
worsen(struct visit *v, int status)
{
	v->request->status = error_worse(v->request->status, status);
}

static void
tell(struct visit *v, const struct account *a, const struct poll_report *r,
    int rc, const struct error *e)
{
	bool all = (v->request->request.options & REQUEST_EACH) != 0;
	struct buffer line = { 0 };

	if (outcome_tell(a, r, rc, all, &line))
		control_say(v->request, line.data);
	buffer_free(&line);
	if (r->trouble[0] != '\0')
		control_complain(v->request, "%s: %s%s", a->name, r->trouble,
		    r->held > 0 ? " (see: postrider held)" : "");
	if (rc < 0)
		control_complain(v->request, "%s: %s", a->name, e->text);
	worsen(v, outcome_status(r, rc, e));
}

void
visits_tell(struct visitor **list, bool baseline, const struct account *account,
    const struct poll_report *r, int rc, const struct error *e)
{
	struct visitor *visitor;

	while ((visitor = *list) != NULL) {
		if (visitor->skip || visitor->baseline != baseline) {
			visitor->skip = false;
			list = &visitor->next;
			continue;
		}
		*list = visitor->next;
		tell(visitor->visit, account, r, rc, e);
		leave(visitor->visit);
		free(visitor);
	}
}

void
visits_dismiss(struct visitor **list, const char *why, int status)
{
	struct visitor *visitor;

	while ((visitor = *list) != NULL) {
		*list = visitor->next;
		control_complain(visitor->visit->request, "%s", why);
		worsen(visitor->visit, status);
		leave(visitor->visit);
		free(visitor);
	}
}
