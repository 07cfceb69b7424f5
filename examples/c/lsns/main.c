/* Which namespaces are there?  A stand-in for lsns(8) of util-linux, in C99 on nsiso's public interface.
 *
 * Of what it finds, and in which order, it says the same; it looks deeper when asked to (--depth). */
#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsns.h"

static void complain(const char *format, va_list args, const char *why)
{
    fflush(stdout);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fprintf(stderr, why != NULL ? ": %s\n" : "\n", why);
}

void refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(format, args, NULL);
    va_end(args);
    exit(EXIT_FAILURE);
}

void fail(const char *format, ...)
{
    int error = errno;
    va_list args;
    va_start(args, format);
    complain(format, args, error != 0 ? strerror(error) : NULL);
    va_end(args);
    exit(EXIT_FAILURE);
}

int must(int result, nsiso_error **error)
{
    if (result < 0)
        refuse("%s", nsiso_error_message(*error));
    return result;
}

void *allocated(void *memory)
{
    if (memory == NULL)
        fail("cannot keep what was found");
    return memory;
}

/* Of what the columns are, in place of what is in them. */
static void tell_columns(const request *r)
{
    static const column_info infos[] = {
        {.name = "HOLDER"},
        {.name = "TYPE"},
        {.name = "DESCRIPTION"},
    };
    table t = {0};
    for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++)
        add_column(&t, &infos[i], false);
    for (size_t i = 0; i < COLUMNS; i++) {
        const column_info *info = &column_infos[i];
        char *cells[] = {
            allocated(strdup(info->name)),
            allocated(strdup(info->is_number ? "<integer>" : "<string>")),
            allocated(strdup(info->about)),
        };
        add_row(&t, NSISO_NONE, cells);
    }
    if (r->form == AS_JSON)
        print_json(&t, "lsns-columns");
    else
        print_table(&t, r);
    free_table(&t);
}

static void print_listing(const request *r, const listing *l)
{
    table t = {0};
    enum column art = r->tree == BY_PROCESS ? COMMAND : NS;
    for (size_t i = 0; i < r->columns_count; i++)
        add_column(&t, &column_infos[r->columns[i]], r->tree != NO_TREE && r->columns[i] == art);
    for (size_t i = 0; i < l->count; i++) {
        char *cells[SELECTED_MAX];
        for (size_t c = 0; c < r->columns_count; c++)
            cells[c] = cell(l, &l->lines[i], r->columns[c], r->no_wrap || r->form == AS_RAW);
        add_row(&t, l->lines[i].above, cells);
    }
    if (r->form == AS_JSON)
        print_json(&t, "namespaces");
    else
        print_table(&t, r);
    free_table(&t);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    request r;
    read_options(argc, argv, &r);
    if (r.list_columns) {
        tell_columns(&r);
    } else {
        filter *f = r.filter != NULL ? parse_filter(r.filter) : NULL;
        listing l;
        find_lines(&r, f, &l);
        print_listing(&r, &l);
        free_listing(&l);
        free_filter(f);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        fail("cannot write");
    return EXIT_SUCCESS;
}
