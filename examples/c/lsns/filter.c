/* How is a filter's expression read?  The language of scols-filter(5): `or` binds least, then `and`, then the comparisons,
 * and `!` binds most. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "filter.h"

typedef struct reader {
    const char *at;
} reader;

static const struct { const char *word; operation operation; } OPERATIONS[] = {
    {"==", EQ},  {"!=", NE}, {">=", GE}, {"<=", LE}, {"=~", MATCHES}, {"!~", DIFFERS}, {"&&", AND}, {"||", OR},
    {">", GT},   {"<", LT},  {"!", NOT}, {"EQ", EQ}, {"NE", NE},      {"GE", GE},      {"LE", LE},  {"GT", GT},
    {"LT", LT},  {"AND", AND}, {"OR", OR}, {"NOT", NOT},
};

static filter *new_filter(operation operation, filter *left, filter *right)
{
    filter *f = allocated(calloc(1, sizeof *f));
    f->operation = operation;
    f->left = left;
    f->right = right;
    return f;
}

void free_filter(filter *f)
{
    if (f == NULL)
        return;
    free_filter(f->left);
    free_filter(f->right);
    if (f->operation == MATCHES || f->operation == DIFFERS)
        regfree(&f->pattern);
    free(f->value.text);
    free(f);
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("_.%:/-", c) != NULL);
}

/* The operation that comes next, and what it takes of the text. */
static operation next_operation(reader *in, size_t *length)
{
    in->at += strspn(in->at, " \t\n");
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++) {
        *length = strlen(OPERATIONS[i].word);
        if (strncasecmp(in->at, OPERATIONS[i].word, *length) != 0)
            continue;
        if (isalpha((unsigned char)*in->at) && is_name(in->at[*length]))
            continue; /* the beginning of a name */
        return OPERATIONS[i].operation;
    }
    return NO_OPERATION;
}

static void bad_expression(const reader *in, const char *why)
{
    refuse("failed to parse filter: %s: \"%s\"", why, in->at);
}

/* 2K and 2KiB are 2048. */
static uint64_t multiplied(reader *in, uint64_t number)
{
    static const char SUFFIXES[] = "KMGTPEZY";
    const char *suffix = *in->at != '\0' ? strchr(SUFFIXES, *in->at) : NULL;
    if (suffix == NULL)
        return number;
    for (const char *s = SUFFIXES; s <= suffix; s++) {
        if (number > UINT64_MAX / 1024)
            bad_expression(in, "too large a number");
        number *= 1024;
    }
    in->at += strncmp(in->at + 1, "iB", 2) == 0 ? 3 : 1;
    return number;
}

static filter *read_number(reader *in)
{
    filter *f = new_filter(VALUE, NULL, NULL);
    size_t digits = strspn(in->at, "0123456789");
    char *end;
    if (in->at[digits] == '.') {
        f->value.sort = REAL;
        f->value.real = strtold(in->at, &end);
        in->at = end;
    } else {
        f->value.sort = INTEGER;
        uint64_t number = strtoull(in->at, &end, 10);
        in->at = end;
        f->value.integer = multiplied(in, number);
    }
    if (is_name(*in->at))
        bad_expression(in, "not a number");
    return f;
}

static filter *read_text(reader *in)
{
    const char *start = in->at + 1, *end = strchr(start, *in->at);
    if (end == NULL)
        bad_expression(in, "a text that does not end");
    filter *f = new_filter(VALUE, NULL, NULL);
    f->value.sort = TEXT;
    f->value.text = allocated(strndup(start, (size_t)(end - start)));
    in->at = end + 1;
    return f;
}

static filter *read_name(reader *in)
{
    const char *start = in->at;
    while (is_name(*in->at))
        in->at++;
    size_t length = (size_t)(in->at - start);
    bool is_true = length == 4 && strncasecmp(start, "true", 4) == 0;
    if (is_true || (length == 5 && strncasecmp(start, "false", 5) == 0)) {
        filter *f = new_filter(VALUE, NULL, NULL);
        f->value.sort = TRUTH;
        f->value.truth = is_true;
        return f;
    }
    int column = find_column(start, length);
    if (column < 0)
        refuse("failed to parse filter: unknown column: %.*s", (int)length, start);
    filter *f = new_filter(HOLDER, NULL, NULL);
    f->column = (enum column)column;
    return f;
}

static filter *read_or(reader *in);

static filter *read_operand(reader *in)
{
    size_t length;
    if (next_operation(in, &length) == NOT) {
        in->at += length;
        return new_filter(NOT, read_operand(in), NULL);
    }
    if (*in->at == '(') {
        in->at++;
        filter *f = read_or(in);
        in->at += strspn(in->at, " \t\n");
        if (*in->at != ')')
            bad_expression(in, "no )");
        in->at++;
        return f;
    }
    if (isdigit((unsigned char)*in->at))
        return read_number(in);
    if (*in->at == '"' || *in->at == '\'')
        return read_text(in);
    if (!isalpha((unsigned char)*in->at))
        bad_expression(in, "no value");
    return read_name(in);
}

static filter *read_comparison(reader *in)
{
    filter *f = read_operand(in);
    size_t length;
    operation operation;
    while ((operation = next_operation(in, &length)) >= EQ && operation <= DIFFERS) {
        in->at += length;
        f = new_filter(operation, f, read_operand(in));
        if (operation != MATCHES && operation != DIFFERS)
            continue;
        const filter *pattern = f->right;
        if (pattern->operation != VALUE || pattern->value.sort != TEXT)
            bad_expression(in, "no pattern");
        int refused = regcomp(&f->pattern, pattern->value.text, REG_EXTENDED | REG_NOSUB);
        if (refused != 0) {
            char why[128];
            regerror(refused, &f->pattern, why, sizeof why);
            refuse("failed to parse filter: %s: \"%s\"", why, pattern->value.text);
        }
    }
    return f;
}

static filter *read_and(reader *in)
{
    filter *f = read_comparison(in);
    for (size_t length; next_operation(in, &length) == AND;) {
        in->at += length;
        f = new_filter(AND, f, read_comparison(in));
    }
    return f;
}

static filter *read_or(reader *in)
{
    filter *f = read_and(in);
    for (size_t length; next_operation(in, &length) == OR;) {
        in->at += length;
        f = new_filter(OR, f, read_and(in));
    }
    return f;
}

filter *parse_filter(const char *expression)
{
    reader in = {expression};
    filter *f = read_or(&in);
    in.at += strspn(in.at, " \t\n");
    if (*in.at != '\0')
        bad_expression(&in, "no operator");
    return f;
}
