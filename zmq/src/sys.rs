//! The functions and constants of libzmq that this crate uses, listed by hand from zmq.h 4.3.5.

use libc::{c_char, c_int, c_long, c_short, c_void, size_t};

/// `zmq_msg_t`: 64 opaque bytes, aligned like a pointer.
#[repr(C, align(8))]
pub struct RawMessage {
    bytes: [u8; 64],
}

/// `zmq_pollitem_t`.
#[repr(C)]
pub struct RawPollItem {
    pub socket: *mut c_void,
    pub fd: c_int,
    pub events: c_short,
    pub revents: c_short,
}

/// `zmq_free_fn`.
pub type FreeFunction = unsafe extern "C" fn(data: *mut c_void, hint: *mut c_void);

unsafe extern "C" {
    pub fn zmq_errno() -> c_int;
    pub fn zmq_strerror(code: c_int) -> *const c_char;
    pub fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int);

    pub fn zmq_ctx_new() -> *mut c_void;
    pub fn zmq_ctx_term(context: *mut c_void) -> c_int;
    pub fn zmq_ctx_set(context: *mut c_void, option: c_int, value: c_int) -> c_int;

    pub fn zmq_msg_init(message: *mut RawMessage) -> c_int;
    pub fn zmq_msg_init_size(message: *mut RawMessage, size: size_t) -> c_int;
    pub fn zmq_msg_init_data(
        message: *mut RawMessage,
        data: *mut c_void,
        size: size_t,
        free: Option<FreeFunction>,
        hint: *mut c_void,
    ) -> c_int;
    pub fn zmq_msg_close(message: *mut RawMessage) -> c_int;
    pub fn zmq_msg_copy(destination: *mut RawMessage, source: *mut RawMessage) -> c_int;
    pub fn zmq_msg_data(message: *mut RawMessage) -> *mut c_void;
    pub fn zmq_msg_size(message: *const RawMessage) -> size_t;
    pub fn zmq_msg_more(message: *const RawMessage) -> c_int;
    pub fn zmq_msg_send(message: *mut RawMessage, socket: *mut c_void, flags: c_int) -> c_int;
    pub fn zmq_msg_recv(message: *mut RawMessage, socket: *mut c_void, flags: c_int) -> c_int;

    pub fn zmq_socket(context: *mut c_void, kind: c_int) -> *mut c_void;
    pub fn zmq_close(socket: *mut c_void) -> c_int;
    pub fn zmq_setsockopt(socket: *mut c_void, option: c_int, value: *const c_void, size: size_t) -> c_int;
    pub fn zmq_getsockopt(socket: *mut c_void, option: c_int, value: *mut c_void, size: *mut size_t)
    -> c_int;
    pub fn zmq_bind(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub fn zmq_unbind(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub fn zmq_connect(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub fn zmq_disconnect(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    pub fn zmq_poll(items: *mut RawPollItem, count: c_int, timeout: c_long) -> c_int;
    pub fn zmq_socket_monitor(socket: *mut c_void, endpoint: *const c_char, events: c_int) -> c_int;
    pub fn zmq_socket_get_peer_state(socket: *mut c_void, identity: *const c_void, size: size_t) -> c_int;
}

// Context options.
pub const ZMQ_IO_THREADS: c_int = 1;
pub const ZMQ_MAX_SOCKETS: c_int = 2;

// Flags of send and receive.
pub const ZMQ_DONTWAIT: c_int = 1;
pub const ZMQ_SNDMORE: c_int = 2;

// Poll events.
pub const ZMQ_POLLIN: c_short = 1;
pub const ZMQ_POLLOUT: c_short = 2;
pub const ZMQ_POLLERR: c_short = 4;

// Socket options.
pub const ZMQ_ROUTING_ID: c_int = 5;
pub const ZMQ_SUBSCRIBE: c_int = 6;
pub const ZMQ_UNSUBSCRIBE: c_int = 7;
pub const ZMQ_FD: c_int = 14;
pub const ZMQ_EVENTS: c_int = 15;
pub const ZMQ_LINGER: c_int = 17;
pub const ZMQ_RECONNECT_IVL: c_int = 18;
pub const ZMQ_BACKLOG: c_int = 19;
pub const ZMQ_SNDHWM: c_int = 23;
pub const ZMQ_RCVHWM: c_int = 24;
pub const ZMQ_RCVTIMEO: c_int = 27;
pub const ZMQ_SNDTIMEO: c_int = 28;
pub const ZMQ_LAST_ENDPOINT: c_int = 32;
pub const ZMQ_ROUTER_MANDATORY: c_int = 33;
pub const ZMQ_TCP_KEEPALIVE: c_int = 34;
pub const ZMQ_TCP_KEEPALIVE_CNT: c_int = 35;
pub const ZMQ_TCP_KEEPALIVE_IDLE: c_int = 36;
pub const ZMQ_TCP_KEEPALIVE_INTVL: c_int = 37;
pub const ZMQ_XPUB_VERBOSE: c_int = 40;
pub const ZMQ_IPV6: c_int = 42;
pub const ZMQ_ROUTER_HANDOVER: c_int = 56;

// Monitor events.
pub const ZMQ_EVENT_CONNECTED: u16 = 0x0001;
pub const ZMQ_EVENT_LISTENING: u16 = 0x0008;
pub const ZMQ_EVENT_ACCEPTED: u16 = 0x0020;
pub const ZMQ_EVENT_CLOSED: u16 = 0x0080;
pub const ZMQ_EVENT_DISCONNECTED: u16 = 0x0200;
pub const ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: u16 = 0x0800;
pub const ZMQ_EVENT_HANDSHAKE_SUCCEEDED: u16 = 0x1000;
pub const ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: u16 = 0x2000;
pub const ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: u16 = 0x4000;
