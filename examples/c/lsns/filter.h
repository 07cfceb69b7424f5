/* What do the reader of a filter's expression and its evaluation share?  Its tree. */
#ifndef LSNS_FILTER_H
#define LSNS_FILTER_H

#include <regex.h>

#include "lsns.h"

/* From EQ to DIFFERS they compare. */
typedef enum operation {
    NO_OPERATION, OR, AND, NOT, EQ, NE, GE, LE, GT, LT, MATCHES, DIFFERS, VALUE, HOLDER
} operation;

typedef enum sort { NOTHING, TRUTH, INTEGER, REAL, TEXT } sort;

typedef struct value {
    sort sort;
    bool truth;
    uint64_t integer;
    long double real;
    char *text; /* owned */
} value;

/* An operation and what it takes: one operand, two, a value, or a column. */
struct filter {
    operation operation;
    filter *left, *right;
    value value;
    enum column column;
    regex_t pattern;
};

#endif
