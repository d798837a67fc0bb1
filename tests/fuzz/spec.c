/* SPDX-License-Identifier: Apache-2.0 */
/* spec.c: a letter, that says of which option, and the option's value. */
#include "cli/spec.h"
#include "fuzz.h"
#include "util/path.h"
#include "util/sys.h"

#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

/* The value is the content of the file. */
static int env_file(struct plan *p, const char *value)
{
	autoclose int fd = memfd_create("env", MFD_CLOEXEC);
	char path[32];

	must(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return spec_env_file(p, path);
}

static const struct {
	char letter;
	int (*read)(struct plan *p, const char *value);
} specs[] = {
	{'b', spec_bind},	  {'d', spec_device}, {'e', spec_env},	  {'f', env_file},
	{'h', spec_hostname},	  {'l', spec_ulimit}, {'m', spec_mount},  {'n', spec_name},
	{'s', spec_security_opt}, {'t', spec_tmpfs},  {'v', spec_volume}, {'w', spec_workdir},
};

static bool is_made_of(const char *s, const char *more)
{
	for (; *s; s++)
		if (!(*s >= '0' && *s <= '9') && !((*s | 32) >= 'a' && (*s | 32) <= 'z') &&
		    !strchr(more, *s))
			return false;
	return true;
}

static bool is_absolute_and_clean(struct arena *a, const char *path)
{
	return *path == '/' && strlen(path) < PATH_MAX && streq(path, path_clean(a, path));
}

/* The options of a tmpfs go to mount(2) as they are: of what the user wrote, only numbers. */
static void tmpfs_check(const char *options)
{
	static const char *const keys[] = {"mode=", "size=", "nr_inodes=", "uid=", "gid="};
	bool seen[ARRAY_SIZE(keys)] = {0};

	while (*options) {
		const char *value = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(keys) && !value; i++) {
			value = str_after(options, keys[i]);
			must(!value || !seen[i]);
			seen[i] |= value != NULL;
		}
		must(value && *value >= '0' && *value <= '9');
		value += strspn(value, "0123456789");
		value += *value == '%';
		must(!*value || *value == ',');
		options = value + (*value == ',');
	}
	must(seen[0]);
}

static void mount_check(struct plan *p, const struct plan_mount *m)
{
	must(is_absolute_and_clean(&p->arena, m->target));
	must(!streq(m->target, "/") && !path_is_in(m->target, "/proc"));
	must(!(m->attrs & ~(unsigned)(SYS_ATTR_RDONLY | SYS_ATTR_NOSUID | SYS_ATTR_NODEV |
				      SYS_ATTR_NOEXEC)));
	must(fuzz_is_clean(m->source));
	if (m->kind == PLAN_MOUNT_TMPFS)
		tmpfs_check(m->options);
	else
		must(m->source_fd >= 0);
}

static void plan_check(struct plan *p)
{
	struct rlimit own;

	for (size_t i = 0; i < p->n_mounts; i++)
		mount_check(p, &p->mounts[i]);
	for (size_t i = 0; i < p->env.n; i++)
		must(strcspn(p->env.v[i], "=") > 0 && strchr(p->env.v[i], '='));
	for (size_t i = 0; i < p->n_limits; i++) {
		const struct plan_limit *l = &p->limits[i];

		must(getrlimit((__rlimit_resource_t)l->resource, &own) == 0);
		must(l->limit.rlim_cur <= l->limit.rlim_max &&
		     l->limit.rlim_max <= own.rlim_max);
	}
	for (size_t i = 0; i < p->notes.n; i++)
		must(fuzz_is_clean(p->notes.v[i]));
	must(!p->workdir || is_absolute_and_clean(&p->arena, p->workdir));
	must(!p->hostname ||
	     (*p->hostname && strlen(p->hostname) <= 64 && is_made_of(p->hostname, ".-")));
	must(!p->name || (*p->name && *p->name != '.' && *p->name != '-' &&
			  strlen(p->name) <= 64 && is_made_of(p->name, "_.-")));
	must(!p->seccomp || *p->seccomp);
}

/* The next option is not to see half of one that was refused. */
static bool is_empty(const struct plan *p)
{
	return p->n_mounts + p->n_limits == 0 && !p->workdir && !p->hostname && !p->name &&
	       !p->seccomp && !p->new_privs;
}

static void spec_check(int (*read)(struct plan *p, const char *value), const char *value)
{
	struct plan p;
	int r;

	plan_init(&p);
	fail_forget();
	r = read(&p, value);
	if (r < 0) {
		fuzz_must_be_failure(r);
		must(*fail_hint_text());
		/* Those of a folder of devices, or of a file of variables, come one by one. */
		must(is_empty(&p) || read == spec_device);
	} else {
		must(r == 0);
		plan_check(&p);
	}
	plan_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const environment[] = {"HOME=/root", "A=1", "AB=",
						  "=odd",	"odd", NULL};
	autofree char *text = fuzz_string(data, size);

	environ = (char **)environment;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (specs[i].letter == *text)
			spec_check(specs[i].read, text + 1);
	return 0;
}
