/* Assertions, always on. They guard against our own mistakes; what a peer or a file sends is
 * never asserted. A failing assertion prints where and what, then aborts. Any thread. */
#pragma once

#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            assert_failed(#condition, __FILE__, __LINE__, __func__);                               \
    } while (0)

#define UNREACHABLE() assert_failed("unreachable", __FILE__, __LINE__, __func__)

/* Called once, before the abort, with the message that was printed: what can still be told (the
 * exchange in hand) is told there. May be NULL. Set at start, before there are threads. */
extern void (*assert_hook)(const char *message);

/* Cold: what leads here lies apart from the code that runs, which then takes a third fewer cache
 * lines per exchange. */
__attribute__((cold)) _Noreturn void assert_failed(const char *condition, const char *file,
                                                   int line, const char *function);
