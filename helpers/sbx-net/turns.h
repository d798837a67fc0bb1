/* SPDX-License-Identifier: Apache-2.0 */
/* turns.h: what sbx-net does, turn by turn. */
#pragma once

/*
 * Theory of operation
 *
 * One thread waits for the tap, libslirp's sockets, those of its own, and the time (loop.h), and lets all that something
 * has happened to have its turn. With nothing open and nothing due it sleeps.
 */

/* Makes all that TAP is served with. Nothing of the sandbox's is read yet. */
int turns_prepare(int tap);

/* The sandbox has ended: so does turns_run(), once all that it has sent is on its way. */
void turns_end(void);

/* Serves the tap until then, or until it is gone: it can be removed in there. 0 then, else a negative errno. */
int turns_run(void);
