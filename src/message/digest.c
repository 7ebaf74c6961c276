/* digest.c - see digest.h. */
#include "message/digest.h"

#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>

static void
must(int ok)
{
	if (ok)
		return;
	fputs("postrider: libcrypto cannot make a SHA-256 digest\n", stderr);
	abort();
}

void
digest_begin(struct digest *d)
{
	d->context = EVP_MD_CTX_new();
	must(d->context != NULL &&
	    EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) == 1);
}

void
digest_add(struct digest *d, const void *data, size_t len)
{
	if (len > 0)
		must(EVP_DigestUpdate(d->context, data, len) == 1);
}

void
digest_end(struct digest *d, unsigned char out[DIGEST_OCTETS])
{
	must(EVP_DigestFinal_ex(d->context, out, NULL) == 1);
	EVP_MD_CTX_free(d->context);
	d->context = NULL;
}
