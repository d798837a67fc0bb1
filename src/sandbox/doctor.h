/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h: the checks of sbx doctor, and how each tells what it found. */
#pragma once

#include "sandbox.h"

/*
 * Theory of operation
 *
 * doctor_checks[] is a table, and so is what the caller adds to it (a room that this one doesn't know can be checked
 * too); each check runs in a process of its own, which may enter namespaces,
 * load filters, hang or die without the others knowing: it sends one finding over a socket, and who
 * doesn't within CHECK_SECONDS is killed and said to be so. A check tries what the set-up does, with
 * the set-up's own functions where it has any. What fails gets the hint of the set-up's step
 * (hint.h): so `sbx doctor` and a failing `sbx enter` say the same.
 *
 * Nothing is left behind: what has to be mounted is mounted in namespaces of the check's own, and the
 * one probe that needs a folder in the store makes and removes it, in a store that is there.
 */

/* Runs WORK as root of a user namespace of the check's own, in which every mount is private already.
 * Of its failures the sentence is here. */
int doctor_try(int (*work)(void *), void *arg);

/* One function per row; what they look at stands in the table (doctor.c). */
typedef void doctor_function(const struct doctor_request *q, struct doctor_finding *f);

/* doctor_namespaces.c */
doctor_function doctor_user_namespaces, doctor_namespaces, doctor_mounts, doctor_proc,
	doctor_sys, doctor_pivot, doctor_fuse_device, doctor_tun;
/* doctor_ids.c */
doctor_function doctor_id_ranges, doctor_id_maps;
/* doctor_kernel.c */
doctor_function doctor_seccomp, doctor_memfd, doctor_limits, doctor_landlock, doctor_cgroups;
/* doctor_files.c */
doctor_function doctor_store, doctor_overlay, doctor_overlay_kept, doctor_fuse_overlayfs;
/* doctor_setup.c */
doctor_function doctor_setup, doctor_tree_owners, doctor_tree_overlay;
