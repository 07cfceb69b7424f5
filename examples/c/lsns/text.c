/* What of a text may be shown, and how wide is it on a terminal? */
#define _GNU_SOURCE
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "lsns.h"

bool is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* The bytes of the character there, and itself; 0 bytes where there is none in the caller's encoding. */
static size_t character(const char *text, wchar_t *wide)
{
    mbstate_t state;
    memset(&state, 0, sizeof state);
    size_t length = mbrtowc(wide, text, strlen(text), &state);
    return length == (size_t)-1 || length == (size_t)-2 ? 0 : length;
}

/* Each byte that may not is written as in C: \x1b.  What looks so already has its backslash written so. */
char *shown(const char *text, bool is_raw)
{
    enum { ESCAPE = 4 };
    char *safe = allocated(malloc(ESCAPE * strlen(text) + 1)), *to = safe;
    while (*text != '\0') {
        wchar_t wide = 0;
        size_t length = character(text, &wide);
        bool may = length > 0 && iswprint((wint_t)wide) && !(*text == '\\' && text[1] == 'x');
        if (is_raw)
            may = may && length == 1 && *text != ' ' && *text != '\\';
        if (length == 0)
            length = 1;
        for (size_t i = 0; i < length; i++, text++) {
            if (may)
                *to++ = *text;
            else
                to += sprintf(to, "\\x%02x", (unsigned)(unsigned char)*text);
        }
    }
    *to = '\0';
    return safe;
}

size_t fitting(const char *text, size_t width, size_t *ret_taken)
{
    size_t left = width;
    const char *at = text;
    while (*at != '\0') {
        wchar_t wide = 0;
        size_t length = character(at, &wide);
        int columns = length > 0 ? wcwidth(wide) : 1;
        size_t taken = columns > 0 ? (size_t)columns : 0;
        if (taken > left)
            break;
        left -= taken;
        at += length > 0 ? length : 1;
    }
    *ret_taken = width - left;
    return (size_t)(at - text);
}

size_t width_of(const char *text)
{
    size_t taken;
    fitting(text, SIZE_MAX, &taken);
    return taken;
}
