/* SPDX-License-Identifier: Apache-2.0 */
/* caps.c: which capabilities the payload has, and how it comes to have no others. */
#include "caps.h"

#include "util/fail.h"
#include "util/scope.h"
#include "util/sys.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

enum { CAPS_BITS = 64 };

/* podman's: no NET_RAW (forged packets) and no MKNOD, which a user namespace can't have anyway.
 */
static const uint64_t caps_default =
	CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FOWNER) |
	CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_KILL) | CAP_BIT(CAP_NET_BIND_SERVICE) |
	CAP_BIT(CAP_SETFCAP) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETPCAP) |
	CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SYS_CHROOT);

/* All that this kernel knows. */
static uint64_t caps_all(void)
{
	int bits = cap_max_bits();

	return bits >= CAPS_BITS ? UINT64_MAX : CAP_BIT(bits) - 1;
}

/* libcap would take numbers, and stops at the first byte that it doesn't like. */
static bool is_word(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!isalpha((unsigned char)*p) && *p != '_')
			return false;
	return *s != '\0';
}

int caps_parse(const char *name, uint64_t *ret_caps)
{
	const char *bare = strncasecmp(name, "cap_", 4) == 0 ? name + 4 : name;
	char full[CAPS_NAME_MAX], shown[CAPS_NAME_MAX];
	cap_value_t cap;
	int len;

	if (strcasecmp(name, "all") == 0) {
		*ret_caps = caps_all();
		return 0;
	}
	len = snprintf(full, sizeof(full), "cap_%s", bare);
	if (!is_word(bare) || len >= (int)sizeof(full) || cap_from_name(full, &cap) < 0 ||
	    cap < 0 || cap >= CAPS_BITS)
		return fail_hint(fail(EINVAL, "'%s' is not the name of a capability",
				      str_escape(shown, sizeof(shown), name)),
				 "capabilities(7) has the names: NET_ADMIN or CAP_NET_ADMIN; "
				 "ALL is every one");
	*ret_caps = CAP_BIT(cap);
	return 0;
}

const char *caps_name(unsigned cap, char buffer[CAPS_NAME_MAX])
{
	char *full = cap < CAPS_BITS ? cap_to_name((cap_value_t)cap) : NULL;
	size_t len = 0;

	/* A capability that libcap has no name for comes as its number. */
	(void)snprintf(buffer, CAPS_NAME_MAX, "%u", cap);
	if (full && str_after(full, "cap_")) {
		for (const char *p = full; *p && len < CAPS_NAME_MAX - 1; p++)
			buffer[len++] = (char)toupper((unsigned char)*p);
		buffer[len] = '\0';
	}
	if (full)
		(void)cap_free(full);
	return buffer;
}

/* The lowest capability of the set CAPS, for messages. */
static const char *first_name(uint64_t caps, char buffer[CAPS_NAME_MAX])
{
	return caps_name((unsigned)__builtin_ctzll(caps), buffer);
}

static int bounding_decide(uint64_t add, uint64_t drop, uint64_t *ret_bounding)
{
	const uint64_t all = caps_all();
	char name[CAPS_NAME_MAX];

	if ((add | drop) & ~all)
		return fail_hint(fail(EINVAL, "this kernel has no capability %s",
				      first_name((add | drop) & ~all, name)),
				 "leave it out, or run a newer kernel");
	if (add == all && drop == all)
		return fail_hint(fail(EINVAL, "all capabilities are both added and dropped"),
				 "with --cap-drop ALL, name those to add: --cap-add CHOWN");
	if (drop == all)
		*ret_bounding = add;
	else if (add == all)
		*ret_bounding = all & ~drop;
	else if (add & drop)
		return fail_hint(fail(EINVAL, "capability %s is both added and dropped",
				      first_name(add & drop, name)),
				 "leave out either --cap-add or --cap-drop of it");
	else
		*ret_bounding = (caps_default | add) & ~drop;
	return 0;
}

int caps_decide(struct plan *p)
{
	uint64_t bounding = 0;
	int r = bounding_decide(p->caps_add, p->caps_drop, &bounding);

	if (r < 0)
		return r;
	p->caps = (struct plan_caps){.bounding = bounding};
	if (p->uid == 0) {
		p->caps.permitted = p->caps.effective = bounding;
	} else {
		p->caps.permitted = p->caps_add & bounding;
		p->caps.effective = p->caps.inheritable = p->caps.ambient = p->caps.permitted;
	}
	return 0;
}

int caps_apply_before_user(const struct plan_caps *caps)
{
	for (unsigned cap = 0; cap < CAPS_BITS; cap++) {
		if (caps->bounding & CAP_BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL) /* the kernel's last was the one before */
			break;
		return fail_sys("drop capability %u from the bounding set", cap);
	}
	if (caps->permitted && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return fail_sys("keep capabilities over the change of user");
	return 0;
}

int caps_apply_after_user(const struct plan_caps *caps)
{
	const struct sys_caps sets = {
		.effective = caps->effective,
		.permitted = caps->permitted,
		.inheritable = caps->inheritable,
	};
	int r = sys_capset(&sets);

	if (r < 0)
		return fail(-r, "set capabilities: %s", strerrordesc_np(-r));
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return fail_sys("stop keeping capabilities");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return fail_sys("clear the ambient capabilities");
	for (unsigned cap = 0; cap < CAPS_BITS; cap++) {
		if (!(caps->ambient & CAP_BIT(cap)))
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return fail_sys("raise ambient capability %u", cap);
	}
	return 0;
}
