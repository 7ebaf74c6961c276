/* maildrop.c - see maildrop.h. */
#include "poll/maildrop.h"

int
maildrop_open(struct pop3 **pop3, const struct account *a, const char *password,
    const struct stop *stop, struct error *e)
{
	if (pop3_open(pop3, &a->at, stop, e) < 0)
		return -1;
	return pop3_login(*pop3, &a->login, password, e);
}
