/* SPDX-License-Identifier: Apache-2.0 */
/* racer.c: racer A B [A B]...: exchanges what the names A and B stand for, as fast as it goes, until
 * it is killed or its parent ends. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

int main(int argc, char *argv[])
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		for (int i = 1; i + 1 < argc; i += 2)
			if (renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1],
				      RENAME_EXCHANGE) < 0) {
				perror(argv[i]);
				return 1;
			}
}
