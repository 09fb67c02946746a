/* The limit: an epoll loop in C that answers each request by calling one Python function.
 *
 * No server that runs Python views can cost less than this; the benchmarks give every
 * figure as a multiple of it. A CPython extension module, so that it runs in the very
 * interpreter that the others run in:
 *
 *     _cloop.serve(port, plaintext, json)
 *
 * answers /json... by calling json() and everything else by plaintext(); both return str.
 * It parses nothing but the end of the head and the first letters of the path.
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 65536, BATCH = 256 };

static int listen_on(int port)
{
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0)
        return -1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0
        || listen(listener, 1024) < 0) {
        close(listener);
        return -1;
    }
    return listener;
}

static void accept_all(int poller, int listener)
{
    int one = 1, client;

    while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = client};

        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(poller, EPOLL_CTL_ADD, client, &event);
    }
}

/* Call the view and write its answer; -1 with a Python error set when it raised. */
static int answer(int client, PyObject *view, const char *type)
{
    char out[4096];
    Py_ssize_t size;
    PyObject *result = PyObject_CallNoArgs(view);
    const char *text = result ? PyUnicode_AsUTF8AndSize(result, &size) : NULL;
    int length;

    if (text == NULL || size > 2048) {
        Py_XDECREF(result);
        if (text != NULL)
            PyErr_SetString(PyExc_ValueError, "answers are limited to 2048 bytes");
        return -1;
    }
    length = sprintf(out,
                     "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zd\r\n\r\n",
                     type, size);
    memcpy(out + length, text, (size_t)size);
    Py_DECREF(result);
    if (write(client, out, (size_t)length + (size_t)size) < 0)
        close(client);
    return 0;
}

static PyObject *serve(PyObject *module, PyObject *args)
{
    static char in[READ_SIZE];
    struct epoll_event events[BATCH], event = {.events = EPOLLIN};
    PyObject *plaintext, *json;
    int port, listener, poller;

    (void)module;
    if (!PyArg_ParseTuple(args, "iOO:serve", &port, &plaintext, &json))
        return NULL;
    listener = listen_on(port);
    if (listener < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    poller = epoll_create1(EPOLL_CLOEXEC);
    event.data.fd = listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);

    for (;;) {
        int count, i;

        Py_BEGIN_ALLOW_THREADS
        count = epoll_wait(poller, events, BATCH, -1);
        Py_END_ALLOW_THREADS
        if (count < 0 && PyErr_CheckSignals() < 0)
            return NULL;

        for (i = 0; i < count; i++) {
            int client = events[i].data.fd, is_json;
            ssize_t size;

            if (client == listener) {
                accept_all(poller, listener);
                continue;
            }
            size = read(client, in, sizeof in);
            if (size < 0 && errno == EAGAIN)
                continue;
            if (size <= 0) {
                close(client);
                continue;
            }
            if (memmem(in, (size_t)size, "\r\n\r\n", 4) == NULL) {
                close(client);
                continue;
            }
            is_json = size > 6 && in[5] == 'j';
            if (answer(client, is_json ? json : plaintext,
                       is_json ? "application/json" : "text/plain; charset=utf-8") < 0)
                return NULL;
        }
    }
}

static PyMethodDef methods[] = {
    {"serve", serve, METH_VARARGS, "Serve until a signal handler raises."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_cloop", "The reference loop.", -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__cloop(void)
{
    return PyModule_Create(&definition);
}
