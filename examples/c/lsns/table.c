/* How is a table put on paper: columns as wide as they must be, and the branches of a tree? */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lsns.h"

/* What a tree is drawn with, for those who come after and for the last one. */
typedef struct branches {
    const char *fork, *end, *pass;
} branches;
static const branches LINES = {"\u251c\u2500", "\u2514\u2500", "\u2502 "};
static const branches ASCII = {"|-", "`-", "| "};
static const char BLANK[] = "  ";

/* One that is being printed. */
typedef struct printing {
    const table *t;
    const request *r;
    const branches *art;
    size_t *next, *first; /* of each row */
    size_t widths[SELECTED_MAX];
} printing;

void add_column(table *t, const column_info *info, bool is_tree)
{
    t->names[t->columns] = info->name;
    t->columns_info[t->columns] = *info;
    t->is_tree[t->columns++] = is_tree;
}

void add_row(table *t, uint32_t above, char **cells)
{
    if (t->rows == t->capacity) {
        t->capacity = t->capacity == 0 ? 64 : 2 * t->capacity;
        t->cells = allocated(realloc(t->cells, t->capacity * t->columns * sizeof *t->cells));
        t->above = allocated(realloc(t->above, t->capacity * sizeof *t->above));
    }
    memcpy(&t->cells[t->rows * t->columns], cells, t->columns * sizeof *cells);
    t->above[t->rows++] = above;
}

void free_table(table *t)
{
    for (size_t i = 0; i < t->rows * t->columns; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t->above);
}

size_t order_rows(const table *t, bool is_tree, size_t *next, size_t *first)
{
    size_t root = SIZE_MAX;
    /* From behind, so that each is put before those that are there. */
    for (size_t row = 0; row < t->rows; row++)
        first[row] = SIZE_MAX;
    for (size_t row = t->rows; row-- > 0;) {
        size_t *place = is_tree && t->above[row] != NSISO_NONE ? &first[t->above[row]] : &root;
        next[row] = *place;
        *place = row;
    }
    return root;
}

/* A text that is put together from others. */
typedef struct built {
    char *text;
    size_t length;
} built;

static void append(built *b, const char *text)
{
    size_t more = strlen(text);
    b->text = allocated(realloc(b->text, b->length + more + 1));
    memcpy(b->text + b->length, text, more + 1);
    b->length += more;
}

/* The branches before a row's cell: those of the rows above it, and its own unless this is not its first line. */
static void draw(const printing *p, size_t row, bool is_first_line, built *to)
{
    const table *t = p->t;
    if (t->above[row] == NSISO_NONE)
        return;
    draw(p, t->above[row], false, to);
    bool is_last = p->next[row] == SIZE_MAX;
    if (is_first_line)
        append(to, is_last ? p->art->end : p->art->fork);
    else
        append(to, is_last ? BLANK : p->art->pass);
}

/* How many lines a cell takes: those of a column with mount points may take more than one. */
static size_t lines_of_cell(const printing *p, size_t row, size_t column)
{
    const char *cell = p->t->cells[row * p->t->columns + column];
    size_t lines = 1;
    if (p->t->names[column] != column_infos[NSFS].name || p->r->form == AS_RAW)
        return lines;
    for (; cell != NULL && (cell = strchr(cell, '\n')) != NULL; cell++)
        lines++;
    return lines;
}

static size_t lines_of_row(const printing *p, size_t row)
{
    size_t most = 1;
    for (size_t column = 0; column < p->t->columns; column++) {
        size_t lines = lines_of_cell(p, row, column);
        most = lines > most ? lines : most;
    }
    return most;
}

/* Whether more is to come of a row once this column is printed in this of its lines. */
static bool is_unfinished(const printing *p, size_t row, size_t column, size_t line)
{
    for (size_t other = 0; other < p->t->columns; other++)
        if (lines_of_cell(p, row, other) > (other > column ? line : line + 1))
            return true;
    return false;
}

/* What stands in a cell, in this of its lines, to be freed. */
static char *content(const printing *p, size_t row, size_t column, size_t at_line)
{
    const table *t = p->t;
    const char *cell = t->cells[row * t->columns + column];
    built whole = {0};
    append(&whole, "");
    if (t->is_tree[column])
        draw(p, row, at_line == 0, &whole);
    if (t->is_tree[column] && at_line > 0 && p->first[row] != SIZE_MAX && is_unfinished(p, row, column, at_line))
        append(&whole, p->art->pass);
    if (cell != NULL && at_line < lines_of_cell(p, row, column)) {
        bool has_lines = lines_of_cell(p, row, column) > 1;
        for (size_t line = 0; line < at_line; line++)
            cell = strchr(cell, '\n') + 1;
        char *own = allocated(has_lines ? strndup(cell, strcspn(cell, "\n")) : strdup(cell));
        append(&whole, own);
        free(own);
    }
    char *safe = shown(whole.text, p->r->form == AS_RAW);
    free(whole.text);
    return safe;
}

/* In its column; nothing is put behind the last one. */
static void put(const printing *p, size_t column, const char *text)
{
    bool is_last = column + 1 == p->t->columns, is_raw = p->r->form == AS_RAW;
    size_t width = p->widths[column], taken = width_of(text);
    int padding = taken < width && !is_raw ? (int)(width - taken) : 0;
    if (column > 0)
        putchar(' ');
    size_t bytes = strlen(text);
    if (taken > width && !is_raw) {
        /* Half of a wide character is none. */
        bytes = fitting(text, width, &taken);
        padding = (int)(width - taken);
    }
    if (p->t->columns_info[column].is_right && !p->t->is_tree[column])
        printf("%*s%.*s", is_last && *text == '\0' ? 0 : padding, "", (int)bytes, text);
    else
        printf("%.*s%*s", (int)bytes, text, is_last ? 0 : padding, "");
    if (is_last)
        putchar('\n');
}

static void put_row(const printing *p, size_t row)
{
    size_t lines = lines_of_row(p, row);
    for (size_t line = 0; line < lines; line++)
        for (size_t column = 0; column < p->t->columns; column++) {
            char *text = content(p, row, column, line);
            put(p, column, text);
            free(text);
        }
}

/* Those below come right behind. */
static void put_rows(const printing *p, size_t row)
{
    for (; row != SIZE_MAX; row = p->next[row]) {
        put_row(p, row);
        put_rows(p, p->first[row]);
    }
}

/* How many columns the terminal has; any number fits into a file. */
static size_t terminal_width(void)
{
    enum { USUAL = 80 };
    struct winsize window = {0};
    if (!isatty(STDOUT_FILENO))
        return SIZE_MAX;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
    const char *told = getenv("COLUMNS");
    size_t columns = told != NULL ? strtoul(told, NULL, 10) : 0;
    return columns > 0 ? columns : USUAL;
}

/* Each column as wide as its widest cell; on a terminal that is too narrow, less of what may be cut. */
static void measure(printing *p)
{
    const table *t = p->t;
    size_t total = t->columns - 1;
    for (size_t column = 0; column < t->columns; column++) {
        size_t least = width_of(t->names[column]), width = 0;
        for (size_t row = 0; row < t->rows; row++)
            for (size_t line = lines_of_row(p, row); line-- > 0;) {
                char *text = content(p, row, column, line);
                size_t taken = width_of(text);
                width = taken > width ? taken : width;
                free(text);
            }
        /* Numbers of processes have some room once they are as wide as their heading. */
        if (width < least)
            width = least;
        else if (width < t->columns_info[column].room)
            width = t->columns_info[column].room;
        p->widths[column] = width;
        total += width;
    }
    size_t limit = p->r->no_truncation ? SIZE_MAX : terminal_width(), before = 0;
    /* One from each in turn, down to its heading. */
    while (total > limit && total != before) {
        before = total;
        for (size_t column = 0; column < t->columns && total > limit; column++)
            if (t->columns_info[column].may_shrink && p->widths[column] > width_of(t->names[column])) {
                p->widths[column]--;
                total--;
            }
    }
}

void print_table(const table *t, const request *r)
{
    if (t->rows == 0)
        return;
    printing p = {.t = t, .r = r, .art = is_utf8() ? &LINES : &ASCII};
    bool is_tree = false;
    for (size_t i = 0; i < t->columns; i++)
        is_tree |= t->is_tree[i];
    p.next = allocated(malloc((t->rows + 1) * 2 * sizeof *p.next));
    p.first = p.next + t->rows;
    size_t root = order_rows(t, is_tree, p.next, p.first);
    if (r->form == AS_TABLE)
        measure(&p);
    if (!r->no_headings) {
        for (size_t i = 0; i < t->columns; i++)
            put(&p, i, t->names[i]);
    }
    put_rows(&p, root);
    free(p.next);
}
