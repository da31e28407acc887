/* Signals of the process. */
#pragma once

/* Blocks the signals that are waited for, and ignores SIGPIPE. Before there are threads. */
void sys_signals_prepare(void);

enum sys_signal {
    SYS_SIGNAL_NONE,
    SYS_SIGNAL_STOP,   /* TERM, INT */
    SYS_SIGNAL_RELOAD, /* HUP */
    SYS_SIGNAL_REOPEN, /* USR1 */
    SYS_SIGNAL_UPGRADE /* USR2 */
};

/* A descriptor that is readable while a signal waits. Needs sys_signals_prepare. -errno: refused.
 */
int sys_signals_open(void);

/* Takes one signal that waits; SYS_SIGNAL_NONE: there is none. */
enum sys_signal sys_signals_take(int fd);
