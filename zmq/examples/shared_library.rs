//! A shared library that uses this crate, as the engine's Python module does. The test `symbols` looks at it.

use std::time::Duration;

/// Sends a frame through a pair of sockets and returns its length, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn shared_library_round_trip() -> i32 {
    fn round_trip() -> Result<i32, anympi_zmq::Error> {
        let context = anympi_zmq::Context::new()?;
        let left = context.socket(anympi_zmq::SocketType::Pair)?;
        let right = context.socket(anympi_zmq::SocketType::Pair)?;
        right.set_receive_timeout(Some(Duration::from_secs(5)))?;
        left.bind("inproc://round-trip")?;
        right.connect("inproc://round-trip")?;
        left.send("hello")?;
        Ok(right.recv_multipart()?.iter().map(|frame| frame.len() as i32).sum())
    }
    round_trip().unwrap_or(-1)
}
