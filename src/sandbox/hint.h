/* SPDX-License-Identifier: Apache-2.0 */
/* hint.h: how to mend what this machine lacks: one table, for the set-up and for sbx doctor. */
#pragma once

/*
 * Theory of operation
 *
 * What went wrong is known by the step that failed and by its errno; a row of the table says how to
 * mend it, or names a function that looks at the machine for the likeliest cause and then says
 * exactly that, with the caller's name and free numbers. Beside the steps of the set-up there are rows
 * for what fails before it ("clone", "newuidmap"). `sbx doctor` tries each thing alone and asks the same
 * table, so both say the same.
 */

/* Adds to the failure R (a negative errno) of STEP its hint, unless it has one or there is none;
 * returns R. In the launcher only: it reads files and allocates. */
int hint_add(int r, const char *step);

/* What hint_add() puts behind a hint where a look at the whole machine is of use. */
#define HINT_MORE " (sbx doctor tells more)"

/* The caller as commands name them: the login name, or the number. */
struct arena;
const char *hint_caller(struct arena *a);
