/* malloc and its like are wrapped by the linker (--wrap): what the product asks for comes here,
 * what libraries ask for themselves does not. */
#include "sim/fault.h"

#include "base/assert.h"
#include "sim/world.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
void __wrap_free(void *memory);

static struct {
    struct fault_rates rates;
    struct chance chance;
    bool armed;
    size_t live_blocks, live_bytes;
    uint64_t asked, refused;
} fault;

void fault_begin(const struct fault_rates *rates, uint64_t seed)
{
    fault.rates = *rates;
    fault.chance = chance_of(seed, 1000);
    fault.armed = false;
    fault.asked = fault.refused = 0;
}

void fault_arm(bool armed)
{
    fault.armed = armed;
}

bool fault_strikes(uint32_t rate)
{
    return fault.armed && rate > 0 && chance_one_in(&fault.chance, rate);
}

const struct fault_rates *fault_rates(void)
{
    return &fault.rates;
}

size_t fault_live_blocks(void)
{
    return fault.live_blocks;
}

size_t fault_live_bytes(void)
{
    return fault.live_bytes;
}

uint64_t fault_refused(void)
{
    return fault.refused;
}

static bool is_refused(void)
{
    if (!fault.armed)
        return false;
    bool refused = ++fault.asked == fault.rates.memory_at || fault_strikes(fault.rates.memory);
    if (refused) {
        fault.refused++;
        TRACE("memory is refused");
    }
    return refused;
}

static void *count_in(void *memory)
{
    if (memory) {
        fault.live_blocks++;
        fault.live_bytes += malloc_usable_size(memory);
    }
    return memory;
}

static void count_out(void *memory)
{
    if (memory) {
        fault.live_blocks--;
        fault.live_bytes -= malloc_usable_size(memory);
    }
}

void *__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : count_in(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (is_refused())
        return NULL;
    count_out(memory);
    return count_in(__real_realloc(memory, size));
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    if (is_refused())
        return NULL;
    count_out(memory);
    return count_in(__real_reallocarray(memory, count, size));
}

void __wrap_free(void *memory)
{
    count_out(memory);
    __real_free(memory);
}

/* ---- the simulation's own memory */

static void *must(void *memory)
{
    if (!memory) {
        (void)fprintf(stderr, "weir-sim: no memory\n");
        abort();
    }
    return memory;
}

void *sim_calloc(size_t size)
{
    return must(__real_calloc(1, size));
}

void *sim_realloc(void *memory, size_t size)
{
    return must(__real_realloc(memory, size));
}

void sim_free(void *memory)
{
    __real_free(memory);
}
