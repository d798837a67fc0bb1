/* SPDX-License-Identifier: Apache-2.0 */
/* marks.h: how the overlay drivers write down what was removed. */
#pragma once

#include "sandbox/sandbox.h"

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Theory of operation
 *
 *                      kernel                           fuse-overlayfs
 *   removed            a character device 0:0 NAME;     the device; where it can't make one
 *                      an empty file NAME with the      a file .wh.NAME
 *                      xattr overlay.whiteout
 *   hides the tree's   the folder's xattr               its xattr user.fuseoverlayfs.opaque,
 *                      overlay.opaque                   and the files .wh..wh..opq and
 *                                                       .wh..opq in it
 *
 * The kernel's xattrs are user.overlay.* where it was mounted with userxattr, else
 * trusted.overlay.*. fuse-overlayfs calls every new folder opaque, and lets nobody make a name
 * that begins with ".wh."; for the kernel's driver such names are files as any.
 */

enum mark {
	MARK_NONE,     /* a file or folder of the sandbox's */
	MARK_WHITEOUT, /* the tree's NAME is removed */
	MARK_OWN,      /* the driver's own; says nothing by itself */
};

/* What NAME, with status ST, in the upper's folder DIR is; *RET_NAME: the name that is meant.
 */
enum mark mark_read(enum plan_overlay driver, int dir, const char *name, const struct stat *st,
		    const char **ret_name);

/* Whether the folder DIR (not O_PATH) of an upper hides what the tree has in its place. */
bool mark_is_opaque(enum plan_overlay driver, int dir);

/* Takes that mark off. 0 or a negative errno. */
int mark_clear_opaque(enum plan_overlay driver, int dir);

/* Removes the whiteout of NAME from the upper's folder DIR. 0, also where there is none,
 * or a negative errno. */
int mark_remove_whiteout(enum plan_overlay driver, int dir, const char *name);

/* The mode of a folder that the tree has with TREE and the upper with UPPER: fuse-overlayfs loses
 * setuid and setgid of a folder that it copies up. */
mode_t mark_folder_mode(enum plan_overlay driver, mode_t upper, mode_t tree);

/* Whether the xattr NAME is an overlay driver's, or the host's security label. */
bool mark_is_own_xattr(const char *name);
