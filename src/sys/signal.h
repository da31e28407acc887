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

/* Waits up to `timeout_ms` (-1: for ever) for one; SYS_SIGNAL_NONE on time-out. */
enum sys_signal sys_signals_wait(int timeout_ms);
