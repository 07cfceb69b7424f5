/* What does a job look like to the floor and to the peers that are called in process? */
#ifndef NSISO_BENCH_FLOOR_H
#define NSISO_BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

/* The nix peer has the same record, but for what is held. */
struct floor_job {
    uint64_t kinds;
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *gid_map; /* NULL: no ids are mapped */
    const char *uid_map;
    const char *host_name; /* NULL: none is set */
    int private_mounts;
    int loopback;
    int proc;
    const char *options; /* of all this, as floor_job_new was told */
    int held;            /* a namespace, or a process in several, to join; -1: none is */
    int home;            /* the caller's pid namespace */
    uint64_t held_kinds;
    char *const *joiner;    /* the helper that joins a pid namespace, and executes what argv says */
    volatile int *ret_born; /* where it tells who is in there */
};

/* Makes what every side but nsiso's own takes; job.c says how options are written. Exits if it does not know one. */
struct floor_job *floor_job_new(const char *options, const char *const *argv);

/* Makes the caller larger by so many MiB, all of it touched, in pages of the smallest size. */
void floor_grow(size_t mib);

/* One way to do a job, from the call until the program has ended with 0: nanoseconds, or -errno and words on stderr. */
typedef int64_t floor_side(const struct floor_job *job);

floor_side side_floor;       /* the least code: shares the caller's memory until the program is executed */
floor_side side_exposed;     /* the least code into a held pid namespace: whoever is there may trace it in the caller's memory */
floor_side side_fork;        /* the same steps in a copy of the caller */
floor_side side_posix_spawn; /* libc's way, without namespaces */
floor_side side_go;          /* Go's, in a process of its own */

/* Goes there with setns(2), calls body, goes home; -errno if either is refused. */
int floor_move(int there, int home, int kinds, void (*body)(void));

/* Bodies: makes a socket and closes it; nothing. */
void floor_socket(void);
void floor_nothing(void);

/* Reads the links of all processes, and counts namespaces and links; -errno if /proc cannot be read. */
int floor_scan(uint32_t *ret_namespaces, uint32_t *ret_links);

#endif
