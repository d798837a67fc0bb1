/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_bwrap.c: what of sbx bwrap isn't the front end itself: it never comes this far where "bwrap" is
 * the first word. */
#include "cli.h"

#include "util/fail.h"

#include <errno.h>

const struct opt bwrap_opts[] = {OPT_END};

int cmd_bwrap(const struct invocation *inv)
{
	return fail_hint(fail(EINVAL, "'bwrap' stands behind an option of sbx"),
			 "make it the first word: sbx bwrap OPTION... COMMAND");
}
