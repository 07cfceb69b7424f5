/* What do the parts of lsns share?  What was asked for, what was found, and the table that is made of it. */
#ifndef LSNS_H
#define LSNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nsiso.h>

enum column { NS, TYPE, PATH, NPROCS, PID, PPID, COMMAND, UID, USER, NETNSID, NSFS, PNS, ONS, COLUMNS };
enum { SELECTED_MAX = 64 };

typedef struct column_info {
    const char *name, *about;
    bool is_number; /* else text */
    bool is_right;  /* where it ends, not where it begins, stands below its heading */
    bool may_shrink;
    size_t room;    /* how wide it is at least where its cells are as wide as its heading */
} column_info;
extern const column_info column_infos[COLUMNS];

enum tree { BY_PROCESS, BY_OWNER, BY_PARENT, NO_TREE };
enum form { AS_TABLE, AS_JSON, AS_RAW };

/* The command line. */
typedef struct request {
    enum form form;
    enum tree tree;
    uint32_t depth; /* NSISO_DEPTH_* */
    nsiso_kinds kinds;
    bool no_headings, no_truncation, no_wrap, persistent, list_columns;
    bool of_namespace; /* lists processes; with a number of 0 all namespaces nevertheless */
    uint64_t inode;
    pid_t task; /* 0: any */
    const char *filter;
    enum column columns[SELECTED_MAX];
    size_t columns_count;
} request;

/* A line of the table before it has words: a namespace and its first process, or a process of one namespace. */
typedef struct line {
    uint32_t ns, process; /* indices in the snapshot; the process may be NSISO_NONE */
    uint32_t above;       /* the line that it stands below in the tree, or NSISO_NONE */
} line;

typedef struct person person; /* who a process is */

typedef struct listing {
    nsiso_snapshot *snapshot;
    line *lines;
    size_t count;
    uint32_t *at;    /* of each namespace its line, NSISO_NONE, or BEING_MADE */
    uint32_t *below; /* of each process the line below which those of its children stand */
    person *people;  /* of each process */
} listing;

/* Rows of cells, any of which may be NULL. */
typedef struct table {
    size_t columns, rows, capacity;
    const char *names[SELECTED_MAX];
    column_info columns_info[SELECTED_MAX];
    bool is_tree[SELECTED_MAX];
    char **cells;
    uint32_t *above;
} table;

typedef struct filter filter;

/* options.c: fills the request, or ends the program. */
void read_options(int argc, char **argv, request *r);

/* listing.c */
void find_lines(const request *r, const filter *f, listing *l);
void free_listing(listing *l);

/* cells.c: what stands there, to be freed, or NULL; several lines, unless they are to be one, have newlines between. */
char *cell(const listing *l, const line *at, enum column column, bool one_line);
pid_t parent_of(const listing *l, uint32_t process);
person *new_people(size_t count);
void free_people(listing *l);
int find_column(const char *name, size_t length); /* -1: there is none */

/* filter.c */
filter *parse_filter(const char *expression);
bool passes(const filter *f, const listing *l, const line *at);
void free_filter(filter *f);

/* table.c */
void add_column(table *t, const column_info *info, bool is_tree);
void add_row(table *t, uint32_t above, char **cells);
/* Where the first row is, behind each the one beside it, and the first below it; SIZE_MAX: none. */
size_t order_rows(const table *t, bool is_tree, size_t *next, size_t *first);
void print_table(const table *t, const request *r);
void free_table(table *t);

/* json.c */
void print_json(const table *t, const char *name);

/* text.c: what may be shown of a text, to be freed, and how many columns of a terminal it takes. */
char *shown(const char *text, bool is_raw);
size_t width_of(const char *text);
/* How many of its bytes fit into so many columns, and how many of these they take. */
size_t fitting(const char *text, size_t width, size_t *ret_taken);
bool is_utf8(void);

/* main.c: they end the program.  The first two with what went wrong, and 1; the second adds errno if that is not 0.
 * The last is for what the library says: unless result is negative it is what comes back. */
void refuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
int must(int result, nsiso_error **error);
void *allocated(void *memory);

#endif
