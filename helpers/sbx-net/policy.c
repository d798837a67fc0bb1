/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c: what a sandbox may reach. */
#include "policy.h"

#include "pins.h"
#include "ranges.h"
#include "util/scope.h"

#include <assert.h>
#include <string.h>

/* ---- what there is ----------------------------------------------------------------------- */

struct service {
	uint8_t protocols;
	uint16_t first, last;
};

/* A rule as it is used. */
struct rule {
	uint8_t target;
	bool is_allowed;
	struct service service;
	uint32_t weight;
	struct prefix prefix;
};

static struct {
	const struct net_config *config;
	bool is_closed, has_names, refuses_names;
	bool pins; /* names are known: for rules of theirs, or to be told */
	struct rule rules[NET_RULES_MAX];
	struct rule_set allowing_names; /* those of a name that allow */
} policy;

static void set_add(struct rule_set *set, size_t i)
{
	set->bits[i / 64] |= (uint64_t)1 << i % 64;
}

static bool set_has(const struct rule_set *set, size_t i)
{
	return set->bits[i / 64] >> i % 64 & 1;
}

static void set_join(struct rule_set *set, const struct rule_set *other)
{
	for (size_t i = 0; i < ARRAY_SIZE(set->bits); i++)
		set->bits[i] |= other->bits[i];
}

static void set_remove(struct rule_set *set, const struct rule_set *other)
{
	for (size_t i = 0; i < ARRAY_SIZE(set->bits); i++)
		set->bits[i] &= ~other->bits[i];
}

/* ---- how specific a rule is -------------------------------------------------------------- */

/* First what it is about (the level, then the detail), then how few ports, then whether it
 * names a protocol. */
enum level { LEVEL_DEFAULT, LEVEL_ANY, LEVEL_DNS, LEVEL_PREFIX, LEVEL_SUFFIX, LEVEL_ONE };

enum { DETAIL_BITS = 9, PORTS_BITS = 16 };

static const struct service all_services = {NET_ALL, 0, UINT16_MAX};

static uint32_t weight_make(enum level level, unsigned detail, const struct service *s)
{
	uint32_t weight = (uint32_t)level << DETAIL_BITS | detail;

	weight = weight << PORTS_BITS | (uint32_t)(UINT16_MAX - (s->last - s->first));
	return weight << 1 | ((s->protocols & (s->protocols - 1U)) == 0);
}

static unsigned labels_of(const char *name)
{
	unsigned n = 1;

	for (; *name; name++)
		n += *name == '.';
	return n;
}

static uint32_t rule_weigh(const struct net_rule *r, const struct service *s)
{
	switch (r->target) {
	case NET_TARGET_ANY:
		return weight_make(LEVEL_ANY, 0, s);
	case NET_TARGET_DNS:
		return weight_make(LEVEL_DNS, 0, s);
	case NET_TARGET_PREFIX:
		if (!net_rule_is_single(r))
			return weight_make(LEVEL_PREFIX, 2U * r->prefix, s);
		break;
	case NET_TARGET_SUFFIX:
		return weight_make(LEVEL_SUFFIX, labels_of(r->name), s);
	default: /* of `private` see weight_of() */
		break;
	}
	return weight_make(LEVEL_ONE, 0, s);
}

/* PRIVATE_BITS: of the private network that the question is about. Any prefix in that is
 * more specific. */
static uint32_t weight_of(const struct rule *r, uint8_t private_bits)
{
	if (r->target == NET_TARGET_PRIVATE)
		return weight_make(LEVEL_PREFIX, 2U * private_bits - 1, &r->service);
	return r->weight;
}

static bool service_has(const struct service *s, const struct service *inner)
{
	return s->first <= inner->first && inner->last <= s->last &&
	       (inner->protocols & ~(unsigned)s->protocols) == 0;
}

/* ---- an address -------------------------------------------------------------------------- */

/* What there is to know of one before the rules. */
struct subject {
	struct in6_addr address;
	struct refusal refusals[2]; /* each is to be lifted */
	size_t n_refusals;
	bool is_host;
	uint8_t private_bits; /* 0: it is in none of the private networks */
};

static struct subject subject_make(const struct in6_addr *address, bool is_own)
{
	struct subject s = {.address = address_spelled(address)};
	const struct refusal *refusal = range_refusal(&s.address);

	if (refusal)
		s.refusals[s.n_refusals++] = *refusal;
	else
		s.private_bits = range_private_bits(&s.address);
	s.is_host = is_own || (refusal && refusal->reason == NET_BY_HOST);
	/* Its own ones are networks of one address. */
	if (is_own && !(refusal && refusal->reason == NET_BY_HOST))
		s.refusals[s.n_refusals++] =
			(struct refusal){{s.address, ADDRESS_BITS}, NET_BY_HOST};
	return s;
}

/* The rules that are about an address as such. */
static struct rule_set rules_of_address(const struct subject *s)
{
	struct rule_set set = {0};

	for (size_t i = 0; i < policy.config->n_rules; i++) {
		const struct rule *r = &policy.rules[i];

		if (r->target == NET_TARGET_ANY ||
		    (r->target == NET_TARGET_HOST && s->is_host) ||
		    (r->target == NET_TARGET_PRIVATE && s->private_bits > 0) ||
		    (r->target == NET_TARGET_PREFIX && prefix_has(&r->prefix, &s->address)))
			set_add(&set, i);
	}
	return set;
}

static bool rule_lifts(const struct rule *r, const struct refusal *refusal)
{
	if (!r->is_allowed)
		return false;
	return (r->target == NET_TARGET_HOST && refusal->reason == NET_BY_HOST) ||
	       (r->target == NET_TARGET_PREFIX &&
		prefix_is_within(&r->prefix, &refusal->range));
}

static bool refusal_is_lifted(const struct refusal *refusal, const struct rule_set *set,
			      const struct service *service)
{
	if (refusal->reason == NET_BY_HOST && policy.config->host_loopback)
		return true;
	for (size_t i = 0; i < policy.config->n_rules; i++)
		if (set_has(set, i) && service_has(&policy.rules[i].service, service) &&
		    rule_lifts(&policy.rules[i], refusal))
			return true;
	return false;
}

/* The first refusal that stands; NULL: none. */
static const struct refusal *refusal_standing(const struct subject *s,
					      const struct rule_set *set,
					      const struct service *service)
{
	for (size_t i = 0; i < s->n_refusals; i++)
		if (!refusal_is_lifted(&s->refusals[i], set, service))
			return &s->refusals[i];
	return NULL;
}

/* ---- names ------------------------------------------------------------------------------- */

static bool rule_is_named(const struct net_rule *r)
{
	return r->target == NET_TARGET_NAME || r->target == NET_TARGET_SUFFIX;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len > n + 1 && name[len - n - 1] == '.' && streq(name + len - n, suffix);
}

static bool rule_has_name(const struct net_rule *r, const char *name)
{
	return (r->target == NET_TARGET_NAME && streq(r->name, name)) ||
	       (r->target == NET_TARGET_SUFFIX && has_suffix(name, r->name));
}

static struct rule_set rules_of_name(const char *name)
{
	struct rule_set set = {0};

	for (size_t i = 0; policy.has_names && i < policy.config->n_rules; i++)
		if (rule_has_name(&policy.config->rules[i], name))
			set_add(&set, i);
	return set;
}

/* The rules that a pin makes hold for its address. Those that allow lead to nothing that
 * only a rule of addresses opens, whoever the name belongs to; but what --add-host says the
 * user has said. */
static struct rule_set rules_of_pin(const struct pin *p, const struct subject *s)
{
	struct rule_set set = p->rules;

	if (s->n_refusals > 0 || (s->private_bits > 0 && p->until != PIN_FOREVER))
		set_remove(&set, &policy.allowing_names);
	return set;
}

static struct rule_set rules_of_pins(const struct subject *s)
{
	struct rule_set set = {0};

	for (const struct pin *p = pin_first(&s->address); p; p = pin_next(p)) {
		struct rule_set more = rules_of_pin(p, s);

		set_join(&set, &more);
	}
	return set;
}

/* ---- which rule decides ------------------------------------------------------------------ */

struct choice {
	int16_t rule; /* -1: none */
	bool is_allowed;
	uint32_t weight;
};

/* What holds where no rule does. --host-loopback is like a rule `host`, but closes nothing.
 * S may be NULL. */
static struct choice choice_start(const struct subject *s)
{
	if (s && s->is_host && policy.config->host_loopback)
		return (struct choice){-1, true, weight_make(LEVEL_ONE, 0, &all_services)};
	return (struct choice){-1, !policy.is_closed, 0};
}

/* Of the rules of SET for SERVICE. */
static struct choice choose(const struct subject *s, const struct rule_set *set,
			    const struct service *service)
{
	struct choice best = choice_start(s);

	for (size_t i = 0; i < policy.config->n_rules; i++) {
		const struct rule *r = &policy.rules[i];
		uint32_t weight;

		if (!set_has(set, i) || !service_has(&r->service, service))
			continue;
		weight = weight_of(r, s->private_bits);
		if (weight > best.weight || (weight == best.weight && !r->is_allowed))
			best = (struct choice){(int16_t)i, r->is_allowed, weight};
	}
	return best;
}

/* Whether a rule of SET refuses all that one of WEIGHT for SERVICE allows. */
static bool is_covered(const struct rule_set *set, uint8_t private_bits, uint32_t weight,
		       const struct service *service)
{
	for (size_t i = 0; i < policy.config->n_rules; i++) {
		const struct rule *r = &policy.rules[i];

		if (set_has(set, i) && !r->is_allowed && service_has(&r->service, service) &&
		    weight_of(r, private_bits) >= weight)
			return true;
	}
	return false;
}

/* Whether SET allows anything at all: the most specific rule that does, else that refuses. S
 * is NULL where the question is about a name. */
static struct choice reach(const struct subject *s, const struct rule_set *set)
{
	uint8_t private_bits = s ? s->private_bits : 0;
	struct choice start = choice_start(s), yes = {-1, false, 0}, no = {-1, false, 0};

	if (start.is_allowed && !(s && refusal_standing(s, set, &all_services)) &&
	    !is_covered(set, private_bits, start.weight, &all_services))
		yes = start;
	for (size_t i = 0; i < policy.config->n_rules; i++) {
		const struct rule *r = &policy.rules[i];
		struct choice this = {(int16_t)i, r->is_allowed, 0};

		if (!set_has(set, i))
			continue;
		this.weight = weight_of(r, private_bits);
		if (!r->is_allowed && this.weight > no.weight)
			no = this;
		else if (r->is_allowed && this.weight > yes.weight &&
			 !(s && refusal_standing(s, set, &r->service)) &&
			 !is_covered(set, private_bits, this.weight, &r->service))
			yes = this;
	}
	return yes.is_allowed ? yes : no;
}

/* ---- verdicts ---------------------------------------------------------------------------- */

static struct policy_verdict verdict_of(const struct choice *c, const char *name)
{
	return (struct policy_verdict){
		.is_allowed = c->is_allowed,
		.reason = c->rule < 0 ? NET_BY_DEFAULT : NET_BY_RULE,
		.rule = c->rule,
		.name = name,
	};
}

static struct policy_verdict verdict_refused(enum net_reason reason, const char *name)
{
	return (struct policy_verdict){.reason = (uint8_t)reason, .rule = -1, .name = name};
}

static struct service service_of(const struct policy_query *q)
{
	return (struct service){q->protocol, q->port, q->port};
}

static bool pin_decides(const struct pin *p, const struct choice *c)
{
	return c->rule >= 0 && set_has(&p->rules, (size_t)c->rule);
}

/* The name by which C was chosen, else the one that was used last. */
static const char *name_of(const struct subject *s, const struct choice *c)
{
	const struct pin *best = NULL;

	for (const struct pin *p = pin_first(&s->address); p; p = pin_next(p)) {
		bool is_better = !best || p->used > best->used;

		if (best && pin_decides(p, c) != pin_decides(best, c))
			is_better = pin_decides(p, c);
		if (is_better)
			best = p;
	}
	return best ? best->name : NULL;
}

static void pins_use(const struct subject *s, const struct choice *c)
{
	for (struct pin *p = pin_first(&s->address); p; p = pin_next(p))
		if (pin_decides(p, c))
			pin_use(p);
}

/* Whether one of the names of this address, taken alone, would be refused. */
static bool has_refused_name(const struct subject *s, const struct rule_set *addresses,
			     const struct service *service)
{
	for (const struct pin *p = pin_first(&s->address); p; p = pin_next(p)) {
		struct rule_set set = rules_of_pin(p, s);

		set_join(&set, addresses);
		if (!choose(s, &set, service).is_allowed)
			return true;
	}
	return false;
}

static bool is_empty(const struct rule_set *set)
{
	for (size_t i = 0; i < ARRAY_SIZE(set->bits); i++)
		if (set->bits[i])
			return false;
	return true;
}

static struct policy_verdict decide(const struct subject *s, const struct rule_set *addresses,
				    const struct service *service)
{
	const struct refusal *refusal = refusal_standing(s, addresses, service);
	struct rule_set names = rules_of_pins(s), set = names;
	struct policy_verdict v;
	struct choice c;

	set_join(&set, addresses);
	c = choose(s, &set, service);
	if (refusal)
		return verdict_refused(refusal->reason, name_of(s, &c));
	v = verdict_of(&c, name_of(s, &c));
	v.hears_name = c.is_allowed && policy.refuses_names;
	if (c.is_allowed && !is_empty(&names)) {
		pins_use(s, &c);
		v.needs_name = !choose(s, addresses, service).is_allowed ||
			       has_refused_name(s, addresses, service);
	}
	return v;
}

struct policy_verdict policy_decide(const struct policy_query *q)
{
	struct subject s = subject_make(&q->address, q->is_own);
	struct rule_set addresses = rules_of_address(&s);
	struct service service = service_of(q);

	return decide(&s, &addresses, &service);
}

/* Those that hold for a connection to S that says NAME. One that doesn't have this address
 * opens nothing, and gets around no rule that refuses one that has it. */
static struct rule_set rules_of_said(const struct subject *s, const char *name)
{
	const struct pin *p = pin_find(&s->address, name);
	struct rule_set set, pinned;

	if (p)
		return rules_of_pin(p, s);
	set = rules_of_name(name);
	pinned = rules_of_pins(s);
	set_join(&set, &pinned);
	set_remove(&set, &policy.allowing_names);
	return set;
}

struct policy_verdict policy_decide_named(const struct policy_query *q, const char *name)
{
	struct subject s = subject_make(&q->address, q->is_own);
	struct rule_set addresses = rules_of_address(&s), set = rules_of_said(&s, name);
	struct service service = service_of(q);
	struct policy_verdict v = decide(&s, &addresses, &service);
	struct choice c;

	if (!v.is_allowed)
		return v;
	set_join(&set, &addresses);
	c = choose(&s, &set, &service);
	if (c.is_allowed || (c.rule >= 0 && rule_is_named(&policy.config->rules[c.rule])))
		return verdict_of(&c, name);
	return verdict_refused(NET_BY_OTHER_NAME, name);
}

struct policy_verdict policy_decide_name(const char *name)
{
	struct rule_set set = rules_of_name(name);
	struct choice c;

	/* Where it may be reached, it stands in the sandbox's /etc/hosts. */
	if (net_is_host_name(name) && !net_reaches_host(policy.config))
		return verdict_refused(NET_BY_HOST, name);
	for (size_t i = 0; i < policy.config->n_rules; i++)
		if (policy.rules[i].target == NET_TARGET_ANY ||
		    policy.rules[i].target == NET_TARGET_DNS)
			set_add(&set, i);
	c = reach(NULL, &set);
	return verdict_of(&c, name);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void pin(const char *name, const struct in6_addr *address, int64_t ttl_ms)
{
	struct pin *p = pin_add(address, name, ttl_ms);

	if (p)
		p->rules = rules_of_name(name);
}

struct policy_verdict policy_answer(const char *name, const struct in6_addr *address,
				    uint32_t ttl)
{
	struct subject s = subject_make(address, false);
	struct rule_set addresses = rules_of_address(&s);
	const struct choice shown = {-1, true, 0};

	if (!policy.pins)
		return verdict_of(&shown, name);
	/* A log alone changes nothing. */
	if ((policy.is_closed || policy.has_names) &&
	    (s.n_refusals > 0 || s.private_bits > 0) && !reach(&s, &addresses).is_allowed)
		return verdict_refused(s.n_refusals > 0 ? s.refusals[0].reason : NET_BY_PRIVATE,
				       name);
	pin(name, &s.address, (int64_t)ttl * 1000);
	return verdict_of(&shown, name);
}

void policy_hold(const struct in6_addr *address)
{
	struct in6_addr spelled = address_spelled(address);

	if (policy.pins)
		pins_hold(&spelled);
}

void policy_release(const struct in6_addr *address)
{
	struct in6_addr spelled = address_spelled(address);

	if (policy.pins)
		pins_release(&spelled);
}

void policy_set_time(int64_t now)
{
	pins_set_time(now);
}

/* ---- the start --------------------------------------------------------------------------- */

static void rule_make(size_t i)
{
	const struct net_rule *from = &policy.config->rules[i];
	struct rule *r = &policy.rules[i];

	*r = (struct rule){
		.target = from->target,
		.is_allowed = from->is_allowed,
		.service = {from->protocols, from->first_port, from->last_port},
		.prefix = {from->address, from->prefix},
	};
	r->weight = rule_weigh(from, &r->service);
	if (r->target == NET_TARGET_PREFIX && r->prefix.bits == ADDRESS_BITS)
		r->prefix.address = address_spelled(&r->prefix.address);
	policy.is_closed |= r->is_allowed;
	policy.has_names |= rule_is_named(from);
	policy.refuses_names |= rule_is_named(from) && !r->is_allowed;
	if (rule_is_named(from) && r->is_allowed)
		set_add(&policy.allowing_names, i);
}

void policy_start(const struct net_config *config)
{
	assert(config->n_rules <= NET_RULES_MAX && config->n_hosts <= NET_HOSTS_MAX);
	memset(&policy, 0, sizeof(policy));
	policy.config = config;
	ranges_start();
	for (size_t i = 0; i < config->n_rules; i++)
		rule_make(i);
	policy.pins = policy.is_closed || policy.has_names || config->logs;
	pins_clear();
	for (size_t i = 0; i < config->n_hosts; i++) {
		struct in6_addr spelled = address_spelled(&config->hosts[i].address);

		pin(config->hosts[i].name, &spelled, PIN_FOREVER);
	}
}

bool policy_is_closed(void)
{
	return policy.is_closed;
}

bool policy_has_names(void)
{
	return policy.has_names;
}
