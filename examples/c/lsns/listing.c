/* Which lines does lsns show, in which order, and which stands below which? */
#define _GNU_SOURCE
#include <stdlib.h>

#include "lsns.h"

/* In place of a line: it waits for those above it. */
static const uint32_t BEING_MADE = NSISO_NONE - 1;

static nsiso_snapshot_namespace namespace_at(const listing *l, uint32_t index)
{
    nsiso_snapshot_namespace told;
    nsiso_error *error = NULL;
    must(nsiso_snapshot_get_namespace(l->snapshot, index, &told, sizeof told, &error), &error);
    return told;
}

static uint32_t *nothing_yet(size_t count)
{
    uint32_t *indices = allocated(malloc((count + 1) * sizeof *indices));
    for (size_t i = 0; i < count; i++)
        indices[i] = NSISO_NONE;
    return indices;
}

/* The place of the line, or of none if the filter takes it away. */
static uint32_t add_line(listing *l, const filter *f, line new)
{
    if (f != NULL && !passes(f, l, &new))
        return NSISO_NONE;
    if ((l->count & (l->count - 1)) == 0) {
        size_t capacity = l->count == 0 ? 1 : 2 * l->count;
        l->lines = allocated(realloc(l->lines, capacity * sizeof *l->lines));
    }
    l->lines[l->count] = new;
    return (uint32_t)l->count++;
}

/* The line of a process's parent, if there is one by now. */
static uint32_t line_of_parent(const listing *l, uint32_t process)
{
    uint32_t parent = nsiso_snapshot_find_process(l->snapshot, parent_of(l, process));
    return parent != NSISO_NONE ? l->below[parent] : NSISO_NONE;
}

/* In a tree of namespaces those above come first, whatever was asked for; and their owners where it is by parent. */
static void add_namespace(const request *r, const filter *f, listing *l, uint32_t ns)
{
    nsiso_snapshot_namespace told = namespace_at(l, ns);
    line new = {ns, nsiso_snapshot_member(l->snapshot, ns, 0), NSISO_NONE};
    l->at[ns] = BEING_MADE;
    if (r->tree == BY_OWNER || r->tree == BY_PARENT) {
        const uint32_t relatives[] = {told.user_ns, told.parent};
        for (size_t i = 0; i < (r->tree == BY_PARENT ? 2 : 1); i++)
            if (relatives[i] != NSISO_NONE && l->at[relatives[i]] == NSISO_NONE)
                add_namespace(r, f, l, relatives[i]);
        uint32_t above = r->tree == BY_OWNER ? told.user_ns : told.parent;
        if (above != NSISO_NONE && l->at[above] != BEING_MADE)
            new.above = l->at[above];
    } else if (r->tree == BY_PROCESS && new.process != NSISO_NONE) {
        new.above = line_of_parent(l, new.process);
    }
    l->at[ns] = add_line(l, f, new);
    if (new.process != NSISO_NONE && l->at[ns] != NSISO_NONE)
        l->below[new.process] = l->at[ns];
}

/* Whether something holds it beside others that it owns or contains. */
static bool is_held(const listing *l, uint32_t ns)
{
    size_t count = nsiso_snapshot_holders_count(l->snapshot, ns);
    for (size_t place = 0; place < count; place++) {
        nsiso_snapshot_holder holder;
        nsiso_error *error = NULL;
        must(nsiso_snapshot_get_holder(l->snapshot, ns, place, &holder, sizeof holder, &error), &error);
        if (holder.how != NSISO_HOLDER_PARENT && holder.how != NSISO_HOLDER_OWNER)
            return true;
    }
    return false;
}

static bool is_asked_for(const request *r, const listing *l, uint32_t ns)
{
    nsiso_snapshot_namespace told = namespace_at(l, ns);
    if ((told.kind & r->kinds) == 0)
        return false;
    if (told.processes == 0)
        return r->task == 0 && r->depth > NSISO_DEPTH_PROCESSES && is_held(l, ns);
    if (r->persistent)
        return false;
    uint32_t task = r->task != 0 ? nsiso_snapshot_find_process(l->snapshot, r->task) : NSISO_NONE;
    return r->task == 0 || nsiso_snapshot_namespace_of(l->snapshot, task, told.kind) == ns;
}

typedef struct ordered {
    uint64_t inode;
    uint32_t ns;
} ordered;

static int by_inode(const void *one, const void *other)
{
    const ordered *a = one, *b = other;
    return (a->inode > b->inode) - (a->inode < b->inode);
}

/* Those above a namespace that no process is in, as far as was looked. */
static void want_empty_relatives(const listing *l, uint32_t ns, bool *is_wanted)
{
    nsiso_snapshot_namespace told = namespace_at(l, ns);
    const uint32_t relatives[] = {told.parent, told.user_ns};
    for (size_t i = 0; i < 2; i++)
        if (relatives[i] != NSISO_NONE && !is_wanted[relatives[i]]) {
            is_wanted[relatives[i]] = namespace_at(l, relatives[i]).processes == 0;
            want_empty_relatives(l, relatives[i], is_wanted);
        }
}

static void add_namespaces(const request *r, const filter *f, listing *l)
{
    size_t count = nsiso_snapshot_namespaces_count(l->snapshot), wanted = 0;
    ordered *order = allocated(malloc((count + 1) * sizeof *order));
    bool *is_wanted = allocated(calloc(count + 1, sizeof *is_wanted));
    for (uint32_t ns = 0; ns < count; ns++)
        if (is_asked_for(r, l, ns)) {
            is_wanted[ns] = true;
            if (r->tree == BY_OWNER || r->tree == BY_PARENT)
                want_empty_relatives(l, ns, is_wanted);
        }
    for (uint32_t ns = 0; ns < count; ns++)
        if (is_wanted[ns])
            order[wanted++] = (ordered){namespace_at(l, ns).inode, ns};
    qsort(order, wanted, sizeof *order, by_inode);
    for (size_t i = 0; i < wanted; i++)
        if (l->at[order[i].ns] == NSISO_NONE)
            add_namespace(r, f, l, order[i].ns);
    free(order);
    free(is_wanted);
}

static void add_processes(const request *r, const filter *f, listing *l)
{
    uint32_t ns = NSISO_NONE, process;
    nsiso_kinds kind;
    for (size_t i = 0; ns == NSISO_NONE && (kind = nsiso_kind_at(i)) != 0; i++)
        if ((kind & r->kinds) != 0)
            ns = nsiso_snapshot_find_namespace(l->snapshot, kind, r->inode);
    if (ns == NSISO_NONE || !is_asked_for(r, l, ns))
        refuse("not found namespace: %llu", (unsigned long long)r->inode);
    for (uint32_t place = 0; (process = nsiso_snapshot_member(l->snapshot, ns, place)) != NSISO_NONE; place++) {
        line new = {ns, process, NSISO_NONE};
        if (r->tree == BY_PROCESS)
            new.above = line_of_parent(l, process);
        l->below[process] = add_line(l, f, new);
    }
}

void find_lines(const request *r, const filter *f, listing *l)
{
    *l = (listing){0};
    nsiso_error *error = NULL;
    must(nsiso_snapshot_take(r->depth, r->kinds, 0, &l->snapshot, &error), &error);
    l->at = nothing_yet(nsiso_snapshot_namespaces_count(l->snapshot));
    size_t processes = nsiso_snapshot_processes_count(l->snapshot);
    l->below = nothing_yet(processes);
    l->people = new_people(processes);
    if (r->of_namespace && r->inode != 0)
        add_processes(r, f, l);
    else
        add_namespaces(r, f, l);
}

void free_listing(listing *l)
{
    free_people(l);
    free(l->lines);
    free(l->at);
    free(l->below);
    nsiso_snapshot_free(l->snapshot);
}
