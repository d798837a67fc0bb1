/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c: a value of --publish. */
#include "fuzz.h"
#include "net/net.h"

#include <stdio.h>

/* SPEC in the longest spelling reads as the same. */
static void again_check(const struct net_port_spec *spec)
{
	char address[NET_ADDRESS_TEXT_MAX], text[128];
	struct net_port_spec again = {0};

	(void)net_address_text(&spec->address, spec->host, address);
	(void)snprintf(text, sizeof(text), "%s%s%.0u:%u-%u/%s", address,
		       spec->host && spec->n > 1 ? "-" : "",
		       spec->host && spec->n > 1 ? spec->host + spec->n - 1U : 0U, spec->inside,
		       spec->inside + spec->n - 1U, spec->protocol == NET_TCP ? "tcp" : "udp");
	must(net_port_spec_parse(text, &again) == 0);
	must(again.has_address && IN6_ARE_ADDR_EQUAL(&again.address, &spec->address));
	must(again.protocol == spec->protocol && again.n == spec->n);
	must(again.host == spec->host && again.inside == spec->inside);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = fuzz_string(data, size);
	struct net_port_spec spec;
	int r;

	fail_forget();
	r = net_port_spec_parse(text, &spec);
	if (r < 0) {
		fuzz_must_be_failure(r);
		must(*fail_hint_text());
		return 0;
	}
	must(spec.protocol == NET_TCP || spec.protocol == NET_UDP);
	must(spec.n > 0 && spec.inside > 0 && spec.inside + spec.n - 1 <= 65535);
	must(spec.host == 0 || spec.host + spec.n - 1 <= 65535);
	must(!IN6_IS_ADDR_LINKLOCAL(&spec.address) && !IN6_IS_ADDR_MULTICAST(&spec.address));
	again_check(&spec);
	return 0;
}
