/* proof.c - see proof.h. */
#include "message/proof.h"

void
proof_begin(struct proof_digest *p)
{
	*p = (struct proof_digest){ 0 };
	digest_begin(&p->digest);
}

void
proof_add(struct proof_digest *p, struct slice content)
{
	digest_add(&p->digest, content.data, content.len);
	p->octets += content.len;
}

void
proof_end(struct proof_digest *p, unsigned char digest[DIGEST_OCTETS])
{
	digest_end(&p->digest, digest);
}

void
proof_free(struct proof_digest *p)
{
	unsigned char ignored[DIGEST_OCTETS];

	if (p->digest.context != NULL)
		digest_end(&p->digest, ignored);
}
