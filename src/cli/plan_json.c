/* SPDX-License-Identifier: Apache-2.0 */
/* plan_json.c: a plan as JSON, for scripts. */
#include "plan_json.h"

#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <json-c/json.h>

static const char *const overlay_words[] = {"auto", "kernel", "fuse", "none"};
static const char *const map_words[] = {"auto", "subids", "self"};
static const char *const net_words[] = {"auto", "none", "host", "slirp"};

static void add_string(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, value ? json_object_new_string(value) : NULL);
}

static void add_strings(struct json_object *o, const char *key, const struct strv *list)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < list->n; i++)
		json_object_array_add(array, json_object_new_string(list->v[i]));
	json_object_object_add(o, key, array);
}

static void add_caps(struct json_object *o, const char *key, uint64_t caps)
{
	struct json_object *array = json_object_new_array();
	char name[CAPS_NAME_MAX];

	for (unsigned cap = 0; cap < 64; cap++)
		if (caps & 1ULL << cap)
			json_object_array_add(array,
					      json_object_new_string(caps_name(cap, name)));
	json_object_object_add(o, key, array);
}

static void add_idmap(struct json_object *o, const char *key, const struct idmap *map)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < map->n; i++) {
		struct json_object *e = json_object_new_object();

		json_object_object_add(e, "inside",
				       json_object_new_int64(map->extents[i].inside));
		json_object_object_add(e, "outside",
				       json_object_new_int64(map->extents[i].outside));
		json_object_object_add(e, "count",
				       json_object_new_int64(map->extents[i].count));
		json_object_array_add(array, e);
	}
	json_object_object_add(o, key, array);
}

static void add_mounts(struct json_object *o, const struct plan *p)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];
		struct json_object *e = json_object_new_object();

		add_string(e, "type", m->kind == PLAN_MOUNT_BIND ? "bind" : "tmpfs");
		add_string(e, "source", m->source);
		add_string(e, "target", m->target);
		json_object_object_add(e, "readonly",
				       json_object_new_boolean(m->attrs & SYS_ATTR_RDONLY));
		json_object_array_add(array, e);
	}
	json_object_object_add(o, "mounts", array);
}

static void add_rights(struct json_object *o, const struct plan *p)
{
	struct json_object *caps = json_object_new_object();

	add_caps(caps, "bounding", p->caps.bounding);
	add_caps(caps, "permitted", p->caps.permitted);
	add_caps(caps, "effective", p->caps.effective);
	add_caps(caps, "inheritable", p->caps.inheritable);
	add_caps(caps, "ambient", p->caps.ambient);
	json_object_object_add(o, "capabilities", caps);
	json_object_object_add(o, "no_new_privs", json_object_new_boolean(!p->new_privs));
	json_object_object_add(o, "nested", json_object_new_boolean(p->nested));
	json_object_object_add(o, "landlock", json_object_new_int(p->landlock));
	add_string(o, "seccomp", p->seccomp ? p->seccomp : "default");
}

/* As they were said. */
static void add_network(struct json_object *o, const struct plan *p,
			const struct enter_options *options)
{
	add_string(o, "net", net_words[p->net]);
	add_strings(o, "add_host", &options->add_hosts);
	if (p->net != PLAN_NET_OWN)
		return;
	add_strings(o, "publish", &options->publish);
	json_object_object_add(o, "publish_all", json_object_new_boolean(options->publish_all));
	add_strings(o, "allow_net", &options->allow_net);
	add_strings(o, "deny_net", &options->deny_net);
	json_object_object_add(o, "host_loopback",
			       json_object_new_boolean(options->host_loopback));
	add_string(o, "net_log", options->net_log);
	add_strings(o, "dns", &options->dns);
	add_strings(o, "dns_search", &options->dns_search);
	add_strings(o, "dns_option", &options->dns_options);
}

int plan_json(const struct plan *p, const struct strv *profiles,
	      const struct enter_options *options, FILE *out)
{
	struct json_object *o = json_object_new_object();
	const char *text;
	int r = 0;

	add_string(o, "name", p->name);
	add_strings(o, "profiles", profiles);
	add_string(o, "tree", p->root.path);
	add_string(o, "overlay", overlay_words[p->root.overlay]);
	json_object_object_add(o, "squash", json_object_new_boolean(p->root.squash));
	json_object_object_add(o, "foreign_owners",
			       json_object_new_boolean(p->root.has_foreign));
	json_object_object_add(o, "readonly", json_object_new_boolean(p->root.readonly));
	add_string(o, "map", map_words[p->ids.map]);
	add_idmap(o, "uid_map", &p->ids.uids);
	add_idmap(o, "gid_map", &p->ids.gids);
	add_network(o, p, options);
	add_string(o, "hostname", p->hostname);
	json_object_object_add(o, "uid", json_object_new_int64(p->uid));
	json_object_object_add(o, "gid", json_object_new_int64(p->gid));
	add_string(o, "workdir", p->workdir ? p->workdir : p->home);
	add_mounts(o, p);
	add_rights(o, p);
	add_strings(o, "command", &p->argv);
	add_strings(o, "env", &p->env);
	add_strings(o, "notes", &p->notes);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (fprintf(out, "%s\n", text) < 0)
		r = fail_sys("write");
	json_object_put(o);
	return r;
}
