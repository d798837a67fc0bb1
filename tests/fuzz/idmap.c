/* SPDX-License-Identifier: Apache-2.0 */
/* idmap.c: the first line is the caller, "NAME ID"; the others are a subuid(5) file. */
#include "sandbox/idmap.h"
#include "fuzz.h"

/* What newuidmap and the kernel refuse: an id twice on either side, or one behind the last. */
static void map_check(const struct idmap *map, uint32_t own, int64_t own_inside)
{
	must(map->n <= IDMAP_EXTENTS_MAX);
	for (size_t i = 0; i < map->n; i++) {
		const struct id_extent *e = &map->extents[i];

		must(e->count > 0);
		must((uint64_t)e->outside + e->count <= UINT32_MAX);
		must((uint64_t)e->inside + e->count <= UINT32_MAX);
		must(e->outside > 0);
		must(idmap_inside(map, e->outside) == e->inside);
		must(idmap_outside(map, e->inside + e->count - 1) ==
		     (int64_t)e->outside + e->count - 1);
		for (size_t k = 0; k < i; k++) {
			const struct id_extent *o = &map->extents[k];

			must((uint64_t)e->outside + e->count <= o->outside ||
			     (uint64_t)o->outside + o->count <= e->outside);
			must((uint64_t)e->inside + e->count <= o->inside ||
			     (uint64_t)o->inside + o->count <= e->inside);
		}
	}
	must(idmap_outside(map, (uint32_t)own_inside) == own);
	must(idmap_inside(map, own) == own_inside);
}

static void ranges_check(const struct idmap *ranges, uint32_t own)
{
	must(ranges->n <= IDMAP_EXTENTS_MAX - 2);
	for (size_t i = 0; i < ranges->n; i++) {
		must(ranges->extents[i].outside > 0);
		must(ranges->extents[i].outside > own ||
		     own - ranges->extents[i].outside >= ranges->extents[i].count);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = fuzz_string(data, size);
	char *rest = text, *line = fuzz_cut(&rest, "\n"), *name = strsep(&line, " ");
	SCOPE_END(arena_done) struct arena a = {0};
	struct subid_list list;
	struct idmap ranges, map;
	uint32_t own;

	/* Host root never gets a number of its own. */
	if (!rest || !line || str_to_u32(line, UINT32_MAX - 1, &own) < 0 || own == 0)
		return 0;
	subid_parse(&a, rest, strlen(rest), &list);
	idmap_take_ranges(&list, *name ? name : NULL, own, own, &ranges);
	ranges_check(&ranges, own);
	if (ranges.n == 0)
		return 0;
	idmap_lay_out(&map, &ranges, 0, own);
	map_check(&map, own, 0);
	idmap_lay_out(&map, &ranges, own, own);
	map_check(&map, own, own);
	return 0;
}
