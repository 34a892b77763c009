// SPDX-License-Identifier: BSD-2-Clause
#include "tool/problem.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

void problem_list_init(struct problem_list *list)
{
    *list = (struct problem_list){.first = NULL};
    list->last = &list->first;
}

void problem_list_free(struct problem_list *list)
{
    while (list->first != NULL) {
        struct problem *problem = list->first;
        list->first = problem->next;
        free(problem->file);
        free(problem->node);
        free(problem->property);
        free(problem->text);
        free(problem);
    }
    problem_list_init(list);
}

static char *copy(const char *text)
{
    return text != NULL ? tool_format("%s", text) : NULL;
}

static struct problem *append(struct problem_list *list, const char *node, const char *property,
                              const char *text)
{
    struct problem *problem = tool_allocate(sizeof *problem);
    problem->node = copy(node);
    problem->property = copy(property);
    problem->text = copy(text);
    *list->last = problem;
    list->last = &problem->next;
    return problem;
}

struct problem *problem_add(struct problem_list *list, bool is_error, const char *node,
                            const char *property, const char *text)
{
    struct problem *problem = append(list, node, property, text);
    problem->is_error = is_error;
    *(is_error ? &list->error_count : &list->warning_count) += 1;
    return problem;
}

struct problem *problem_add_note(struct problem_list *list, const char *node, const char *property,
                                 const char *text)
{
    struct problem *problem = append(list, node, property, text);
    problem->is_note = true;
    return problem;
}

static const char *severity(const struct problem *problem)
{
    return problem->is_error ? "error" : problem->is_note ? "note" : "warning";
}

static bool is_before(const struct problem *a, const struct problem *b)
{
    int order = a->file != NULL && b->file != NULL ? strcmp(a->file, b->file) : 0;
    return order < 0 || (order == 0 && a->line < b->line);
}

/* Insertion sort, stable: lists are short. */
void problem_list_sort(struct problem_list *list)
{
    struct problem *rest = list->first;
    list->first = NULL;
    while (rest != NULL) {
        struct problem *next = rest->next, **at = &list->first;
        while (*at != NULL && !is_before(rest, *at)) {
            at = &(*at)->next;
        }
        rest->next = *at;
        *at = rest;
        rest = next;
    }
    list->last = &list->first;
    while (*list->last != NULL) {
        list->last = &(*list->last)->next;
    }
}

void problem_list_print(const struct problem_list *list, const char *input)
{
    for (const struct problem *p = list->first; p != NULL; p = p->next) {
        fprintf(stderr, "%s", p->file != NULL ? p->file : input);
        if (p->line != 0) {
            fprintf(stderr, ":%u", p->line);
        }
        fprintf(stderr, ": %s: ", severity(p));
        if (p->node != NULL) {
            fprintf(stderr, "%s: ", p->node);
        }
        if (p->property != NULL) {
            fprintf(stderr, "%s: ", p->property);
        }
        fprintf(stderr, "%s\n", p->text);
    }
    if (list->error_count + list->warning_count != 0) {
        fprintf(stderr, "%s: %u error%s, %u warning%s\n", input, list->error_count,
                list->error_count == 1 ? "" : "s", list->warning_count,
                list->warning_count == 1 ? "" : "s");
    }
}

static void add_text(cJSON *object, const char *name, const char *text)
{
    if (text != NULL) {
        cJSON_AddStringToObject(object, name, text);
    } else {
        cJSON_AddNullToObject(object, name);
    }
}

void problem_list_print_json(const struct problem_list *list, const char *input)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "file", input);
    cJSON_AddBoolToObject(object, "ok", list->error_count == 0);
    cJSON *problems = cJSON_AddArrayToObject(object, "problems");
    for (const struct problem *p = list->first; p != NULL; p = p->next) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "severity", severity(p));
        cJSON_AddStringToObject(item, "file", p->file != NULL ? p->file : input);
        if (p->line != 0) {
            cJSON_AddNumberToObject(item, "line", p->line);
        } else {
            cJSON_AddNullToObject(item, "line");
        }
        add_text(item, "node", p->node);
        add_text(item, "property", p->property);
        add_text(item, "text", p->text);
        cJSON_AddItemToArray(problems, item);
    }
    char *text = cJSON_Print(object);
    puts(text);
    free(text);
    cJSON_Delete(object);
}
