/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h: where pid 1 waits for the launcher. */
#pragma once

/* On the launcher's end of the socket (wire.h): lets the other end pass the gate that it comes to next. */
int gate_open(int wire);

/* On pid 1's: waits for that, which is WHAT. Where the launcher has ended, so does this process. */
int gate_wait(int wire, const char *what);
