#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct item {
    int number;
    struct list link;
};

/* The numbers of a list as one decimal number. */
static int digits(const struct list *head)
{
    int sum = 0;
    LIST_EACH (link, head)
        sum = sum * 10 + CONTAINER_OF(link, struct item, link)->number;
    return sum;
}

static void links_stand_in_the_order_of_their_insertion(void **state)
{
    (void)state;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    struct list head;
    list_init(&head);
    assert_true(list_is_empty(&head));
    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[2].link);
    list_push_front(&head, &items[0].link);
    assert_int_equal(digits(&head), 123);
}

static void removing_is_harmless_twice(void **state)
{
    (void)state;
    struct item items[] = {{.number = 1}, {.number = 2}};
    struct list head;
    list_init(&head);
    list_push_back(&head, &items[0].link);
    list_push_back(&head, &items[1].link);
    list_remove(&items[0].link);
    list_remove(&items[0].link);
    assert_int_equal(digits(&head), 2);
}

static void popping_takes_the_first(void **state)
{
    (void)state;
    struct item items[] = {{.number = 1}, {.number = 2}};
    struct list head;
    list_init(&head);
    assert_null(list_pop_front(&head));
    list_push_back(&head, &items[0].link);
    list_push_back(&head, &items[1].link);
    assert_ptr_equal(list_pop_front(&head), &items[0].link);
    assert_int_equal(digits(&head), 2);
}

static void a_walk_survives_the_removal_of_its_link(void **state)
{
    (void)state;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    struct list head;
    list_init(&head);
    for (int i = 0; i < 3; i++)
        list_push_back(&head, &items[i].link);
    LIST_EACH_SAFE (link, &head)
        list_remove(link);
    assert_true(list_is_empty(&head));
}

static void moving_all_empties_the_other(void **state)
{
    (void)state;
    struct item items[] = {{.number = 1}, {.number = 2}};
    struct list first, second;
    list_init(&first);
    list_init(&second);
    list_push_back(&first, &items[0].link);
    list_push_back(&second, &items[1].link);
    list_move_all(&first, &second);
    assert_int_equal(digits(&first), 12);
    assert_true(list_is_empty(&second));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_stand_in_the_order_of_their_insertion),
        cmocka_unit_test(removing_is_harmless_twice),
        cmocka_unit_test(popping_takes_the_first),
        cmocka_unit_test(a_walk_survives_the_removal_of_its_link),
        cmocka_unit_test(moving_all_empties_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
