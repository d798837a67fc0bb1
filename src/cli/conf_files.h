/* SPDX-License-Identifier: Apache-2.0 */
/* conf_files.h: where the configuration is, and reading it. */
#pragma once

#include "cli.h"
#include "conf.h"
#include "options.h"

/*
 * What is read, from the weakest to the strongest: the profiles that are part of sbx, the
 * system's file, the user's file. Nothing is read from the folder that the caller is in, nor
 * from a tree.
 *
 * Who can write a file of these decides what every later sandbox is made of. So the system's
 * belongs to root and the user's to the caller or to root, nobody else may write them, and no
 * sandbox sees the user's folder (plan_hide()).
 */

/* profiles.conf, as it was when sbx was built. */
extern const char conf_built_in[];

/* The system's file. */
extern const char conf_system_path[];

/* The user's file; NULL where there is no home folder. */
const char *conf_user_path(struct arena *a);

/* The folders that it is looked for in: first this time's, then that of a caller without
 * XDG_CONFIG_HOME. */
void conf_user_folders(struct arena *a, struct strv *folders);

/* Reads into C what there is. Without NEEDS_BUILT_IN the built-in profiles are left out where
 * there is no file that could name one. */
int conf_load(struct arena *a, bool needs_built_in, struct conf *c);

/* What applies to one `sbx enter`. */
struct conf_enter {
	struct enter_options options; /* of the configuration, and on top what was typed */
	struct enter_options asked;   /* the same without [enter], which nobody asked for now */
	struct conf_choice choice;    /* what of the configuration applies */
};

int conf_enter_options(const struct invocation *inv, struct conf_enter *ret_enter);
