/* How is a table written as JSON? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsns.h"

enum { STEP = 3 };

/* How many bytes a character of UTF-8 takes; 0 where there is none. */
static size_t utf8_length(const unsigned char *at)
{
    static const struct { unsigned char mask, lead; size_t length; unsigned least; } forms[] = {
        {0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if ((at[0] & forms[i].mask) != forms[i].lead)
            continue;
        unsigned point = at[0] & (unsigned char)~forms[i].mask;
        for (size_t n = 1; n < forms[i].length; n++) {
            if ((at[n] & 0xc0) != 0x80)
                return 0;
            point = point << 6 | (at[n] & 0x3f);
        }
        bool is_one = point >= forms[i].least && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        return is_one ? forms[i].length : 0;
    }
    return 0;
}

/* What is not UTF-8 becomes U+FFFD, for it would not be JSON. */
static void put_string(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    putchar('"');
    while (*at != '\0') {
        static const char controls[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
        const char *control = strchr(controls, *at);
        size_t length = utf8_length(at);
        if (control != NULL)
            printf("\\%c", letters[control - controls]);
        else if (*at < ' ')
            printf("\\u%04x", *at);
        else if (length == 0)
            fputs("\xef\xbf\xbd", stdout);
        else
            fwrite(at, 1, length, stdout);
        at += length > 0 ? length : 1;
    }
    putchar('"');
}

static void put_row(const table *t, size_t row, size_t *next, const size_t *first, unsigned indent);

/* Rows that stand side by side. */
static void put_rows(const table *t, size_t row, size_t *next, const size_t *first, unsigned indent)
{
    while (row != SIZE_MAX) {
        put_row(t, row, next, first, indent);
        row = next[row];
        if (row != SIZE_MAX)
            putchar(',');
    }
}

static void put_row(const table *t, size_t row, size_t *next, const size_t *first, unsigned indent)
{
    putchar('{');
    for (size_t i = 0; i < t->columns; i++) {
        const char *text = t->cells[row * t->columns + i];
        printf("%s\n%*s\"", i > 0 ? "," : "", (int)(indent + STEP), "");
        for (const char *name = t->names[i]; *name != '\0'; name++)
            putchar(*name >= 'A' && *name <= 'Z' ? *name + 'a' - 'A' : *name);
        fputs("\": ", stdout);
        if (text == NULL)
            fputs("null", stdout);
        else if (t->columns_info[i].is_number)
            fputs(text, stdout);
        else
            put_string(text);
    }
    if (first[row] != SIZE_MAX) {
        unsigned inner = indent + 2 * STEP;
        printf(",\n%*s\"children\": [\n%*s", (int)(indent + STEP), "", (int)inner, "");
        put_rows(t, first[row], next, first, inner);
        printf("\n%*s]", (int)(indent + STEP), "");
    }
    printf("\n%*s}", (int)indent, "");
}

void print_json(const table *t, const char *name)
{
    bool is_tree = false;
    for (size_t i = 0; i < t->columns; i++)
        is_tree |= t->is_tree[i];
    size_t *next = allocated(malloc((t->rows + 1) * 2 * sizeof *next)), *first = next + t->rows;
    size_t root = order_rows(t, is_tree, next, first);
    printf("{\n   \"%s\": [\n%*s", name, root != SIZE_MAX ? 2 * STEP : 0, "");
    put_rows(t, root, next, first, 2 * STEP);
    printf("\n   ]\n}\n");
    free(next);
}
