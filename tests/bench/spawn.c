/*
 * Runs programs one after the other, and prints what all of them cost: microseconds of wall clock,
 * microseconds of CPU (user and system, of all threads), the largest resident set in kilobytes.
 *
 *     spawn PROGRAM [ARGUMENT ...] [--then PROGRAM [ARGUMENT ...]] ...
 *
 * A program of its own, because a child begins with the resident set of whoever starts it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec before, after;
    struct rusage usage;
    long wall = 0, cpu = 0, peak = 0;
    for (int first = 1; first < argc;) {
        int end = first, status;
        while (end < argc && strcmp(argv[end], "--then"))
            end++;
        argv[end] = NULL;
        clock_gettime(CLOCK_MONOTONIC, &before);
        pid_t child = fork();
        if (child == 0) {
            execvp(argv[first], argv + first);
            _exit(127);
        }
        if (child < 0 || wait4(child, &status, 0, &usage) != child)
            return 2;
        clock_gettime(CLOCK_MONOTONIC, &after);
        if (!WIFEXITED(status) || WEXITSTATUS(status)) {
            fprintf(stderr, "spawn: %s failed\n", argv[first]);
            return 1;
        }
        wall += (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
        cpu += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec
               + usage.ru_stime.tv_usec;
        if (usage.ru_maxrss > peak)
            peak = usage.ru_maxrss;
        first = end + 1;
    }
    printf("wall %ld\ncpu %ld\npeak %ld\n", wall, cpu, peak);
    return 0;
}
