/* An intrusive list, linked both ways, with the list itself as the sentinel. A link that is in no
 * list points to itself. No ownership: who embeds the link owns it. One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

/* The object of `type` in which `link` is the member `member`. */
#define CONTAINER_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#define LIST_EACH(link, head)                                                                      \
    for (struct list *link = (head)->next; link != (head); link = link->next)

/* The body may remove `link` from the list. */
#define LIST_EACH_SAFE(link, head)                                                                 \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head);              \
         link = link##_next, link##_next = link->next)

static inline void list_init(struct list *link)
{
    link->next = link->previous = link;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_before(struct list *position, struct list *link)
{
    link->next = position;
    link->previous = position->previous;
    position->previous->next = link;
    position->previous = link;
}

static inline void list_push_back(struct list *head, struct list *link)
{
    list_insert_before(head, link);
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_insert_before(head->next, link);
}

/* Harmless for a link that is in no list. */
static inline void list_remove(struct list *link)
{
    link->next->previous = link->previous;
    link->previous->next = link->next;
    list_init(link);
}

/* The first link, taken out; NULL from an empty list. */
static inline struct list *list_pop_front(struct list *head)
{
    if (list_is_empty(head))
        return NULL;
    struct list *first = head->next;
    list_remove(first);
    return first;
}

/* Moves all links of `from` behind those of `to`. */
static inline void list_move_all(struct list *to, struct list *from)
{
    while (!list_is_empty(from))
        list_push_back(to, list_pop_front(from));
}
