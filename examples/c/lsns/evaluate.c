/* Which lines does a filter let through? */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

/* An operand on a line; its text is to be freed. */
static value value_of(const filter *f, const listing *l, const line *at)
{
    value v = f->value;
    if (f->operation == VALUE) {
        v.text = v.text != NULL ? allocated(strdup(v.text)) : NULL;
    } else if (f->operation == HOLDER) {
        char *text = cell(l, at, f->column, true);
        v = (value){.sort = TEXT, .text = text};
        if (text == NULL) {
            v.sort = NOTHING;
        } else if (column_infos[f->column].is_number) {
            v = (value){.sort = INTEGER, .integer = strtoull(text, NULL, 10)};
            free(text);
        }
    } else {
        v = (value){.sort = TRUTH, .truth = passes(f, l, at)};
    }
    return v;
}

static bool truth_of(const value *v)
{
    switch (v->sort) {
    case TRUTH: return v->truth;
    case INTEGER: return v->integer != 0;
    case REAL: return v->real > 0;
    case TEXT: return v->text[0] != '\0';
    default: return false;
    }
}

/* Whether it could be made of this sort. */
static bool convert(value *v, sort to)
{
    char *end, text[64];
    if (v->sort == to)
        return true;
    if (to == TRUTH) {
        v->truth = truth_of(v);
    } else if (to == TEXT) {
        if (v->sort == INTEGER)
            snprintf(text, sizeof text, "%" PRIu64, v->integer);
        else if (v->sort == REAL)
            snprintf(text, sizeof text, "%Lg", v->real);
        else
            snprintf(text, sizeof text, "%s", v->truth ? "true" : "false");
        v->text = allocated(strdup(text));
    } else if (v->sort == TEXT) {
        v->integer = strtoull(v->text, &end, 10);
        if (to == REAL)
            v->real = strtold(v->text, &end);
        if (end == v->text || *end != '\0')
            return false;
    } else {
        v->real = v->sort == TRUTH ? (long double)v->truth : (long double)v->integer;
        v->integer = v->sort == TRUTH ? (uint64_t)v->truth : v->integer;
    }
    v->sort = to;
    return true;
}

/* What a literal is counts, and of two the one that keeps more. */
static sort common(const filter *f, const value *left, const value *right)
{
    if (left->sort == REAL || right->sort == REAL)
        return REAL;
    if (f->left->operation == VALUE)
        return left->sort;
    if (f->right->operation == VALUE)
        return right->sort;
    return left->sort == right->sort ? left->sort : TEXT;
}

/* -1, 0 or 1. */
static int order(const value *left, const value *right)
{
    switch (left->sort) {
    case TRUTH: return left->truth - right->truth;
    case INTEGER: return (left->integer > right->integer) - (left->integer < right->integer);
    case REAL: return (left->real > right->real) - (left->real < right->real);
    default: {
        int order = strcmp(left->text, right->text);
        return (order > 0) - (order < 0);
    }
    }
}

/* What has no value is unlike everything. */
static bool compare(const filter *f, value *left, value *right)
{
    bool is_empty = left->sort == NOTHING || right->sort == NOTHING;
    if (f->operation == MATCHES || f->operation == DIFFERS) {
        bool matches = !is_empty && convert(left, TEXT) && regexec(&f->pattern, left->text, 0, NULL, 0) == 0;
        return matches == (f->operation == MATCHES);
    }
    sort sort = common(f, left, right);
    if (is_empty || !convert(left, sort) || !convert(right, sort))
        return f->operation == NE;
    int found = order(left, right);
    switch (f->operation) {
    case EQ: return found == 0;
    case NE: return found != 0;
    case GE: return found >= 0;
    case LE: return found <= 0;
    case GT: return found > 0;
    default: return found < 0;
    }
}

bool passes(const filter *f, const listing *l, const line *at)
{
    switch (f->operation) {
    case OR: return passes(f->left, l, at) || passes(f->right, l, at);
    case AND: return passes(f->left, l, at) && passes(f->right, l, at);
    case NOT: return !passes(f->left, l, at);
    case VALUE:
    case HOLDER: {
        value v = value_of(f, l, at);
        bool truth = truth_of(&v);
        free(v.text);
        return truth;
    }
    default: {
        value left = value_of(f->left, l, at), right = value_of(f->right, l, at);
        bool truth = compare(f, &left, &right);
        free(left.text);
        free(right.text);
        return truth;
    }
    }
}
