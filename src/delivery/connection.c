/* Connect, protect, log in. */
#include "delivery/connection.h"

int
connection_open(struct smtp **smtp, const struct destination *to,
    char **password, const struct stop *stop, struct error *e)
{
	*smtp = NULL;
	if (to->login.user != NULL && *password == NULL &&
	    password_get(&to->login, stop, password, e) < 0)
		goto fail;
	if (smtp_open(smtp, &to->at, &to->options, stop, e) < 0)
		goto fail;
	if (to->login.user != NULL &&
	    smtp_login(*smtp, &to->login, *password, e) < 0)
		goto fail;
	return 0;
fail:
	smtp_free(smtp);
	error_prefix(e, "destination %s: ", to->name);
	return -1;
}
