// What a node can cost at least: one thread, epoll, and one send for all frames that wait for a connection.
// It does the operations B, E and I of the test node for its own connections, and knows no other node.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 512, READ_BYTES = 1 << 18, MAX_INPUT = 1 << 20, MAX_WAITING = 4 << 20 };

struct buffer { uint8_t *bytes; size_t length, room; };

struct connection {
    int fd, open, watched, closing, index;
    struct buffer input, output; // the beginning of a frame; what the kernel has not taken, and answers
};

static struct connection **connections; // all that have shaken hands
static int count, room, epoll;
static struct buffer batch; // the frames for everyone of one round

static void append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (buffer->length + length > buffer->room) {
        buffer->room = (buffer->length + length) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->room);
        if (!buffer->bytes) abort();
    }
    if (length > 0) memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static void take(struct buffer *buffer, size_t length)
{
    buffer->length -= length;
    if (buffer->length > 0) {
        memmove(buffer->bytes, buffer->bytes + length, buffer->length);
    } else {
        free(buffer->bytes); // who is idle holds nothing
        *buffer = (struct buffer){0};
    }
}

static uint32_t rotate(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

static void sha1(const char *text, uint8_t hash[20]) // of at most two blocks
{
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, word[80];
    uint8_t blocks[128] = {0};
    size_t length = strlen(text), total = length + 9 > 64 ? 128 : 64;
    memcpy(blocks, text, length);
    blocks[length] = 0x80;
    for (int i = 0; i < 8; i++) blocks[total - 1 - i] = (uint8_t)((uint64_t)length * 8 >> (8 * i));
    for (size_t at = 0; at < total; at += 64) {
        for (int i = 0; i < 80; i++) {
            const uint8_t *b = blocks + at + 4 * (i & 15);
            word[i] = i < 16 ? (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]
                             : rotate(word[i - 3] ^ word[i - 8] ^ word[i - 14] ^ word[i - 16], 1);
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
            uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
            uint32_t next = rotate(a, 5) + f + e + k + word[i];
            e = d, d = c, c = rotate(b, 30), b = a, a = next;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
    }
    for (int i = 0; i < 20; i++) hash[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

static void accept_key(const char *key, int length, char answer[29])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[100];
    uint8_t hash[21] = {0};
    snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", length, key);
    sha1(text, hash);
    for (int i = 0; i < 7; i++) {
        uint32_t group = hash[3 * i] << 16 | hash[3 * i + 1] << 8 | hash[3 * i + 2];
        for (int j = 0; j < 4; j++) answer[4 * i + j] = digits[group >> (18 - 6 * j) & 63];
    }
    strcpy(answer + 27, "="); // 20 bytes: one short of a whole group
}

static void watch(struct connection *c, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll, operation, c->fd, &event);
}

static void end(struct connection *c)
{
    if (c->open) {
        connections[c->index] = connections[--count];
        connections[c->index]->index = c->index;
    }
    close(c->fd);
    free(c->input.bytes);
    free(c->output.bytes);
    free(c);
}

// Gives the kernel what waits for one connection, and what is for everyone behind it. 0 if the connection has ended.
static int flush(struct connection *c, const struct buffer *all)
{
    if (c->output.length > 0 || c->watched) {
        append(&c->output, all->bytes, all->length);
        all = &c->output;
    }
    ssize_t sent = all->length > 0 ? send(c->fd, all->bytes, all->length, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN) return 0;
    if (sent < 0) sent = 0;
    if (all == &c->output) take(&c->output, sent);
    else append(&c->output, all->bytes + sent, all->length - sent);
    if (c->closing || c->output.length > MAX_WAITING) return 0;
    if ((c->output.length > 0) != c->watched) {
        c->watched = !c->watched;
        watch(c, EPOLL_CTL_MOD, c->watched ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    return 1;
}

static void frame(struct buffer *to, int opcode, const uint8_t *payload, size_t length)
{
    uint8_t header[10] = {0x80 | opcode, length < 126 ? length : length < 65536 ? 126 : 127};
    int bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
    for (int i = 0; i < bytes; i++) header[2 + i] = (uint8_t)((uint64_t)length >> (8 * (bytes - 1 - i)));
    append(to, header, 2 + bytes);
    append(to, payload, length);
}

// Takes the frame in front of the input. Returns its bytes, 0 if it is not whole, -1 if it is none that this server takes.
static ssize_t receive(struct connection *c, uint8_t *data, size_t length)
{
    if (length < 2) return 0;
    if (!(data[0] & 0x80) || (data[0] & 0x70) || !(data[1] & 0x80)) return -1;
    size_t payload = data[1] & 127, extended = payload < 126 ? 0 : payload == 126 ? 2 : 8, header = 6 + extended;
    if (length < header) return 0;
    if (extended) payload = 0;
    for (size_t i = 0; i < extended; i++) payload = payload << 8 | data[2 + i];
    if (payload > MAX_INPUT) return -1;
    if (length < header + payload) return 0;
    uint8_t *bytes = data + header, *mask = bytes - 4;
    for (size_t i = 0; i < payload; i++) bytes[i] ^= mask[i & 3];
    switch (data[0] & 15) {
    case 1:
        if (payload > 0 && bytes[0] == 'B') frame(&batch, 1, bytes + 1, payload - 1);
        else if (payload > 0 && bytes[0] == 'E') frame(&c->output, 1, bytes + 1, payload - 1);
        break;
    case 8:
        frame(&c->output, 8, bytes, payload < 2 ? 0 : 2);
        c->closing = 1;
        break;
    case 9:
        frame(&c->output, 10, bytes, payload);
        break;
    }
    return header + payload;
}

// Answers a whole request. Returns its bytes, 0 if it is not whole, -1 if it is none that this server takes.
static ssize_t shake_hands(struct connection *c, char *data, size_t length)
{
    char *last = memmem(data, length, "\r\n\r\n", 4), text[256], key[29];
    if (!last) return 0;
    *last = 0;
    char *given = strcasestr(data, "\r\nSec-WebSocket-Key:");
    if (given) {
        given += 20;
        given += strspn(given, " ");
        accept_key(given, (int)strcspn(given, " \r"), key);
        snprintf(text, sizeof text, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", key);
        if (count == room) connections = realloc(connections, (room = room * 2 + 1024) * sizeof *connections);
        connections[c->index = count++] = c;
        c->open = 1;
    } else if (!strncmp(data, "GET /gc ", 8)) {
        char bytes[32];
        int size = snprintf(bytes, sizeof bytes, "%zu", mallinfo2().uordblks);
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", size, bytes);
        c->closing = 1;
    } else {
        return -1;
    }
    append(&c->output, text, strlen(text));
    return last + 4 - data;
}

// Reads what has come. 0 if the connection has ended.
static int read_input(struct connection *c)
{
    static uint8_t buffer[READ_BYTES + MAX_INPUT + 14];
    size_t kept = c->input.length, at = 0;
    if (kept > 0) memcpy(buffer, c->input.bytes, kept);
    ssize_t read = recv(c->fd, buffer + kept, READ_BYTES, MSG_DONTWAIT);
    if (read <= 0) return read < 0 && errno == EAGAIN;
    size_t length = kept + read;
    while (at < length && !c->closing) {
        ssize_t used = c->open ? receive(c, buffer + at, length - at) : shake_hands(c, (char *)buffer + at, length - at);
        if (used < 0 || (used == 0 && length - at > MAX_INPUT + 14)) return 0;
        if (used == 0) break;
        at += used;
    }
    if (kept > 0) take(&c->input, kept);
    if (at < length) append(&c->input, buffer + at, length - at);
    return 1;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    if (argc < 3 || strcmp(argv[1], "--port") || (address.sin_port = htons(atoi(argv[2])), bind(listener, (void *)&address, size)) || listen(listener, 1024)) {
        fprintf(stderr, "epoll-server --port N: %s\n", strerror(errno));
        return 2;
    }
    getsockname(listener, (void *)&address, &size);
    epoll = epoll_create1(0);
    struct connection accepting = {.fd = listener}, input = {.fd = 0};
    watch(&accepting, EPOLL_CTL_ADD, EPOLLIN);
    watch(&input, EPOLL_CTL_ADD, EPOLLIN);
    printf("Listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);

    struct epoll_event events[MAX_EVENTS];
    for (;;) {
        int ready = epoll_wait(epoll, events, MAX_EVENTS, -1);
        batch.length = 0;
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (c == &input) {
                char ignored[256];
                if (read(0, ignored, sizeof ignored) <= 0) return 0; // whoever started this process has ended
            } else if (c == &accepting) {
                for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                    struct connection *new = calloc(1, sizeof *new);
                    new->fd = fd;
                    watch(new, EPOLL_CTL_ADD, EPOLLIN);
                }
            } else if ((events[i].events & ~EPOLLOUT && !read_input(c)) || !flush(c, &(struct buffer){0})) {
                end(c);
            }
        }
        for (int i = count; batch.length > 0 && i-- > 0;) {
            if (!flush(connections[i], &batch)) end(connections[i]);
        }
    }
}
