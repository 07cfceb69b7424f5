/* What is the least code that reads a mount table, and where is it read? For the hosts in C and, loaded, in Rust. */
#ifndef NSISO_BENCH_FLOOR_MOUNTS_H
#define NSISO_BENCH_FLOOR_MOUNTS_H

#include <stdint.h>

/* Goes into a mount namespace of its own with so many mounts more, all of one peer group if they are to be slaves of
 * one. Exits if that cannot be done. The next one begins where the caller was first. */
void floor_mounts_enter(int count, int slaves);

/* One way to read the table: how many mounts there are, or -1. What they are goes into `ret_seen` unless that is NULL. */
typedef long floor_mounts_side(uint64_t *ret_seen);

floor_mounts_side floor_mounts_text;  /* reads the text and takes it apart in place, in memory that is kept */
floor_mounts_side floor_mounts_calls; /* listmount, and statmount with all strings; nothing is kept */
floor_mounts_side peer_mounts_libmount;

/* What was seen so far, and one mount more. */
static inline uint64_t floor_mounts_seen(uint64_t seen, uint32_t id, const char *point)
{
    seen = seen * 31 + id;
    for (; *point; point++)
        seen = seen * 31 + (unsigned char)*point;
    return seen;
}

#endif
