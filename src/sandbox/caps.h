/* SPDX-License-Identifier: Apache-2.0 */
/* caps.h: which capabilities the payload has, and how it comes to have no others. */
#pragma once

#include "sandbox.h"

/*
 * Theory of operation
 *
 * As podman does it: the bounding set is the default set with what was asked for added and
 * dropped. Root inside has all of it, in effective and permitted. Another user has nothing, but
 * for what was added by name, which then is in every set, the ambient one too, so that it
 * survives exec.
 *
 * Nobody has inheritable capabilities otherwise: they would let a file's inheritable set raise
 * them.
 *
 * A change of user id takes permitted capabilities away, and a thread without CAP_SETPCAP can't
 * cut its bounding set, so applying them goes around that change:
 *
 *   caps_apply_before_user()   cuts the bounding set, asks for permitted to be kept
 *   setgroups, setresgid, setresuid
 *   caps_apply_after_user()    everything else
 */

/* Fills p->caps from p->caps_add, p->caps_drop and p->uid. Fails where one capability is both
 * added and dropped, and where this kernel doesn't know one. Needs: p->uid is final. */
int caps_decide(struct plan *p);

/* In the child, in this order around the change of user; neither allocates.
 * Needs: all capabilities of a new user namespace. Leaves: exactly CAPS, in this thread.
 * Mustn't: be followed by set-up that needs a capability. */
int caps_apply_before_user(const struct plan_caps *caps);
int caps_apply_after_user(const struct plan_caps *caps);
