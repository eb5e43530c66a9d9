/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Data: a link is a pair of sockets and two streams, one in each direction. A
 *   stream collects bytes until a record is complete, lets the plan change the
 *   record, and writes it when it may.
 * Locking: all belongs to the proxy's thread; the figures are atomic.
 * Lifetime: a link that has ended is freed behind the batch of events in which
 *   it ended, since that batch may name it again.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc.h"
#include "xdr.h"

#define LAST_FRAGMENT 0x80000000u
#define MSG_REPLY 1
#define MS UINT64_C(1000000) /* ns */
#define OVERTAKEN_WITHIN (20 * MS)
#define EVENTS 64
#define MAX_RECORD (2u << 20)
#define MAX_SLOW 50 /* bytes: each takes a millisecond, or more */
#define ADDRESSES 65536

enum side { CLIENT, SERVER };

enum ending { NOT_ENDING, END_FIN, END_RST, ENDED };

struct stream {
	enum side from, to;
	struct xdr_buf in; /* not yet a complete record */
	struct xdr_buf out; /* complete ones that wait to be written */
	struct xdr_buf stash; /* a reply that is to be overtaken */
	uint64_t stash_until; /* but not for longer */
	uint64_t pause_until; /* nothing is written before, 0: go on */
	size_t slow; /* so many bytes of `out`, MAX_SLOW at most, go one at a time */
	unsigned int records;
	bool eof; /* `from` has sent FIN */
	bool cut; /* whatever follows is lost */
	enum ending ending; /* once `out` is written */
};

struct link {
	int fd[2]; /* of each side */
	struct stream streams[2]; /* of each direction */
	struct fault_plan plan;
	bool dead;
	struct link *next;
};

struct proxy {
	pthread_t thread;
	int listener;
	int epoll;
	int wake; /* eventfd: stop */
	uint16_t server_port;
	uint16_t port;
	proxy_plan_fn plan;
	void *arg;
	struct link *links;
	unsigned int seen[ADDRESSES]; /* connections from each */
	atomic_uint connections;
	atomic_uint open;
	atomic_uint faults[FAULT_KINDS];
};

/* ---- Ends ---- */

static void link_reset(struct link *link)
{
	struct linger linger = { .l_onoff = 1 };

	for (int i = 0; i < 2 && !link->dead; i++) {
		setsockopt(link->fd[i], SOL_SOCKET, SO_LINGER, &linger,
			   sizeof(linger));
		close(link->fd[i]);
	}
	link->dead = true;
}

static void link_free(struct link *link)
{
	for (int i = 0; i < 2; i++) {
		xdr_buf_fini(&link->streams[i].in);
		xdr_buf_fini(&link->streams[i].out);
		xdr_buf_fini(&link->streams[i].stash);
	}
	free(link);
}

/* Both directions have had their FIN. */
static void link_close(struct link *link)
{
	close(link->fd[CLIENT]);
	close(link->fd[SERVER]);
	link->dead = true;
}

/* ---- Records ---- */

static uint32_t word(const uint8_t *data)
{
	return (uint32_t)data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3];
}

/* @return the length of the record at the buffer's start; 0: not complete */
static size_t complete_record(const struct xdr_buf *buf)
{
	size_t at = 0;
	uint32_t mark, len;

	do {
		if (buf->len - at < 4)
			return 0;
		mark = word(buf->data + at);
		len = mark & ~LAST_FRAGMENT;
		if (len > MAX_RECORD) /* a lie: pass on what there is */
			return buf->len;
		at += 4 + len;
		if (buf->len < at)
			return 0;
	} while (!(mark & LAST_FRAGMENT));
	return at;
}

static bool is_reply(const uint8_t *record, size_t len)
{
	return len >= 12 && word(record + 8) == MSG_REPLY;
}

static void unstash(struct stream *stream)
{
	xdr_put_bytes(&stream->out, stream->stash.data, stream->stash.len);
	xdr_buf_clear(&stream->stash);
}

/* ---- Faults ---- */

static void put(struct stream *stream, const uint8_t *record, size_t len)
{
	xdr_put_bytes(&stream->out, record, len);
	unstash(stream);
}

/* @return whether it could be done to this record */
static bool apply(struct link *link, struct stream *stream,
		  const struct fault *fault, const uint8_t *record, size_t len)
{
	switch (fault->kind) {
	case FAULT_DELAY:
		put(stream, record, len);
		stream->pause_until = nfs_now_ns() + fault->amount * MS;
		return true;
	case FAULT_THROTTLE:
		put(stream, record, len);
		stream->slow =
			stream->out.len < MAX_SLOW ? stream->out.len : MAX_SLOW;
		return true;
	case FAULT_DUPLICATE:
		if (!is_reply(record, len))
			return false;
		put(stream, record, len);
		put(stream, record, len);
		return true;
	case FAULT_REORDER:
		if (!is_reply(record, len) || stream->stash.len)
			return false;
		xdr_put_bytes(&stream->stash, record, len);
		stream->stash_until = nfs_now_ns() + OVERTAKEN_WITHIN;
		return true;
	case FAULT_RESET:
		stream->cut = true;
		stream->ending = END_RST;
		if (fault->amount % 2)
			put(stream, record, len);
		else
			link_reset(link);
		return true;
	case FAULT_HALF_CLOSE:
		put(stream, record, len);
		stream->cut = true;
		stream->ending = END_FIN;
		return true;
	case FAULT_TRUNCATE:
		unstash(stream);
		xdr_put_bytes(&stream->out, record, 1 + fault->amount % len);
		stream->cut = true;
		stream->ending = fault->amount % 2 ? END_RST : END_FIN;
		return true;
	case FAULT_KINDS:
		break;
	}
	return false;
}

static void pass(struct proxy *proxy, struct link *link, struct stream *stream,
		 const uint8_t *record, size_t len)
{
	enum fault_direction direction = stream - link->streams;

	stream->records++;
	for (unsigned int i = 0; i < link->plan.count; i++) {
		const struct fault *fault = &link->plan.faults[i];

		if (fault->direction != direction ||
		    fault->record != stream->records)
			continue;
		if (apply(link, stream, fault, record, len)) {
			atomic_fetch_add(&proxy->faults[fault->kind], 1);
			return;
		}
	}
	put(stream, record, len);
}

/* ---- Bytes ---- */

/* Read all there is. @return false: the connection failed */
static bool fill(struct link *link, struct stream *stream)
{
	uint8_t bytes[16384];
	ssize_t len;

	while ((len = recv(link->fd[stream->from], bytes, sizeof(bytes),
			   MSG_DONTWAIT)) > 0) {
		if (!stream->cut)
			xdr_put_bytes(&stream->in, bytes, len);
	}
	stream->eof |= len == 0;
	return len == 0 || errno == EAGAIN;
}

static bool paused(struct stream *stream)
{
	if (stream->pause_until && stream->pause_until <= nfs_now_ns())
		stream->pause_until = 0;
	return stream->pause_until;
}

/* @return false: the connection failed */
static bool drain(struct link *link, struct stream *stream)
{
	while (stream->out.len && !paused(stream)) {
		size_t len = stream->slow ? 1 : stream->out.len;
		ssize_t sent = send(link->fd[stream->to], stream->out.data, len,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return errno == EAGAIN;
		xdr_buf_consume(&stream->out, sent);
		if (stream->slow) {
			stream->slow--;
			stream->pause_until = nfs_now_ns() + MS;
		}
	}
	return true;
}

static void parse(struct proxy *proxy, struct link *link, struct stream *stream)
{
	struct xdr_buf *in = &stream->in;
	size_t len;

	while (!link->dead && !stream->cut && (len = complete_record(in))) {
		pass(proxy, link, stream, in->data, len);
		xdr_buf_consume(in, len);
	}
	if (stream->cut) {
		xdr_buf_clear(in);
	} else if (stream->eof) {
		/* half a record, and not our fault: as it came */
		put(stream, in->data, in->len);
		xdr_buf_clear(in);
	}
	if (stream->eof && stream->ending == NOT_ENDING)
		stream->ending = END_FIN;
}

/* All that was to be written has been: the FIN or RST behind it. */
static void finish(struct link *link, struct stream *stream)
{
	if (stream->out.len || stream->stash.len)
		return;
	if (stream->ending == END_RST) {
		link_reset(link);
	} else if (stream->ending == END_FIN) {
		shutdown(link->fd[stream->to], SHUT_WR);
		stream->ending = ENDED;
	}
}

/* Do what can be done now. */
static void pump(struct proxy *proxy, struct link *link)
{
	for (int i = 0; i < 2 && !link->dead; i++) {
		struct stream *stream = &link->streams[i];

		/*
		 * What the server sent before it gave a connection up must not
		 * come behind what it sends by another since.
		 */
		if (!fill(link, stream) || (i == TO_CLIENT && stream->eof)) {
			link_reset(link);
			return;
		}
		parse(proxy, link, stream);
		if (stream->stash.len && stream->stash_until <= nfs_now_ns())
			unstash(stream);
		if (!link->dead && !drain(link, stream))
			link_reset(link);
		if (!link->dead)
			finish(link, stream);
	}
	if (!link->dead && link->streams[TO_SERVER].ending == ENDED &&
	    link->streams[TO_CLIENT].ending == ENDED)
		link_close(link);
}

/* ---- The thread ---- */

static void watch(struct proxy *proxy, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
				     .data.ptr = what };

	if (epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, fd, &event))
		abort();
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* Begin to connect to the server from @a source. @return the socket or -1 */
static int dial(const struct proxy *proxy, struct sockaddr_in source)
{
	struct sockaddr_in server = { .sin_family = AF_INET,
				      .sin_port = htons(proxy->server_port),
				      .sin_addr.s_addr =
					      htonl(INADDR_LOOPBACK) };
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	source.sin_port = 0;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&source, sizeof(source)) ||
	    (connect(fd, (struct sockaddr *)&server, sizeof(server)) &&
	     errno != EINPROGRESS)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void join(struct proxy *proxy, int client, struct sockaddr_in source)
{
	unsigned int address = ntohl(source.sin_addr.s_addr) % ADDRESSES;
	int server = dial(proxy, source);
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		abort();
	if (server < 0) {
		close(client);
		free(link);
		return;
	}
	link->fd[CLIENT] = client;
	link->fd[SERVER] = server;
	link->streams[TO_SERVER].to = SERVER;
	link->streams[TO_CLIENT].from = SERVER;
	proxy->plan(proxy->arg, address, proxy->seen[address]++, &link->plan);
	link->next = proxy->links;
	proxy->links = link;
	atomic_fetch_add(&proxy->connections, 1);
	atomic_fetch_add(&proxy->open, 1);
	no_delay(client);
	no_delay(server);
	watch(proxy, client, link);
	watch(proxy, server, link);
}

static void accept_all(struct proxy *proxy)
{
	struct sockaddr_in source;
	socklen_t len = sizeof(source);
	int fd;

	while ((fd = accept4(proxy->listener, (struct sockaddr *)&source, &len,
			     SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		join(proxy, fd, source);
}

/* [link] When it wants to go on by itself, 0: at an event only. */
static uint64_t due(const struct link *link)
{
	uint64_t when = 0;

	for (int i = 0; i < 2; i++) {
		const struct stream *stream = &link->streams[i];

		if (stream->stash.len && (!when || stream->stash_until < when))
			when = stream->stash_until;
		if (stream->out.len && stream->pause_until &&
		    (!when || stream->pause_until < when))
			when = stream->pause_until;
	}
	return when;
}

/* Serve what is due, free what has ended. @return ms until the next, or -1 */
static int sweep(struct proxy *proxy)
{
	uint64_t now = nfs_now_ns(), next = 0;
	struct link **at = &proxy->links;

	while (*at) {
		struct link *link = *at;
		uint64_t when = link->dead ? 0 : due(link);

		if (when && when <= now) {
			pump(proxy, link);
			when = link->dead ? 0 : due(link);
		}
		if (when && (!next || when < next))
			next = when;
		if (link->dead) {
			*at = link->next;
			link_free(link);
			atomic_fetch_sub(&proxy->open, 1);
		} else {
			at = &link->next;
		}
	}
	if (!next)
		return -1;
	return next <= now ? 0 : (next - now) / MS + 1;
}

static void *run(void *arg)
{
	struct proxy *proxy = arg;
	struct epoll_event events[EVENTS];
	int timeout = -1;

	for (;;) {
		int n = epoll_wait(proxy->epoll, events, EVENTS, timeout);

		for (int i = 0; i < n; i++) {
			struct link *link = events[i].data.ptr;

			if (events[i].data.ptr == &proxy->wake)
				return NULL;
			if (events[i].data.ptr == proxy)
				accept_all(proxy);
			else if (!link->dead)
				pump(proxy, link);
		}
		timeout = sweep(proxy);
	}
}

/* ---- The interface ---- */

static int listen_on_loopback(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr =
					       htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (bind(fd, (struct sockaddr *)&address, len) || listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&address, &len)) {
		close(fd);
		return -1;
	}
	*port = ntohs(address.sin_port);
	return fd;
}

struct proxy *proxy_new(uint16_t server_port, proxy_plan_fn plan, void *arg)
{
	struct proxy *proxy = calloc(1, sizeof(*proxy));

	if (!proxy)
		abort();
	proxy->server_port = server_port;
	proxy->plan = plan;
	proxy->arg = arg;
	proxy->listener = listen_on_loopback(&proxy->port);
	if (proxy->listener < 0) {
		free(proxy);
		return NULL;
	}
	proxy->epoll = epoll_create1(EPOLL_CLOEXEC);
	proxy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, proxy->wake,
		  &(struct epoll_event){ .events = EPOLLIN,
					 .data.ptr = &proxy->wake });
	watch(proxy, proxy->listener, proxy);
	if (pthread_create(&proxy->thread, NULL, run, proxy))
		abort();
	return proxy;
}

void proxy_free(struct proxy *proxy)
{
	uint64_t one = 1;

	if (!proxy)
		return;
	if (write(proxy->wake, &one, sizeof(one)) != sizeof(one))
		abort();
	pthread_join(proxy->thread, NULL);
	while (proxy->links) {
		struct link *link = proxy->links;

		proxy->links = link->next;
		link_reset(link);
		link_free(link);
	}
	close(proxy->listener);
	close(proxy->epoll);
	close(proxy->wake);
	free(proxy);
}

uint16_t proxy_port(const struct proxy *proxy)
{
	return proxy->port;
}

void proxy_figures(struct proxy *proxy, struct proxy_figures *figures)
{
	figures->connections = atomic_load(&proxy->connections);
	figures->open = atomic_load(&proxy->open);
	for (int i = 0; i < FAULT_KINDS; i++)
		figures->faults[i] = atomic_load(&proxy->faults[i]);
}
