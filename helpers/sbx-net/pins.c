/* SPDX-License-Identifier: Apache-2.0 */
/* pins.c: the names that an address was resolved from. */
#include "pins.h"

#include "util/str.h"

enum { BUCKETS = 4096, SWEEP_MS = 60 * 1000 };

static struct {
	int64_t now, swept;
	uint32_t n_touched; /* places from here on were never used */
	uint16_t free;	    /* index + 1 */
	uint16_t buckets[BUCKETS];
	struct pin pins[PINS_MAX];
} table;

static uint16_t *bucket_of(const struct in6_addr *address)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < 4; i++)
		hash = (hash ^ address->s6_addr32[i]) * 0x9e3779b97f4a7c15;
	return &table.buckets[hash >> 52];
}

static struct pin *pin_at(uint16_t link)
{
	return link ? &table.pins[link - 1] : NULL;
}

static uint16_t link_of(const struct pin *p)
{
	return (uint16_t)(p - table.pins + 1);
}

static bool is_alive(const struct pin *p)
{
	return p->holds > 0 || p->until > table.now;
}

static bool is_of(const struct pin *p, const struct in6_addr *address)
{
	return IN6_ARE_ADDR_EQUAL(&p->address, address);
}

/* The next one from P on, P included, that is of ADDRESS and alive. */
static struct pin *pin_seek(struct pin *p, const struct in6_addr *address)
{
	while (p && !(is_of(p, address) && is_alive(p)))
		p = pin_at(p->next);
	return p;
}

static struct pin *pin_seek_named(struct pin *p, const struct in6_addr *address)
{
	p = pin_seek(p, address);
	while (p && !*p->name)
		p = pin_seek(pin_at(p->next), address);
	return p;
}

struct pin *pin_first(const struct in6_addr *address)
{
	return pin_seek_named(pin_at(*bucket_of(address)), address);
}

struct pin *pin_next(const struct pin *p)
{
	return pin_seek_named(pin_at(p->next), &p->address);
}

struct pin *pin_find(const struct in6_addr *address, const char *name)
{
	struct pin *p = pin_first(address);

	while (p && !streq(p->name, name))
		p = pin_next(p);
	return p;
}

/* ---- places ------------------------------------------------------------------------------ */

static void pin_drop(struct pin *p)
{
	uint16_t *link = bucket_of(&p->address);

	while (pin_at(*link) != p)
		link = &pin_at(*link)->next;
	*link = p->next;
	p->is_taken = false;
	p->next = table.free;
	table.free = link_of(p);
}

static void sweep(void)
{
	for (uint32_t i = 0; i < table.n_touched; i++)
		if (table.pins[i].is_taken && !is_alive(&table.pins[i]))
			pin_drop(&table.pins[i]);
	table.swept = table.now;
}

static void make_room(void)
{
	struct pin *oldest = NULL;

	sweep();
	for (uint32_t i = 0; i < table.n_touched && !table.free; i++) {
		struct pin *p = &table.pins[i];

		if (p->holds == 0 && p->until != PIN_FOREVER &&
		    (!oldest || p->used < oldest->used))
			oldest = p;
	}
	if (oldest)
		pin_drop(oldest);
}

static struct pin *place_take(void)
{
	struct pin *p;

	if (!table.free && table.n_touched < PINS_MAX)
		return &table.pins[table.n_touched++];
	if (!table.free)
		make_room();
	p = pin_at(table.free);
	if (p)
		table.free = p->next;
	return p;
}

/* A new one, with the holds of the others of ADDRESS. NULL: all places are held. */
static struct pin *pin_new(const struct in6_addr *address, const char *name)
{
	uint16_t *bucket = bucket_of(address);
	const struct pin *other = pin_seek(pin_at(*bucket), address);
	uint32_t holds = other ? other->holds : 0;
	struct pin *p = place_take();

	if (!p)
		return NULL;
	*p = (struct pin){
		.address = *address, .holds = holds, .next = *bucket, .is_taken = true};
	memcpy(p->name, name, strlen(name) + 1);
	*bucket = link_of(p);
	return p;
}

struct pin *pin_add(const struct in6_addr *address, const char *name, int64_t ttl_ms)
{
	struct pin *p = pin_find(address, name);
	int64_t until = PIN_FOREVER;

	if (!p)
		p = pin_new(address, name);
	if (!p)
		return NULL;
	if (ttl_ms != PIN_FOREVER)
		until = table.now + (ttl_ms < PIN_CAP_MS ? ttl_ms : PIN_CAP_MS);
	if (p->until < until)
		p->until = until;
	pin_use(p);
	return p;
}

/* ---- use --------------------------------------------------------------------------------- */

void pin_use(struct pin *p)
{
	p->used = table.now;
	if (p->until < table.now + PIN_FLOOR_MS)
		p->until = table.now + PIN_FLOOR_MS;
}

void pins_hold(const struct in6_addr *address)
{
	struct pin *p = pin_seek(pin_at(*bucket_of(address)), address);

	if (!p)
		p = pin_new(address, "");
	for (; p; p = pin_seek(pin_at(p->next), address))
		p->holds++;
}

void pins_release(const struct in6_addr *address)
{
	struct pin *p = pin_seek(pin_at(*bucket_of(address)), address), *next;

	for (; p; p = next) {
		next = pin_seek(pin_at(p->next), address);
		if (p->holds == 0)
			continue;
		p->holds--;
		if (*p->name)
			pin_use(p);
		else if (p->holds == 0)
			pin_drop(p);
	}
}

void pins_clear(void)
{
	for (uint32_t i = 0; i < table.n_touched; i++)
		table.pins[i].is_taken = false;
	memset(table.buckets, 0, sizeof(table.buckets));
	table.n_touched = 0;
	table.free = 0;
}

void pins_set_time(int64_t now)
{
	table.now = now;
	if (now - table.swept >= SWEEP_MS)
		sweep();
}
