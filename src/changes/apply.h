/* SPDX-License-Identifier: Apache-2.0 */
/* apply.h: what the files of an apply share. */
#pragma once

#include "changes.h"
#include "journal.h"

/* A file of the upper that has more than one name, and where it is in the tree. */
struct applied_link {
	ino_t ino, tree_ino;
	const char *path;
};

struct apply {
	const struct changes_place *p;
	struct arena *a;
	struct journal *j;
	int upper;
	struct applied_link *links;
	size_t n_links;
	struct strv left; /* paths that somebody changed meanwhile */
};

/* Puts the entry PATH of the upper into the tree. 0; 1 where it is to be left as it is; or a
 * negative errno with a sentence. */
int put_entry(struct apply *ap, const struct op *op);

/* Gives the tree's folder what the upper's has; with its time where IS_NEW. The same. */
int put_folder(struct apply *ap, const struct op *op, bool is_new);

/* The folder below ROOT that PATH stands in, as O_PATH; *RET_NAME: its name there, "." for "/".
 * A negative errno without a sentence. */
int put_parent(int root, const char *path, struct arena *a, const char **ret_name);

/* Whether ST, of what stands there now, is what stood there when the journal was written. */
bool put_is_still(const struct op *op, const struct stat *st);

/* Whether -R says that something else stands in the way, which somebody put there. */
bool put_is_left(int r);

/* The sentence and hint for the failure -R to change PATH in the tree. */
int put_failed(const struct apply *ap, int r, const char *what, const char *path);

/* Removes from the upper what is done. 0 or a negative errno with a sentence. */
int drop_done(struct apply *ap);
