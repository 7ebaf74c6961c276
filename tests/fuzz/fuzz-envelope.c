/* fuzz-envelope.c - senders and recipients, safe between "<" and ">". */
#include "message/envelope.h"

#include "base/alloc.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* What stands in MAIL FROM:<…> or RCPT TO:<…> cannot be more than that. */
static void
check_address(const char *address)
{
	struct slice s = slice_of(address);
	const char *quote = strrchr(address, '"');
	const char *domain = strchr(quote != NULL ? quote : address, '@');

	fuzz_must(s.len + 2 <= ENVELOPE_ADDRESS, "an address fits a path");
	fuzz_must(fuzz_harmless(s), "an address is UTF-8 without controls");
	fuzz_must(strpbrk(address, "<>\r\n") == NULL,
	    "an address has no bracket and no line end");
	fuzz_must(address[0] == '"' || strchr(address, ' ') == NULL,
	    "blanks are quoted");
	fuzz_must(domain == NULL || strchr(domain, ' ') == NULL,
	    "there is no blank in a domain");
	fuzz_must(address[0] != '@', "an address has a local part");
}

static void
check_sender(struct slice value)
{
	char sender[ENVELOPE_ADDRESS], again[ENVELOPE_ADDRESS];
	struct buffer path = { 0 };
	bool utf8, utf8_again;
	size_t i;

	memset(sender, 'x', sizeof sender);
	envelope_sender(value, sender, &utf8);
	fuzz_must(memchr(sender, '\0', sizeof sender) != NULL,
	    "a sender is a string");
	if (sender[0] != '\0') {
		check_address(sender);
		fuzz_must(envelope_recipient_ok(sender),
		    "who may send may be sent to");
	}
	for (i = 0; (unsigned char)sender[i] - 1u < 0x7f; i++)
		;
	fuzz_must(utf8 == (sender[i] != '\0'),
	    "SMTPUTF8 is for 8-bit addresses, and for no other");
	buffer_addf(&path, "<%s>", sender);
	envelope_sender(buffer_slice(&path), again, &utf8_again);
	fuzz_must(strcmp(sender, again) == 0 && utf8 == utf8_again,
	    "a sender reads back");
	buffer_free(&path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice value = fuzz_copy(slice_make(data, size));
	char *recipient = xstrndup(value.data, value.len);

	check_sender(value);
	if (envelope_recipient_ok(recipient))
		check_address(recipient);
	free(recipient);
	fuzz_free(value);
	return 0;
}
