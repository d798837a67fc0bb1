/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_doctor.c: sbx doctor. */
#include "cli.h"
#include "doctor_net.h"
#include "options.h"

#include "container/container.h"
#include "sandbox/sandbox.h"
#include "util/scope.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_BROKEN = 1, SHOWN_MAX = 4096 };

/* What there is to say in the end. */
struct doctor {
	const char *tree; /* escaped; NULL: none was named */
	bool has_colours;
	enum doctor_group group; /* of the last line */
	bool is_begun;
	unsigned limited, broken;
	char broken_names[512];
	struct json_object *checks; /* with --json */
};

/* Each is told by a mark and a word; a colour comes on top. */
static const struct {
	const char *mark, *word, *colour;
} statuses[] = {
	[DOCTOR_OK] = {"+", "ok", "\033[32m"},
	[DOCTOR_LIMITED] = {"~", "limited", "\033[33m"},
	[DOCTOR_BROKEN] = {"!", "broken", "\033[1;31m"},
};

static bool wants_colours(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && !streq(term, "dumb");
}

static void group_print(struct doctor *d, enum doctor_group group)
{
	if (d->is_begun && d->group == group)
		return;
	printf("%s", d->is_begun ? "\n" : "");
	d->is_begun = true;
	d->group = group;
	switch (group) {
	case DOCTOR_NEEDED:
		puts("Needed for sbx enter:");
		return;
	case DOCTOR_BETTER:
		puts("Makes it better:");
		return;
	case DOCTOR_TREE:
		printf("For the tree '%s':\n", d->tree);
		return;
	}
}

static void finding_print(struct doctor *d, const struct doctor_check *check,
			  const struct doctor_finding *f)
{
	const char *colour = d->has_colours ? statuses[f->status].colour : "";
	char shown[SHOWN_MAX];

	group_print(d, check->group);
	printf("%s%s %-7s%s  %-15s  %s\n", colour, statuses[f->status].mark,
	       statuses[f->status].word, d->has_colours ? "\033[0m" : "", check->name,
	       str_escape(shown, sizeof(shown), f->found));
	if (f->status != DOCTOR_OK)
		printf("%28sgood for: %s\n", "", check->purpose);
	if (*f->mend)
		printf("%28sto mend:  %s\n", "", str_escape(shown, sizeof(shown), f->mend));
	(void)fflush(stdout);
}

static void add(struct json_object *o, const char *key, const char *value)
{
	char shown[SHOWN_MAX];

	json_object_object_add(o, key,
			       json_object_new_string(str_escape(shown, sizeof(shown), value)));
}

static void finding_add(struct doctor *d, const struct doctor_check *check,
			const struct doctor_finding *f)
{
	static const char *const groups[] = {"needed", "better", "tree"};
	struct json_object *o = json_object_new_object();

	add(o, "name", check->name);
	add(o, "group", groups[check->group]);
	add(o, "purpose", check->purpose);
	add(o, "status", statuses[f->status].word);
	add(o, "found", f->found);
	if (*f->mend)
		add(o, "mend", f->mend);
	else
		json_object_object_add(o, "mend", NULL);
	json_object_array_add(d->checks, o);
}

static void on_finding(void *context, const struct doctor_check *check,
		       const struct doctor_finding *f)
{
	struct doctor *d = context;
	size_t used = strlen(d->broken_names);

	d->limited += f->status == DOCTOR_LIMITED;
	d->broken += f->status == DOCTOR_BROKEN;
	if (f->status == DOCTOR_BROKEN)
		(void)snprintf(d->broken_names + used, sizeof(d->broken_names) - used, "%s%s",
			       used ? ", " : "", check->name);
	if (d->checks)
		finding_add(d, check, f);
	else
		finding_print(d, check, f);
}

static void verdict_print(const struct doctor *d)
{
	const char *where = d->tree ? "on this tree" : "here";

	if (d->broken)
		printf("\nsbx enter doesn't work %s: %s\n", where, d->broken_names);
	else if (d->limited)
		printf("\nsbx enter works %s, with %u limit%s\n", where, d->limited,
		       d->limited == 1 ? "" : "s");
	else
		printf("\nsbx enter works %s\n", where);
}

static void json_print(const struct doctor *d)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ok", json_object_new_boolean(d->broken == 0));
	json_object_object_add(o, "checks", d->checks);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

int cmd_doctor(const struct invocation *inv)
{
	const struct doctor_options *o = inv->options;
	struct doctor_request request = {
		.store = container_store_path(inv->arena),
		.tree = inv->argc > 0 ? inv->argv[0] : NULL,
		.more = doctor_net_checks,
		.n_more = DOCTOR_NET_CHECKS,
	};
	struct doctor d = {.has_colours = wants_colours()};
	char shown[OPT_SHOWN_MAX];

	if (request.tree)
		d.tree = str_escape(shown, sizeof(shown), request.tree);
	if (o->json)
		d.checks = json_object_new_array();
	doctor_run(&request, on_finding, &d);
	if (o->json)
		json_print(&d);
	else
		verdict_print(&d);
	return d.broken ? EXIT_BROKEN : 0;
}
