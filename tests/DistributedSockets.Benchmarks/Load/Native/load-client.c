// A second load client, which shares no code with the first: one thread, epoll, sockets without a library.
// It is told on its input what to connect and to send, a command a line, fields separated by tabs:
//   dialect NAME | server PORT | connection NODE PATH | connect ECHO          (answer: connected)
//   flows | flow SENDERS RECEIVERS COUNT IGNORES PAYLOAD MESSAGE              (SENDERS and RECEIVERS: numbers and commas; *: the first COUNT)
//   window OUTSTANDING SENDERS | rate PER_SECOND | stop | clear
//   pause CONNECTION ECHO                                                    (answer: paused)
//   count                                                                    (answer: counts and 13 numbers)
// What must not happen is answered with "failed" and a reason, and ends it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_EVENTS = 512, READ_BYTES = 1 << 18, CONNECTS_AT_ONCE = 128, MAX_OUTSTANDING = 1 << 12, HEADER = 17, STUFFING = 32 << 20 };
enum { WAITING, OPENING, OPEN, READY, PAUSED, CLOSED };
enum { TEXT, SIGNALR, SOCKETIO };

static const uint64_t second = 1000000000, patience = 120 * second, keep_alive = 10 * second;
static const uint8_t mask[4] = {0x37, 0xFA, 0x21, 0x3D};

struct buffer { uint8_t *bytes; size_t length, room; };
struct connection { int fd, state, server, watched; char *path; struct buffer input, output; };
struct receiver { uint32_t next; uint64_t ahead; }; // all below next have come; bit n: next + 1 + n has
struct flow {
    int *senders, *receivers, sender_count, receiver_count, ignores;
    char *payload, *message;
    size_t payload_length, message_length, number_at;
    struct receiver *states;
    uint64_t sent_at[MAX_OUTSTANDING];
    int open[MAX_OUTSTANDING];
    uint32_t next;
};

static struct connection *connections;
static int connection_count, connection_room, connecting, opening, ready, connect_asked, dialect, epoll, timer, servers[64], server_count;
static struct flow **flows;
static int flow_count, *turns, window, senders, turn;
static uint64_t interval, due, keep_alive_at, connect_by, stuffed_at;
static long deliveries, sent, received_bytes, outstanding, missing, duplicates, misdelivered, reordered, broken, skipped;
static long latency[64 * 128], latency_count;
static char *echo;
static int stuffing = -1;
static size_t stuffed;
static struct buffer stuffing_frame;

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * second + time.tv_nsec;
}

static void answer(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static void fail(const char *what, const void *text, size_t length)
{
    answer("failed %s%.*s", what, (int)(length < 200 ? length : 200), (const char *)text);
    exit(1);
}

static void *grown(void *memory, size_t bytes)
{
    memory = realloc(memory, bytes);
    if (!memory) fail("there is no memory left", "", 0);
    return memory;
}

static void append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (buffer->length + length > buffer->room) buffer->bytes = grown(buffer->bytes, buffer->room = (buffer->length + length) * 2);
    if (length > 0) memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static void watch(int operation, struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)(c - connections)};
    if (epoll_ctl(epoll, operation, c->fd, &event)) fail("epoll_ctl: ", strerror(errno), 99);
}

static void end(struct connection *c)
{
    opening -= c->state == OPENING || c->state == OPEN;
    ready -= c->state == READY;
    c->state = CLOSED;
    broken++;
    close(c->fd);
}

static void flush(struct connection *c)
{
    ssize_t taken = send(c->fd, c->output.bytes, c->output.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) {
        end(c);
        return;
    }
    if (taken > 0) memmove(c->output.bytes, c->output.bytes + taken, c->output.length -= taken);
    if ((c->output.length > 0) != c->watched) {
        c->watched = !c->watched;
        watch(EPOLL_CTL_MOD, c, c->watched ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void frame(struct buffer *to, int opcode, const void *payload, size_t length)
{
    uint8_t header[8] = {0x80 | opcode, 0x80 | (length < 126 ? length : 126), length >> 8, length}; // none here has 64 KiB
    int size = length < 126 ? 2 : 4;
    memcpy(header + size, mask, 4);
    append(to, header, size + 4);
    append(to, payload, length);
    for (size_t i = 0; i < length; i++) to->bytes[to->length - length + i] ^= mask[i & 3];
}

static void say(struct connection *c, int opcode, const void *payload, size_t length)
{
    if (c->state == CLOSED) return;
    frame(&c->output, opcode, payload, length);
    if (!c->watched) flush(c);
}

static void say_text(struct connection *c, const char *text) { say(c, 1, text, strlen(text)); }

static void send_next(struct flow *flow, uint64_t at)
{
    char number[9];
    int slot = flow->next % MAX_OUTSTANDING;
    flow->sent_at[slot] = at;
    flow->open[slot] = flow->receiver_count;
    outstanding++, sent++, missing += flow->receiver_count;
    snprintf(number, sizeof number, "%08x", flow->next++);
    memcpy(flow->message + flow->number_at, number, 8);
    for (int i = 0; i < flow->sender_count; i++) say(&connections[flow->senders[i]], 1, flow->message, flow->message_length);
}

static void send_turn(int sender, uint64_t at)
{
    int flow = turns[sender];
    turns[sender] = flow + senders < flow_count ? flow + senders : sender;
    send_next(flows[flow], at);
}

static void send_due(uint64_t now)
{
    for (; interval > 0 && due <= now; due += interval) {
        struct flow *flow = flows[turn++ % flow_count];
        if (flow->open[flow->next % MAX_OUTSTANDING] == 0) send_next(flow, due);
        else skipped++;
    }
}

static void note_latency(uint64_t ns)
{
    int bits = ns < 256 ? 0 : 56 - __builtin_clzll(ns); // classes less than one percent wide
    latency[bits * 128 + (ns >> bits)] += 1;
    latency_count++;
}

static double percentile(double share)
{
    long rank = (long)(share * latency_count + 0.999999), seen = 0;
    for (int i = 0; i < 64 * 128; i++) {
        if ((seen += latency[i]) >= rank && seen > 0) {
            int bits = i < 256 ? 0 : i / 128 - 1;
            return ((double)(i - bits * 128) + 1) * (double)(1ULL << bits) / 1e6;
        }
    }
    return 0;
}

static int take_number(struct receiver *state, uint32_t number)
{
    int64_t distance = (int64_t)number - state->next;
    if (distance < 0) return 0;
    if (distance == 0) {
        for (int came = 1; came; state->next++) {
            came = state->ahead & 1;
            state->ahead >>= 1;
        }
        return 1;
    }
    reordered++;
    if (distance > 64) { // those between stay missing
        *state = (struct receiver){number + 1, 0};
        return 1;
    }
    if (state->ahead >> (distance - 1) & 1) return 0;
    state->ahead |= 1ULL << (distance - 1);
    return 1;
}

static int hex(const uint8_t *digits, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 8; i++) {
        int digit = digits[i] >= '0' && digits[i] <= '9' ? digits[i] - '0' : digits[i] >= 'a' && digits[i] <= 'f' ? digits[i] - 'a' + 10 : -1;
        if (digit < 0) return 0;
        *value = *value << 4 | digit;
    }
    return 1;
}

static void deliver(struct connection *c, const uint8_t *payload, size_t length, uint64_t now)
{
    uint32_t id, number;
    if (length < HEADER || payload[0] != '#' || !hex(payload + 1, &id) || !hex(payload + 9, &number)) {
        misdelivered++;
        return;
    }
    if (id == UINT32_MAX) {
        if (c->state == OPEN) c->state = READY, opening--, ready++;
        return;
    }
    if (id >= (uint32_t)flow_count) {
        misdelivered++;
        return;
    }
    struct flow *flow = flows[id];
    int index = -1, self = (int)(c - connections);
    if (!flow->receivers) index = self < flow->receiver_count ? self : -1;
    for (int i = 0; flow->receivers && i < flow->receiver_count; i++) {
        if (flow->receivers[i] == self) index = i;
    }
    if (index < 0) {
        misdelivered += !flow->ignores;
    } else if (length != flow->payload_length || memcmp(payload + HEADER, flow->payload + HEADER, length - HEADER)) {
        misdelivered++;
    } else if (number >= flow->next || !take_number(&flow->states[index], number)) {
        duplicates++;
    } else {
        int slot = number % MAX_OUTSTANDING;
        deliveries++, missing--;
        note_latency(now - flow->sent_at[slot]);
        if (--flow->open[slot] == 0) {
            outstanding--;
            if (window > 0) send_turn((int)(id % senders), now);
        }
    }
}

static void take_quoted(struct connection *c, const uint8_t *message, size_t length, const uint8_t *start, uint64_t now)
{
    const uint8_t *quote = memchr(start, '"', message + length - start);
    if (!quote) fail("the server sent ", message, length);
    deliver(c, start, quote - start, now);
}

static void open_for_operations(struct connection *c)
{
    c->state = OPEN;
    say_text(c, echo);
}

static void take_message(struct connection *c, const uint8_t *message, size_t length, uint64_t now)
{
    const uint8_t *start = memchr(message, '#', length);
    if (dialect == TEXT) {
        if (start != message) fail("the server answered ", message, length);
        deliver(c, message, length, now);
    } else if (dialect == SIGNALR) {
        for (const uint8_t *stop; length > 0; length -= stop + 1 - message, message = stop + 1) {
            if (!(stop = memchr(message, 0x1E, length))) fail("the server sent ", message, length);
            if ((start = memchr(message, '#', stop - message))) take_quoted(c, message, stop - message, start, now);
            else if (stop - message == 2 && !memcmp(message, "{}", 2)) open_for_operations(c);
            else if (!memmem(message, stop - message, "\"type\":6", 8)) fail("the server answered ", message, length);
        }
    } else if (length > 2 && !memcmp(message, "42", 2) && start) {
        take_quoted(c, message, length, start, now);
    } else if (length > 0 && message[0] == '0') {
        say_text(c, "40");
    } else if (length == 1 && message[0] == '2') {
        say_text(c, "3");
    } else if (length > 1 && !memcmp(message, "40", 2)) {
        open_for_operations(c);
    } else {
        fail("the server answered ", message, length);
    }
}

static void connect_one(struct connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(servers[c->server])};
    int yes = 1;
    char request[4096];
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (void *)&address, sizeof address)) fail("connect: ", strerror(errno), 99);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    watch(EPOLL_CTL_ADD, c, EPOLLIN);
    c->state = OPENING;
    opening++;
    int length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZC1jbGllbnQtaW4tYw==\r\n\r\n",
        c->path, servers[c->server]);
    append(&c->output, request, length);
    flush(c);
}

// Takes what is in front of the data. Returns its bytes, or 0 if it is not whole.
static size_t take(struct connection *c, const uint8_t *data, size_t length, uint64_t now)
{
    if (c->state == OPENING) {
        const uint8_t *stop = memmem(data, length, "\r\n\r\n", 4);
        if (!stop) return 0;
        if (strncmp((const char *)data, "HTTP/1.1 101", 12)) fail("the server refused the handshake: ", data, strcspn((const char *)data, "\r"));
        c->state = OPEN;
        if (dialect == TEXT) say_text(c, echo);
        if (dialect == SIGNALR) say_text(c, "{\"protocol\":\"json\",\"version\":1}\x1e");
        return stop + 4 - data;
    }
    if (length < 2) return 0;
    size_t payload = data[1], header = payload < 126 ? 2 : payload == 126 ? 4 : 10;
    if ((data[0] & 0xF0) != 0x80 || payload > 127) fail("the server sent a frame that is masked, compressed or in parts", "", 0);
    if (length < header) return 0;
    if (header > 2) payload = 0;
    for (size_t i = 2; i < header; i++) payload = payload << 8 | data[i];
    if (payload > READ_BYTES / 2) fail("the server sent a frame that is too long", "", 0);
    if (length < header + payload) return 0;
    int opcode = data[0] & 15;
    if (opcode == 8) end(c);
    else if (opcode == 9) say(c, 10, data + header, payload);
    else if (opcode < 3) take_message(c, data + header, payload, now);
    return header + payload;
}

static void receive(struct connection *c)
{
    static uint8_t buffer[2 * READ_BYTES];
    size_t kept = c->input.length, at = 0, used;
    if (kept > 0) memcpy(buffer, c->input.bytes, kept);
    ssize_t got = recv(c->fd, buffer + kept, READ_BYTES, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        end(c);
        return;
    }
    received_bytes += got;
    uint64_t now = now_ns();
    c->input.length = 0;
    while (c->state != CLOSED && (used = take(c, buffer + at, kept + got - at, now)) > 0) at += used;
    if (c->state != CLOSED) append(&c->input, buffer + at, kept + got - at);
}

static void stuff(struct connection *c)
{
    for (;;) {
        size_t at = stuffed % stuffing_frame.length;
        ssize_t taken = stuffed < STUFFING ? send(c->fd, stuffing_frame.bytes + at, stuffing_frame.length - at, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;
        if (taken < 0) {
            if (errno != EAGAIN || stuffed >= STUFFING) stuffed_at = 0; // enough, or ended
            return;
        }
        stuffed += taken;
        stuffed_at = now_ns();
    }
}

static int *numbers(const char *text, int *count)
{
    int *list = NULL;
    *count = 0;
    if (*text == '*') return NULL;
    for (char *stop; *text; text = *stop ? stop + 1 : stop) {
        list = grown(list, (*count + 1) * sizeof *list);
        list[(*count)++] = (int)strtol(text, &stop, 10);
    }
    return list;
}

static void add_flow(char *from, char *to, int count, int ignores, char *payload, char *message)
{
    struct flow *flow = calloc(1, sizeof *flow);
    if (!flow) fail("there is no memory left", "", 0);
    flow->senders = numbers(from, &flow->sender_count);
    flow->receivers = numbers(to, &flow->receiver_count);
    flow->receiver_count = count;
    flow->ignores = ignores;
    flow->payload = strdup(payload);
    flow->payload_length = strlen(payload);
    flow->message = strdup(message);
    flow->message_length = strlen(message);
    flow->number_at = strrchr(flow->message, '#') - flow->message + 9;
    flow->states = calloc(count, sizeof *flow->states);
    flows = grown(flows, (flow_count + 1) * sizeof *flows);
    flows[flow_count++] = flow;
}

static void drop_flows(void)
{
    for (int i = 0; i < flow_count; i++) {
        free(flows[i]->senders), free(flows[i]->receivers), free(flows[i]->payload), free(flows[i]->message), free(flows[i]->states), free(flows[i]);
    }
    flow_count = window = 0;
    outstanding = missing = duplicates = misdelivered = reordered = skipped = 0;
}

static void pace(uint64_t every)
{
    struct itimerspec time = {.it_interval.tv_sec = every / second, .it_interval.tv_nsec = every % second};
    time.it_value = time.it_interval;
    interval = every;
    timerfd_settime(timer, 0, &time, NULL);
}

static void obey(char *line)
{
    char *field[8] = {0}, *command = line;
    for (int i = 0; i < 8 && (field[i] = strsep(&line, "\t")); i++) {}
    if (!strcmp(command, "dialect")) {
        dialect = !strcmp(field[1], "signalr") ? SIGNALR : !strcmp(field[1], "socketio") ? SOCKETIO : TEXT;
    } else if (!strcmp(command, "server")) {
        servers[server_count++] = atoi(field[1]);
    } else if (!strcmp(command, "connection")) {
        if (connection_count == connection_room) connections = grown(connections, (connection_room = connection_room * 2 + 1024) * sizeof *connections);
        connections[connection_count++] = (struct connection){.server = atoi(field[1]), .path = strdup(field[2])};
    } else if (!strcmp(command, "connect")) {
        free(echo);
        echo = strdup(field[1]);
        connect_asked = 1;
        connect_by = now_ns() + patience;
    } else if (!strcmp(command, "flows")) {
        drop_flows();
    } else if (!strcmp(command, "flow")) {
        add_flow(field[1], field[2], atoi(field[3]), atoi(field[4]), field[5], field[6]);
    } else if (!strcmp(command, "window")) {
        window = atoi(field[1]);
        senders = atoi(field[2]) > 0 && atoi(field[2]) < flow_count ? atoi(field[2]) : flow_count;
        turns = grown(turns, senders * sizeof *turns);
        for (int i = 0; i < senders; i++) turns[i] = i;
        for (int i = 0; i < senders * window; i++) send_turn(i % senders, now_ns());
    } else if (!strcmp(command, "rate")) {
        turn = 0;
        due = now_ns();
        pace((uint64_t)(second / atof(field[1])));
    } else if (!strcmp(command, "stop")) {
        window = 0;
        pace(0);
    } else if (!strcmp(command, "clear")) {
        memset(latency, 0, sizeof latency);
        latency_count = 0;
    } else if (!strcmp(command, "count")) {
        answer("counts %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %f %f %f", deliveries, sent, received_bytes, outstanding, missing, duplicates,
            misdelivered, reordered, broken, skipped, percentile(0.5), percentile(0.99), percentile(0.999));
    } else if (!strcmp(command, "pause")) {
        struct connection *c = &connections[stuffing = atoi(field[1])];
        c->state = PAUSED;
        ready--;
        stuffed = stuffing_frame.length = 0;
        stuffed_at = now_ns();
        frame(&stuffing_frame, 1, field[2], strlen(field[2]));
        watch(EPOLL_CTL_MOD, c, EPOLLOUT);
    } else {
        fail("there is no command ", command, strlen(command));
    }
}

static void read_commands(void)
{
    static struct buffer lines;
    char buffer[1 << 16];
    ssize_t got = read(0, buffer, sizeof buffer);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) exit(0); // whoever started this process has ended
    append(&lines, buffer, got);
    size_t at = 0;
    for (uint8_t *stop; (stop = memchr(lines.bytes + at, '\n', lines.length - at)); at = stop + 1 - lines.bytes) {
        *stop = 0;
        obey((char *)lines.bytes + at);
    }
    memmove(lines.bytes, lines.bytes + at, lines.length -= at);
}

// What the clock or a finished step makes due, besides messages.
static void tend(uint64_t now)
{
    for (; connect_asked && connecting < connection_count && opening < CONNECTS_AT_ONCE; connecting++) connect_one(&connections[connecting]);
    if (connect_asked && connecting == connection_count && opening == 0) {
        connect_asked = 0;
        answer("connected %d", ready);
    }
    if (connect_asked && now > connect_by) fail("connections did not get ready", "", 0);
    if (stuffing >= 0 && (now - stuffed_at > second || connections[stuffing].state == CLOSED)) {
        if (connections[stuffing].state != CLOSED) watch(EPOLL_CTL_DEL, &connections[stuffing], 0);
        stuffing = -1;
        answer("paused");
    }
    if (now >= keep_alive_at) {
        keep_alive_at = now + keep_alive;
        for (int i = 0; dialect == SIGNALR && i < connection_count; i++) {
            if (connections[i].state == READY) say_text(&connections[i], "{\"type\":6}\x1e");
        }
    }
}

int main(void)
{
    enum { INPUT = UINT32_MAX, TIMER = INPUT - 1 };
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event input = {.events = EPOLLIN, .data.u32 = (uint32_t)INPUT}, ticks = {.events = EPOLLIN, .data.u32 = (uint32_t)TIMER}, events[MAX_EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input);
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &ticks);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    for (;;) {
        int happened = epoll_wait(epoll, events, MAX_EVENTS, 20);
        for (int i = 0; i < happened; i++) {
            uint64_t expirations;
            if (events[i].data.u32 == (uint32_t)INPUT) {
                read_commands();
                continue;
            }
            if (events[i].data.u32 == (uint32_t)TIMER) {
                if (read(timer, &expirations, sizeof expirations) > 0) send_due(now_ns());
                continue;
            }
            struct connection *c = &connections[events[i].data.u32];
            if (c->state == PAUSED) {
                stuff(c);
                continue;
            }
            if (events[i].events & EPOLLOUT && c->state != CLOSED) flush(c);
            if (events[i].events & ~EPOLLOUT && c->state != CLOSED) receive(c);
        }
        tend(now_ns());
    }
}
