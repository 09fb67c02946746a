/* Load generator: so many keep-alive connections to 127.0.0.1, each with one request (or a
 * pipeline of them) outstanding, for a bounded time.
 *
 *     load PORT CONNECTIONS PIPELINE SECONDS < request
 *
 * The request comes whole on standard input. Prints one JSON object: requests answered,
 * seconds, answers that were not 2xx, connections that failed, and the median and 99th
 * percentile of the time from a batch sent to its last answer, in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 1024, MAX_REQUEST = 1 << 20, BUFFER = 1 << 18, MAX_SAMPLES = 1 << 22 };

struct connection {
    int fd;
    int outstanding;
    long body_left;      /* bytes of the current body still to come */
    size_t held;         /* bytes of an unfinished head in the buffer */
    long long sent_at;
    char buffer[BUFFER];
};

static struct connection *connections;
static char request[MAX_REQUEST], *batch;
static size_t request_size, batch_size;
static int pipeline;
static long answered, not_ok, failed;
static unsigned *samples;
static long sample_count;

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void send_batch(struct connection *c)
{
    size_t done = 0;

    c->sent_at = now();
    c->outstanding = pipeline;
    while (done < batch_size) {
        ssize_t n = write(c->fd, batch + done, batch_size - done);

        if (n < 0 && errno == EAGAIN)
            continue;
        if (n <= 0) {
            failed++;
            return;
        }
        done += (size_t)n;
    }
}

static int connect_to(int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Length of the body that a head announces; -1 for a chunked one. */
static long body_length(const char *head, const char *end)
{
    const char *line = head;

    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL && ++line < end) {
        if (strncasecmp(line, "content-length:", 15) == 0)
            return strtol(line + 15, NULL, 10);
        if (strncasecmp(line, "transfer-encoding:", 18) == 0)
            return -1;
    }
    return 0;
}

static void one_answered(struct connection *c)
{
    answered++;
    if (--c->outstanding > 0)
        return;
    if (sample_count < MAX_SAMPLES)
        samples[sample_count++] = (unsigned)((now() - c->sent_at) / 1000);
    send_batch(c);
}

/* Take what came; returns 0 when the connection is over. */
static int receive(struct connection *c)
{
    ssize_t n = read(c->fd, c->buffer + c->held, BUFFER - 1 - c->held);
    char *p = c->buffer, *end;

    if (n <= 0)
        return 0;
    end = c->buffer + c->held + n;
    *end = 0;
    while (p < end) {
        char *head_end;
        long length;

        if (c->body_left > 0) {
            long take = end - p < c->body_left ? end - p : c->body_left;

            p += take;
            c->body_left -= take;
            if (c->body_left == 0)
                one_answered(c);
            continue;
        }
        head_end = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
        if (head_end == NULL)
            break;
        length = body_length(p, head_end);
        if (length < 0) {
            char *last = memmem(head_end, (size_t)(end - head_end), "\r\n0\r\n\r\n", 7);

            if (last == NULL)
                break;
            if (p[9] != '2')
                not_ok++;
            p = last + 7;
            one_answered(c);
            continue;
        }
        if (p[9] != '2')
            not_ok++;
        p = head_end + 4;
        c->body_left = length;
        if (length == 0)
            one_answered(c);
    }
    c->held = (size_t)(end - p);
    memmove(c->buffer, p, c->held);
    return c->held < BUFFER - 1;
}

static int by_size(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    int port, count, poller, i;
    long long start, end;
    ssize_t n;

    if (argc != 5) {
        fprintf(stderr, "usage: load PORT CONNECTIONS PIPELINE SECONDS < request\n");
        return 2;
    }
    port = atoi(argv[1]);
    count = atoi(argv[2]);
    pipeline = atoi(argv[3]);
    if (count < 1 || count > MAX_CONNECTIONS || pipeline < 1 || pipeline > 64)
        return 2;
    while ((n = read(0, request + request_size, MAX_REQUEST - request_size)) > 0)
        request_size += (size_t)n;
    batch_size = request_size * (size_t)pipeline;
    batch = malloc(batch_size + 1);
    for (i = 0; i < pipeline; i++)
        memcpy(batch + (size_t)i * request_size, request, request_size);
    samples = malloc(sizeof *samples * MAX_SAMPLES);
    connections = calloc((size_t)count, sizeof *connections);
    poller = epoll_create1(0);
    start = now();
    end = start + (long long)(atof(argv[4]) * 1e9);
    for (i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (unsigned)i};

        connections[i].fd = connect_to(port);
        epoll_ctl(poller, EPOLL_CTL_ADD, connections[i].fd, &event);
        send_batch(&connections[i]);
    }
    while (now() < end) {
        struct epoll_event events[256];
        /* Never asleep: waking a sleeping client would be paid by the server's send. */
        int ready = epoll_wait(poller, events, 256, 0);

        for (i = 0; i < ready; i++) {
            struct connection *c = &connections[events[i].data.u32];

            if (receive(c))
                continue;
            failed++;
            close(c->fd);
            c->fd = connect_to(port);
            c->held = 0;
            c->body_left = 0;
            events[i].events = EPOLLIN;
            epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &events[i]);
            send_batch(c);
        }
    }
    qsort(samples, (size_t)sample_count, sizeof *samples, by_size);
    printf("{\"requests\": %ld, \"seconds\": %.3f, \"not_ok\": %ld, \"failed\": %ld,"
           " \"p50\": %u, \"p99\": %u}\n",
           answered, (double)(now() - start) / 1e9, not_ok, failed,
           sample_count ? samples[sample_count / 2] : 0,
           sample_count ? samples[sample_count * 99 / 100] : 0);
    return 0;
}
