/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c: where pid 1 waits for the launcher. */
#include "gate.h"

#include "util/fail.h"
#include "util/io.h"
#include "wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int gate_open(int wire)
{
	struct wire_message go = {.type = WIRE_GO};
	int r = io_send(wire, &go, sizeof(go.type), -EBADF);

	if (r == -EPIPE || r == -ECONNRESET)
		return 0; /* the child has ended, and says why itself */
	return r < 0 ? fail(-r, "let the set-up go on: %s", strerrordesc_np(-r)) : 0;
}

int gate_wait(int wire, const char *what)
{
	struct wire_message m;
	ssize_t n = io_receive(wire, &m, sizeof(m), NULL);

	if (n == 0)
		_exit(125); /* the launcher has failed, and said so */
	return n < 0 ? fail((int)-n, "wait for %s: %s", what, strerrordesc_np((int)-n)) : 0;
}
